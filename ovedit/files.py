"""Opening and locking files, and saying in one sentence why one cannot be read or written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import BinaryIO

from ovedit.errors import FileError

_WHY = {
    errno.ENOENT: ("there is no such file or folder", "Check the path."),
    errno.ENOTDIR: ("a part of its path is not a folder", "Check the path."),
    errno.EISDIR: ("it is a folder", "Name a file in it."),
    errno.EACCES: ("permission is denied", "Check its permissions, or choose another place."),
    errno.EPERM: ("permission is denied", "Check its permissions, or choose another place."),
    errno.EROFS: ("the disk is read-only", "Choose another place."),
    errno.ENOSPC: ("the disk is full", "Free some space, or choose another disk."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, or choose another disk."),
    errno.EFBIG: ("the disk does not take files this large", "Choose another disk."),
    errno.ENAMETOOLONG: ("its name is too long", "Choose a shorter one."),
    errno.EIO: ("the disk reports an error", "Check the disk, or choose another one."),
}


def file_error(path: Path, doing: str, error: OSError) -> FileError:
    """The error to show where the system refused: `doing` is "read" or "written"."""
    why, hint = _WHY.get(error.errno or 0, (str(error.strerror or error), "Try another place."))
    return FileError(f"{path} cannot be {doing}: {why}.", hint)


def open_file(path: Path) -> BinaryIO:
    """The file, open for reading. Raises `FileError` saying why it cannot be opened."""
    try:
        # Opening a pipe waits until somebody writes to it, which may be never.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise FileError(f"{path} is not a regular file.", "Name a picture or a project.")
        return path.open("rb")
    except OSError as e:
        raise file_error(path, "read", e) from e
    except ValueError as e:  # A NUL character in the path.
        raise FileError(f"{str(path)!r} is not a path: {e}.", "Check the path.") from e


def try_lock(path: Path, *, create: bool) -> int | None:
    """An open, locked file, or None where another program, or this one, holds the lock.

    The system releases it when the descriptor is closed, or the program ends, however it ends.
    create: make the file where there is none. Raises `OSError` where it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
