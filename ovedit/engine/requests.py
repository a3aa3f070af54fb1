"""The questions an engine is asked and the answers it gives: frozen, picklable values.

Pixels are `(H, W, 4) uint8`, straight alpha, sRGB. Masks are `(H, W) uint8` coverage. Nobody writes
into an array of a request or a result: they are shared with the document's copy-on-write tiles.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect

Pixels = NDArray[np.uint8]
Coverage = NDArray[np.uint8]
Preset = Literal["fast", "balanced", "quality"]
PRESETS: tuple[Preset, ...] = ("fast", "balanced", "quality")


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """How well each place fits a phrase.

    values: (h, w) float16 or float32 in [0, 1], any resolution.
    rect: the document rectangle that `values` covers, edge to edge.
    """

    values: NDArray[np.floating]
    rect: Rect


@dataclass(frozen=True, eq=False)
class SegmentRequest:
    """Find what the phrases name.

    image: (H, W, 4) uint8, the flattened picture.
    phrases: what to look for, each one answered on its own.
    top_k: the most candidates wanted for a phrase.
    threshold: score at which a candidate's mask is cut, or None for the engine's own choice.
    options: engine settings by name, as written in the settings file or given with --set.
    """

    image: Pixels
    phrases: tuple[str, ...]
    preset: Preset = "balanced"
    top_k: int = 3
    threshold: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class MaskCandidate:
    """One possible mask for a phrase.

    label: what to call it ("tree", or "tree 2" for an instance).
    score: confidence in [0, 1].
    scores: the score map; the mask is where it reaches `threshold`. The engine has already drawn
        its sharp edges into it, so that any threshold gives a mask without running the engine.
    threshold: the engine's choice.
    reason: one short sentence on why this was chosen, for the explanation.
    """

    label: str
    score: float
    scores: ScoreMap
    threshold: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class PhraseAnswer:
    """What the engine says to one phrase.

    found: whether the first candidate is an answer; if False, the candidates are only guesses
        (the most salient regions) and `message` says so.
    candidates: best first. Several where the engine is unsure: alternatives, not parts.
    used_words, unused_words: the words of the phrase that were and were not understood.
    message: one sentence for the person, or empty when there is nothing to add.
    """

    phrase: str
    found: bool
    candidates: tuple[MaskCandidate, ...]
    used_words: tuple[str, ...] = ()
    unused_words: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """Answers in the order of the request's phrases."""

    answers: tuple[PhraseAnswer, ...]
    engine: str
    seconds: float


@dataclass(frozen=True)
class Point:
    """A click in document pixels; `positive` says "this belongs", else "this does not"."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, eq=False)
class PointRequest:
    """Find the thing at the points, or in the box, or both; `mask` is the mask so far, if any."""

    image: Pixels
    points: tuple[Point, ...] = ()
    box: Rect | None = None
    mask: Coverage | None = None
    preset: Preset = "balanced"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PointResult:
    """The mask at the points, as a score map cut at `threshold`."""

    candidate: MaskCandidate
    engine: str
    seconds: float


class EditKind(enum.StrEnum):
    """What happens to the masked area."""

    REMOVE = "remove"
    REPLACE = "replace"
    RESTYLE = "restyle"


@dataclass(frozen=True, eq=False)
class EditRequest:
    """Change the masked area.

    image: (H, W, 4) uint8, the flattened picture.
    mask: (H, W) uint8, what the person selected.
    alpha: (H, W) uint8, the grown and feathered mask: what may change, and how much of the new
        pixels will show. The engine makes pixels wherever it is above 0.
    phrase: what the mask was selected by ("wooden bench"), or empty.
    prompt: what is wanted ("metal bench"), empty for a removal.
    crop: context rectangle to work in, in document pixels, or None for the engine's own choice.
    """

    kind: EditKind
    image: Pixels
    mask: Coverage
    alpha: Coverage
    phrase: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    preset: Preset = "balanced"
    crop: Rect | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EditResult:
    """New pixels for the masked area.

    pixels: (h, w, 4) uint8, straight alpha, covering `rect`, which holds all pixels of the
        request's alpha above 0. The workflow multiplies in the request's alpha: an engine that has
        nothing to add to it returns 255.
    notes: short sentences on what was done or left out, for the person.
    models: model ids and revisions used, so that the edit can be run again.
    crop: the context rectangle that has to be given as `EditRequest.crop` to make the same again,
        or None where the engine will choose it as it did.
    """

    pixels: Pixels
    rect: Rect
    engine: str
    seed: int
    seconds: float
    notes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    crop: Rect | None = None


Request = SegmentRequest | PointRequest | EditRequest
Result = SegmentResult | PointResult | EditResult
