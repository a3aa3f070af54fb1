"""The newest progress report on its way from the worker's thread to the window's."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ovedit.engine.protocols import Preview


@dataclass(frozen=True, eq=False)
class Report:
    """What an engine said about one job."""

    id: int
    fraction: float
    step: str
    preview: Preview | None


class ProgressMailbox:
    """Holds one report. A newer one takes its place, so that a fast engine floods nobody.

    A preview stays until it was taken or a newer one came: it is news of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Report | None = None

    def put(self, report: Report) -> bool:
        """Leave a report; True if the box was empty, so that somebody should be told."""
        with self._lock:
            waiting = self._report
            if waiting is not None and waiting.id == report.id and report.preview is None:
                report = Report(report.id, report.fraction, report.step, waiting.preview)
            self._report = report
            return waiting is None

    def take(self) -> Report | None:
        """The report, if there is one; the box is empty afterwards."""
        with self._lock:
            report, self._report = self._report, None
            return report
