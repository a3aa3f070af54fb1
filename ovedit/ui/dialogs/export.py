"""Choosing format and quality for an export, with the size it would have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from PySide6.QtCore import QLocale, QTimer
from PySide6.QtWidgets import QDialogButtonBox, QWidget

from ovedit.errors import OVEditError
from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.buttons import CheckBox, ComboBox
from ovedit.ui.widgets.slider import LabelledSlider

ExportFormat = Literal["png", "jpeg", "webp", "tiff"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_TITLES = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "tiff": "TIFF"}
_WITH_QUALITY = {"jpeg", "webp"}
_NOTES = {
    "png": "Lossless, keeps transparency.",
    "jpeg": "Small, for photographs. Transparent parts become white.",
    "webp": "Smaller than JPEG, keeps transparency.",
    "tiff": "Lossless, for print and other editors.",
}


@dataclass(frozen=True)
class ExportOptions:
    """How to write a picture: the quality counts for JPEG and WebP only."""

    format: ExportFormat = "jpeg"
    quality: int = 92
    keep_exif: bool = True


Estimate = Callable[[ExportOptions, Callable[[int], None], Callable[[OVEditError], None]], object]


class ExportDialog(FormDialog):
    """Asks how to export. `options` holds the answer after `exec()` returned accepted.

    `estimate` finds the size in bytes of a file with these options and calls the first function
    with it, or the second with an error, which is shown. It is asked a moment after the last
    change, and not again before it has answered.
    """

    def __init__(
        self,
        options: ExportOptions,
        *,
        has_exif: bool = True,
        estimate: Estimate | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Export", parent)
        self._estimate = estimate
        self._asked: ExportOptions | None = None
        self._closed = False
        self._qualities = {"jpeg": options.quality, "webp": options.quality}
        self.format_combo = ComboBox("Format")
        for key in EXPORT_FORMATS:
            self.format_combo.addItem(_TITLES[key], key)
        self.format_combo.setCurrentIndex(EXPORT_FORMATS.index(options.format))
        self.note = label("", "dim")
        self.note.setWordWrap(True)
        self.quality = LabelledSlider("Quality", 1, 100, show_name=False)
        self.quality.set_value(options.quality)
        self.exif = CheckBox("Keep camera data (EXIF, XMP)")
        self.exif.setChecked(options.keep_exif and has_exif)
        self.exif.setEnabled(has_exif)
        if not has_exif:
            self.exif.setToolTip("This picture has no camera data.")
        self.size_label = label("–")

        form = self.form()
        self.add_row(form, "Format", self.format_combo)
        form.addRow("", self.note)
        self.add_row(form, "Quality", self.quality)
        form.addRow("", self.exif)
        self.add_row(form, "Size", self.size_label)
        self.column.addLayout(form)
        self.setMinimumWidth(540)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.add_button("Export…", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(150)
        self._timer.timeout.connect(self._ask_size)
        self.format_combo.currentIndexChanged.connect(self._changed)
        self.quality.moved.connect(self._changed)
        self.exif.toggled.connect(self._changed)
        self._changed()

    @property
    def options(self) -> ExportOptions:
        """What is chosen."""
        return ExportOptions(
            format=self.format_combo.currentData(),
            quality=round(self.quality.value),
            keep_exif=self.exif.isChecked(),
        )

    def _changed(self) -> None:
        chosen = self.options
        self.note.setText(_NOTES[chosen.format])
        self.quality.setEnabled(chosen.format in _WITH_QUALITY)
        if self._estimate is not None:
            self.size_label.setText("Measuring…")
            self._timer.start()

    def _ask_size(self) -> None:
        if self._estimate is not None and self._asked is None:
            self._asked = self.options
            self._estimate(self._asked, self._show_size, lambda error: self._show(str(error)))

    def _show_size(self, size: int) -> None:
        words = QLocale(QLocale.Language.English).formattedDataSize(
            size, 1, QLocale.DataSizeFormat.DataSizeSIFormat
        )
        self._show(f"About {words}")

    def _show(self, answer: str) -> None:
        if self._closed:
            return
        asked, self._asked = self._asked, None
        if asked == self.options:
            self.size_label.setText(answer)
        elif not self._timer.isActive():
            self._ask_size()

    def done(self, result: int) -> None:
        """Close, and ask no more."""
        self._closed = True
        self._timer.stop()
        super().done(result)
