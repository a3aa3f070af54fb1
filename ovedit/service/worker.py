"""The object that lives on the worker thread and is alone in talking to engines."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QObject, Signal, Slot

from ovedit.engine.protocols import CancelToken, EngineProvider, Preview
from ovedit.errors import Cancelled
from ovedit.service.failures import as_value
from ovedit.service.jobs import Job
from ovedit.service.mailbox import ProgressMailbox, Report


class EngineWorker(QObject):
    """Answers one job at a time. Nothing an engine raises ends it.

    began(id): the job's turn has come.
    reported(): the mailbox holds progress.
    answered(id, Result, seconds), failed(id, OVEditError), stopped(id): the three ways a job ends.
    listed(tuple of EngineInfo): the engines there are; not_listed(OVEditError): why they are not.
    """

    began = Signal(int)
    reported = Signal()
    answered = Signal(int, object, float)
    failed = Signal(int, object)
    stopped = Signal(int)
    listed = Signal(object)
    not_listed = Signal(object)

    def __init__(self, provider: EngineProvider, mailbox: ProgressMailbox) -> None:
        super().__init__()
        self._provider = provider
        self._mailbox = mailbox

    @Slot()
    def list_engines(self) -> None:
        """Ask the provider which engines there are."""
        try:
            engines = tuple(self._provider.engines())
        except BaseException as error:
            self.not_listed.emit(as_value(error, "The list of engines"))
            return
        self.listed.emit(engines)

    @Slot(object, object)
    def run(self, job: Job, cancel: CancelToken) -> None:
        """Let the job's engine answer and say how it ended."""

        def progress(fraction: float, step: str = "", preview: Preview | None = None) -> None:
            done = min(1.0, max(0.0, float(fraction))) if math.isfinite(fraction) else 0.0
            if self._mailbox.put(Report(job.id, done, step, preview)):
                self.reported.emit()

        start = time.perf_counter()
        try:
            cancel.check()
            self.began.emit(job.id)
            result = self._provider.answer(job.engine, job.request, progress, cancel)
            # What nobody waits for any more is not delivered.
            cancel.check()
        except Cancelled:
            self.stopped.emit(job.id)
        except BaseException as error:
            value = as_value(error, f"The engine {job.engine}")
            if cancel.cancelled:
                self.stopped.emit(job.id)
            else:
                self.failed.emit(job.id, value)
        else:
            self.answered.emit(job.id, result, time.perf_counter() - start)
