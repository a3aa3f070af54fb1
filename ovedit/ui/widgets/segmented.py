"""A row of choices of which one holds."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from ovedit.ui.theme import tokens
from ovedit.ui.tokens import RADIUS_BUTTON


class _Segment(QAbstractButton):
    """One choice: its word, and its share of the background."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        font = self.font()
        font.setWeight(font.Weight.DemiBold)
        metrics = self.fontMetrics().__class__(font)
        return QSize(metrics.horizontalAdvance(self.text()) + 24, 32)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        font = self.font()
        if self.isChecked():
            font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(t.text if self.isEnabled() else t.disabled))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class SegmentedControl(QWidget):
    """Choices side by side, one of them chosen; Left and Right walk them.

    Signals: chosen(str) with the key of the choice that the person made.
    """

    chosen = Signal(str)

    def __init__(
        self, name: str, choices: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        """`choices` are (key, word) pairs; the first one holds at the start."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, _Segment] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(1)
        for key, word in choices:
            button = _Segment(word, self)
            button.setAccessibleDescription(name)
            button.clicked.connect(lambda _checked=False, key=key: self.chosen.emit(key))
            button.toggled.connect(self._toggled)
            self._group.addButton(button)
            self._buttons[key] = button
            layout.addWidget(button)
        self.set_current(choices[0][0])

    @property
    def current(self) -> str:
        """The key of the choice that holds."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_current(self, key: str) -> None:
        """Choose without a signal. Raises KeyError for an unknown key."""
        self._buttons[key].setChecked(True)

    def button(self, key: str) -> QAbstractButton:
        """The button of one choice."""
        return self._buttons[key]

    def _toggled(self) -> None:
        # One stop for the Tab key: the choice that holds.
        for button in self._buttons.values():
            tab, none = Qt.FocusPolicy.TabFocus, Qt.FocusPolicy.NoFocus
            button.setFocusPolicy(tab if button.isChecked() else none)
        self.update()

    def set_choice_enabled(self, key: str, enabled: bool, tip: str = "") -> None:
        """Let a choice be made, or not, with the reason as tool tip."""
        self._buttons[key].setEnabled(enabled)
        self._buttons[key].setToolTip(tip)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right walk the choices."""
        keys = list(self._buttons)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        place = keys.index(self.current) + step
        while 0 <= place < len(keys):
            button = self._buttons[keys[place]]
            if button.isEnabled():
                button.click()
                button.setFocus(Qt.FocusReason.TabFocusReason)
                return
            place += step

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep clicks on the hairlines from what lies behind."""
        # The hairlines between the choices belong to the control, not to what lies behind it.
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame, the hairlines and the chosen part."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        path = QPainterPath()
        path.addRoundedRect(frame, RADIUS_BUTTON, RADIUS_BUTTON)
        painter.save()
        painter.setClipPath(path)
        buttons = list(self._buttons.values())
        for button in buttons:
            box = button.geometry().adjusted(-1, -1, 0, 1)
            if button.isChecked():
                painter.fillRect(box, QColor(t.chosen))
            elif button.underMouse() and button.isEnabled():
                painter.fillRect(box, QColor(t.raised_hover))
        for button in buttons[:-1]:
            painter.fillRect(button.geometry().right() + 1, 0, 1, self.height(), QColor(t.line))
        painter.restore()
        focused = any(button.hasFocus() for button in buttons)
        painter.setPen(QPen(QColor(t.accent if focused else t.line), 1))
        painter.drawPath(path)
