"""Work off the window's thread, one thing at a time, with the result back on it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QRunnable, QThreadPool, Signal

from ovedit.errors import OVEditError

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Waiting:
    done: Callable[[Any], None]
    failed: Callable[[OVEditError], None]
    disposable: bool


class _Task(QRunnable):
    def __init__(
        self,
        number: int,
        work: Callable[[], Any],
        wanted: Callable[[int], bool],
        report: Callable[..., None],
    ) -> None:
        super().__init__()
        self._number, self._work = number, work
        self._wanted, self._report = wanted, report

    def run(self) -> None:
        if not self._wanted(self._number):
            return
        try:
            self._report(self._number, self._work(), None)
        except OVEditError as error:
            self._report(self._number, None, error)
        except Exception as error:
            _log.exception("Work in the background failed")
            unforeseen = OVEditError(
                f"Something unforeseen went wrong ({type(error).__name__}: {error}).",
                "The document is as it was; please report this.",
            )
            self._report(self._number, None, unforeseen)


class Background(QObject):
    """Runs plain functions on one thread of its own, in the order they were given.

    Signals: busy_changed(bool).
    """

    busy_changed = Signal(bool)
    _finished = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._waiting: dict[int, _Waiting] = {}
        self._count = self._failures = 0
        self._finished.connect(self._deliver)

    @property
    def busy(self) -> bool:
        """Whether something is being done or waiting."""
        return bool(self._waiting)

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[OVEditError], None],
        *,
        disposable: bool = False,
    ) -> None:
        """Do `work` elsewhere; then call `done` with its result or `failed` with its error.

        disposable: nothing is lost where it is not done, as with reading a file; see `abandon`.
        """
        self._count += 1
        self._waiting[self._count] = _Waiting(done, failed, disposable)
        if len(self._waiting) == 1:
            self.busy_changed.emit(True)
        wanted = self._waiting.__contains__
        self._pool.start(_Task(self._count, work, wanted, self._finished.emit))

    def abandon(self) -> None:
        """Drop what is disposable: what waits is not begun, what comes of the rest is not told."""
        dropped = [number for number, task in self._waiting.items() if task.disposable]
        for number in dropped:
            del self._waiting[number]
        if dropped and not self._waiting:
            self.busy_changed.emit(False)

    def finish(self) -> bool:
        """Wait until everything is done and delivered; whether all of it worked.

        For closing: a save must not be lost, nor the news that it failed.
        """
        failures = self._failures
        while self._waiting:
            self._pool.waitForDone()
            # The answers wait in this thread's event queue.
            QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)
        return self._failures == failures

    def wait(self, wait_ms: int) -> bool:
        """Wait for the thread to be idle, at most `wait_ms`; whether it is. Nothing is delivered.

        What was abandoned while it ran goes on until its end.
        """
        return self._pool.waitForDone(wait_ms)

    def _deliver(self, number: int, result: Any, error: OVEditError | None) -> None:
        task = self._waiting.pop(number, None)
        if task is None:
            return
        if not self._waiting:
            self.busy_changed.emit(False)
        if error is not None:
            self._failures += 1
            task.failed(error)
        else:
            task.done(result)
