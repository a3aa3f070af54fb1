from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ovedit.document import Surface
from ovedit.document.brush import BrushTip, Stroke, cover, dab, erase, paint, uncover
from ovedit.geometry import Rect, Size

SIZE = Size(300, 280)
coverages = hnp.arrays(np.uint8, (5, 6))
pictures = hnp.arrays(np.uint8, (5, 6, 4))
positions = st.tuples(st.floats(-50, 350), st.floats(-50, 330))


def drawn(points: list[tuple[float, float]], tip: BrushTip, **options: object) -> np.ndarray:
    """Coverage (H, W) of a stroke through the points."""
    stroke = Stroke(SIZE, tip, **options)
    out = np.zeros((SIZE.height, SIZE.width), np.uint8)
    for x, y in points:
        for rect, coverage in stroke.extend(x, y):
            assert SIZE.rect.contains(rect)
            out[rect.slices] = coverage
    return out


# -- dabs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diameter", [1.0, 2.0, 7.0, 20.0, 51.0])
@pytest.mark.parametrize("hardness", [0.0, 0.5, 1.0])
def test_a_dab_is_round_full_in_the_middle_and_no_larger_than_it_says(
    diameter: float, hardness: float
) -> None:
    found = dab(diameter, hardness)
    assert found.shape[0] == found.shape[1] and found.shape[0] % 2 == 1
    middle = found.shape[0] // 2
    assert found[middle, middle] == found.max()
    assert np.array_equal(found, found.T) and np.array_equal(found, found[::-1])
    y, x = np.mgrid[: found.shape[0], : found.shape[0]] - middle
    assert not found[np.hypot(x, y) > diameter / 2 + 0.5].any()
    along = found[middle, middle:].astype(int)
    assert (np.diff(along) <= 0).all()


def test_a_hard_dab_has_the_area_of_its_circle() -> None:
    for diameter in (10, 25, 60):
        area = dab(float(diameter), 1.0).sum() / 255
        assert area == pytest.approx(np.pi * diameter**2 / 4, rel=0.03)


def test_softness_spreads_the_edge() -> None:
    def edge(hardness: float) -> int:
        found = dab(40.0, hardness)
        return int(((found > 10) & (found < 245)).sum())

    assert edge(1.0) < edge(0.6) < edge(0.0)


# -- strokes ---------------------------------------------------------------------------------------


def test_one_click_sets_one_dab_where_the_pen_is() -> None:
    found = drawn([(100.5, 50.5)], BrushTip(20, 1.0))
    expected = dab(20.0, 1.0)
    reach = expected.shape[0] // 2
    assert np.array_equal(found[50 - reach : 51 + reach, 100 - reach : 101 + reach], expected)
    assert found.sum() == expected.sum()


@given(st.floats(20, 280), st.floats(20, 260))
@settings(max_examples=40, deadline=None)
def test_a_dab_is_centred_to_a_quarter_pixel(x: float, y: float) -> None:
    found = drawn([(x, y)], BrushTip(12, 0.5)).astype(float)
    rows, columns = np.mgrid[: SIZE.height, : SIZE.width]
    assert abs((found * (columns + 0.5)).sum() / found.sum() - x) < 0.2
    assert abs((found * (rows + 0.5)).sum() / found.sum() - y) < 0.2


def test_a_line_is_covered_without_gaps() -> None:
    found = drawn([(20, 100), (280, 100)], BrushTip(10, 1.0))
    assert (found[100, 20:280] == 255).all()
    assert not found[:94].any() and not found[107:].any()


def test_steps_of_the_pen_make_the_same_line_as_one_movement() -> None:
    tip = BrushTip(30, 0.5)
    at_once = drawn([(20, 100), (280, 100)], tip)
    in_steps = drawn([(x, 100.0) for x in range(20, 281, 4)], tip)
    assert np.abs(at_once[:, :270].astype(int) - in_steps[:, :270]).max() <= 12


