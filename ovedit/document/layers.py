"""Layers as plain frozen values. Their pixels live in the document's surfaces, found by id."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from ovedit.document.tiles import Surface
from ovedit.geometry import Rect


def new_id() -> str:
    """An id for a layer or mask that no other has."""
    return uuid.uuid4().hex[:12]


class BlendMode(enum.StrEnum):
    """How a layer's colour meets the colours below. Names as in W3C Compositing and Blending 1."""

    NORMAL = "normal"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    SOFT_LIGHT = "soft-light"
    HARD_LIGHT = "hard-light"
    DARKEN = "darken"
    LIGHTEN = "lighten"
    DIFFERENCE = "difference"
    ADD = "add"
    COLOUR = "color"
    LUMINOSITY = "luminosity"


@dataclass(frozen=True)
class Layer:
    """What a layer is, without its pixels.

    offset: document position of the surface's top left pixel.
    opacity: 0 to 1.
    has_alpha_mask: whether a one-channel surface of the same size multiplies the layer's alpha.
    """

    name: str
    id: str = field(default_factory=new_id)
    visible: bool = True
    opacity: float = 1.0
    locked: bool = False
    blend: BlendMode = BlendMode.NORMAL
    offset: tuple[int, int] = (0, 0)
    has_alpha_mask: bool = False


@dataclass(frozen=True)
class RasterLayer(Layer):
    """Pixels that were opened, pasted or painted.

    models: ids, with revisions, of the trained models that painted what was merged into it.
    """

    models: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class EditRecipe:
    """All that is needed to run an edit again.

    mask: one-channel surface of the document's size: what the person selected.
    kind: "remove", "replace" or "restyle"; the other fields are those of the edit request.
    models: ids with revisions of the trained models that answered, none for an engine without;
    notes: what the engine said.
    """

    kind: str
    mask: Surface
    phrase: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    engine: str = "basic"
    preset: str = "balanced"
    grow: int = 0
    feather: int = 0
    crop: Rect | None = None
    models: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EditLayer(Layer):
    """The result of a remove, replace or restyle; `recipe` runs it again."""

    recipe: EditRecipe | None = None


def models_of(layer: Layer) -> tuple[str, ...]:
    """The trained models that painted what a layer shows."""
    if isinstance(layer, RasterLayer):
        return layer.models
    recipe = layer.recipe if isinstance(layer, EditLayer) else None
    return () if recipe is None else recipe.models
