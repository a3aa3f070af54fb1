from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import TILE, Document, Surface, pixels_of
from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.display_tiles import DisplayTiles, Overlay
from tests.ui.canvas.scenes import disc, document_of, noise

SIZE = Size(700, 600)
ORANGE = (230, 159, 0)


def tiles_of(document: Document, **options: int) -> DisplayTiles:
    return DisplayTiles(lambda: document.state, **options)


def test_a_tile_is_the_flattened_picture_in_qts_byte_order() -> None:
    document = document_of(SIZE, layers=2)
    tile = tiles_of(document).tile(0, 1, 2)
    rect = Rect(2 * TILE, TILE, SIZE.width - 2 * TILE, TILE)
    assert np.array_equal(tile[..., 2::-1], document.state.flattened(rect)[..., :3])
    assert (tile[..., 3] == 255).all()


@pytest.mark.parametrize("strength", [0.28, 0.42, 0.5, 1.0])
def test_a_tint_goes_with_the_coverage(strength: float) -> None:
    document = document_of(SIZE)
    coverage = disc(SIZE, 120, 100, 60)
    plain = tiles_of(document).tile(0, 0, 0).astype(float)
    tiles = tiles_of(document)
    tiles.set_overlays([Overlay(Surface.from_array(coverage), ORANGE, strength)])
    tinted = tiles.tile(0, 0, 0)
    weight = coverage[:TILE, :TILE, None] / 255 * strength
    expected = plain[..., :3] * (1 - weight) + np.array(ORANGE[::-1]) * weight
    assert np.abs(tinted[..., :3] - expected).max() <= 1.5
    outside = coverage[:TILE, :TILE] == 0
    assert np.array_equal(tinted[outside], plain[outside])


def test_the_last_overlay_lies_on_top() -> None:
    document = document_of(SIZE)
    full = Surface.from_array(np.full((SIZE.height, SIZE.width), 255, np.uint8))
    tiles = tiles_of(document)
    tiles.set_overlays([Overlay(full, (255, 0, 0), 1.0), Overlay(full, ORANGE, 1.0)])
    assert (tiles.tile(0, 0, 0)[..., 2::-1] == ORANGE).all()


def test_tints_leave_the_plain_tiles_alone() -> None:
    document = document_of(SIZE)
    tiles = tiles_of(document)
    plain = tiles.tile(0, 0, 0).copy()
    full = Surface.from_array(np.full((SIZE.height, SIZE.width), 255, np.uint8))
    tiles.set_overlays([Overlay(full, ORANGE, 0.5)])
    tiles.tile(0, 0, 0)
    tiles.set_overlays([])
    assert np.array_equal(tiles.tile(0, 0, 0), plain)


rects = st.builds(
    Rect, st.integers(-30, 690), st.integers(-30, 590), st.integers(1, 300), st.integers(1, 300)
)


