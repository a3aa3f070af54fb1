from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ovedit.document import Candidate, ClassMask, ScoreMap, overlay_colour
from ovedit.document.masks import (
    SOFTNESS,
    Combine,
    bounds,
    combine,
    feathered,
    fill_holes,
    from_scores,
    grow,
    product,
    remove_specks,
    smooth,
    snap_to_edges,
)
from ovedit.geometry import Rect, Size

coverages = hnp.arrays(np.uint8, (20, 24))
binary = hnp.arrays(np.bool_, (20, 24)).map(lambda a: a.astype(np.uint8) * 255)


def disc(radius: float, side: int = 61) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return ((np.hypot(x, y) <= radius) * 255).astype(np.uint8)


def distance_to(mask: np.ndarray) -> np.ndarray:
    """Euclidean distance of every pixel to the nearest covered one, by brute force."""
    rows, columns = np.nonzero(mask)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    return np.hypot(y[..., None] - rows, x[..., None] - columns).min(-1)


# -- combining -------------------------------------------------------------------------------------


@given(coverages, coverages)
def test_soft_sets_are_sets(a: np.ndarray, b: np.ndarray) -> None:
    union, both = combine(a, b, Combine.UNION), combine(a, b, Combine.INTERSECT)
    assert np.array_equal(union, combine(b, a, Combine.UNION))
    assert np.array_equal(union.astype(int) + both, a.astype(int) + b)
    assert np.array_equal(combine(a, b, Combine.SUBTRACT), np.minimum(a, 255 - b))
    assert combine(a, b, Combine.REPLACE) is b
    empty, full = np.zeros_like(a), np.full_like(a, 255)
    assert np.array_equal(combine(a, empty, Combine.SUBTRACT), a)
    assert not combine(a, full, Combine.SUBTRACT).any()


@given(coverages)
def test_bounds_hold_everything_and_no_more(mask: np.ndarray) -> None:
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        assert not bounds(mask)
        return
    rect = bounds(mask)
    assert (rect.x, rect.y) == (columns.min(), rows.min())
    assert (rect.right, rect.bottom) == (columns.max() + 1, rows.max() + 1)


# -- scores ----------------------------------------------------------------------------------------


def test_the_threshold_is_where_coverage_is_half() -> None:
    values = np.linspace(0, 1, 201, dtype=np.float32)[None].repeat(3, 0)
    mask = from_scores(ScoreMap(values, Rect(0, 0, 201, 3)), 0.6, Size(201, 3))
    assert abs(int(mask[1, 120]) - 127) <= 1
    assert mask[1, 120 - round(SOFTNESS * 100) - 1] == 0
    assert mask[1, 120 + round(SOFTNESS * 100) + 1] == 255
    assert (np.diff(mask[1].astype(int)) >= 0).all()


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_covers_less(low: float, high: float) -> None:
    low, high = sorted((low, high))
    values = np.random.default_rng(0).random((9, 7)).astype(np.float16)
    scores = ScoreMap(values, Rect(2, 3, 21, 27))
    size = Size(30, 30)
    assert (from_scores(scores, low, size) >= from_scores(scores, high, size)).all()


def test_scores_cover_their_rectangle_only() -> None:
    scores = ScoreMap(np.ones((2, 2), np.float32), Rect(-4, 6, 10, 10))
    mask = from_scores(scores, 0.5, Size(20, 12))
    expected = np.zeros((12, 20), np.uint8)
    expected[6:, :6] = 255
    assert np.array_equal(mask, expected)
    away = ScoreMap(np.ones((2, 2), np.float32), Rect(50, 50, 10, 10))
    assert not from_scores(away, 0.5, Size(20, 12)).any()


def test_a_score_of_zero_is_never_covered() -> None:
    scores = ScoreMap(np.zeros((4, 4), np.float32), Rect(0, 0, 4, 4))
    assert not from_scores(scores, 0.0, Size(4, 4)).any()


# -- shapes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [1, 2.5, 6])
def test_growing_adds_a_round_rim(pixels: float) -> None:
    mask = disc(10)
    grown = grow(mask, pixels)
    distance = distance_to(mask)
    assert (grown[distance <= pixels - 0.5] == 255).all()
    assert (grown[distance >= pixels + 0.5] == 0).all()


@pytest.mark.parametrize("pixels", [1, 3, 6])
def test_shrinking_takes_a_round_rim(pixels: int) -> None:
    mask = disc(15)
    shrunk = grow(mask, -pixels)
    distance = distance_to(255 - mask)
    assert (shrunk[distance > pixels + 0.5] == 255).all()
    assert (shrunk[distance < pixels - 0.5] == 0).all()


def test_a_mask_that_runs_off_the_picture_does_not_shrink_there() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[:, :20] = 255
    shrunk = grow(mask, -5)
    assert (shrunk[:, :14] == 255).all()
    assert (shrunk[:, 16:] == 0).all()


