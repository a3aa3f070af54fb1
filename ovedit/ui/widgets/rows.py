"""A list of live rows: selection by mouse and keys, hover, renaming in place, dragging to reorder.

Rows stay the same widgets while their values change, so nothing flickers, and a drag or the focus
in one of them survives an update of the list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.widgets.keys import ENTER, UP_DOWN, keeps
from ovedit.ui.widgets.row import DropLine, NameEditor, Row

_KEYS = (
    ENTER
    | UP_DOWN
    | {
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Space,
        Qt.Key.Key_Delete,
        Qt.Key.Key_Backspace,
        Qt.Key.Key_F2,
        Qt.Key.Key_Menu,
    }
)


class RowList(QScrollArea):
    """A scrolling list of rows. With `hug=True` it is never higher than its rows together.

    Signals:
        selection_changed(tuple[str, ...]): the person selected these rows, in the list's order.
        hovered(str): the pointer came over a row, or left them all ("").
        renamed(str, str): a row was given another name.
        moved(str, int): a row was dragged, or moved with Alt+Up or Alt+Down, to this place among
            the other rows (0 is the top).
        space_pressed(str), enter_pressed(str), delete_pressed(str), left_pressed(str),
            right_pressed(str): that key on the current row.
        menu_requested(str, QPoint): right click, or the menu key, on a row.
    """

    selection_changed = Signal(object)
    hovered = Signal(str)
    renamed = Signal(str, str)
    moved = Signal(str, int)
    space_pressed = Signal(str)
    enter_pressed = Signal(str)
    delete_pressed = Signal(str)
    left_pressed = Signal(str)
    right_pressed = Signal(str)
    menu_requested = Signal(str, QPoint)

    # Events arrive while the scroll area is still being built.
    _drop: int | None = None

    def __init__(
        self,
        name: str,
        *,
        multiple: bool = True,
        reorderable: bool = False,
        renamable: bool = True,
        hug: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._multiple, self._reorderable, self._renamable = multiple, reorderable, renamable
        self._hug = hug
        self._keyboard_used = False
        self._rows: dict[str, Row] = {}
        self._selected: tuple[str, ...] = ()
        self._current = ""
        self._anchor = ""
        self._press: QPoint | None = None
        self._collapse_on_release = False
        self._body = QWidget()
        self._body.setObjectName("rows")
        self._layout = QVBoxLayout(self._body)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addStretch(1)
        self.setWidget(self._body)
        self._drop_line = DropLine(self._body)

    def rows(self) -> dict[str, Row]:
        """The rows by id, from the top."""
        return self._rows

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the selected rows, from the top."""
        return self._selected

    @property
    def current(self) -> str:
        """Id of the row that keys act on, or empty."""
        return self._current

    @property
    def content_height(self) -> int:
        """Height of all rows together."""
        return self._layout.sizeHint().height()

    def sync(self, ids: Sequence[str], make: Callable[[str], Row]) -> None:
        """Show rows with these ids in this order: keep those that are there, make the others."""
        wanted = dict.fromkeys(ids)
        for row_id in [row_id for row_id in self._rows if row_id not in wanted]:
            row = self._rows.pop(row_id)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        for place, row_id in enumerate(wanted):
            row = self._rows.get(row_id)
            if row is None:
                row = self._rows[row_id] = make(row_id)
                self._listen(row)
                self._layout.insertWidget(place, row)
            elif self._layout.indexOf(row) != place:
                self._layout.removeWidget(row)
                self._layout.insertWidget(place, row)
        self._rows = {row_id: self._rows[row_id] for row_id in wanted}
        if self._current not in self._rows:
            self._current = ""
        self.select(tuple(i for i in self._selected if i in self._rows))

    def _listen(self, row: Row) -> None:
        row.pointed.connect(lambda here: self.hovered.emit(row.row_id if here else ""))
        row.pressed.connect(lambda event: self._row_pressed(row, event))
        row.dragged.connect(self._row_dragged)
        row.released.connect(lambda _event: self._row_released(row))
        row.rename_wanted.connect(lambda: self.rename(row.row_id))
        row.menu_wanted.connect(lambda place: self._menu_wanted(row, place))

    def _menu_wanted(self, row: Row, place: QPoint) -> None:
        if not row.selected and row.selectable:
            self.select((row.row_id,), tell=True)
        self.menu_requested.emit(row.row_id, place)

    def select(self, ids: Sequence[str], *, tell: bool = False) -> None:
        """Select rows; `tell` says whether the person did it, which is signalled."""
        chosen = set(ids)
        before = self._selected
        self._selected = tuple(
            row_id for row_id, row in self._rows.items() if row_id in chosen and row.selectable
        )
        if self._selected and self._current not in self._selected:
            self._current = self._anchor = self._selected[-1]
        self._refresh()
        if tell and self._selected != before:
            self.selection_changed.emit(self._selected)

    def highlight(self, row_id: str) -> None:
        """Mark the row whose mask the pointer is over on the canvas ("" for none)."""
        for other, row in self._rows.items():
            row.set_state(highlighted=other == row_id)

    def rename(self, row_id: str) -> None:
        """Open the field to rename a row."""
        row = self._rows.get(row_id)
        if row is None or not self._renamable:
            return

        def done(text: str | None) -> None:
            had_focus = editor.hasFocus()
            editor.hide()
            editor.deleteLater()
            if had_focus:
                self.setFocus(Qt.FocusReason.OtherFocusReason)
            name = (text or "").strip()
            if name and name != row.name_label.text:
                self.renamed.emit(row_id, name)

        editor = NameEditor(row, done)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the height to that of the rows, where asked to."""
        if self._hug and watched is self._body and event.type() is QEvent.Type.LayoutRequest:
            self.setMaximumHeight(self.content_height)
        return super().eventFilter(watched, event)

    def _refresh(self) -> None:
        chosen = set(self._selected)
        for row_id, row in self._rows.items():
            row.set_state(
                selected=row_id in chosen,
                alone=chosen == {row_id},
                ringed=row_id == self._current and self._keyboard_used and self.hasFocus(),
            )
        row = self._rows.get(self._current)
        self.setAccessibleDescription("" if row is None else row.accessibleName())

    def _row_pressed(self, row: Row, event: QMouseEvent) -> None:
        self._keyboard_used = False
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._press = event.globalPosition().toPoint()
        self._collapse_on_release = False
        keys = event.modifiers()
        if not row.selectable:
            return
        if self._multiple and keys & Qt.KeyboardModifier.ShiftModifier and self._anchor:
            self._current = row.row_id
            self.select(self._between(self._anchor, row.row_id), tell=True)
        elif self._multiple and keys & Qt.KeyboardModifier.ControlModifier:
            chosen = set(self._selected) ^ {row.row_id}
            self._current = self._anchor = row.row_id
            self.select(tuple(chosen), tell=True)
        elif row.selected and len(self._selected) > 1:
            # Several rows stay selected while they may be about to be dragged.
            self._collapse_on_release = True
        else:
            self._current = self._anchor = row.row_id
            self.select((row.row_id,), tell=True)

    def _row_dragged(self, event: QMouseEvent) -> None:
        if not self._reorderable or self._press is None:
            return
        position = event.globalPosition().toPoint()
        far = (position - self._press).manhattanLength() >= QApplication.startDragDistance()
        if self._drop is None and not far:
            return
        y = self._body.mapFromGlobal(position).y()
        rows = list(self._rows.values())
        place = sum(1 for other in rows if other.geometry().center().y() < y)
        self._drop = place
        edge = rows[place].y() if place < len(rows) else rows[-1].geometry().bottom() + 1
        self._drop_line.setGeometry(8, max(0, edge - 1), self._body.width() - 16, 2)
        self._drop_line.raise_()
        self._drop_line.show()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.ensureVisible(0, y, 0, 24)

    def _row_released(self, row: Row) -> None:
        drop, self._press = self._drop, None
        self._end_drag()
        if drop is not None:
            self._move(row.row_id, drop)
        elif self._collapse_on_release:
            self._current = self._anchor = row.row_id
            self.select((row.row_id,), tell=True)
        self._collapse_on_release = False

    def _end_drag(self) -> None:
        self._drop = None
        self._drop_line.hide()
        self.unsetCursor()

    def _move(self, row_id: str, gap: int) -> None:
        place = list(self._rows).index(row_id)
        target = gap - 1 if gap > place else gap
        if target != place:
            self.moved.emit(row_id, target)

    def _between(self, first: str, last: str) -> tuple[str, ...]:
        ids = list(self._rows)
        if first not in self._rows:
            return (last,)
        low, high = sorted((ids.index(first), ids.index(last)))
        return tuple(ids[low : high + 1])

    def _step(self, step: int, extend: bool) -> None:
        ids = [row_id for row_id, row in self._rows.items() if row.selectable]
        if not ids:
            return
        if self._current in ids:
            place = min(len(ids) - 1, max(0, ids.index(self._current) + step))
        else:
            place = 0 if step > 0 else len(ids) - 1
        self._current = ids[place]
        if extend and self._multiple and self._anchor:
            self.select(self._between(self._anchor, self._current), tell=True)
        else:
            self._anchor = self._current
            self.select((self._current,), tell=True)
        self._refresh()
        self.ensureWidgetVisible(self._rows[self._current], 0, 0)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        dragging = {Qt.Key.Key_Escape} if self._drop is not None else set()
        return keeps(event, _KEYS | dragging) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, select, move and rename rows; hand on the keys that mean something to the panel."""
        key, keys = event.key(), event.modifiers()
        self._keyboard_used = True
        steps = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Home: -len(self._rows),
            Qt.Key.Key_End: len(self._rows),
        }
        signals = {
            Qt.Key.Key_Space: self.space_pressed,
            Qt.Key.Key_Return: self.enter_pressed,
            Qt.Key.Key_Enter: self.enter_pressed,
            Qt.Key.Key_Delete: self.delete_pressed,
            Qt.Key.Key_Backspace: self.delete_pressed,
            Qt.Key.Key_Left: self.left_pressed,
            Qt.Key.Key_Right: self.right_pressed,
        }
        if key == Qt.Key.Key_Escape and self._drop is not None:
            self._press = None
            self._end_drag()
        elif key in steps and keys & Qt.KeyboardModifier.AltModifier:
            self._move_by_key(steps[Qt.Key(key)])
        elif key in steps:
            self._step(steps[Qt.Key(key)], bool(keys & Qt.KeyboardModifier.ShiftModifier))
        elif key == Qt.Key.Key_F2 and self._current:
            self.rename(self._current)
        elif key == Qt.Key.Key_A and self._multiple and keys & Qt.KeyboardModifier.ControlModifier:
            self.select(tuple(self._rows), tell=True)
        elif key == Qt.Key.Key_Menu and self._current:
            row = self._rows[self._current]
            self.menu_requested.emit(self._current, row.mapToGlobal(QPoint(24, row.line_height)))
        elif key in signals and self._current:
            signals[Qt.Key(key)].emit(self._current)
        else:
            event.ignore()

    def _move_by_key(self, step: int) -> None:
        if not self._reorderable or self._current not in self._rows:
            return
        place = list(self._rows).index(self._current)
        target = min(len(self._rows) - 1, max(0, place + step))
        if target != place:
            self.moved.emit(self._current, target)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show which row the keys act on."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._keyboard_used = True
            if not self._current and self._rows:
                self._current = self._anchor = next(iter(self._rows))
        self._refresh()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide which row the keys act on."""
        super().focusOutEvent(event)
        self._refresh()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click below the rows selects none."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is Qt.MouseButton.LeftButton:
            self.select((), tell=True)
