"""The layers dock: one row per layer, the top one first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from ovedit.ui.panels import LEAST_HEIGHT
from ovedit.ui.widgets.basics import Thumbnail, label, set_role
from ovedit.ui.widgets.buttons import ComboBox, IconButton
from ovedit.ui.widgets.header import PanelHeader
from ovedit.ui.widgets.rows import Row, RowList
from ovedit.ui.widgets.slider import LabelledSlider


@dataclass(frozen=True)
class LayerRow:
    """One layer as it is shown.

    detail: secondary words after the name ("seed 7"). opacity in [0, 1]. blend_mode: the key of one
    of the panel's blend modes. rerunnable: an edit layer that can be run again. tip: how it was
    made.
    """

    id: str
    name: str
    detail: str = ""
    visible: bool = True
    locked: bool = False
    opacity: float = 1.0
    blend_mode: str = "normal"
    rerunnable: bool = False
    tip: str = ""
    thumbnail: QImage = field(default_factory=QImage)


class _LayerLine(Row):
    """Eye, thumbnail, name with detail, run again, opacity, lock."""

    line_height = 38

    def __init__(self, row_id: str, panel: LayersPanel) -> None:
        super().__init__(row_id)
        self._shown: LayerRow | None = None
        self._locked = False
        self._eye = IconButton("eye-off", "Show", on="eye", role="toggle", checkable=True, row=True)
        self._eye.clicked.connect(lambda on: panel.visibility_changed.emit(row_id, on))
        self._thumbnail = Thumbnail()
        self._rerun = IconButton("rerun", "Run this edit again", row=True)
        self._rerun.clicked.connect(lambda: panel.rerun_requested.emit(row_id))
        self._opacity = label()
        self._lock = IconButton("unlock", "Lock", on="lock", role="dim", checkable=True, row=True)
        self._lock.clicked.connect(lambda on: panel.lock_changed.emit(row_id, on))
        self._opacity.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setFixedHeight(self.line_height)
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 0, 0, 0)
        line.setSpacing(5)
        line.addWidget(self._eye)
        line.addWidget(self._thumbnail)
        line.addSpacing(2)
        line.addWidget(self.name_label)
        line.addWidget(self._rerun)
        line.addStretch(1)
        # The lock takes the number's place, so that a name has room and nothing moves on hover.
        self._end = QWidget()
        self._end.setFixedWidth(self.fontMetrics().horizontalAdvance("100 %") + 12)
        end = QHBoxLayout(self._end)
        end.setContentsMargins(0, 0, 12, 0)
        end.addWidget(self._opacity)
        line.addWidget(self._end)
        self._lock.setParent(self)

    def show_layer(self, layer: LayerRow) -> None:
        """Show the layer as it is now."""
        if self._shown == layer:
            return
        self._shown = layer
        self.setToolTip(layer.tip)
        self.name_label.set_text(layer.name, f"· {layer.detail}" if layer.detail else "")
        self._thumbnail.set_image(layer.thumbnail)
        self._rerun.setVisible(layer.rerunnable)
        self._rerun.setAccessibleName(f"Run {layer.name} again")
        verb = "Hide" if layer.visible else "Show"
        self._eye.setChecked(layer.visible)
        self._eye.setToolTip(verb)
        self._eye.setAccessibleName(f"{verb} {layer.name}")
        self._locked = layer.locked
        lock = "Unlock" if layer.locked else "Lock"
        self._lock.setChecked(layer.locked)
        self._lock.setToolTip(lock)
        self._lock.setAccessibleName(f"{lock} {layer.name}")
        percent = f"{round(layer.opacity * 100)} %"
        self._opacity.setText(percent)
        states = (
            layer.name,
            layer.detail,
            f"opacity {percent}",
            "" if layer.visible else "hidden",
            "locked" if layer.locked else "",
        )
        self.setAccessibleName(", ".join(filter(None, states)))
        self.state_changed()

    def state_changed(self) -> None:
        set_role(self._opacity, role="dim_selected" if self.selected else "dim")
        lock_shown = self._locked or self.hovered
        self._lock.setVisible(lock_shown)
        self._opacity.setVisible(not lock_shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = self._lock.height()
        self._lock.move(self.width() - side - 9, (self.line_height - side) // 2)


class LayersPanel(QWidget):
    """The layers of the document.

    Signals:
        selection_changed(tuple[str, ...]): the person selected these layers, the top one first.
        visibility_changed(str, bool), lock_changed(str, bool), renamed(str, str).
        opacity_moved(str, float) while dragging; opacity_committed(str, float) at its end.
        blend_mode_changed(str, str): a layer and the key of a blend mode.
        moved(str, int): a layer was moved to this place from the top among the others.
        rerun_requested(str): run an edit layer again.
        add_requested(), duplicate_requested(tuple), delete_requested(tuple).
        row_hovered(str); menu_requested(str, QPoint).
    """

    selection_changed = Signal(object)
    visibility_changed = Signal(str, bool)
    lock_changed = Signal(str, bool)
    renamed = Signal(str, str)
    opacity_moved = Signal(str, float)
    opacity_committed = Signal(str, float)
    blend_mode_changed = Signal(str, str)
    moved = Signal(str, int)
    rerun_requested = Signal(str)
    add_requested = Signal()
    duplicate_requested = Signal(object)
    delete_requested = Signal(object)
    row_hovered = Signal(str)
    menu_requested = Signal(str, QPoint)

    def __init__(
        self,
        blend_modes: Sequence[tuple[str, str]] = (("normal", "Normal"),),
        parent: QWidget | None = None,
    ) -> None:
        """`blend_modes` are (key, name) pairs in the order of the menu."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._rows: tuple[LayerRow, ...] = ()
        self.header = PanelHeader("Layers")
        self.add_button = IconButton("plus", "New layer")
        self.duplicate_button = IconButton("duplicate", "Duplicate")
        self.delete_button = IconButton("trash", "Delete")
        self.more_button = IconButton("more", "More for layers")
        self.more_button.hide()
        self.add_button.clicked.connect(self.add_requested)
        self.duplicate_button.clicked.connect(
            lambda: self.duplicate_requested.emit(self.list.selected)
        )
        self.delete_button.clicked.connect(lambda: self.delete_requested.emit(self.list.selected))
        for button in (
            self.add_button,
            self.duplicate_button,
            self.delete_button,
            self.more_button,
        ):
            self.header.add(button)

        self._settings = QWidget()
        self.blend_combo = ComboBox("Blend mode")
        for key, name in blend_modes:
            self.blend_combo.addItem(name, key)
        self.blend_combo.setFixedWidth(116)
        self.blend_combo.setToolTip("Blend mode")
        self.blend_combo.activated.connect(self._blend_chosen)
        self.opacity = LabelledSlider("Opacity", 0, 100, unit="%", show_name=False)
        self.opacity.setToolTip("Opacity")
        self.opacity.moved.connect(lambda v: self._opacity(v, self.opacity_moved))
        self.opacity.committed.connect(lambda v: self._opacity(v, self.opacity_committed))
        line = QHBoxLayout(self._settings)
        line.setContentsMargins(12, 2, 12, 8)
        line.setSpacing(8)
        line.addWidget(self.blend_combo)
        line.addWidget(self.opacity, 1)

        self.list = RowList("Layers", multiple=False, reorderable=True)
        self.list.setMinimumHeight(LEAST_HEIGHT)
        self.list.selection_changed.connect(self._selected)
        self.list.hovered.connect(self.row_hovered)
        self.list.renamed.connect(self.renamed)
        self.list.moved.connect(self.moved)
        self.list.menu_requested.connect(self.menu_requested)
        self.list.space_pressed.connect(self._toggle)
        self.list.delete_pressed.connect(
            lambda _row_id: self.delete_requested.emit(self.list.selected)
        )
        self._empty = label("No document is open.", "dim")
        self._empty.setContentsMargins(12, 6, 12, 12)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._settings)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1000)
        layout.addStretch(1)
        self._refresh()

    def set_menu(self, menu: QMenu) -> None:
        """The menu behind the three dots of the heading."""
        self.more_button.setMenu(menu)
        self.more_button.show()

    def set_rows(self, rows: Sequence[LayerRow], selected: Sequence[str] = ()) -> None:
        """Show these layers, the top one first; rows that stay keep focus and drag."""
        self._rows = tuple(rows)
        by_id = {row.id: row for row in rows}
        self.list.sync(list(by_id), lambda row_id: _LayerLine(row_id, self))
        for row_id, line in self.list.rows().items():
            if isinstance(line, _LayerLine):
                line.show_layer(by_id[row_id])
        self.list.select(selected)
        self._refresh()

    def _target(self) -> LayerRow | None:
        current = self.list.current
        if current not in self.list.selected:
            current = self.list.selected[0] if self.list.selected else ""
        return next((row for row in self._rows if row.id == current), None)

    def _selected(self, ids: tuple[str, ...]) -> None:
        self._refresh()
        self.selection_changed.emit(ids)

    def _refresh(self) -> None:
        target = self._target()
        self._empty.setVisible(not self._rows)
        self.list.setVisible(bool(self._rows))
        self._settings.setVisible(bool(self._rows))
        self._settings.setEnabled(target is not None and not target.locked)
        for button in (self.duplicate_button, self.delete_button):
            button.setEnabled(target is not None)
        if target is not None:
            self.opacity.set_value(round(target.opacity * 100))
            self.blend_combo.setCurrentIndex(self.blend_combo.findData(target.blend_mode))

    def _blend_chosen(self) -> None:
        target = self._target()
        key = self.blend_combo.currentData()
        if target is not None and key != target.blend_mode:
            self.blend_mode_changed.emit(target.id, key)

    def _opacity(self, percent: float, signal: object) -> None:
        target = self._target()
        if target is not None:
            signal.emit(target.id, percent / 100)  # type: ignore[attr-defined]

    def _toggle(self, row_id: str) -> None:
        for row in self._rows:
            if row.id == row_id:
                self.visibility_changed.emit(row_id, not row.visible)
