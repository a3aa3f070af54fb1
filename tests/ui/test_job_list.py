from __future__ import annotations

from ovedit.ui.job_list import JobList
from ovedit.ui.panels.jobs import JobView


def test_the_running_job_is_first_and_every_change_is_told():
    jobs = JobList()
    told: list[tuple[JobView, ...]] = []
    jobs.changed.connect(told.append)
    jobs.add({1: "Select tree", 2: "Remove bench"})
    jobs.update(2, queued=False, fraction=0.5)
    assert jobs.ids == (2, 1)
    assert [(view.title, view.queued, view.fraction) for view in told[-1]] == [
        ("Remove bench", False, 0.5),
        ("Select tree", True, None),
    ]
    assert jobs.remove(2)
    assert jobs.ids == (1,)
    assert len(told) == 3


def test_what_is_not_listed_changes_nothing():
    jobs = JobList()
    told: list[object] = []
    jobs.changed.connect(told.append)
    jobs.update(7, fraction=0.5)
    assert not jobs.remove(7)
    assert not told
