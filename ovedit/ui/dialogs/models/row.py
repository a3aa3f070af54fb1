"""The rows of the list of models: a heading per purpose, a line per model."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ovedit.engine.library import Model, ModelState, Presence
from ovedit.service.downloads import Transfer
from ovedit.ui.dialogs.models.words import percent, state_text
from ovedit.ui.icons import paint_icon
from ovedit.ui.theme import tokens
from ovedit.ui.widgets.basics import ThinBar, label, set_role
from ovedit.ui.widgets.row import Row

HEADING = "heading:"
"""How the ids of headings begin."""


class HeadingRow(Row):
    """What the models below it are for."""

    selectable = False

    def __init__(self, row_id: str, purpose: str) -> None:
        super().__init__(row_id)
        self.name_label.setParent(self)
        self.name_label.hide()
        words = label(purpose, "heading")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 10, 12, 4)
        layout.addWidget(words)
        self.setAccessibleName(purpose)


class _Tick(QWidget):
    """Says that a model is here."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the tick."""
        paint_icon(QPainter(self), QRectF(0, 0, 16, 16), "check", tokens().good)


class ModelRow(Row):
    """A model's title, and where it stands."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.id)
        self._model = model
        self.name_label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.name_label.set_text(model.title)
        # So that nothing moves when words make way for the tick.
        self.name_label.setFixedHeight(20)
        self._mark = _Tick()
        self._state = label("", "dim")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = ThinBar(f"Download of {model.title}")
        # So that the title does not move when a download begins.
        keeps_room = self._bar.sizePolicy()
        keeps_room.setRetainSizeWhenHidden(True)
        self._bar.setSizePolicy(keeps_room)
        line = QHBoxLayout()
        line.setContentsMargins(14, 0, 12, 0)
        line.setSpacing(6)
        line.addWidget(self.name_label, 1)
        line.addWidget(self._state)
        line.addWidget(self._mark)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 7, 0, 1)
        layout.setSpacing(0)
        layout.addLayout(line, 1)
        bar = QHBoxLayout()
        bar.setContentsMargins(14, 0, 12, 0)
        bar.addWidget(self._bar)
        layout.addLayout(bar)
        self.setFixedHeight(self.line_height)

    def state_changed(self) -> None:
        """Keep the secondary text legible on the selected row."""
        set_role(self._state, role="dim_selected" if self.selected else "dim")

    def show_state(self, state: ModelState, transfer: Transfer | None) -> None:
        """Show where the model stands now."""
        ready = state.presence is Presence.READY and transfer is None
        words = state_text(state, transfer, self._model.download_size)
        self._state.setText("" if ready else words)
        self._mark.setVisible(ready)
        progress = transfer.progress if transfer else None
        self._bar.setVisible(progress is not None)
        if progress is not None:
            self._bar.set_fraction(percent(progress.done, progress.total) / 100)
        self.setAccessibleName(f"{self._model.title}, {words}")
