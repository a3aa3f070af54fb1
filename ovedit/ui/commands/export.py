"""File menu: the picture as PNG, JPEG, WebP or TIFF, and class masks as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from ovedit.engine.requests import Coverage
from ovedit.errors import OVEditError
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.paths import OPEN_FILTER, ask_where, start_folder
from ovedit.workflows import mask_ops

if TYPE_CHECKING:
    from ovedit.io import images
    from ovedit.ui.dialogs.export import ExportOptions as ExportChoice

_SUFFIXES = {
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg"),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
}


def export_picture(c: Context) -> None:
    """Ask how and where to write the picture."""
    state = c.document.snapshot()
    from ovedit.ui.dialogs.export import ExportDialog, ExportOptions

    session = c.window.session

    @cache
    def size_of(choice: ExportOptions) -> int:
        from ovedit.io import images

        return len(images.encode_image(state.flattened(), _export_options(choice)))

    def estimate(
        choice: ExportOptions, done: Callable[[int], None], failed: Callable[[OVEditError], None]
    ) -> None:
        session.estimates.run(lambda: size_of(choice), done, failed, disposable=True)

    choice = ExportOptions("jpeg", session.settings.jpeg_quality)
    dialog = ExportDialog(choice, has_exif=session.has_exif, estimate=estimate, parent=c.window)
    if not dialog.exec():
        return
    options = _export_options(dialog.options)
    suffixes = _SUFFIXES[dialog.options.format]
    suggested = Path(start_folder(c)) / f"{Path(session.name).stem}{suffixes[0]}"
    pattern = " ".join(f"*{suffix}" for suffix in suffixes)
    path = ask_where(c, "Export", suggested, f"{options.format} ({pattern})", suffixes)
    if path is not None:
        session.export(path, options)


def export_masks(c: Context) -> None:
    """Ask for a folder and write every mask into it."""
    folder = QFileDialog.getExistingDirectory(c.window, "Export masks to", start_folder(c))
    if folder:
        c.window.session.export_masks(Path(folder))


def import_mask(c: Context) -> None:
    """Ask for a picture and take it as a class mask."""
    document = c.document
    text, _ = QFileDialog.getOpenFileName(c.window, "Import mask", start_folder(c), OPEN_FILTER)
    if not text:
        return
    path = Path(text)

    def read() -> Coverage:
        from ovedit.io import masks as mask_files

        return mask_files.read_mask(path, document.size)

    def add(coverage: Coverage) -> None:
        mask_ops.add_mask(document, coverage, label=path.stem, name="Import mask")

    c.window.errands.work(f"Import {path.name}", read, add)


def _export_options(choice: ExportChoice) -> images.ExportOptions:
    from ovedit.io import images

    return images.ExportOptions(choice.format, choice.quality, choice.keep_exif)
