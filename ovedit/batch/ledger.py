"""What a batch has done so far, kept beside its results so that it can go on where it stopped.

`OUT/batch/state.json` is written before and after each photo's result. A result that is there, and
is as it was written, is this batch's own and may be replaced; any other file never is: the result
takes another name.
"""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from ovedit.atomic import atomic_write
from ovedit.batch.photos import Photo
from ovedit.errors import DamagedFileError, FileError, UsageError
from ovedit.files import file_error, open_file, try_lock

FOLDER = "batch"
"""Where in OUT the record and the small pictures are."""

_VERSION = 1


class State(enum.StrEnum):
    """What became of a photo; as `workflows.batch.Verdict`, or FAILED."""

    DONE = "done"
    FOUND = "found"
    REVIEW = "review"
    NOT_FOUND = "not found"
    FAILED = "failed"


HELD = (State.REVIEW, State.NOT_FOUND)
"""Kept as a project for a person to look at."""


@dataclass(frozen=True)
class Made:
    """A file that was written: its path inside OUT, and how it was right afterwards."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Record:
    """What became of one photo.

    photo, size, mtime_ns: the file that it was. recipe: fingerprint of the recipe followed.
    confidence: of what was found least surely. message: why it is not done. notes: what engines and
    files remarked. made: the result, or the project held for review.
    """

    photo: str
    size: int
    mtime_ns: int
    recipe: str
    state: State
    seconds: float = 0.0
    confidence: float | None = None
    message: str = ""
    notes: tuple[str, ...] = ()
    made: Made | None = None


class Ledger:
    """The records of one folder's photos. Nothing is written before `save`.

    Raises `UsageError` where OUT holds the results of another folder, `FileError` where the record
    cannot be read, `DamagedFileError` where it is not one.
    """

    def __init__(self, out: Path, folder: Path) -> None:
        self._out = out
        self._folder = str(folder.resolve())
        self._path = out / FOLDER / "state.json"
        self._records: dict[str, Record] = {}
        self._intended: dict[str, str] = {}
        if self._path.exists():
            self._load()

    @property
    def records(self) -> Mapping[str, Record]:
        """The records by photo."""
        return self._records

    def settled(self, photo: Photo, recipe: str) -> Record | None:
        """The record that makes working on a photo again needless, or None.

        It has to be of the same file and recipe, and its result must still be there. What failed
        is tried again.
        """
        record = self._records.get(photo.name)
        if record is None or record.state is State.FAILED or record.made is None:
            return None
        same = (record.size, record.mtime_ns, record.recipe) == (
            photo.size,
            photo.mtime_ns,
            recipe,
        )
        return record if same and (self._out / record.made.path).is_file() else None

    def intend(self, photo: Photo, wanted: str) -> Path:
        """Choose where a result goes, as near to `wanted` as may be, and note that before writing.

        Were it written first, nobody could tell after a crash whose it is. Raises `FileError`.
        """
        place = next(name for name in _names(wanted, photo) if self._may_write(name, photo))
        self._intended[photo.name] = place
        self.save()
        return self._out / place

    def put(self, record: Record) -> None:
        """Keep a record, on the disk too. Raises `FileError`.

        What the same photo came to before, elsewhere, goes, unless somebody has worked on it since.
        """
        before = self._records.get(record.photo)
        self._records[record.photo] = record
        self._intended.pop(record.photo, None)
        self.save()
        old = None if before is None else before.made
        if old is not None and (record.made is None or old.path != record.made.path):
            path = self._out / old.path
            try:
                if _is(path, old):
                    path.unlink()
            except OSError as e:
                raise file_error(path, "written", e) from e

    def earlier(self, photo: Photo) -> Made | None:
        """What a photo came to before, by whatever recipe."""
        record = self._records.get(photo.name)
        return None if record is None else record.made

    def made(self, path: Path) -> Made:
        """What is to be remembered of a file just written. Raises `FileError`."""
        try:
            status = path.stat()
        except OSError as e:
            raise file_error(path, "read", e) from e
        inside = path.relative_to(self._out).as_posix()
        return Made(inside, status.st_size, status.st_mtime_ns)

    def save(self) -> None:
        """Write the record, the old one being whole until then. Raises `FileError`."""
        values = {
            "version": _VERSION,
            "folder": self._folder,
            "photos": [asdict(record) for record in self._records.values()],
            "intended": self._intended,
        }
        make_folder(self._path.parent)
        with atomic_write(self._path) as stream:
            # In ASCII, for names that are no text in any encoding.
            stream.write(json.dumps(values, indent=1).encode("ascii"))

    def _may_write(self, name: str, photo: Photo) -> bool:
        folded = name.casefold()
        for other, record in self._records.items():
            if other != photo.name and record.made and record.made.path.casefold() == folded:
                return False
        for other, place in self._intended.items():
            if other != photo.name and place.casefold() == folded:
                return False
        path, own = self._out / name, self.earlier(photo)
        try:
            if not path.is_symlink() and not path.exists():
                return True
            if own is not None and own.path == name and _is(path, own):
                return True
        except OSError as e:
            raise file_error(path, "written", e) from e
        return self._intended.get(photo.name) == name and path.is_file() and not path.is_symlink()

    def _load(self) -> None:
        with open_file(self._path) as stream:
            data = stream.read()
        try:
            values = json.loads(data)
            if values["version"] != _VERSION:
                raise ValueError(f"version {values['version']!r}")
            folder = str(values["folder"])
            self._records = {each["photo"]: _record(each) for each in values["photos"]}
            self._intended = {str(key): str(value) for key, value in values["intended"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise DamagedFileError(
                f"{self._path} is not the record of a batch ({e}).",
                "Choose another folder for the results, or delete that file to start anew.",
            ) from e
        if folder != self._folder:
            raise UsageError(
                f"{self._out} holds the results of {folder}.",
                f"Choose another folder for those of {self._folder}.",
            )


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep other batches, of this program and others, out of a folder of results meanwhile.

    Raises `FileError` where one is at work there, or nothing can be written.
    """
    path = out / FOLDER / "lock"
    make_folder(path.parent)
    try:
        lock = try_lock(path, create=True)
    except OSError as e:
        raise file_error(path, "written", e) from e
    if lock is None:
        raise FileError(f"Another batch is at work in {out}.", "Wait for its end, or stop it.")
    try:
        yield
    finally:
        os.close(lock)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises `FileError` where the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise file_error(folder, "written", e) from e


def _is(path: Path, made: Made) -> bool:
    """Whether a file is as it was when it was made."""
    if path.is_symlink() or not path.is_file():
        return False
    status = path.stat()
    return (made.size, made.mtime_ns) == (status.st_size, status.st_mtime_ns)


def _names(wanted: str, photo: Photo) -> Iterator[str]:
    """Names to try, one after the other: photo.png, photo-jpg.png, photo-jpg-2.png, …"""
    path = PurePosixPath(wanted)
    yield wanted
    stem = f"{path.stem}-{Path(photo.name).suffix[1:].lower()}"
    yield str(path.with_name(f"{stem}{path.suffix}"))
    number = 2
    while True:
        yield str(path.with_name(f"{stem}-{number}{path.suffix}"))
        number += 1


def _record(values: Mapping[str, Any]) -> Record:
    known = {each.name for each in fields(Record)}
    kept = {name: value for name, value in values.items() if name in known}
    made = kept.get("made")
    kept["made"] = None if made is None else Made(**made)
    kept["notes"] = tuple(kept.get("notes", ()))
    kept["state"] = State(kept["state"])
    return Record(**kept)


def count(records: Sequence[Record], *states: State) -> int:
    """How many records are in one of the states."""
    return sum(record.state in states for record in records)
