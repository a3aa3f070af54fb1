from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ovedit.document import (
    BlendMode,
    Document,
    RasterLayer,
    Surface,
    alpha_mask_of,
    pixels_of,
)
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows import layers, mask_ops


def noise(seed: int, *, opaque: bool = False) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 4), np.uint8)
    pixels[:20, :, 3] = np.array([0, 255, 128], np.uint8)[np.arange(60) % 3]
    if opaque:
        pixels[..., 3] = 255
    return pixels


def stack(*parts: tuple[NDArray[np.uint8], RasterLayer]) -> Document:
    first, layer = parts[0]
    document = Document.from_pixels(first, layer.name)
    for pixels, layer in parts[1:]:
        with document.transaction("Add") as tx:
            tx.add_layer(layer, Surface.from_array(pixels))
    return document


def test_a_new_layer_is_empty_and_above_the_current_one(document: Document, undoes) -> None:
    bottom = document.layers[0].id
    layers.new_layer(document)
    document.set_current(layer=bottom)
    undoes(lambda: layers.new_layer(document))
    assert [layer.name for layer in document.layers] == ["photo", "Layer 2", "Layer 1"]
    added = document.layers[1]
    assert not document.state.surface(pixels_of(added.id)).array().any()


def test_pasted_pixels_lie_in_the_middle_or_where_they_are_put(document, undoes) -> None:
    patch = np.full((100, 200, 4), (9, 8, 7, 255), np.uint8)
    undoes(lambda: layers.paste_pixels(document, patch.copy()))
    assert document.layers[-1].offset == (200, 150)
    assert (document.state.flattened()[150:250, 200:400] == (9, 8, 7, 255)).all()
    layers.paste_pixels(document, patch.copy(), at=(-50, -50), name="corner")
    assert (document.state.flattened()[:50, :150] == (9, 8, 7, 255)).all()


def test_a_duplicate_does_not_follow_its_original(document: Document, photo, undoes) -> None:
    original = document.layers[0].id
    undoes(lambda: layers.duplicate(document, original))
    copy = document.layers[1]
    assert copy.name == "photo copy"
    with document.transaction("Paint") as tx:
        tx.write(pixels_of(original), Rect(0, 0, 9, 9), np.zeros((9, 9, 4), np.uint8))
    assert np.array_equal(document.state.surface(pixels_of(copy.id)).array(), photo)


def test_the_last_layer_and_locked_layers_stay(document: Document, undoes) -> None:
    bottom = document.layers[0].id
    with pytest.raises(DocumentError, match="only layer"):
        layers.remove(document, bottom)
    extra = layers.new_layer(document)
    with document.transaction("Lock") as tx:
        tx.update_layer(extra, locked=True)
    with pytest.raises(DocumentError, match="locked"):
        layers.remove(document, extra)
    undoes(lambda: layers.remove(document, bottom))
    assert [layer.id for layer in document.layers] == [extra]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 99),
    opaque=st.booleans(),
    blend=st.sampled_from(list(BlendMode)),
    opacity=st.sampled_from([0.3, 1.0]),
    offset=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_merging_onto_the_lowest_layer_keeps_every_pixel(seed, opaque, blend, opacity, offset):
    upper = RasterLayer("upper", blend=blend, opacity=opacity, offset=offset)
    top = RasterLayer("top", blend=BlendMode.SCREEN, opacity=0.5)
    document = stack(
        (noise(seed, opaque=opaque), RasterLayer("bottom")),
        (noise(seed + 1), upper),
        (noise(seed + 2), top),
    )
    before = document.state.flattened()
    merged = layers.merge_down(document, upper.id)
    assert [layer.name for layer in document.layers] == ["bottom", "top"]
    assert document.layers[0].id == merged
    assert np.array_equal(document.state.flattened(), before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 99),
    blend=st.sampled_from(list(BlendMode)),
    lower_blend=st.sampled_from(list(BlendMode)),
    opacity=st.sampled_from([0.3, 1.0]),
)
def test_merging_in_between_looks_the_same(seed, blend, lower_blend, opacity) -> None:
    lower = RasterLayer("lower", blend=lower_blend, opacity=opacity)
    upper = RasterLayer("upper", blend=blend)
    document = stack(
        (noise(seed, opaque=True), RasterLayer("bottom")),
        (noise(seed + 1), lower),
        (noise(seed + 2), upper),
    )
    before = document.state.flattened()
    layers.merge_down(document, upper.id)
    apart = np.abs(document.state.flattened().astype(int) - before)
    assert apart.max() <= 1


