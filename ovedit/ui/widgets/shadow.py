"""A soft shadow under a floating widget, painted once per size.

A QGraphicsDropShadowEffect would blur again whenever the canvas below repaints.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from ovedit.ui.theme import tokens

_BLUR = 22
_DROP = 8


class Shadow(QWidget):
    """Follows `caster` around in the caster's parent, below it; lets every event through."""

    def __init__(self, caster: QWidget, radius: int) -> None:
        super().__init__(caster.parentWidget())
        self._caster = caster
        self._radius = radius
        self._pixmap = QPixmap()
        self._drawn_for = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        caster.installEventFilter(self)
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the widget that casts the shadow."""
        if watched is self._caster and event.type() in (
            QEvent.Type.Move,
            QEvent.Type.Resize,
            QEvent.Type.Show,
            QEvent.Type.Hide,
            QEvent.Type.ZOrderChange,
        ):
            self._follow()
        return False

    def _follow(self) -> None:
        box = self._caster.geometry().adjusted(-_BLUR, -_BLUR + _DROP, _BLUR, _BLUR + _DROP)
        self.setGeometry(box)
        self.setVisible(not self._caster.isHidden())
        self.stackUnder(self._caster)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the shadow, made once per size."""
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._pixmap.size() != size or self._drawn_for != tokens().name:
            self._drawn_for = tokens().name
            self._pixmap = QPixmap(size)
            self._pixmap.setDevicePixelRatio(ratio)
            self._pixmap.fill(Qt.GlobalColor.transparent)
            self._draw()
        QPainter(self).drawPixmap(0, 0, self._pixmap)

    def _draw(self) -> None:
        painter = QPainter(self._pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        # Stacked translucent shapes add up to a ramp that is steep near the card and flat outside.
        dark = tokens().name == "dark"
        for step in range(_BLUR):
            share = (step + 1) / _BLUR
            painter.setBrush(QColor(0, 0, 0, round((9 if dark else 4) * share**1.5)))
            inset = step + 0.5
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(inset, inset, -inset, -inset),
                self._radius + _BLUR - step,
                self._radius + _BLUR - step,
            )
