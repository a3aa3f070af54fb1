"""The last line of the prompt card: what an edit will take, before it runs."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from ovedit.engine.protocols import Forecast
from ovedit.errors import EngineMissingError, OVEditError
from ovedit.ui.icons import icon
from ovedit.ui.messages import MODELS
from ovedit.ui.widgets.basics import ElidedLabel, set_role
from ovedit.units import size_text, time_text

_HEIGHT = 24


class OutlookLine(QWidget):
    """Says what is known beforehand; what is not is left out, and nothing known is no line.

    Signals: changed() after there is more or less to say; models_requested(key) for the button that
    opens the Models dialog; reset_requested() for the one that gives the crop back to the engine.
    """

    changed = Signal()
    models_requested = Signal(str)
    reset_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self._key = MODELS
        self._mark = QLabel()
        self.label = ElidedLabel()
        self.models_button = _button("Models…", "Get what is missing")
        self.models_button.clicked.connect(lambda: self.models_requested.emit(self._key))
        self.reset_button = _button("Reset crop", "Let the engine choose where it looks (Esc)")
        self.reset_button.clicked.connect(self.reset_requested)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._mark)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.models_button)
        layout.addWidget(self.reset_button)
        self.clear()

    @property
    def says_something(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.label.text)

    def clear(self) -> None:
        """Nothing is known."""
        self._show("", "", wrong=False, missing=False)

    def show_forecast(self, forecast: Forecast, *, crop_chosen: bool) -> None:
        """What an edit will take. crop_chosen: the person says where the engine looks."""
        told = f"— “{forecast.words}”" if forecast.words else ""
        self.reset_button.setVisible(crop_chosen)
        self._show(forecast_text(forecast), told, wrong=False, missing=False)

    def show_problem(self, error: OVEditError) -> None:
        """Why it cannot be done as it is."""
        missing = isinstance(error, EngineMissingError)
        if missing and error.models:
            self._key = f"{MODELS}:{error.models[0]}"
        hint = "" if missing else error.hint
        self.reset_button.hide()
        self._show(error.message, hint, wrong=True, missing=missing)

    def _show(self, text: str, detail: str, *, wrong: bool, missing: bool) -> None:
        self.label.set_text(text, detail)
        self.label.set_look(dimmed=not wrong)
        self._mark.setVisible(wrong)
        if wrong:
            pixmap = icon("warning", "warning").pixmap(QSize(16, 16), self.devicePixelRatioF())
            self._mark.setPixmap(pixmap)
        self.models_button.setVisible(missing)
        if not text:
            self.reset_button.hide()
        self.setAccessibleName(f"{text} {detail}".strip())
        self.changed.emit()


def forecast_text(forecast: Forecast) -> str:
    """ "512 × 512 of Stable Diffusion 1.5, about 2.1 GB, about 40 s"."""
    size = forecast.size
    parts = [f"{size.width} × {size.height} of {forecast.model}"]
    if len(forecast.crops) > 1:
        parts[0] = f"{len(forecast.crops)} places, up to {parts[0]}"
    if forecast.memory:
        parts.append(f"about {size_text(forecast.memory)}")
    if forecast.seconds is not None:
        parts.append(f"about {time_text(forecast.seconds)}")
    return ", ".join(parts)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    set_role(button, small=True, slim=True)
    return button
