"""Asks the engines on the person's behalf and puts their answers into the document.

Requests go to the model service with a snapshot of the document. An answer is applied when the
document has a moment (no gesture under way), and dropped with a word if it is no longer open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from ovedit.document import Document, DocumentState
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import (
    EditKind,
    EditResult,
    Point,
    PointResult,
    Request,
    SegmentResult,
)
from ovedit.errors import OVEditError
from ovedit.geometry import Rect
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult, Where, new_job_id
from ovedit.service.model_service import ModelService
from ovedit.ui.background import Background
from ovedit.ui.job_list import JobList
from ovedit.ui.messages import Message
from ovedit.ui.session import Session
from ovedit.workflows import edit, points, segment
from ovedit.workflows.coverage import shown_thing, union_of

_RETRY_MS = 50
_BUTTON_GUESS = ("Show best guess", "use-guess")
_BUTTON_HELD = ("Add it", "add-held")


@dataclass(frozen=True, eq=False)
class _Question:
    """A request, what to do with its answer, and the engine to ask if not the one in use."""

    request: Request
    apply: Callable[[object], None]
    engine: str = ""


@dataclass(frozen=True, eq=False)
class _Errand:
    """What to do with a job's answer, and the document that it is for."""

    document: Document
    could_redo: bool = False
    apply: Callable[[object], None] = lambda _result: None


