"""Jobs on their way: from a question to an answer in the document.

Requests go to the model service with a snapshot of the document; what takes a while and needs no
model is worked out on another thread. An answer is applied when the document has a moment (no
gesture under way), held where it would take undone steps away, and dropped if its document is no
longer open. What is no change of the document waits for none of this, but keeps its turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from ovedit.document import Document, DocumentState
from ovedit.engine.requests import EditRequest, Request
from ovedit.errors import EngineMissingError, ModelError, OVEditError
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult, Where, new_job_id
from ovedit.service.model_service import ModelService
from ovedit.ui.background import Background
from ovedit.ui.job_list import JobList
from ovedit.ui.messages import MODELS, USE_BUILT_IN, USE_FAST, Message
from ovedit.ui.session import Session
from ovedit.workflows import aside

T = TypeVar("T")

_RETRY_MS = 50
_SHOWN_AFTER_MS = 150
"""What is done sooner is not listed: a line that comes and goes at once only disturbs."""
ADD_HELD = "add-held"


@dataclass(frozen=True, eq=False)
class Question:
    """A request, what to do with its answer, and the engine to ask if not the one in use.

    lands: whether the answer changes the document; one that is only shown beside it waits for
    nothing.
    """

    request: Request
    apply: Callable[[object], None]
    engine: str = ""
    lands: bool = True


@dataclass(frozen=True, eq=False)
class _Errand:
    """What to do with a job's answer, and the document that it is for.

    changes: whether the answer is for the document; if not, it is wanted whatever becomes of that.
    lands: see `Question`. together: all jobs that were asked for at once.
    """

    document: Document | None
    could_redo: bool = False
    apply: Callable[[Any], object] = lambda _result: None
    changes: bool = True
    lands: bool = True
    together: tuple[int, ...] = ()


class Errands(QObject):
    """Submits questions and hands their answers over, in order.

    Signals: jobs_changed(tuple[JobView, ...]), the running one first; previewed(Preview or None)
    while an edit runs; said(Message); abandoned(int), the id of a job that ended without an answer.
    """

    jobs_changed = Signal(object)
    abandoned = Signal(int)
    previewed = Signal(object)
    said = Signal(object)

    def __init__(self, session: Session, service: ModelService, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._service = session, service
        self._errands: dict[int, _Errand] = {}
        self._list = JobList(self)
        self._list.changed.connect(self.jobs_changed)
        self._preparing = Background(self)
        self._aside = Background(self)
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

    @property
    def busy(self) -> bool:
        """Whether something is under way or waits for the document to have a moment."""
        return bool(self._errands or self._answers)

    # -- asking ----------------------------------------------------------------------------------

    def attempt(self, work: Callable[[], object]) -> None:
        """Do something; an `OVEditError` is said."""
        try:
            work()
        except OVEditError as error:
            self.said.emit(Message.of(error))

    def submit(
        self,
        document: Document,
        engine: str,
        titles: Sequence[str],
        prepare: Callable[[DocumentState], list[Question]],
        *,
        where: Where = "back",
        tag: str = "",
    ) -> tuple[int, ...]:
        """List a job for each title now; `prepare` makes their questions on another thread.

        A large picture takes a while to flatten, and the window should answer a click at once.
        engine: who is asked. where, tag: see `ModelService.submit` and `Job`. Returns the jobs.
        """
        state, revision = document.snapshot(), document.revision
        numbers = tuple(new_job_id() for _ in titles)
        waiting = _Errand(document, document.can_redo, together=numbers)
        self._errands |= dict.fromkeys(numbers, waiting)
        self._list.add(dict(zip(numbers, titles, strict=True)))

        def ready(questions: list[Question]) -> None:
            for number, title, question in zip(numbers, titles, questions, strict=True):
                if number not in self._errands:
                    continue
                self._errands[number] = replace(waiting, apply=question.apply, lands=question.lands)
                job = Job(title, question.engine or engine, question.request, revision, tag, number)
                try:
                    self._service.submit(job, where)
                except OVEditError as error:
                    failed(error)

        def failed(error: OVEditError) -> None:
            # A list, so that all of them are ended.
            if any([self._abandon(number) for number in numbers]):
                self.said.emit(Message.of(error))

        self._preparing.run(lambda: prepare(state), ready, failed, disposable=True)
        return numbers

    # -- without a model -------------------------------------------------------------------------

    def change(
        self,
        title: str,
        work: Callable[[Document], T],
        then: Callable[[T], object] = lambda _result: None,
    ) -> None:
        """Do to the open document what `work` does to a copy of it, on another thread.

        It becomes the undo step that `work` makes; what `work` returns goes to `then`. Where the
        document is another by then, `work` is done again on what it has become.
        """
        document = self._session.document
        if document is None:
            return
        state, revision = document.snapshot(), document.revision

        def work_out() -> tuple[aside.Outcome, T]:
            results: list[T] = []
            return aside.work_out(state, lambda copy: results.append(work(copy))), results[0]

        def apply(worked: tuple[aside.Outcome, T]) -> None:
            if document.revision == revision:
                aside.bring_in(document, worked[0])
                then(worked[1])
            else:
                self.change(title, work, then)

        self.work(title, work_out, apply)

    def work(
        self,
        title: str,
        work: Callable[[], T],
        apply: Callable[[T], object],
        *,
        changes: bool = True,
    ) -> None:
        """Do `work` on another thread, then `apply` what it gave to the open document.

        changes: False where `apply` is for something else, as for the clipboard: it is then done
        even if the document is closed meanwhile. Cancelling drops what `work` gives. One thing is
        worked out after the other, and applied in that order.
        """
        document, number = self._session.document, new_job_id()
        could_redo = document is not None and document.can_redo
        self._errands[number] = _Errand(document, could_redo, apply, changes)

        def show() -> None:
            if number in self._errands:
                self._list.add({number: title})
                self._list.update(number, queued=False)

        def done(result: T) -> None:
            errand = self._end(number)
            if errand is not None:
                self._answers.append((errand, result))
                self._hand_over()

        def failed(error: OVEditError) -> None:
            if self._end(number) is not None:
                self.said.emit(Message.of(error))

        QTimer.singleShot(_SHOWN_AFTER_MS, self, show)
        self._aside.run(work, done, failed, disposable=changes)

    # -- stopping --------------------------------------------------------------------------------

    def cancel(self, job_id: str = "") -> None:
        """Cancel a job; without an id the running or next one, and all asked for with it."""
        number = int(job_id) if job_id else next(iter(self._list.ids), 0)
        errand = self._errands.get(number)
        if not job_id and errand is not None:
            for other in reversed(errand.together):
                if other != number and other in self._errands:
                    self.cancel(str(other))
        if self._service.cancel(number):
            self._list.update(number, cancelling=True)
        else:
            # It was still being prepared, or is worked out without the service.
            self._abandon(number)

    def cancel_all(self) -> None:
        """Cancel everything."""
        for number in reversed(self._list.ids):
            self.cancel(str(number))

    def close(self) -> None:
        """Cancel everything; what changes no document is still done when the threads are finished.

        The service is stopped by its owner.
        """
        self._service.cancel_all()
        self._errands = {n: errand for n, errand in self._errands.items() if not errand.changes}
        self._answers = deque(answer for answer in self._answers if not answer[0].changes)
        self._held.clear()
        self._preparing.abandon()
        self._aside.abandon()
        self._hand_over()

    def add_held(self) -> None:
        """Apply the answers that came after something was undone: what was undone is given up."""
        held, self._held = self._held, []
        for errand, result in held:
            if errand.document is self._session.document:
                self.attempt(lambda errand=errand, result=result: errand.apply(result))

    # -- what the service says ------------------------------------------------------------------

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
        if not self._abandon(failure.id):
            return
        error, ways = failure.error, tuple(self._ways_out(failure))
        if isinstance(error, EngineMissingError) and error.models:
            # Where it was looked for and what to type is for the command line.
            self.said.emit(Message(error.message, "error", ways))
        else:
            self.said.emit(Message.of(error, *ways))

    def _ways_out(self, failure: JobFailure) -> list[tuple[str, str]]:
        """Buttons that help where a model or an engine is missing."""
        error, request = failure.error, failure.job.request
        if not isinstance(error, EngineMissingError | ModelError):
            return []
        missing = error.models[:1] if isinstance(error, EngineMissingError) else ()
        models = ("Models…", ":".join((MODELS, *missing)))
        built_in = ("Use the built-in engine", USE_BUILT_IN)
        if isinstance(request, EditRequest):
            return [models, (built_in[0], f"{USE_BUILT_IN}:edit")]
        engines = {info.name: info for info in self._service.engines()}
        info = engines.get(failure.job.engine)
        # Available means that the smallest models are here.
        if missing and request.preset != "fast" and info is not None and info.available:
            return [models, ("Use the preset Fast", USE_FAST)]
        return [models, built_in]

    def _cancelled(self, job: Job) -> None:
        self._abandon(job.id)

    def _abandon(self, job_id: int) -> bool:
        """End a job that has no answer; whether it was waited for."""
        waited = self._end(job_id) is not None
        if waited:
            self.abandoned.emit(job_id)
        return waited

    def _end(self, job_id: int) -> _Errand | None:
        if self._list.remove(job_id):
            self.previewed.emit(None)
        return self._errands.pop(job_id, None)

    def _hand_over(self) -> None:
        """Apply the answers in their order, as soon as their document has a moment."""
        while self._answers:
            errand, result = self._answers[0]
            if not errand.changes:
                self._answers.popleft()
                self.attempt(lambda errand=errand, result=result: errand.apply(result))
            elif errand.document is not self._session.document:
                self._answers.popleft()
            elif not errand.lands:
                self._answers.popleft()
                self.attempt(lambda errand=errand, result=result: errand.apply(result))
            elif errand.document is not None and errand.document.busy:
                # A stroke is under way: it must stay one step of its own.
                self._retry.start()
                return
            elif errand.document is not None and (
                errand.document.can_redo and not errand.could_redo
            ):
                # Applied now, it would take the undone steps away for good: that is not ours to do.
                self._held.append(self._answers.popleft())
                text = "The answer is here, but you have undone steps since; adding it drops those."
                self.said.emit(Message(text, "warning", (("Add it", ADD_HELD),)))
            else:
                self._answers.popleft()
                self.attempt(lambda errand=errand, result=result: errand.apply(result))

    def _document_changed(self) -> None:
        """Nobody waits any more for what was asked about a document that is closed."""
        self._held.clear()
        for number, errand in tuple(self._errands.items()):
            if errand.changes and errand.document is not self._session.document:
                self.cancel(str(number))
                self._errands.pop(number, None)
