"""Click and box: the engine finds what is meant."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from ovedit.engine.requests import Point
from ovedit.geometry import Rect
from ovedit.ui.canvas import decorations
from ovedit.ui.tools.base import Pen, Tool, ToolHost
from ovedit.ui.tools.shapes import RectangleTool


class ClickTool(Tool):
    """Clicks say "this belongs"; with Ctrl or Alt, "this does not".

    Clicks on one mask add up; another current mask, or Esc, starts anew.
    """

    name = "click"
    title = "Click to select"
    icon = "point-add"
    shortcut = "S"
    hint = "Click what belongs to it; Ctrl- or Alt-click what does not"
    cursor = Qt.CursorShape.CrossCursor
    uses = frozenset({"subtract"})

    def __init__(self, host: ToolHost) -> None:
        super().__init__(host)
        self._points: list[Point] = []
        self._of: tuple[str, ...] = ()

    def press(self, pen: Pen) -> None:
        """Add a click and ask."""
        document = self.host.document
        if document.current_mask_ids != self._of and self._of:
            self._points = []
        if not document.size.rect.contains(Rect(int(pen.x), int(pen.y), 1, 1)):
            return
        positive = not (pen.takes_away or self.host.options.subtract)
        self._points.append(Point(pen.x, pen.y, positive))
        self.host.segment_points(tuple(self._points), None)

    def answered(self) -> None:
        """The engine's mask is in the document and current: later clicks refine it."""
        self._of = self.host.document.current_mask_ids

    def cancel(self) -> None:
        """Forget the clicks."""
        self._points = []
        self._of = ()

    def key(self, key: int) -> bool:
        """Esc forgets the clicks, so that the next one starts a new mask."""
        if key == Qt.Key.Key_Escape and self._points:
            self.cancel()
            self.host.document.set_current(masks=())
            return True
        return False

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        """The clicks so far."""
        to_widget = self.host.to_widget()
        for point in self._points:
            at = to_widget.map(QPointF(point.x, point.y))
            decorations.draw_point(painter, at, positive=point.positive)


class BoxTool(RectangleTool):
    """A box around the thing meant."""

    name = "box"
    title = "Box to select"
    icon = "box"
    shortcut = "U"
    hint = "Drag a box around a thing to select it"
    uses = frozenset()

    def apply_rect(self, rect: Rect) -> None:
        """Ask for what is in the box."""
        inside = rect.intersect(self.host.document.size.rect)
        if inside:
            self.host.segment_points((), inside)
