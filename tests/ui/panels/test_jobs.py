from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QProgressBar
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.jobs import JobsPanel, JobView
from ovedit.ui.theme import Theme
from ovedit.ui.widgets.basics import seconds_left

RUNNING = JobView("1", "Replace → metal bench", "31/50", 0.62, 12)
QUEUED = JobView("2", "Select “sky”", queued=True)


@pytest.fixture
def panel(qtbot: QtBot, dark: Theme) -> Iterator[JobsPanel]:
    panel = JobsPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 200)
    with qtbot.waitExposed(panel):
        panel.show()
    yield panel


def _named(panel: JobsPanel, name: str) -> QAbstractButton:
    return next(b for b in panel.findChildren(QAbstractButton) if b.accessibleName() == name)


def test_it_says_when_nothing_runs(panel: JobsPanel) -> None:
    assert panel._empty.isVisible()
    panel.set_jobs((RUNNING,))
    assert not panel._empty.isVisible()


def test_a_running_job_has_a_bar_and_a_time_a_waiting_one_has_not(panel: JobsPanel) -> None:
    panel.set_jobs((RUNNING, QUEUED))
    rows = panel.list.rows()
    bars = [rows[key].findChild(QProgressBar) for key in ("1", "2")]
    assert [bar is not None and bar.isVisible() for bar in bars] == [True, False]
    assert bars[0] is not None and bars[0].value() == 620
    assert rows["1"].accessibleName() == "Replace → metal bench, 31/50, 0:12 left"
    assert rows["2"].accessibleName() == "Select “sky”, waiting"


def test_progress_moves_the_same_bar(panel: JobsPanel) -> None:
    panel.set_jobs((RUNNING,))
    row = panel.list.rows()["1"]
    panel.set_jobs((JobView("1", "Replace → metal bench", "50/50", 1.0, 0),))
    assert panel.list.rows()["1"] is row
    bar = row.findChild(QProgressBar)
    assert bar is not None and bar.value() == 1000


@pytest.mark.parametrize("job", [RUNNING, QUEUED], ids=["running", "queued"])
def test_each_job_can_be_cancelled(panel: JobsPanel, qtbot: QtBot, job: JobView) -> None:
    panel.set_jobs((RUNNING, QUEUED))
    with qtbot.waitSignal(panel.cancel_requested) as told:
        qtbot.mouseClick(_named(panel, f"Cancel {job.title}"), Qt.MouseButton.LeftButton)
    assert told.args == [job.id]


def test_all_can_be_cancelled_where_there_are_several(panel: JobsPanel, qtbot: QtBot) -> None:
    button = _named(panel, "Cancel all jobs")
    panel.set_jobs((RUNNING,))
    assert not button.isVisible()
    panel.set_jobs((RUNNING, QUEUED))
    with qtbot.waitSignal(panel.cancel_all_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_job_asked_to_stop_says_so(panel: JobsPanel) -> None:
    panel.set_jobs((JobView("1", "Remove", "3/50", 0.1, 9, cancelling=True),))
    assert not _named(panel, "Cancel Remove").isEnabled()
    assert panel.list.rows()["1"].accessibleName() == "Remove, stopping"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (12, "0:12 left"), (0.4, "0:00 left"), (75, "1:15 left"), (3725, "1:02:05 left")],
)
def test_time_left_reads_like_a_clock(seconds: float | None, words: str) -> None:
    assert seconds_left(seconds) == words
