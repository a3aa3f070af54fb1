"""Working on layers: each function is one undo step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    BlendMode,
    Document,
    DocumentState,
    Layer,
    RasterLayer,
    Surface,
    masks,
    models_of,
    new_id,
    pixels_of,
)
from ovedit.document.compositing import blend, flatten_layers
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows.coverage import free_name, union_of

Array = NDArray[np.uint8]


def new_layer(document: Document, *, name: str = "") -> str:
    """Add an empty raster layer above the current one; returns its id."""
    layer = RasterLayer(name or _free_name(document, "Layer"))
    with document.transaction("New layer") as tx:
        tx.add_layer(layer, Surface(document.size, 4), index=_above_current(document))
    return layer.id


def paste_pixels(
    document: Document, pixels: Array, *, name: str = "", at: tuple[int, int] | None = None
) -> str:
    """Add pixels as a layer above the current one; returns its id.

    pixels: (h, w, 4) uint8 of any size, taken over. at: document position of their top left pixel,
    or None for the middle of the picture.
    """
    height, width = pixels.shape[:2]
    if at is None:
        at = ((document.size.width - width) // 2, (document.size.height - height) // 2)
    layer = RasterLayer(name or _free_name(document, "Pasted"), offset=at)
    with document.transaction("Paste") as tx:
        tx.add_layer(layer, Surface.from_array(pixels), index=_above_current(document))
    return layer.id


def duplicate(document: Document, layer_id: str) -> str:
    """Copy a layer, with alpha mask and recipe, to right above it; returns the copy's id."""
    state = document.state
    layer = state.layer(layer_id)
    copy = replace(layer, id=new_id(), name=f"{layer.name} copy", locked=False)
    pixels, alpha_mask = state.layer_surfaces(layer)
    with document.transaction(f"Duplicate “{layer.name}”") as tx:
        tx.add_layer(
            copy,
            pixels.copy(),
            index=state.layers.index(layer) + 1,
            alpha_mask=None if alpha_mask is None else alpha_mask.copy(),
        )
    return copy.id


def remove(document: Document, layer_id: str) -> None:
    """Remove a layer. Raises `DocumentError` where it is locked or the only one."""
    layer = document.state.layer(layer_id)
    if len(document.layers) == 1:
        raise DocumentError(f"“{layer.name}” is the only layer.", "Add another one first.")
    with document.transaction(f"Remove layer “{layer.name}”") as tx:
        tx.remove_layer(layer_id)


def rename(document: Document, layer_id: str, *, name: str) -> None:
    """Call a layer something else. Raises `UsageError` for an empty name."""
    name = name.strip()
    if not name:
        raise UsageError("A layer needs a name.", "Type one.")
    with document.transaction(f"Rename layer to “{name}”") as tx:
        tx.update_layer(layer_id, name=name)


def merge_down(document: Document, layer_id: str) -> str:
    """Merge a layer into the one below it, which becomes a plain raster layer; returns its id.

    The picture looks the same: bit for bit where the lower layer is opaque or the lowest one that
    shows, and within rounding (1 of 255) at the soft edges of layers in between. Where a blend mode
    cannot be told by one layer alone, the merged layer takes up the colours below it.
    Raises `DocumentError` for the lowest layer, and where one of the two is hidden or locked.
    """
    state = document.state
    upper = state.layer(layer_id)
    index = state.layers.index(upper)
    if index == 0:
        raise DocumentError(f"There is no layer below “{upper.name}”.", "Choose a higher one.")
    lower = state.layers[index - 1]
    for layer in (upper, lower):
        if layer.locked:
            raise DocumentError(f"The layer “{layer.name}” is locked.", "Unlock it first.")
        if not layer.visible:
            raise DocumentError(f"The layer “{layer.name}” is hidden.", "Show it first.")
    merged = RasterLayer(lower.name, id=lower.id, models=_models_of((lower, upper)))
    pixels = _merged_pixels(state, state.layers[: index - 1], (lower, upper))
    with document.transaction(f"Merge “{upper.name}” down") as tx:
        tx.remove_layer(upper.id)
        tx.remove_layer(lower.id)
        tx.add_layer(merged, Surface.from_array(pixels), index=index - 1)
    return merged.id


