"""Labels, swatches, thumbnails and progress bars: one small widget each."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QWidget,
)

from ovedit.ui.theme import tokens

_DETAIL_ROOM = 24
"""Less than this is no room for a detail."""


def set_role(widget: QWidget, **properties: str | bool) -> None:
    """Set style-sheet properties (`role="dim"`, `primary=True`) and have them take effect."""
    changed = False
    for name, value in properties.items():
        text = str(value).lower() if isinstance(value, bool) else value
        if widget.property(name) != text:
            widget.setProperty(name, text)
            changed = True
    if changed and widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def label(text: str = "", role: str = "") -> QLabel:
    """A plain-text label; `role` is dim, heading, title or strong."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        set_role(result, role=role)
    return result


def rule() -> QFrame:
    """A horizontal hairline."""
    line = QFrame()
    set_role(line, role="rule")
    return line


class ElidedLabel(QWidget):
    """One line of text and a secondary detail after it; the end is elided where it is too long.

    The detail gives way to the text. What is clipped shows in full as tool tip.
    """

    def __init__(self, text: str = "", detail: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self._detail = detail
        self._bold = False
        self._dimmed = False
        self._selected = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """The text."""
        return self._text

    @property
    def detail(self) -> str:
        """The secondary text after it."""
        return self._detail

    def set_text(self, text: str, detail: str = "") -> None:
        """Show another text and detail."""
        if (text, detail) != (self._text, self._detail):
            self._text, self._detail = text, detail
            self.updateGeometry()
            self.update()

    def set_look(self, *, bold: bool = False, dimmed: bool = False, selected: bool = False) -> None:
        """Semibold, in the secondary colour, or in the colours of a selected row."""
        if (bold, dimmed, selected) != (self._bold, self._dimmed, self._selected):
            self._bold, self._dimmed, self._selected = bold, dimmed, selected
            self.update()

    def sizeHint(self) -> QSize:
        """Room for all of text and detail."""
        metrics = self.fontMetrics()
        gap = metrics.horizontalAdvance(" ") if self._detail else 0
        width = metrics.horizontalAdvance(self._text) + gap
        return QSize(width + metrics.horizontalAdvance(self._detail) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        """Room for a letter or two."""
        return QSize(24, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much of the text as fits."""
        t = tokens()
        painter = QPainter(self)
        font = self.font()
        font.setBold(False)
        if self._bold:
            font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        dim = t.selected_dim if self._selected else t.dim
        gap = metrics.horizontalAdvance(" ") if self._detail else 0
        end = Qt.TextElideMode.ElideRight
        text = metrics.elidedText(self._text, end, self.width())
        room = self.width() - metrics.horizontalAdvance(text) - gap
        detail = metrics.elidedText(self._detail, end, room) if room >= _DETAIL_ROOM else ""
        clipped = (text, detail) != (self._text, self._detail)
        tip = f"{self._text} {self._detail}".strip() if clipped else ""
        if tip != self.toolTip():
            self.setToolTip(tip)
        colour = t.disabled if not self.isEnabled() else dim if self._dimmed else t.text
        painter.setPen(QColor(colour))
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(self.rect(), align, text)
        if detail:
            x = metrics.horizontalAdvance(text) + gap
            painter.setPen(QColor(dim if self.isEnabled() else t.disabled))
            painter.drawText(self.rect().adjusted(x, 0, 0, 0), align, detail)


class Swatch(QWidget):
    """A small rounded square in one colour."""

    def __init__(self, colour: str = "#000000", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = colour
        self.setFixedSize(14, 14)

    @property
    def colour(self) -> str:
        """The colour, #rrggbb."""
        return self._colour

    def set_colour(self, colour: str) -> None:
        """Show another colour."""
        if colour != self._colour:
            self._colour = colour
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the square."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)


class Thumbnail(QWidget):
    """A picture that fills a small frame, over a checkerboard where it is transparent."""

    def __init__(
        self, width: int = 38, height: int = 28, radius: int = 3, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._radius = radius
        self.setFixedSize(width, height)

    @property
    def image(self) -> QImage:
        """The picture shown."""
        return self._image

    def set_image(self, image: QImage) -> None:
        """Show another picture; a null one leaves an empty frame."""
        if image.cacheKey() != self._image.cacheKey():
            self._image = image
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture in its frame."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        path = QPainterPath()
        path.addRoundedRect(frame, self._radius, self._radius)
        painter.fillPath(path, QColor(t.raised))
        if not self._image.isNull():
            painter.save()
            painter.setClipPath(path)
            if self._image.hasAlphaChannel():
                draw_checkerboard(painter, self.width(), self.height())
            size = QSize(self._image.size()).scaled(
                self.size(), Qt.AspectRatioMode.KeepAspectRatioByExpanding
            )
            target = QRectF(0, 0, size.width(), size.height())
            target.moveCenter(frame.center())
            painter.drawImage(target, self._image)
            painter.restore()
        painter.setPen(QPen(QColor(t.line), 1))
        painter.drawPath(path)


def draw_checkerboard(painter: QPainter, width: int, height: int, cell: int = 5) -> None:
    """Fill (0, 0, width, height) with the light checks that stand for transparency."""
    painter.fillRect(0, 0, width, height, QColor("#ffffff"))
    for row in range(-(-height // cell)):
        for column in range(row % 2, -(-width // cell), 2):
            painter.fillRect(column * cell, row * cell, cell, cell, QColor("#c9cdd2"))


class ThinBar(QProgressBar):
    """A progress bar 5 px high, from 0 to 1000; a maximum of 0 means that nobody knows."""

    def __init__(self, name: str = "Progress", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(0, 1000)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setFixedHeight(5)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_fraction(self, fraction: float | None) -> None:
        """Show a fraction in [0, 1], or that the end is not known (None)."""
        if fraction is None:
            self.setMaximum(0)
        else:
            self.setMaximum(1000)
            self.setValue(round(max(0.0, min(1.0, fraction)) * 1000))
        self.update()

    def sizeHint(self) -> QSize:
        """160 by 5 px."""
        return QSize(160, 5)

    def minimumSizeHint(self) -> QSize:
        """40 by 5 px."""
        return QSize(40, 5)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        path = QPainterPath()
        path.addRoundedRect(QRectF(self.rect()), 2.5, 2.5)
        painter.setClipPath(path)
        painter.fillRect(self.rect(), QColor(t.line))
        if self.maximum() == 0:
            # Stripes instead of a moving block: the step's words say that work goes on.
            painter.setBrush(QColor(t.accent))
            for x in range(-8, self.width(), 16):
                painter.drawPolygon(
                    [QPointF(x, 5), QPointF(x + 8, 5), QPointF(x + 13, 0), QPointF(x + 5, 0)]
                )
        else:
            share = self.value() / self.maximum()
            painter.fillRect(QRectF(0, 0, self.width() * share, self.height()), QColor(t.accent))


def seconds_left(seconds: float | None) -> str:
    """How long still, as "0:12 left" or "1:02:05 left"; empty where nobody knows."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"
    return f"{clock} left"