class Assistant(QObject):
    """Signals: jobs_changed(tuple[JobView, ...]), the running one first; previewed(Preview or None)
    while an edit runs; said(Message); points_applied() after a click was answered; selected(ids)
    and edited(layer id) after an answer was applied.
    """

    jobs_changed = Signal(object)
    previewed = Signal(object)
    said = Signal(object)
    selected = Signal(object)
    points_applied = Signal()
    edited = Signal(str)

    def __init__(self, session: Session, service: ModelService, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._service = session, service
        self._errands: dict[int, _Errand] = {}
        self._list = JobList(self)
        self._list.changed.connect(self.jobs_changed)
        self._guess: segment.PhraseOutcome | None = None
        self._clicked: tuple[tuple[Point, ...], str] = ((), "")
        self._seed = 0
        self._preparing = Background(self)
        self._answers: deque[tuple[_Errand, object]] = deque()
        self._held: list[tuple[_Errand, object]] = []
        self._retry = QTimer(self, singleShot=True, interval=_RETRY_MS)
        self._retry.timeout.connect(self._hand_over)
        session.document_changed.connect(self._document_changed)
        service.started.connect(self._started)
        service.progressed.connect(self._progressed)
        service.finished.connect(self._finished)
        service.failed.connect(self._failed)
        service.cancelled.connect(self._cancelled)

    # -- engines ---------------------------------------------------------------------------------

    @property
    def engines(self) -> Sequence[EngineInfo]:
        """Every engine known."""
        return self._service.engines()

    @property
    def engine(self) -> EngineInfo:
        """The engine in use. Little more than its name is known until the service has listed it."""
        wanted = self._session.settings.engine
        unknown = EngineInfo(wanted, wanted, selects=True)
        return next((info for info in self.engines if info.name == wanted), unknown)

    # -- asking ----------------------------------------------------------------------------------

    def select(self, phrases: str) -> None:
        """Find what the comma-separated phrases name; one mask for each appears."""
        document = self._session.document
        if document is None:
            return

        def ask() -> None:
            wanted = segment.parse_phrases(phrases)
            preset, options = self._session.settings.preset, self._options

            def prepare(state: DocumentState) -> list[_Question]:
                request = segment.segment_request(state, wanted, preset=preset, options=options)
                return [_Question(request, lambda result: self._selected(document, result))]

            self._submit(document, [f"Select {', '.join(wanted)}"], prepare)

        self._try(ask)

    def segment_points(
        self, clicks: Sequence[Point], box: Rect | None, mask_id: str | None
    ) -> None:
        """Find what is at the clicks or in the box, as a new mask or a correction of one."""
        document = self._session.document
        if document is None:
            return
        preset, options = self._session.settings.preset, self._options

        def prepare(state: DocumentState) -> list[_Question]:
            request = points.point_request(
                state, clicks, box=box, mask_id=mask_id, preset=preset, options=options
            )
            return [_Question(request, apply)]

        def apply(result: object) -> None:
            assert isinstance(result, PointResult)
            target = mask_id if mask_id is not None else self._mask_of(clicks)
            if target not in {mask.id for mask in document.masks}:
                target = None
            self._clicked = tuple(clicks), points.apply_points(document, result, mask_id=target)
            self.points_applied.emit()

        if box is not None:
            self._submit(document, ["Find what is in the box"], prepare)
        else:
            # A later click on the same thing knows more than the one that is being answered.
            tag = f"click {clicks[0]}" if clicks else "click"
            self._submit(document, ["Find what was clicked"], prepare, where="replace", tag=tag)

    def edit(
        self, kind: EditKind, words: str, mask_ids: Sequence[str], variations: int = 1
    ) -> None:
        """Remove, replace or restyle what the masks cover, or the selection where there is none.

        One edit layer appears for each variation. The first one shows; the others wait hidden above
        it, so that they can be looked at one by one.
        """
        document = self._session.document
        if document is None:
            return

        def ask() -> None:
            waiting = [i for i in mask_ids if not document.state.mask(i).accepted]
            if waiting:
                # To act on a mask is to agree with it.
                segment.accept(document, waiting)
            engine, preset = self.engine.name, self._session.settings.preset
            seed, options = self._seed, self._options
            landed: list[str] = []

            def prepare(state: DocumentState) -> list[_Question]:
                plan = edit.plan_edit(
                    state,
                    mask_ids,
                    kind,
                    prompt=words,
                    seed=seed,
                    preset=preset,
                    engine=engine,
                    options=options,
                )
                others = edit.plan_variations(plan, variations - 1) if variations > 1 else ()
                return [self._new_layer(document, each, landed) for each in (plan, *others)]

            shown = [shown_thing(document.state.mask(i)) for i in mask_ids]
            title = _title(kind, words, ", ".join(dict.fromkeys(filter(None, shown))))
            numbered = [f"{title} ({n} of {variations})" for n in range(1, variations + 1)]
            self._submit(document, numbered if variations > 1 else [title], prepare)

        self._try(ask)

    def run_again(self, layer_id: str, *, vary: bool = False, mask_ids: Sequence[str] = ()) -> None:
        """Make an edit layer anew: as it was, with another seed, or inside other masks."""
        document = self._session.document
        if document is None:
            return

        def prepare(state: DocumentState) -> list[_Question]:
            mask = union_of(state, mask_ids) if mask_ids else None
            plan = edit.plan_rerun(state, layer_id, mask=mask)
            if vary:
                plan = edit.plan_variations(plan, 1)[0]

            def apply(result: object) -> None:
                assert isinstance(result, EditResult)
                edit.replace_edit(document, layer_id, plan, result)
                self._edited(layer_id, result)

            return [_Question(plan.request, apply, plan.engine)]

        def ask() -> None:
            name = document.state.layer(layer_id).name
            self._submit(document, [f"{'Vary' if vary else 'Run again'}: {name}"], prepare)

        self._try(ask)

    def add_held(self) -> None:
        """Apply the answers that came after something was undone: what was undone is given up."""
        held, self._held = self._held, []
        for errand, result in held:
            if errand.document is self._session.document:
                self._try(lambda errand=errand, result=result: errand.apply(result))

    def use_guess(self) -> None:
        """Take the engine's best guess for the phrase that was not found."""
        document, guess = self._session.document, self._guess
        if document is not None and guess is not None:
            self._guess = None
            self._try(lambda: segment.apply_guess(document, guess))
            self.selected.emit(document.current_mask_ids)

    # -- stopping --------------------------------------------------------------------------------

    def cancel(self, job_id: str = "") -> None:
        """Cancel a job, or the running one, or the next one."""
        number = int(job_id) if job_id else next(iter(self._list.ids), 0)
        if self._service.cancel(number):
            self._list.update(number, cancelling=True)
        else:
            # It was still being prepared.
            self._end(number)

    def cancel_all(self) -> None:
        """Cancel everything."""
        for number in reversed(self._list.ids):
            self.cancel(str(number))

    def close(self) -> None:
        """Forget everything asked; the service is stopped by its owner."""
        self._errands.clear()
        self._answers.clear()
        self._preparing.finish()

    # -- inside: submitting ----------------------------------------------------------------------

    @property
    def _options(self) -> Mapping[str, str] | None:
        return self._session.settings.engine_options.get(self.engine.name)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OVEditError as error:
            self.said.emit(Message.of(error))

    def _submit(
        self,
        document: Document,
        titles: Sequence[str],
        prepare: Callable[[DocumentState], list[_Question]],
        *,
        where: Where = "back",
        tag: str = "",
    ) -> None:
        """List a job for each title now; `prepare` makes their questions on another thread.

        A large picture takes a while to flatten, and the window should answer a click at once.
        """
        state, revision, engine = document.snapshot(), document.revision, self.engine.name
        numbers = [new_job_id() for _ in titles]
        could_redo = document.can_redo
        self._errands |= {number: _Errand(document, could_redo) for number in numbers}
        self._list.add(dict(zip(numbers, titles, strict=True)))

        def ready(questions: list[_Question]) -> None:
            for number, title, question in zip(numbers, titles, questions, strict=True):
                if number not in self._errands:
                    continue
                self._errands[number] = _Errand(document, could_redo, question.apply)
                job = Job(title, question.engine or engine, question.request, revision, tag, number)
                try:
                    self._service.submit(job, where)
                except OVEditError as error:
                    failed(error)

        def failed(error: OVEditError) -> None:
            # A list, so that all of them are ended.
            if any([self._end(number) is not None for number in numbers]):
                self.said.emit(Message.of(error))

        self._preparing.run(lambda: prepare(state), ready, failed)

    def _new_layer(self, document: Document, plan: edit.EditPlan, landed: list[str]) -> _Question:
        """The question for one variation; `landed` holds the layers that the others became."""

        def apply(result: object) -> None:
            assert isinstance(result, EditResult)
            before = document.current_layer_id
            layer_id = edit.apply_edit(document, plan, result, visible=not landed)
            # The masks used are hidden now: a brush must not go on working on them unseen.
            document.set_current(masks=())
            if landed:
                document.set_current(layer=before)
            landed.append(layer_id)
            self._edited(layer_id, result)

        return _Question(plan.request, apply, plan.engine)

    def _edited(self, layer_id: str, result: EditResult) -> None:
        if result.notes:
            self.said.emit(Message(" ".join(result.notes)))
        self.edited.emit(layer_id)

    def _mask_of(self, clicks: Sequence[Point]) -> str | None:
        """The mask that the first of these clicks have become meanwhile."""
        answered, mask_id = self._clicked
        return mask_id if answered and answered == tuple(clicks[: len(answered)]) else None

    # -- inside: what the service says -----------------------------------------------------------

    def _started(self, job: Job) -> None:
        self._list.update(job.id, queued=False)

    def _progressed(self, progress: JobProgress) -> None:
        self._list.update(
            progress.id,
            queued=False,
            step=progress.step,
            fraction=progress.fraction,
            seconds_left=progress.seconds_left,
        )
        errand = self._errands.get(progress.id)
        if progress.preview is None or errand is None:
            return
        if errand.document is self._session.document:
            self.previewed.emit(progress.preview)

    def _finished(self, done: JobResult) -> None:
        errand = self._end(done.id)
        if errand is not None:
            self._answers.append((errand, done.result))
            self._hand_over()

    def _failed(self, failure: JobFailure) -> None:
        if self._end(failure.id) is None:
            return
        self.said.emit(Message.of(failure.error))

    def _cancelled(self, job: Job) -> None:
        self._end(job.id)

    def _end(self, job_id: int) -> _Errand | None:
        if self._list.remove(job_id):
            self.previewed.emit(None)
        return self._errands.pop(job_id, None)

    def _hand_over(self) -> None:
        """Apply the answers in their order, as soon as their document has a moment."""
        while self._answers:
            errand, result = self._answers[0]
            if errand.document is not self._session.document:
                self._answers.popleft()
            elif errand.document.busy:
                # A stroke is under way: it must stay one step of its own.
                self._retry.start()
                return
            elif errand.document.can_redo and not errand.could_redo:
                # Applied now, it would take the undone steps away for good: that is not ours to do.
                self._held.append(self._answers.popleft())
                text = "The answer is here, but you have undone steps since; adding it drops those."
                self.said.emit(Message(text, "warning", (_BUTTON_HELD,)))
            else:
                self._answers.popleft()
                self._try(lambda errand=errand, result=result: errand.apply(result))

    def _document_changed(self) -> None:
        """Nobody waits any more for what was asked about a document that is closed."""
        self._guess, self._clicked = None, ((), "")
        self._held.clear()
        for number, errand in tuple(self._errands.items()):
            if errand.document is not self._session.document:
                self.cancel(str(number))
                self._errands.pop(number, None)

    def _selected(self, document: Document, result: object) -> None:
        assert isinstance(result, SegmentResult)
        outcome = segment.apply_segmentation(document, result)
        missing = next((phrase for phrase in outcome.phrases if not phrase.found), None)
        self._guess = missing if missing is not None and missing.guesses else None
        if missing is not None:
            buttons = (_BUTTON_GUESS,) if self._guess is not None else ()
            self.said.emit(Message(missing.message, "warning", buttons))
        elif outcome.messages:
            self.said.emit(Message(outcome.messages[0]))
        self.selected.emit(outcome.mask_ids)


def _title(kind: EditKind, words: str, shown: str) -> str:
    """What the job list calls an edit: "Replace → metal bench", "Remove wooden bench"."""
    words = " ".join(words.split())
    arrow = f" → {words}" if words and kind is not EditKind.REMOVE else ""
    return f"{str(kind).capitalize()}{arrow or f' {shown}'.rstrip()}"
