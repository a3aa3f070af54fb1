"""A folder of small photos, and an engine that finds a bench in those that are not grey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ovedit.batch.run import Outcome, run_batch
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import (
    EditKind,
    MaskCandidate,
    PhraseAnswer,
    ScoreMap,
    SegmentRequest,
)
from ovedit.geometry import Rect
from ovedit.workflows.recipe import Recipe, Step
from tests.fakes import FakeEngine

BENCH = Rect(20, 30, 40, 20)
RECIPE = Recipe((Step(EditKind.REPLACE, "wooden bench", "metal bench", grow=2, feather=2),))
NAMES = ("a.png", "b.jpg", "inner/c.png", "inner/Bänke & <Stühle> 木.png")

Run = Callable[..., Outcome]


def find(phrase: str, request: SegmentRequest) -> PhraseAnswer:
    """The bench; as sure as the first pixel is red, and not there in a grey picture."""
    height, width = request.image.shape[:2]
    values = np.zeros((height, width), np.float32)
    values[BENCH.slices] = 1
    scores = ScoreMap(values, Rect(0, 0, width, height))
    sure = float(request.image[0, 0, 0]) / 255
    grey = np.ptp(request.image[..., :3].astype(int), axis=2).max() == 0
    candidate = MaskCandidate(phrase, round(sure, 2), scores, 0.5)
    return PhraseAnswer(phrase, not grey, (candidate,), message="No bench." if grey else "")


def photo(seed: int, *, sure: float = 0.9) -> NDArray[np.uint8]:
    """(80, 120, 3) noise in which the bench is found with this confidence."""
    pixels = np.random.default_rng(seed).integers(0, 256, (80, 120, 3), np.uint8)
    pixels[:8, :8] = (round(255 * sure), 0, 0)
    return pixels


def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)
    return path


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder and those inside it, by name."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def results(out: Path) -> set[str]:
    """What there is besides the record and the report."""
    files = contents(out)
    return {name for name in files if not name.startswith("batch/") and name != "report.html"}


@pytest.fixture
def engine() -> FakeEngine:
    infos = (EngineInfo("basic", "Fake", True, frozenset(EditKind)),)
    return FakeEngine(infos, find, colour=(10, 200, 30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos, two of them in a folder inside."""
    place = tmp_path / "photos"
    for seed, name in enumerate(NAMES):
        write(place / name, photo(seed))
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(folder: Path, out: Path, engine: FakeEngine) -> Run:
    """Runs the recipe over the folder; every argument can be another."""

    def go(recipe: Recipe = RECIPE, **changes: object) -> Outcome:
        arguments: dict = {"folder": folder, "out": out, "provider": engine} | changes
        return run_batch(recipe, **arguments)

    return go
