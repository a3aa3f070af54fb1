"""Size and background of a new, empty document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QWidget

from ovedit.geometry import Size
from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.buttons import ComboBox, IconButton
from ovedit.ui.widgets.slider import NumberField

Background = Literal["white", "black", "transparent"]
_BACKGROUNDS: tuple[tuple[Background, str], ...] = (
    ("white", "White"),
    ("black", "Black"),
    ("transparent", "Transparent"),
)
_PRESETS: tuple[tuple[str, Size], ...] = (
    ("Full HD, 1920 × 1080", Size(1920, 1080)),
    ("Photograph 3:2, 3000 × 2000", Size(3000, 2000)),
    ("Photograph 4:3, 4000 × 3000", Size(4000, 3000)),
    ("Square, 2048 × 2048", Size(2048, 2048)),
    ("A4 at 300 dpi, 2480 × 3508", Size(2480, 3508)),
)
_MAX_SIDE = 60_000


@dataclass(frozen=True)
class NewDocument:
    """Size in pixels and what fills the first layer."""

    size: Size = field(default_factory=lambda: _PRESETS[0][1])
    background: Background = "white"


class NewDialog(FormDialog):
    """Asks for the size of a new document. `document` holds the answer after `exec()` returned
    accepted. More than `max_pixels` cannot be asked for.
    """

    def __init__(
        self,
        document: NewDocument | None = None,
        *,
        max_pixels: int = 256_000_000,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("New document", parent)
        start = document or NewDocument()
        self._max_pixels = max_pixels
        self.preset = ComboBox("Preset")
        self.preset.addItem("Own size")
        for name, size in _PRESETS:
            self.preset.addItem(name, size)
        self.width_field = NumberField("Width", 1, _MAX_SIDE, unit="px")
        self.height_field = NumberField("Height", 1, _MAX_SIDE, unit="px")
        swap = IconButton("swap", "Swap width and height")
        swap.clicked.connect(self._swap)
        sides = QWidget()
        line = QHBoxLayout(sides)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.width_field)
        line.addWidget(label("×", "dim"))
        line.addWidget(self.height_field)
        line.addWidget(swap)
        line.addStretch(1)
        self.background = ComboBox("Background")
        for key, name in _BACKGROUNDS:
            self.background.addItem(name, key)
        self.background.setCurrentIndex(self.background.findData(start.background))
        self.note = label("", "dim")
        form = self.form()
        self.add_row(form, "Preset", self.preset)
        self.add_row(form, "Size", sides)
        self.add_row(form, "Background", self.background)
        form.addRow("", self.note)
        self.column.addLayout(form)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.create_button = self.add_button(
            "Create", QDialogButtonBox.ButtonRole.AcceptRole, default=True
        )
        self.finish()
        self.setMinimumWidth(440)
        self.preset.activated.connect(self._preset_chosen)
        self.width_field.edited.connect(self._refresh)
        self.height_field.edited.connect(self._refresh)
        self._show(start.size)

    @property
    def document(self) -> NewDocument:
        """What is chosen."""
        return NewDocument(self._size(), self.background.currentData())

    def _size(self) -> Size:
        return Size(round(self.width_field.value), round(self.height_field.value))

    def _show(self, size: Size) -> None:
        self.width_field.set_value(size.width)
        self.height_field.set_value(size.height)
        self._refresh()

    def _preset_chosen(self) -> None:
        size = self.preset.currentData()
        if size is not None:
            self._show(size)

    def _swap(self) -> None:
        size = self._size()
        self._show(Size(size.height, size.width))

    def _refresh(self) -> None:
        size = self._size()
        sizes = [preset for _name, preset in _PRESETS]
        self.preset.setCurrentIndex(sizes.index(size) + 1 if size in sizes else 0)
        locale = QLocale(QLocale.Language.English)
        megapixels = locale.toString(size.area / 1e6, "f", 1)
        fits = size.area <= self._max_pixels
        limit = locale.toString(self._max_pixels / 1e6, "f", 0)
        self.note.setText(
            f"{megapixels} megapixels"
            if fits
            else f"{megapixels} megapixels; the limit is {limit}. Choose a smaller size."
        )
        self.create_button.setEnabled(fits)
