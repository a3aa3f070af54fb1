"""The guided tour: five sentences in the prompt card, each gone when the person has done it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from ovedit.document import Document, EditLayer
from ovedit.ui.messages import Message

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

END_TOUR = "end-tour"
_LOOK_MS = 150


@dataclass(frozen=True)
class Step:
    """What to do, and how to tell that it is done."""

    text: str
    done: Callable[[Document], bool]


STEPS = (
    Step("1 of 5. Press / and type wooden bench, then Enter.", lambda d: bool(d.masks)),
    Step(
        "2 of 5. The bench has a mask. Paint over a gap with the brush to add to it; Ctrl+Z takes "
        "it back.",
        lambda d: any(step.name == "Mask brush" for step in d.history.steps),
    ),
    Step(
        "3 of 5. Press Enter on the picture to accept the mask.",
        lambda d: any(mask.accepted for mask in d.masks),
    ),
    Step(
        "4 of 5. Beside Replace, type metal bench and press Enter.",
        lambda d: any(isinstance(layer, EditLayer) for layer in d.layers),
    ),
    Step(
        "5 of 5. A new layer holds the metal bench; the photo below is as it was. Hide the layer "
        "with its eye, or save all of it with Ctrl+S.",
        lambda d: any(not layer.visible for layer in d.layers) or not d.modified,
    ),
)
GOODBYE = "That is all. Remove and Restyle work the same way; F1 lists the keys."


class Tour(QObject):
    """Leads through `STEPS` on whatever document is open in the window, from its first step on."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._document: Document | None = None
        self._step = 0
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def running(self) -> bool:
        """Whether a step is being waited for."""
        return self._timer.isActive()

    def start(self, document: Document) -> None:
        """Begin with the first step."""
        self._document, self._step = document, 0
        self._timer.start()
        self._say()

    def end(self) -> None:
        """Leave the tour."""
        self._timer.stop()
        self._document = None

    def _look(self) -> None:
        document = self._window.session.document
        if document is None or document is not self._document:
            self.end()
        elif not document.busy and STEPS[self._step].done(document):
            self._step += 1
            if self._step == len(STEPS):
                self.end()
                self._window.tell(Message(GOODBYE))
            else:
                self._say()
        elif not self._window.prompt.message:
            # Something else was said and closed in between, or this was: say it again.
            self._say()

    def _say(self) -> None:
        message = Message(STEPS[self._step].text, buttons=(("End tour", END_TOUR),))
        self._window.tell(message)
