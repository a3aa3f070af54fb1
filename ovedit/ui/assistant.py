"""Asks the engines on the person's behalf and puts their answers into the document.

Requests go to the model service with a snapshot of the document. An answer is applied when the
document has a moment (no gesture under way), and dropped with a word if it is no longer open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ovedit.document import Document
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import (
    EditKind,
    EditResult,
    Point,
    PointResult,
    Request,
    SegmentResult,
)
from ovedit.errors import CannotDoError, NothingFoundError, OVEditError
from ovedit.geometry import Rect
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult, Where
from ovedit.service.model_service import ModelService
from ovedit.ui.messages import Message
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.session import Session
from ovedit.workflows import edit, points, segment

_RETRY_MS = 50
_BUTTON_GUESS = ("Show best guess", "use-guess")
_BUTTON_ENGINES = ("Better engines", "better-engines")


@dataclass(frozen=True, eq=False)
class _Errand:
    """What to do with a job's answer, and the document that it is for."""

    document: Document
    apply: Callable[[object], None]


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
        self._views: dict[int, JobView] = {}
        self._guess: segment.PhraseOutcome | None = None
        self._seed = 0
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
        settings = self._session.settings

        def ask() -> None:
            request = segment.segment_request(
                document.state,
                phrases,
                preset=settings.preset,
                options=settings.engine_options.get(self.engine.name),
            )
            title = f"Select {', '.join(request.phrases)}"
            self._submit(document, title, request, lambda result: self._selected(document, result))

        self._try(ask)

    def segment_points(
        self, clicks: Sequence[Point], box: Rect | None, mask_id: str | None
    ) -> None:
        """Find what is at the clicks or in the box, as a new mask or a correction of one."""
        document = self._session.document
        if document is None:
            return

        def ask() -> None:
            request = points.point_request(
                document.state,
                clicks,
                box=box,
                mask_id=mask_id,
                preset=self._session.settings.preset,
            )

            def apply(result: object) -> None:
                assert isinstance(result, PointResult)
                present = {mask.id for mask in document.masks}
                points.apply_points(
                    document, result, mask_id=mask_id if mask_id in present else None
                )
                self.points_applied.emit()

            title = "Find what was clicked" if box is None else "Find what is in the box"
            # A later click knows more than the one that is still being answered.
            self._submit(document, title, request, apply, where="replace", tag="points")

        self._try(ask)

    def edit(self, kind: EditKind, words: str, mask_ids: Sequence[str]) -> None:
        """Remove, replace or restyle what the masks cover; one edit layer appears."""
        document = self._session.document
        if document is None:
            return

        def ask() -> None:
            waiting = [i for i in mask_ids if not document.state.mask(i).accepted]
            if waiting:
                # To act on a mask is to agree with it.
                segment.accept(document, waiting)
            plan = edit.plan_edit(
                document.state,
                mask_ids,
                kind,
                prompt=words,
                seed=self._seed,
                preset=self._session.settings.preset,
                engine=self.engine.name,
                options=self._session.settings.engine_options.get(self.engine.name),
            )
            self._submit_edit(document, plan)

        self._try(ask)

    def run_again(self, layer_id: str, *, vary: bool = False) -> None:
        """Make an edit layer anew as it was, or with another seed."""
        document = self._session.document
        if document is None:
            return

        def ask() -> None:
            plan = edit.plan_rerun(document.state, layer_id)
            if vary:
                plan = edit.plan_variations(plan, 1)[0]
            self._submit_edit(document, plan)

        self._try(ask)

    def use_guess(self) -> None:
        """Take the engine's best guess for the phrase that was not found."""
        document, guess = self._session.document, self._guess
        if document is not None and guess is not None:
            self._guess = None
            self._try(lambda: segment.apply_guess(document, guess))
            self.selected.emit(document.current_mask_ids)

    # -- stopping --------------------------------------------------------------------------------

    def cancel(self, job_id: str = "") -> None:
        """Cancel a job, or the running one."""
        number = int(job_id) if job_id else next(iter(self._views), 0)
        if self._service.cancel(number):
            self._update_view(number, cancelling=True)

    def cancel_all(self) -> None:
        """Cancel everything."""
        self._service.cancel_all()

    # -- inside: submitting ----------------------------------------------------------------------

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OVEditError as error:
            self.said.emit(Message.of(error))

    def _submit_edit(self, document: Document, plan: edit.EditPlan) -> None:
        request = plan.request

        def apply(result: object) -> None:
            assert isinstance(result, EditResult)
            if plan.layer_id:
                edit.replace_edit(document, plan.layer_id, plan, result)
                layer_id = plan.layer_id
            else:
                layer_id = edit.apply_edit(document, plan, result)
            if result.notes:
                self.said.emit(Message(" ".join(result.notes)))
            self.edited.emit(layer_id)

        verb = str(request.kind).capitalize()
        what = request.prompt or request.phrase
        arrow = " → " if request.prompt else " "
        self._submit(document, f"{verb}{arrow}{what}", request, apply, engine=plan.engine)

    def _submit(
        self,
        document: Document,
        title: str,
        request: Request,
        apply: Callable[[object], None],
        *,
        engine: str = "",
        where: Where = "back",
        tag: str = "",
    ) -> None:
        job = Job(
            title=title,
            engine=engine or self.engine.name,
            request=request,
            revision=document.revision,
            tag=tag,
        )
        self._errands[job.id] = _Errand(document, apply)
        self._views[job.id] = JobView(str(job.id), title, queued=True)
        self._service.submit(job, where)
        self._tell()

    # -- inside: what the service says -----------------------------------------------------------

    def _started(self, job: Job) -> None:
        self._update_view(job.id, queued=False)

    def _progressed(self, progress: JobProgress) -> None:
        self._update_view(
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
            self._apply(errand, done.result)

    def _failed(self, failure: JobFailure) -> None:
        if self._end(failure.id) is None:
            return
        buttons = ()
        if isinstance(failure.error, CannotDoError | NothingFoundError):
            buttons = (_BUTTON_ENGINES,)
        self.said.emit(Message.of(failure.error, *buttons))

    def _cancelled(self, job: Job) -> None:
        self._end(job.id)

    def _end(self, job_id: int) -> _Errand | None:
        self._views.pop(job_id, None)
        self.previewed.emit(None)
        self._tell()
        return self._errands.pop(job_id, None)

    def _apply(self, errand: _Errand, result: object) -> None:
        if errand.document is not self._session.document:
            return
        if errand.document.busy:
            # A stroke is under way: it must stay one step of its own.
            QTimer.singleShot(_RETRY_MS, lambda: self._apply(errand, result))
            return
        self._try(lambda: errand.apply(result))

    def _selected(self, document: Document, result: object) -> None:
        assert isinstance(result, SegmentResult)
        outcome = segment.apply_segmentation(document, result)
        missing = next((phrase for phrase in outcome.phrases if not phrase.found), None)
        self._guess = missing if missing is not None and missing.guesses else None
        text = " ".join(outcome.messages)
        if missing is not None:
            buttons = (_BUTTON_GUESS,) if self._guess is not None else ()
            self.said.emit(Message(text, "warning", (*buttons, _BUTTON_ENGINES)))
        elif text:
            self.said.emit(Message(text))
        self.selected.emit(outcome.mask_ids)

    # -- inside: the job list --------------------------------------------------------------------

    def _update_view(self, job_id: int, **changes: Any) -> None:
        view = self._views.get(job_id)
        if view is not None:
            self._views[job_id] = replace(view, **changes)
            self._tell()

    def _tell(self) -> None:
        running = [view for view in self._views.values() if not view.queued]
        queued = [view for view in self._views.values() if view.queued]
        self.jobs_changed.emit((*running, *queued))
