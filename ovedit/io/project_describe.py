"""OVEdit's own part of a project file: what OpenRaster has no words for.

`describe` turns a document state into layers for `stack.xml`, a JSON value and jobs that make the
other entries of the zip; `project_restore` turns them back, bit for bit.

Where a layer has an alpha mask, the layer's PNG shows it with the mask applied, so that every
program shows the same picture; the layer's own alpha and the mask lie beside it in `ovedit/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    Candidate,
    ClassMask,
    DocumentState,
    EditLayer,
    EditRecipe,
    Layer,
    RasterLayer,
    Surface,
    coverage_of,
    masks,
)
from ovedit.geometry import Rect
from ovedit.io.images import encode_png
from ovedit.io.layer_stack import StackLayer

FORMAT = 1
"""Version of the JSON; a reader takes its own and older ones."""

Array = NDArray[np.uint8]
Record = dict[str, Any]


@dataclass
class Description:
    """What goes into the zip: layers for `stack.xml`, bottom first; JSON; entries by name."""

    stack: list[StackLayer] = field(default_factory=list)
    document: Record = field(default_factory=dict)
    entries: dict[str, Callable[[], bytes]] = field(default_factory=dict)


def describe(
    state: DocumentState, *, current_layer: str = "", current_masks: Sequence[str] = ()
) -> Description:
    """The state as parts of a zip. Pictures are made when an entry is called, on any thread."""
    out = Description()
    scores: dict[int, str] = {}
    layers = [
        _describe_layer(out, state, layer, index, layer.id == current_layer)
        for index, layer in enumerate(state.layers)
    ]
    class_masks = [
        _describe_mask(out, state, mask, index, scores) for index, mask in enumerate(state.masks)
    ]
    selection = state.selection
    out.document = {
        "format": FORMAT,
        "size": [state.size.width, state.size.height],
        "layers": layers,
        "masks": class_masks,
        "selection": selection and _describe_surface(out, "ovedit/selection.png", selection),
        "current_layer": current_layer,
        "current_masks": list(current_masks),
    }
    return out


def _describe_layer(
    out: Description, state: DocumentState, layer: Layer, index: int, selected: bool
) -> Record:
    pixels, alpha_mask = state.layer_surfaces(layer)
    src = f"data/layer{index:03}.png"
    own_alpha = None
    if alpha_mask is None:
        surface = _describe_surface(out, src, pixels)
    else:
        surface = _describe_surface(out, src, pixels, alpha_mask)
        if surface["file"] is not None:
            own_alpha = f"ovedit/alpha/{index:03}.png"
            out.entries[own_alpha] = lambda: _own_alpha(pixels)
    if surface["file"] is None:
        # A layer of OpenRaster must have a picture, be it one clear pixel.
        out.entries[src] = lambda: encode_png(np.zeros((1, 1, 4), np.uint8))
    x, y = surface["at"]
    out.stack.append(
        StackLayer(
            layer.name,
            src,
            (layer.offset[0] + x, layer.offset[1] + y),
            layer.opacity,
            layer.visible,
            layer.locked,
            layer.blend,
            selected,
        )
    )
    recipe = layer.recipe if isinstance(layer, EditLayer) else None
    return {
        "kind": "edit" if isinstance(layer, EditLayer) else "raster",
        "id": layer.id,
        "name": layer.name,
        "visible": layer.visible,
        "opacity": layer.opacity,
        "locked": layer.locked,
        "blend": str(layer.blend),
        "offset": list(layer.offset),
        "pixels": surface,
        "own_alpha": own_alpha,
        "alpha_mask": alpha_mask
        and _describe_surface(out, f"ovedit/alpha_masks/{index:03}.png", alpha_mask),
        "recipe": recipe and _describe_recipe(out, recipe, index),
        "models": list(layer.models) if isinstance(layer, RasterLayer) else [],
    }


def _describe_recipe(out: Description, recipe: EditRecipe, index: int) -> Record:
    crop = recipe.crop
    return {
        "kind": recipe.kind,
        "mask": _describe_surface(out, f"ovedit/recipes/{index:03}.png", recipe.mask),
        "phrase": recipe.phrase,
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "seed": recipe.seed,
        "engine": recipe.engine,
        "preset": recipe.preset,
        "grow": recipe.grow,
        "feather": recipe.feather,
        "crop": None if crop is None else _describe_rect(crop),
        "models": list(recipe.models),
        "notes": list(recipe.notes),
        "options": dict(recipe.options),
    }


def _describe_mask(
    out: Description, state: DocumentState, mask: ClassMask, index: int, scores: dict[int, str]
) -> Record:
    coverage = state.surface(coverage_of(mask.id))
    return {
        "id": mask.id,
        "label": mask.label,
        "colour": list(mask.colour),
        "phrase": mask.phrase,
        "group": mask.group,
        "visible": mask.visible,
        "accepted": mask.accepted,
        "score": mask.score,
        "threshold": mask.threshold,
        "chosen": mask.chosen,
        "coverage": _describe_surface(out, f"ovedit/masks/{index:03}.png", coverage),
        "candidates": [_describe_candidate(out, x, scores) for x in mask.candidates],
    }


def _describe_candidate(out: Description, candidate: Candidate, scores: dict[int, str]) -> Record:
    values = candidate.scores.values
    # The masks of one phrase usually share their score maps.
    if id(values) not in scores:
        scores[id(values)] = f"ovedit/scores/{len(scores):03}.npy"
        out.entries[scores[id(values)]] = lambda: _npy(values)
    return {
        "label": candidate.label,
        "score": candidate.score,
        "threshold": candidate.threshold,
        "reason": candidate.reason,
        "scores": scores[id(values)],
        "rect": _describe_rect(candidate.scores.rect),
    }


def _describe_rect(rect: Rect) -> list[int]:
    return [rect.x, rect.y, rect.width, rect.height]


def _describe_surface(
    out: Description, entry: str, surface: Surface, alpha_mask: Surface | None = None
) -> Record:
    """Note an entry for the tiles that a surface has; it has none where all of it is zero."""
    area = _tiled_area(surface)
    record: Record = {
        "size": [surface.size.width, surface.size.height],
        "at": [area.x, area.y],
        "file": entry if area else None,
    }
    if area:
        out.entries[entry] = lambda: encode_png(_picture(surface, area, alpha_mask))
    return record


def _tiled_area(surface: Surface) -> Rect:
    """The tiles that there are. Their colour counts even where alpha is 0."""
    area = Rect(0, 0, 0, 0)
    for key, _ in surface.tiles():
        area = area.union(surface.tile_rect(key))
    return area


def _picture(surface: Surface, area: Rect, alpha_mask: Surface | None) -> Array:
    pixels = surface.read(area)
    assert pixels is not None  # The area is that of the tiles there are.
    if alpha_mask is not None:
        mask = alpha_mask.read(area)
        pixels[..., 3] = 0 if mask is None else masks.product(pixels[..., 3], mask)
    if pixels.ndim == 3 and pixels[..., 3].min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    return pixels


def _own_alpha(surface: Surface) -> bytes:
    pixels = surface.read(_tiled_area(surface))
    assert pixels is not None  # Only surfaces with tiles have an entry.
    return encode_png(np.ascontiguousarray(pixels[..., 3]))


def _npy(values: NDArray[np.floating]) -> bytes:
    out = BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()
