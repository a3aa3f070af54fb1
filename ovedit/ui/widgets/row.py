"""One row of a list, the field to rename it, and the line where it would be dropped."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QLineEdit,
    QSizePolicy,
    QWidget,
)

from ovedit.ui.theme import tokens
from ovedit.ui.widgets.basics import ElidedLabel
from ovedit.ui.widgets.keys import FIELD_KEYS, keeps


class Row(QWidget):
    """One row. Kinds of rows put their widgets into it and override `state_changed`.

    `selectable` rows take part in selection; the first `line_height` pixels are the line that is
    highlighted, what lies below it (a slider) belongs to the row without being its name.

    Signals, for the list: pointed(bool), pressed, dragged and released(QMouseEvent),
    rename_wanted(), menu_wanted(QPoint).
    """

    pointed = Signal(bool)
    pressed = Signal(object)
    dragged = Signal(object)
    released = Signal(object)
    rename_wanted = Signal()
    menu_wanted = Signal(QPoint)

    selectable = True
    line_height = 34

    def __init__(self, row_id: str) -> None:
        super().__init__()
        self.row_id = row_id
        self.name_label = ElidedLabel()
        self.name_label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.selected = False
        self.alone = False
        self.ringed = False
        self.hovered = False
        self.highlighted = False

    def state_changed(self) -> None:
        """Called when any of the states changed."""

    def set_state(self, **states: bool) -> None:
        """Set any of the states: selected, alone (the only one selected), ringed (the one that
        keys act on), hovered, highlighted (the pointer is over its mask on the canvas).
        """
        if any(getattr(self, name) != value for name, value in states.items()):
            for name, value in states.items():
                setattr(self, name, value)
            self.name_label.set_look(selected=self.selected)
            self.state_changed()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the background that says selected, hovered or ringed."""
        t = tokens()
        painter = QPainter(self)
        line = QRect(0, 0, self.width(), min(self.line_height, self.height()))
        if self.selected:
            painter.fillRect(line, QColor(t.selected))
        elif self.hovered or self.highlighted:
            painter.fillRect(line, QColor(t.hover))
        if self.ringed:
            painter.setPen(QPen(QColor(t.accent), 1))
            painter.drawRect(QRectF(line).adjusted(0.5, 0.5, -0.5, -0.5))

    def enterEvent(self, event: QEnterEvent) -> None:
        """Tell that the pointer is here."""
        self.set_state(hovered=True)
        self.pointed.emit(True)

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that the pointer has left."""
        self.set_state(hovered=False)
        self.pointed.emit(False)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Let the list select, or start a drag."""
        self.pressed.emit(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the list drag."""
        self.dragged.emit(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the list end a drag."""
        self.released.emit(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask to be renamed."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.rename_wanted.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of this row."""
        self.menu_wanted.emit(event.globalPos())


class NameEditor(QLineEdit):
    """The field in which a row is renamed; leaving it keeps what was typed, Esc does not."""

    def __init__(self, row: Row, done: Callable[[str | None], None]) -> None:
        super().__init__(row.name_label.text, row)
        self.setObjectName("rename")
        self.setAccessibleName(f"New name for {row.name_label.text}")
        self._done: Callable[[str | None], None] | None = done
        box = row.name_label.geometry()
        self.setGeometry(box.x() - 5, 4, max(120, box.width() + 30), row.line_height - 8)
        self.selectAll()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _finish(self, text: str | None) -> None:
        if self._done is not None:
            done, self._done = self._done, None
            done(text)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        return keeps(event, FIELD_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter keeps the name, Esc drops it."""
        if event.key() == Qt.Key.Key_Escape:
            self._finish(None)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._finish(self.text())
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keep the name."""
        super().focusOutEvent(event)
        self._finish(self.text())


class DropLine(QWidget):
    """The line that shows where a dragged row would land."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        QPainter(self).fillRect(self.rect(), QColor(tokens().accent))