def test_merging_is_one_step(undoes_of) -> None:
    upper = RasterLayer("upper")
    document = stack((noise(1), RasterLayer("bottom")), (noise(2), upper))
    undoes_of(document)(lambda: layers.merge_down(document, upper.id))
    assert len(document.layers) == 1


def test_what_cannot_be_merged(document: Document) -> None:
    bottom = document.layers[0].id
    with pytest.raises(DocumentError, match="no layer below"):
        layers.merge_down(document, bottom)
    upper = layers.new_layer(document)
    for change, message in (({"visible": False}, "hidden"), ({"locked": True}, "locked")):
        with document.transaction("Change") as tx:
            tx.update_layer(bottom, **change)
        with pytest.raises(DocumentError, match=message):
            layers.merge_down(document, upper)
        document.undo()


def test_flattening_keeps_the_picture_and_the_masks(undoes_of) -> None:
    document = stack(
        (noise(1), RasterLayer("bottom")),
        (noise(2), RasterLayer("middle", blend=BlendMode.MULTIPLY)),
        (noise(3), RasterLayer("hidden", visible=False)),
    )
    mask_ops.add_mask(document, np.full((40, 60), 255, np.uint8))
    before = document.state.flattened()
    undoes_of(document)(lambda: layers.flatten(document))
    assert [layer.name for layer in document.layers] == ["Flattened"]
    assert np.array_equal(document.state.flattened(), before)
    assert len(document.masks) == 1


def test_an_alpha_mask_from_a_mask_or_the_selection(document: Document, undoes) -> None:
    half = np.zeros((400, 600), np.uint8)
    half[:, 300:] = 255
    mask_id = mask_ops.add_mask(document, half)
    patch = np.full((100, 200, 4), (9, 8, 7, 255), np.uint8)
    layer_id = layers.paste_pixels(document, patch, at=(200, 150))
    with pytest.raises(UsageError, match="neither"):
        layers.add_alpha_mask(document, layer_id)
    before = document.state.flattened()
    undoes(lambda: layers.add_alpha_mask(document, layer_id, [mask_id]))
    own = document.state.surface(alpha_mask_of(layer_id)).array()
    assert not own[:, :100].any() and (own[:, 100:] == 255).all()
    shown = document.state.flattened()
    assert np.array_equal(shown[:, 300:], before[:, 300:])
    assert not (shown[150:250, 200:300] == (9, 8, 7, 255)).all(axis=-1).any()
    undoes(lambda: layers.remove_alpha_mask(document, layer_id, apply=True))
    assert np.array_equal(document.state.flattened(), shown)
    assert not document.state.layer(layer_id).has_alpha_mask
    with pytest.raises(DocumentError, match="has no mask"):
        layers.remove_alpha_mask(document, layer_id)


def test_removing_an_alpha_mask_brings_the_pixels_back(document: Document, photo) -> None:
    mask_id = mask_ops.add_mask(document, np.zeros((400, 600), np.uint8))
    layers.add_alpha_mask(document, document.layers[0].id, [mask_id])
    assert not document.state.flattened()[..., 3].any()
    layers.remove_alpha_mask(document, document.layers[0].id)
    assert np.array_equal(document.state.flattened(), photo)


def test_cropping_a_layer_to_the_selection(document: Document, photo, undoes) -> None:
    bottom = document.layers[0].id
    with pytest.raises(DocumentError, match="Nothing is selected"):
        layers.crop_to_selection(document, bottom)
    half = np.zeros((400, 600), np.uint8)
    half[:, 300:] = 255
    mask_ops.mask_to_selection(document, [mask_ops.add_mask(document, half)])
    undoes(lambda: layers.crop_to_selection(document, bottom))
    after = document.state.flattened()
    assert np.array_equal(after[:, 300:], photo[:, 300:]) and not after[:, :300].any()


def test_a_layer_is_renamed(document: Document, undoes) -> None:
    undoes(lambda: layers.rename(document, document.layers[0].id, name=" park "))
    assert document.layers[0].name == "park"
    with pytest.raises(UsageError):
        layers.rename(document, document.layers[0].id, name="")
