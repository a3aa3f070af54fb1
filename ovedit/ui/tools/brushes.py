"""Brush and eraser, on class masks and on raster layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from ovedit.document import SELECTION, Surface, Transaction
from ovedit.document.brush import BrushTip, Stroke, cover, erase, paint, uncover
from ovedit.errors import DocumentError, OVEditError
from ovedit.geometry import Rect
from ovedit.ui.canvas import decorations
from ovedit.ui.tools.base import PaintTarget, Pen, Tool, hidden_target, paint_target


class BrushTool(Tool):
    """Adds to the mask, or paints the layer. Shift draws straight lines; Ctrl or Alt takes away."""

    name = "brush"
    title = "Brush"
    icon = "brush"
    shortcut = "B"
    hint = "Paint; Shift draws straight, Ctrl or Alt takes away"
    cursor = Qt.CursorShape.BlankCursor
    uses = frozenset({"size", "hardness", "opacity", "subtract", "colour"})
    _erases = False

    _transaction: Transaction | None = None
    _stroke: Stroke | None = None
    _target: PaintTarget | None = None
    _subtracts = False
    _end: tuple[object, float, float] | None = None

    @property
    def heading(self) -> str:
        """Says what it paints on."""
        if self.host.quick_mask:
            return f"Quick mask {self.title.lower()}"
        target = paint_target(self.host.document)
        on_mask = target is not None and target.is_mask
        return f"Mask {self.title.lower()}" if on_mask else self.title

    def press(self, pen: Pen) -> None:
        """Begin a stroke; with Shift, a straight line from where the last one ended."""
        document, options = self.host.document, self.host.options
        target = paint_target(document, quick_mask=self.host.quick_mask)
        if target is None:
            self.host.say(DocumentError("There is no layer to paint on.", "Add a layer first."))
            return
        hidden = hidden_target(document)
        if hidden and not self.host.quick_mask:
            self.host.say(DocumentError(f"“{hidden}” is hidden.", "Show it to paint on it."))
            return
        self._subtracts = self._erases or options.subtract or pen.takes_away
        name = self.heading if not self._subtracts else self.heading.replace("brush", "eraser")
        tip = BrushTip(options.size, options.hardness, options.opacity)
        self._transaction = transaction = document.begin(name)
        if target.ref == SELECTION and document.state.selection is None:
            transaction.set_selection(Surface(document.size, 1))
        state = document.state
        within = target.offset == (0, 0) and target.ref != SELECTION
        selection = state.selection if within else None
        surface = state.surface(target.ref)
        self._target = target
        self._stroke = Stroke(surface.size, tip, selection)
        # The stroke reads what was there before it, so that it does not build up on itself.
        self._before = surface.copy()
        if pen.shift and self._end is not None and self._end[0] == target.ref:
            self._extend(self._end[1], self._end[2], pen.pressure)
        self._draw(pen)

    def drag(self, pen: Pen) -> None:
        """Go on with the stroke."""
        if self._stroke is not None:
            self._draw(pen)

    def release(self, pen: Pen) -> None:
        """End the stroke: one undo step."""
        if self._transaction is not None and self._target is not None:
            self._end = (self._target.ref, pen.x, pen.y)
            transaction, self._transaction = self._transaction, None
            self._stroke = None
            transaction.commit()

    def cancel(self) -> None:
        """Take the stroke back."""
        if self._transaction is not None:
            transaction, self._transaction = self._transaction, None
            self._stroke = None
            transaction.rollback()

    def key(self, key: int) -> bool:
        """Esc takes the stroke back."""
        if key == Qt.Key.Key_Escape and self._transaction is not None:
            self.cancel()
            return True
        return False

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        """The brush's outline follows the pen."""
        if pen is not None:
            decorations.draw_brush(painter, pen.at, self._diameter())

    def marks(self, pen: Pen | None) -> QRectF | None:
        """The brush's outline."""
        return QRectF() if pen is None else decorations.brush_bounds(pen.at, self._diameter())

    def _diameter(self) -> float:
        """In widget pixels."""
        return self.host.options.size * self.host.to_widget().m11()

    def _draw(self, pen: Pen) -> None:
        try:
            self._extend(pen.x, pen.y, pen.pressure)
        except OVEditError as error:
            self.cancel()
            self.host.say(error)

    def _extend(self, x: float, y: float, pressure: float) -> None:
        if self._stroke is None or self._target is None or self._transaction is None:
            return
        dx, dy = self._target.offset
        for rect, coverage in self._stroke.extend(x - dx, y - dy, pressure):
            self._apply(self._transaction, self._target, rect, coverage)

    def _apply(
        self, tx: Transaction, target: PaintTarget, rect: Rect, coverage: NDArray[np.uint8]
    ) -> None:
        before = self._before.read(rect)
        if before is None:
            shape = (rect.height, rect.width) if target.is_mask else (rect.height, rect.width, 4)
            before = np.zeros(shape, np.uint8)
        if target.is_mask:
            after = (uncover if self._subtracts else cover)(before, coverage)
        elif self._subtracts:
            after = erase(before, coverage)
        else:
            after = paint(before, coverage, self.host.options.colour)
        tx.write(target.ref, rect, after)


class EraserTool(BrushTool):
    """Takes away from the mask, or makes the layer transparent."""

    name = "eraser"
    title = "Eraser"
    icon = "eraser"
    shortcut = "E"
    hint = "Erase; Shift draws straight"
    uses = frozenset({"size", "hardness", "opacity"})
    _erases = True
