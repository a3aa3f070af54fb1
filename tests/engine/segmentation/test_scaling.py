from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from ovedit.engine.segmentation.scaling import half_precision, shrunk
from ovedit.geometry import Size


@pytest.mark.parametrize("size", [Size(150, 100), Size(93, 41), Size(7, 300), Size(600, 400)])
def test_a_picture_made_smaller_is_the_mean_of_what_each_pixel_covers(size: Size) -> None:
    photo = np.ascontiguousarray(skimage.data.coffee())
    exact = cv2.resize(photo, (size.width, size.height), interpolation=cv2.INTER_AREA)
    found = shrunk(photo, size)
    assert found.shape == exact.shape and found.dtype == np.uint8
    assert np.abs(found.astype(int) - exact).mean() < 2


def test_a_single_plane_stays_one_even_where_nothing_is_left_of_a_side() -> None:
    mask = np.full((1, 10_001), 255, np.uint8)
    assert np.array_equal(shrunk(mask, Size(64, 1)), np.full((1, 64), 255))
    assert shrunk(mask, Size(10_001, 1)) is mask


def test_whole_halvings_are_exact() -> None:
    board = np.kron(np.random.default_rng(0).integers(0, 256, (30, 40, 4)), np.ones((8, 8, 1)))
    found = shrunk(board.astype(np.uint8), Size(40, 30))
    assert np.array_equal(found, board[::8, ::8])


def test_half_precision_rounds_as_numpy_does() -> None:
    values = np.geomspace(1e-9, 1, 999, dtype=np.float32).reshape(27, 37)[:, ::-1]
    found = half_precision(values)
    assert found.dtype == np.float16 and np.array_equal(found, values.astype(np.float16))
