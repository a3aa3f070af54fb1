"""Choosing format and quality for an export, with the size it would have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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


class ExportDialog(FormDialog):
    """Asks how to export. `options` holds the answer after `exec()` returned accepted.

    `estimate` gives the size in bytes of a file with these options; it is asked a moment after the
    last change, and may raise `OVEditError`, which is shown.
    """

    def __init__(
        self,
        options: ExportOptions,
        *,
        has_exif: bool = True,
        estimate: Callable[[ExportOptions], int] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Export", parent)
        self._estimate = estimate
        self._qualities = {"jpeg": options.quality, "webp": options.quality}
        self.format_combo = ComboBox("Format")
        for key in EXPORT_FORMATS:
            self.format_combo.addItem(_TITLES[key], key)
        self.format_combo.setCurrentIndex(EXPORT_FORMATS.index(options.format))
        self.note = label("", "dim")
        self.quality = LabelledSlider("Quality", 1, 100, show_name=False)
        self.quality.set_value(options.quality)
        self.exif = CheckBox("Keep camera data (EXIF)")
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
        self.setMinimumWidth(460)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.add_button("Export…", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(150)
        self._timer.timeout.connect(self._show_size)
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
            self.size_label.setText("…")
            self._timer.start()

    def _show_size(self) -> None:
        assert self._estimate is not None
        try:
            size = self._estimate(replace(self.options))
        except OVEditError as error:
            self.size_label.setText(str(error))
            return
        words = QLocale(QLocale.Language.English).formattedDataSize(
            size, 1, QLocale.DataSizeFormat.DataSizeSIFormat
        )
        self.size_label.setText(f"About {words}")

    def done(self, result: int) -> None:
        """Close, and stop estimating."""
        self._timer.stop()
        super().done(result)
