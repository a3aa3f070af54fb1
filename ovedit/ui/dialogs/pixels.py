"""Asking by how many pixels."""

from __future__ import annotations

from PySide6.QtWidgets import QDialogButtonBox, QWidget

from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.widgets.slider import NumberField

_MOST = 1000


class PixelsDialog(FormDialog):
    """Asks for a number of pixels. `pixels` holds it after `exec()` returned accepted."""

    def __init__(self, verb: str, pixels: int = 5, parent: QWidget | None = None) -> None:
        super().__init__(verb, parent)
        self.field = NumberField(f"{verb} by", 1, _MOST, unit="px")
        self.field.set_value(pixels)
        form = self.form()
        self.add_row(form, f"{verb} by", self.field)
        self.column.addLayout(form)
        self.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.add_button(verb, QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()
        self.setMinimumWidth(320)
        self.field.setFocus()
        self.field.selectAll()

    @property
    def pixels(self) -> int:
        """What is chosen, 1 to 1000."""
        return round(self.field.value)
