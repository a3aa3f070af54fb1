"""Keys that a widget keeps for itself although the window has a shortcut on them."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent

ENTER = frozenset((Qt.Key.Key_Return, Qt.Key.Key_Enter))
UP_DOWN = frozenset((Qt.Key.Key_Up, Qt.Key.Key_Down))
FIELD_KEYS = ENTER | UP_DOWN | {Qt.Key.Key_Escape}
"""What a text field acts on; letters it keeps by itself."""


def keeps(event: QEvent, keys: Collection[int]) -> bool:
    """Accept a `ShortcutOverride` for one of `keys` pressed without Ctrl, Alt or Meta.

    Qt asks with this event before it runs a shortcut: accepted, the key comes as a key press. To be
    called from the widget's `event`, which returns True where this does.
    """
    if event.type() is not QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    free = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
    if event.key() in keys and not event.modifiers() & ~free:
        event.accept()
        return True
    return False
