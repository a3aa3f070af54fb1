"""Reading and writing the coverage of masks, shared by the workflows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    TILE,
    Candidate,
    ClassMask,
    DocumentState,
    ScoreMap,
    SurfaceRef,
    Transaction,
    coverage_of,
    masks,
)
from ovedit.engine.requests import MaskCandidate
from ovedit.errors import UsageError
from ovedit.geometry import Rect, Size

Coverage = NDArray[np.uint8]

_NUMBERED = re.compile(r"(mask|selection) \d+")


def candidate_from(offered: MaskCandidate) -> Candidate:
    """The document's value for what an engine offered."""
    return Candidate(
        offered.label,
        offered.score,
        ScoreMap(offered.scores.values, offered.scores.rect),
        offered.threshold,
        offered.reason,
    )


def scored_area(scores: ScoreMap, size: Size) -> Rect:
    """The part of a document of `size` that the score map covers."""
    return scores.rect.intersect(size.rect)


def coverage_in(scores: ScoreMap, threshold: float, area: Rect) -> Coverage:
    """(h, w) coverage over `area` alone, bit for bit what `masks.from_scores` has there."""
    local = ScoreMap(scores.values, scores.rect.translated(-area.x, -area.y))
    return masks.from_scores(local, threshold, area.size)


def read_coverage(state: DocumentState, mask_id: str, area: Rect) -> Coverage:
    """(h, w) coverage of a mask over `area` of the document."""
    found = state.surface(coverage_of(mask_id)).read(area)
    return np.zeros((area.height, area.width), np.uint8) if found is None else found


def union_of(state: DocumentState, mask_ids: Sequence[str]) -> Coverage:
    """(H, W) coverage of several masks together. Raises `UsageError` if none is named."""
    if not mask_ids:
        raise UsageError("No mask is chosen.", "Select something first.")
    together = state.coverage(mask_ids[0])
    for mask_id in mask_ids[1:]:
        together = masks.combine(together, state.coverage(mask_id), masks.Combine.UNION)
    return together


def write_changed(
    tx: Transaction, ref: SurfaceRef, area: Rect, before: Coverage, after: Coverage
) -> None:
    """Write `after` over `area`, only in the tiles that differ: history and canvas pay for those.

    before, after: (h, w) uint8 over `area` of the surface.
    """
    for row, column in area.tiles(TILE):
        part = Rect(column * TILE, row * TILE, TILE, TILE).intersect(area)
        local = part.translated(-area.x, -area.y).slices
        if not np.array_equal(before[local], after[local]):
            tx.write(ref, part, after[local])


def quoted(labels: Sequence[str]) -> str:
    """Labels as the history shows them: “bench”, “bench, tree”, or “bench” and 4 more."""
    unique = list(dict.fromkeys(labels))
    if len(unique) > 3:
        return f"“{unique[0]}” and {len(unique) - 1} more"
    return f"“{', '.join(unique)}”"


def labels_of(state: DocumentState, mask_ids: Sequence[str]) -> str:
    """The labels of masks as the history shows them.

    Raises `UsageError` if none is named, `DocumentError` if one is gone.
    """
    if not mask_ids:
        raise UsageError("No mask is chosen.", "Choose one in the list, or select something first.")
    return quoted([state.mask(mask_id).label for mask_id in mask_ids])


def free_name(stem: str, existing: Iterable[str]) -> str:
    """A name for what nobody has named, such as "mask 1", that is not among the existing ones."""
    taken, number = set(existing), 1
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


def shown_thing(mask: ClassMask) -> str:
    """What the mask shows, in words: its phrase, or the name that a person gave it; else empty."""
    if mask.phrase:
        return mask.phrase
    name = mask.label.removesuffix(" copy")
    return "" if _NUMBERED.fullmatch(name) else name
