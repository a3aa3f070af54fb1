"""The edge of an edit on the canvas, while it is grown and feathered by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QColor

from ovedit.document import DocumentState, coverage_of, masks
from ovedit.document.state import SELECTION
from ovedit.engine.requests import Coverage, Pixels
from ovedit.errors import UsageError
from ovedit.ui.commands.edit import masks_to_edit
from ovedit.ui.theme import tokens

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

_OPACITY = 0.6
_PIXELS = 1_500_000
"""More take too long to be feathered while a slider moves; a soft edge looks the same."""


class EdgePreview(QObject):
    """Tints what an edit would change, as strongly as it would change it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        menu = window.prompt.edit_line.menu
        menu.edge_moved.connect(self._show)
        menu.aboutToHide.connect(lambda: window.in_place.show("edge", None))

    def _show(self, grow: int, feather: int) -> None:
        window, document = self._window, self._window.session.document
        if document is None:
            return
        try:
            ids = masks_to_edit(window.context)
        except UsageError:
            return
        level = window.canvas.preview_level
        while document.size.area >> (2 * level) > _PIXELS:
            level += 1
        coverage = coverage_at(document.state, ids, level)
        if coverage is not None:
            scale = 1 << level
            alpha = masks.feathered(coverage, grow / scale, feather / scale)
            window.in_place.show("edge", _tinted(alpha), document.size.rect)


def coverage_at(state: DocumentState, ids: tuple[str, ...], level: int) -> Coverage | None:
    """The masks together, or the selection for none, at a mip level; None where all is empty."""
    refs = [coverage_of(id) for id in ids] or [SELECTION]
    area = state.size.rect.at_level(level)
    found = [state.surface(ref).read(area, level) for ref in refs]
    here = [coverage for coverage in found if coverage is not None]
    return np.maximum.reduce(here) if here else None


def _tinted(alpha: Coverage) -> Pixels:
    """The accent of the theme wherever the alpha is."""
    colour = QColor(tokens().accent)
    pixels = np.empty((*alpha.shape, 4), np.uint8)
    pixels[..., :3] = colour.red(), colour.green(), colour.blue()
    pixels[..., 3] = (alpha * _OPACITY).astype(np.uint8)
    return pixels