@given(st.lists(positions, min_size=1, max_size=5), st.floats(0.1, 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_going_over_a_place_again_does_not_exceed_the_opacity(
    points: list[tuple[float, float]], opacity: float, hardness: float
) -> None:
    tip = BrushTip(25, hardness, opacity)
    found = drawn([*points, *points, *points], tip)
    assert found.max() <= round(255 * opacity)
    assert (found >= drawn(points, tip)).all()


def test_a_stroke_stays_inside_the_selection() -> None:
    selected = np.zeros((SIZE.height, SIZE.width), np.uint8)
    selected[:, :100] = 255
    selected[:, 100:110] = 51
    tip = BrushTip(40, 1.0)
    points = [(60.0, 100.0), (250.0, 100.0)]
    found = drawn(points, tip, selection=Surface.from_array(selected))
    free = drawn(points, tip)
    assert np.array_equal(found[:, :100], free[:, :100])
    assert np.array_equal(found[:, 100:110], np.round(free[:, 100:110] / 5).astype(np.uint8))
    assert not found[:, 110:].any()


def test_pressure_makes_the_stroke_thinner() -> None:
    def width(pressure: float) -> int:
        stroke = Stroke(SIZE, BrushTip(40, 1.0))
        ((rect, _),) = stroke.extend(150, 140, pressure)
        return rect.width

    assert width(0.2) < width(0.6) < width(1.0)
    assert width(0.0) >= 1


def test_off_the_picture_nothing_happens() -> None:
    assert list(Stroke(SIZE, BrushTip(20)).extend(-100, -100)) == []
    edge = drawn([(0, 0)], BrushTip(20, 1.0))
    assert edge[0, 0] == 255


# -- what coverage does ----------------------------------------------------------------------------


@given(coverages, coverages)
def test_covering_and_uncovering(before: np.ndarray, stroke: np.ndarray) -> None:
    more, less = cover(before, stroke), uncover(before, stroke)
    assert (more >= before).all() and (less <= before).all()
    b, s = before / 255, stroke / 255
    assert np.abs(more / 255 - (b + s - b * s)).max() <= 0.51 / 255
    assert np.abs(less / 255 - b * (1 - s)).max() <= 0.51 / 255
    full, none = np.full_like(stroke, 255), np.zeros_like(stroke)
    assert (cover(before, full) == 255).all() and not uncover(before, full).any()
    assert np.array_equal(cover(before, none), before)
    assert np.array_equal(uncover(before, none), before)


@given(pictures, coverages)
def test_painting_is_colour_laid_over(before: np.ndarray, stroke: np.ndarray) -> None:
    found = paint(before, stroke, (200, 100, 50))
    assert np.array_equal(found[stroke == 0], before[stroke == 0])
    full = stroke == 255
    assert (found[full] == (200, 100, 50, 255)).all()
    s, b = stroke / 255, before[..., 3] / 255
    alpha = s + b * (1 - s)
    assert np.abs(found[..., 3] / 255 - alpha).max() <= 0.51 / 255
    under = before[..., :3] * (b * (1 - s))[..., None]
    laid = np.array([200, 100, 50]) * s[..., None] + under
    touched = stroke > 0
    expected = laid[touched] / alpha[touched][:, None]
    assert np.abs(found[..., :3][touched] - expected).max(initial=0) <= 0.51


@given(pictures, coverages)
def test_erasing_lowers_alpha_and_keeps_colour(before: np.ndarray, stroke: np.ndarray) -> None:
    found = erase(before, stroke)
    assert np.array_equal(found[..., :3], before[..., :3])
    assert np.array_equal(found[..., 3], uncover(before[..., 3], stroke))


def test_a_dab_rectangle_is_inside_the_picture() -> None:
    for rect, coverage in Stroke(SIZE, BrushTip(64, 0.3)).extend(299.0, 279.0):
        assert isinstance(rect, Rect)
        assert coverage.shape == (rect.height, rect.width)
        assert SIZE.rect.contains(rect)
