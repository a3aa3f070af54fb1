"""Clicks and boxes to masks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from ovedit.engine.basic.points import segment_points
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import Point, PointRequest
from ovedit.errors import Cancelled, UsageError
from ovedit.geometry import Rect

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def rgba(rgb: NDArray[np.uint8]) -> Pixels:
    return np.ascontiguousarray(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))


def scene() -> tuple[Pixels, Mask, Mask]:
    """Two discs, yellow left and blue right, on noisy grey; their masks."""
    noise = np.random.default_rng(5).normal(0, 5, (240, 360, 1))
    image = np.clip(np.full(3, 110) + noise, 0, 255).astype(np.uint8)
    masks = []
    for x, colour in ((110, (220, 190, 40)), (260, (40, 60, 190))):
        cv2.circle(image, (x, 120), 50, colour, -1, cv2.LINE_AA)
        drawn = np.zeros(image.shape[:2], np.uint8)
        cv2.circle(drawn, (x, 120), 50, 1, -1)
        masks.append(drawn > 0)
    return rgba(image), masks[0], masks[1]


def select(
    image: Pixels, *points: Point, box: Rect | None = None, mask: Pixels | None = None
) -> Mask:
    request = PointRequest(image, points, box, mask)
    candidate = segment_points(request, silent, CancelToken()).candidate
    height, width = image.shape[:2]
    assert candidate.scores.rect == Rect(0, 0, width, height)
    assert 0 <= candidate.score <= 1
    values = candidate.scores.values.astype(np.float32)
    scaled = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return scaled >= candidate.threshold


def iou(mask: Mask, truth: Mask) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def coverage(mask: Mask) -> Pixels:
    return np.where(mask, np.uint8(255), np.uint8(0))


def test_a_click_selects_the_thing_under_it() -> None:
    image, left, right = scene()
    assert iou(select(image, Point(110, 120)), left) > 0.93
    assert iou(select(image, Point(280, 130)), right) > 0.93


def test_two_clicks_select_two_things() -> None:
    image, left, right = scene()
    assert iou(select(image, Point(110, 120), Point(260, 120)), left | right) > 0.93


def test_a_click_on_the_ground_leaves_the_things_out() -> None:
    image, left, right = scene()
    ground = select(image, Point(180, 20))
    assert ground[~(left | right)].mean() > 0.95
    assert ground[left | right].mean() < 0.05


def test_a_minus_point_carves_its_thing_out_of_the_mask_so_far() -> None:
    image, left, right = scene()
    both = coverage(left | right)
    carved = select(image, Point(260, 120, positive=False), mask=both)
    assert iou(carved, left) > 0.93


def test_a_plus_point_adds_its_thing_to_the_mask_so_far() -> None:
    image, left, right = scene()
    grown = select(image, Point(110, 120), Point(260, 120), mask=coverage(left))
    assert iou(grown, left | right) > 0.93


def test_minus_points_divide_what_looks_alike() -> None:
    image = rgba(np.full((200, 300, 3), (180, 60, 50), np.uint8))
    half = select(image, Point(60, 100), Point(240, 100, positive=False))
    assert half[95:105, 50:70].all()
    assert not half[95:105, 230:250].any()
    assert half[:, :100].mean() > 0.8
    assert half[:, 200:].mean() < 0.2


def test_a_minus_point_keeps_the_wall_out_of_the_face() -> None:
    image = rgba(data.astronaut())
    head = select(image, Point(220, 100), Point(220, 30), Point(300, 80, positive=False))
    assert head[90:150, 200:245].mean() > 0.9, "the face"
    assert head[30:60, 200:240].mean() > 0.9, "the hair"
    assert head[20:200, 300:330].mean() < 0.05, "the wall"
    assert head[300:].mean() < 0.05, "the suit"


def test_a_box_selects_what_differs_from_its_surroundings() -> None:
    image, left, _ = scene()
    boxed = select(image, box=Rect(45, 55, 130, 130))
    assert iou(boxed, left) > 0.93


def test_a_box_around_what_has_no_clear_edge_is_mostly_filled() -> None:
    image = rgba(data.cat())
    box = Rect(60, 20, 330, 260)
    face = select(image, box=box)
    assert face[box.slices].mean() > 0.6
    assert face[100:200, 200:300].mean() > 0.95, "between the eyes and the nose"


def test_a_box_around_the_cup() -> None:
    image = rgba(data.coffee())
    box = Rect(70, 10, 420, 380)
    cup = select(image, box=box)
    outside = np.ones(cup.shape, bool)
    outside[box.slices] = False
    assert not cup[outside].any()
    assert cup[40:200, 200:310].mean() > 0.9, "the cup"
    assert cup[250:330, 110:180].mean() > 0.9, "the saucer"
    assert cup[340:385, 75:120].mean() < 0.1, "the table in the box's corner"


def test_a_minus_point_in_a_box() -> None:
    image, left, right = scene()
    boxed = select(image, Point(260, 120, positive=False), box=Rect(40, 50, 290, 140))
    assert iou(boxed, left) > 0.9
    assert not (boxed & right).any()


def test_without_point_or_box_the_error_says_what_to_do() -> None:
    image, _, _ = scene()
    with pytest.raises(UsageError, match="Click the thing"):
        select(image)
    with pytest.raises(UsageError, match="inside the picture"):
        select(image, box=Rect(500, 10, 20, 20))


def test_transparent_pixels_are_never_selected() -> None:
    image, left, _ = scene()
    image[:100, :, 3] = 0
    mask = select(image, Point(110, 140))
    assert not mask[:97].any()
    assert mask[left & (np.arange(240)[:, None] > 104)].mean() > 0.9


def test_cancel() -> None:
    image, _, _ = scene()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        segment_points(PointRequest(image, (Point(1, 1),)), silent, token)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 7)])
def test_tiny_and_narrow_pictures(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 4), 200, np.uint8)
    assert select(image, Point(0, 0)).mean() > 0.9


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.builds(
            Point, st.floats(-50, 400, width=32), st.floats(-50, 300, width=32), st.booleans()
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_points_give_a_mask_that_respects_them(points: list[Point]) -> None:
    image, _, _ = scene()
    mask = select(image, *points)
    inside = [p for p in points if 4 <= p.x < 356 and 4 <= p.y < 236]
    for point in inside:
        others = [p for p in points if p.positive != point.positive]
        if all(abs(p.x - point.x) > 12 or abs(p.y - point.y) > 12 for p in others):
            assert mask[int(point.y), int(point.x)] == point.positive
