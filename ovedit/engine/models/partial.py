"""A file on its way: the beginning that has come so far, and its hash."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ovedit.engine.models.verify import READ_BYTES, Digest


class PartialFile:
    """The first `size` bytes of a file, kept when the work is cut off; use with `closing`.

    path: created if need be. digest: makes an empty hash of the right kind. tick: called again
    and again while what is here is being read, and may raise.
    Every byte appended is with the system at once: killing the process loses none.
    """

    def __init__(self, path: Path, digest: Callable[[], Digest], tick: Callable[[], None]) -> None:
        self._path = path
        self._make_digest = digest
        self._stream = path.open("a+b", buffering=0)
        self._digest = digest()
        self.size = 0
        try:
            self._stream.seek(0)
            while data := self._stream.read(READ_BYTES):
                tick()
                self._note(data)
        except BaseException:
            self._stream.close()
            raise

    def append(self, data: bytes) -> None:
        """Write more of the file. Raises `OSError`; what the disk took of it is kept."""
        rest = memoryview(data)
        while rest:
            count = self._stream.write(rest)
            self._note(rest[:count])
            rest = rest[count:]

    def restart(self) -> None:
        """Forget all of it."""
        self._stream.truncate(0)
        self._digest = self._make_digest()
        self.size = 0

    @property
    def right(self) -> bool:
        """Whether the hash is that of the whole file."""
        return self._digest.right

    def become(self, blob: Path) -> None:
        """Take the name of the whole file, which it is, with all bytes on the disk."""
        os.fsync(self._stream.fileno())
        self.close()
        os.replace(self._path, blob)

    def discard(self) -> None:
        """Delete it."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep it for next time."""
        self._stream.close()

    def _note(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self.size += len(data)


def link(blob: Path, pointer: Path, *, fresh: bool) -> None:
    """Give a whole file its own name in a snapshot, replacing what was there.

    fresh: nothing else in the cache uses the blob yet, so that where there are no links it may be
    moved; as the hub's own client does. Raises `OSError`.
    """
    from huggingface_hub import constants

    new = pointer.with_name(f".{uuid.uuid4().hex[:12]}.ovedit")
    try:
        if constants.HF_HUB_DISABLE_SYMLINKS or not _linked(blob, new):
            if fresh:
                os.replace(blob, new)
            else:
                shutil.copyfile(blob, new)
        os.replace(new, pointer)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _linked(blob: Path, new: Path) -> bool:
    try:
        os.symlink(os.path.relpath(blob, new.parent), new)
    except (OSError, NotImplementedError):
        # No right to make links (Windows), or a disk without them.
        return False
    return True
