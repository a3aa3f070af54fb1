"""The context crop over the canvas: where an engine will look, to be dragged before the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.canvas.decorations import draw_polyline
from ovedit.ui.theme import tokens

Side = Literal["left", "top", "right", "bottom"]
_GRIP = 10
_CURSORS: dict[frozenset[Side], Qt.CursorShape] = {
    frozenset({"left", "top"}): Qt.CursorShape.SizeFDiagCursor,
    frozenset({"right", "bottom"}): Qt.CursorShape.SizeFDiagCursor,
    frozenset({"right", "top"}): Qt.CursorShape.SizeBDiagCursor,
    frozenset({"left", "bottom"}): Qt.CursorShape.SizeBDiagCursor,
    frozenset({"left"}): Qt.CursorShape.SizeHorCursor,
    frozenset({"right"}): Qt.CursorShape.SizeHorCursor,
    frozenset({"top"}): Qt.CursorShape.SizeVerCursor,
    frozenset({"bottom"}): Qt.CursorShape.SizeVerCursor,
}


def dragged(
    crop: Rect, sides: frozenset[Side], dx: int, dy: int, *, hole: Rect, picture: Size
) -> Rect:
    """The crop with these sides moved by document pixels, or all of it for no side.

    It stays in the picture and goes on holding `hole`, what will change.
    """
    if not sides:
        dx = max(hole.right - crop.right, -crop.x, min(dx, hole.x - crop.x))
        dx = min(dx, picture.width - crop.right)
        dy = max(hole.bottom - crop.bottom, -crop.y, min(dy, hole.y - crop.y))
        return crop.translated(dx, min(dy, picture.height - crop.bottom))
    left, top, right, bottom = crop.x, crop.y, crop.right, crop.bottom
    if "left" in sides:
        left = max(0, min(left + dx, hole.x))
    if "right" in sides:
        right = min(picture.width, max(right + dx, hole.right))
    if "top" in sides:
        top = max(0, min(top + dy, hole.y))
    if "bottom" in sides:
        bottom = min(picture.height, max(bottom + dy, hole.bottom))
    return Rect.from_edges(left, top, right, bottom)


class CropFrame(QWidget):
    """Draws the crops; a single one has handles, and a tag to move it by.

    Signals: chosen(Rect) at the end of a drag; reset_requested() by a double click.
    """

    chosen = Signal(object)
    reset_requested = Signal()

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._canvas = canvas
        self._crops: tuple[Rect, ...] = ()
        self._hole = Rect(0, 0, 0, 0)
        self._start: tuple[Rect, QPointF] | None = None
        self._grips = {sides: _Grip(self, canvas, sides) for sides in _CURSORS}
        self.tag = _Tag(self, canvas)
        canvas.view_changed.connect(self.place)
        canvas.installEventFilter(self)
        # Below the prompt card and whatever else floats over the canvas.
        for widget in (self.tag, *self._grips.values(), self):
            widget.lower()
        self.show_crops((), self._hole, "")

    @property
    def crops(self) -> tuple[Rect, ...]:
        """The rectangles drawn, in document pixels."""
        return self._crops

    def grip(self, *sides: Side) -> QWidget:
        """The handle that drags these sides."""
        return self._grips[frozenset(sides)]

    def show_crops(self, crops: Sequence[Rect], hole: Rect, text: str) -> None:
        """Draw these, the tag saying `text`; nothing hides the frame."""
        self._crops, self._hole, self._start = tuple(crops), hole, None
        self.tag.text = text
        self.setVisible(bool(crops))
        for grip in (self.tag, *self._grips.values()):
            grip.setVisible(len(self._crops) == 1)
        self.place()

    def place(self) -> None:
        """Follow the view."""
        self.setGeometry(self._canvas.rect())
        if len(self._crops) == 1:
            at = self._on_canvas(self._crops[0])
            for sides, grip in self._grips.items():
                x = at.left() if "left" in sides else at.right() if "right" in sides else None
                y = at.top() if "top" in sides else at.bottom() if "bottom" in sides else None
                middle = at.center()
                grip.move(
                    round((middle.x() if x is None else x) - _GRIP / 2),
                    round((middle.y() if y is None else y) - _GRIP / 2),
                )
            self.tag.fit()
            self.tag.move(round(at.left()) + 8, round(at.top()) + 6)
        self.update()

    def _on_canvas(self, crop: Rect) -> QRectF:
        box = QRectF(crop.x, crop.y, crop.width, crop.height)
        return self._canvas.to_widget().mapRect(box)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the canvas."""
        if event.type() is QEvent.Type.Resize:
            self.place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a thin dashed line around each crop."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for crop in self._crops:
            at = self._on_canvas(crop)
            corners = (at.topLeft(), at.topRight(), at.bottomRight(), at.bottomLeft())
            draw_polyline(painter, corners, closed=True)

    # -- dragging --------------------------------------------------------------------------------

    def begin(self, at: QPointF) -> None:
        """A grip was pressed at a place of the screen."""
        self._start = self._crops[0], at

    def drag(self, sides: frozenset[Side], at: QPointF) -> None:
        """It is dragged."""
        if self._start is None:
            return
        crop, start = self._start
        scale = self._canvas.to_widget().m11()
        dx, dy = round((at.x() - start.x()) / scale), round((at.y() - start.y()) / scale)
        picture = self._canvas.document.size
        self._crops = (dragged(crop, sides, dx, dy, hole=self._hole, picture=picture),)
        self.place()

    def end(self) -> None:
        """It was let go."""
        if self._start is not None and self._start[0] != self._crops[0]:
            self.chosen.emit(self._crops[0])
        self._start = None


class _Held(QWidget):
    """A part of the frame that can be dragged."""

    def __init__(self, frame: CropFrame, canvas: QWidget, sides: frozenset[Side]) -> None:
        super().__init__(canvas)
        self._frame, self._sides = frame, sides
        self.setToolTip("Where the model looks; double click for its own choice")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._frame.begin(event.globalPosition())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._frame.drag(self._sides, event.globalPosition())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._frame.end()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._frame.reset_requested.emit()


class _Grip(_Held):
    """A square on a corner or in the middle of a side."""

    def __init__(self, frame: CropFrame, canvas: QWidget, sides: frozenset[Side]) -> None:
        super().__init__(frame, canvas, sides)
        self.setFixedSize(_GRIP, _GRIP)
        self.setCursor(_CURSORS[sides])

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(0, 0, 0, 170))
        painter.setBrush(QColor("#ffffff"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), 2, 2)


class _Tag(_Held):
    """Says what the model gets of the crop; the crop is moved by it."""

    def __init__(self, frame: CropFrame, canvas: QWidget) -> None:
        super().__init__(frame, canvas, frozenset())
        self.text = ""
        self.setCursor(Qt.CursorShape.SizeAllCursor)

    def fit(self) -> None:
        """Take the room that the text needs."""
        metrics = self.fontMetrics()
        self.resize(metrics.horizontalAdvance(self.text) + 16, metrics.height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        fill = QColor(tokens().raised)
        fill.setAlpha(225)
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setPen(QColor(tokens().text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text)
