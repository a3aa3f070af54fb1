"""Where the window meets models: the dialog, downloads under way, what is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QWidget

from ovedit.engine.library import MemoryState, Model, ModelMemory
from ovedit.engine.protocols import EngineInfo
from ovedit.errors import OVEditError
from ovedit.service.downloads import DownloadService, Errand, Shelf, Transfer
from ovedit.ui.messages import MODELS, Message
from ovedit.units import size_text

if TYPE_CHECKING:
    from ovedit.ui.dialogs.models.dialog import ModelsDialog


class ModelDesk(QObject):
    """Opens the Models dialog, says how downloads ended, and tells of the models in memory.

    Signals: memory_changed(MemoryState); said(Message) for what ended while the dialog was closed;
        engines_changed() when other models are here than before.
    """

    memory_changed = Signal(object)
    said = Signal(object)
    engines_changed = Signal()

    _remembered = Signal(object)

    def __init__(self, downloads: DownloadService, memory: ModelMemory, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.downloads = downloads
        self._memory = memory
        self._titles: dict[str, str] = {}
        self._dialog: ModelsDialog | None = None
        self._engines: tuple[EngineInfo, ...] = ()
        # Models come and go on the thread that loads them.
        self._remembered.connect(self.memory_changed)
        self._stop_listening = memory.subscribe(self._remembered.emit)
        downloads.listed.connect(self._listed)
        downloads.finished.connect(self._finished)
        downloads.failed.connect(self._failed)

    def show(self, model_id: str = "") -> None:
        """Open the dialog, at a model if one is named, or bring it to the front."""
        # Its window is not needed for the start.
        from ovedit.ui.dialogs.models.dialog import ModelsDialog

        if self._dialog is None:
            self._dialog = ModelsDialog(self.downloads, self._engines, self._window)
            # Loaded weights stay mapped, and not every system deletes such files.
            self._dialog.removing.connect(self._memory.unload)
        else:
            self.downloads.refresh()
        if model_id:
            self._dialog.show_model(model_id)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def set_engines(self, engines: tuple[EngineInfo, ...]) -> None:
        """Know the engines, to say which of them use a model."""
        self._engines = engines
        if self._dialog is not None:
            self._dialog.set_engines(engines)

    def fill_memory_menu(self, menu: QMenu) -> None:
        """Put what is in memory into a menu: keep, unload, unload all, the dialog."""
        menu.clear()
        state = self._memory.memory()
        for resident in state.residents:
            of_model = menu.addMenu(f"{resident.title} · {size_text(resident.size)}")
            keep = of_model.addAction("Keep in memory")
            keep.setCheckable(True)
            keep.setChecked(resident.pinned)
            keep.toggled.connect(lambda on, id=resident.id: self._memory.pin(id, on))
            unload = of_model.addAction("Unload after this job" if resident.in_use else "Unload")
            unload.triggered.connect(lambda _=False, id=resident.id: self._memory.unload(id))
        if state.residents:
            menu.addSeparator()
            menu.addAction("Unload all that are not kept").triggered.connect(
                lambda: self._memory.unload()
            )
        else:
            menu.addAction("No model is in memory").setEnabled(False)
            menu.addSeparator()
        menu.addAction("Models…").triggered.connect(lambda: self.show())

    def close(self) -> None:
        """Cancel what is under way; downloads can be continued. Their owner ends the thread."""
        self._stop_listening()
        self._stop_listening = lambda: None
        if self._dialog is not None:
            self._dialog.close()
        for transfer in self.downloads.transfers():
            self.downloads.stop(transfer.model)

    def _listed(self, shelf: Shelf) -> None:
        self._titles = {model.id: model.title for model, _ in shelf.entries}

    def _finished(self, transfer: Transfer, value: object) -> None:
        if transfer.errand is not Errand.VERIFY:
            self.engines_changed.emit()
        if transfer.errand is Errand.GET and not self._watched:
            self._say(f"{self._title(transfer.model)} is ready.")
        elif isinstance(value, Model) and not self._watched:
            self._say(f"{value.title} is ready.")

    def _failed(self, transfer: Transfer, error: OVEditError) -> None:
        if not self._watched:
            self.said.emit(Message.of(error, ("Models…", MODELS)))

    def _say(self, text: str) -> None:
        self.said.emit(Message(text))

    def _title(self, model_id: str) -> str:
        return self._titles.get(model_id, model_id)

    @property
    def _watched(self) -> bool:
        """Whether the person sees in the dialog what happens."""
        return self._dialog is not None and self._dialog.isVisible()


def memory_text(state: MemoryState) -> str:
    """What is in memory for the status row: "SAM 2.1 tiny · 156 MB of 6.0 GB"; empty if nothing."""
    if not state.residents:
        return ""
    count = len(state.residents)
    what = state.residents[-1].title if count == 1 else f"{count} models"
    room = f" of {size_text(state.budget)}" if state.budget else ""
    return f"{what} · {size_text(state.used)}{room}"
