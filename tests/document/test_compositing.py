from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ovedit.document import BlendMode, Document, Layer, RasterLayer, Surface
from ovedit.document.compositing import blend, flatten_layers
from ovedit.geometry import Rect

pixel = st.tuples(*[st.integers(0, 255)] * 4)
modes = st.sampled_from(BlendMode)
tiny = hnp.arrays(np.uint8, (3, 4, 4))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def luminosity(c: np.ndarray) -> float:
    return float(0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2])


def set_luminosity(c: np.ndarray, wanted: float) -> np.ndarray:
    """SetLum and ClipColor of the specification, step by step."""
    c = c + (wanted - luminosity(c))
    centre, low, high = luminosity(c), c.min(), c.max()
    if low < 0:
        c = centre + (c - centre) * centre / (centre - low)
    if high > 1:
        c = centre + (c - centre) * (1 - centre) / (high - centre)
    return c


def mixed(mode: BlendMode, cb: np.ndarray, cs: np.ndarray) -> np.ndarray:
    """B(cb, cs) of W3C Compositing and Blending 1, as written there."""
    hard = np.where(cs <= 0.5, cb * 2 * cs, cb + (2 * cs - 1) - cb * (2 * cs - 1))
    d = np.where(cb <= 0.25, ((16 * cb - 12) * cb + 4) * cb, np.sqrt(cb))
    soft = np.where(cs <= 0.5, cb - (1 - 2 * cs) * cb * (1 - cb), cb + (2 * cs - 1) * (d - cb))
    over = np.where(cb <= 0.5, cs * 2 * cb, cs + (2 * cb - 1) - cs * (2 * cb - 1))
    return {
        BlendMode.NORMAL: cs,
        BlendMode.MULTIPLY: cb * cs,
        BlendMode.SCREEN: cb + cs - cb * cs,
        BlendMode.OVERLAY: over,
        BlendMode.SOFT_LIGHT: soft,
        BlendMode.HARD_LIGHT: hard,
        BlendMode.DARKEN: np.minimum(cb, cs),
        BlendMode.LIGHTEN: np.maximum(cb, cs),
        BlendMode.DIFFERENCE: abs(cb - cs),
        BlendMode.ADD: np.minimum(cb + cs, 1),
        BlendMode.COLOUR: set_luminosity(cs, luminosity(cb)),
        BlendMode.LUMINOSITY: set_luminosity(cb, luminosity(cs)),
    }[mode]


