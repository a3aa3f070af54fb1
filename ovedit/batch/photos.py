"""The photos of a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ovedit.errors import FileError, UsageError
from ovedit.files import file_error
from ovedit.io.images import READABLE


@dataclass(frozen=True)
class Photo:
    """A file that its name says is a picture.

    name: its path inside the folder, with "/". size: in bytes; mtime_ns: when it was last changed.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int


def find_photos(folder: Path, *, subfolders: bool, besides: Path | None = None) -> list[Photo]:
    """All photos in a folder, by name; files that are hidden and folders that are links are not.

    besides: a folder to leave out: the results may lie inside the folder of the photos. Raises
    `FileError` where a folder cannot be read.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise FileError(f"The folder {folder} {what}.", "Check the path.")
    left_out = None if besides is None else Path(os.path.realpath(besides))

    def fail(error: OSError) -> None:
        raise file_error(Path(error.filename or folder), "read", error) from error

    found: list[Photo] = []
    for place, folders, names in os.walk(folder, onerror=fail):
        here = Path(place)
        folders[:] = [
            name
            for name in sorted(folders)
            if subfolders
            and not name.startswith(".")
            and Path(os.path.realpath(here / name)) != left_out
        ]
        for name in names:
            path = here / name
            if name.startswith(".") or path.suffix.lower() not in READABLE:
                continue
            try:
                status = path.stat()
            except OSError as e:
                # A link to nowhere is told of like any file that cannot be read, in its turn.
                if not path.is_symlink():
                    raise file_error(path, "read", e) from e
                found.append(Photo(path, path.relative_to(folder).as_posix(), 0, 0))
                continue
            if path.is_file():
                inside = path.relative_to(folder).as_posix()
                found.append(Photo(path, inside, status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda photo: photo.name)


def check_apart(folder: Path, out: Path) -> None:
    """Raises `UsageError` where results would come to lie among the photos."""
    if os.path.realpath(folder) == os.path.realpath(out):
        raise UsageError(
            f"{out} is the folder of the photos itself.",
            "Choose another one for the results; originals are never written over.",
        )
