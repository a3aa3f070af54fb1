"""From clicks and boxes to a mask and back: one undo step for each click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ovedit.document import (
    ClassMask,
    Document,
    DocumentState,
    Surface,
    coverage_of,
    masks,
)
from ovedit.engine.requests import Point, PointRequest, PointResult, Preset
from ovedit.errors import NothingFoundError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows.colours import next_colour
from ovedit.workflows.coverage import (
    candidate_from,
    coverage_in,
    free_name,
    read_coverage,
    scored_area,
    write_changed,
)


def point_request(
    state: DocumentState,
    points: Sequence[Point] = (),
    *,
    box: Rect | None = None,
    mask_id: str | None = None,
    preset: Preset = "balanced",
    options: Mapping[str, str] | None = None,
) -> PointRequest:
    """The request for what is at the points or in the box.

    points: all clicks so far, oldest first; those outside of the picture are dropped.
    mask_id: the mask to correct, or None for a new one.
    Raises `UsageError` where nothing is left to go by: no point inside the picture that belongs to
    the thing, and neither box nor mask.
    """
    size = state.size
    inside = tuple(
        point for point in points if 0 <= point.x < size.width and 0 <= point.y < size.height
    )
    cut = None if box is None else box.intersect(size.rect)
    if not cut and mask_id is None and not any(point.positive for point in inside):
        raise UsageError(
            "There is no click or box inside the picture.", "Click on the thing to select it."
        )
    return PointRequest(
        state.flattened(),
        inside,
        cut or None,
        None if mask_id is None else state.coverage(mask_id),
        preset,
        dict(options) if options else {},
    )


def apply_points(
    document: Document, result: PointResult, *, mask_id: str | None = None, label: str = ""
) -> str:
    """Put the answer to a click or box onto a mask, in one undo step; returns the mask's id.

    Without `mask_id` a new mask appears, called `label` or "selection 1". On a mask that
    was made by clicks, the new score map takes the place of the old one. On one that a phrase gave,
    the click is a correction: its candidates and threshold stay. Raises `NothingFoundError` for an
    answer that covers nothing.
    """
    candidate = candidate_from(result.candidate)
    if not (candidate.scores.values >= candidate.threshold).any():
        raise NothingFoundError("Nothing hangs together there.", "Click or frame another place.")
    if mask_id is None:
        coverage = masks.from_scores(candidate.scores, candidate.threshold, document.size)
        mask = ClassMask(
            label or free_name("selection", (mask.label for mask in document.masks)),
            next_colour(document.state, coverage),
            score=candidate.score,
            threshold=candidate.threshold,
            candidates=(candidate,),
        )
        with document.transaction(f"Select “{mask.label}” by click") as tx:
            tx.add_mask(mask, Surface.from_array(coverage))
        document.set_current(masks=(mask.id,))
        return mask.id
    mask = document.state.mask(mask_id)
    area = scored_area(candidate.scores, document.size)
    before = read_coverage(document.state, mask_id, area)
    after = coverage_in(candidate.scores, candidate.threshold, area)
    with document.transaction(f"Correct “{mask.label}” by click") as tx:
        if not mask.phrase and mask.candidates:
            tx.update_mask(
                mask_id,
                candidates=(candidate,),
                chosen=0,
                score=candidate.score,
                threshold=candidate.threshold,
            )
        write_changed(tx, coverage_of(mask_id), area, before, after)
    return mask_id
