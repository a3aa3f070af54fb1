"""The tool column at the left: one checkable button a tool, in groups."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QToolBar, QToolButton

from ovedit.ui.icons import icon
from ovedit.ui.tokens import ICON_PX
from ovedit.ui.tools import TOOLS

WIDTH = 44


class ToolColumn(QToolBar):
    """Signals: chosen(str) with the name of the tool that was clicked."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Tools")
        self.setObjectName("tool-column")
        self.setMovable(False)
        self.setFloatable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setFixedWidth(WIDTH)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for number, tools in enumerate(TOOLS):
            if number:
                self.addSeparator()
            for tool in tools:
                button = QToolButton()
                button.setIcon(icon(tool.icon, "tool"))
                button.setCheckable(True)
                button.setAutoRaise(True)
                button.setProperty("tool", "true")
                button.setFixedSize(32, 32)
                button.setToolTip(f"<b>{tool.title}</b> ({tool.shortcut})<br>{tool.hint}")
                button.setAccessibleName(tool.title)
                button.setAccessibleDescription(tool.hint)
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.clicked.connect(lambda _on=False, name=tool.name: self.chosen.emit(name))
                self._group.addButton(button)
                self._buttons[tool.name] = button
                self.addWidget(button)

    def show_tool(self, name: str) -> None:
        """Show which tool is in hand."""
        self._buttons[name].setChecked(True)

    @property
    def buttons(self) -> Mapping[str, QToolButton]:
        """The button of each tool, by the tool's name."""
        return self._buttons
