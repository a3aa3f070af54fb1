"""The sample scene: its script renders it, and its masks fit."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

SAMPLES = Path(__file__).parents[2] / "resources" / "samples"
NAMES = ("wooden-bench", "sky", "grass", "trees")
Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The render script with its siblings, as Python finds them when it runs the script."""
    before = set(sys.modules)
    sys.path.insert(0, str(SAMPLES))
    yield importlib.import_module("render_park_bench")
    sys.path.remove(str(SAMPLES))
    for name in set(sys.modules) - before:
        if name.startswith(("park_", "render_park_")):
            del sys.modules[name]


def read(path: Path, flags: int) -> Bytes:
    picture = cv2.imread(str(path), flags)
    assert picture is not None, path
    return np.asarray(picture, np.uint8)


@pytest.fixture(scope="module")
def picture() -> Bytes:
    return read(SAMPLES / "park-bench.jpg", cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def masks() -> dict[str, Bytes]:
    folder = SAMPLES / "park-bench.masks"
    return {name: read(folder / f"{name}.png", cv2.IMREAD_UNCHANGED) for name in NAMES}


def test_masks_are_binary_of_the_pictures_size_and_apart(
    picture: Bytes, masks: dict[str, Bytes]
) -> None:
    for mask in masks.values():
        assert mask.shape == picture.shape[:2]
        assert set(np.unique(mask)) == {0, 255}
    assert (np.stack([mask > 0 for mask in masks.values()]).sum(0) <= 1).all()


def test_masks_lie_on_what_they_name(picture: Bytes, masks: dict[str, Bytes]) -> None:
    mean = {
        name: picture[cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0].mean(0)
        for name, mask in masks.items()
    }
    blue, green, red = mean["wooden-bench"]
    assert red > green > blue
    blue, green, red = mean["sky"]
    assert blue > green > red
    for name in ("grass", "trees"):
        blue, green, red = mean[name]
        assert green > red > blue


def test_rendering_is_the_same_every_time_and_like_the_picture(
    script: ModuleType, picture: Bytes, masks: dict[str, Bytes]
) -> None:
    (photo, cut), (again, cut_again) = script.render(0.06), script.render(0.06)
    assert np.array_equal(photo, again)
    assert all(np.array_equal(cut[name], cut_again[name]) for name in NAMES)
    size = (photo.shape[1], photo.shape[0])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(small.astype(float) - photo).mean() < 22
    for name, share in (("wooden-bench", 0.75), ("sky", 0.8), ("grass", 0.8)):
        true = cv2.resize(masks[name], size, interpolation=cv2.INTER_AREA) > 127
        mine = cut[name] > 0
        assert (true & mine).sum() / (true | mine).sum() > share, name
