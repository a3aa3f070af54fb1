"""What is known of the one mask that is selected: the engine's candidates, and why it was found."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QVBoxLayout, QWidget

from ovedit.ui.theme import tokens
from ovedit.ui.widgets.basics import label

_PICTURE = QSize(60, 42)
_MOST = 4
"""Pictures side by side; further candidates are reached by the keys and the row's button."""


class _CandidateButton(QAbstractButton):
    """A small picture with a frame, in the accent's colour while it is the one shown."""

    def __init__(self, picture: QImage, name: str) -> None:
        super().__init__()
        self._picture = picture
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFixedSize(_PICTURE)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, cut to the frame."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        path = QPainterPath()
        path.addRoundedRect(frame, 5, 5)
        painter.fillPath(path, QColor(t.raised))
        painter.save()
        painter.setClipPath(path)
        size = self._picture.size().scaled(_PICTURE, Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(frame.center())
        painter.drawImage(place, self._picture)
        painter.restore()
        shown = self.isChecked()
        edge = t.accent if shown else t.dim if self.underMouse() or self.hasFocus() else t.line
        painter.setPen(QPen(QColor(edge), 2 if shown else 1))
        painter.drawPath(path)


class MaskDetails(QWidget):
    """Shown below the rows while one mask is selected of which there is something to tell.

    Signals: candidate_clicked(int) with the number of the candidate to show, from 0.
    """

    candidate_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None
        self._buttons: list[_CandidateButton] = []
        self._strip = QWidget()
        self._pictures = QHBoxLayout(self._strip)
        self._pictures.setContentsMargins(0, 0, 0, 0)
        self._pictures.setSpacing(6)
        self._pictures.addStretch(1)
        self.reason = label("", "dim")
        self.reason.setAccessibleName("Why this was found")
        self.reason.setWordWrap(True)
        self.reason.setMinimumWidth(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 2)
        column.setSpacing(7)
        column.addWidget(self._strip)
        column.addWidget(self.reason)
        self.hide()

    @property
    def buttons(self) -> Sequence[QAbstractButton]:
        """One for each candidate, in the engine's order."""
        return self._buttons

    def show_mask(self, pictures: Sequence[QImage], chosen: int, reason: str) -> None:
        """Show the candidates, where there are several, and the reason, where there is one."""
        shown = tuple(picture.cacheKey() for picture in pictures)
        if self._shown != shown:
            self._shown = shown
            self._rebuild(pictures[:_MOST] if len(pictures) > 1 else ())
        for number, button in enumerate(self._buttons):
            button.setChecked(number == chosen)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        self._strip.setVisible(bool(self._buttons))
        self.setVisible(bool(self._buttons or reason))

    def _rebuild(self, pictures: Sequence[QImage]) -> None:
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = []
        for number, picture in enumerate(pictures):
            button = _CandidateButton(picture, f"Candidate {number + 1} of {len(pictures)}")
            button.clicked.connect(lambda _on=False, n=number: self._clicked(n))
            self._pictures.insertWidget(number, button)
            self._buttons.append(button)

    def _clicked(self, number: int) -> None:
        # The document says which one is shown.
        for place, button in enumerate(self._buttons):
            button.setChecked(place == number)
        self.candidate_clicked.emit(number)
