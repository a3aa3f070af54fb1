"""Image menu: what concerns the whole picture."""

from __future__ import annotations

from pathlib import Path

from ovedit.errors import DocumentError
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.file import after_saving
from ovedit.workflows import layers


def crop(c: Context) -> None:
    """Open what is selected as a document of its own."""
    state = c.document.state
    if state.selection is None:
        raise DocumentError("Nothing is selected.", "Draw a selection first.")
    pixels = state.flattened(state.selection.bounds())
    name = f"{Path(c.window.session.name).stem} crop"
    after_saving(c, lambda: c.window.session.show_pixels(pixels, name))


def flatten(c: Context) -> None:
    """Make one layer of all."""
    c.change("Flatten", layers.flatten)
