"""What a batch is to do: the folders, and the recipe in fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ovedit.engine.requests import EditKind
from ovedit.errors import UsageError
from ovedit.ui.dialogs.models.words import home_relative
from ovedit.ui.widgets.basics import ElidedLabel, label, rule, set_role
from ovedit.ui.widgets.buttons import CheckBox, ComboBox
from ovedit.ui.widgets.segmented import SegmentedControl
from ovedit.ui.widgets.slider import LabelledSlider
from ovedit.workflows.recipe import FORMATS, EngineUse, Recipe, Step

Engines = Callable[[EditKind], tuple[EngineUse, EngineUse, str]]
"""Who finds and who edits by the window's settings, and both in words."""

_FORMATS = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WebP",
    "tiff": "TIFF",
    "ora": "OpenRaster, with layers",
}
_KINDS = ((EditKind.REMOVE, "Remove"), (EditKind.REPLACE, "Replace"), (EditKind.RESTYLE, "Restyle"))
_LABEL_WIDTH = 84


class FolderField(QWidget):
    """A folder and the button to choose it. Signals: chosen(Path)."""

    chosen = Signal(object)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.path: Path | None = None
        self._words = ElidedLabel()
        self._words.set_look(dimmed=True)
        self.button = QPushButton("Choose…")
        self.button.setAutoDefault(False)
        self.button.setAccessibleName(f"Choose {title.lower()}")
        set_role(self.button, small=True)
        self.button.clicked.connect(self._choose)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self._words, 1)
        line.addWidget(self.button)
        self.set_path(None)

    def set_path(self, path: Path | None) -> None:
        """Show another folder."""
        self.path = path
        self._words.set_text("None yet" if path is None else home_relative(path))
        self._words.set_look(dimmed=path is None)

    def _choose(self) -> None:
        start = str(self.path) if self.path is not None else str(Path.home())
        folder = QFileDialog.getExistingDirectory(self, self._title, start)
        if folder:
            self.set_path(Path(folder))
            self.chosen.emit(self.path)


