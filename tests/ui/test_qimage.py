from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PySide6.QtGui import QColor, QImage

from ovedit.ui.qimage import qimage_over, to_array, to_qimage

PIXELS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)), fill=st.nothing()
)


@given(PIXELS)
def test_there_and_back_changes_nothing(rgba: np.ndarray) -> None:
    assert np.array_equal(to_array(to_qimage(rgba)), rgba)


@given(PIXELS)
def test_a_cut_out_of_a_larger_array_goes_as_well(rgba: np.ndarray) -> None:
    large = np.zeros((rgba.shape[0] + 3, rgba.shape[1] + 5, 4), np.uint8)
    cut = large[1 : 1 + rgba.shape[0], 2 : 2 + rgba.shape[1]]
    cut[...] = rgba
    assert np.array_equal(to_array(to_qimage(cut)), rgba)
    assert np.array_equal(to_array(to_qimage(rgba[::-1, ::-1])), rgba[::-1, ::-1])


def test_the_image_is_not_the_array() -> None:
    rgba = np.full((2, 3, 4), 200, np.uint8)
    image = to_qimage(rgba)
    rgba[...] = 0
    assert image.pixelColor(2, 1) == QColor(200, 200, 200, 200)


def test_the_array_is_not_the_image() -> None:
    image = QImage(2, 2, QImage.Format.Format_RGBA8888)
    image.fill(QColor(1, 2, 3, 4))
    rgba = to_array(image)
    rgba[...] = 9
    assert image.pixelColor(0, 0) == QColor(1, 2, 3, 4)


def test_formats_with_padded_rows_are_read_right() -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB888)
    assert image.bytesPerLine() == 12
    image.fill(QColor(10, 20, 30))
    image.setPixelColor(2, 1, QColor(40, 50, 60))
    rgba = to_array(image)
    assert rgba[0, 0].tolist() == [10, 20, 30, 255]
    assert rgba[1, 2].tolist() == [40, 50, 60, 255]


def test_premultiplied_images_come_back_straight() -> None:
    image = QImage(1, 1, QImage.Format.Format_ARGB32_Premultiplied)
    image.setPixelColor(0, 0, QColor(200, 100, 50, 128))
    red, green, blue, alpha = (int(v) for v in to_array(image)[0, 0])
    assert alpha == 128
    assert abs(red - 200) <= 1 and abs(green - 100) <= 1 and abs(blue - 50) <= 1


def test_an_empty_image_is_an_empty_array() -> None:
    assert to_array(QImage()).shape == (0, 0, 4)


def test_an_image_over_a_buffer_shows_what_is_written_later() -> None:
    buffer = np.zeros((2, 2, 4), np.uint8)
    image = qimage_over(buffer)
    buffer[1, 0] = (10, 20, 30, 255)
    assert image.pixelColor(0, 1) == QColor(30, 20, 10, 255)
    assert image.pixelColor(0, 0).alpha() == 0


@pytest.mark.parametrize("convert", [to_qimage, qimage_over])
@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.float32)],
    ids=["three channels", "no channels", "floats"],
)
def test_other_pixels_are_refused(convert, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Expected \(H, W, 4\) uint8"):
        convert(wrong)


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="C-contiguous"):
        qimage_over(np.zeros((4, 4, 4), np.uint8)[:, ::2])
