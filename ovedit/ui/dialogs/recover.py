"""After a crash: which of the autosaved documents to open again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.widgets.basics import ElidedLabel, Thumbnail, label
from ovedit.ui.widgets.buttons import CheckBox

_NAME_WIDTH = 220


@dataclass(frozen=True)
class Recoverable:
    """One autosave: id to hand back, the document's name, when it was kept, a small picture."""

    id: str
    name: str
    detail: str = ""
    thumbnail: QImage = field(default_factory=QImage)


class RecoverDialog(FormDialog):
    """Asks what to open again. `chosen` holds the ticked ids, `discarded` whether the person asked
    to throw the autosaves away; closing the dialog otherwise keeps them for the next start.
    """

    def __init__(self, found: Sequence[Recoverable], parent: QWidget | None = None) -> None:
        super().__init__("Recover documents", parent)
        self.discarded = False
        self._boxes: dict[str, CheckBox] = {}
        many = len(found) > 1
        self.column.addWidget(label("OVEdit did not close properly last time.", "strong"))
        words = "These documents have changes" if many else "This document has changes"
        self.column.addWidget(label(f"{words} that were not saved.", "dim"))
        for item in found:
            self.column.addLayout(self._row(item))
        discard = QPushButton("Discard")
        discard.setAutoDefault(False)
        discard.clicked.connect(self._discard)
        self.buttons.insertWidget(0, discard)
        self.add_button("Later", QDialogButtonBox.ButtonRole.RejectRole)
        self.open_button = self.add_button(
            "Open again", QDialogButtonBox.ButtonRole.AcceptRole, default=True
        )
        self.finish()
        self.setMinimumWidth(420)

    def _row(self, item: Recoverable) -> QHBoxLayout:
        box = CheckBox()
        box.setChecked(True)
        box.setAccessibleName(f"Open {item.name} again")
        box.toggled.connect(self._refresh)
        self._boxes[item.id] = box
        picture = Thumbnail(60, 44, 4)
        picture.set_image(item.thumbnail)
        words = QVBoxLayout()
        words.setSpacing(0)
        name = ElidedLabel(item.name)
        name.setMinimumWidth(_NAME_WIDTH)
        words.addWidget(name)
        words.addWidget(label(item.detail, "dim"))
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(box, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(picture)
        line.addLayout(words, 1)
        return line

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the ticked autosaves."""
        return tuple(key for key, box in self._boxes.items() if box.isChecked())

    def _refresh(self) -> None:
        self.open_button.setEnabled(bool(self.chosen))

    def _discard(self) -> None:
        self.discarded = True
        self.reject()
