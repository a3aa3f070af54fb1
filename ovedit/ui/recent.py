"""Recent files as the start page shows them, with small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from ovedit.ui.start_page import RecentFile

_SIDE = 240


def recent_files(paths: Sequence[str]) -> list[RecentFile]:
    """The recent files that are still there."""
    found: list[RecentFile] = []
    for text in paths:
        path = Path(text)
        if path.is_file():
            found.append(RecentFile(text, path.name, str(path.parent), _thumbnail(path)))
    return found


def _thumbnail(path: Path) -> QImage:
    """A small picture of the file, without reading all of it where the format allows that."""
    if path.suffix.lower() == ".ora":
        return _project_thumbnail(path)
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if not size.isValid():
        return QImage()
    reader.setScaledSize(size.scaled(QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


def _project_thumbnail(path: Path) -> QImage:
    import zipfile

    try:
        with zipfile.ZipFile(path) as project:
            return QImage.fromData(project.read("Thumbnails/thumbnail.png"))
    except (OSError, KeyError, zipfile.BadZipFile):
        # Opening the file says what is wrong with it; here it merely has no picture.
        return QImage()
