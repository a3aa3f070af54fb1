"""The running job, in the second line of the prompt card."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from ovedit.ui.panels.jobs import JobView
from ovedit.ui.widgets.basics import ElidedLabel, ThinBar, label, seconds_left


class JobLine(QWidget):
    """What is being done, how far it is, how long still, and Cancel.

    Signals: cancel_requested().
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title = ElidedLabel()
        self._title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._bar = ThinBar()
        self._time = label("", "dim")
        self._time.setMinimumWidth(self.fontMetrics().horizontalAdvance("00:00 left"))
        self._time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.cancel = QPushButton("Cancel")
        self.cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.cancel.clicked.connect(self.cancel_requested)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self._title, 3)
        layout.addWidget(self._bar, 2)
        layout.addWidget(self._time)
        layout.addWidget(self.cancel)

    def set_job(self, job: JobView) -> None:
        """Show a job."""
        self._title.set_text(job.title, "stopping" if job.cancelling else job.step)
        self._bar.set_fraction(job.fraction)
        self._time.setText("" if job.cancelling else seconds_left(job.seconds_left))
        self.cancel.setEnabled(not job.cancelling)
