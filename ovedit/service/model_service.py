"""The model service: a queue on the window's thread, one worker on its own."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, QThread, QTimer, Signal, SignalInstance

from ovedit.engine.protocols import CancelToken, EngineInfo, EngineProvider, Forecast, SettingLine
from ovedit.engine.requests import EditRequest, Preset, Result
from ovedit.errors import EngineError, OVEditError
from ovedit.service.garbage import OwnThreadCollector
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult, JobStatus, Where
from ovedit.service.mailbox import ProgressMailbox
from ovedit.service.rate import RateEstimate
from ovedit.service.worker import EngineWorker

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_MS = 34
SHUTDOWN_WAIT_MS = 2000
# LLVM compiles deep expressions recursively; the default is half a megabyte on macOS.
STACK_BYTES = 16 * 1024 * 1024
# With the default, 5 ms, an engine that computes in Python holds up the window's events: the 99th
# percentile of a 10 ms heartbeat was 22 ms, against 16 ms with this.
SWITCH_SECONDS = 0.001


@dataclass
class _Running:
    status: JobStatus
    cancel: CancelToken = field(default_factory=CancelToken)
    rate: RateEstimate = field(default_factory=RateEstimate)


class ModelService(QObject):
    """Runs jobs one after another on a worker thread that alone owns the engines.

    Lives on the thread that made it, which needs an event loop. Every job that was submitted ends
    in exactly one of `finished`, `failed` and `cancelled`.

    started(Job): the engine begins.
    progressed(JobProgress): at most about 30 a second; the last one always arrives.
    finished(JobResult), failed(JobFailure), cancelled(Job): how it ended.
    changed(): `jobs()` would answer differently (not sent for progress).
    engines_changed(tuple of EngineInfo): the answer to `refresh_engines`.
    engines_failed(OVEditError): why there is no such answer.
    """

    started = Signal(object)
    progressed = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal(object)
    changed = Signal()
    engines_changed = Signal(object)
    engines_failed = Signal(object)

    _run = Signal(object, object)
    _list_engines = Signal()

    def __init__(self, provider: EngineProvider, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._provider = provider
        self._queue: list[Job] = []
        self._running: _Running | None = None
        self._engines: tuple[EngineInfo, ...] = ()
        self._closing = False
        self._mailbox = ProgressMailbox()
        self._last_delivery = 0.0
        self._delivery = QTimer(self, singleShot=True)
        self._delivery.timeout.connect(self._deliver_progress)
        self._collector = OwnThreadCollector(self)
        self._worker = EngineWorker(provider, self._mailbox)
        self._thread = QThread()
        self._thread.setObjectName("ovedit-models")
        self._thread.setStackSize(STACK_BYTES)
        self._worker.moveToThread(self._thread)
        self._run.connect(self._worker.run)
        self._list_engines.connect(self._worker.list_engines)
        self._worker.began.connect(self._on_began)
        self._worker.reported.connect(self._on_reported)
        self._worker.answered.connect(self._on_answered)
        self._worker.failed.connect(self._on_failed)
        self._worker.stopped.connect(self._on_stopped)
        self._worker.listed.connect(self._on_listed)
        self._worker.not_listed.connect(self._on_not_listed)
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
        self._collector.start()
        self._thread.start()

    def submit(self, job: Job, where: Where = "back") -> int:
        """Queue a job and return its id.

        "back" runs it after all others, "front" before those still waiting. "replace" cancels the
        waiting and running jobs with its tag and then runs it next. Raises `EngineError` for a job
        that is here already, for "replace" without a tag, and once `shutdown` was called.
        """
        if self._closing:
            raise EngineError(f"{job.title!r} cannot start: OVEdit is closing.")
        if any(job.id == status.job.id for status in self.jobs()):
            raise EngineError(f"The job {job.id} ({job.title!r}) is in the queue already.")
        if where == "replace":
            if not job.tag:
                raise EngineError(f"The job {job.title!r} has no tag to replace others by.")
            for status in self.jobs():
                if status.job.tag == job.tag:
                    self.cancel(status.job.id)
        self._queue.insert(len(self._queue) if where == "back" else 0, job)
        self._dispatch()
        self.changed.emit()
        return job.id

    def cancel(self, job_id: int) -> bool:
        """Cancel a job; False if there is none with this id (any more).

        A waiting job is cancelled at once, the running one when its engine next looks at its token.
        """
        running = self._running
        if running is not None and running.status.job.id == job_id:
            running.cancel.cancel()
            running.status = replace(running.status, state="cancelling", seconds_left=None)
            self.changed.emit()
            return True
        for job in self._queue:
            if job.id == job_id:
                self._queue.remove(job)
                self.cancelled.emit(job)
                self.changed.emit()
                return True
        return False

    def cancel_all(self) -> None:
        """Cancel every job."""
        for status in reversed(self.jobs()):
            self.cancel(status.job.id)

    def jobs(self) -> tuple[JobStatus, ...]:
        """The running job, then the waiting ones in their order."""
        running = () if self._running is None else (self._running.status,)
        return (*running, *(JobStatus(job, "queued") for job in self._queue))

    def engines(self) -> tuple[EngineInfo, ...]:
        """What `engines_changed` told last; empty before the first `refresh_engines`."""
        return self._engines

    def refresh_engines(self) -> None:
        """Ask for the engines there are; the answer comes as `engines_changed`."""
        self._list_engines.emit()

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        """All settings of an engine, at once; see `EngineProvider.settings`."""
        return self._provider.settings(engine, preset, options)

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        """What an edit will take, without running it; see `EngineProvider.forecast`."""
        return self._provider.forecast(engine, request)

    def shutdown(self, wait_ms: int = SHUTDOWN_WAIT_MS) -> bool:
        """Cancel everything and end the thread, waiting at most `wait_ms`.

        Returns whether it ended. If not, an engine does not look at its token: leave the process
        with `os._exit` after saving, or call this again later. Do not drop the service before: Qt
        ends the process when a running thread is destroyed.
        """
        self._closing = True
        self.cancel_all()
        self._thread.quit()
        if not self._thread.wait(wait_ms):
            log.warning("The worker thread did not stop within %d ms", wait_ms)
            return False
        self._delivery.stop()
        self._collector.stop()
        # The worker's last words wait in an event queue that may never run again.
        if self._running is not None:
            self._end(self._running.status.job.id, self.cancelled, self._running.status.job)
        return True

    def _dispatch(self) -> None:
        if self._running is not None or not self._queue or self._closing:
            return
        job = self._queue.pop(0)
        self._running = _Running(JobStatus(job, "running"))
        self._run.emit(job, self._running.cancel)

    def _job(self, job_id: int) -> Job | None:
        """The running job, if it has this id: signals of one that ended may still be under way."""
        running = self._running
        return running.status.job if running and running.status.job.id == job_id else None

    def _end(self, job_id: int, signal: SignalInstance, value: object) -> None:
        self._deliver_progress()
        self._running = None
        signal.emit(value)
        self._dispatch()
        self.changed.emit()

    def _on_began(self, job_id: int) -> None:
        if job := self._job(job_id):
            self.started.emit(job)

    def _on_reported(self) -> None:
        since = (time.monotonic() - self._last_delivery) * 1000
        if since >= PROGRESS_INTERVAL_MS:
            self._deliver_progress()
        elif not self._delivery.isActive():
            self._delivery.start(max(1, round(PROGRESS_INTERVAL_MS - since)))

    def _deliver_progress(self) -> None:
        self._delivery.stop()
        report = self._mailbox.take()
        running = self._running
        if report is None or running is None or running.status.job.id != report.id:
            return
        self._last_delivery = time.monotonic()
        left = running.rate.update(self._last_delivery, report.fraction)
        if running.status.state == "cancelling":
            left = None
        running.status = replace(
            running.status, fraction=report.fraction, step=report.step, seconds_left=left
        )
        self.progressed.emit(
            JobProgress(
                report.id,
                running.status.job.revision,
                report.fraction,
                report.step,
                report.preview,
                left,
            )
        )

    def _on_answered(self, job_id: int, result: Result, seconds: float) -> None:
        if (job := self._job(job_id)) is None or self._running is None:
            return
        if self._running.cancel.cancelled:
            # Cancelled while the answer was on its way here.
            self._end(job_id, self.cancelled, job)
        else:
            self._end(job_id, self.finished, JobResult(job_id, job.revision, job, result, seconds))

    def _on_failed(self, job_id: int, error: OVEditError) -> None:
        if job := self._job(job_id):
            self._end(job_id, self.failed, JobFailure(job_id, job.revision, job, error))

    def _on_stopped(self, job_id: int) -> None:
        if job := self._job(job_id):
            self._end(job_id, self.cancelled, job)

    def _on_listed(self, engines: tuple[EngineInfo, ...]) -> None:
        self._engines = engines
        self.engines_changed.emit(engines)

    def _on_not_listed(self, error: OVEditError) -> None:
        self.engines_failed.emit(error)
