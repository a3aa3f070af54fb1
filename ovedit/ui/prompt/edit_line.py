"""Remove, replace or restyle: the second line of the prompt card once there is a mask."""

from __future__ import annotations

import secrets

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget, QWidgetAction

from ovedit.ui.widgets.basics import label, set_role
from ovedit.ui.widgets.buttons import GlyphButton, IconButton
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.segmented import SegmentedControl
from ovedit.ui.widgets.slider import NumberField

VARIATIONS = (1, 2, 4)
MAX_SEED = 2**31 - 1
_PLACEHOLDERS = {
    "replace": "What should be there, for example metal bench",
    "restyle": "How should it look, for example golden",
}
_NAMES = {"replace": "What should be there", "restyle": "How it should look"}


class EditLine(QWidget):
    """What to do, the words for it, Apply; in a menu how many variations, the seed, what to avoid.

    Signals: applied() by Apply or Enter, where it can be; changed() after something was chosen.
    """

    applied = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._variations = 1
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
        self.variations_button = GlyphButton("", "chevron-down")
        self.variations_button.setMenu(self._build_menu())
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
        self._kind_chosen()

    def _build_menu(self) -> QMenu:
        menu = QMenu(self)
        self._counts = QActionGroup(menu)
        for count in VARIATIONS:
            action = menu.addAction("1 variation" if count == 1 else f"{count} variations")
            action.setCheckable(True)
            action.setData(count)
            self._counts.addAction(action)
        self._counts.triggered.connect(lambda action: self.set_variations(action.data()))
        menu.addSeparator()
        seed = QWidgetAction(menu)
        seed.setDefaultWidget(self._build_seed())
        menu.addAction(seed)
        self._negative = QWidgetAction(menu)
        self._negative.setDefaultWidget(self._build_negative(menu))
        self._negative.setVisible(False)
        menu.addAction(self._negative)
        return menu

    def _build_seed(self) -> QWidget:
        """In the menu, because few need it: the same seed gives the same result again."""
        self.seed_field = NumberField("Seed", 0, MAX_SEED)
        self.seed_field.setToolTip("The same seed gives the same result")
        another = IconButton("vary", "Another seed")
        another.clicked.connect(lambda: self.set_seed(secrets.randbelow(MAX_SEED + 1)))
        return _menu_line("Seed", self.seed_field, another)

    def _build_negative(self, menu: QMenu) -> QWidget:
        self.negative_field = HistoryField("What to avoid", "for example text")
        self.negative_field.setToolTip("What the result should not show (negative prompt)")
        self.negative_field.textChanged.connect(self.changed)
        for leaves in (self.negative_field.entered, self.negative_field.escape):
            leaves.connect(menu.close)
        return _menu_line("Avoid", self.negative_field)

    @property
    def edit_words(self) -> str:
        """The words for the edit; empty for remove, which needs none."""
        return "" if self.kind.current == "remove" else self.words.text().strip()

    @property
    def variations(self) -> int:
        """How many results an edit gives."""
        return self._variations

    @property
    def seed(self) -> int:
        """What the engine's random choices begin with."""
        return int(self.seed_field.value)

    @property
    def negative_prompt(self) -> str:
        """What the result should not show; empty where the engine does not heed it."""
        return self.negative_field.text().strip() if self._negative.isVisible() else ""

    def set_uses_negative(self, uses: bool) -> None:
        """Whether the engine heeds a negative prompt: shows or hides its field."""
        self._negative.setVisible(uses)
        self.changed.emit()

    def set_seed(self, seed: int) -> None:
        """Let the engine's random choices begin with this."""
        self.seed_field.set_value(seed)
        self.changed.emit()

    def set_edit(self, kind: str, words: str) -> None:
        """Choose what to do and write the words for it."""
        self.kind.set_current(kind)
        self.words.setText(words)
        self._kind_chosen()

    def set_variations(self, count: int) -> None:
        """How many results an edit gives: 1, 2 or 4."""
        self._variations = count
        self.changed.emit()

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
        kind, count = self.kind.current, self._variations
        wanted = kind == "remove" or bool(self.edit_words)
        self.apply_button.setEnabled(can_apply and wanted and self.kind.button(kind).isEnabled())
        text = f"{count} ×" if narrow else "1 variation" if count == 1 else f"{count} variations"
        if self.variations_button.text() != text:
            self.variations_button.setText(text)
            self.variations_button.updateGeometry()
        self.variations_button.setAccessibleName(f"Variations: {count}")
        avoided = self.negative_prompt
        self.variations_button.setToolTip(f"Avoids: {avoided}" if avoided else "")
        for action in self._counts.actions():
            action.setChecked(action.data() == count)

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


def _menu_line(name: str, *fields: QWidget) -> QWidget:
    """A named field in a menu, and what belongs to it."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(12, 2, 8, 2)
    layout.setSpacing(8)
    words = label(name, "dim")
    words.setMinimumWidth(words.fontMetrics().horizontalAdvance("Avoid"))
    layout.addWidget(words)
    first, *others = fields
    layout.addWidget(first, 1)
    for field in others:
        layout.addWidget(field)
    return line
