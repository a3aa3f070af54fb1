"""Remove, replace or restyle: the second line of the prompt card once there is a mask."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from ovedit.ui.prompt.edit_menu import EditMenu
from ovedit.ui.prompt.wish import EditWish
from ovedit.ui.widgets.basics import set_role
from ovedit.ui.widgets.buttons import CheckBox, GlyphButton
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.segmented import SegmentedControl

_PLACEHOLDERS = {
    "replace": "What should be there, for example metal bench",
    "restyle": "How should it look, for example golden",
}
_NAMES = {"replace": "What should be there", "restyle": "How it should look"}


class EditLine(QWidget):
    """What to do, the words for it, Apply; the rest in a menu.

    Signals: applied() by Apply or Enter, where it can be; changed() after something was chosen.
    """

    applied = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kind = SegmentedControl(
            "What to do", [("remove", "Remove"), ("replace", "Replace"), ("restyle", "Restyle")]
        )
        self.kind.set_current("replace")
        self.kind.chosen.connect(self._kind_chosen)
        self.words = HistoryField("", "")
        self.words.setMinimumWidth(60)
        self.words.entered.connect(lambda _text: self.apply())
        # In the place of the words where none are needed.
        self._spacer = QWidget()
        self._spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.shadow_box = CheckBox("")
        self.shadow_box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.shadow_box.toggled.connect(self.changed)
        room = QHBoxLayout(self._spacer)
        room.setContentsMargins(4, 0, 0, 0)
        room.addWidget(self.shadow_box)
        room.addStretch(1)
        self.menu = EditMenu(self)
        self.menu.changed.connect(self.changed)
        self.seed_field, self.negative_field = self.menu.seed_field, self.menu.negative_field
        self.set_uses_negative, self.set_seed = self.menu.set_uses_negative, self.menu.set_seed
        self.set_variations = self.menu.set_variations
        self.variations_button = GlyphButton("", "chevron-down")
        self.variations_button.setMenu(self.menu)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(self.apply_button, primary=True)
        self.apply_button.clicked.connect(self.apply)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.kind)
        layout.addWidget(self.words, 1)
        layout.addWidget(self._spacer, 1)
        layout.addWidget(self.variations_button)
        layout.addWidget(self.apply_button)
        self.offer_shadow("")
        self._kind_chosen()

    @property
    def edit_words(self) -> str:
        """The words for the edit; empty for remove, which needs none."""
        return "" if self.kind.current == "remove" else self.words.text().strip()

    @property
    def variations(self) -> int:
        """How many results an edit gives."""
        return self.menu.variations

    @property
    def seed(self) -> int:
        """What the engine's random choices begin with."""
        return self.menu.seed

    @property
    def wish(self) -> EditWish:
        """What is asked for."""
        menu, kind = self.menu, self.kind.current
        grow, feather = menu.edge or (None, None)
        return EditWish(
            kind,
            self.edit_words,
            menu.variations,
            menu.seed,
            menu.negative_prompt,
            grow,
            feather,
            menu.options,
            kind == "remove" and not self.shadow_box.isHidden() and self.shadow_box.isChecked(),
        )

    def offer_shadow(self, what: str) -> None:
        """Offer to remove a shadow or reflection too, named by `what`; "" for none."""
        self.shadow_box.setText(f"and its {what}")
        self.shadow_box.setVisible(bool(what))
        if not what:
            self.shadow_box.setChecked(False)

    def set_edit(self, kind: str, words: str) -> None:
        """Choose what to do and write the words for it."""
        self.kind.set_current(kind)
        self.words.setText(words)
        self._kind_chosen()

    def set_kinds(self, kinds: dict[str, str]) -> None:
        """For each of remove, replace and restyle: empty, or why the engine cannot do it."""
        for key, reason in kinds.items():
            self.kind.set_choice_enabled(key, not reason, reason)
        self.changed.emit()

    def focus(self) -> None:
        """Put the cursor into the words, or the focus on Apply where none are needed."""
        reason = Qt.FocusReason.ShortcutFocusReason
        if self.kind.current == "remove":
            self.apply_button.setFocus(reason)
        else:
            self.words.setFocus(reason)
            self.words.selectAll()

    def refresh(self, *, can_apply: bool, narrow: bool) -> None:
        """Show what can be done now; `narrow` shortens the words on the buttons."""
        kind, count = self.kind.current, self.variations
        wanted = kind == "remove" or bool(self.edit_words)
        self.apply_button.setEnabled(can_apply and wanted and self.kind.button(kind).isEnabled())
        text = f"{count} ×" if narrow else "1 variation" if count == 1 else f"{count} variations"
        if self.variations_button.text() != text:
            self.variations_button.setText(text)
            self.variations_button.updateGeometry()
        self.variations_button.setAccessibleName(f"Variations: {count}")
        avoided = self.menu.negative_prompt
        self.variations_button.setToolTip(f"Avoids: {avoided}" if avoided else "")
        self.menu.refresh()

    def apply(self) -> None:
        """Ask for the edit, where it can be done now."""
        if self.apply_button.isEnabled():
            self.applied.emit()

    def _kind_chosen(self) -> None:
        kind = self.kind.current
        self.words.setVisible(kind != "remove")
        self._spacer.setVisible(kind == "remove")
        if kind in _PLACEHOLDERS:
            self.words.setPlaceholderText(_PLACEHOLDERS[kind])
            self.words.setAccessibleName(_NAMES[kind])
        self.changed.emit()
