"""Recent files as the start page shows them, with small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageIOHandler, QImageReader

from ovedit.errors import OVEditError
from ovedit.ui.background import Background
from ovedit.ui.start_page import RecentFile

_SIDE = 240
_MAX_PIXELS = 50_000_000
"""Formats that can only be read whole get no picture above this size."""


class RecentFiles(QObject):
    """Looks for the recent files that are still there, on a thread of its own.

    A disk may be slow or gone, and some formats have to be read whole for a small picture.

    Signals: found(list[RecentFile]), the newest first.
    """

    found = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = Background(self)
        self._wanted: tuple[str, ...] = ()
        self._pictures: dict[tuple[str, float], QImage] = {}

    def show(self, paths: Sequence[str]) -> None:
        """Look for these files; the same paths as the last time are not looked for again."""
        wanted = tuple(paths)
        if wanted != self._wanted:
            self._wanted = wanted
            known = dict(self._pictures)
            self._background.run(
                lambda: _look(wanted, known), self._done, self._failed, disposable=True
            )

    def _done(self, pictures: dict[tuple[str, float], QImage]) -> None:
        self._pictures = pictures
        self.found.emit([_recent(path, image) for (path, _), image in pictures.items()])

    def _failed(self, error: OVEditError) -> None:
        self.found.emit([_recent(path, QImage()) for path in self._wanted])


def _recent(path: str, picture: QImage) -> RecentFile:
    return RecentFile(path, Path(path).name, str(Path(path).parent), picture)


def _look(
    paths: Sequence[str], known: dict[tuple[str, float], QImage]
) -> dict[tuple[str, float], QImage]:
    """Pictures of the files that are there, by path and time of change."""
    found: dict[tuple[str, float], QImage] = {}
    for text in paths:
        path = Path(text)
        try:
            key = (text, path.stat().st_mtime)
        except OSError:
            continue
        found[key] = known[key] if key in known else _thumbnail(path)
    return found


def _thumbnail(path: Path) -> QImage:
    """A small picture of the file, without reading all of it where the format allows that."""
    if path.suffix.lower() == ".ora":
        return _project_thumbnail(path)
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    scales = reader.supportsOption(QImageIOHandler.ImageOption.ScaledSize)
    if not size.isValid() or (not scales and size.width() * size.height() > _MAX_PIXELS):
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
