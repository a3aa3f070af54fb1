"""The Models dialog puts list, detail and downloads together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ovedit.engine.library import Model, ModelState, Presence, Task
from ovedit.engine.protocols import EngineInfo
from ovedit.errors import OVEditError
from ovedit.service.downloads import DownloadService, Errand, Shelf, Transfer
from ovedit.ui.dialogs.models.detail import ModelDetail
from ovedit.ui.dialogs.models.row import HEADING, HeadingRow, ModelRow
from ovedit.ui.dialogs.models.words import PURPOSES, home_relative
from ovedit.ui.widgets.basics import ElidedLabel, rule
from ovedit.ui.widgets.row import Row
from ovedit.ui.widgets.rows import RowList
from ovedit.units import size_text

_LIST_WIDTH = 340
_ORDER = tuple(Task)


class ModelsDialog(QDialog):
    """What there is to download, what it costs and what is here; stays open beside the window.

    downloads: does the work; closing the dialog stops nothing of it. removing(str): a model's files
    are about to go, so nothing may hold them.
    """

    removing = Signal(str)

    def __init__(
        self,
        downloads: DownloadService,
        engines: Sequence[EngineInfo] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.setModal(False)
        self._downloads = downloads
        self._engines = tuple(engines)
        self._entries: dict[str, tuple[Model, ModelState]] = {}
        self._parts: dict[str, Model] = {}
        self._wanted = ""
        self._free = 0
        self.list = RowList("Models", multiple=False, renamable=False)
        self.list.setFixedWidth(_LIST_WIDTH)
        self.detail = ModelDetail()
        self._place = ElidedLabel()
        self._place.set_look(dimmed=True)
        self.add_folder = QPushButton("Add a folder…")
        self.add_folder.setToolTip("Use a model that lies in a folder of yours, where it is")
        self.close_button = QPushButton("Close")
        self._lay_out()
        self._connect()
        downloads.refresh()

    def _lay_out(self) -> None:
        line = QFrame()
        line.setFixedWidth(1)
        line.setProperty("role", "column")
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.list)
        middle.addWidget(line)
        self.detail.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        middle.addWidget(self.detail, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 12, 24, 14)
        foot.setSpacing(12)
        for button in (self.add_folder, self.close_button):
            button.setAutoDefault(False)
        foot.addWidget(self.add_folder)
        foot.addWidget(self._place, 1)
        foot.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(rule())
        column.addLayout(foot)

    def _connect(self) -> None:
        downloads, detail = self._downloads, self.detail
        downloads.listed.connect(self._show_shelf)
        downloads.list_failed.connect(self._list_failed)
        downloads.changed.connect(self._show_states)
        downloads.progressed.connect(self._show_states)
        downloads.finished.connect(self._finished)
        downloads.failed.connect(self._failed)
        self.list.selection_changed.connect(lambda ids: self.show_model(*ids[:1]))
        detail.get_wanted.connect(downloads.get)
        detail.bundle_wanted.connect(self._get_bundle)
        detail.stop_wanted.connect(downloads.stop)
        detail.discard_wanted.connect(downloads.remove)
        detail.verify_wanted.connect(downloads.verify)
        detail.remove_wanted.connect(self._remove)
        self.add_folder.clicked.connect(self._add_folder)
        self.close_button.clicked.connect(self.close)

    def sizeHint(self) -> QSize:
        """List and detail side by side."""
        return QSize(_LIST_WIDTH + 540, 600)

    def minimumSizeHint(self) -> QSize:
        """Fits a small laptop's screen."""
        return QSize(_LIST_WIDTH + 380, 420)

    def set_engines(self, engines: Sequence[EngineInfo]) -> None:
        """Say anew which engines work with the models."""
        self._engines = tuple(engines)
        if self.detail.model_id in self._entries:
            self.show_model(self.detail.model_id)

    def show_model(self, model_id: str = "") -> None:
        """Show a model in full, as soon as the list is here."""
        if model_id not in self._entries:
            self._wanted = model_id
            return
        self._wanted = ""
        if self.list.selected != (model_id,):
            self.list.select((model_id,))
            self.list.ensureWidgetVisible(self.list.rows()[model_id])
        model = self._entries[model_id][0]
        parts = [self._parts[id] for id in model.parts if id in self._parts]
        self.detail.show_model(model, self._engines, parts)
        self._show_states()

    def _show_shelf(self, shelf: Shelf) -> None:
        first = not self._entries
        # No use alone: they come along with those that they are parts of.
        self._parts = {
            model.id: model for model, _ in shelf.entries if "part" in model.capabilities
        }
        self._entries = {
            model.id: (model, state)
            for model, state in shelf.entries
            if model.id not in self._parts
        }
        self._free = shelf.free
        self._place.set_text(
            f"Downloads go to {home_relative(shelf.folder)}", f"· {size_text(shelf.free)} free"
        )
        ids: list[str] = []
        models = [model for model, _ in self._entries.values()]
        for task in sorted({model.task for model in models}, key=_ORDER.index):
            ids.append(f"{HEADING}{task}")
            ids += [model.id for model in models if model.task is task]
        self.list.sync(ids, self._row)
        self._show_states()
        shown = self._wanted or self.detail.model_id
        if shown not in self._entries:
            shown = models[0].id if models else ""
        if shown and (first or shown != self.detail.model_id):
            self.show_model(shown)

    def _row(self, row_id: str) -> Row:
        if row_id.startswith(HEADING):
            return HeadingRow(row_id, PURPOSES[Task(row_id.removeprefix(HEADING))])
        return ModelRow(self._entries[row_id][0])

    def _show_states(self) -> None:
        for row_id, row in self.list.rows().items():
            if isinstance(row, ModelRow) and row_id in self._entries:
                row.show_state(self._entries[row_id][1], self._downloads.transfer_of(row_id))
        shown = self.detail.model_id
        if shown in self._entries:
            transfer = self._downloads.transfer_of(shown)
            self.detail.show_state(self._entries[shown][1], transfer, self._free)
        self._show_bundle()

    def _bundle(self) -> tuple[str, list[str]]:
        """An engine that lacks the model shown and others too, and what it lacks."""
        for engine in self._engines:
            lacking = [
                id
                for id in engine.models
                if id in self._entries
                and self._entries[id][1].presence is not Presence.READY
                and self._downloads.transfer_of(id) is None
            ]
            if self.detail.model_id in lacking and len(lacking) > 1:
                licences = [self._entries[id][0].licence for id in lacking]
                if all(one.commercial and not one.gated for one in licences):
                    return engine.title, lacking
        return "", []

    def _show_bundle(self) -> None:
        title, ids = self._bundle()
        entries = [self._entries[id] for id in ids]
        left = sum(model.download_size - state.on_disk for model, state in entries)
        fits = left <= self._free
        self.detail.show_bundle(f"All for {title}, {size_text(left)}" if ids and fits else "")

    def _get_bundle(self) -> None:
        for id in self._bundle()[1]:
            self._downloads.get(id)

    def _finished(self, transfer: Transfer, value: object) -> None:
        if transfer.errand is Errand.VERIFY:
            self.detail.say(transfer.model, "All files are as their publisher made them.")
        elif transfer.errand is Errand.ADD and isinstance(value, Model):
            self.show_model(value.id)
            self.detail.say(value.id, f"{value.title} is used where it lies.")

    def _failed(self, transfer: Transfer, error: OVEditError) -> None:
        self._tell(transfer.model or self.detail.model_id, error)

    def _list_failed(self, error: OVEditError) -> None:
        self._tell(self.detail.model_id, error)

    def _tell(self, model_id: str, error: OVEditError) -> None:
        if model_id:
            self.detail.say(model_id, str(error), "error")
        else:
            self.detail.show_problem(str(error))

    def _remove(self, model_id: str) -> None:
        model, state = self._entries[model_id]
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"Remove {model.title}?")
        box.setInformativeText(
            "Its folder stays where it is; OVEdit only forgets it."
            if model.own
            else f"{size_text(state.on_disk)} are freed. To use it again, download it again."
        )
        remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.exec()
        if box.clickedButton() is remove:
            self.removing.emit(model_id)
            self._downloads.remove(model_id)

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            self._downloads.add(Path(folder))
