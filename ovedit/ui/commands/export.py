"""File menu: the picture as PNG, JPEG, WebP or TIFF, and class masks as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from ovedit.ui.commands.context import Context
from ovedit.ui.commands.paths import OPEN_FILTER, ask_where, start_folder
from ovedit.ui.messages import Message
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
    document = c.document
    from ovedit.ui.dialogs.export import ExportDialog, ExportOptions

    session = c.window.session
    pixels = document.state.flattened()

    def size_of(choice: ExportOptions) -> int:
        from ovedit.io import images

        return len(images.encode_image(pixels, _export_options(choice)))

    choice = ExportOptions("jpeg", session.settings.jpeg_quality)
    dialog = ExportDialog(choice, has_exif=session.has_exif, estimate=size_of, parent=c.window)
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
        from ovedit.io import masks as mask_files

        written = mask_files.export_masks(Path(folder), c.document.snapshot())
        masks = "1 mask" if len(written) == 1 else f"{len(written)} masks"
        c.window.tell(Message(f"Exported {masks} to {folder}."))


def import_mask(c: Context) -> None:
    """Ask for a picture and take it as a class mask."""
    document = c.document
    path, _ = QFileDialog.getOpenFileName(c.window, "Import mask", start_folder(c), OPEN_FILTER)
    if path:
        from ovedit.io import masks as mask_files

        coverage = mask_files.read_mask(Path(path), document.size)
        mask_ops.add_mask(document, coverage, label=Path(path).stem, name="Import mask")


def _export_options(choice: ExportChoice) -> images.ExportOptions:
    from ovedit.io import images

    return images.ExportOptions(choice.format, choice.quality, choice.keep_exif)
