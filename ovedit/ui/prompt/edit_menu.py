"""What few need every time: behind the button of variations in the prompt card."""

from __future__ import annotations

import secrets

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QWidget, QWidgetAction

from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.slider import LabelledSlider, NumberField

VARIATIONS = (1, 2, 4)
MAX_SEED = 2**31 - 1
MAX_EDGE = 200
"""Pixels that a mask may be grown or feathered by here."""
STRENGTH = "strength"
"""The setting of an engine that says how far a restyling may go."""
STRENGTHS = (0.35, 0.8)
"""Less is not seen, more does not keep the shape."""
_WIDTH, _NUMBER_WIDTH = 360, 64


class EditMenu(QMenu):
    """How many variations, the seed, what to avoid, the mask's edge, strength and template.

    Signals: changed() after something was chosen; edge_moved(grow, feather) while a slider of the
    edge is moved.
    """

    changed = Signal()
    edge_moved = Signal(int, int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.variations = 1
        self._edge_set = self._strength_set = False
        self._template = self._usual = ""
        self._counts = QActionGroup(self)
        for count in VARIATIONS:
            action = self.addAction("1 variation" if count == 1 else f"{count} variations")
            action.setCheckable(True)
            action.setData(count)
            self._counts.addAction(action)
        self._counts.triggered.connect(lambda action: self.set_variations(action.data()))
        self.addSeparator()
        self._build_seed()
        self._build_words()
        self.addSeparator()
        self._build_sliders()

    # -- building --------------------------------------------------------------------------------

    def _build_seed(self) -> None:
        self.seed_field = NumberField("Seed", 0, MAX_SEED)
        self.seed_field.setToolTip("The same seed gives the same result")
        another = IconButton("vary", "Another seed")
        another.clicked.connect(lambda: self.set_seed(secrets.randbelow(MAX_SEED + 1)))
        self._add("Seed", self.seed_field, another)

    def _build_words(self) -> None:
        self.negative_field = HistoryField("What to avoid", "for example text")
        self.negative_field.setToolTip("What the result should not show (negative prompt)")
        self._negative = self._add("Avoid", self.negative_field)
        self._negative.setVisible(False)
        self.template_field = HistoryField("Full prompt", "")
        self.template_field.setToolTip(
            "What the model is told, for this run: {edit} stands for the words of the edit, "
            "{phrase} for those of the mask"
        )
        self._told = self._add("Prompt", self.template_field)
        self._told.setVisible(False)
        for field in (self.negative_field, self.template_field):
            field.textChanged.connect(self.changed)
            for leaves in (field.entered, field.escape):
                leaves.connect(self.close)

    def _build_sliders(self) -> None:
        low, high = STRENGTHS
        self.strength = LabelledSlider("Strength", low, high, decimals=2, show_name=False)
        self.strength.setToolTip("How far restyling may go from what is there")
        self.strength.moved.connect(self._strength_moved)
        self._strength = self._add("Strength", self.strength)
        self._strength.setVisible(False)
        edges = (("Grow", "grow"), ("Feather", "feather"))
        self.grow, self.feather = (
            LabelledSlider(name, 0, MAX_EDGE, unit="px", curve=2.0, show_name=False)
            for name, _ in edges
        )
        for (name, _), slider in zip(edges, (self.grow, self.feather), strict=True):
            slider.moved.connect(self._edge_moved)
            slider.committed.connect(self.changed)
            self._add(name, slider)
        for slider in (self.strength, self.grow, self.feather):
            if slider.field is not None:
                # One below the other, the sliders end at the same place.
                slider.field.setFixedWidth(_NUMBER_WIDTH)

    def _add(self, name: str, *fields: QWidget) -> QWidgetAction:
        action = QWidgetAction(self)
        action.setDefaultWidget(_line(name, *fields))
        self.addAction(action)
        return action

    # -- what is chosen --------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        """What the engine's random choices begin with."""
        return int(self.seed_field.value)

    @property
    def negative_prompt(self) -> str:
        """What the result should not show; empty where the engine does not heed it."""
        return self.negative_field.text().strip() if self._negative.isVisible() else ""

    @property
    def edge(self) -> tuple[int, int] | None:
        """How far the mask is grown and feathered, or None for what suits."""
        if not self._edge_set:
            return None
        return round(self.grow.value), round(self.feather.value)

    @property
    def options(self) -> dict[str, str]:
        """Settings of the engine for this run."""
        options: dict[str, str] = {}
        if self._strength_set and self._strength.isVisible():
            options[STRENGTH] = f"{self.strength.value:g}"
        text = self.template_field.text().strip()
        if self._template and text and text != self._usual:
            options[self._template] = text
        return options

    def set_variations(self, count: int) -> None:
        """How many results an edit gives: 1, 2 or 4."""
        self.variations = count
        self.changed.emit()

    def set_seed(self, seed: int) -> None:
        """Let the engine's random choices begin with this."""
        self.seed_field.set_value(seed)
        self.changed.emit()

    # -- what the window sets --------------------------------------------------------------------

    def set_uses_negative(self, uses: bool) -> None:
        """Whether the engine heeds a negative prompt: shows or hides its field."""
        self._negative.setVisible(uses)
        self.changed.emit()

    def set_strength(self, usual: float | None) -> None:
        """The engine's usual strength, or None where it has none for this kind of edit."""
        self._strength.setVisible(usual is not None)
        if usual is not None and not self._strength_set:
            self.strength.set_value(usual)

    def set_template(self, setting: str, usual: str) -> None:
        """The setting that holds the full prompt and what it usually is; empty where none does."""
        kept = setting == self._template and self.template_field.text() not in ("", self._usual)
        self._template, self._usual = setting, usual
        self._told.setVisible(bool(setting))
        # What was written belongs to its own template only.
        if not kept and self.template_field.text() != usual:
            self.template_field.setText(usual)

    def set_usual_edge(self, grow: int, feather: int, *, anew: bool = False) -> None:
        """What suits the edit; `anew` forgets what was chosen instead."""
        if anew:
            self._edge_set = False
        if not self._edge_set:
            self.grow.set_value(grow)
            self.feather.set_value(feather)

    def refresh(self) -> None:
        """Mark the number of variations."""
        for action in self._counts.actions():
            action.setChecked(action.data() == self.variations)

    def forget(self) -> None:
        """Another picture is open: what was set for the last one is no longer meant."""
        self._edge_set = self._strength_set = False
        self.negative_field.clear()
        self.template_field.setText(self._usual)

    def _edge_moved(self) -> None:
        self._edge_set = True
        self.edge_moved.emit(round(self.grow.value), round(self.feather.value))

    def _strength_moved(self) -> None:
        self._strength_set = True
        self.changed.emit()


def _line(name: str, *fields: QWidget) -> QWidget:
    """A named field in a menu, and what belongs to it."""
    line = QWidget()
    line.setMinimumWidth(_WIDTH)
    layout = QHBoxLayout(line)
    layout.setContentsMargins(12, 2, 12, 2)
    layout.setSpacing(8)
    words = label(name, "dim")
    words.setMinimumWidth(words.fontMetrics().horizontalAdvance("Strength"))
    layout.addWidget(words)
    first, *others = fields
    layout.addWidget(first, 0 if others else 1)
    for field in others:
        layout.addWidget(field)
    if others:
        layout.addStretch(1)
    return line
