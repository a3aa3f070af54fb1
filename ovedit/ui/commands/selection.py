"""Select menu: the selection, and its way to and from class masks."""

from __future__ import annotations

import numpy as np

from ovedit.document import Surface
from ovedit.ui.commands.context import Context
from ovedit.workflows import mask_ops


def select_all(c: Context) -> None:
    """Select everything."""
    size = c.document.size
    full = np.full((size.height, size.width), 255, np.uint8)
    _set_selection(c, "Select all", Surface.from_array(full))


def deselect(c: Context) -> None:
    """Select nothing in particular."""
    _set_selection(c, "Deselect", None)


def invert(c: Context) -> None:
    """Select what is not."""
    selection = c.document.state.selection
    inverted = None if selection is None else Surface.from_array(255 - selection.array())
    _set_selection(c, "Invert selection", inverted)


def _set_selection(c: Context, name: str, selection: Surface | None) -> None:
    with c.document.transaction(name) as tx:
        tx.set_selection(selection)


def toggle_quick_mask(c: Context) -> None:
    """Show the selection in red, or as a moving outline."""
    c.canvas.overlays.show(quick_mask=not c.canvas.overlays.quick_mask)


def from_masks(c: Context) -> None:
    """Select what the masks in hand cover."""
    mask_ops.mask_to_selection(c.document, c.mask_ids)


def to_mask(c: Context) -> None:
    """Make a mask of what is selected, and work on it."""
    c.document.set_current(masks=(mask_ops.new_mask_from_selection(c.document),))
