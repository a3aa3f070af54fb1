from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import BlendMode, Document, coverage_of, pixels_of
from ovedit.geometry import Affine, Rect, Size
from ovedit.ui.canvas import renderer as renderer_module
from ovedit.ui.canvas.display_tiles import DisplayTiles, Overlay
from ovedit.ui.canvas.outlines import Outline, Outlines
from ovedit.ui.canvas.renderer import Renderer
from ovedit.ui.canvas.view import View
from tests.ui.canvas.scenes import document_of, noise

SURROUND = (33, 22, 11)
VIEWPORT = Size(300, 240)


class Screen:
    """A renderer over a document, outlines and tints of its masks included."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.tiles = DisplayTiles(lambda: document.state)
        self.outlines = Outlines()
        self.renderer = Renderer(self.tiles, self.outlines, SURROUND)
        self.show_masks()

    def show_masks(self) -> None:
        areas = [
            Overlay(self.document.state.surface(coverage_of(mask.id)), mask.colour, 0.4)
            for mask in self.document.masks
        ]
        self.tiles.set_overlays(areas)
        self.outlines.set_outlines([Outline(area, (area.colour, (0, 0, 0))) for area in areas])
        self.renderer.redraw()

    def seen(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """The final picture and outlines."""
        for _ in range(300):
            pixels = self.renderer.frame(view).copy()
            if self.renderer.finished:
                lines = self.outlines.frame(0)
                return pixels, np.zeros(0) if lines is None else lines.copy()
        raise AssertionError("never finished")


def equal(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def same(
    view: View, one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> bool:
    """Equal; between pixels up to the last bit, which in OpenCV depends on the origin."""
    if view.zoom in (0.25, 0.5, 1.0) or view.zoom >= 2:
        return equal(one, other)
    far = np.abs(one[0].astype(int) - other[0]).max()
    lines = (one[1] != other[1]).any(-1).mean() if one[1].size else 0
    return far <= 2 and lines <= 0.005


def view_of(document: Document, zoom: float, dx: int = 0, dy: int = 0) -> View:
    return View(document.size, VIEWPORT, Affine(zoom, dx, dy))


def over_checkerboard(rgba: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: rgba.shape[0], : rgba.shape[1]]
    board = np.where((x // 8 + y // 8) % 2, 255.0, 204.0)[..., None]
    alpha = rgba[..., 3:] / 255
    return board + (rgba[..., :3] - board) * alpha


def test_100_percent_is_the_flattened_picture_bit_for_bit() -> None:
    document = document_of(Size(280, 210), layers=4)
    pixels, _ = Screen(document).seen(view_of(document, 1.0, 7, 11))
    assert np.array_equal(pixels[11:221, 7:287, 2::-1], document.state.flattened()[..., :3])
    surround = np.ones((240, 300), bool)
    surround[11:221, 7:287] = False
    assert (pixels[surround][:, :3] == SURROUND).all()
    assert (pixels[..., 3] == 255).all()


def test_where_it_is_transparent_a_checkerboard_shows() -> None:
    document = document_of(Size(290, 230), opaque=False)
    pixels, _ = Screen(document).seen(view_of(document, 1.0))
    expected = over_checkerboard(document.state.flattened())
    assert np.abs(pixels[:230, :290, 2::-1] - expected).max() <= 0.51


@pytest.mark.parametrize("zoom", [2.0, 3.0, 8.0])
def test_enlarged_pixels_stay_squares(zoom: float) -> None:
    document = document_of(Size(90, 80))
    pixels, _ = Screen(document).seen(view_of(document, zoom, -20, -13))
    y, x = np.mgrid[: VIEWPORT.height, : VIEWPORT.width]
    columns, rows = ((x + 20) / zoom).astype(int), ((y + 13) / zoom).astype(int)
    inside = (columns < 90) & (rows < 80)
    expected = document.state.flattened()[rows[inside], columns[inside], :3]
    assert np.array_equal(pixels[inside][:, 2::-1], expected)


@pytest.mark.parametrize("level", [1, 2])
def test_reduced_is_the_mip_level(level: int) -> None:
    document = document_of(Size(1000, 700), layers=2)
    pixels, _ = Screen(document).seen(view_of(document, 1 / (1 << level)))
    expected = document.state.flattened(level=level)[..., :3]
    height, width = min(240, expected.shape[0]), min(300, expected.shape[1])
    assert np.array_equal(pixels[:height, :width, 2::-1], expected[:height, :width])


moves = st.lists(
    st.tuples(st.integers(-90, 90), st.integers(-90, 90), st.sampled_from([1.0, 1.0, 0.8, 1.3])),
    min_size=1,
    max_size=5,
)


@given(moves, st.sampled_from([0.3, 0.5, 0.77, 1.0, 1.4, 2.5]))
@settings(max_examples=25, deadline=None)
def test_pans_and_zooms_end_where_a_fresh_screen_begins(
    steps: list[tuple[int, int, float]], zoom: float
) -> None:
    document = document_of(Size(700, 520), layers=2, masks=2)
    screen, view = Screen(document), view_of(document, zoom, 10, -20)
    screen.seen(view)
    for dx, dy, factor in steps:
        view = view.panned(dx, dy).zoomed(view.zoom * factor, 100, 90)
        screen.renderer.frame(view)
    assert same(view, screen.seen(view), Screen(document).seen(view))


changes = st.lists(
    st.tuples(
        st.integers(-50, 650),
        st.integers(-50, 480),
        st.integers(1, 200),
        st.integers(1, 200),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(changes, st.sampled_from([0.2, 0.45, 0.5, 1.0, 1.7, 3.0]))
@settings(max_examples=30, deadline=None)
def test_drawing_what_changed_equals_drawing_everything(
    rects: list[tuple[int, int, int, int, bool]], zoom: float
) -> None:
    document = document_of(Size(600, 430), layers=3, masks=1)
    screen, view = Screen(document), view_of(document, zoom, 15, 9)
    screen.seen(view)
    layer, mask = document.layers[1].id, document.masks[0].id
    for number, (x, y, width, height, on_mask) in enumerate(rects):
        rect = Rect(x, y, width, height)
        pixels = noise(rect.size, opaque=False, seed=number)
        with document.transaction("Change") as tx:
            if on_mask:
                solid = np.full((height, width), 255 * (number % 2), np.uint8)
                tx.write(coverage_of(mask), rect, solid)
            else:
                tx.write(pixels_of(layer), rect, pixels)
        inside = rect.intersect(document.size.rect)
        if on_mask:
            area = Overlay(document.state.surface(coverage_of(mask)), document.masks[0].colour, 0.4)
            screen.tiles.replace_overlays([area])
            screen.tiles.forget_overlays(inside)
            screen.outlines.set_outlines([Outline(area, (area.colour, (0, 0, 0)))])
        else:
            screen.tiles.forget(inside)
        screen.renderer.mark(inside)
        screen.renderer.frame(view)
    assert same(view, screen.seen(view), Screen(document).seen(view))


def test_a_slow_machine_gets_there_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer_module, "MOVE_SECONDS", -1.0)
    monkeypatch.setattr(renderer_module, "CHANGE_SECONDS", -1.0)
    document = document_of(Size(600, 500), layers=2, masks=1)
    screen, view = Screen(document), view_of(document, 0.9, 5, 5)
    frames = 0
    screen.renderer.frame(view)
    while not screen.renderer.finished:
        screen.renderer.frame(view)
        frames += 1
    assert frames > 1
    slow = screen.seen(view)
    monkeypatch.undo()
    assert same(view, slow, Screen(document).seen(view))


def test_a_zoom_shows_what_was_seen_scaled_before_it_is_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smooth = cv2.resize(noise(Size(6, 5)), (600, 500), interpolation=cv2.INTER_CUBIC)
    document = Document.from_pixels(smooth, "Smooth")
    screen = Screen(document)
    screen.seen(view_of(document, 0.4))
    monkeypatch.setattr(renderer_module, "MOVE_SECONDS", -1.0)
    zoomed = view_of(document, 0.4).zoomed(0.9, 100, 100)
    first = screen.renderer.frame(zoomed).copy()
    assert not screen.renderer.finished
    final, _ = screen.seen(zoomed)
    assert np.abs(first.astype(int) - final).mean() < 3


def test_the_surround_changes_at_once() -> None:
    document = document_of(Size(100, 100))
    screen, view = Screen(document), view_of(document, 1.0, 50, 50)
    screen.seen(view)
    screen.renderer.set_surround((1, 2, 3))
    pixels, _ = screen.seen(view)
    assert pixels[0, 0, :3].tolist() == [1, 2, 3]
    assert pixels[200, 200, :3].tolist() == [1, 2, 3]


def test_a_blend_mode_changes_what_is_seen() -> None:
    document = document_of(Size(200, 150), layers=2)
    screen, view = Screen(document), view_of(document, 1.0)
    screen.seen(view)
    with document.transaction("Blend mode") as tx:
        tx.update_layer(document.layers[1].id, blend=BlendMode.DIFFERENCE)
    screen.tiles.forget(document.size.rect)
    screen.renderer.mark(document.size.rect)
    pixels, _ = screen.seen(view)
    expected = document.state.flattened()[..., :3]
    assert np.array_equal(pixels[:150, :200, 2::-1], expected)


def test_a_zoom_to_another_place_begins_anew() -> None:
    document = document_of(Size(3000, 200))
    screen = Screen(document)
    screen.seen(view_of(document, 0.1))
    far = view_of(document, 2.0, -5000, 0)
    assert equal(screen.seen(far), Screen(document).seen(far))


def test_a_frame_tells_what_it_drew() -> None:
    document = document_of(Size(600, 500))
    screen, view = Screen(document), view_of(document, 1.0)
    screen.seen(view)
    assert not screen.renderer.outdated(view)
    screen.tiles.forget(Rect(50, 60, 10, 20))
    screen.renderer.mark(Rect(50, 60, 10, 20), outlines=False)
    assert screen.renderer.outdated(view)
    screen.renderer.frame(view)
    (drawn,) = screen.renderer.drawn
    assert drawn.contains(Rect(50, 60, 10, 20))
    assert drawn.size.area < 1000
    assert screen.renderer.outdated(view.panned(1, 0))
