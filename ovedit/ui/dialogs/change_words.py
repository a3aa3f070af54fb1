"""Other words, seed and strength for an edit that runs again; and how it was made."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QLineEdit, QWidget

from ovedit.document import EditRecipe
from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.prompt.edit_menu import MAX_SEED, STRENGTH, STRENGTHS
from ovedit.ui.widgets.basics import label, rule
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.slider import LabelledSlider, NumberField

USUAL_STRENGTH = 0.6
_ASKED = frozenset({"Words", "Avoids", "Seed"})
"""Lines of how it was made that the fields above show already."""
_WIDTH, _VALUE_WIDTH = 480, 300


@dataclass(frozen=True)
class Wish:
    """What an edit is to be run again with. options: see `EditRequest`."""

    words: str
    negative_prompt: str = ""
    seed: int = 0
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)


class ChangeWordsDialog(FormDialog):
    """Asks how an edit is to be made anew; `wish` holds the answer after `exec()` was accepted."""

    def __init__(
        self,
        name: str,
        recipe: EditRecipe,
        made: Sequence[tuple[str, str]],
        *,
        uses_negative: bool,
        uses_strength: bool,
        parent: QWidget | None = None,
    ) -> None:
        """made: how it was made, as (name, value) lines, see `how_made`."""
        super().__init__(f"Change words: {name}", parent)
        self._recipe = recipe
        self.words = QLineEdit(recipe.prompt)
        self.negative = QLineEdit(recipe.negative_prompt)
        self.seed = NumberField("Seed", 0, MAX_SEED)
        self.seed.set_value(recipe.seed)
        self.strength = LabelledSlider("Strength", *STRENGTHS, decimals=2, show_name=False)
        self.strength.setToolTip("How far it may go from what is there")
        self.strength.set_value(float(recipe.options.get(STRENGTH, USUAL_STRENGTH)))
        self._restyles = uses_strength and recipe.kind == "restyle"
        form = self.form()
        for name, field, wanted in (
            ("Words", self.words, recipe.kind != "remove"),
            ("Avoid", self.negative, uses_negative),
            ("Strength", self.strength, self._restyles),
        ):
            if wanted:
                self.add_row(form, name, field)
            else:
                field.setParent(self)
                field.hide()
        self.add_row(form, "Seed", self._seed_line())
        self.column.addLayout(form)
        self.column.addWidget(rule())
        self._show_recipe(made)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.run_button = self.add_button(
            "Run again", QDialogButtonBox.ButtonRole.AcceptRole, default=True
        )
        self.words.textChanged.connect(self._refresh)
        self.finish()
        self.setMinimumWidth(_WIDTH)
        self._refresh()

    def _seed_line(self) -> QWidget:
        another = IconButton("vary", "Another seed")
        another.clicked.connect(lambda: self.seed.set_value(secrets.randbelow(MAX_SEED + 1)))
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.seed)
        layout.addWidget(another)
        layout.addStretch(1)
        return line

    def _show_recipe(self, made: Sequence[tuple[str, str]]) -> None:
        self.column.addWidget(label("How it was made", "heading"))
        form = self.form()
        form.setVerticalSpacing(4)
        for name, value in made:
            if name in _ASKED:
                continue
            words = label(value)
            words.setWordWrap(True)
            # A form gives no height for the width; without this the last lines are cut.
            words.setMinimumHeight(words.heightForWidth(_VALUE_WIDTH))
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.add_row(form, name, words)
        self.column.addLayout(form)

    @property
    def wish(self) -> Wish:
        """What is asked for."""
        options = dict(self._recipe.options)
        if self._restyles:
            options[STRENGTH] = f"{self.strength.value:g}"
        words = " ".join(self.words.text().split())
        return Wish(words, self.negative.text().strip(), round(self.seed.value), options)

    def _refresh(self) -> None:
        needed = self._recipe.kind != "remove"
        self.run_button.setEnabled(not needed or bool(self.words.text().strip()))
