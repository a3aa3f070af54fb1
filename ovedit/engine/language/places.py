"""Which of several things a phrase means by place, order and size.

Plain geometry: whatever has a place in the picture can be chosen from. Shares and weights were set
by hand, on the photographs that the tests of the basic engine use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.language.grammar import Position, Side, Size

Floats = NDArray[np.float32]


class Placed(Protocol):
    """Something with a place in the picture."""

    @property
    def area(self) -> int:
        """Pixels, at least one."""
        ...

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels, half-open."""
        ...

    @property
    def centre(self) -> tuple[float, float]:
        """x and y in [0, 1] of the picture."""
        ...

    @property
    def merit(self) -> float:
        """How much this is the one that a singular noun means; above 0."""
        ...


T = TypeVar("T", bound=Placed)


def place_window(shape: tuple[int, int], side: Side) -> Floats:
    """How much each pixel of an (h, w) picture lies at this side, in [0, 1]."""
    rows = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, shape[1], dtype=np.float32)[None]
    return at_side(columns, rows, side)


def at_side(x: Floats, y: Floats, side: Side) -> Floats:
    """How much positions x, y in [0, 1] lie at a side of the picture, in [0, 1]."""

    def beyond(distance: NDArray[np.floating]) -> Floats:
        return np.clip(distance * 3 - 1, 0, 1).astype(np.float32)

    wide = np.broadcast_to
    shape = np.broadcast_shapes(x.shape, y.shape)
    parts = {"left": 1 - x, "right": x, "top": 1 - y, "bottom": y}
    if side == "middle":
        off_centre = np.maximum(np.abs(x - 0.5), np.abs(y - 0.5))
        return wide(np.clip(2 - 5 * off_centre, 0, 1), shape).astype(np.float32)
    if side == "corner":
        return beyond(np.abs(x - 0.5) + 0.5) * beyond(np.abs(y - 0.5) + 0.5)
    result = np.ones(shape, np.float32)
    for word in side.split():
        result = result * beyond(wide(parts[word], shape))
    return result


def choose(
    found: Sequence[T], positions: Sequence[Position], sizes: Sequence[Size], plural: bool
) -> list[T]:
    """Those things the places and sizes mean, best first; all of them where none are said.

    A singular keeps the other things behind the one meant, as alternatives; a plural drops what
    does not fit. A rank beyond the number of things gives nothing.
    """
    chosen = list(found)
    for size in sizes:
        chosen = _ordered_by(chosen, size)
        if plural:
            chosen = _as_large(chosen, size)
    for position in positions:
        if position.rank is not None:
            ordered = sorted(sizeable(chosen), key=lambda thing: _from(position, thing))
            chosen = ordered[position.rank - 1 : position.rank]
        elif plural:
            chosen = [thing for thing in chosen if _fits(position, thing) > 0.3]
        else:
            chosen.sort(key=lambda thing: -_preference(position, thing))
    return chosen


def drop(found: Sequence[T], positions: Sequence[Position], sizes: Sequence[Size]) -> list[T]:
    """What is left when the things that places and sizes mean are excluded."""
    if not found or not (positions or sizes):
        return list(found)
    unwanted = choose(found, positions, sizes, plural=False)[:1]
    return [thing for thing in found if thing not in unwanted]


def sizeable(found: Sequence[T]) -> list[T]:
    """Those that are counted: nobody means the crumbs with "the second from the left"."""
    largest = max((thing.area for thing in found), default=0)
    return [thing for thing in found if thing.area >= 0.1 * largest]


def _ordered_by(found: Sequence[T], size: Size) -> list[T]:
    return sorted(found, key=lambda thing: -_extent(thing, size))


def _as_large(ordered: Sequence[T], size: Size) -> list[T]:
    """Those at least half as large as the first, in the sense of `size`."""
    extents = [_extent(thing, size) for thing in ordered]
    pairs = zip(ordered, extents, strict=True)
    return [thing for thing, extent in pairs if extent >= 0.5 * extents[0]]


def _extent(thing: Placed, size: Size) -> float:
    left, top, right, bottom = thing.box
    return {
        "large": float(thing.area),
        "small": 1e6 / thing.area,
        "tall": float(bottom - top),
        "wide": float(right - left),
        "thin": 1e3 / min(right - left, bottom - top),
    }[size]


def _from(position: Position, thing: Placed) -> float:
    x, y = thing.centre
    side = position.side.split()[-1]
    along = {"left": x, "right": -x, "top": y, "bottom": -y}
    return along[side] if side in along else float(np.hypot(x - 0.5, y - 0.5))


def _fits(position: Position, thing: Placed) -> float:
    x, y = (np.full(1, part, np.float32) for part in thing.centre)
    return float(at_side(x, y, position.side)[0])


def _preference(position: Position, thing: Placed) -> float:
    # The side decides, merit only between things that lie alike.
    x, y = thing.centre
    away = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}
    if position.side == "middle":
        distance = float(np.hypot(x - 0.5, y - 0.5))
    elif position.side == "corner":
        distance = 1 - abs(x - 0.5) - abs(y - 0.5)
    else:
        distance = sum(away[word] for word in position.side.split())
    return (1 - distance) * thing.merit**0.25
