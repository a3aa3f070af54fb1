"""Mask menu: decide on class masks, choose candidates, change their shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ovedit.document import Document
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.edit import go_to_edit
from ovedit.workflows import mask_ops, segment


def accept(c: Context) -> None:
    """Accept the masks in hand and go on to what to do with them."""
    accept_these(c, c.mask_ids)


def accept_these(c: Context, ids: Sequence[str]) -> None:
    """Accept these masks and go on to what to do with them."""
    segment.accept(c.document, ids)
    go_to_edit(c)


def accept_all(c: Context) -> None:
    """Accept all masks and go on to what to do with them."""
    segment.accept_all(c.document)
    go_to_edit(c)


def reject(c: Context) -> None:
    """Throw the masks in hand away; without one, clear the selection."""
    segment.reject(c.document, c.mask_ids)


def step_candidate(c: Context, steps: int) -> None:
    """Show another of the engine's candidates."""
    for mask in c.document.current_masks:
        if len(mask.candidates) > 1:
            segment.choose_candidate(c.document, mask.id, mask.chosen + steps)


def new(c: Context) -> None:
    """Add an empty mask and take the brush."""
    document = c.document
    empty = np.zeros((document.size.height, document.size.width), np.uint8)
    document.set_current(masks=(mask_ops.add_mask(document, empty),))
    c.window.use_tool("brush")


def duplicate(c: Context) -> None:
    """Copy the masks in hand."""
    c.document.set_current(masks=mask_ops.duplicate(c.document, c.mask_ids))


def toggle_solo(c: Context) -> None:
    """Show only the mask in hand, or all again."""
    overlays = c.canvas.overlays
    overlays.show(solo="" if overlays.solo else c.mask_ids[0])


def toggle_shown(c: Context) -> None:
    """Hide the masks in hand, or show them."""
    shown = any(mask.visible for mask in c.document.current_masks)
    mask_ops.show(c.document, c.mask_ids, visible=not shown)


def grow(c: Context) -> None:
    """Ask by how much to grow the masks in hand."""
    _by_pixels(c, "Grow", mask_ops.grow)


def shrink(c: Context) -> None:
    """Ask by how much to shrink the masks in hand."""
    _by_pixels(c, "Shrink", mask_ops.shrink)


def feather(c: Context) -> None:
    """Ask how much to soften the edge of the masks in hand."""
    _by_pixels(c, "Feather", mask_ops.feather)


def _by_pixels(c: Context, verb: str, how: Callable[..., object]) -> None:
    ids = c.mask_ids
    from ovedit.ui.dialogs.pixels import PixelsDialog

    dialog = PixelsDialog(verb, parent=c.window)
    if dialog.exec():
        pixels = dialog.pixels
        c.change(f"{verb} mask", lambda document: how(document, ids, pixels=pixels))


def _change(
    title: str, how: Callable[[Document, Sequence[str]], object]
) -> Callable[[Context], None]:
    def command(c: Context) -> None:
        ids = c.mask_ids
        c.change(title, lambda document: how(document, ids))

    return command


snap_to_edges = _change("Snap to edges", mask_ops.snap_to_edges)
fill_holes = _change("Fill holes", mask_ops.fill_holes)
remove_specks = _change("Remove specks", mask_ops.remove_specks)
invert = _change("Invert mask", mask_ops.invert)
union = _change("Unite masks", mask_ops.union)
intersect = _change("Intersect masks", mask_ops.intersect)
subtract = _change("Subtract masks", mask_ops.subtract)
