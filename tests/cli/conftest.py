"""A photo on disk, and an engine that finds a bench and a tree in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import (
    EditKind,
    MaskCandidate,
    PhraseAnswer,
    ScoreMap,
    SegmentRequest,
)
from ovedit.geometry import Rect
from tests.fakes import FakeEngine

THINGS = {"bench": Rect(20, 30, 40, 20), "tree": Rect(70, 10, 20, 50)}
GUESS = Rect(0, 0, 5, 5)
ENGINES = (
    EngineInfo("basic", "Fake", True, frozenset(EditKind)),
    EngineInfo("large", "Large", True, frozenset(EditKind), "2 GB", available=False),
)


def find(phrase: str, request: SegmentRequest) -> PhraseAnswer:
    """The thing's rectangle, or a guess; each further candidate is a pixel smaller all around."""
    height, width = request.image.shape[:2]
    candidates = []
    for number in range(request.top_k):
        values = np.zeros((height, width), np.float32)
        values[THINGS.get(phrase, GUESS).padded(-number).slices] = 1
        scores = ScoreMap(values, Rect(0, 0, width, height))
        candidates.append(MaskCandidate(phrase, 0.9 - number / 10, scores, 0.5))
    return PhraseAnswer(phrase, phrase in THINGS, tuple(candidates))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(ENGINES, find)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """(80, 120, 3) noise."""
    return np.random.default_rng(4).integers(0, 256, (80, 120, 3), np.uint8)


@pytest.fixture
def photo(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path
