"""The threshold of a mask: where its score map is cut, live and without an engine.

What was corrected by hand stays. A correction is a pixel of the mask that is not what the score map
and the threshold so far give there.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import Candidate, Document, DocumentState, coverage_of, masks
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect, Size
from ovedit.workflows.coverage import coverage_in, read_coverage, scored_area, write_changed

Coverage = NDArray[np.uint8]


def set_threshold(document: Document, mask_id: str, value: float) -> None:
    """Cut the mask's score map at `value`, in one undo step; corrections by hand stay.

    Raises `DocumentError` for a mask made by hand and `UsageError` for a value not in [0, 1].
    """
    state = document.state
    _check(value)
    candidate = _scored(state, mask_id)
    label, old = state.mask(mask_id).label, state.mask(mask_id).threshold
    area = scored_area(candidate.scores, state.size)
    current = read_coverage(state, mask_id, area)
    corrected = current != coverage_in(candidate.scores, old, area)
    after = coverage_in(candidate.scores, value, area)
    np.copyto(after, current, where=corrected)
    with document.transaction(f"Threshold of “{label}” {value:.2f}") as tx:
        tx.update_mask(mask_id, threshold=value)
        write_changed(tx, coverage_of(mask_id), area, current, after)


class ThresholdPreview:
    """What a mask would look like at other thresholds, at one mip level, while a slider moves.

    Made when the slider is pressed, it finds the corrections once at full resolution; `at` then
    works at the level's resolution only. Raises `DocumentError` for a mask made by hand.
    """

    def __init__(self, state: DocumentState, mask_id: str, level: int) -> None:
        scores = _scored(state, mask_id).scores
        self._scores = replace(scores, values=scores.values.astype(np.float32))
        self._level = level
        self._scored_at_level = self._scores.rect.at_level(level)
        surface = state.surface(coverage_of(mask_id))
        size = surface.level_size(level)
        now = surface.read(size.rect, level)
        self._now = np.zeros((size.height, size.width), np.uint8) if now is None else now
        self._inside = self._scored_at_level.intersect(size.rect)
        self._corrections = _corrections(state, mask_id, level)

    def at(self, value: float) -> Coverage:
        """(h, w) coverage of the whole document at the level, were the threshold `value`."""
        _check(value)
        ramp = masks.scores_to_coverage(self._scores.values, value)
        fresh = _resized(ramp, self._scored_at_level.size, self._level)
        inside, whole = self._inside, self._scored_at_level
        if inside == whole and fresh.shape == self._now.shape:
            out = fresh
        else:
            out = self._now.copy()
            out[inside.slices] = fresh[inside.translated(-whole.x, -whole.y).slices]
        if self._corrections is not None:
            rect, share, painted = self._corrections
            kept = (
                out[rect.slices].astype(np.uint16) * (255 - share) + painted.astype(np.uint16) * 255
            )
            out[rect.slices] = ((kept + 127) // 255).astype(np.uint8)
        return out


def _corrections(
    state: DocumentState, mask_id: str, level: int
) -> tuple[Rect, Coverage, Coverage] | None:
    """What was corrected by hand, at the level, or None where nothing was.

    Returns the rectangle at the level, the share of each of its pixels that is corrected (0 to
    255), and the corrected coverage times that share.
    """
    mask, scores = state.mask(mask_id), _scored(state, mask_id).scores
    area = scored_area(scores, state.size)
    current = read_coverage(state, mask_id, area)
    corrected = (current != coverage_in(scores, mask.threshold, area)).astype(np.uint8) * 255
    found = masks.bounds(corrected).translated(area.x, area.y)
    if not found:
        return None
    rect = found.at_level(level)
    scale = 1 << level
    full = Rect(rect.x * scale, rect.y * scale, rect.width * scale, rect.height * scale)

    def at_level(values: Coverage) -> Coverage:
        spread = np.zeros((full.height, full.width), np.uint8)
        spread[found.translated(-full.x, -full.y).slices] = values[
            found.translated(-area.x, -area.y).slices
        ]
        size = (rect.width, rect.height)
        return np.asarray(cv2.resize(spread, size, interpolation=cv2.INTER_AREA), np.uint8)

    return rect, at_level(corrected), at_level(np.minimum(current, corrected))


def _resized(ramp: Coverage, size: Size, level: int) -> Coverage:
    """The ramp at the level's resolution, near what the mip level of the full coverage has there.

    Twice the resolution, then its mean, is as good as full resolution, at a cost that falls with
    the level.
    """
    if level == 0:
        return _scaled(ramp, size)
    return _scaled(_scaled(ramp, Size(size.width * 2, size.height * 2)), size)


def _scaled(values: Coverage, size: Size) -> Coverage:
    shrinks = size.width < values.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (size.width, size.height), interpolation=how), np.uint8)


def _scored(state: DocumentState, mask_id: str) -> Candidate:
    mask = state.mask(mask_id)
    if mask.candidate is None:
        raise DocumentError(
            f"The mask “{mask.label}” has no threshold: it was made by hand.",
            "Grow or shrink it instead.",
        )
    return mask.candidate


def _check(value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"The threshold {value:g} is out of range.", "Give one from 0 to 1.")
