"""What goes into the model service and what comes out: frozen, picklable values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Literal

from ovedit.engine.protocols import Preview
from ovedit.engine.requests import Request, Result
from ovedit.errors import OVEditError

Where = Literal["back", "front", "replace"]
State = Literal["queued", "running", "cancelling"]

_ids = itertools.count(1)


def new_job_id() -> int:
    """An id that no other job of this process has."""
    return next(_ids)


@dataclass(frozen=True, eq=False)
class Job:
    """One request to one engine.

    title: what the job list shows, "Select wooden bench".
    engine: name of the engine to answer.
    revision: the document's revision that the request was made from; comes back with everything.
    tag: what belongs together; a job submitted with "replace" takes the place of those with its
        tag.
    id: unique in this process.
    """

    title: str
    engine: str
    request: Request
    revision: int = 0
    tag: str = ""
    id: int = field(default_factory=new_job_id)


@dataclass(frozen=True, eq=False)
class JobStatus:
    """A line of the job list. `fraction` and `step` are the latest that the engine reported."""

    job: Job
    state: State
    fraction: float = 0.0
    step: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class JobProgress:
    """How far a job is.

    fraction: done, in [0, 1]; preview: a coarse picture of the result, or None if there is no new
    one; seconds_left: estimated from the rate so far, None while that is not known.
    """

    id: int
    revision: int
    fraction: float
    step: str = ""
    preview: Preview | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class JobResult:
    """The engine's answer. `seconds` is what the job took, building the engine included."""

    id: int
    revision: int
    job: Job
    result: Result
    seconds: float


@dataclass(frozen=True, eq=False)
class JobFailure:
    """The job did not work out; `error` says why and what to do next."""

    id: int
    revision: int
    job: Job
    error: OVEditError
