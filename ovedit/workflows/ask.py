"""Asking an engine and waiting for the answer: for callers without an event loop."""

from __future__ import annotations

from typing import overload

from ovedit.engine.protocols import CancelToken, EngineInfo, EngineProvider, Progress, silent
from ovedit.engine.requests import (
    EditRequest,
    EditResult,
    PointRequest,
    PointResult,
    Request,
    Result,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import EngineError, EngineMissingError

_ANSWERS: dict[type, type] = {
    SegmentRequest: SegmentResult,
    PointRequest: PointResult,
    EditRequest: EditResult,
}


def engine_named(provider: EngineProvider, name: str) -> EngineInfo:
    """What is known of an engine. Raises `EngineMissingError` for a name that is not."""
    known = {info.name: info for info in provider.engines()}
    if name not in known:
        raise EngineMissingError(f"There is no engine {name!r}.", f"Known are: {', '.join(known)}.")
    return known[name]


@overload
def ask(
    provider: EngineProvider,
    engine: str,
    request: SegmentRequest,
    progress: Progress = ...,
    cancel: CancelToken | None = ...,
) -> SegmentResult: ...
@overload
def ask(
    provider: EngineProvider,
    engine: str,
    request: PointRequest,
    progress: Progress = ...,
    cancel: CancelToken | None = ...,
) -> PointResult: ...
@overload
def ask(
    provider: EngineProvider,
    engine: str,
    request: EditRequest,
    progress: Progress = ...,
    cancel: CancelToken | None = ...,
) -> EditResult: ...
def ask(
    provider: EngineProvider,
    engine: str,
    request: Request,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Result:
    """The named engine's answer to a request, of the kind that fits it.

    Raises `EngineError` where the engine cannot answer or answers something else, `Cancelled` when
    the token is set meanwhile.
    """
    result = provider.answer(engine, request, progress, cancel or CancelToken())
    wanted = _ANSWERS[type(request)]
    if not isinstance(result, wanted):
        raise EngineError(
            f"The engine {engine!r} answered a {type(request).__name__} with "
            f"{type(result).__name__}.",
            "Use another engine.",
        )
    return result
