"""Connected things in a label map, and which of them a phrase means by place, order and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.evidence import at_side
from ovedit.engine.basic.grammar import Position, Size
from ovedit.engine.basic.regions import Floats

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Thing:
    """One connected thing: parts with small gaps between them belong together.

    mask: (h, w) bool. area: pixels. box: left, top, right, bottom, half-open. centre: x and y in
    [0, 1] of the picture. mass: sum of the labels' likelihood. salience: mean saliency in [0, 1].
    rim: share of the picture's rim that it touches, in [0, 1].
    """

    mask: Mask
    area: int
    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    mass: float
    salience: float
    rim: float

    @property
    def merit(self) -> float:
        """How much this looks like the one thing a singular noun means."""
        return self.mass * (0.3 + self.salience) * (1 - 0.5 * min(1.0, 4 * self.rim))


def things(
    label: Floats, strength: Floats, saliency: Floats, *, gap: int, least: float
) -> list[Thing]:
    """The connected things where `label` reaches 0.5, by merit, best first.

    strength: (h, w) likelihood summed up in `mass`. gap: parts up to this many pixels apart are
    one thing. least: share of the largest thing's area under which a thing is a speck.
    """
    mask = label >= 0.5
    if not mask.any():
        return []
    height, width = mask.shape
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap + 1, gap + 1))
    joined = cv2.dilate(mask.astype(np.uint8), kernel)
    count, parts = cv2.connectedComponents(joined, connectivity=8)
    parts = np.where(mask, parts, 0)
    areas = np.bincount(parts.ravel(), minlength=count)
    areas[0] = 0
    rim = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    on_rim = np.bincount(rim, minlength=count) / len(rim)
    found = []
    for index in np.flatnonzero(areas >= max(12, least * areas.max())):
        own = parts == index
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        x, y = np.flatnonzero(own) % width, np.flatnonzero(own) // width
        found.append(
            Thing(
                mask=own,
                area=int(areas[index]),
                box=(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),
                centre=(float((x.mean() + 0.5) / width), float((y.mean() + 0.5) / height)),
                mass=float(strength[own].sum()),
                salience=float(saliency[own].mean()),
                rim=float(on_rim[index]),
            )
        )
    return sorted(found, key=lambda thing: -thing.merit)


def choose(
    found: Sequence[Thing], positions: Sequence[Position], sizes: Sequence[Size], plural: bool
) -> list[Thing]:
    """Those things the places and sizes mean, best first; all of them where none are said.

    A singular keeps the other things behind the one meant, as alternatives; a plural drops what
    does not fit. A rank beyond the number of things gives nothing.
    """
    chosen = list(found)
    for size in sizes:
        chosen.sort(key=lambda thing: -_extent(thing, size))
        if plural:
            half = _extent(chosen[0], size) * 0.5 if chosen else 0
            chosen = [thing for thing in chosen if _extent(thing, size) >= half]
    for position in positions:
        if position.rank is not None:
            ordered = sorted(_sizeable(chosen), key=lambda thing: _from(position, thing))
            chosen = ordered[position.rank - 1 : position.rank]
        elif plural:
            chosen = [thing for thing in chosen if _fits(position, thing) > 0.3]
        else:
            chosen.sort(key=lambda thing: -_preference(position, thing))
    return chosen


def drop(
    found: Sequence[Thing], positions: Sequence[Position], sizes: Sequence[Size]
) -> list[Thing]:
    """What is left when the things that places and sizes mean are excluded."""
    if not found or not (positions or sizes):
        return list(found)
    unwanted = choose(found, positions, sizes, plural=False)[:1]
    return [thing for thing in found if thing not in unwanted]


def _sizeable(found: Sequence[Thing]) -> list[Thing]:
    # Nobody counts the crumbs when asking for "the second from the left".
    largest = max((thing.area for thing in found), default=0)
    return [thing for thing in found if thing.area >= 0.1 * largest]


def _extent(thing: Thing, size: Size) -> float:
    left, top, right, bottom = thing.box
    return {
        "large": float(thing.area),
        "small": 1e6 / thing.area,
        "tall": float(bottom - top),
        "wide": float(right - left),
        "thin": 1e3 / min(right - left, bottom - top),
    }[size]


def _from(position: Position, thing: Thing) -> float:
    x, y = thing.centre
    side = position.side.split()[-1]
    return {"left": x, "right": -x, "top": y, "bottom": -y}.get(side, np.hypot(x - 0.5, y - 0.5))


def _fits(position: Position, thing: Thing) -> float:
    x, y = (np.full(1, part, np.float32) for part in thing.centre)
    return float(at_side(x, y, position.side)[0])


def _preference(position: Position, thing: Thing) -> float:
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
