"""Preferences: theme, undo, autosave, engines, what is said of AI, where models run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QVBoxLayout, QWidget

from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.theme import ThemeChoice
from ovedit.ui.widgets.basics import label, rule
from ovedit.ui.widgets.buttons import CheckBox, ComboBox
from ovedit.ui.widgets.slider import LabelledSlider
from ovedit.units import size_text

Device = Literal["auto", "cuda", "mps", "xpu", "cpu"]

_THEMES: tuple[tuple[ThemeChoice, str], ...] = (
    ("system", "As the system"),
    ("dark", "Dark"),
    ("light", "Light"),
)
_AUTOSAVES = ((0, "Off"), (30, "Every 30 s"), (60, "Every minute"), (300, "Every 5 minutes"))
_BUDGETS = ((256, "256 MB"), (512, "512 MB"), (1000, "1 GB"), (2000, "2 GB"), (4000, "4 GB"))
_PRESETS = (
    ("fast", "Fast"),
    ("balanced", "Balanced"),
    ("quality", "Quality"),
)
_DEVICES: tuple[tuple[Device, str], ...] = (
    ("auto", "Automatic"),
    ("cuda", "NVIDIA (CUDA)"),
    ("mps", "Apple (MPS)"),
    ("xpu", "Intel (XPU)"),
    ("cpu", "Processor"),
)
_MODEL_MEMORY = (
    (0, "Automatic"),
    *((size * 10**9, f"{size} GB") for size in (2, 4, 6, 8, 12, 16, 24)),
)


_GAP = 32
_LEFT = 3
"""Sections in the left column."""
_BUILT_IN = (("basic", "Basic (built in)"),)


@dataclass(frozen=True)
class Preferences:
    """What the dialog asks. history_mb is in millions of bytes; autosave_seconds 0 means off;
    overlay_opacity is in [0, 1]; select_engine, edit_engine are names; model_memory is in bytes,
    0 automatic.
    """

    theme: ThemeChoice = "system"
    reduced_motion: bool = False
    overlay_opacity: float = 0.35
    history_mb: int = 1000
    autosave_seconds: int = 60
    select_engine: str = "basic"
    edit_engine: str = "basic"
    preset: str = "balanced"
    device: Device = "auto"
    model_memory: int = 0
    offline: bool = False
    provenance: bool = True
    watermark: bool = False
    safety_checker: bool = True


class PreferencesDialog(FormDialog):
    """Edits preferences. `preferences` holds the answer after `exec()` returned accepted.

    Signals: theme_previewed(str) as a theme is chosen; on Cancel, the one from before.
    """

    theme_previewed = Signal(str)

    def __init__(
        self,
        preferences: Preferences,
        selectors: Sequence[tuple[str, str]] = _BUILT_IN,
        editors: Sequence[tuple[str, str]] = _BUILT_IN,
        parent: QWidget | None = None,
    ) -> None:
        """`selectors`, `editors`: (name, title) of the engines that can be chosen for each role."""
        super().__init__("Preferences", parent)
        self._before = preferences
        self.theme = self._combo("Theme", _THEMES, preferences.theme)
        self.motion = CheckBox("Reduce motion")
        self.motion.setChecked(preferences.reduced_motion)
        self.overlay = LabelledSlider("Mask overlay", 0, 100, unit="%", show_name=False)
        self.overlay.set_value(preferences.overlay_opacity * 100)
        budgets = _BUDGETS
        if preferences.history_mb not in dict(budgets):
            own = (preferences.history_mb, f"{preferences.history_mb} MB")
            budgets = tuple(sorted((*_BUDGETS, own)))
        self.history = self._combo("Memory for undo", budgets, preferences.history_mb)
        autosaves = _AUTOSAVES
        if preferences.autosave_seconds not in dict(autosaves):
            every = (preferences.autosave_seconds, f"Every {preferences.autosave_seconds} s")
            autosaves = tuple(sorted((*_AUTOSAVES, every)))
        self.autosave = self._combo("Autosave", autosaves, preferences.autosave_seconds)
        self.selector = self._combo("Select with", selectors, preferences.select_engine)
        self.editor = self._combo("Edit with", editors, preferences.edit_engine)
        self.preset = self._combo("Preset", _PRESETS, preferences.preset)
        self.device = self._combo("Models run on", _DEVICES, preferences.device)
        memory = _MODEL_MEMORY
        if preferences.model_memory not in dict(memory):
            own = (preferences.model_memory, size_text(preferences.model_memory))
            memory = tuple(sorted((*memory, own)))
        self.model_memory = self._combo("Memory for models", memory, preferences.model_memory)
        self.offline = CheckBox("Stay offline")
        self.offline.setToolTip("No downloads, even when asked")
        self.offline.setChecked(preferences.offline)

        self.provenance = CheckBox("Say so (XMP)")
        self.provenance.setToolTip("As metadata that other programs and news agencies read")
        self.provenance.setChecked(preferences.provenance)
        self.watermark = CheckBox("Mark it invisibly")
        self.watermark.setToolTip("ovedit info finds the mark, also in JPEG of quality 80")
        self.watermark.setChecked(preferences.watermark)
        self.safety = CheckBox("Checker, where a model brings one")
        self.safety.setToolTip("It refuses what it takes for unsafe, and errs at times")
        self.safety.setChecked(preferences.safety_checker)

        sections: tuple[tuple[str, tuple[tuple[str, QWidget], ...]], ...] = (
            (
                "Appearance",
                (("Theme", self.theme), ("Mask overlay", self.overlay), ("", self.motion)),
            ),
            ("Document", (("Memory for undo", self.history), ("Autosave", self.autosave))),
            (
                "Engines",
                (
                    ("Select with", self.selector),
                    ("Edit with", self.editor),
                    ("Preset", self.preset),
                ),
            ),
            (
                "What generative AI paints",
                (
                    ("In exported files", self.provenance),
                    ("", self.watermark),
                    ("Safety", self.safety),
                ),
            ),
            (
                "Models",
                (
                    ("Models run on", self.device),
                    ("Memory for models", self.model_memory),
                    ("", self.offline),
                    ("", label("These take effect when OVEdit starts.", "dim")),
                ),
            ),
        )
        # One column would be taller than the screens of small computers.
        columns = QHBoxLayout()
        columns.setSpacing(_GAP)
        self.column.addLayout(columns)
        for part in (sections[:_LEFT], sections[_LEFT:]):
            column = QVBoxLayout()
            column.setSpacing(self.column.spacing())
            columns.addLayout(column, 1)
            for place, (title, rows) in enumerate(part):
                if place:
                    column.addWidget(rule())
                column.addWidget(label(title, "heading"))
                form = self.form()
                for name, field in rows:
                    if name:
                        self.add_row(form, name, field)
                    else:
                        form.addRow("", field)
                column.addLayout(form)
            column.addStretch(1)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.add_button("Save", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()
        self.setMinimumWidth(840)
        self.theme.currentIndexChanged.connect(
            lambda: self.theme_previewed.emit(self.theme.currentData())
        )

    def _combo(self, name: str, choices: Sequence[tuple[object, str]], value: object) -> ComboBox:
        combo = ComboBox(name)
        for key, words in choices:
            combo.addItem(words, key)
        combo.setCurrentIndex(max(0, combo.findData(value)))
        return combo

    @property
    def preferences(self) -> Preferences:
        """What is chosen."""
        return Preferences(
            theme=self.theme.currentData(),
            reduced_motion=self.motion.isChecked(),
            overlay_opacity=self.overlay.value / 100,
            history_mb=self.history.currentData(),
            autosave_seconds=self.autosave.currentData(),
            select_engine=self.selector.currentData(),
            edit_engine=self.editor.currentData(),
            preset=self.preset.currentData(),
            device=self.device.currentData(),
            model_memory=self.model_memory.currentData(),
            offline=self.offline.isChecked(),
            provenance=self.provenance.isChecked(),
            watermark=self.watermark.isChecked(),
            safety_checker=self.safety.isChecked(),
        )

    def reject(self) -> None:
        """Close and go back to the theme from before."""
        if self.theme.currentData() != self._before.theme:
            self.theme_previewed.emit(self._before.theme)
        super().reject()
