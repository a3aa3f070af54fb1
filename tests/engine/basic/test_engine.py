"""The basic engine behind the protocols."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ovedit.engine.basic.engine import BasicEngine
from ovedit.engine.protocols import (
    CancelToken,
    Inpainter,
    PointSegmenter,
    Segmenter,
    silent,
)
from ovedit.engine.registry import default_registry
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    Point,
    PointRequest,
    PointResult,
    SegmentRequest,
    SegmentResult,
)


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red square on green ground, with some texture."""
    rng = np.random.default_rng(5)
    image = np.empty((120, 160, 4), np.uint8)
    image[...] = (70, 140, 60, 255)
    image[40:80, 50:110, :3] = (200, 40, 40)
    image[..., :3] += rng.integers(0, 12, (120, 160, 3), np.uint8)
    mask = np.zeros((120, 160), np.uint8)
    mask[40:80, 50:110] = 255
    return image, mask


def test_it_is_all_that_its_description_says() -> None:
    engine = BasicEngine()
    assert isinstance(engine, Segmenter)
    assert isinstance(engine, PointSegmenter)
    assert isinstance(engine, Inpainter)
    assert BasicEngine.INFO.selects
    assert BasicEngine.INFO.edits == set(EditKind)
    assert BasicEngine.INFO.good_at and BasicEngine.INFO.bad_at


@pytest.mark.parametrize("kind", list(EditKind))
def test_it_edits(scene: tuple[np.ndarray, np.ndarray], kind: EditKind) -> None:
    image, mask = scene
    request = EditRequest(kind, image, mask, mask, "square", "blue" if kind != "remove" else "")
    answer = default_registry().answer("basic", request, silent, CancelToken())
    assert isinstance(answer, EditResult)
    assert answer.engine == "basic"
    inside = answer.pixels[mask[answer.rect.slices] > 0]
    assert inside[:, 0].mean() < 110, "the red is gone"


def test_it_selects(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, _ = scene
    answer = default_registry().answer(
        "basic", SegmentRequest(image, ("red square",)), silent, CancelToken()
    )
    assert isinstance(answer, SegmentResult)
    assert answer.answers[0].found
    assert "red" in answer.answers[0].used_words


def test_it_selects_by_clicks(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, _ = scene
    request = PointRequest(image, (Point(80, 60),))
    answer = default_registry().answer("basic", request, silent, CancelToken())
    assert isinstance(answer, PointResult)


def test_building_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ovedit.engine.registry import default_registry\n"
        "from ovedit.engine.basic.engine import BasicEngine\n"
        "default_registry().engines(); BasicEngine()\n"
        "heavy = {'cv2', 'numba', 'scipy', 'torch', 'patchmatch', 'PIL'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
