"""What was open when the program or the machine went down.

Each running program keeps at most one autosave in a folder that all share, with a lock file beside
it that the system releases when the program ends, however it ends. An autosave whose lock is free
is one to recover.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ovedit.atomic import TEMPORARY
from ovedit.document import DocumentState
from ovedit.errors import FileError
from ovedit.files import file_error, open_file, try_lock
from ovedit.io.archive import Archive
from ovedit.io.openraster import PROJECT_SUFFIX, THUMBNAIL, save_project

_ABOUT = "ovedit/autosave.json"
_ABOUT_LIMIT = 1 << 20
_OLD = 24 * 3600
"""Seconds after which nobody is still writing a file."""


@dataclass(frozen=True)
class Recoverable:
    """An autosave that no running program keeps.

    path: the project file to open. name: what the document was called. source: the project it was
    saved to before, or None. saved_at: when, in local time. thumbnail: a small PNG, or empty.
    """

    path: Path
    name: str
    source: Path | None
    saved_at: datetime
    thumbnail: bytes = b""


@dataclass
class _Own:
    """This program's autosave in one folder."""

    path: Path
    lock: int


_own: dict[Path, _Own] = {}
_guard = threading.RLock()
"""Held only for moments: never while a file is written."""


def save(
    folder: Path,
    state: DocumentState,
    *,
    name: str,
    source: Path | None = None,
    exif: bytes = b"",
    xmp: bytes = b"",
) -> None:
    """Write a snapshot in place of this program's last autosave. Call it on any thread.

    A `discard_own` during the writing wins: the file goes as soon as it is complete.
    Raises `FileError` where the system refuses.
    """
    own = _claim(folder)
    about = {
        "name": name,
        "source": None if source is None else str(source),
        "saved_at": datetime.now(UTC).isoformat(),
    }
    # Another ending while it is written, so that nobody takes it for complete.
    fresh = own.path.with_suffix(".new")
    save_project(fresh, state, exif=exif, xmp=xmp, extra={_ABOUT: json.dumps(about).encode()})
    with _guard:
        try:
            if _own.get(folder) is own:
                os.replace(fresh, own.path)
            else:
                os.unlink(fresh)
        except OSError as e:
            raise file_error(own.path, "written", e) from e


def discard_own(folder: Path) -> None:
    """Remove this program's autosave, after a save or a proper close."""
    with _guard:
        own = _own.pop(folder, None)
        if own is not None:
            _remove(own.path)
            os.close(own.lock)
            _remove(_lock_path(own.path))


def find(folder: Path) -> tuple[Recoverable, ...]:
    """The autosaves of programs that went down, newest first. A missing folder has none."""
    _sweep(folder)
    found = [_recoverable(path) for path in sorted(folder.glob(f"*{PROJECT_SUFFIX}"))]
    return tuple(
        sorted((x for x in found if x is not None), key=lambda x: x.saved_at, reverse=True)
    )


def discard(found: Recoverable) -> None:
    """Remove an autosave that was recovered or is not wanted."""
    _remove(found.path)
    _remove(_lock_path(found.path))


# -- inside ----------------------------------------------------------------------------------------


def _claim(folder: Path) -> _Own:
    with _guard:
        own = _own.get(folder)
        if own is None:
            path = folder / f"{uuid.uuid4().hex[:12]}{PROJECT_SUFFIX}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = try_lock(_lock_path(path), create=True)
            except OSError as e:
                raise file_error(folder, "written", e) from e
            if lock is None:
                raise FileError(f"{folder} does not allow locks.", "Choose another data folder.")
            own = _own[folder] = _Own(path, lock)
        return own


def _recoverable(path: Path) -> Recoverable | None:
    try:
        lock = try_lock(_lock_path(path), create=False)
    except OSError:
        pass  # Half discarded, or brought here by hand: nobody can be keeping it.
    else:
        if lock is None:
            return None
        os.close(lock)
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None  # Another program has just discarded it.
    try:
        with open_file(path) as stream, Archive(stream, path.name) as archive:
            about = json.loads(archive.read(_ABOUT, _ABOUT_LIMIT))
            thumbnail = archive.read(THUMBNAIL, _ABOUT_LIMIT)
        source = about["source"]
        return Recoverable(
            path,
            str(about["name"]),
            None if source is None else Path(source),
            datetime.fromisoformat(about["saved_at"]).astimezone(),
            thumbnail,
        )
    except (FileError, ValueError, KeyError, TypeError):
        # Opening it will say what is wrong with it; until then it is offered by its file's name.
        return Recoverable(path, path.name, None, changed.astimezone())


def _sweep(folder: Path) -> None:
    """Remove what programs left that went down while they were writing."""
    old = time.time() - _OLD
    for pattern in ("*.new", f"{TEMPORARY}*"):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old:
                    path.unlink()


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as e:
        raise file_error(path, "removed", e) from e
