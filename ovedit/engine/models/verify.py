"""Whether a file is what its publisher says it is."""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ovedit.engine.library import Model, ModelFile, TransferListener, unheard
from ovedit.engine.models.meter import Meter
from ovedit.engine.models.store import inside, size_of
from ovedit.errors import DamagedModelError, ModelError

if TYPE_CHECKING:
    from ovedit.engine.protocols import CancelToken

READ_BYTES = 1 << 20


class By(enum.StrEnum):
    """What a file was compared with."""

    SHA256 = "SHA-256"
    """The SHA-256 that is published."""
    GIT = "git hash"
    """The SHA-1 that git names small files by."""
    STRUCTURE = "structure"
    """Nothing is published: its own header and length agree, or it can be parsed."""
    SIZE = "size"
    """Nothing is published: its size is the one in the catalogue."""
    NOTHING = "nothing"
    """Nothing is published, not even a size in bytes: it is there."""


@dataclass(frozen=True)
class Checked:
    """A file that is as it should be, as far as `by` can tell."""

    path: str
    size: int
    by: By


class Digest:
    """The hash to expect of a file, and the one of the bytes seen.

    sha256: as published, or empty. etag: the hub's name of the file: the SHA-256 of a large one,
    the SHA-1 of a git object of a small one. size: bytes, which git hashes in front; None where
    not known.
    """

    def __init__(self, sha256: str, etag: str, size: int | None) -> None:
        self.by: By | None = None
        self._expected = sha256 or etag
        if re.fullmatch(r"[0-9a-f]{64}", self._expected):
            self.by, self._hash = By.SHA256, hashlib.sha256()
        elif size is not None and re.fullmatch(r"[0-9a-f]{40}", self._expected):
            self.by = By.GIT
            self._hash = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        else:
            self._hash = None

    def update(self, data: bytes | memoryview) -> None:
        """See more bytes of the file."""
        if self._hash is not None:
            self._hash.update(data)

    @property
    def right(self) -> bool:
        """Whether the bytes seen are the file; always, where there is nothing to compare with."""
        return self._hash is None or self._hash.hexdigest() == self._expected


def check_files(
    model: Model,
    folder: Path,
    listener: TransferListener = unheard,
    cancel: CancelToken | None = None,
) -> tuple[Checked, ...]:
    """Read every file of a model in a folder and compare size and hash.

    Raises `DamagedModelError` naming every file that is wrong, once all were read.
    """
    sizes = [size_of(inside(folder, file.path)) for file in model.files]
    meter = Meter(listener, sum(size or 0 for size in sizes))
    good: list[Checked] = []
    bad: list[str] = []
    for file, size in zip(model.files, sizes, strict=True):
        meter.begin(file.path)
        path = inside(folder, file.path)
        if size is None:
            bad.append(f"{file.path} is gone")
        elif file.exact and size != file.size:
            bad.append(f"{file.path} has {size:,} bytes instead of {file.size:,}")
        else:
            by = _read(path, size, file, meter, cancel)
            if by is None:
                bad.append(f"{file.path} is not what was published")
            else:
                good.append(Checked(file.path, size, by))
    meter.report()
    if bad:
        raise DamagedModelError(
            f"{model.title} is damaged: {'; '.join(bad)}.",
            f"Remove it with `ovedit models remove {model.id}`, then get it again."
            if model.repository
            else "Copy it again from where it came.",
        )
    return tuple(good)


def _read(
    path: Path, size: int, file: ModelFile, meter: Meter, cancel: CancelToken | None
) -> By | None:
    """By what the file was found to be right; None where it is wrong."""
    digest = Digest(file.sha256, _etag(path), size)
    try:
        with path.open("rb", buffering=0) as stream:
            while data := stream.read(READ_BYTES):
                if cancel is not None:
                    cancel.check()
                digest.update(data)
                meter.add(len(data))
    except OSError as e:
        raise ModelError(
            f"{path} cannot be read: {e.strerror or e}.", "Check its permissions and the disk."
        ) from e
    if digest.by is not None:
        return digest.by if digest.right else None
    structure = well_formed(path)
    if structure is None:
        return By.SIZE if file.exact else By.NOTHING
    return By.STRUCTURE if structure else None


def _etag(path: Path) -> str:
    """The name of the blob that a link in the hub's cache leads to; empty for other files."""
    try:
        target = Path(os.readlink(path))
    except OSError:
        return ""
    return target.name if target.parent.name == "blobs" else ""


def well_formed(path: Path) -> bool | None:
    """Whether a file agrees with itself; None for a kind that cannot be judged.

    A safetensors file is exactly as long as its header says; a JSON file can be parsed.
    """
    try:
        if path.suffix == ".safetensors":
            tensors_of(path)
            return True
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
            return True
    except (OSError, ValueError):
        return False
    return None


def tensors_of(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Type ("F16", "BF16", ...) and shape of every tensor; see `headers_of`."""
    return list(headers_of(path).values())


def headers_of(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of every tensor of a safetensors file by name; reads no weights.

    Raises `ValueError` where the file is none or is not as long as its header says, and `OSError`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            parts = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
            return {
                name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()
            }
    except SafetensorError as e:
        raise ValueError(f"{path} is not a whole safetensors file: {e}.") from e
