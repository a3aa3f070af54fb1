"""The single things that a phrase may mean, and how well each fits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.segmentation.findings import Findings, sized
from ovedit.engine.segmentation.proposals import common, painted
from ovedit.engine.segmentation.query import Question
from ovedit.engine.segmentation.refine.canvas import components
from ovedit.engine.segmentation.values import Proposal
from ovedit.geometry import Rect, Size

Source = Literal["named", "refined", "dense"]
MOST = 32
"""Most things that are told apart for a phrase."""
_SAME = 0.5
"""Of the smaller of two masks, the part in both from which on they are one thing."""
_SPECK = 5e-4
"""Share of the picture under which a part of the dense map is no thing."""
_GAP = 0.004
"""Things up to this part of the longer side apart touch each other."""


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing: `drawn` in pixels of a picture of `size`.

    source: which stage drew it: a proposal that CLIP named, SAM 2 from the dense map, or the dense
    map alone. fit: probability of the phrase in it, in [0, 1], against its bare noun, what it
    excludes, the other phrases and the negatives. unwanted: whether it is rather what the phrase
    excludes.
    """

    drawn: Proposal
    size: Size
    source: Source
    fit: float = 0.0
    unwanted: bool = False

    @staticmethod
    def of(mask: NDArray[np.bool_], source: Source) -> Thing | None:
        """The thing of a mask (H, W); None of an empty one."""
        left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
        if not width:
            return None
        rect = Rect(left, top, width, height)
        size = Size(mask.shape[1], mask.shape[0])
        return Thing(Proposal(mask[rect.slices].copy(), rect, 1.0, 1.0), size, source)

    @property
    def area(self) -> int:
        """Its pixels."""
        return self.drawn.area

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels, half-open."""
        rect = self.drawn.rect
        return rect.x, rect.y, rect.right, rect.bottom

    @property
    def centre(self) -> tuple[float, float]:
        """The mean of its pixels, x and y in [0, 1] of the picture."""
        rows, columns = np.nonzero(self.drawn.mask)
        rect = self.drawn.rect
        x, y = rect.x + columns.mean() + 0.5, rect.y + rows.mean() + 0.5
        return float(x / self.size.width), float(y / self.size.height)

    @property
    def merit(self) -> float:
        """How much it is the one that a singular noun means: it fits, and it is large."""
        return max(self.fit, 1e-3) * (self.area / self.size.area) ** 0.5


def things_of(found: Findings, size: Size, *, parts: bool = True) -> list[Thing]:
    """The things that were found for a phrase, in a picture of this size; at most `MOST`.

    First the proposals that CLIP named; elsewhere what SAM 2 outlined, or where it was not asked,
    the connected parts of the dense map. parts: whether these count beside the proposals.
    """
    offered: list[tuple[Source, NDArray[np.bool_]]] = []
    if found.drawn_at is not None:
        for one in found.named[:MOST]:
            offered.append(("named", _at(painted([one.proposal], found.drawn_at), size)))
    if found.refined is not None:
        for mask in found.refined.instances[:MOST]:
            offered.append(("refined", _at(mask, size)))
    elif parts or not offered:
        dense = sized(found.searched, size) >= found.cut
        for part in components(dense, _SPECK * dense.size)[:MOST]:
            offered.append(("dense", part.mask))
    kept: list[Thing] = []
    for source, mask in offered:
        thing = Thing.of(mask, source)
        if thing is not None and not any(_same(thing, other) for other in kept):
            kept.append(thing)
    return kept[:MOST]


def judged(
    things: Sequence[Thing], question: Question, shares: Mapping[str, NDArray[np.floating]]
) -> list[Thing]:
    """The things with how well they fit the question, best first.

    shares: (m,) of each of the question's texts in each thing, against each other and the rest.
    """
    fits = shares[question.asked]
    own = np.maximum(fits, shares[question.noun]) if question.noun else fits
    unwanted = np.zeros(len(things), bool)
    for text in question.all_excluded:
        unwanted |= shares[text] > own
    told = [
        replace(thing, fit=float(fit), unwanted=bool(out))
        for thing, fit, out in zip(things, fits, unwanted, strict=True)
    ]
    return sorted(told, key=lambda thing: -thing.fit)


def touching(things: Sequence[Thing]) -> list[list[Thing]]:
    """The things in groups of those that touch, in the order of their first members."""
    groups: list[list[Thing]] = []
    for thing in things:
        near = [group for group in groups if any(_touch(thing, other) for other in group)]
        joined = [other for group in near for other in group]
        at = next((i for i, group in enumerate(groups) if group in near), len(groups))
        groups = [group for group in groups if group not in near]
        groups.insert(at, [*joined, thing])
    return groups


def _at(mask: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    return sized(mask.astype(np.float32), size) >= 0.5


def _same(first: Thing, second: Thing) -> bool:
    return common(first.drawn, second.drawn) > _SAME * min(first.area, second.area)


def _touch(first: Thing, second: Thing) -> bool:
    reach = max(1, round(_GAP * max(first.size.width, first.size.height)))
    one, other = first.drawn.rect.padded(reach), second.drawn.rect
    if not one.intersect(other):
        return False
    near = np.pad(first.drawn.mask, reach).astype(np.uint8)
    near = cv2.dilate(near, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    return common(replace(first.drawn, mask=near, rect=one), second.drawn) > 0
