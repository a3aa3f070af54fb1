"""Correcting masks without an engine: each function is one undo step.

All take the ids of the masks to change. A mask keeps its score map: what these functions did to it
counts as corrections by hand and survives a change of the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    ClassMask,
    Document,
    Surface,
    coverage_of,
    masks,
    new_id,
)
from ovedit.document.masks import Combine
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows.colours import next_colour
from ovedit.workflows.coverage import (
    free_name,
    labels_of,
    quoted,
    read_coverage,
    union_of,
    write_changed,
)

Coverage = NDArray[np.uint8]


# -- the edge and the inside -----------------------------------------------------------------------


def grow(document: Document, mask_ids: Sequence[str], *, pixels: float) -> None:
    """Grow masks by `pixels`, evenly all around. Raises `UsageError` where that is not above 0."""
    _check_positive("grow", pixels)
    name = f"Grow {labels_of(document.state, mask_ids)} by {pixels:g} px"
    _change_each(document, mask_ids, name, lambda mask: masks.grow(mask, pixels), pixels + 2)


def shrink(document: Document, mask_ids: Sequence[str], *, pixels: float) -> None:
    """Shrink masks by `pixels`, but not where they run off the picture. Raises like `grow`."""
    _check_positive("shrink", pixels)
    name = f"Shrink {labels_of(document.state, mask_ids)} by {pixels:g} px"
    _change_each(document, mask_ids, name, lambda mask: masks.grow(mask, -pixels), 2)


def feather(document: Document, mask_ids: Sequence[str], *, pixels: float) -> None:
    """Soften the edge of masks over about `pixels` on both sides. Raises like `grow`."""
    _check_positive("feather", pixels)
    name = f"Feather {labels_of(document.state, mask_ids)} by {pixels:g} px"
    _change_each(document, mask_ids, name, lambda mask: masks.smooth(mask, pixels), 2 * pixels + 4)


def fill_holes(document: Document, mask_ids: Sequence[str]) -> None:
    """Cover what the masks enclose."""
    name = f"Fill holes of {labels_of(document.state, mask_ids)}"
    _change_each(document, mask_ids, name, masks.fill_holes, 2)


def remove_specks(document: Document, mask_ids: Sequence[str], *, area: int | None = None) -> None:
    """Drop the parts of masks that have fewer than `area` pixels (default: 0.01 % of the picture).

    Raises `UsageError` for an area below 1.
    """
    least = max(16, document.size.area // 10_000) if area is None else area
    _check_positive("remove specks of", least)
    name = f"Remove specks of {labels_of(document.state, mask_ids)}"
    _change_each(document, mask_ids, name, lambda mask: masks.remove_specks(mask, least), 1)


def snap_to_edges(document: Document, mask_ids: Sequence[str], *, radius: int = 8) -> None:
    """Move the edge of masks onto the picture's edges within `radius` pixels."""
    _check_positive("snap within", radius)
    with document.transaction(f"Snap {labels_of(document.state, mask_ids)} to edges") as tx:
        for mask_id in mask_ids:
            area = _area_of(document, mask_id, 3 * radius)
            if not area:
                continue
            before = read_coverage(document.state, mask_id, area)
            picture = document.state.flattened(area)
            after = masks.snap_to_edges(before, picture, radius)
            write_changed(tx, coverage_of(mask_id), area, before, after)


def invert(document: Document, mask_ids: Sequence[str]) -> None:
    """Cover what was not covered, and the other way round."""
    with document.transaction(f"Invert {labels_of(document.state, mask_ids)}") as tx:
        for mask_id in mask_ids:
            inverted = 255 - document.state.coverage(mask_id)
            tx.replace_surface(coverage_of(mask_id), Surface.from_array(inverted))


# -- several masks ---------------------------------------------------------------------------------


def union(document: Document, mask_ids: Sequence[str]) -> str:
    """Make one mask of several: the first takes the others in, and they go. Returns its id."""
    return _combine_into_first(document, mask_ids, "Unite", Combine.UNION, keep_others=False)


def intersect(document: Document, mask_ids: Sequence[str]) -> str:
    """Keep of the first mask what all have in common; the others go. Returns its id."""
    return _combine_into_first(
        document, mask_ids, "Intersect", Combine.INTERSECT, keep_others=False
    )


def subtract(document: Document, mask_ids: Sequence[str]) -> str:
    """Take all others away from the first mask; they stay. Returns its id."""
    return _combine_into_first(document, mask_ids, "Subtract", Combine.SUBTRACT, keep_others=True)


# -- masks and the selection -----------------------------------------------------------------------


def mask_to_selection(document: Document, mask_ids: Sequence[str]) -> None:
    """Select what the masks cover, in place of what was selected."""
    coverage = union_of(document.state, mask_ids)
    with document.transaction(f"Select {labels_of(document.state, mask_ids)}") as tx:
        tx.set_selection(Surface.from_array(coverage))


