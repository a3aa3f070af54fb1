"""A slider with its name before it and a field for the number after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDoubleValidator, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.keys import FIELD_KEYS, keeps

_STEPS = 1000


class JumpSlider(QSlider):
    """A horizontal slider whose handle comes to where it is pressed."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        """90 by 18 px."""
        return QSize(90, 18)

    def minimumSizeHint(self) -> QSize:
        """40 by 18 px."""
        return QSize(40, 18)

    def _at(self, position: QPoint) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        control = QStyle.ComplexControl.CC_Slider
        part = QStyle.SubControl
        groove = self.style().subControlRect(control, option, part.SC_SliderGroove, self)
        handle = self.style().subControlRect(control, option, part.SC_SliderHandle, self)
        return QStyle.sliderValueFromPosition(
            self.minimum(),
            self.maximum(),
            position.x() - groove.x() - handle.width() // 2,
            groove.width() - handle.width(),
            self.layoutDirection() is Qt.LayoutDirection.RightToLeft,
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Bring the handle here."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setSliderPosition(self._at(event.position().toPoint()))
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the handle."""
        if self.isSliderDown():
            self.setSliderPosition(self._at(event.position().toPoint()))
            event.accept()
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of the handle."""
        if self.isSliderDown() and event.button() is Qt.MouseButton.LeftButton:
            self.setSliderDown(False)
            event.accept()
        else:
            super().mouseReleaseEvent(event)


class NumberField(QLineEdit):
    """A field for one number with its unit; Up and Down step it, Shift steps ten times as far.

    Signals: edited(float) when a number was typed and confirmed, or stepped.
    """

    edited = Signal(float)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        *,
        decimals: int = 0,
        unit: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("numeric")
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._low, self._high, self._decimals = low, high, decimals
        self._unit = f" {unit}" if unit else ""
        self._value = low
        widest = max((self._words(low), self._words(high)), key=len)
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(widest) + 18)
        self._show()
        self.editingFinished.connect(self._take)

    @property
    def value(self) -> float:
        """The number."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a number, kept within the limits; says nothing about it."""
        self._value = round(min(self._high, max(self._low, value)), self._decimals)
        self._show()

    def _words(self, value: float) -> str:
        return f"{value:.{self._decimals}f}{self._unit}"

    def _show(self) -> None:
        words = self._words(self._value)
        if self.text() != words and not (self.hasFocus() and self.isModified()):
            self.setText(words)

    def _take(self) -> None:
        if not self.isModified():
            return
        self.setModified(False)
        typed = self.text().strip().removesuffix(self._unit.strip()).strip().replace(",", ".")
        validator = QDoubleValidator()
        validator.setLocale(validator.locale().c())
        if validator.validate(typed, 0)[0] is QDoubleValidator.State.Acceptable:  # type: ignore[index]
            self._set_and_tell(float(typed))
        self._show()

    def _set_and_tell(self, value: float) -> None:
        before = self._value
        self.set_value(value)
        if self._value != before:
            self.edited.emit(self._value)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        return keeps(event, FIELD_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down step the number; Esc drops what was typed."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 10.0**-self._decimals
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                step *= 10
            self._take()
            self._set_and_tell(self._value + (step if event.key() == Qt.Key.Key_Up else -step))
            self.selectAll()
        elif event.key() == Qt.Key.Key_Escape and self.isModified():
            self.setModified(False)
            self._show()
            self.selectAll()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the number, ready to be typed over."""
        super().focusInEvent(event)
        self.selectAll()


class LabelledSlider(QWidget):
    """A name, a slider and a field for the number.

    `slider_width` fixes the slider's length in pixels; else it takes what room there is.
    `curve` above 1 gives small values more of the way (brush sizes). With `plain=True` the number
    is a dim label, as in the threshold row. `show_name=False` leaves the name to a form.

    Signals: moved(float) on every change by the person, also while dragging; committed(float) at
    the end of a drag and after every key, wheel step or typed number.
    """

    moved = Signal(float)
    committed = Signal(float)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        *,
        decimals: int = 0,
        unit: str = "",
        curve: float = 1.0,
        plain: bool = False,
        show_name: bool = True,
        slider_width: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high, self._curve = low, high, curve
        self._decimals, self._unit = decimals, f" {unit}" if unit else ""
        self._value = low
        self._quiet = False
        self.slider = JumpSlider(name, self)
        self.slider.setRange(0, _STEPS)
        self.slider.setPageStep(_STEPS // 10)
        self.slider.setSingleStep(max(1, round(_STEPS * 10.0**-decimals / (high - low))))
        self._label = label(name, "dim")
        self._label.setBuddy(self.slider)
        self._label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        if slider_width is not None:
            self.slider.setFixedWidth(slider_width)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.field: NumberField | None = None
        self._number: QLabel | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._label)
        self._label.setVisible(show_name)
        layout.addWidget(self.slider, 1)
        if plain:
            widest = max(self._words(low), self._words(high), key=len)
            self._number = label("", "dim")
            self._number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._number.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest))
            layout.addWidget(self._number)
        else:
            self.field = NumberField(name, low, high, decimals=decimals, unit=unit)
            self.field.edited.connect(self._typed)
            layout.addWidget(self.field)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(lambda: self.committed.emit(self._value))
        self.set_value(low)

    @property
    def value(self) -> float:
        """The number."""
        return self._value

    @property
    def dragging(self) -> bool:
        """Whether the handle is held."""
        return self.slider.isSliderDown()

    def set_value(self, value: float) -> None:
        """Show a number without a signal. While the handle is held the hand is right."""
        if self.dragging:
            return
        self._value = round(min(self._high, max(self._low, value)), self._decimals)
        with self._silence():
            self.slider.setValue(round(self._to_share(self._value) * _STEPS))
        self._show()

    def _to_share(self, value: float) -> float:
        return ((value - self._low) / (self._high - self._low)) ** (1 / self._curve)

    def _words(self, value: float) -> str:
        return f"{value:.{self._decimals}f}{self._unit}"

    def _show(self) -> None:
        if self.field is not None:
            self.field.set_value(self._value)
        elif self._number is not None:
            self._number.setText(self._words(self._value))

    @contextmanager
    def _silence(self) -> Iterator[None]:
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _slid(self, position: int) -> None:
        if self._quiet:
            return
        share = (position / _STEPS) ** self._curve
        value = round(self._low + share * (self._high - self._low), self._decimals)
        if value == self._value:
            return
        self._value = value
        self._show()
        self.moved.emit(value)
        if not self.dragging:
            self.committed.emit(value)

    def _typed(self, value: float) -> None:
        self._value = value
        with self._silence():
            self.slider.setValue(round(self._to_share(value) * _STEPS))
        self.moved.emit(value)
        self.committed.emit(value)

    def changeEvent(self, event: QEvent) -> None:
        """Grey the name together with the slider."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.EnabledChange:
            self._label.setEnabled(self.isEnabled())