@given(coverages, st.floats(0, 6))
@settings(deadline=None)
def test_growing_never_takes_away(mask: np.ndarray, pixels: float) -> None:
    assert (grow(mask, pixels) >= mask).all()
    assert (grow(mask, -pixels) <= mask).all()


def test_nothing_grows_to_nothing() -> None:
    empty = np.zeros((9, 9), np.uint8)
    assert not grow(empty, 4).any()
    assert not feathered(empty, 4, 4).any()
    assert not grow(empty, -3).any()


@given(binary, st.integers(0, 6), st.sampled_from([0, 0.5, 3, 8]))
@settings(max_examples=60, deadline=None)
def test_an_edits_alpha_is_full_on_the_grown_mask_and_ends_with_the_feather(
    mask: np.ndarray, grown: int, feather: float
) -> None:
    alpha = feathered(mask, grown, feather)
    if not mask.any():
        assert not alpha.any()
        return
    distance = distance_to(mask)
    assert (alpha[distance <= grown] == 255).all()
    assert (alpha[distance > grown + feather + 1e-3] == 0).all()
    order = np.argsort(distance, axis=None)
    assert (
        np.diff(alpha.ravel()[order].astype(int))[np.diff(distance.ravel()[order]) > 0] <= 0
    ).all()


def test_a_soft_rim_is_part_of_an_edit() -> None:
    mask = np.zeros((1, 30), np.uint8)
    mask[0, 10:20] = 255
    mask[0, 20] = 100
    assert feathered(mask, 0, 0)[0, 20] == 255


@given(coverages)
def test_smoothing_keeps_the_range_and_nothing_at_zero(mask: np.ndarray) -> None:
    soft = smooth(mask, 4)
    assert soft.min() >= mask.min() and soft.max() <= mask.max()
    assert np.array_equal(smooth(mask, 0), mask)


def test_holes_are_filled_and_bays_are_not() -> None:
    mask = disc(20)
    mask[25:35, 25:35] = 0
    mask[24, 24:36] = 90
    filled = fill_holes(mask)
    assert np.array_equal(filled, disc(20))
    bay = disc(20)
    bay[28:32, 30:] = 0
    assert np.array_equal(fill_holes(bay), bay)


def test_a_hole_at_the_border_is_none() -> None:
    mask = np.full((20, 20), 255, np.uint8)
    mask[:5, 8:12] = 0
    assert np.array_equal(fill_holes(mask), mask)


def test_small_parts_are_dropped_whole() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:4, 2:5] = 200
    mask[10:14, 10:15] = 90
    cleaned = remove_specks(mask, 7)
    expected = mask.copy()
    expected[2:4, 2:5] = 0
    assert np.array_equal(cleaned, expected)
    assert np.array_equal(remove_specks(mask, 6), mask)


def test_an_edge_moves_onto_the_pictures_edge() -> None:
    image = np.full((60, 60, 4), 255, np.uint8)
    image[:, :30, :3] = 20
    mask = np.zeros((60, 60), np.uint8)
    mask[:, :34] = 255
    snapped = snap_to_edges(mask, image)
    middle = (snapped[20:40] >= 128).sum(1)
    assert (np.abs(middle - 30) <= 2).all()
    closer = mask.copy()
    closer[:, 32:] = 0
    middle = (snap_to_edges(closer, image)[20:40] >= 128).sum(1)
    assert (np.abs(middle - 30) <= 1).all()
    assert not snap_to_edges(np.zeros((60, 60), np.uint8), image).any()


def test_far_from_the_edge_nothing_moves() -> None:
    image = np.random.default_rng(0).integers(0, 256, (80, 80, 4)).astype(np.uint8)
    mask = np.zeros((80, 80), np.uint8)
    mask[:, :40] = 255
    snapped = snap_to_edges(mask, image, radius=4)
    assert np.array_equal(snapped[:, :34], mask[:, :34])
    assert np.array_equal(snapped[:, 46:], mask[:, 46:])


# -- values ----------------------------------------------------------------------------------------


def test_neighbouring_colours_differ() -> None:
    colours = [overlay_colour(index) for index in range(28)]
    assert len(set(colours)) == len(colours)
    for first, second in pairwise(colours):
        assert np.abs(np.subtract(first, second)).sum() > 60
    assert all(0 <= value <= 255 for colour in colours for value in colour)


def test_the_chosen_candidate_is_the_one_shown() -> None:
    scores = ScoreMap(np.zeros((2, 2), np.float32), Rect(0, 0, 2, 2))
    offered = tuple(Candidate(name, 0.5, scores, 0.5) for name in "ab")
    assert ClassMask("x", (0, 0, 0), candidates=offered, chosen=1).candidate is offered[1]
    assert ClassMask("x", (0, 0, 0)).candidate is None


def test_a_product_is_exact_but_for_rounding() -> None:
    one, other = np.meshgrid(np.arange(256), np.arange(256))
    found = product(one.astype(np.uint8), other.astype(np.uint8))
    assert found.dtype == np.uint8
    assert np.abs(found - one * other / 255).max() <= 0.5
