"""The class masks dock: a row per mask, instances in groups, the selected one's threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.panels import LEAST_HEIGHT
from ovedit.ui.panels.mask_details import MaskDetails
from ovedit.ui.panels.mask_rows import InstanceLine, InstanceRow, MaskLine, MaskRow, ScoredRow
from ovedit.ui.widgets.basics import set_role
from ovedit.ui.widgets.buttons import GlyphButton, IconButton
from ovedit.ui.widgets.header import PanelHeader
from ovedit.ui.widgets.rows import Row, RowList

__all__ = ["InstanceRow", "MaskRow", "MasksPanel"]

_Scored = TypeVar("_Scored", bound=ScoredRow)


class MasksPanel(QWidget):
    """The class masks of the document.

    Ids are those of the rows given: of a mask, of a group or of an instance.

    Signals:
        selection_changed(tuple[str, ...]): the person selected these rows.
        visibility_changed(str, bool), instance_ticked(str, bool), renamed(str, str).
        candidate_requested(str, int): show another one of the engine's candidates.
        threshold_moved(str, float) while dragging; threshold_committed(str, float) at its end.
        accept_requested(tuple), reject_requested(tuple): of the rows with these ids.
        heat_map_toggled(bool): show the scores of the selected mask as colours.
        row_hovered(str): the pointer is over this row, "" for none.
        add_requested(): an empty mask is wanted.
        menu_requested(str, QPoint): right click on a row, at a place of the screen.
    """

    selection_changed = Signal(object)
    visibility_changed = Signal(str, bool)
    instance_ticked = Signal(str, bool)
    renamed = Signal(str, str)
    candidate_requested = Signal(str, int)
    threshold_moved = Signal(str, float)
    threshold_committed = Signal(str, float)
    accept_requested = Signal(object)
    reject_requested = Signal(object)
    heat_map_toggled = Signal(bool)
    row_hovered = Signal(str)
    add_requested = Signal()
    menu_requested = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._rows: tuple[MaskRow, ...] = ()
        self._folded: set[str] = set()
        self.header = PanelHeader("Class masks")
        self.add_button = IconButton("plus", "New empty mask")
        self.add_button.clicked.connect(self.add_requested)
        self.more_button = IconButton("more", "More for masks")
        self.more_button.hide()
        self.header.add(self.add_button)
        self.header.add(self.more_button)

        self.list = RowList("Class masks", hug=True)
        self.list.setMinimumHeight(LEAST_HEIGHT)
        self.list.selection_changed.connect(self._selected)
        self.list.hovered.connect(self.row_hovered)
        self.list.renamed.connect(self.renamed)
        self.list.menu_requested.connect(self.menu_requested)
        self.list.space_pressed.connect(self._toggle)
        self.list.left_pressed.connect(lambda row_id: self.set_folded(row_id, True))
        self.list.right_pressed.connect(lambda row_id: self.set_folded(row_id, False))
        self.list.enter_pressed.connect(lambda _row_id: self._accept())
        self.list.delete_pressed.connect(lambda _row_id: self._reject())

        self._empty = QLabel("Type what you see, for example <i>wooden bench</i>")
        self._empty.setTextFormat(Qt.TextFormat.RichText)
        self._empty.setWordWrap(True)
        self._empty.setContentsMargins(12, 6, 12, 12)
        set_role(self._empty, role="dim")

        self.details = MaskDetails()
        self.details.candidate_clicked.connect(self._choose_candidate)

        self._buttons = QWidget()
        line = QHBoxLayout(self._buttons)
        line.setContentsMargins(12, 6, 12, 8)
        line.setSpacing(8)
        self.accept_button = self._button("Accept", "enter")
        self.reject_button = self._button("Reject", "backspace")
        self.heat_button = self._button("Heat map")
        self.accept_button.clicked.connect(self._accept)
        self.reject_button.clicked.connect(self._reject)
        self.heat_button.setCheckable(True)
        self.heat_button.toggled.connect(self.heat_map_toggled)
        for button in (self.accept_button, self.reject_button, self.heat_button):
            line.addWidget(button)
        line.addStretch(1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1000)
        layout.addWidget(self.details)
        layout.addWidget(self._buttons)
        layout.addStretch(1)
        self._refresh()

    def _button(self, text: str, glyph: str = "") -> QPushButton:
        button = GlyphButton(text, glyph) if glyph else QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(text)
        set_role(button, small=True, panel=True)
        return button

    def set_menu(self, menu: QMenu) -> None:
        """The menu behind the three dots of the heading."""
        self.more_button.setMenu(menu)
        self.more_button.show()

    def set_rows(self, rows: Sequence[MaskRow], selected: Sequence[str] = ()) -> None:
        """Show these masks in place of those before; rows that stay keep focus and drag."""
        self._rows = tuple(rows)
        self._fill()
        self.list.select(selected)
        self._refresh()

    def set_heat_map(self, on: bool) -> None:
        """Show whether the heat map is on, without a signal."""
        blocked = self.heat_button.blockSignals(True)
        self.heat_button.setChecked(on)
        self.heat_button.blockSignals(blocked)

    def highlight(self, row_id: str) -> None:
        """Mark the row whose mask the pointer is over on the canvas ("" for none)."""
        self.list.highlight(row_id)

    def set_folded(self, row_id: str, folded: bool) -> None:
        """Fold or unfold a group's instances."""
        if any(row.id == row_id and row.instances for row in self._rows):
            (self._folded.add if folded else self._folded.discard)(row_id)
            self._fill()
            self._refresh()

    def toggle_fold(self, row_id: str) -> None:
        """Fold a group that is open, unfold one that is not."""
        self.set_folded(row_id, row_id not in self._folded)

    def _fill(self) -> None:
        masks = {row.id: row for row in self._rows}
        instances: dict[str, InstanceRow] = {}
        order: list[str] = []
        for row in self._rows:
            order.append(row.id)
            if row.id not in self._folded:
                for instance in row.instances:
                    instances[instance.id] = instance
                    order.append(instance.id)

        def make(row_id: str) -> Row:
            return self._mask_line(row_id) if row_id in masks else self._instance_line(row_id)

        # A mask that became an instance, or the other way round, needs another kind of row.
        kept = [
            row_id
            for row_id, line in self.list.rows().items()
            if isinstance(line, MaskLine) == (row_id in masks)
        ]
        if len(kept) != len(self.list.rows()):
            self.list.sync(kept, make)
        self.list.sync(order, make)
        for row_id, line in self.list.rows().items():
            if isinstance(line, MaskLine):
                line.show_mask(masks[row_id], row_id in self._folded)
            elif isinstance(line, InstanceLine):
                line.show_instance(instances[row_id])

    def _mask_line(self, row_id: str) -> MaskLine:
        line = MaskLine(row_id)
        line.fold_clicked.connect(lambda: self.toggle_fold(row_id))
        line.eye_clicked.connect(lambda on: self.visibility_changed.emit(row_id, on))
        line.accept_clicked.connect(lambda: self.accept_requested.emit((row_id,)))
        line.candidate_clicked.connect(lambda n: self.candidate_requested.emit(row_id, n))
        return self._with_threshold(line)

    def _instance_line(self, row_id: str) -> InstanceLine:
        line = InstanceLine(row_id)
        line.ticked.connect(lambda on: self.instance_ticked.emit(row_id, on))
        return self._with_threshold(line)

    def _with_threshold(self, line: _Scored) -> _Scored:
        row_id = line.row_id
        line.threshold_moved.connect(lambda v: self.threshold_moved.emit(row_id, v))
        line.threshold_committed.connect(lambda v: self.threshold_committed.emit(row_id, v))
        return line

    def _selected(self, ids: tuple[str, ...]) -> None:
        self._refresh()
        self.selection_changed.emit(ids)

    def _refresh(self) -> None:
        any_rows, any_selected = bool(self._rows), bool(self.list.selected)
        self._empty.setVisible(not any_rows)
        self.list.setVisible(any_rows)
        self._buttons.setVisible(any_rows)
        for button in (self.accept_button, self.reject_button, self.heat_button):
            button.setEnabled(any_selected)
        self._show_details()

    def _show_details(self) -> None:
        """Tell what is known of the one row that is selected."""
        chosen = self.list.selected
        rows: dict[str, MaskRow | InstanceRow] = {row.id: row for row in self._rows}
        rows |= {thing.id: thing for row in self._rows for thing in row.instances}
        row = rows.get(chosen[0]) if len(chosen) == 1 else None
        pictures = row.pictures if isinstance(row, MaskRow) else ()
        number = row.candidate if isinstance(row, MaskRow) else 0
        self.details.show_mask(pictures, number, row.reason if row is not None else "")

    def _choose_candidate(self, number: int) -> None:
        if len(self.list.selected) == 1:
            self.candidate_requested.emit(self.list.selected[0], number)

    def _accept(self) -> None:
        if self.list.selected:
            self.accept_requested.emit(self.list.selected)

    def _reject(self) -> None:
        if self.list.selected:
            self.reject_requested.emit(self.list.selected)

    def _toggle(self, row_id: str) -> None:
        for row in self._rows:
            if row.id == row_id:
                self.visibility_changed.emit(row_id, not row.visible)
            for instance in row.instances:
                if instance.id == row_id:
                    self.instance_ticked.emit(row_id, not instance.ticked)
