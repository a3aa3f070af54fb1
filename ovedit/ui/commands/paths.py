"""Asks for paths: where to start looking, and where to write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox

from ovedit.resources import resource_path
from ovedit.ui.commands.context import Context

SAMPLE = ("samples", "park-bench.jpg")
OPEN_FILTER = (
    "Pictures and projects (*.ora *.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif);;All (*)"
)
_SAVE, _KEEP = QMessageBox.StandardButton.Save, QMessageBox.StandardButton.Cancel


def ask_where(
    c: Context, title: str, suggested: Path, pattern: str, suffixes: Sequence[str]
) -> Path | None:
    """A path to write to, ending as it should; None where the person thought better of it."""
    text, _ = QFileDialog.getSaveFileName(c.window, title, str(suggested), pattern)
    if not text:
        return None
    path = Path(text)
    if path.suffix.lower() in suffixes:
        return path
    # What is added is not what the dialog asked about.
    path = path.with_name(path.name + suffixes[0])
    return path if not path.exists() or _may_overwrite(c, path) else None


def _may_overwrite(c: Context, path: Path) -> bool:
    box = QMessageBox(c.window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"{path.name} exists already. Replace it?")
    box.setStandardButtons(_SAVE | _KEEP)
    box.button(_SAVE).setText("Replace")
    box.setDefaultButton(_KEEP)
    return box.exec() == _SAVE


def start_folder(c: Context) -> str:
    """The folder of the file that was used last, or the home folder."""
    recent = c.window.session.settings.recent_files
    # The sample lies among the program's own files: nothing should be saved beside it.
    own = resource_path(SAMPLE[0])
    folders = [Path(path).parent for path in recent if not Path(path).is_relative_to(own)]
    return str(folders[0]) if folders else str(Path.home())
