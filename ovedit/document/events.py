"""What a document tells its observers. Rectangles are in document pixels."""

from __future__ import annotations

from dataclasses import dataclass

from ovedit.geometry import Rect


@dataclass(frozen=True)
class PixelsChanged:
    """The flattened picture changed inside `rect`."""

    rect: Rect


@dataclass(frozen=True)
class MaskChanged:
    """The coverage of a class mask changed inside `rect`."""

    mask_id: str
    rect: Rect


@dataclass(frozen=True)
class SelectionChanged:
    """The selection's coverage changed inside `rect`, or it appeared or went away."""

    rect: Rect


@dataclass(frozen=True)
class StructureChanged:
    """Layers or masks were added, removed, reordered or renamed, or a property of one changed."""


@dataclass(frozen=True)
class CurrentChanged:
    """Another layer or other masks are the ones being worked on."""


@dataclass(frozen=True)
class HistoryChanged:
    """A step was added, undone, redone or dropped."""


@dataclass(frozen=True)
class HistoryFilling:
    """The history holds `used` of `budget` bytes: the next steps will push out the oldest."""

    used: int
    budget: int


@dataclass(frozen=True)
class HistoryPruned:
    """The oldest steps were dropped to keep to the byte budget."""

    names: tuple[str, ...]


Event = (
    PixelsChanged
    | MaskChanged
    | SelectionChanged
    | StructureChanged
    | CurrentChanged
    | HistoryChanged
    | HistoryFilling
    | HistoryPruned
)
