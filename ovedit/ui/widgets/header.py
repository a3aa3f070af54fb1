"""The heading of a panel, with its buttons at the right end."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from ovedit.ui.widgets.basics import label


class PanelHeader(QFrame):
    """A panel's heading. It also serves as a dock's title bar: `dock.setTitleBarWidget(header)`
    takes it out of the panel, and dragging it moves the dock.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(12, 1, 8, 0)
        self._layout.setSpacing(2)
        self._title = label(title, "heading")
        self._layout.addWidget(self._title)
        self._layout.addStretch(1)
        self.setFixedHeight(34)

    def add(self, widget: QWidget) -> None:
        """Put a button at the right end."""
        self._layout.addWidget(widget)

    def sizeHint(self) -> QSize:
        """34 px high."""
        return QSize(200, 34)
