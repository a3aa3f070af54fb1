"""The shadow or reflection of what a mask shows, as a mask of its own beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovedit.document import ClassMask, Document, DocumentState, Surface, coverage_of
from ovedit.document.shadows import Attached, find_attached
from ovedit.errors import DocumentError
from ovedit.workflows.colours import next_colour
from ovedit.workflows.coverage import quoted, read_coverage

_AROUND = 1.25
"""How far from the thing the picture is looked at, of the thing's longer side."""


def find(state: DocumentState, mask_id: str) -> Attached | None:
    """The shadow or reflection of what a mask shows, as far as one is sure; changes nothing.

    May run on any thread: about a second at 24 megapixels. Raises `DocumentError` where the mask
    is gone.
    """
    state.mask(mask_id)
    box = state.surface(coverage_of(mask_id)).bounds()
    if not box:
        return None
    reach = int(_AROUND * max(box.width, box.height)) + 1
    area = box.padded(reach).intersect(state.size.rect)
    found = find_attached(state.flattened(area), read_coverage(state, mask_id, area))
    if found is None:
        return None
    coverage = np.zeros((state.size.height, state.size.width), np.uint8)
    coverage[area.slices] = found.coverage
    return Attached(found.kind, coverage, found.score)


def add(document: Document, mask_id: str, found: Attached) -> str:
    """Put what was found beside its mask as one that is not accepted yet; returns its id.

    It is called "shadow of wooden bench", and goes by the phrase of the thing it belongs to, so
    that both together are edited as that. Raises `DocumentError` where the mask is gone or the
    picture has another size by now.
    """
    state = document.state
    thing = state.mask(mask_id)
    if found.coverage.shape != (state.size.height, state.size.width):
        raise DocumentError(
            "The picture has another size than when its shadow was looked for.", "Look again."
        )
    label = f"{found.kind} of {thing.label}"
    shadow = ClassMask(
        label,
        next_colour(state, found.coverage),
        phrase=thing.phrase or thing.label,
        group=thing.group,
        score=found.score,
    )
    with document.transaction(f"Find {quoted([label])}") as tx:
        place = state.masks.index(thing) + 1
        tx.add_mask(shadow, Surface.from_array(found.coverage), index=place)
    return shadow.id


def with_shadow(document: Document, mask_ids: Sequence[str]) -> tuple[str, ...]:
    """The masks, each followed by a new one of its shadow or reflection where one was found.

    For an edit of both together. Raises `DocumentError` where a mask is gone.
    """
    together: list[str] = []
    for mask_id in mask_ids:
        together.append(mask_id)
        found = find(document.state, mask_id)
        if found is not None:
            together.append(add(document, mask_id, found))
    return tuple(together)
