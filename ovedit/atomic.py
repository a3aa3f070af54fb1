"""Replacing a file only when the new one is complete."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ovedit.errors import FileError
from ovedit.files import file_error

TEMPORARY = ".ovedit-"
"""How the names of files begin that are still being written."""


@contextmanager
def atomic_write(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` at the end of the block.

    It lies beside the target until it is complete and on the disk. Where the block or the system
    fails, `path` stays as it was and nothing is left beside it. A link stays a link, its target is
    replaced; the mode of a file that was there is kept, a new one gets `mode`, less the umask.
    Raises `FileError` where the system refuses; errors of the block pass through.
    """
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        kept = _mode_of(target)
        temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:12]}.tmp")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, mode)
    except OSError as e:
        raise file_error(path, "written", e) from e
    except ValueError as e:
        raise FileError(f"{str(path)!r} is not a path: {e}.", "Choose another name.") from e
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if kept is not None:
            os.chmod(temporary, kept)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException as e:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(e, OSError):
            raise file_error(path, "written", e) from e
        raise


def _mode_of(target: Path) -> int | None:
    """Permission bits of the file to be replaced, or None where there is none."""
    try:
        found = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise FileError(f"{target} is a folder.", "Choose another name.")
    if not stat.S_ISREG(found):
        raise FileError(f"{target} is not a regular file.", "Choose another name.")
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise FileError(f"{target} is write-protected.", "Choose another name.")
    return stat.S_IMODE(found)


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk too, where the system can do that to a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
