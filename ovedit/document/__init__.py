"""The document: layers, masks, selection and history. numpy only, no Qt, no torch."""

from ovedit.document.document import Document
from ovedit.document.layers import (
    BlendMode,
    EditLayer,
    EditRecipe,
    Layer,
    RasterLayer,
    models_of,
    new_id,
)
from ovedit.document.masks import Candidate, ClassMask, ScoreMap, overlay_colour
from ovedit.document.state import (
    SELECTION,
    DocumentState,
    Structure,
    SurfaceKind,
    SurfaceRef,
    alpha_mask_of,
    coverage_of,
    pixels_of,
)
from ovedit.document.tiles import TILE, Surface
from ovedit.document.transaction import Transaction

__all__ = [
    "SELECTION",
    "TILE",
    "BlendMode",
    "Candidate",
    "ClassMask",
    "Document",
    "DocumentState",
    "EditLayer",
    "EditRecipe",
    "Layer",
    "RasterLayer",
    "ScoreMap",
    "Structure",
    "Surface",
    "SurfaceKind",
    "SurfaceRef",
    "Transaction",
    "alpha_mask_of",
    "coverage_of",
    "models_of",
    "new_id",
    "overlay_colour",
    "pixels_of",
]
