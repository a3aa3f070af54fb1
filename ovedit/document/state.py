"""The document at one moment: its structure, and the surfaces that hold its pixels."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovedit.document.compositing import flatten_layers
from ovedit.document.layers import Layer
from ovedit.document.masks import ClassMask
from ovedit.document.tiles import Surface
from ovedit.errors import DocumentError
from ovedit.geometry import Rect, Size

Array = NDArray[np.uint8]


class SurfaceKind(enum.StrEnum):
    """What a surface is to its owner."""

    PIXELS = "pixels"
    ALPHA_MASK = "alpha-mask"
    MASK = "mask"
    SELECTION = "selection"


@dataclass(frozen=True)
class SurfaceRef:
    """Names a surface of a document: its kind, and the id of the layer or mask it belongs to."""

    kind: SurfaceKind
    id: str = ""


SELECTION = SurfaceRef(SurfaceKind.SELECTION)


def pixels_of(layer_id: str) -> SurfaceRef:
    """The pixels of a layer."""
    return SurfaceRef(SurfaceKind.PIXELS, layer_id)


def alpha_mask_of(layer_id: str) -> SurfaceRef:
    """The alpha mask of a layer."""
    return SurfaceRef(SurfaceKind.ALPHA_MASK, layer_id)


def coverage_of(mask_id: str) -> SurfaceRef:
    """The coverage of a class mask."""
    return SurfaceRef(SurfaceKind.MASK, mask_id)


@dataclass(frozen=True)
class Structure:
    """Everything but pixels: layers, bottom first, and class masks in the order of the panel."""

    layers: tuple[Layer, ...] = ()
    masks: tuple[ClassMask, ...] = ()


@dataclass(frozen=True, eq=False)
class DocumentState:
    """The document at one moment. Nothing in it changes once it has been taken as a snapshot."""

    size: Size
    structure: Structure
    surfaces: Mapping[SurfaceRef, Surface]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers, bottom first."""
        return self.structure.layers

    @property
    def masks(self) -> tuple[ClassMask, ...]:
        """Class masks in the order of the panel."""
        return self.structure.masks

    @property
    def selection(self) -> Surface | None:
        """The soft selection, or None where everything is selected."""
        return self.surfaces.get(SELECTION)

    def layer(self, layer_id: str) -> Layer:
        """The layer of this id. Raises `DocumentError` if it is gone."""
        for layer in self.layers:
            if layer.id == layer_id:
                return layer
        raise DocumentError(f"There is no layer {layer_id!r} any more.", "Choose another layer.")

    def mask(self, mask_id: str) -> ClassMask:
        """The class mask of this id. Raises `DocumentError` if it is gone."""
        for mask in self.masks:
            if mask.id == mask_id:
                return mask
        raise DocumentError(f"There is no mask {mask_id!r} any more.", "Choose another mask.")

    def surface(self, ref: SurfaceRef) -> Surface:
        """The surface named by `ref`. Raises `DocumentError` if it is gone."""
        try:
            return self.surfaces[ref]
        except KeyError as e:
            raise DocumentError(
                f"There is no {ref.kind} {ref.id!r} in the document.", "Choose another one."
            ) from e

    def layer_surfaces(self, layer: Layer) -> tuple[Surface, Surface | None]:
        """Pixels and alpha mask (or None) of a layer."""
        alpha_mask = self.surfaces.get(alpha_mask_of(layer.id)) if layer.has_alpha_mask else None
        return self.surfaces[pixels_of(layer.id)], alpha_mask

    def coverage(self, mask_id: str) -> Array:
        """The coverage of a class mask as an (H, W) uint8 array."""
        return self.surface(coverage_of(mask_id)).array()

    def flattened(self, rect: Rect | None = None, level: int = 0) -> Array:
        """The visible layers as (h, w, 4) uint8, over `rect` of the mip level or all of it."""
        return flatten_layers(
            ((layer, *self.layer_surfaces(layer)) for layer in self.layers if layer.visible),
            self.size.rect.at_level(level) if rect is None else rect,
            level,
        )