@given(pixel, pixel, modes, st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_blending_is_that_of_the_specification(
    under: tuple[int, ...], over: tuple[int, ...], mode: BlendMode, opacity: float
) -> None:
    backdrop, source = (np.array([[p]], np.uint8) for p in (under, over))
    coverage = np.array([[over[3] * opacity / 255]], np.float32)
    found = blend(backdrop.copy(), source.copy(), coverage, mode)[0, 0].astype(float)
    cb, cs = np.array(under[:3]) / 255, np.array(over[:3]) / 255
    ab, a_s = under[3] / 255, float(coverage[0, 0])
    ar = a_s + ab * (1 - a_s)
    assert abs(found[3] - 255 * ar) <= 0.51
    if ar > 0 and a_s > 0:
        inner = (1 - ab) * cs + ab * mixed(mode, cb, cs)
        colour = (a_s * inner + (1 - a_s) * ab * cb) / ar
        assert np.abs(found[:3] - 255 * np.clip(colour, 0, 1)).max() <= 0.6


@given(tiny, tiny, modes)
def test_clear_pixels_let_the_backdrop_through_bit_for_bit(
    backdrop: np.ndarray, source: np.ndarray, mode: BlendMode
) -> None:
    source[0, :, 3] = 0
    found = blend(backdrop.copy(), source.copy(), None, mode)
    assert np.array_equal(found[0], backdrop[0])


@given(tiny, tiny)
def test_opaque_pixels_cover_bit_for_bit(backdrop: np.ndarray, source: np.ndarray) -> None:
    source[1, :, 3] = 255
    found = blend(backdrop.copy(), source.copy(), None, BlendMode.NORMAL)
    assert np.array_equal(found[1], source[1])


@given(tiny, modes)
def test_on_nothing_a_layer_is_itself(source: np.ndarray, mode: BlendMode) -> None:
    surface = Surface.from_array(source.copy())
    found = flatten_layers([(RasterLayer("x", blend=mode), surface, None)], Rect(0, 0, 4, 3))
    assert np.array_equal(found, source)


def document_of(*layers: tuple[Layer, np.ndarray, np.ndarray | None]) -> Document:
    document = Document.from_pixels(noise(300, 520, 4), "bottom")
    with document.transaction("Layers") as tx:
        for layer, pixels, mask in layers:
            tx.add_layer(replace(layer), Surface.from_array(pixels))
            if mask is not None:
                tx.set_alpha_mask(layer.id, Surface.from_array(mask))
    return document


def test_an_alpha_mask_and_opacity_scale_the_alpha() -> None:
    pixels = noise(300, 520, 4, seed=1)
    mask = noise(300, 520, seed=2)
    layer = RasterLayer("x", opacity=0.5)
    document = document_of((layer, pixels, mask))
    by_hand = blend(
        noise(300, 520, 4),
        pixels.copy(),
        (pixels[..., 3] / 255 * mask / 255 * 0.5).astype(np.float32),
        BlendMode.NORMAL,
    )
    assert np.abs(document.state.flattened().astype(int) - by_hand).max() <= 1


def test_hidden_and_fully_clear_layers_do_nothing() -> None:
    pixels = noise(300, 520, 4, seed=1)
    document = document_of(
        (RasterLayer("hidden", visible=False), pixels, None),
        (RasterLayer("clear", opacity=0), pixels.copy(), None),
        (RasterLayer("masked"), pixels.copy(), np.zeros((300, 520), np.uint8)),
    )
    assert np.array_equal(document.state.flattened(), noise(300, 520, 4))


def test_an_offset_moves_a_layer() -> None:
    small = np.full((5, 6, 4), 255, np.uint8)
    document = document_of((RasterLayer("small", offset=(-2, 298)), small, None))
    flat = document.state.flattened()
    expected = noise(300, 520, 4)
    expected[298:, :4] = 255
    assert np.array_equal(flat, expected)


layers = st.lists(
    st.tuples(modes, st.floats(0, 1), st.integers(-60, 60), st.booleans()), min_size=1, max_size=3
)


@given(
    layers,
    st.builds(
        Rect, st.integers(-30, 500), st.integers(-30, 290), st.integers(1, 530), st.integers(1, 310)
    ),
)
@settings(max_examples=40, deadline=None)
def test_a_part_of_the_picture_is_the_part_of_the_whole(
    stack: list[tuple[BlendMode, float, int, bool]], rect: Rect
) -> None:
    document = document_of(
        *(
            (
                RasterLayer("x", blend=mode, opacity=opacity, offset=(shift, -shift)),
                noise(300, 520, 4, seed=seed),
                noise(300, 520, seed=seed + 9) if masked else None,
            )
            for seed, (mode, opacity, shift, masked) in enumerate(stack)
        )
    )
    whole = document.state.flattened()
    part = document.state.flattened(rect)
    inside = rect.intersect(document.size.rect)
    cut = part[inside.translated(-rect.x, -rect.y).slices].astype(int)
    # Sums are rounded in another order where all of a part is opaque.
    assert not inside or np.abs(cut - whole[inside.slices]).max() <= 1


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_looks_like_the_whole_made_smaller(level: int) -> None:
    pixels = noise(300, 520, 4, seed=1)
    pixels[..., 3] = 255
    pixels[64:192, 64:192, 3] = 0
    document = document_of((RasterLayer("hole"), pixels, None))
    scale = 1 << level
    small = document.state.flattened(level=level)
    assert small.shape[:2] == (-(-300 // scale), -(-520 // scale))
    expected = pixels[256:, :64].astype(float)[: 40 // scale * scale]
    rows = expected.shape[0] // scale
    expected = expected.reshape(rows, scale, 64 // scale, scale, 4).mean((1, 3))
    found = small[256 // scale : 256 // scale + rows, : 64 // scale]
    assert np.abs(found - expected).max() <= level
