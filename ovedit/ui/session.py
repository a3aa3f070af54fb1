"""The open document and its file: opening, saving, exporting, recovering. One at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from ovedit import settings as settings_file
from ovedit.document import Document
from ovedit.errors import OVEditError
from ovedit.settings import Settings
from ovedit.ui.background import Background
from ovedit.ui.messages import Message

# Pillow and what else reads and writes files is loaded when a file is: the window shows sooner.
if TYPE_CHECKING:
    from ovedit.io import autosave, documents, images

_log = logging.getLogger(__name__)


class Session(QObject):
    """What is open. Reading and writing happen in the background; the document stays in reach.

    background: does one thing after the other. estimates: for what nobody has to wait for.

    Signals: document_changed() when another document, or none, is open; title_changed();
    said(Message); saved(Path) after a save or an export; settings_changed(Settings).
    """

    document_changed = Signal()
    title_changed = Signal()
    said = Signal(object)
    saved = Signal(object)
    settings_changed = Signal(object)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.document: Document | None = None
        self.path: Path | None = None
        self.name = ""
        self.opened_as = "Open"
        self.background = Background(self)
        self.estimates = Background(self)
        self._source_exif = self._source_xmp = b""
        self._autosaved: object = None
        self._recovered: autosave.Recoverable | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._autosave)
        self._set_timer()

    # -- opening ---------------------------------------------------------------------------------

    def open(
        self,
        path: Path,
        may_replace: Callable[[], bool] = lambda: True,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Open a picture or a project; what was open stays open if that fails.

        may_replace: asked when the file has been read, and may say that the document stays.
        then: called when the document is open.
        """
        limit, budget = self.settings.max_pixels, self.settings.history_bytes

        def read() -> documents.OpenedDocument:
            from ovedit.io import documents

            return documents.open_document(path, max_pixels=limit, history_bytes=budget)

        def opened(result: documents.OpenedDocument) -> None:
            if may_replace():
                self._opened(result)
                then()

        self.background.run(read, opened, self._failed, disposable=True)

    def show_pixels(self, pixels: NDArray[np.uint8], name: str, opened_as: str = "Paste") -> None:
        """Open (H, W, 4) pixels that have no file yet, as from the clipboard."""
        document = Document.from_pixels(pixels, name, history_bytes=self.settings.history_bytes)
        self._show(document, None, name, opened_as)

    def recoverable(self) -> tuple[autosave.Recoverable, ...]:
        """What was autosaved by a program that went down."""
        from ovedit.io import autosave

        return autosave.find(self._autosave_folder)

    @property
    def _autosave_folder(self) -> Path:
        return settings_file.data_folder() / "autosave"

    def recover(self, found: autosave.Recoverable, note: str = "") -> None:
        """Open what was saved before a crash; it counts as not saved. `note` is said then."""

        def read() -> documents.OpenedDocument:
            from ovedit.io import documents

            return documents.open_document(
                found.path,
                max_pixels=self.settings.max_pixels,
                history_bytes=self.settings.history_bytes,
            )

        def opened(result: documents.OpenedDocument) -> None:
            self._show(result.document, found.source, found.name, f"Recover {found.name}")
            self._source_exif, self._source_xmp = result.exif, result.xmp
            # The old autosave goes only when there is a new one, or no need of one.
            self._recovered = found
            self._autosave()
            if note:
                self.said.emit(Message(note))

        self.background.run(read, opened, self._failed, disposable=True)

    def close(self) -> None:
        """Close the document without asking; see `commands.file` for the question."""
        self.estimates.abandon()
        self._discard_autosave()
        self.document = None
        self.path = None
        self.name = ""
        self.document_changed.emit()
        self.title_changed.emit()

    def _opened(self, opened: documents.OpenedDocument) -> None:
        project = opened.path if opened.kind == "project" else None
        self._show(opened.document, project, opened.path.name, f"Open {opened.path.name}")
        self._source_exif, self._source_xmp = opened.exif, opened.xmp
        opened.document.mark_saved()
        self.title_changed.emit()
        self.change_settings(self.settings.with_recent_file(opened.path))
        if opened.notes:
            self.said.emit(Message(" ".join(opened.notes)))

    def _show(self, document: Document, path: Path | None, name: str, opened_as: str) -> None:
        self._discard_autosave()
        self.document, self.path, self.name, self.opened_as = document, path, name, opened_as
        self._source_exif = self._source_xmp = b""
        self.document_changed.emit()
        self.title_changed.emit()

    # -- saving ----------------------------------------------------------------------------------

    def save_project(self, path: Path) -> None:
        """Write the whole document as OpenRaster."""
        document = self.document
        if document is None:
            return
        state, exif, xmp = document.snapshot(), self._source_exif, self._source_xmp
        marker = document.marker
        layer, masks = document.current_layer_id, document.current_mask_ids

        def write() -> Path:
            from ovedit.io import openraster

            openraster.save_project(
                path, state, exif=exif, xmp=xmp, current_layer=layer, current_masks=masks
            )
            return path

        def written(path: Path) -> None:
            if self.document is document:
                document.mark_saved(marker)
                self.path, self.name = path, path.name
                self._discard_autosave()
                self.title_changed.emit()
            self.change_settings(self.settings.with_recent_file(path))
            self.said.emit(Message(f"Saved {path.name}."))
            self.saved.emit(path)

        self.background.run(write, written, self._failed)

    def export(self, path: Path, options: images.ExportOptions) -> None:
        """Write the flattened picture."""
        document = self.document
        if document is None:
            return
        state, settings = document.snapshot(), self.settings
        exif, xmp = self._source_exif, self._source_xmp

        def write() -> Path:
            from ovedit.io import documents

            documents.export_document(path, state, settings, options, exif=exif, xmp=xmp)
            return path

        self.background.run(write, self._exported, self._failed)

    def export_masks(self, folder: Path) -> None:
        """Write every class mask into a folder."""
        if self.document is None:
            return
        state = self.document.snapshot()

        def write() -> int:
            from ovedit.io import masks

            return len(masks.export_masks(folder, state))

        def written(count: int) -> None:
            what = "1 mask" if count == 1 else f"{count} masks"
            self.said.emit(Message(f"Exported {what} to {folder}."))

        self.background.run(write, written, self._failed)

    def _exported(self, path: Path) -> None:
        self.saved.emit(path)
        self.said.emit(Message(f"Exported {path.name}."))

    @property
    def has_exif(self) -> bool:
        """Whether the file that was opened had camera data."""
        return bool(self._source_exif or self._source_xmp)

    @property
    def modified(self) -> bool:
        """Whether something would be lost by closing."""
        return self.document is not None and self.document.modified

    @property
    def title(self) -> str:
        """The document's name for the window's title."""
        return self.name or "OVEdit"

    # -- settings --------------------------------------------------------------------------------

    def change_settings(self, settings: Settings) -> None:
        """Use and keep other settings."""
        if settings == self.settings:
            return
        before, self.settings = self.settings, settings
        if settings.autosave_seconds != before.autosave_seconds:
            # Not for every change: each would put the next autosave off.
            self._set_timer()
        if self.document is not None and settings.history_bytes != before.history_bytes:
            self.document.set_history_budget(settings.history_bytes)
        try:
            settings_file.save(settings)
        except OVEditError as error:
            self.said.emit(Message.of(error))
        self.settings_changed.emit(settings)

    # -- autosave --------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        seconds = self.settings.autosave_seconds
        if seconds:
            self._timer.start(seconds * 1000)
        else:
            self._timer.stop()

    def _autosave(self) -> None:
        document = self.document
        if document is None or not document.modified or document.busy or self.background.busy:
            return
        if self._autosaved is document.marker:
            return
        marker, state = document.marker, document.snapshot()
        folder, exif, xmp = self._autosave_folder, self._source_exif, self._source_xmp
        name, path = self.name, self.path

        def write() -> None:
            from ovedit.io import autosave

            autosave.save(folder, state, name=name, source=path, exif=exif, xmp=xmp)

        def written(_: None) -> None:
            from ovedit.io import autosave

            if self.document is not document or not document.modified:
                # Saved or closed meanwhile: there is nothing to recover.
                autosave.discard_own(folder)
                return
            self._autosaved = marker
            self._discard_recovered()

        self.background.run(write, written, self._failed)

    def _discard_autosave(self) -> None:
        from ovedit.io import autosave

        self._autosaved = None
        autosave.discard_own(self._autosave_folder)
        self._discard_recovered()

    def _discard_recovered(self) -> None:
        if self._recovered is not None:
            from ovedit.io import autosave

            autosave.discard(self._recovered)
            self._recovered = None

    def _failed(self, error: OVEditError) -> None:
        self.said.emit(Message.of(error))
