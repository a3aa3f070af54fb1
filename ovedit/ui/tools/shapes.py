"""Lasso, rectangle and magic wand: areas that change the current mask, or the selection."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from ovedit.document import SELECTION, Document, Surface, coverage_of
from ovedit.document.masks import Combine, combine
from ovedit.document.selection import magic_wand, polygon, rectangle
from ovedit.geometry import Rect
from ovedit.ui.canvas import decorations
from ovedit.ui.tools.base import Pen, Tool, ToolHost


def combine_area(
    document: Document, rect: Rect, coverage: NDArray[np.uint8], how: Combine, name: str
) -> None:
    """Let an area change the current mask, or the selection where no mask is current.

    rect, coverage: the area and its (h, w) uint8 coverage. One undo step; an empty selection is
    none at all.
    """
    masks = document.current_masks
    old = document.state.selection
    surface = document.state.surface(coverage_of(masks[-1].id)) if masks else old
    before = surface.array() if surface is not None else np.zeros(_shape(document), np.uint8)
    area = np.zeros_like(before)
    area[rect.slices] = coverage
    after = combine(before, area, how)
    with document.transaction(name) as tx:
        if masks:
            tx.write(coverage_of(masks[-1].id), document.size.rect, after)
        elif after.any():
            tx.set_selection(Surface.from_array(after))
        elif SELECTION in document.state.surfaces:
            tx.set_selection(None)


def _shape(document: Document) -> tuple[int, int]:
    return document.size.height, document.size.width


class AreaTool(Tool):
    """Base of the tools that make an area: Shift adds, Ctrl or Alt subtracts, both intersect.

    On a mask the plain gesture adds; on the selection it replaces.
    """

    cursor = Qt.CursorShape.CrossCursor
    uses = frozenset({"subtract"})

    @property
    def heading(self) -> str:
        """Says what it changes."""
        return f"Mask {self.title.lower()}" if self.host.document.current_masks else self.title

    def how(self, pen: Pen) -> Combine:
        """What the keys held at the press mean."""
        if pen.shift and pen.takes_away:
            return Combine.INTERSECT
        if pen.takes_away or (self.host.options.subtract and not pen.shift):
            return Combine.SUBTRACT
        if pen.shift or self.host.document.current_masks:
            return Combine.UNION
        return Combine.REPLACE

    def finish(self, rect: Rect, coverage: NDArray[np.uint8], how: Combine) -> None:
        """Apply the area."""
        combine_area(self.host.document, rect, coverage, how, self.heading)


class LassoTool(AreaTool):
    """A freehand outline."""

    name = "lasso"
    title = "Lasso"
    icon = "lasso"
    shortcut = "L"
    hint = "Draw around an area; Shift adds, Ctrl or Alt subtracts"

    def __init__(self, host: ToolHost) -> None:
        super().__init__(host)
        self._points: list[tuple[float, float]] = []
        self._how = Combine.REPLACE

    def press(self, pen: Pen) -> None:
        """Begin the outline."""
        self._how = self.how(pen)
        self._points = [(pen.x, pen.y)]

    def drag(self, pen: Pen) -> None:
        """Go on with the outline."""
        if self._points:
            self._points.append((pen.x, pen.y))

    def release(self, pen: Pen) -> None:
        """Close the outline; a mere click clears the selection."""
        points, self._points = self._points, []
        rect, coverage = polygon(points, self.host.document.size)
        if rect and coverage.any():
            self.finish(rect, coverage, self._how)
        elif self._how is Combine.REPLACE and self.host.document.state.selection is not None:
            with self.host.document.transaction("Deselect") as tx:
                tx.set_selection(None)

    def cancel(self) -> None:
        """Forget the outline."""
        self._points = []

    def key(self, key: int) -> bool:
        """Esc forgets the outline."""
        if key == Qt.Key.Key_Escape and self._points:
            self.cancel()
            return True
        return False

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        """The outline so far."""
        if self._points:
            to_widget = self.host.to_widget()
            points = [to_widget.map(QPointF(x, y)) for x, y in self._points]
            decorations.draw_polyline(painter, points, closed=False)


class RectangleTool(LassoTool):
    """A rectangle from corner to corner."""

    name = "rectangle"
    title = "Rectangle"
    icon = "rect-select"
    shortcut = "M"
    hint = "Drag a rectangle; Shift adds, Ctrl or Alt subtracts"

    def drag(self, pen: Pen) -> None:
        """Move the far corner."""
        if self._points:
            self._points = [self._points[0], (pen.x, pen.y)]

    def release(self, pen: Pen) -> None:
        """Apply the rectangle."""
        rect = self._rect()
        self._points = []
        if rect.width > 1 and rect.height > 1:
            self.apply_rect(rect)
        else:
            LassoTool.release(self, pen)

    def apply_rect(self, rect: Rect) -> None:
        """Use the finished rectangle."""
        inside, coverage = rectangle(rect, self.host.document.size)
        if inside:
            self.finish(inside, coverage, self._how)

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        """The rectangle so far."""
        rect = self._rect()
        if rect:
            to_widget = self.host.to_widget()
            corners = (
                (rect.x, rect.y),
                (rect.right, rect.y),
                (rect.right, rect.bottom),
                (rect.x, rect.bottom),
            )
            points = [to_widget.map(QPointF(x, y)) for x, y in corners]
            decorations.draw_polyline(painter, points, closed=True)

    def _rect(self) -> Rect:
        if len(self._points) < 2:
            return Rect(0, 0, 0, 0)
        (x0, y0), (x1, y1) = self._points[0], self._points[-1]
        return Rect.from_edges(
            math.floor(min(x0, x1)),
            math.floor(min(y0, y1)),
            math.ceil(max(x0, x1)),
            math.ceil(max(y0, y1)),
        )


class WandTool(AreaTool):
    """Similar colours around a click."""

    name = "wand"
    title = "Magic wand"
    icon = "wand"
    shortcut = "W"
    hint = "Click a colour; Shift adds, Ctrl or Alt subtracts"
    uses = frozenset({"subtract", "tolerance", "contiguous"})

    def press(self, pen: Pen) -> None:
        """Take the colours at the click."""
        document, options = self.host.document, self.host.options
        x, y = math.floor(pen.x), math.floor(pen.y)
        if not document.size.rect.contains(Rect(x, y, 1, 1)):
            return
        coverage = magic_wand(
            document.state.flattened(), x, y, options.tolerance, contiguous=options.contiguous
        )
        self.finish(document.size.rect, coverage, self.how(pen))
