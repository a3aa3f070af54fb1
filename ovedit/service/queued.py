"""The engines of a model service for another thread, which asks and waits.

Workflows that run by themselves for a while, as a batch does, are written for an `EngineProvider`.
In the window, engines belong to the service's thread: what such a workflow asks joins the queue
there, so that what the person asks meanwhile has its turn between two of its questions.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal

from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    Forecast,
    Progress,
    SettingLine,
)
from ovedit.engine.requests import EditRequest, Preset, Request, Result, SegmentRequest
from ovedit.errors import Cancelled, EngineError, OVEditError
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult
from ovedit.service.model_service import ModelService

_LOOK_SECONDS = 0.05
"""How often who waits looks at its token and at the progress."""


@dataclass(eq=False)
class _Call:
    """A question on its way; `ended` is set when there is a result or an error."""

    job: Job
    ended: threading.Event = field(default_factory=threading.Event)
    news: JobProgress | None = None
    result: Result | None = None
    error: OVEditError | None = None

    def end(self, result: Result | None = None, error: OVEditError | None = None) -> None:
        self.result, self.error = result, error
        self.ended.set()


class QueuedEngines(QObject):
    """An `EngineProvider` over a service; lives on the service's thread.

    `answer` is for other threads: on that one it would wait for itself.
    """

    _asked = Signal(object)
    _dropped = Signal(int)

    def __init__(self, service: ModelService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service = service
        self._calls: dict[int, _Call] = {}
        self._asked.connect(self._submit)
        self._dropped.connect(self._drop)
        service.progressed.connect(self._progressed)
        service.finished.connect(self._finished)
        service.failed.connect(self._failed)
        service.cancelled.connect(self._cancelled)

    def engines(self) -> Sequence[EngineInfo]:
        """The engines that the service listed last."""
        return self._service.engines()

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        """All settings of an engine; see `EngineProvider.settings`."""
        return self._service.settings(engine, preset, options)

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        """What an edit will take; see `EngineProvider.forecast`."""
        return self._service.forecast(engine, request)

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        """Queue the request and wait for its answer; progress comes on the thread that waits.

        Raises what the engine raised; `Cancelled` as soon as the token is set, or where the service
        gave the job up.
        """
        cancel.check()
        call = _Call(Job(_title(request), engine, request))
        self._asked.emit(call)
        while not call.ended.wait(_LOOK_SECONDS):
            if cancel.cancelled:
                self._dropped.emit(call.job.id)
                raise Cancelled()
            news, call.news = call.news, None
            if news is not None:
                progress(news.fraction, news.step, news.preview)
        if call.error is not None:
            raise call.error
        assert call.result is not None
        return call.result

    # -- on the service's thread -----------------------------------------------------------------

    def _submit(self, call: _Call) -> None:
        self._calls[call.job.id] = call
        try:
            self._service.submit(call.job)
        except EngineError as error:
            del self._calls[call.job.id]
            call.end(error=error)

    def _drop(self, job_id: int) -> None:
        self._calls.pop(job_id, None)
        self._service.cancel(job_id)

    def _progressed(self, progress: JobProgress) -> None:
        call = self._calls.get(progress.id)
        if call is not None:
            call.news = progress

    def _finished(self, done: JobResult) -> None:
        call = self._calls.pop(done.id, None)
        if call is not None:
            call.end(done.result)

    def _failed(self, failure: JobFailure) -> None:
        call = self._calls.pop(failure.id, None)
        if call is not None:
            call.end(error=failure.error)

    def _cancelled(self, job: Job) -> None:
        call = self._calls.pop(job.id, None)
        if call is not None:
            call.end(error=Cancelled())


def _title(request: Request) -> str:
    if isinstance(request, SegmentRequest):
        return f"Select {', '.join(request.phrases)}"
    return str(request.kind).capitalize() if isinstance(request, EditRequest) else "Find"
