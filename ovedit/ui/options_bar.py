"""The options row at the top: what the tool in hand needs, and the engine in use at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from ovedit.engine.protocols import EngineInfo
from ovedit.ui.engine_menu import EngineMenu
from ovedit.ui.icons import icon
from ovedit.ui.tools import Tool, ToolOptions
from ovedit.ui.widgets.basics import Swatch, label, set_role
from ovedit.ui.widgets.buttons import CheckBox, MenuButton
from ovedit.ui.widgets.slider import LabelledSlider

HEIGHT = 40
_MARGIN = 10
_GIVE_WAY = ("opacity", "contiguous", "hardness", "snap", "tolerance", "subtract")
"""The parts that a narrow window does without, the first one first: all are in reach elsewhere."""


class OptionsBar(QToolBar):
    """Shows and changes the `ToolOptions` that all tools share, in `options`.

    engine_menu: behind the button that names the engine in use.

    Signals: changed() after an option changed here; snap_requested() for the button that moves the
    mask onto edges.
    """

    changed = Signal()
    snap_requested = Signal()

    def __init__(self, options: ToolOptions) -> None:
        super().__init__("Tool options")
        self.setObjectName("options-bar")
        self.setMovable(False)
        self.setFloatable(False)
        self.setFixedHeight(HEIGHT)
        self.options = options
        self._wanted: set[str] = set()
        row = QWidget()
        self._row = QHBoxLayout(row)
        self._row.setContentsMargins(4, 0, 4, 0)
        self._row.setSpacing(14)
        self._heading = label("", "strong")
        self._row.addWidget(self._heading)
        self._parts: dict[str, QWidget] = {}
        self._build()
        self._row.addStretch(1)
        self.engine = MenuButton("Engine")
        self.engine_menu = EngineMenu(self.engine)
        self.engine.setMenu(self.engine_menu)
        self._row.addWidget(self.engine)
        self.addWidget(row)
        row.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        # Its own, not that of all parts together: in a narrow window some of them give way.
        row.setMinimumWidth(1)

    def _build(self) -> None:
        size = LabelledSlider("Size", 1, 2000, unit="px", curve=3.0)
        size.moved.connect(lambda value: self._set(size=value))
        hardness = LabelledSlider("Hardness", 0, 100, unit="%")
        hardness.moved.connect(lambda value: self._set(hardness=value / 100))
        opacity = LabelledSlider("Opacity", 1, 100, unit="%")
        opacity.moved.connect(lambda value: self._set(opacity=value / 100))
        tolerance = LabelledSlider("Tolerance", 0, 255)
        tolerance.moved.connect(lambda value: self._set(tolerance=round(value)))
        self._size, self._hardness = size, hardness
        self._opacity, self._tolerance = opacity, tolerance
        contiguous = CheckBox("Contiguous")
        contiguous.toggled.connect(lambda on: self._set(contiguous=on))
        self._contiguous = contiguous
        mode = QWidget()
        modes = QHBoxLayout(mode)
        modes.setContentsMargins(0, 0, 0, 0)
        modes.setSpacing(6)
        self._add = _field_button("plus", "Add", "Add to the mask (hold Ctrl or Alt to erase)")
        self._erase = _field_button("minus", "Erase", "Take away from the mask")
        self._add.clicked.connect(lambda: self._set(subtract=False))
        self._erase.clicked.connect(lambda: self._set(subtract=True))
        modes.addWidget(self._add)
        modes.addWidget(self._erase)
        colour = QPushButton()
        colour.setAccessibleName("Brush colour")
        colour.setToolTip("Brush colour (X swaps it with the other one)")
        set_role(colour, small=True)
        colour.setFixedSize(34, 26)
        inside = QHBoxLayout(colour)
        inside.setContentsMargins(6, 4, 6, 4)
        self._swatch = Swatch()
        inside.addWidget(self._swatch, 0, Qt.AlignmentFlag.AlignCenter)
        colour.clicked.connect(self._choose_colour)
        snap = _field_button("snap", "Snap to edges", "Move the mask's edge onto the picture's")
        snap.setCheckable(False)
        snap.clicked.connect(self.snap_requested)
        self._parts = {
            "size": size,
            "hardness": hardness,
            "opacity": opacity,
            "tolerance": tolerance,
            "contiguous": contiguous,
            "subtract": mode,
            "colour": colour,
            "snap": snap,
        }
        for part in self._parts.values():
            self._row.addWidget(part)

    def show_tool(self, tool: Tool, *, on_mask: bool) -> None:
        """Show what the tool needs; `on_mask` says whether it works on a class mask."""
        self._heading.setText(tool.heading)
        shown = set(tool.uses)
        if on_mask:
            shown -= {"colour"}
            if shown & {"size", "subtract"}:
                shown.add("snap")
        self._wanted = shown
        self._make_room()
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show what there is room for."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Show the parts that are wanted, less those that there is no room for."""
        for name, part in self._parts.items():
            part.setVisible(name in self._wanted)
        for name in _GIVE_WAY:
            self._row.invalidate()
            if self._row.sizeHint().width() <= self.width() - 2 * _MARGIN:
                break
            self._parts[name].hide()

    def refresh(self) -> None:
        """Show the options as they are now."""
        options = self.options
        self._size.set_value(options.size)
        self._hardness.set_value(options.hardness * 100)
        self._opacity.set_value(options.opacity * 100)
        self._tolerance.set_value(options.tolerance)
        self._contiguous.setChecked(options.contiguous)
        self._add.setChecked(not options.subtract)
        self._erase.setChecked(options.subtract)
        self._swatch.set_colour(QColor(*options.colour).name())

    def show_engines(
        self, engines: Sequence[EngineInfo], selector: EngineInfo, editor: EngineInfo, preset: str
    ) -> None:
        """Name the engines in use, with a menu of what there is."""
        same = selector.name == editor.name
        both = selector.title if same else f"{selector.title}, {editor.title}"
        self.engine.setText(f"{'Engine' if same else 'Engines'}: {both} · {preset}")
        self.engine.setToolTip(f"{selector.title} selects, {editor.title} edits")
        self.engine_menu.show_engines(engines, selector, editor, preset)
        self.engine.updateGeometry()

    def _set(self, **values: object) -> None:
        changed = False
        for name, value in values.items():
            if getattr(self.options, name) != value:
                setattr(self.options, name, value)
                changed = True
        self.refresh()
        if changed:
            self.changed.emit()

    def _choose_colour(self) -> None:
        chosen = QColorDialog.getColor(QColor(*self.options.colour), self, "Brush colour")
        if chosen.isValid():
            self._set(colour=(chosen.red(), chosen.green(), chosen.blue()))


def _field_button(icon_name: str, text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setIcon(icon(icon_name, "toggle"))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setProperty("field", "true")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
