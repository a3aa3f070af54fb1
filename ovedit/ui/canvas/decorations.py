"""What is drawn over the picture: outlines, label tags, frames. Free functions on a QPainter.

All of them paint in logical widget pixels; `to_widget` maps document pixels there.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

_ON_TAG = QColor("#101418")


class TagLayout:
    """Places label tags so that they stay in sight, in `bounds`, and off one another.

    exposed: what is being painted: tags elsewhere only take their place.
    """

    def __init__(self, font: QFont, bounds: QRectF, exposed: QRectF) -> None:
        self._font = font
        self._metrics = QFontMetricsF(font)
        self._bounds = bounds
        self._exposed = exposed
        self._taken: list[QRectF] = []

    def draw(
        self, painter: QPainter, text: str, anchor: QPointF, colour: QColor, *, opacity: float = 1.0
    ) -> QRectF:
        """A pill with `text` above `anchor`, below it where there is no room; returns its place."""
        width = self._metrics.horizontalAdvance(text) + 16
        height = self._metrics.height() + 4
        tag = QRectF(anchor.x() - width / 2, anchor.y() - height - 5, width, height)
        if tag.top() < self._bounds.top() + 2:
            tag.moveTop(max(anchor.y() + 6, self._bounds.top() + 2))
        tag.moveLeft(
            max(self._bounds.left() + 2, min(tag.left(), self._bounds.right() - width - 2))
        )
        for _ in range(len(self._taken)):
            hit = next((other for other in self._taken if other.intersects(tag)), None)
            if hit is None:
                break
            tag.moveTop(hit.bottom() + 3)
        self._taken.append(tag)
        if not tag.adjusted(-1, -1, 1, 1).intersects(self._exposed):
            return tag
        painter.save()
        painter.setOpacity(opacity)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour.lighter(115))
        painter.drawRoundedRect(tag, height / 2, height / 2)
        painter.setPen(_ON_TAG)
        painter.setFont(self._font)
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
        return tag


def draw_brush(painter: QPainter, centre: QPointF, diameter: float) -> None:
    """The brush's outline, seen on any background."""
    radius = max(diameter / 2, 1.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 140), 3.0))
    painter.drawEllipse(centre, radius, radius)
    painter.setPen(QPen(QColor(255, 255, 255), 1.5))
    painter.drawEllipse(centre, radius, radius)


def brush_bounds(centre: QPointF, diameter: float) -> QRectF:
    """The widget pixels on which `draw_brush` draws."""
    reach = max(diameter / 2, 1.0) + 3
    return QRectF(centre.x() - reach, centre.y() - reach, 2 * reach, 2 * reach)


def draw_polyline(painter: QPainter, points: Iterable[QPointF], *, closed: bool) -> None:
    """A thin two-tone line through widget points, for a lasso or a box being drawn."""
    path = QPainterPath()
    for index, point in enumerate(points):
        if index:
            path.lineTo(point)
        else:
            path.moveTo(point)
    if closed:
        path.closeSubpath()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 170), 3.0))
    painter.drawPath(path)
    painter.setPen(QPen(QColor(255, 255, 255), 1.2, Qt.PenStyle.DashLine))
    painter.drawPath(path)


def draw_point(painter: QPainter, centre: QPointF, *, positive: bool) -> None:
    """A click: a green plus or a red minus in a ring, told apart by shape as well as colour."""
    painter.setPen(QPen(QColor(255, 255, 255), 1.5))
    painter.setBrush(QColor("#1d8a5c") if positive else QColor("#c2352c"))
    painter.drawEllipse(centre, 7.0, 7.0)
    painter.drawLine(centre + QPointF(-3.5, 0), centre + QPointF(3.5, 0))
    if positive:
        painter.drawLine(centre + QPointF(0, -3.5), centre + QPointF(0, 3.5))