class BatchForm(QWidget):
    """Folders and recipe. `recipe()` is what the fields say.

    A recipe that was opened keeps what the fields do not show; one of several steps is shown in
    words and not changed.

    Signals: folders_changed(); open_requested() and save_requested() of a recipe's file.
    """

    folders_changed = Signal()
    open_requested = Signal()
    save_requested = Signal()

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self._engines = engines
        self._opened: Recipe | None = None
        self.photos = FolderField("Folder of the photos")
        self.subfolders = CheckBox("Folders inside it too")
        self.subfolders.setChecked(True)
        self.results = FolderField("Folder for the results")
        self.phrase = _line("Phrase", "wooden bench")
        self.kind = SegmentedControl("Kind of edit", [(str(k), word) for k, word in _KINDS])
        self.kind.set_current(str(EditKind.REPLACE))
        self.words = _line("Words", "metal bench")
        self.confidence = LabelledSlider("Least confidence", 0, 1, decimals=2, show_name=False)
        self.confidence.setToolTip("What is found with less is held for review, and not edited")
        self.confidence.set_value(0.5)
        self.format = ComboBox("Format")
        for key in FORMATS:
            self.format.addItem(_FORMATS[key], key)
        self._steps = label("")
        self._steps.setWordWrap(True)
        self._used = _wrapped("")
        self._lay_out()
        self.photos.chosen.connect(self._photos_chosen)
        self.results.chosen.connect(self.folders_changed)
        self.subfolders.toggled.connect(self.folders_changed)
        self.kind.chosen.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 12)
        column.setSpacing(12)
        column.addWidget(label("Photos", "heading"))
        folders = _form()
        _add(folders, "From", self.photos)
        folders.addRow("", self.subfolders)
        _add(folders, "Results to", self.results)
        column.addLayout(folders)
        column.addWidget(rule())
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(label("Recipe", "heading"))
        head.addStretch(1)
        for text, signal in (("Open…", self.open_requested), ("Save…", self.save_requested)):
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.setAccessibleName(f"{text[:-1]} a recipe")
            set_role(button, small=True)
            button.clicked.connect(signal)
            head.addWidget(button)
        column.addLayout(head)
        column.addWidget(self._steps)
        self._step_box = QWidget()
        step = _form()
        step.setContentsMargins(0, 0, 0, 0)
        self._step_box.setLayout(step)
        _add(step, "Find", self.phrase)
        _add(step, "Then", self.kind)
        _add(step, "With", self.words)
        _add(step, "Confidence", self.confidence)
        step.addRow("", label("Less than that is held for review.", "dim"))
        column.addWidget(self._step_box)
        output = _form()
        _add(output, "Write", self.format)
        output.addRow("", self._used)
        column.addLayout(output)
        column.addStretch(1)

    def recipe(self) -> Recipe:
        """What the fields say. Raises `UsageError` where that is no recipe."""
        base = self._opened
        if base is None or len(base.steps) == 1:
            kind = EditKind(self.kind.current)
            fields = {
                "kind": kind,
                "phrase": " ".join(self.phrase.text().split()),
                "prompt": "" if kind is EditKind.REMOVE else " ".join(self.words.text().split()),
                "least_confidence": round(self.confidence.value, 2),
            }
            step = Step(**fields) if base is None else replace(base.steps[0], **fields)
            base = Recipe((step,)) if base is None else replace(base, steps=(step,))
        select, edit, _ = self._engines(base.steps[0].kind)
        return replace(
            base,
            select=base.select if base.select.engine else select,
            edit=base.edit if base.edit.engine else edit,
            output=replace(base.output, format=self.format.currentData()),
            subfolders=self.subfolders.isChecked(),
        )

    def folders(self) -> tuple[Path, Path]:
        """Where the photos are and where results go. Raises `UsageError` where one is missing."""
        if self.photos.path is None:
            raise UsageError("No folder of photos is chosen.", "Choose one.")
        if self.results.path is None:
            raise UsageError("No folder for the results is chosen.", "Choose one.")
        return self.photos.path, self.results.path

    def show_recipe(self, recipe: Recipe) -> None:
        """Put an opened recipe into the fields."""
        self._opened = recipe
        step = recipe.steps[0]
        self.phrase.setText(step.phrase)
        self.kind.set_current(str(step.kind))
        self.words.setText(step.prompt)
        self.confidence.set_value(step.least_confidence)
        self.format.setCurrentIndex(FORMATS.index(recipe.output.format))
        self.subfolders.setChecked(recipe.subfolders)
        self._show()

    def show_engines(self) -> None:
        """Say anew who finds and who edits: the window's settings are others."""
        self._show()

    def _photos_chosen(self, folder: Path) -> None:
        if self.results.path is None:
            self.results.set_path(folder.with_name(f"{folder.name} edited"))
        self.folders_changed.emit()

    def _show(self) -> None:
        several = self._opened is not None and len(self._opened.steps) > 1
        self._step_box.setVisible(not several)
        self._steps.setVisible(several)
        if several and self._opened is not None:
            lines = (f"{n}. {step.title}" for n, step in enumerate(self._opened.steps, 1))
            self._steps.setText("\n".join(lines))
        self.words.setEnabled(self.kind.current != EditKind.REMOVE)
        _, _, said = self._engines(EditKind(self.kind.current))
        own = [] if self._opened is None else [self._opened.select.engine, self._opened.edit.engine]
        self._used.setText(
            f"Engines of the recipe: {', '.join(dict.fromkeys(filter(None, own)))}."
            if any(own)
            else said
        )


def _wrapped(text: str) -> QLabel:
    words = label(text, "dim")
    words.setWordWrap(True)
    return words


def _line(name: str, example: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setPlaceholderText(example)
    return field


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(10)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def _add(form: QFormLayout, name: str, field: QWidget) -> None:
    words = label(name, "dim")
    words.setBuddy(field)
    words.setMinimumSize(_LABEL_WIDTH, 28)
    if not isinstance(field, SegmentedControl):
        field.setSizePolicy(QSizePolicy.Policy.Expanding, field.sizePolicy().verticalPolicy())
    form.addRow(words, field)
