"""An engine that finds what a test tells it to, and paints in one colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ovedit.engine.protocols import CancelToken, EngineInfo, Progress
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    MaskCandidate,
    PhraseAnswer,
    Request,
    Result,
    ScoreMap,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import CannotDoError, EngineMissingError
from ovedit.geometry import Rect


@dataclass
class FakeEngine:
    """Finds a phrase as the rectangle given for it; paints red; remembers the requests."""

    rects: dict[str, Rect] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    fails: BaseException | None = None

    def engines(self) -> Sequence[EngineInfo]:
        return [
            EngineInfo("basic", "Fake", True, frozenset(EditKind)),
            EngineInfo("large", "Large", True, frozenset(EditKind), "2 GB", available=False),
        ]

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        if engine != "basic":
            raise EngineMissingError(f"There is no engine {engine!r}.", "Known are: basic.")
        self.asked.append(request)
        progress(0.5, "Half way")
        if isinstance(request, SegmentRequest):
            return SegmentResult(tuple(self._find(request, p) for p in request.phrases), "basic", 1)
        if self.fails is not None:
            raise self.fails
        if not isinstance(request, EditRequest):
            raise CannotDoError("Nobody clicks on the command line.")
        height, width = request.alpha.shape
        pixels = np.full((height, width, 4), (255, 0, 0, 255), np.uint8)
        rect = Rect(0, 0, width, height)
        return EditResult(pixels, rect, "basic", request.seed, 1.25, ("Painted it red.",))

    def _find(self, request: SegmentRequest, phrase: str) -> PhraseAnswer:
        height, width = request.image.shape[:2]
        rect = self.rects.get(phrase)
        guess = Rect(0, 0, 5, 5)
        candidates = []
        for number in range(request.top_k):
            values = np.zeros((height, width), np.float32)
            values[(rect or guess).padded(-number).slices] = 1
            scores = ScoreMap(values, Rect(0, 0, width, height))
            candidates.append(MaskCandidate(phrase, 0.9 - number / 10, scores, 0.5))
        return PhraseAnswer(phrase, rect is not None, tuple(candidates))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine({"bench": Rect(20, 30, 40, 20), "tree": Rect(70, 10, 20, 50)})


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """(80, 120, 3) noise."""
    return np.random.default_rng(4).integers(0, 256, (80, 120, 3), np.uint8)


@pytest.fixture
def photo(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path
