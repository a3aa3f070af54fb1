from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.geometry import Affine, Rect, Size
from ovedit.ui.canvas.sampling import level_scale, source_rect
from ovedit.ui.canvas.view import MAX_ZOOM, MIN_ZOOM, ZOOM_STEPS, View

sizes = st.builds(Size, st.integers(1, 9000), st.integers(1, 9000))
viewports = st.builds(Size, st.integers(1, 2000), st.integers(1, 2000))
zooms = st.floats(MIN_ZOOM, MAX_ZOOM)
moves = st.floats(-1e5, 1e5)


@st.composite
def views(draw: st.DrawFn) -> View:
    view = View(draw(sizes), draw(viewports)).fitted()
    x, y = draw(st.floats(0, view.viewport.width)), draw(st.floats(0, view.viewport.height))
    return view.zoomed(draw(zooms), x, y).panned(draw(moves), draw(moves))


@given(views(), moves, moves)
def test_device_and_document_positions_are_inverse(view: View, x: float, y: float) -> None:
    assert view.to_device(*view.to_document(x, y)) == pytest.approx((x, y), abs=1e-4)


@given(views(), zooms, st.data())
def test_a_zoom_keeps_what_is_under_the_pointer(
    view: View, zoom: float, data: st.DataObject
) -> None:
    shown = view.device_rect(view.document.rect)
    if not shown:
        return
    x = data.draw(st.floats(shown.x, shown.right))
    y = data.draw(st.floats(shown.y, shown.bottom))
    before = view.to_document(x, y)
    zoomed = view.zoomed(zoom, x, y)
    # Half a device pixel is lost by whole shifts; more only where the picture would leave sight.
    kept = Affine.zoomed_at(view.affine, x, y, zoomed.zoom)
    free = abs(kept.dx - zoomed.affine.dx) <= 0.5 and abs(kept.dy - zoomed.affine.dy) <= 0.5
    if free:
        after = zoomed.to_device(*before)
        assert after == pytest.approx((x, y), abs=0.5 + 1e-6)
    else:
        limits = zoomed.panned(0, 0)
        assert limits == zoomed


@given(views())
def test_a_pointer_on_a_large_picture_is_never_moved_by_a_zoom(view: View) -> None:
    x, y = view.viewport.width / 2, view.viewport.height / 2
    centred = View(view.document, view.viewport).fitted()
    zoomed = centred.zoomed(min(MAX_ZOOM, centred.zoom * 3), x, y)
    assert zoomed.to_device(*centred.to_document(x, y)) == pytest.approx((x, y), abs=1.001)


@given(views())
def test_the_level_has_a_pixel_for_every_device_pixel(view: View) -> None:
    coarsest = max(view.document.width, view.document.height).bit_length() - 1
    assert 0 <= view.level <= coarsest
    scale = level_scale(view)
    assert scale <= 1 + 1e-6 or view.level == 0
    # No finer than needed, as long as there is a coarser one.
    assert scale > 0.5 - 1e-6 or view.level == coarsest


@given(views())
def test_the_picture_is_never_out_of_sight(view: View) -> None:
    left, top = view.to_device(0, 0)
    right, bottom = view.to_device(view.document.width, view.document.height)
    seen_x = min(right, view.viewport.width) - max(left, 0)
    seen_y = min(bottom, view.viewport.height) - max(top, 0)
    assert seen_x >= min(right - left, view.viewport.width) / 4 - 0.51
    assert seen_y >= min(bottom - top, view.viewport.height) / 4 - 0.51


@given(views(), moves, moves)
def test_a_pan_shifts_by_whole_pixels(view: View, dx: float, dy: float) -> None:
    panned = view.panned(dx, dy)
    assert panned.zoom == view.zoom
    assert panned.affine.dx == round(panned.affine.dx)
    assert panned.affine.dy == round(panned.affine.dy)


@given(sizes, viewports, st.integers(0, 300))
def test_fitted_shows_everything_unless_it_would_be_too_small(
    size: Size, viewport: Size, margin: int
) -> None:
    view = View(size, viewport).fitted(margin)
    assert view.zoom <= 1
    if view.zoom > MIN_ZOOM and margin < viewport.height:
        left, top = view.to_device(0, 0)
        right, bottom = view.to_device(size.width, size.height)
        assert left >= -0.51
        assert top >= -0.51
        assert right <= viewport.width + 0.51
        assert bottom <= viewport.height - margin + 0.51


@given(views())
def test_steps_go_through_the_usual_zooms_and_end(view: View) -> None:
    up = view.stepped(1, 0, 0).zoom
    down = view.stepped(-1, 0, 0).zoom
    assert up > view.zoom or view.zoom >= MAX_ZOOM * 0.999
    assert down < view.zoom or view.zoom <= ZOOM_STEPS[0] * 1.001
    assert up in (*ZOOM_STEPS, MAX_ZOOM)
    assert down in (*ZOOM_STEPS, MIN_ZOOM)


@given(views(), viewports)
def test_a_resize_keeps_the_middle(view: View, viewport: Size) -> None:
    resized = view.resized(viewport)
    before = view.to_document(view.viewport.width / 2, view.viewport.height / 2)
    after = resized.to_device(*before)
    assert after == pytest.approx((viewport.width / 2, viewport.height / 2), abs=1.001)


@given(views())
def test_a_document_rectangle_is_seen_in_its_device_rectangle(view: View) -> None:
    seen = view.visible()
    assert view.document.rect.contains(seen)
    device = view.device_rect(seen)
    assert view.viewport.rect.contains(device)
    if seen:
        left, top = view.to_device(seen.x, seen.y)
        assert device.x == max(0, math.floor(left))
        assert device.y == max(0, math.floor(top))


@given(views())
def test_the_source_of_a_device_rectangle_holds_what_is_seen_there(view: View) -> None:
    device = Rect(0, 0, view.viewport.width, view.viewport.height)
    source, seen = source_rect(view, device), view.visible()
    if seen:
        assert source.contains(seen.at_level(view.level))
