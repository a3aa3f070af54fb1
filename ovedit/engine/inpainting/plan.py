"""What an edit will do, settled before anything is loaded: models, numbers, words and areas.

Needs no torch: the forecast is made of it, and the engine works by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ovedit.engine.inpainting.area import ModelShape, WorkArea, work_areas
from ovedit.engine.inpainting.choice import Choice, choose, missing_adapter
from ovedit.engine.inpainting.families import (
    INSTRUCTION,
    Recipe,
    recipe,
    shape_of,
    takes_words,
)
from ovedit.engine.inpainting.prefill import FILL, NONE
from ovedit.engine.inpainting.prompts import words_for
from ovedit.engine.inpainting.settings import AUTO, InpaintingSettings, from_options
from ovedit.engine.inpainting.values import Words
from ovedit.engine.library import Model, ModelLibrary
from ovedit.engine.requests import Coverage, EditKind, EditRequest
from ovedit.errors import UsageError

FIXED = "fixed-size"
"""The capability of a model that works at its first native size only."""

_ERASER_MULTIPLE = 8
_FILL_PADDING = 1.5
"""Copying wants more to copy from than painting does."""
_WORTH = 1.2
"""How many times more pixels refining needs to be worth its time."""


@dataclass(frozen=True, eq=False)
class EditPlan:
    """One edit, settled.

    recipe: None where an eraser alone works. strength: of the first painting. areas: one run each.
    notes: what the person should know before.
    """

    settings: InpaintingSettings
    choice: Choice
    recipe: Recipe | None
    shape: ModelShape
    areas: tuple[WorkArea, ...]
    words: Words
    strength: float
    notes: tuple[str, ...] = ()


def plan_edit(request: EditRequest, library: ModelLibrary) -> EditPlan:
    """Settle everything that can be known beforehand.

    Raises `UsageError` for a wrong setting or an empty mask, and what `choose` raises.
    """
    settings = from_options(request.preset, request.options)
    if not np.any(request.alpha):
        raise UsageError("The mask is empty.", "Select something, or paint on the mask.")
    choice = choose(request.kind, request.preset, settings, library)
    notes: list[str] = []
    if choice.model is None:
        shape, numbers, words, strength = eraser_shape(choice.eraser, library), None, Words(), 1.0
        if choice.eraser == FILL and settings.eraser == AUTO:
            notes.append("Filled in without a model: none that removes is here.")
    else:
        numbers = recipe(settings, choice.model, choice.adapter)
        shape = shape_of(choice.model, settings)
        words = _words(request, choice.model, numbers, settings)
        strength = numbers.strength(_strength(request.kind, choice, settings))
        notes += _told(request, words)
        if (adapter := missing_adapter(choice, settings, library)) is not None:
            notes.append(
                f"{adapter.title} would save most of the steps: get it with "
                f"`ovedit models get {adapter.id}`."
            )
    areas = areas_of(request, shape, choice.eraser if numbers is None else NONE, settings)
    notes += [area.note for area in areas if area.note]
    return EditPlan(
        settings, choice, numbers, shape, areas, words, strength, tuple(dict.fromkeys(notes))
    )


def areas_of(
    request: EditRequest, shape: ModelShape, eraser: str, settings: InpaintingSettings
) -> tuple[WorkArea, ...]:
    """Where a model or an eraser of this shape works."""
    return work_areas(request.alpha, shape, _padding(eraser, settings), request.crop)


def areas_to_fill(
    alpha: Coverage, eraser: str, library: ModelLibrary, settings: InpaintingSettings
) -> tuple[WorkArea, ...]:
    """Where an eraser works before a model paints, in the pixels of its crop's `alpha` (h, w)."""
    return work_areas(alpha, eraser_shape(eraser, library), _padding(eraser, settings))


def eraser_shape(eraser: str, library: ModelLibrary) -> ModelShape:
    """The sizes that an eraser takes: the square of its native side, or any."""
    if eraser == FILL:
        return ModelShape(multiple=1)
    model = library.model(eraser)
    if FIXED in model.capabilities:
        return ModelShape(sides=model.native_sizes[:1], fixed=True)
    return ModelShape(multiple=_ERASER_MULTIPLE)


def refining_area(area: WorkArea, alpha: Coverage, plan: EditPlan) -> WorkArea | None:
    """The larger area, in the pixels of the crop, that brings back detail; None if not worth it.

    alpha: (h, w) of the crop.
    """
    finish, numbers = plan.settings.finish, plan.recipe
    if numbers is None or not finish.refine or area.scale * finish.refine_above >= 1:
        return None
    most = numbers.family.most_side
    multiple = plan.shape.multiple
    side = int(min(most, math.sqrt(area.crop.size.area))) // multiple * multiple
    shape = replace(plan.shape, sides=(max(side, multiple),), most_pixels=most**2)
    (larger,) = work_areas(alpha, shape, plan.settings.padding, area.crop.size.rect)
    return larger if larger.size.area >= _WORTH * area.size.area else None


def _padding(eraser: str, settings: InpaintingSettings) -> float:
    return max(settings.padding, _FILL_PADDING) if eraser == FILL else settings.padding


def _words(
    request: EditRequest, model: Model, numbers: Recipe, settings: InpaintingSettings
) -> Words:
    if not takes_words(model):
        return Words()
    words = words_for(request, settings.words, instruction=INSTRUCTION in model.capabilities)
    return words if numbers.passes == 2 else Words(words.prompt)


def _told(request: EditRequest, words: Words) -> list[str]:
    """What the person should know of what the model is told."""
    notes = []
    if words.prompt:
        without = f", without “{_short(words.negative)}”" if words.negative else ""
        notes.append(f"Asked for “{_short(words.prompt)}”{without}.")
    if request.negative_prompt and not words.negative:
        notes.append("The words for what shall not appear were not used: it runs without guidance.")
    return notes


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _strength(kind: EditKind, choice: Choice, settings: InpaintingSettings) -> float:
    if kind is EditKind.RESTYLE:
        return settings.strength
    # What was filled in before is worth keeping.
    filled = kind is EditKind.REMOVE and choice.eraser != NONE
    return settings.removal_strength if filled else 1.0
