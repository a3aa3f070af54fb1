"""From masks and words to an edit request, and from its result to one edit layer.

The engine sees the visible layers below the place where the new pixels go: everything for a new
edit, which goes on top; for an edit that runs again, only what is below its layer. What lies above
was made later, and would otherwise be baked into the layer and then be shown a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    Document,
    DocumentState,
    EditLayer,
    EditRecipe,
    Layer,
    Surface,
    masks,
    pixels_of,
)
from ovedit.document.compositing import flatten_layers
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import PRESETS, EditKind, EditRequest, EditResult, Pixels, Preset
from ovedit.errors import DocumentError, EngineError, UsageError
from ovedit.geometry import Rect, Size
from ovedit.workflows.coverage import quoted, shown_thing, union_of

Coverage = NDArray[np.uint8]

_Word = TypeVar("_Word", bound=str)

_MAX_SEED = 2**31 - 1


@dataclass(frozen=True, eq=False)
class EditPlan:
    """An edit that is ready to run: what the engine is asked, and what its layer will remember.

    engine: name of the engine to ask. grow, feather: as used for the request's alpha, in pixels.
    mask_ids: masks that are hidden once the edit is there. layer_id: the edit layer to run again,
    empty for a new one.
    """

    request: EditRequest
    engine: str
    grow: int
    feather: int
    mask_ids: tuple[str, ...] = ()
    layer_id: str = ""


def default_edges(kind: EditKind, engine: EngineInfo, size: Size) -> tuple[int, int]:
    """How far a mask grows and feathers for an edit, in pixels: (grow, feather).

    New content needs room for its seam, and takes soft shadows and hair with it: 5 px, or 0.15 % of
    a large picture's diagonal, and 8 px (0.24 %) of feather. An engine that keeps the thing's shape
    draws its own edge, so that the background does not turn to metal too; the pixels that it gets
    (3, or 0.1 %) let it reach frayed edges that a mask just misses.
    """
    diagonal = float(np.hypot(size.width, size.height))
    if engine.keeps_shape and kind is not EditKind.REMOVE:
        return max(3, round(0.001 * diagonal)), max(2, round(0.0005 * diagonal))
    return max(5, round(0.0015 * diagonal)), max(8, round(0.0024 * diagonal))


def plan_edit(
    state: DocumentState,
    mask_ids: Sequence[str],
    kind: EditKind,
    engine: EngineInfo,
    *,
    prompt: str = "",
    phrase: str | None = None,
    negative_prompt: str = "",
    seed: int = 0,
    preset: Preset = "balanced",
    grow: int | None = None,
    feather: int | None = None,
    crop: Rect | None = None,
    options: Mapping[str, str] | None = None,
    accepted_only: bool = False,
    blank: bool = False,
) -> EditPlan:
    """What to ask an engine for an edit of the masks together, or of the selection for no mask.

    phrase: what the masks show, or None for what their phrases and names say.
    grow, feather: None for what suits kind, engine and size (`default_edges`).
    crop: where the engine looks, None for its own choice.
    accepted_only: refuse masks that are not accepted yet. blank: a blank picture will do, as for a
    forecast, which looks at sizes only.
    Raises `UsageError` where there is nothing to edit, a replacement or restyling has no prompt, or
    a value is out of range.
    """
    coverage, shown = _what(state, mask_ids, accepted_only)
    usual_grow, usual_feather = default_edges(kind, engine, state.size)
    return _plan(
        EditRequest(
            kind=kind,
            image=blank_picture(state.size) if blank else state.flattened(),
            mask=coverage,
            alpha=coverage,
            phrase=shown if phrase is None else phrase,
            prompt=" ".join(prompt.split()),
            negative_prompt=" ".join(negative_prompt.split()),
            seed=seed,
            preset=preset,
            crop=crop,
            options=dict(options) if options else {},
        ),
        engine.name,
        usual_grow if grow is None else grow,
        usual_feather if feather is None else feather,
        mask_ids=tuple(mask_ids),
    )


def plan_rerun(
    state: DocumentState,
    layer_id: str,
    *,
    seed: int | None = None,
    prompt: str | None = None,
    negative_prompt: str | None = None,
    mask: Coverage | None = None,
    preset: Preset | None = None,
    engine: str | None = None,
    grow: int | None = None,
    feather: int | None = None,
    options: Mapping[str, str] | None = None,
) -> EditPlan:
    """What to ask an engine to make an edit layer anew; None keeps what the layer remembers.

    The picture is that of the visible layers below it. mask: (H, W) uint8 in place of the
    remembered one. Raises `DocumentError` for a layer that is no edit or comes from a version that
    knew other kinds and presets, `UsageError` as `plan_edit`.
    """
    layer = state.layer(layer_id)
    recipe = _recipe_of(state, layer_id)
    coverage = recipe.mask.array() if mask is None else mask
    return _plan(
        EditRequest(
            kind=_known(layer, "kind", recipe.kind, list(EditKind)),
            image=picture_below(state, layer_id),
            mask=coverage,
            alpha=coverage,
            phrase=recipe.phrase,
            prompt=recipe.prompt if prompt is None else " ".join(prompt.split()),
            negative_prompt=(
                recipe.negative_prompt
                if negative_prompt is None
                else " ".join(negative_prompt.split())
            ),
            seed=recipe.seed if seed is None else seed,
            preset=preset or _known(layer, "preset", recipe.preset, PRESETS),
            # Another mask or engine has its own idea of where to work.
            crop=recipe.crop if mask is None and engine in (None, recipe.engine) else None,
            options=dict(recipe.options if options is None else options),
        ),
        engine or recipe.engine,
        recipe.grow if grow is None else grow,
        recipe.feather if feather is None else feather,
        layer_id=layer_id,
    )


def variation_seeds(seed: int, count: int) -> tuple[int, ...]:
    """`count` seeds for variations of an edit with `seed`: always the same, all different from it.

    Raises `UsageError` for a count below 1.
    """
    if count < 1:
        raise UsageError(f"{count} variations cannot be made.", "Ask for 1 or more.")
    found: dict[int, None] = {}
    stream = np.random.default_rng(seed)
    while len(found) < count:
        value = int(stream.integers(1, _MAX_SEED))
        if value != seed:
            found[value] = None
    return tuple(found)


def plan_variations(plan: EditPlan, count: int) -> tuple[EditPlan, ...]:
    """The same edit with `count` other seeds."""
    seeds = variation_seeds(plan.request.seed, count)
    return tuple(replace(plan, request=replace(plan.request, seed=seed)) for seed in seeds)


def apply_edit(
    document: Document,
    plan: EditPlan,
    result: EditResult,
    *,
    visible: bool = True,
    name: str = "",
) -> str:
    """Add the result as one edit layer on top, in one undo step; returns the layer's id.

    name: what the layer is called, in place of `layer_name`.

    The layer's alpha is the engine's times the plan's, so exactly 0 wherever the plan's is 0. The
    masks that were used are hidden: their overlays would cover what was made. Raises
    `DocumentError` if the picture has another size by now, `EngineError` if the result does not
    cover what may change.
    """
    surface = _surface_of(document, plan, result)
    name = name or layer_name(plan.request)
    layer = EditLayer(name, visible=visible, recipe=_recipe(plan, result))
    with document.transaction(step_name(plan.request)) as tx:
        tx.add_layer(layer, surface)
        present = {mask.id for mask in document.masks}
        for mask_id in plan.mask_ids:
            if mask_id in present:
                tx.update_mask(mask_id, visible=False)
    return layer.id


def replace_edit(document: Document, layer_id: str, plan: EditPlan, result: EditResult) -> None:
    """Put a new result in place of an edit layer's pixels and recipe, in one undo step.

    The layer keeps its place, opacity, blend mode and alpha mask; its name follows the prompt
    unless someone renamed it. Raises like `apply_edit`, and `DocumentError` for a locked layer.
    """
    layer = document.state.layer(layer_id)
    before = _recipe_of(document.state, layer_id)
    surface = _surface_of(document, plan, result)
    named_by_us = layer.name == _name(before.kind, before.phrase, before.prompt)
    name = layer_name(plan.request) if named_by_us else layer.name
    with document.transaction(f"Run again: {step_name(plan.request)}") as tx:
        tx.replace_surface(pixels_of(layer_id), surface)
        tx.update_layer(layer_id, name=name, offset=(0, 0), recipe=_recipe(plan, result))


def blank_picture(size: Size) -> Pixels:
    """A picture that takes no memory."""
    return np.broadcast_to(np.zeros(4, np.uint8), (size.height, size.width, 4))


def picture_below(state: DocumentState, layer_id: str) -> Pixels:
    """The visible layers below one."""
    below = state.layers[: state.layers.index(state.layer(layer_id))]
    return flatten_layers(
        ((lower, *state.layer_surfaces(lower)) for lower in below if lower.visible),
        state.size.rect,
    )


def layer_pixels(plan: EditPlan, result: EditResult) -> tuple[Pixels, Rect]:
    """What the edit's layer shows and where: the result with the plan's alpha multiplied in.

    Raises `EngineError` if the result does not cover what may change.
    """
    alpha = plan.request.alpha
    area = masks.bounds(alpha)
    if result.pixels.shape != (result.rect.height, result.rect.width, 4) or not (
        result.rect.contains(area)
    ):
        raise EngineError(
            f"The engine {result.engine!r} returned pixels of shape {result.pixels.shape} over "
            f"{result.rect}, which do not cover {area}.",
            "Report this as a bug, and try another engine.",
        )
    offset = area.translated(-result.rect.x, -result.rect.y)
    pixels = result.pixels[offset.slices].copy()
    pixels[..., 3] = masks.product(pixels[..., 3], alpha[area.slices])
    # A pixel that does not show has no colour to keep: empty tiles stay empty.
    pixels[pixels[..., 3] == 0] = 0
    return pixels, area


def layer_name(request: EditRequest) -> str:
    """What an edit's layer is called: "metal bench", "Remove wooden bench", "sky as sunset"."""
    return _name(request.kind, request.phrase, request.prompt)


