"""Two engines that do what a test writes down, and nothing at random.

`FakeProvider` follows scripts, for tests of what happens while an engine works:

    provider = FakeProvider({"bench": [Report(0.5, "half"), WaitFor(gate), Report(1.0)]})

The script is chosen by the first phrase or the prompt of the request; without one the engine
answers at once. Answers are plain: a centred rectangle for a phrase, a disc at the first click,
one flat colour for an edit.

`FakeEngine` answers at once, for tests of what becomes of an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ovedit.document import masks
from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    Forecast,
    Preview,
    Progress,
    SettingLine,
)
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    MaskCandidate,
    PhraseAnswer,
    PointRequest,
    PointResult,
    Preset,
    Request,
    Result,
    ScoreMap,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import EngineMissingError, UsageError
from ovedit.geometry import Rect

GATE_SECONDS = 20.0
EDIT_COLOUR = (200, 30, 90, 255)


@dataclass(frozen=True)
class Report:
    """Report progress."""

    fraction: float
    step: str = ""
    preview: Preview | None = None


@dataclass(frozen=True)
class Sleep:
    """Work for a while, looking at the token every few milliseconds."""

    seconds: float


@dataclass(frozen=True)
class WaitFor:
    """Work until the gate opens or the job is cancelled. A gate that stays shut is an error."""

    gate: threading.Event


@dataclass(frozen=True)
class IgnoreCancelUntil:
    """Work until the gate opens, deaf to the token."""

    gate: threading.Event


@dataclass(frozen=True)
class Fail:
    """Raise the error."""

    error: BaseException


Step = Report | Sleep | WaitFor | IgnoreCancelUntil | Fail
Script = Sequence[Step]


@dataclass
class Call:
    """One request that reached the engine, and the thread it came on."""

    engine: str
    request: Request
    thread: int
    cancel: CancelToken


@dataclass
class FakeProvider:
    """An `EngineProvider` with one engine that follows scripts.

    scripts: by first phrase or prompt; "*" is for all others. calls: what was asked, in order.
    others: engines that it lists beside its own and does not answer for. forecasts: what it says
    beforehand of an edit, by its prompt. knobs: its settings; "wrong" is allowed for none.
    """

    scripts: Mapping[str, Script] = field(default_factory=dict)
    name: str = "fake"
    calls: list[Call] = field(default_factory=list)
    listing_error: BaseException | None = None
    listed_on: list[int] = field(default_factory=list)
    others: tuple[EngineInfo, ...] = ()
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    knobs: tuple[SettingLine, ...] = ()

    def engines(self) -> Sequence[EngineInfo]:
        self.listed_on.append(threading.get_ident())
        if self.listing_error is not None:
            raise self.listing_error
        fake = EngineInfo(self.name, "Fake", selects=True, clicks=True, edits=frozenset(EditKind))
        return (fake, *self.others)

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        if engine != self.name:
            raise EngineMissingError(f"There is no engine {engine!r}.", f"Use {self.name}.")
        self.calls.append(Call(engine, request, threading.get_ident(), cancel))
        for step in self.scripts.get(words_of(request), self.scripts.get("*", ())):
            perform(step, progress, cancel)
        return answer_plainly(request, self.name)

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        for key, value in options.items():
            if value == "wrong":
                raise UsageError(f'The setting {key} is "wrong".', "It must be right.")
        return [replace(knob, value=options.get(knob.key, knob.value)) for knob in self.knobs]

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        return self.forecasts.get(words_of(request))


def words_of(request: Request) -> str:
    """The words that a script is chosen by."""
    if isinstance(request, SegmentRequest):
        return request.phrases[0] if request.phrases else ""
    return request.prompt if isinstance(request, EditRequest) else "points"


def perform(step: Step, progress: Progress, cancel: CancelToken) -> None:
    """Do one step of a script."""
    if not isinstance(step, IgnoreCancelUntil):
        cancel.check()
    match step:
        case Report(fraction, text, preview):
            progress(fraction, text, preview)
        case Sleep(seconds):
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                cancel.check()
                time.sleep(min(0.005, left))
        case WaitFor(gate):
            end = time.monotonic() + GATE_SECONDS
            while not gate.wait(0.005):
                cancel.check()
                assert time.monotonic() < end, "the gate stayed shut"
        case IgnoreCancelUntil(gate):
            assert gate.wait(GATE_SECONDS), "the gate stayed shut"
        case Fail(error):
            raise error


def answer_plainly(request: Request, engine: str) -> Result:
    """The answer without any understanding."""
    height, width = request.image.shape[:2]
    whole = Rect(0, 0, width, height)
    if isinstance(request, EditRequest):
        return painted(request, engine, EDIT_COLOUR)
    scores = np.zeros((height, width), np.float32)
    if isinstance(request, PointRequest):
        y, x = np.ogrid[:height, :width]
        for point in request.points[:1]:
            scores[np.hypot(x - point.x, y - point.y) <= min(width, height) / 8] = 1.0
        return PointResult(MaskCandidate("", 1.0, ScoreMap(scores, whole), 0.5), engine, 0.0)
    scores[height // 4 : -(-height * 3 // 4), width // 4 : -(-width * 3 // 4)] = 0.9
    answers = tuple(
        PhraseAnswer(
            phrase, True, (MaskCandidate(phrase, 0.9, ScoreMap(scores, whole), 0.5),), (phrase,)
        )
        for phrase in request.phrases
    )
    return SegmentResult(answers, engine, 0.0)


def painted(
    request: EditRequest, engine: str, colour: tuple[int, int, int, int], *, beyond: int = 0
) -> EditResult:
    """One colour over the bounds of what may change, and `beyond` pixels more on every side."""
    rect = masks.bounds(request.alpha).padded(beyond)
    pixels = np.full((rect.height, rect.width, 4), colour, np.uint8)
    return EditResult(pixels, rect, engine, request.seed, 1.25, ("Painted.",), ("model@1",))


def nothing_found(phrase: str, request: SegmentRequest) -> PhraseAnswer:
    """The answer to a phrase that is nowhere in the picture."""
    return PhraseAnswer(phrase, False, ())


@dataclass
class FakeEngine:
    """An `EngineProvider` that answers at once and remembers what it was asked.

    infos: what it says there is; those that are available answer. find: the answer to a phrase.
    at_points: the answer to clicks. colour: of what edits paint. fails: what edits raise instead,
    by prompt; "*" for all others. named: the engine of each request in `asked`.
    """

    infos: Sequence[EngineInfo] = (EngineInfo("fake", "Fake", True, frozenset(EditKind)),)
    find: Callable[[str, SegmentRequest], PhraseAnswer] = nothing_found
    at_points: MaskCandidate | None = None
    colour: tuple[int, int, int] = (255, 0, 0)
    fails: dict[str, BaseException] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    def engines(self) -> Sequence[EngineInfo]:
        return self.infos

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        return ()

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        return None

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        if engine not in {info.name for info in self.infos if info.available}:
            raise EngineMissingError(f"There is no engine {engine!r}.", "Use another.")
        cancel.check()
        self.asked.append(request)
        self.named.append(engine)
        progress(0.5, "Half way")
        if isinstance(request, SegmentRequest):
            answers = tuple(self.find(phrase, request) for phrase in request.phrases)
            return SegmentResult(answers, engine, 0.1)
        if isinstance(request, PointRequest):
            assert self.at_points is not None
            return PointResult(self.at_points, engine, 0.1)
        error = self.fails.get(request.prompt, self.fails.get("*"))
        if error is not None:
            raise error
        return painted(request, engine, (*self.colour, 255), beyond=3)
