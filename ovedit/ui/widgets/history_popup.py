"""What was entered before, in a list that can be searched."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QToolButton, QVBoxLayout

from ovedit.ui.icons import icon
from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.history_field import HistoryField

_LEAST_WIDTH, _ROWS, _ROW_HEIGHT = 260, 8, 26


class HistoryPopup(QFrame):
    """Opens above its field, by a button at the field's end or Ctrl+Up; what is chosen is put in.

    Typing filters the list: every word has to occur.
    """

    def __init__(self, field: HistoryField) -> None:
        super().__init__(field, Qt.WindowType.Popup)
        self.setAccessibleName(f"Entered before: {field.accessibleName()}")
        self._field = field
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Search what was entered before")
        self.filter.setAccessibleName("Search what was entered before")
        self.filter.textChanged.connect(self._show_entries)
        self.filter.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName("Entered before")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda _item: self._take())
        self._none = label("Nothing like this was entered.", "dim")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.filter)
        layout.addWidget(self.list)
        layout.addWidget(self._none)
        self._action = field.addAction(
            icon("history", "dim"), QLineEdit.ActionPosition.TrailingPosition
        )
        self._action.setToolTip("What was entered before (Ctrl+Up)")
        self._action.triggered.connect(self.open)
        for button in field.findChildren(QToolButton):
            button.setAccessibleName(self.accessibleName())
        field.installEventFilter(self)
        field.history_changed.connect(self._show_action)
        self._show_action()

    def open(self) -> None:
        """Show all that was entered, the newest first."""
        self.filter.clear()
        self._show_entries("")
        self.resize(max(_LEAST_WIDTH, self._field.width()), self.sizeHint().height())
        self.move(self._field.mapToGlobal(QPoint(0, -self.height() - 4)))
        self.show()
        self.filter.setFocus()

    def _show_action(self) -> None:
        self._action.setVisible(bool(self._field.history))

    def _show_entries(self, text: str) -> None:
        words = text.lower().split()
        found = [
            entry
            for entry in reversed(self._field.history)
            if all(word in entry.lower() for word in words)
        ]
        self.list.clear()
        self.list.addItems(found)
        for row in range(len(found)):
            self.list.item(row).setSizeHint(QSize(0, _ROW_HEIGHT))
            self.list.item(row).setToolTip(found[row])
        self.list.setFixedHeight(_ROWS * _ROW_HEIGHT + 2)
        self.list.setCurrentRow(0)
        self._none.setVisible(not found)
        self.list.setVisible(bool(found))

    def _take(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._field.setText(item.text())
            self.close()
            self._field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Up in the field opens; in the search the arrows walk the list and Enter takes."""
        if not isinstance(event, QKeyEvent) or event.type() is not QEvent.Type.KeyPress:
            return False
        key = event.key()
        if watched is self._field:
            held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if key == Qt.Key.Key_Up and held and self._field.history:
                self.open()
                return True
            return False
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            row = self.list.currentRow() + (1 if key == Qt.Key.Key_Down else -1)
            self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        elif key == Qt.Key.Key_Escape:
            self.close()
            self._field.setFocus()
        else:
            return False
        return True
