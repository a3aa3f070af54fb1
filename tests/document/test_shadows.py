"""Shadows and reflections are found where they are, and nothing is found where there are none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ovedit.document.shadows import find_attached, find_reflection, find_shadow
from ovedit.resources import resource_path
from tests.document.scenes import (
    Scene,
    finished,
    ground,
    reflected,
    shadowed,
    silhouette,
    unshadowed,
    with_thing,
)

cv2.setNumThreads(1)


def precision(scene: Scene, coverage: Any) -> float:
    """The share of what was found that is shadow, its soft edge included."""
    found = coverage > 76
    return float((found & (scene.truth > 0.05)).sum() / found.sum())


def recall(scene: Scene, coverage: Any) -> float:
    """The share of the shadow that was found."""
    there = scene.truth > 0.3
    return float((there & (coverage > 76)).sum() / there.sum())


@pytest.mark.parametrize("kind", ["grass", "gravel", "brick", "plain"])
@pytest.mark.parametrize(
    ("shape", "sun"),
    [
        ("box", {}),
        ("box", {"aside": -0.5, "length": 0.5, "soft": 2}),
        ("figure", {"aside": -0.5, "length": 0.5, "soft": 2}),
        ("figure", {"aside": 0.3, "length": -0.4}),
    ],
)
def test_a_cast_shadow_is_found(kind: str, shape: str, sun: dict[str, float]) -> None:
    scene = shadowed(kind, shape, **sun)  # type: ignore[arg-type]
    found = find_shadow(scene.image, scene.mask)
    assert found is not None and found.kind == "shadow"
    assert found.score >= 0.5
    assert precision(scene, found.coverage) > 0.7
    assert recall(scene, found.coverage) > 0.75
    assert not found.coverage[scene.mask == 255].any()


@pytest.mark.parametrize("kind", ["grass", "gravel", "brick", "plain"])
@pytest.mark.parametrize("shape", ["box", "figure", "table"])
def test_no_shadow_is_found_where_there_is_none(kind: str, shape: str) -> None:
    scene = unshadowed(kind, shape)
    assert find_attached(scene.image, scene.mask) is None


OTHERS = [(0.2, 0.15, 0.1), (0.15, 0.25, 0.1), (0.25, 0.24, 0.23)]
PLACES = {"beside": np.s_[230:300, 330:420], "below": np.s_[268:310, 240:340]}


@pytest.mark.parametrize("colour", OTHERS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["grass", "gravel", "brick", "plain"])
def test_a_dark_neighbour_is_no_shadow(kind: str, place: str, colour: Any) -> None:
    picture, mask = ground(kind), silhouette("figure")
    part = picture[PLACES[place]]
    part[:] = np.array(colour) * np.random.default_rng(0).normal(1, 0.03, (*part.shape[:2], 1))
    scene = finished(
        with_thing(picture, mask, (0.75, 0.2, 0.15)), mask, np.zeros(mask.shape, np.float32)
    )
    assert find_shadow(scene.image, scene.mask) is None


@pytest.mark.parametrize("rows", [np.s_[:240], np.s_[240:]])
@pytest.mark.parametrize("kind", ["grass", "gravel", "brick", "plain"])
def test_another_ground_is_no_shadow(kind: str, rows: slice) -> None:
    picture, mask = ground(kind), silhouette("figure")
    picture[rows] = (0.22, 0.21, 0.2)
    scene = finished(
        with_thing(picture, mask, (0.75, 0.2, 0.15)), mask, np.zeros(mask.shape, np.float32)
    )
    assert find_shadow(scene.image, scene.mask) is None


@pytest.mark.parametrize("look", [{}, {"seen": 0.3}, {"ripples": 5.0}])
def test_a_reflection_is_found(look: dict[str, float]) -> None:
    scene = reflected(**look)  # type: ignore[arg-type]
    found = find_attached(scene.image, scene.mask)
    assert found is not None and found.kind == "reflection"
    assert precision(scene, found.coverage) > 0.8
    assert recall(scene, found.coverage) > 0.95


def test_water_that_shows_nothing_has_no_reflection() -> None:
    scene = reflected(seen=0.0)
    assert find_attached(scene.image, scene.mask) is None


@pytest.mark.parametrize("kind", ["grass", "brick"])
def test_a_shadow_is_no_reflection(kind: str) -> None:
    scene = shadowed(kind, "figure", aside=-0.5, length=0.5)
    assert find_reflection(scene.image, scene.mask) is None


@pytest.mark.parametrize(
    "cover",
    [
        np.s_[0:0, 0:0],
        np.s_[:, :],
        np.s_[100:103, 200:203],
        np.s_[0:400, 0:590],
        np.s_[380:400, 0:200],
        np.s_[0:12, 0:12],
    ],
)
def test_masks_that_tell_nothing(cover: Any) -> None:
    scene = unshadowed("grass", "box")
    mask = np.zeros_like(scene.mask)
    mask[cover] = 255
    assert find_attached(scene.image, mask) is None


@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_of_one_colour(value: int) -> None:
    image = np.full((200, 300, 4), value, np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    mask[60:140, 100:180] = 255
    assert find_attached(image, mask) is None


def test_the_size_of_the_picture_makes_no_difference() -> None:
    small = shadowed("plain", "box")
    size = (1800, 1200)
    large = Scene(
        np.asarray(cv2.resize(small.image, size), np.uint8),
        np.asarray(cv2.resize(small.mask, size), np.uint8),
        np.asarray(cv2.resize(small.truth, size), np.float32),
    )
    found = find_shadow(large.image, large.mask)
    assert found is not None and found.coverage.shape == (1200, 1800)
    assert precision(large, found.coverage) > 0.9
    assert recall(large, found.coverage) > 0.9


def test_the_bench_of_the_sample() -> None:
    """Its shadow lies on the grass below and to the right of it."""
    folder = resource_path("samples")
    image = np.asarray(Image.open(folder / "park-bench.jpg"))
    mask = np.asarray(Image.open(folder / "park-bench.masks" / "wooden-bench.png").convert("L"))
    found = find_attached(image, mask)
    assert found is not None and found.kind == "shadow"
    rows, columns = np.nonzero(found.coverage > 128)
    assert 840 < rows.min() < rows.max() < 1000
    assert 600 < columns.min() < columns.max() < 1450
    # Between the legs, and right of them.
    assert found.coverage[930, 900] > 200
    assert found.coverage[900, 1310] > 200