def new_mask_from_selection(document: Document, *, label: str = "") -> str:
    """Add a mask of what is selected; returns its id. Raises `DocumentError` for no selection."""
    selection = document.state.selection
    if selection is None:
        raise DocumentError("Nothing is selected.", "Draw a selection first.")
    return add_mask(document, selection.array(), label=label, name="Mask from selection")


# -- adding, copying, showing ----------------------------------------------------------------------


def add_mask(
    document: Document,
    coverage: Coverage,
    *,
    label: str = "",
    accepted: bool = True,
    name: str = "New mask",
) -> str:
    """Add a mask made by hand or read from a file; returns its id.

    coverage: (H, W) uint8 of the document's size, which is taken over. Raises `UsageError` for
    another size or type.
    """
    size = document.size
    if coverage.dtype != np.uint8 or coverage.ndim != 2:
        raise UsageError(
            f"An array of shape {coverage.shape} and type {coverage.dtype} is no mask.",
            "Give (height, width) uint8.",
        )
    if coverage.shape != (size.height, size.width):
        raise UsageError(
            f"The mask is {coverage.shape[1]} × {coverage.shape[0]} pixels, the picture "
            f"{size.width} × {size.height}.",
            "Use a mask of the picture's size.",
        )
    mask = ClassMask(
        label or free_name("mask", (mask.label for mask in document.masks)),
        next_colour(document.state, coverage),
        accepted=accepted,
    )
    with document.transaction(name) as tx:
        tx.add_mask(mask, Surface.from_array(coverage))
    document.set_current(masks=(mask.id,))
    return mask.id


def duplicate(document: Document, mask_ids: Sequence[str]) -> tuple[str, ...]:
    """Copy masks, each to right below itself in the panel; returns the ids of the copies."""
    copies: list[str] = []
    with document.transaction(f"Duplicate {labels_of(document.state, mask_ids)}") as tx:
        for mask_id in mask_ids:
            mask = document.state.mask(mask_id)
            colour = next_colour(document.state, document.state.coverage(mask_id))
            copy = replace(mask, id=new_id(), label=f"{mask.label} copy", colour=colour)
            index = [other.id for other in document.masks].index(mask_id) + 1
            tx.add_mask(copy, document.state.surface(coverage_of(mask_id)).copy(), index=index)
            copies.append(copy.id)
    document.set_current(masks=tuple(copies))
    return tuple(copies)


def rename(document: Document, mask_id: str, *, label: str) -> None:
    """Call a mask something else. Raises `UsageError` for an empty name."""
    label = label.strip()
    if not label:
        raise UsageError("A mask needs a name.", "Type one.")
    with document.transaction(f"Rename mask to “{label}”") as tx:
        tx.update_mask(mask_id, label=label)


def show(document: Document, mask_ids: Sequence[str], *, visible: bool) -> None:
    """Show or hide masks."""
    verb = "Show" if visible else "Hide"
    with document.transaction(f"{verb} {labels_of(document.state, mask_ids)}") as tx:
        for mask_id in mask_ids:
            tx.update_mask(mask_id, visible=visible)


# -- inside ----------------------------------------------------------------------------------------


def _change_each(
    document: Document,
    mask_ids: Sequence[str],
    name: str,
    change: Callable[[Coverage], Coverage],
    margin: float,
) -> None:
    """Change masks in one step. `change` works on the mask's bounds and a margin around them."""
    with document.transaction(name) as tx:
        for mask_id in mask_ids:
            area = _area_of(document, mask_id, margin)
            if not area:
                continue
            before = read_coverage(document.state, mask_id, area)
            write_changed(tx, coverage_of(mask_id), area, before, change(before))


def _area_of(document: Document, mask_id: str, margin: float) -> Rect:
    covered = document.state.surface(coverage_of(mask_id)).bounds()
    if not covered:
        return covered
    return covered.padded(int(np.ceil(margin))).intersect(document.size.rect)


def _combine_into_first(
    document: Document, mask_ids: Sequence[str], verb: str, how: Combine, *, keep_others: bool
) -> str:
    if len(mask_ids) < 2:
        raise UsageError(f"{verb} needs two masks or more.", "Choose another one as well.")
    state = document.state
    first, *others = mask_ids
    labels = list(dict.fromkeys(state.mask(mask_id).label for mask_id in mask_ids))
    before = state.coverage(first)
    after = before
    for mask_id in others:
        after = masks.combine(after, state.coverage(mask_id), how)
    with document.transaction(f"{verb} {quoted(labels)}") as tx:
        write_changed(tx, coverage_of(first), document.size.rect, before, after)
        if how is Combine.UNION:
            tx.update_mask(first, label=", ".join(labels))
        for mask_id in () if keep_others else others:
            tx.remove_mask(mask_id)
    document.set_current(masks=(first,))
    return first


def _check_positive(what: str, value: float) -> None:
    if value <= 0:
        raise UsageError(f"Cannot {what} {value:g} pixels.", "Give a number above 0.")
