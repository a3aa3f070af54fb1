"""What crosses the thread could cross a process: it pickles."""

from __future__ import annotations

import pickle
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    Point,
    PointRequest,
    Request,
    SegmentRequest,
)
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult
from tests.fakes import FakeProvider

IMAGE = np.arange(20 * 30 * 4, dtype=np.uint32).astype(np.uint8).reshape(20, 30, 4)
COVERAGE = np.pad(np.full((8, 10), 255, np.uint8), ((6, 6), (10, 10)))
REQUESTS: list[Request] = [
    SegmentRequest(IMAGE, ("bench", "sky"), options={"speed": "1"}),
    PointRequest(IMAGE, (Point(4, 5), Point(1, 1, False)), Rect(0, 0, 9, 9), COVERAGE),
    EditRequest(EditKind.REPLACE, IMAGE, COVERAGE, COVERAGE, "bench", "metal bench", seed=3),
]


def same(left: object, right: object) -> bool:
    """Equality that looks into arrays and into values that compare by identity."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is type(right) and is_dataclass(left):
        return all(
            same(getattr(left, item.name), getattr(right, item.name)) for item in fields(left)
        )
    return left == right


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_requests_and_answers_survive_pickling(request_: Request) -> None:
    job = Job("title", "fake", request_, 4, "tag")
    again = pickle.loads(pickle.dumps(job))
    assert same(again, job)
    assert not same(again, Job("title", "fake", request_, 5, "tag", id=job.id))
    result = FakeProvider().answer("fake", again.request, silent, CancelToken())
    done = JobResult(job.id, 4, job, result, 0.5)
    assert same(pickle.loads(pickle.dumps(done)), done)


def test_progress_and_failures_survive_pickling() -> None:
    progress = JobProgress(1, 2, 0.5, "step", Preview(IMAGE, Rect(0, 0, 30, 20)), 3.5)
    assert same(pickle.loads(pickle.dumps(progress)), progress)
    failure = JobFailure(
        1, 2, Job("title", "fake", REQUESTS[0]), CannotDoError("No dogs.", "Install more.")
    )
    again = pickle.loads(pickle.dumps(failure))
    assert type(again.error) is CannotDoError
    assert (again.error.message, again.error.hint) == ("No dogs.", "Install more.")


def test_every_job_has_an_id_of_its_own() -> None:
    ids = [Job("title", "fake", REQUESTS[0]).id for _ in range(10)]
    assert len(set(ids)) == 10