def step_name(request: EditRequest) -> str:
    """What the history calls an edit."""
    what = f" “{request.phrase}”" if request.phrase else ""
    if request.kind is EditKind.REMOVE:
        return f"Remove{what}"
    if request.kind is EditKind.REPLACE:
        return f"Replace{what} with “{request.prompt}”"
    return f"Restyle{what} as “{request.prompt}”"


# -- inside ----------------------------------------------------------------------------------------


def _what(
    state: DocumentState, mask_ids: Sequence[str], accepted_only: bool
) -> tuple[Coverage, str]:
    """The coverage to edit and the phrase it goes by."""
    if not mask_ids:
        if state.selection is None:
            raise UsageError("There is no mask to edit.", "Select something first.")
        return state.selection.array(), ""
    chosen = [state.mask(mask_id) for mask_id in mask_ids]
    waiting = [mask.label for mask in chosen if not mask.accepted]
    if accepted_only and waiting:
        raise UsageError(f"The mask {quoted(waiting)} is not accepted yet.", "Accept it first.")
    phrases = dict.fromkeys(shown_thing(mask) for mask in chosen)
    return union_of(state, mask_ids), ", ".join(filter(None, phrases))


def _plan(
    request: EditRequest,
    engine: str,
    grow: int,
    feather: int,
    *,
    mask_ids: tuple[str, ...] = (),
    layer_id: str = "",
) -> EditPlan:
    """The plan with its alpha made from the mask; all that a person can get wrong is checked."""
    if request.kind is not EditKind.REMOVE and not request.prompt:
        raise UsageError(
            f"To {request.kind} something, say what you want instead.", "Type it, e.g. metal bench."
        )
    if not 0 <= request.seed <= _MAX_SEED:
        raise UsageError(f"The seed {request.seed} is out of range.", f"Use 0 to {_MAX_SEED}.")
    if grow < 0 or feather < 0:
        raise UsageError(
            f"Grow {grow} and feather {feather} must not be below 0.", "Shrink the mask instead."
        )
    if request.mask.shape != request.image.shape[:2]:
        raise UsageError(
            f"The mask is {request.mask.shape[1]} × {request.mask.shape[0]} pixels, the picture "
            f"{request.image.shape[1]} × {request.image.shape[0]}.",
            "Use a mask of the picture's size.",
        )
    alpha = masks.feathered(request.mask, grow, feather)
    if not alpha.any():
        raise UsageError("The mask is empty.", "Select something, or paint on the mask.")
    return EditPlan(
        replace(request, alpha=alpha), engine, int(grow), int(feather), mask_ids, layer_id
    )


