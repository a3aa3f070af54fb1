"""Reading a zip from anywhere: entries are read into memory, one by one, never unpacked to disk."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from reprlib import repr
from types import TracebackType
from typing import BinaryIO

from ovedit.errors import DamagedFileError

_MOST_ENTRIES = 20_000


class Archive:
    """A zip whose entries have been checked: how many, their names, and with each read their size.

    name: what errors call the file. Use it in a `with` block. Raises `DamagedFileError`.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(stream)
        # The directory of a broken zip raises more than BadZipFile: struct.error, ValueError, …
        except Exception as e:
            raise self.damaged(f"it is cut off or not a zip file ({e})") from e
        entries = self._zip.infolist()
        if len(entries) > _MOST_ENTRIES:
            raise self.damaged(f"it has {len(entries):,} entries")
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) < len(entries):
            raise self.damaged("it has two entries of one name")
        for entry in self._entries:
            path = PurePosixPath(entry)
            if path.is_absolute() or ".." in path.parts or "\\" in entry or ":" in entry:
                raise self.damaged(f"its entry {entry!r} points outside of it")

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def __contains__(self, entry: str) -> bool:
        return entry in self._entries

    def checksum(self, entry: str) -> int | None:
        """CRC-32 of an entry, or None where there is no such."""
        found = self._entries.get(entry)
        return None if found is None else found.CRC

    def read(self, entry: str, limit: int) -> bytes:
        """All of an entry. Raises `DamagedFileError` if it is missing, broken or above `limit`."""
        found = self._entries.get(entry)
        if found is None:
            raise self.damaged(f"its entry {repr(entry)} is missing")
        if found.file_size > limit:
            raise self.damaged(
                f"its entry {entry!r} claims {found.file_size:,} bytes, more than {limit:,}"
            )
        try:
            return self._zip.read(found)
        except Exception as e:
            raise self.damaged(f"its entry {entry!r} cannot be read ({e})") from e

    def head(self, entry: str, length: int) -> bytes:
        """The first bytes of an entry. Raises `DamagedFileError` if it is missing or broken."""
        found = self._entries.get(entry)
        if found is None:
            raise self.damaged(f"its entry {repr(entry)} is missing")
        try:
            with self._zip.open(found) as stream:
                return stream.read(length)
        except Exception as e:
            raise self.damaged(f"its entry {entry!r} cannot be read ({e})") from e

    def damaged(self, why: str) -> DamagedFileError:
        """The error to raise for what is wrong with this file."""
        return DamagedFileError(
            f"{Path(self.name).name} is damaged: {why}.", "Open another copy or a backup."
        )
