"""The jobs under way, as the job dock, the prompt card and the status row show them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from ovedit.ui.panels.jobs import JobView

_TELLING = 0.05
"""Before this share is done, an estimate of the time left says nothing."""


class JobList(QObject):
    """Signals: changed(tuple[JobView, ...]), the running one first."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._views: dict[int, JobView] = {}

    @property
    def views(self) -> tuple[JobView, ...]:
        """All of them: the running one, then those that wait."""
        running = [view for view in self._views.values() if not view.queued]
        queued = [view for view in self._views.values() if view.queued]
        return (*running, *queued)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of `views`."""
        return tuple(int(view.id) for view in self.views)

    def add(self, titles: dict[int, str]) -> None:
        """List jobs that wait, by id."""
        for number, title in titles.items():
            self._views[number] = JobView(str(number), title, queued=True)
        self.changed.emit(self.views)

    def update(self, job_id: int, **changes: Any) -> None:
        """Show a job otherwise; one that is not listed stays so."""
        view = self._views.get(job_id)
        if view is not None:
            view = replace(view, **changes)
            if view.fraction is None or view.fraction < _TELLING:
                view = replace(view, seconds_left=None)
            self._views[job_id] = view
            self.changed.emit(self.views)

    def remove(self, job_id: int) -> bool:
        """Take a job off the list; whether it was on it."""
        if self._views.pop(job_id, None) is None:
            return False
        self.changed.emit(self.views)
        return True
