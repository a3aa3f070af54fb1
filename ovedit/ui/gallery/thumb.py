"""One variation in the strip: its picture, or how far it is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton

from ovedit.ui.gallery.gallery import THUMBNAIL, Slot
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import RADIUS_BUTTON
from ovedit.ui.widgets.buttons import IconButton

SIZE = QSize(THUMBNAIL.width // 2, THUMBNAIL.height // 2)


class Thumb(QAbstractButton):
    """Signals: entered(), left() by the pointer; more_requested(). A click is for keeping it."""

    entered = Signal()
    left = Signal()
    more_requested = Signal()

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self.slot = slot
        self._number = 0
        self._current = False
        self.setFixedSize(SIZE)
        # The strip has the focus, so that the arrow keys walk from one to the next.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._more = IconButton("vary", "More like this (M)", row=True, parent=self)
        self._more.setProperty("over", "true")
        self._more.move(SIZE.width() - self._more.width() - 5, 5)
        self._more.clicked.connect(self.more_requested)
        self._more.hide()

    @property
    def ready(self) -> bool:
        """Whether its result is here."""
        return self.slot.variation is not None

    def show_slot(self, number: int, *, current: bool) -> None:
        """Show it as it is now."""
        self._number, self._current = number, current
        state = "" if self.ready else ", waiting" if self.slot.fraction is None else ", running"
        self.setAccessibleName(f"Variation {number}{state}")
        self._more.setAccessibleName(f"More like variation {number}")
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if self.ready else Qt.CursorShape.ArrowCursor
        )
        plan = None if self.slot.variation is None else self.slot.variation.plan
        seed = "" if plan is None else f" · seed {plan.request.seed} · click to keep"
        self.setToolTip(f"{self.slot.words}{seed}")
        self._more.setVisible(self.ready and current)
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Tell the strip."""
        super().enterEvent(event)
        self.entered.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """Tell the strip."""
        super().leaveEvent(event)
        self.left.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture with its number, or a bar that shows how far it is."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        path = QPainterPath()
        path.addRoundedRect(frame, RADIUS_BUTTON - 2, RADIUS_BUTTON - 2)
        painter.fillPath(path, QColor(t.panel))
        if self.ready:
            self._paint_picture(painter, path, frame)
        else:
            self._paint_progress(painter, frame)
        painter.setPen(QPen(QColor(t.accent if self._current else t.line), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)

    def _paint_picture(self, painter: QPainter, path: QPainterPath, frame: QRectF) -> None:
        painter.save()
        painter.setClipPath(path)
        image = self.slot.thumbnail
        filled = image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        target = QRectF(0, 0, filled.width(), filled.height())
        target.moveCenter(frame.center())
        painter.drawImage(target, image)
        painter.restore()
        badge = QRectF(6, self.height() - 24, 18, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(20, 21, 24, 190))
        painter.drawEllipse(badge)
        painter.setPen(QColor("#ffffff"))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, str(self._number))

    def _paint_progress(self, painter: QPainter, frame: QRectF) -> None:
        t, fraction = tokens(), self.slot.fraction
        painter.setPen(QColor(t.dim))
        words = "waiting" if fraction is None else f"{round(100 * fraction)} %"
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, words)
        if fraction is not None:
            bar = QRectF(frame.left() + 16, frame.center().y() + 14, frame.width() - 32, 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.line))
            painter.drawRoundedRect(bar, 2, 2)
            painter.setBrush(QColor(t.accent))
            bar.setWidth(bar.width() * fraction)
            painter.drawRoundedRect(bar, 2, 2)
