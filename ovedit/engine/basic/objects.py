"""Connected things in a label map.

Shares and weights were set by hand, on the photographs that the tests of `select` use.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ovedit.engine.basic.raster import (
    Floats,
    Indices,
    Mask,
    components,
    dilated,
    disc,
    eroded,
    square,
)


@dataclass(frozen=True, eq=False)
class Thing:
    """One connected thing: parts with small gaps between them belong together.

    mask: (h, w) bool. area: pixels. box: left, top, right, bottom, half-open. centre: x and y in
    [0, 1] of the picture. mass: sum of the labels' likelihood. salience: how much it
    stands out, mean in [0, 1]. rim: share of the picture's rim that it touches, in [0, 1].
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
        return self.mass * (0.3 + self.salience) * (1 - 0.4 * min(1.0, 4 * self.rim))


def things(
    label: Floats,
    strength: Floats,
    standing_out: Floats,
    *,
    gap: int = 0,
    neck: int = 0,
    least: float = 0.0,
    attached: Mask | None = None,
) -> list[Thing]:
    """The connected things where `label` reaches 0.5, by merit, best first.

    strength: (h, w) likelihood summed up in `mass`. standing_out: (h, w) in [0, 1].
    gap: parts up to this many pixels apart are one thing, unless they fit much less. neck: bodies
    joined by something thinner than twice this are several things.
    least: share of the largest thing's area under which a thing is a speck.
    attached: pixels (h, w) bool that each go with the thing they touch, whatever their strength.
    """
    mask = label >= 0.5
    if not mask.any():
        return []
    body = mask if attached is None else mask & ~attached
    parts, count = _split(body, neck) if neck else components(body)
    parts, count = _joined(parts, count, strength, gap)
    if attached is not None:
        _attach(parts, count, mask & attached)
    areas = np.bincount(parts.ravel(), minlength=count)
    areas[0] = 0
    rim = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    on_rim = np.bincount(rim, minlength=count) / len(rim)
    wanted = np.flatnonzero(areas >= max(12, least * areas.max()))
    found = []
    for index in wanted:
        own = _without_pinholes(parts == index)
        rows, columns = np.nonzero(own)
        found.append(
            Thing(
                mask=own,
                area=int(own.sum()),
                box=(
                    int(columns.min()),
                    int(rows.min()),
                    int(columns.max()) + 1,
                    int(rows.max()) + 1,
                ),
                centre=(
                    float((columns.mean() + 0.5) / own.shape[1]),
                    float((rows.mean() + 0.5) / own.shape[0]),
                ),
                mass=float(strength[own].sum()),
                salience=float(standing_out[own].mean()),
                rim=float(on_rim[index]),
            )
        )
    return sorted(found, key=lambda thing: -thing.merit)


def _joined(parts: Indices, count: int, strength: Floats, gap: int) -> tuple[Indices, int]:
    """Parts up to `gap` apart made one; a part that fits much less than its group is left out."""
    areas = np.bincount(parts.ravel(), minlength=count)
    fits = np.bincount(parts.ravel(), strength.ravel(), count) / np.maximum(areas, 1)
    if not gap:
        sizeable = areas >= 0.1 * areas[1:].max(initial=0)
        sizeable[0] = False
        weak = fits < 0.6 * fits[sizeable].max(initial=0)
        return np.where(weak[parts], 0, parts).astype(np.int32), count
    near = dilated(parts > 0, disc(max(1, gap // 2)))
    groups, group_count = components(near)
    group_of = np.zeros(count, np.int64)
    group_of[parts.ravel()] = groups.ravel()
    group_of[0] = 0
    best = np.zeros(group_count)
    for part in np.argsort(areas[1:])[::-1] + 1:
        # The best of the sizeable parts is the core that the others are measured by.
        group = group_of[part]
        if areas[part] >= 0.1 * areas[1:][group_of[1:] == group].sum():
            best[group] = max(best[group], fits[part])
    weak = fits < 0.72 * best[group_of]
    own = np.where(weak, np.arange(count) + group_count, group_of)
    own[0] = 0
    return own[parts].astype(np.int32), group_count + count


def _split(mask: Mask, neck: int) -> tuple[Indices, int]:
    """Components, with bodies joined only by thin necks taken apart.

    What lies beyond the bodies goes with the body it hangs under or stands on (a trunk), and is a
    thing of its own where it runs off sideways (a hedge behind two trees).
    """
    bodies, count = components(eroded(mask, disc(neck)))
    if count < 3:
        return components(mask)
    sizes = np.bincount(bodies.ravel(), minlength=count)
    small = np.flatnonzero(sizes < 0.05 * sizes[1:].max())
    bodies[np.isin(bodies, small)] = 0
    body = bodies > 0
    distance, nearest = cv2.distanceTransformWithLabels(
        (~body).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = nearest.astype(np.int64)
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[body]] = bodies[body]
    parts = np.where(mask & (distance <= 2.5 * neck), owner[nearest], 0).astype(np.int32)
    rest, rest_count = components(mask & (parts == 0))
    grown = cv2.dilate(parts.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    for index in range(1, rest_count):
        piece = rest == index
        rows, columns = np.nonzero(piece)
        small = len(rows) < 4 * neck * neck
        touched = np.bincount(grown[piece], minlength=1)
        touched[0] = 0
        if touched.any() and (small or np.ptp(rows) > np.ptp(columns)):
            parts[piece] = int(touched.argmax())
        else:
            parts[piece] = count + index
    return parts, count + rest_count


def _attach(parts: Indices, count: int, attached: Mask) -> None:
    """Give every connected piece of `attached` to the largest part that it touches, in place."""
    areas = np.bincount(parts.ravel(), minlength=count)
    pieces, piece_count = components(attached)
    for index in range(1, piece_count):
        piece = pieces == index
        ring = dilated(piece, square(11))
        touched = np.unique(parts[ring])
        touched = touched[touched > 0]
        if len(touched):
            parts[piece] = touched[np.argmax(areas[touched])]


def _without_pinholes(mask: Mask) -> Mask:
    """The mask with holes filled that are too small to be meant (highlights, knots)."""
    holes, count = components(~mask)
    areas = np.bincount(holes.ravel(), minlength=count)
    areas[0] = areas.max(initial=0)
    tiny = np.flatnonzero(areas < 0.002 * mask.sum())
    return mask | np.isin(holes, tiny) if len(tiny) else mask
