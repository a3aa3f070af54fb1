"""What the prompt card says: one sentence, and at most two buttons to do something about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QApplication, QBoxLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from ovedit.ui.icons import IconRole, icon
from ovedit.ui.messages import MessageKind
from ovedit.ui.widgets.basics import label, set_role
from ovedit.ui.widgets.buttons import IconButton

_ICONS: dict[MessageKind, IconRole] = {"info": "accent", "warning": "warning", "error": "bad"}
_TEXT_ROOM = 260
"""Where less is left for the sentence beside the buttons, they go below it."""


class MessageBar(QWidget):
    """Shows one message at a time; without one it is hidden.

    Signals: pressed(key) of the button that was pressed, "" for the cross.
    """

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._said = ""
        self._icon = QLabel()
        self._icon.setFixedSize(18, 18)
        self._text = label()
        self._text.setWordWrap(True)
        # Its own would be the width of the longest word, and the window could get no narrower.
        self._text.setMinimumWidth(1)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        close = IconButton("cross", "Close this message")
        close.clicked.connect(lambda: self.pressed.emit(""))
        self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._words.setSpacing(8)
        self._words.addWidget(self._text, 1)
        self._words.addLayout(self._buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(8)
        middle = Qt.AlignmentFlag.AlignVCenter
        layout.addWidget(self._icon, 0, middle)
        layout.addLayout(self._words, 1)
        layout.addWidget(close, 0, middle)
        self.hide()

    @property
    def said(self) -> str:
        """The sentence shown, or empty."""
        return self._said

    @property
    def kind(self) -> str:
        """The kind of the message shown last."""
        return self._icon.accessibleName()

    def say(self, text: str, buttons: Sequence[tuple[str, str]], kind: MessageKind) -> None:
        """Show a sentence, with at most two buttons of (label, key).

        Raises ValueError for more than two buttons.
        """
        if len(buttons) > 2:
            raise ValueError(f"A message has at most two buttons, not {len(buttons)}.")
        self._drop_buttons()
        self._said = text
        pixmap = icon(kind, _ICONS[kind]).pixmap(QSize(18, 18), self.devicePixelRatioF())
        self._icon.setPixmap(pixmap)
        self._icon.setAccessibleName(kind)
        self._text.setText(_breakable(text))
        for words, key in buttons:
            button = QPushButton(words)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            set_role(button, small=True)
            button.clicked.connect(lambda _checked=False, key=key: self.pressed.emit(key))
            self._buttons.addWidget(button)
            # At once, so that `fit` knows how much room it takes.
            button.show()
        self.show()

    def clear(self) -> bool:
        """Take the message away; whether one of its buttons had the focus."""
        held = self.isAncestorOf(QApplication.focusWidget() or self)
        self._said = ""
        self._drop_buttons()
        self.hide()
        return held

    def fit(self, width: int) -> None:
        """Put the buttons beside the sentence, or below it where the bar is too narrow."""
        rest = width - self._icon.width() - 26 - 3 * 8 - self._buttons.sizeHint().width()
        row, column = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        narrow = bool(self._buttons.count()) and rest < _TEXT_ROOM
        self._words.setDirection(column if narrow else row)
        self._words.setAlignment(
            self._buttons, Qt.AlignmentFlag.AlignLeft if narrow else Qt.AlignmentFlag.AlignVCenter
        )

    def _drop_buttons(self) -> None:
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


def _breakable(text: str) -> str:
    """The text with an invisible place to break after each part of a path."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")
