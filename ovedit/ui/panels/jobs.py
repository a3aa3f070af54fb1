"""The jobs dock: what runs, how far it is, what waits."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ovedit.ui.panels import LEAST_HEIGHT
from ovedit.ui.widgets.basics import ElidedLabel, ThinBar, label, seconds_left, set_role
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.header import PanelHeader
from ovedit.ui.widgets.rows import Row, RowList


@dataclass(frozen=True)
class JobView:
    """One job as it is shown.

    title: what it does ("Replace → metal bench"); step: where it is ("31/50", "Filling").
    fraction: done so far in [0, 1], or None where nobody knows.
    seconds_left: time still needed, or None.
    queued: waiting its turn. cancelling: asked to stop, not stopped yet.
    """

    id: str
    title: str
    step: str = ""
    fraction: float | None = None
    seconds_left: float | None = None
    queued: bool = False
    cancelling: bool = False


class _JobRow(Row):
    """A job's title, time left and cancel button; its step and its bar while it runs."""

    selectable = False

    def __init__(self, job_id: str, panel: JobsPanel) -> None:
        super().__init__(job_id)
        self._time = label("", "dim")
        self._cancel = IconButton("cross", "Cancel this job", row=True)
        self._cancel.clicked.connect(lambda: panel.cancel_requested.emit(job_id))
        self._step = ElidedLabel()
        self._step.set_look(dimmed=True)
        self._bar = ThinBar()
        line = QHBoxLayout()
        line.setContentsMargins(12, 5, 8, 5)
        line.setSpacing(8)
        line.addWidget(self.name_label)
        line.addStretch(1)
        line.addWidget(self._time)
        line.addWidget(self._cancel)
        self._bar_box = QWidget()
        bar = QHBoxLayout(self._bar_box)
        bar.setContentsMargins(12, 0, 12, 8)
        bar.setSpacing(8)
        bar.addWidget(self._step, 1)
        bar.addWidget(self._bar, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self._bar_box)

    def show_job(self, job: JobView) -> None:
        """Show the job as it is now."""
        step = "stopping" if job.cancelling else "" if job.queued else job.step
        self.name_label.set_text(job.title)
        self._step.set_text(step)
        self._step.setVisible(bool(step))
        self.name_label.set_look(dimmed=job.queued)
        left = "waiting" if job.queued else seconds_left(job.seconds_left)
        self._time.setText("" if job.cancelling else left)
        self._cancel.setEnabled(not job.cancelling)
        self._cancel.setAccessibleName(f"Cancel {job.title}")
        self._bar_box.setVisible(not job.queued)
        if not job.queued:
            self._bar.set_fraction(job.fraction)
        self.setAccessibleName(", ".join(filter(None, (job.title, step, self._time.text()))))


class JobsPanel(QWidget):
    """The running job with its progress, and the queue below it.

    Signals: cancel_requested(str) with a job's id; cancel_all_requested().
    """

    cancel_requested = Signal(str)
    cancel_all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.header = PanelHeader("Jobs")
        self._cancel_all = QToolButton()
        self._cancel_all.setText("Cancel all")
        self._cancel_all.setAccessibleName("Cancel all jobs")
        self._cancel_all.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._cancel_all.clicked.connect(self.cancel_all_requested)
        self.header.add(self._cancel_all)
        self._empty = label("Nothing is running.", "dim")
        self._empty.setContentsMargins(12, 6, 12, 10)
        set_role(self._empty, role="dim")
        self.list = RowList("Jobs", multiple=False, renamable=False)
        self.list.setMinimumHeight(LEAST_HEIGHT)
        self.list.delete_pressed.connect(self.cancel_requested)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1000)
        layout.addStretch(1)
        self.set_jobs(())

    def set_jobs(self, jobs: tuple[JobView, ...]) -> None:
        """Show these jobs, the running one first, then the queue in its order."""
        by_id = {job.id: job for job in jobs}
        self.list.sync(list(by_id), lambda job_id: _JobRow(job_id, self))
        for job_id, row in self.list.rows().items():
            if isinstance(row, _JobRow):
                row.show_job(by_id[job_id])
        self._empty.setVisible(not jobs)
        self.list.setVisible(bool(jobs))
        self._cancel_all.setVisible(len(jobs) > 1)
