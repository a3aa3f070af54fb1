from __future__ import annotations

import numpy as np
import pytest

from ovedit.document import Surface
from ovedit.geometry import Affine, Rect, Size
from ovedit.ui.canvas.display_tiles import Overlay
from ovedit.ui.canvas.outlines import Colour, Outline, Outlines, border_pixels
from ovedit.ui.canvas.view import View

SIZE, VIEWPORT = Size(200, 160), Size(220, 180)
RED, BLACK = (255, 0, 0), (0, 0, 0)
BOX = Rect(40, 30, 80, 60)


def area(*boxes: Rect) -> Overlay:
    coverage = np.zeros((SIZE.height, SIZE.width), np.uint8)
    for box in boxes:
        coverage[box.slices] = 255
    return Overlay(Surface.from_array(coverage), RED, 0.4)


def view(dx: int = 0, dy: int = 0, zoom: float = 1.0) -> View:
    return View(SIZE, VIEWPORT, Affine(zoom, dx, dy))


def drawn(outlines: Outlines, at: View, phase: int = 0) -> np.ndarray:
    outlines.follow(at)
    outlines.draw(at, at.viewport.rect)
    frame = outlines.frame(phase)
    assert frame is not None
    return frame


def dashes(outlines: Outlines, colours: tuple[Colour, Colour] = (RED, BLACK)) -> Outlines:
    outlines.set_outlines([Outline(area(BOX), colours)])
    return outlines


def test_a_border_is_two_pixels_wide_and_a_thin_one_lies_inside() -> None:
    border = border_pixels(area(BOX), view(), VIEWPORT.rect)
    thin = border_pixels(area(BOX), view(), VIEWPORT.rect, thin=True)
    assert border is not None
    assert thin is not None
    row = np.flatnonzero(border[60])
    assert row.tolist() == [39, 40, 119, 120]
    assert np.flatnonzero(thin[60]).tolist() == [40, 119]
    assert not border[40:80, 50:110].any()


def test_what_is_covered_by_less_than_half_has_no_border() -> None:
    coverage = np.full((SIZE.height, SIZE.width), 127, np.uint8)
    overlay = Overlay(Surface.from_array(coverage), RED, 0.4)
    assert border_pixels(overlay, view(), VIEWPORT.rect) is None
    assert border_pixels(area(), view(), VIEWPORT.rect) is None


@pytest.mark.parametrize("zoom", [0.5, 1.0, 3.0])
def test_the_border_follows_the_zoom(zoom: float) -> None:
    at = view(zoom=zoom)
    border = border_pixels(area(BOX), at, VIEWPORT.rect, thin=True)
    assert border is not None
    columns = np.flatnonzero(border.any(0))
    assert columns[0] == pytest.approx(40 * zoom, abs=1)
    assert columns[-1] == pytest.approx(min(120 * zoom, VIEWPORT.width) - 1, abs=1)


def test_a_solid_outline_has_one_colour() -> None:
    frame = drawn(dashes(Outlines(), (RED, RED)), view())
    colours = np.unique(frame[frame[..., 3] > 0], axis=0)
    assert colours.tolist() == [[0, 0, 255, 255]]


def test_a_dashed_outline_has_two_colours_that_move_and_come_back() -> None:
    outlines = dashes(Outlines())
    first = drawn(outlines, view()).copy()
    places = first[..., 3] > 0
    assert {tuple(colour) for colour in first[places].tolist()} == {
        (0, 0, 255, 255),
        (0, 0, 0, 255),
    }
    later = outlines.frame(3)
    assert later is not None
    assert not np.array_equal(later, first)
    assert np.array_equal(later[..., 3] > 0, places)
    back = outlines.frame(12)
    assert back is not None
    assert np.array_equal(back, first)


@pytest.mark.parametrize("move", [(13, -7), (-30, 0), (0, 25), (-500, 400)])
def test_a_pan_takes_the_dashes_along(move: tuple[int, int]) -> None:
    outlines = dashes(Outlines())
    drawn(outlines, view())
    panned = view(*move)
    outlines.follow(panned)
    kept = VIEWPORT.rect.translated(*move).intersect(VIEWPORT.rect)
    found = outlines.frame(0)
    assert found is not None
    expected = drawn(dashes(Outlines()), panned)
    assert np.array_equal(found[kept.slices], expected[kept.slices])
    found = drawn(outlines, panned)
    assert np.array_equal(found, expected)


def test_parts_drawn_one_by_one_fit_together() -> None:
    at = view(3, 5)
    parts = dashes(Outlines())
    parts.follow(at)
    for rect in (Rect(0, 0, 100, 90), Rect(100, 0, 120, 90), Rect(0, 90, 220, 90)):
        parts.draw(at, rect)
    assert np.array_equal(parts.frame(0), drawn(dashes(Outlines()), at))


def test_opacity_is_premultiplied() -> None:
    outlines = Outlines()
    outlines.set_outlines([Outline(area(BOX), (RED, RED), 0.35)])
    frame = drawn(outlines, view())
    assert np.unique(frame[frame[..., 3] > 0], axis=0).tolist() == [[0, 0, 89, 89]]


def test_the_last_outline_lies_on_top() -> None:
    outlines = Outlines()
    outlines.set_outlines(
        [Outline(area(BOX), (RED, RED)), Outline(area(BOX), ((0, 255, 0), (0, 255, 0)))]
    )
    frame = drawn(outlines, view())
    assert np.unique(frame[frame[..., 3] > 0], axis=0).tolist() == [[0, 255, 0, 255]]


def test_more_outlines_than_a_byte_can_tell_apart_are_all_drawn() -> None:
    outlines = Outlines()
    boxes = [Rect(4 + 6 * n, 10, 4, 30) for n in range(30)]
    outlines.set_outlines(
        [Outline(area(box), ((n * 8, 10, 10), (0, 0, 0))) for n, box in enumerate(boxes)]
    )
    frame = drawn(outlines, view())
    for box in boxes:
        assert (frame[box.slices][..., 3] > 0).any()


def test_without_outlines_there_is_nothing_to_draw() -> None:
    outlines = Outlines()
    outlines.follow(view())
    assert outlines.frame(0) is None
