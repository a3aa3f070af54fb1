"""Embeddings of texts on the disk: one bounded file per model and template set.

A file is a NumPy archive without pickles, whose parts carry checksums. One that cannot be read is
no loss: everything in it can be computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovedit.atomic import atomic_write
from ovedit.engine.segmentation.templates import TEMPLATES
from ovedit.files import file_error

MOST_ROWS = 4096
"""Texts kept of one model under one template set; those not asked for the longest go first."""
MOST_FILES = 24
_MOST_BYTES = 64_000_000
_SUFFIX = ".npz"


@dataclass(frozen=True, eq=False)
class Row:
    """One text: its embedding (c,) float32, L2-normalised, and whether the model read it whole."""

    values: NDArray[np.float32]
    cut: bool


def store_path(folder: Path, key: str, templates: str) -> Path:
    """The file for a model's key and a template set; other sentences are another file."""
    name = json.dumps([key, TEMPLATES[templates]])
    return folder / (hashlib.blake2b(name.encode(), digest_size=16).hexdigest() + _SUFFIX)


def read(path: Path) -> dict[str, Row]:
    """What the file holds, the longest unused first; nothing where it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                return {}
        with np.load(path, allow_pickle=False) as parts:
            values, cut = parts["values"], parts["cut"]
            texts = json.loads(parts["texts"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return {}
    if not _sound(values, cut, texts):
        return {}
    return {text: Row(values[i], bool(cut[i])) for i, text in enumerate(texts)}


def write(path: Path, rows: dict[str, Row]) -> None:
    """Replace the file by these rows, the last `MOST_ROWS` of them.

    Raises `FileError` where that cannot be done.
    """
    kept = dict(list(rows.items())[-MOST_ROWS:])
    texts = np.frombuffer(json.dumps(list(kept)).encode(), np.uint8)
    values = np.stack([row.values for row in kept.values()])
    cut = np.array([row.cut for row in kept.values()], bool)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise file_error(path.parent, "written", e) from e
    with atomic_write(path) as stream:
        np.savez(stream, values=values, cut=cut, texts=texts)
    _prune(path.parent)


def _sound(values: NDArray[np.float32], cut: NDArray[np.bool_], texts: object) -> bool:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return False
    if values.dtype != np.float32 or values.ndim != 2 or cut.shape != (len(texts),):
        return False
    if len(values) != len(texts) or not np.isfinite(values).all():
        return False
    return bool(np.allclose(np.linalg.norm(values, axis=1), 1, atol=1e-3))


def _prune(folder: Path) -> None:
    """Delete the files not written for the longest, beyond `MOST_FILES`."""
    dated = []
    for path in folder.glob(f"*{_SUFFIX}"):
        # Another program may be at the same work.
        with contextlib.suppress(OSError):
            dated.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(dated)[:-MOST_FILES]:
        with contextlib.suppress(OSError):
            path.unlink()