def flatten(document: Document, *, name: str = "Flattened") -> str:
    """Make one raster layer of all that shows; hidden layers go. Returns its id.

    The picture is bit for bit the same, and class masks stay. Locked layers take part: nothing of
    what they show is lost.
    """
    pixels = document.state.flattened()
    shown = [layer for layer in document.layers if layer.visible]
    layer = RasterLayer(name, models=_models_of(shown))
    with document.transaction("Flatten") as tx:
        for old in document.layers:
            tx.update_layer(old.id, locked=False)
            tx.remove_layer(old.id)
        tx.add_layer(layer, Surface.from_array(pixels))
    return layer.id


def _models_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(model for layer in layers for model in models_of(layer)))


def add_alpha_mask(document: Document, layer_id: str, mask_ids: Sequence[str] = ()) -> None:
    """Show of a layer only what the masks cover, or the selection if no mask is named.

    The layer's pixels stay; an alpha mask that it has already is replaced. Raises `UsageError`
    where there is neither mask nor selection.
    """
    state = document.state
    layer = state.layer(layer_id)
    if mask_ids:
        coverage = Surface.from_array(union_of(state, mask_ids))
    elif state.selection is not None:
        coverage = state.selection
    else:
        raise UsageError("There is neither a mask nor a selection.", "Select something first.")
    size = state.surface(pixels_of(layer_id)).size
    own = _moved(coverage, size.rect, layer.offset)
    with document.transaction(f"Add mask to “{layer.name}”") as tx:
        tx.set_alpha_mask(layer_id, Surface.from_array(own))


def remove_alpha_mask(document: Document, layer_id: str, *, apply: bool = False) -> None:
    """Take a layer's alpha mask away; with `apply`, multiply it into the pixels first.

    Raises `DocumentError` where the layer has none.
    """
    state = document.state
    layer = state.layer(layer_id)
    pixels, alpha_mask = state.layer_surfaces(layer)
    if alpha_mask is None:
        raise DocumentError(f"The layer “{layer.name}” has no mask.", "Choose another layer.")
    verb = "Apply" if apply else "Remove"
    with document.transaction(f"{verb} mask of “{layer.name}”") as tx:
        if apply:
            shown = pixels.array()
            shown[..., 3] = masks.product(shown[..., 3], alpha_mask.array())
            tx.replace_surface(pixels_of(layer_id), Surface.from_array(shown))
        tx.set_alpha_mask(layer_id, None)


def crop_to_selection(document: Document, layer_id: str) -> None:
    """Clear of a layer what is not selected. Raises `DocumentError` where nothing is selected."""
    state = document.state
    layer = state.layer(layer_id)
    if state.selection is None:
        raise DocumentError("Nothing is selected.", "Draw a selection first.")
    surface = state.surface(pixels_of(layer_id))
    pixels = surface.array()
    selected = _moved(state.selection, surface.size.rect, layer.offset)
    pixels[..., 3] = masks.product(pixels[..., 3], selected)
    pixels[pixels[..., 3] == 0] = 0
    with document.transaction(f"Crop “{layer.name}” to the selection") as tx:
        tx.replace_surface(pixels_of(layer_id), Surface.from_array(pixels))


# -- inside ----------------------------------------------------------------------------------------


def _merged_pixels(
    state: DocumentState, below: Sequence[Layer], pair: tuple[Layer, Layer]
) -> Array:
    """(H, W, 4) pixels that look over `below` as the two layers do."""
    rect = state.size.rect
    visible = [layer for layer in below if layer.visible]

    def composed(layers: Sequence[Layer]) -> Array:
        return flatten_layers(((layer, *state.layer_surfaces(layer)) for layer in layers), rect)

    merged = composed(pair)
    if not visible:
        return merged
    backdrop = composed(visible)
    wanted = composed([*visible, *pair])
    looks = blend(backdrop, merged.copy(), None, BlendMode.NORMAL)
    apart = np.abs(looks.astype(np.int16) - wanted).max(axis=-1) > 1
    merged[apart] = wanted[apart]
    return merged


def _moved(coverage: Surface, area: Rect, offset: tuple[int, int]) -> Array:
    """(h, w) coverage over `area` of a layer's own pixels, which lie at `offset`."""
    found = coverage.read(area.translated(*offset))
    return np.zeros((area.height, area.width), np.uint8) if found is None else found


def _above_current(document: Document) -> int:
    current = document.current_layer
    return len(document.layers) if current is None else document.layers.index(current) + 1


def _free_name(document: Document, stem: str) -> str:
    return free_name(stem, (layer.name for layer in document.layers))
