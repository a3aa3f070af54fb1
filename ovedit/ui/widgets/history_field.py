"""A text field that remembers what was entered."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
)
from PySide6.QtWidgets import (
    QLineEdit,
    QWidget,
)

from ovedit.ui.widgets.keys import FIELD_KEYS, keeps

HISTORY_LENGTH = 100


class HistoryField(QLineEdit):
    """A text field that remembers: Up and Down walk what was entered before.

    Signals: entered(str) on Enter with some text; history_changed(); escape().
    """

    entered = Signal(str)
    history_changed = Signal()
    escape = Signal()

    def __init__(self, name: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self._history: list[str] = []
        self._place = 0
        self._draft = ""

    @property
    def history(self) -> tuple[str, ...]:
        """What was entered, the oldest first."""
        return tuple(self._history)

    def set_history(self, entries: Sequence[str]) -> None:
        """Remember these, the oldest first; the last hundred are kept."""
        self._history = list(entries)[-HISTORY_LENGTH:]
        self._place = len(self._history)
        self.history_changed.emit()

    def remember(self) -> bool:
        """Put the text at the end of the history; whether that changed the history."""
        text = self.text().strip()
        before = list(self._history)
        self.set_history([entry for entry in self._history if entry != text] + [text])
        return self._history != before

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        return keeps(event, FIELD_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk the history, enter, or leave."""
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._walk(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.text().strip():
                self.entered.emit(self.text().strip())
        elif key == Qt.Key.Key_Escape:
            self.escape.emit()
        else:
            super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        place = min(len(self._history), max(0, self._place + step))
        if place == self._place:
            return
        if self._place == len(self._history):
            self._draft = self.text()
        self._place = place
        self.setText(self._draft if place == len(self._history) else self._history[place])
