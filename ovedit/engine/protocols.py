"""What the rest of the program may ask of an engine, and how it listens and cancels meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    Pixels,
    PointRequest,
    PointResult,
    Preset,
    Request,
    Result,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import Cancelled
from ovedit.geometry import Rect, Size


class CancelToken:
    """Set by anyone, checked by the engine at least once a step, a batch or a download chunk."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether someone asked."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if someone asked."""
        if self._event.is_set():
            raise Cancelled()


@dataclass(frozen=True, eq=False)
class Preview:
    """A coarse picture of the result so far, to be shown in place: pixels (h, w, 4) over `rect`.

    Their alpha is that of the edit, so that only what changes is seen to change.
    """

    pixels: Pixels
    rect: Rect


class Progress(Protocol):
    """How an engine reports: the fraction done in [0, 1], what it is doing, a preview if any."""

    def __call__(self, fraction: float, step: str = "", preview: Preview | None = None) -> None:
        """Called on the thread that works; must return quickly."""
        ...


def silent(fraction: float, step: str = "", preview: Preview | None = None) -> None:
    """A `Progress` for callers that do not listen."""


def stage(progress: Progress, first: float, last: float, step: str = "") -> Progress:
    """A `Progress` for a piece of work that takes the whole from `first` to `last`.

    step: what is said of it; by default what the work itself says.
    """

    said = step

    def report(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        progress(first + (last - first) * fraction, said or step, preview)

    return report


@dataclass(frozen=True)
class EngineInfo:
    """What an engine is and can do, known without building it.

    name: what --engine takes; title: what the window shows; needs: what has to be installed, empty
    for an engine that is always there; selects: whether it answers phrases; clicks: whether it
    answers clicks and boxes; edits: the kinds of edit it does; good_at, bad_at: one honest sentence
    each; models: ids of the models that it needs on this computer; keeps_shape: what it replaces or
    restyles keeps its outline, so that the mask wants little room around it; uses_negative: it
    heeds the negative prompt of an edit; settings: the options that it knows, or None where it says
    so itself when asked; works_with: the tasks of models (`library.Task`) that its settings can
    name in place of those.
    """

    name: str
    title: str
    selects: bool
    edits: frozenset[EditKind] = field(default_factory=frozenset)
    needs: str = ""
    available: bool = True
    good_at: str = ""
    bad_at: str = ""
    models: tuple[str, ...] = ()
    keeps_shape: bool = False
    uses_negative: bool = False
    settings: tuple[str, ...] | None = None
    works_with: frozenset[str] = frozenset()
    clicks: bool = False


@dataclass(frozen=True)
class SettingLine:
    """One setting of an engine, as it is shown: `why` says why the preset has this value.

    choices: all values there are, or empty where it is free text.
    """

    key: str
    value: str
    meaning: str
    why: str
    choices: tuple[str, ...] = ()


@runtime_checkable
class Segmenter(Protocol):
    """Answers phrases with masks."""

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        """Answer every phrase. Raises `EngineError` where it cannot, `Cancelled` when asked to."""
        ...


@runtime_checkable
class PointSegmenter(Protocol):
    """Answers clicks and boxes with a mask."""

    def segment_points(
        self, request: PointRequest, progress: Progress, cancel: CancelToken
    ) -> PointResult:
        """The mask at the points. Raises like `Segmenter.segment`."""
        ...


@runtime_checkable
class Inpainter(Protocol):
    """Removes, replaces and restyles."""

    def edit(self, request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
        """New pixels for the masked area. Raises `CannotDoError` where it is not able to."""
        ...


@dataclass(frozen=True)
class Forecast:
    """What an edit will take, said before it runs.

    crops: where the engine will look, in document pixels, for each region that it works on alone.
    size: the picture that the model gets of the largest of them. model: its title, and memory: the
    bytes that it will need, 0 where nobody knows. seconds: None before anything was measured here.
    words: what the model will be told, empty for one that takes no words. template: the setting
    that they are made of, empty where there is none.
    """

    crops: tuple[Rect, ...]
    size: Size
    model: str
    memory: int = 0
    seconds: float | None = None
    words: str = ""
    template: str = ""


class EngineProvider(Protocol):
    """All engines behind one door: builds one when it is first asked something."""

    def engines(self) -> Sequence[EngineInfo]:
        """Every engine known, the always-there one first."""
        ...

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        """Let the named engine answer. Raises `EngineMissingError` for a name not known."""
        ...

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        """All settings of an engine, the options' values in place of the preset's.

        Empty for an engine that says nothing of them; loads nothing, and may be called from any
        thread. Raises `UsageError` for an option that is wrong.
        """
        ...

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        """What the edit will take, or None for an engine that does not say so; loads nothing."""
        ...
