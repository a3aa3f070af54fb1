"""Every setting of an engine, to be looked up and changed; few people need more than a preset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ovedit.engine.protocols import SettingLine
from ovedit.errors import OVEditError
from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.widgets.basics import label, rule, set_role
from ovedit.ui.widgets.buttons import ComboBox, IconButton

_FIELD_WIDTH = 210
Describe = Callable[[Mapping[str, str]], Sequence[SettingLine]]


class SettingRow(QWidget):
    """What a setting does, its key and why it is as it is; its value; back to the preset's.

    Signals: changed().
    """

    changed = Signal()

    def __init__(self, line: SettingLine, value: str) -> None:
        """line: as the preset has it. value: as it is now."""
        super().__init__()
        self.key, self._usual = line.key, line.value
        self.words = f"{line.key} {line.meaning}".casefold()
        self.field = _field(line, value)
        self.field.setFixedWidth(_FIELD_WIDTH)
        meaning = _wrapped(line.meaning[:1].upper() + line.meaning[1:])
        meaning.setBuddy(self.field)
        self.reset_button = IconButton("undo", f"Back to {line.value}")
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset_button.setSizePolicy(policy)
        self.reset_button.clicked.connect(self.reset)
        text = QVBoxLayout()
        text.setSpacing(1)
        text.addWidget(meaning)
        text.addWidget(_wrapped(f"{line.key} · {line.why}", "dim"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 7, 6, 7)
        row.setSpacing(12)
        row.addLayout(text, 1)
        row.addWidget(self.field, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignVCenter)
        if isinstance(self.field, ComboBox):
            self.field.currentTextChanged.connect(self._changed)
        else:
            self.field.textChanged.connect(self._changed)
        self._changed()

    @property
    def value(self) -> str:
        """What the field says."""
        field = self.field
        return field.currentText() if isinstance(field, ComboBox) else field.text().strip()

    @property
    def is_own(self) -> bool:
        """Whether the value is another than the preset's."""
        return self.value != self._usual

    def reset(self) -> None:
        """Take the preset's value."""
        if isinstance(self.field, ComboBox):
            self.field.setCurrentText(self._usual)
        else:
            self.field.setText(self._usual)

    def _changed(self) -> None:
        self.reset_button.setVisible(self.is_own)
        self.changed.emit()


class EngineSettingsDialog(FormDialog):
    """Edits the settings of one engine. `options` holds the answer after `exec()` was accepted.

    What is another than the preset's is kept for all presets, and can be taken back one by one.
    """

    def __init__(
        self,
        title: str,
        preset: str,
        describe: Describe,
        options: Mapping[str, str],
        parent: QWidget | None = None,
    ) -> None:
        """title: of the engine. describe: all settings with the options put in place of the
        preset's values; raises `OVEditError` for one that is wrong.
        """
        super().__init__("Engine settings", parent)
        self._describe = describe
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a setting")
        self.search.setAccessibleName("Find a setting")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self._problem = _wrapped("", "message")
        set_role(self._problem, kind="error")
        self._problem.hide()
        lines = describe({})
        own = {key.replace("-", "_").lower(): value for key, value in options.items()}
        # What no setting is called any more stays out of the way, and is gone after Save.
        self.rows = {line.key: SettingRow(line, own.get(line.key, line.value)) for line in lines}
        page = QWidget()
        page.setObjectName("rows")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(0)
        self._rules: dict[str, QWidget] = {}
        for row in self.rows.values():
            row.changed.connect(self._show_own)
            column.addWidget(row)
            self._rules[row.key] = rule()
            column.addWidget(self._rules[row.key])
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        self.column.addWidget(label(f"{title} · {preset}", "title"))
        self.column.addWidget(
            _wrapped("What you change here holds for this engine with every preset.", "dim")
        )
        self.column.addWidget(self.search)
        self.column.addWidget(area, 1)
        self.column.addWidget(self._problem)
        self.reset_all = self.add_button("Reset all", QDialogButtonBox.ButtonRole.ResetRole)
        self.reset_all.clicked.connect(self._reset_all)
        self.buttons.removeWidget(self.reset_all)
        self.buttons.insertWidget(0, self.reset_all)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.add_button("Save", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()
        self.resize(640, 640)
        self._show_own()

    @property
    def options(self) -> dict[str, str]:
        """What is another than the preset's."""
        return {key: row.value for key, row in self.rows.items() if row.is_own}

    def accept(self) -> None:
        """Close where all values are right; else say what is wrong with which."""
        try:
            self._describe(self.options)
        except OVEditError as error:
            self._problem.setText(str(error))
            self._problem.show()
        else:
            super().accept()

    def _reset_all(self) -> None:
        for row in self.rows.values():
            row.reset()

    def _show_own(self) -> None:
        self.reset_all.setEnabled(bool(self.options))
        self._problem.hide()

    def _filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for key, row in self.rows.items():
            shown = wanted in row.words
            row.setVisible(shown)
            self._rules[key].setVisible(shown)


def _field(line: SettingLine, value: str) -> ComboBox | QLineEdit:
    name = f"{line.key}: {line.meaning}"
    if not line.choices:
        field = QLineEdit(value)
        field.setCursorPosition(0)
        field.setAccessibleName(name)
        return field
    combo = _Calm(name)
    # A value from a file may be none of them; it is shown, and refused on Save.
    combo.addItems(list(dict.fromkeys((*line.choices, value))))
    combo.setCurrentText(value)
    return combo


class _Calm(ComboBox):
    """The wheel scrolls the list of settings, and must not change what it passes over."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def _wrapped(text: str, role: str = "") -> QLabel:
    words = label(text, role)
    words.setWordWrap(True)
    words.setMinimumWidth(1)
    return words
