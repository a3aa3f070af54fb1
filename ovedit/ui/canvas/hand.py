"""What the pointer does: lead the tool through its gestures, or move the picture."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QTabletEvent

from ovedit.errors import OVEditError
from ovedit.ui.canvas.view import View
from ovedit.ui.tools.base import Pen, Tool


def pen_of(event: QMouseEvent | QTabletEvent, view: View) -> Pen:
    """The pen as an event tells of it; a mouse presses fully."""
    at, held = event.position(), event.modifiers()
    x, y = view.to_document(at.x() * view.ratio, at.y() * view.ratio)
    return Pen(
        x,
        y,
        at,
        event.pressure() if isinstance(event, QTabletEvent) else 1.0,
        shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
        alt=bool(held & Qt.KeyboardModifier.AltModifier),
        ctrl=bool(held & Qt.KeyboardModifier.ControlModifier),
    )


class Hand:
    """Leads the tool through its gestures.

    tool: the tool in hand. pen: where the pointer is, or None while it is elsewhere. pressed:
    whether a gesture is under way. failed: called with the error that ended a gesture.
    """

    def __init__(self, failed: Callable[[OVEditError], None]) -> None:
        self.tool: Tool | None = None
        self.pen: Pen | None = None
        self.pressed = False
        self._failed = failed

    def take(self, tool: Tool) -> None:
        """Take another tool; a gesture under way is given up."""
        self.cancel()
        self.tool = tool

    def cancel(self) -> None:
        """Give up the gesture under way."""
        self.pressed = False
        if self.tool is not None:
            self.tool.cancel()

    def press(self, pen: Pen) -> None:
        """The pen went down."""
        self.pen = pen
        if self.tool is not None:
            self.pressed = True
            self._do(self.tool.press, pen)

    def move(self, pen: Pen) -> None:
        """The pen moved, up or down."""
        self.pen = pen
        if self.tool is not None and self.pressed:
            self._do(self.tool.drag, pen)
        elif self.tool is not None:
            self.tool.hover(pen)

    def release(self, pen: Pen) -> None:
        """The pen went up."""
        self.pen = pen
        if self.tool is not None and self.pressed:
            self.pressed = False
            self._do(self.tool.release, pen)

    def marks(self) -> QRectF | None:
        """The widget pixels on which `paint` draws, or None where that may be all of them."""
        return QRectF() if self.tool is None else self.tool.marks(self.pen)

    def paint(self, painter: QPainter) -> None:
        """Draw the tool's marks."""
        if self.tool is not None:
            self.tool.paint(painter, self.pen)

    def _do(self, part: Callable[[Pen], None], pen: Pen) -> None:
        try:
            part(pen)
        except OVEditError as error:
            self.cancel()
            self._failed(error)


class Grip:
    """The picture being moved: by the middle button, or by any while the space bar is held."""

    def __init__(self) -> None:
        self.space = False
        self._from: QPointF | None = None
        self._button = Qt.MouseButton.NoButton

    @property
    def holds(self) -> bool:
        """Whether the picture is held."""
        return self._from is not None

    def take(self, event: QMouseEvent) -> bool:
        """A button was pressed; returns whether it takes hold of the picture."""
        if not self.space and event.button() is not Qt.MouseButton.MiddleButton:
            return False
        self._from, self._button = event.position(), event.button()
        return True

    def move(self, event: QMouseEvent) -> QPointF | None:
        """The pointer moved; returns how far the picture goes, None where it is not held."""
        if self._from is None:
            return None
        moved, self._from = event.position() - self._from, event.position()
        return moved

    def let_go(self, event: QMouseEvent) -> None:
        """A button was let go: the picture too if it was held by this one."""
        if event.button() is self._button:
            self._from = None

    def cursor(self, tool: Tool | None) -> Qt.CursorShape:
        """What to show at the pointer."""
        if self.holds:
            return Qt.CursorShape.ClosedHandCursor
        if self.space:
            return Qt.CursorShape.OpenHandCursor
        return Qt.CursorShape.ArrowCursor if tool is None else tool.cursor
