"""The variations that were asked for and those that are here, until one is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from ovedit.document import Document
from ovedit.document.history import Step
from ovedit.engine.requests import EditResult
from ovedit.errors import OVEditError
from ovedit.geometry import Size
from ovedit.ui.background import Background
from ovedit.ui.messages import Message
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.qimage import to_qimage
from ovedit.workflows import variations
from ovedit.workflows.edit import EditPlan
from ovedit.workflows.variations import Variation

THUMBNAIL = Size(240, 176)
"""Twice what a thumbnail takes on the screen, for dense ones."""
BUDGET = 512 << 20
"""Bytes that all results may take together; the oldest ones go when more come."""


@dataclass(eq=False)
class Slot:
    """A place in the gallery, for a result that is here or still to come.

    words: what was asked for. marks: of the picture that it was asked for, see `picture_marks`.
    job: its id. fraction: done so far, None while it waits. variation: None until it is here.
    """

    words: str
    marks: tuple[object, ...] = ()
    job: int = 0
    fraction: float | None = None
    variation: Variation | None = None
    thumbnail: QImage = field(default_factory=QImage)


class Gallery(QObject):
    """Holds the results of edits with several variations; it changes no document.

    After one of them was kept the others stay in memory: they are shown again when that is undone,
    until something else is asked for or the document is closed.

    Signals: changed() after slots came, went or were filled, or are shown or not; progressed();
    said(Message).
    """

    changed = Signal()
    progressed = Signal()
    said = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._slots: list[Slot] = []
        self._document: Document | None = None
        self._kept: Step | None = None
        self._hidden = False
        self._shrinking = Background(self)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What there is to choose from now; empty after one was kept."""
        return () if self._hidden else tuple(self._slots)

    @property
    def waiting(self) -> tuple[int, ...]:
        """The ids of the jobs whose results are still to come."""
        return tuple(slot.job for slot in self._slots if slot.variation is None)

    @property
    def outdated(self) -> bool:
        """Whether the picture is another one than a result was made for."""
        if self._document is None:
            return False
        now = variations.picture_marks(self._document.state)
        return any(not variations.same_picture(slot.marks, now) for slot in self._slots)

    def seeds_of(self, words: str) -> tuple[int, ...]:
        """The seeds of the results that are here of what was asked for with these words."""
        here = (slot.variation for slot in self._slots if slot.words == words)
        return tuple(one.plan.request.seed for one in here if one is not None)

    def expect(self, document: Document, words: str, count: int) -> list[Slot]:
        """Make room for results that are being asked for."""
        if self._hidden or document is not self._document:
            self._drop()
        self._document = document
        marks = variations.picture_marks(document.state)
        fresh = [Slot(words, marks) for _ in range(count)]
        self._slots += fresh
        self.changed.emit()
        return fresh

    def fill(self, slot: Slot, plan: EditPlan, result: EditResult) -> None:
        """Put a result into its place, if that is still there."""
        if slot not in self._slots:
            return

        def filled(made: tuple[Variation, object]) -> None:
            if slot in self._slots:
                slot.variation, pixels = made
                slot.thumbnail = to_qimage(pixels)  # type: ignore[arg-type]
                self._keep_within_budget()
                self.changed.emit()

        def failed(error: OVEditError) -> None:
            self._remove([slot])
            self.said.emit(Message.of(error))

        self._shrinking.run(
            lambda: variations.variation(plan, result, THUMBNAIL), filled, failed, disposable=True
        )

    def give_up(self, job: int) -> None:
        """A job ended without a result."""
        self._remove([slot for slot in self._slots if slot.job == job and slot.variation is None])

    def show_progress(self, jobs: Iterable[JobView]) -> None:
        """Note how far the results to come are."""
        running = {int(view.id): view.fraction for view in jobs if not view.queued}
        for slot in self._slots:
            slot.fraction = running.get(slot.job)
        if self.waiting:
            self.progressed.emit()

    def kept(self) -> None:
        """The last step of the document keeps one: the others are not shown until it is undone."""
        if self._document is not None:
            history = self._document.history
            self._kept, self._hidden = history.steps[history.position - 1], True
            self.changed.emit()

    def look_again(self) -> None:
        """The document has changed: show the others again if what was kept is undone."""
        if not self._slots or self._document is None:
            return
        history = self._document.history
        if self._kept in history.steps:
            self._hidden = self._kept in history.steps[: history.position]
        elif self._hidden:
            # The step has been dropped from the full history: it cannot be undone any more.
            self._drop()
        self.changed.emit()

    def clear(self) -> None:
        """Drop all of them."""
        if self._slots:
            self._drop()
            self.changed.emit()

    def _drop(self) -> None:
        self._slots.clear()
        self._shrinking.abandon()
        self._document, self._kept, self._hidden = None, None, False

    def _remove(self, slots: Sequence[Slot]) -> None:
        if slots:
            self._slots = [slot for slot in self._slots if slot not in slots]
            self.changed.emit()

    def _keep_within_budget(self) -> None:
        here = [slot for slot in self._slots if slot.variation is not None]
        sizes = [slot.variation.nbytes for slot in here if slot.variation is not None]
        dropped = 0
        while sum(sizes[dropped:]) > BUDGET and dropped < len(sizes) - 1:
            dropped += 1
        if dropped:
            self._remove(here[:dropped])
            which = "first variation was" if dropped == 1 else f"first {dropped} variations were"
            self.said.emit(Message(f"The {which} dropped: the memory for them is full."))
