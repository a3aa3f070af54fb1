"""What the window says to the person: one sentence, and at most two things to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ovedit.errors import OVEditError

MODELS = "models"
"""The key of a button that opens the Models dialog; with a colon and an id after it, at a model."""
USE_FAST = "use-fast"
"""The key of a button that turns to the preset with the smallest models."""
USE_BUILT_IN = "use-built-in"
"""The key of a button that goes back to the engine that is always there; with ":edit" for edits."""

MessageKind = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Message:
    """text: one sentence. buttons: (label, key) pairs, at most two; the window knows the keys.

    lasts: it stays while the document changes, until it is closed or another one comes.
    """

    text: str
    kind: MessageKind = "info"
    buttons: tuple[tuple[str, str], ...] = ()
    lasts: bool = False

    @staticmethod
    def of(error: OVEditError, *buttons: tuple[str, str]) -> Message:
        """An error as a message."""
        return Message(str(error), "error", buttons)