@given(st.lists(rects, min_size=1, max_size=4), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_what_is_forgotten_in_part_equals_what_is_made_anew(
    changed: list[Rect], level: int
) -> None:
    document = document_of(SIZE, layers=2)
    tiles = tiles_of(document)
    keys = list(SIZE.rect.at_level(level).tiles(TILE))
    for key in keys:
        tiles.tile(level, *key)
    for seed, rect in enumerate(changed):
        with document.transaction("Change") as tx:
            pixels = noise(rect.size, opaque=False, seed=seed)
            tx.write(pixels_of(document.layers[1].id), rect, pixels)
        tiles.forget(rect.intersect(SIZE.rect))
    fresh = tiles_of(document)
    for key in keys:
        assert np.array_equal(tiles.tile(level, *key), fresh.tile(level, *key))


def test_only_what_changed_has_to_be_made_again() -> None:
    document = document_of(SIZE)
    tiles = tiles_of(document)
    for key in SIZE.rect.tiles(TILE):
        tiles.tile(0, *key)
    tiles.forget(Rect(10, 10, 20, 20))
    assert [key for key in SIZE.rect.tiles(TILE) if not tiles.cached(0, *key)] == [(0, 0)]


def test_the_cache_keeps_to_its_budget_and_drops_what_was_used_longest_ago() -> None:
    document = document_of(SIZE)
    one = TILE * TILE * 4
    tiles = tiles_of(document, budget=3 * one)
    for column in (0, 1):
        tiles.tile(0, 0, column)
    tiles.tile(0, 0, 0)
    tiles.tile(0, 1, 0)
    tiles.tile(0, 1, 1)
    assert tiles.nbytes <= 3 * one
    assert tiles.cached(0, 0, 0)
    assert not tiles.cached(0, 0, 1)


def test_a_stand_in_is_a_coarser_tile_enlarged() -> None:
    pixels = np.zeros((SIZE.height, SIZE.width, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[..., 0] = np.linspace(0, 255, SIZE.width).astype(np.uint8)
    document = Document.from_pixels(pixels, "Ramp")
    tiles = tiles_of(document)
    rect = Rect(300, 40, 100, 90)
    assert tiles.stand_in(0, rect) is None
    tiles.tile(2, 0, 0)
    stand_in = tiles.stand_in(0, rect)
    assert stand_in is not None
    assert stand_in.shape == (90, 100, 4)
    assert np.abs(stand_in[..., 2].astype(int) - pixels[rect.slices][..., 0]).max() <= 3


def test_a_preview_takes_the_place_of_the_coverage() -> None:
    document = document_of(SIZE)
    coverage = disc(SIZE, 300, 300, 200)
    surface = Surface(SIZE, 1)
    exact = Overlay(surface, ORANGE, 0.5, (0, coverage))
    rect = Rect(100, 100, 200, 150)
    found = exact.read(rect, 0)
    assert found is not None
    assert np.array_equal(found, coverage[rect.slices])
    whole = Surface.from_array(coverage)
    coarse = whole.read(SIZE.rect.at_level(2), 2)
    assert coarse is not None
    enlarged = Overlay(surface, ORANGE, 0.5, (2, coarse)).read(rect, 0)
    assert enlarged is not None
    # The same edge, as far as a quarter of the resolution knows it.
    far = np.abs(enlarged.astype(int) - coverage[rect.slices])
    assert (far > 127).mean() < 0.01
    assert tiles_of(document).tile(0, 0, 0).shape == (TILE, TILE, 4)


def test_a_previews_parts_fit_together() -> None:
    coarse = disc(Size(175, 150), 80, 70, 50)
    overlay = Overlay(Surface(SIZE, 1), ORANGE, 0.5, (2, coarse))
    whole = overlay.read(Rect(0, 0, 512, 256), 0)
    left, right = overlay.read(Rect(0, 0, 256, 256), 0), overlay.read(Rect(256, 0, 256, 256), 0)
    assert whole is not None
    assert left is not None
    assert right is not None
    assert np.abs(whole.astype(int) - np.hstack([left, right])).max() <= 1


def test_a_stand_in_is_made_of_finer_tiles_where_they_are_there() -> None:
    document = document_of(SIZE, layers=2)
    tiles = tiles_of(document)
    keys = list(SIZE.rect.tiles(TILE))
    rect = Rect(256, 256, 94, 44)
    for key in keys[:-1]:
        tiles.tile(0, *key)
    assert tiles.stand_in(1, rect) is None
    tiles.tile(0, *keys[-1])
    stand_in = tiles.stand_in(1, rect)
    assert stand_in is not None
    picture = document.state.flattened()[..., 2::-1]
    assert np.array_equal(stand_in[..., :3], picture[512:600:2, 512:700:2])
    within = Rect(40, 60, 100, 90)
    part = tiles.stand_in(1, within)
    assert part is not None
    assert np.array_equal(part[..., :3], picture[120:300:2, 80:280:2])