def _surface_of(document: Document, plan: EditPlan, result: EditResult) -> Surface:
    """The layer's pixels, of the picture's size."""
    alpha = plan.request.alpha
    size = document.size
    if alpha.shape != (size.height, size.width):
        raise DocumentError(
            f"The edit was made for a picture of {alpha.shape[1]} × {alpha.shape[0]} pixels; "
            f"this one has {size.width} × {size.height}.",
            "Run it again.",
        )
    pixels, area = layer_pixels(plan, result)
    surface = Surface(size, 4)
    surface.write(area, pixels)
    return surface


def _recipe(plan: EditPlan, result: EditResult) -> EditRecipe:
    request = plan.request
    return EditRecipe(
        kind=request.kind.value,
        mask=Surface.from_array(request.mask),
        phrase=request.phrase,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=result.seed,
        engine=result.engine or plan.engine,
        preset=request.preset,
        grow=plan.grow,
        feather=plan.feather,
        crop=result.crop or request.crop,
        models=result.models,
        notes=result.notes,
        options=dict(request.options),
    )


def _recipe_of(state: DocumentState, layer_id: str) -> EditRecipe:
    layer = state.layer(layer_id)
    if not isinstance(layer, EditLayer) or layer.recipe is None:
        raise DocumentError(
            f"The layer “{layer.name}” cannot run again: it is no edit.", "Choose an edit layer."
        )
    return layer.recipe


def _known(layer: Layer, what: str, name: str, known: Sequence[_Word]) -> _Word:
    """The word of a recipe; a project from elsewhere may use one that is not known here."""
    for word in known:
        if word == name:
            return word
    raise DocumentError(
        f"The layer “{layer.name}” cannot run again: the {what} {name!r} is not known.",
        "Update OVEdit, or make the edit anew.",
    )


def _name(kind: str, phrase: str, prompt: str) -> str:
    if kind == EditKind.REMOVE:
        return f"Remove {phrase}".strip()
    if kind == EditKind.REPLACE or not phrase:
        return prompt
    return f"{phrase} as {prompt}"
