"""What all dialogs share: a column with margins, a form, and the buttons at its foot."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.widgets.basics import label

_LABEL_WIDTH = 124
_FOCUS_BORDER = 1
"""Pixels by which the border of the default button grows with the focus, on each side."""


def _make_room_for_bold(button: QPushButton) -> None:
    """Qt measures a button's text in its usual weight; the default one is set in semibold."""
    button.ensurePolished()
    bold = button.font()
    wide = button.fontMetrics().horizontalAdvance(button.text())
    bold.setWeight(QFont.Weight.DemiBold)
    wider = QFontMetrics(bold).horizontalAdvance(button.text())
    button.setMinimumWidth(button.sizeHint().width() + wider - wide + 2 * _FOCUS_BORDER)


class FormDialog(QDialog):
    """A modal dialog with a column of content above its buttons."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 20, 20, 16)
        self.column.setSpacing(12)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        self.buttons.addStretch(1)

    def form(self) -> QFormLayout:
        """A form whose names are dim and lined up at the left."""
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        return form

    def add_row(self, form: QFormLayout, name: str, field: QWidget) -> None:
        """Put a named field into a form."""
        words = label(name, "dim")
        words.setBuddy(field)
        words.setMinimumSize(_LABEL_WIDTH, 26)
        field.setSizePolicy(QSizePolicy.Policy.Expanding, field.sizePolicy().verticalPolicy())
        if not field.accessibleName():
            field.setAccessibleName(name)
        form.addRow(words, field)

    def add_button(
        self, text: str, role: QDialogButtonBox.ButtonRole, *, default: bool = False
    ) -> QPushButton:
        """Put a button at the foot: accepting, rejecting, or doing neither."""
        button = QPushButton(text)
        button.setAutoDefault(default)
        button.setDefault(default)
        if default:
            _make_room_for_bold(button)
        if role is QDialogButtonBox.ButtonRole.AcceptRole:
            button.clicked.connect(self.accept)
        elif role is QDialogButtonBox.ButtonRole.RejectRole:
            button.clicked.connect(self.reject)
        self.buttons.addWidget(button)
        return button

    def accept(self) -> None:
        """Take what is still being typed, and close: a click on a button need not move the focus
        (macOS).
        """
        field = self.focusWidget()
        if field is not None:
            field.clearFocus()
        super().accept()

    def finish(self) -> None:
        """Close the column with the row of buttons."""
        self.column.addSpacing(4)
        self.column.addLayout(self.buttons)
