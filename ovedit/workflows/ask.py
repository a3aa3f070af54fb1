"""Which engine does what, and asking one and waiting: for callers without an event loop.

Selecting and editing are two roles, and an engine may be made for one of them only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from ovedit.engine.protocols import CancelToken, EngineInfo, EngineProvider, Progress, silent
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    PointRequest,
    PointResult,
    Request,
    Result,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import CannotDoError, EngineError, EngineMissingError

_ANSWERS: dict[type, type] = {
    SegmentRequest: SegmentResult,
    PointRequest: PointResult,
    EditRequest: EditResult,
}


def engine_named(provider: EngineProvider, name: str) -> EngineInfo:
    """What is known of an engine. Raises `EngineMissingError` for a name that is not."""
    return _named(provider.engines(), name)


def engine_to_select(
    engines: Sequence[EngineInfo], preferred: str, *, named: str = ""
) -> EngineInfo:
    """The engine that answers phrases; the arguments and errors are those of `engine_for`."""
    return engine_for(
        lambda info: info.selects, "select by text", engines, preferred=preferred, named=named
    )


def engine_to_click(
    engines: Sequence[EngineInfo], preferred: str, *, named: str = ""
) -> EngineInfo:
    """The engine that answers clicks and boxes; see `engine_for`."""
    return engine_for(
        lambda info: info.clicks, "select by clicks", engines, preferred=preferred, named=named
    )


def engine_to_edit(
    engines: Sequence[EngineInfo],
    preferred: str,
    *kinds: EditKind,
    task: str = "",
    named: str = "",
) -> EngineInfo:
    """The engine that does these kinds of edit, with a model for a `task` if one is named.

    The other arguments and the errors are those of `engine_for`.
    """
    what = " and ".join(kinds)
    return engine_for(
        lambda info: info.edits.issuperset(kinds) and (not task or task in info.works_with),
        f"{what} with a model of your choice" if task else what,
        engines,
        preferred=preferred,
        named=named,
    )


def engine_for(
    able: Callable[[EngineInfo], bool],
    what: str,
    engines: Sequence[EngineInfo],
    *,
    preferred: str,
    named: str = "",
) -> EngineInfo:
    """The engine for a role: the one named, or else the preferred one.

    preferred: of the settings; where it is not able, the first one here that is takes its place.
    what: the role in words, for errors. Raises `EngineMissingError` for a name that is not known,
    `CannotDoError` for one that is named and not able, or where none is.
    """
    info = _named(engines, named or preferred)
    if able(info):
        return info
    others = [other for other in engines if other.available and able(other)]
    if named or not others:
        hint = f"Able are: {', '.join(other.name for other in others)}." if others else ""
        raise CannotDoError(f'The engine "{info.name}" cannot {what}.', hint)
    return others[0]


def _named(engines: Sequence[EngineInfo], name: str) -> EngineInfo:
    for info in engines:
        if info.name == name:
            return info
    known = ", ".join(info.name for info in engines)
    raise EngineMissingError(f'There is no engine "{name}".', f"Known are: {known}.")


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
