"""Deleting a model from the hub's cache without hurting what else uses its files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ovedit.engine.library import Model, ModelFile
from ovedit.engine.models import store
from ovedit.engine.models.stream import LOOK_SECONDS
from ovedit.errors import ModelError


def remove(model: Model, others: Iterable[Model], cache: Path) -> int:
    """Delete a model's files from a hub cache, and what was begun of them; the bytes freed.

    What one of the other models needs stays, if that one is here, or was begun; and so does a blob
    that another snapshot shows. Raises `ModelError` where files cannot be deleted.
    """
    from huggingface_hub import DeleteCacheStrategy

    folder = store.repository_folder(cache, model.repository)
    snapshot = store.snapshot_of(cache, model)
    unneeded = _unneeded(model, others, cache)
    names = [file.path for file in unneeded]
    entries = set() if snapshot is None else {store.inside(snapshot, name) for name in names}
    entries = {entry for entry in entries if os.path.lexists(entry)}
    blobs = {_blob_of(entry) for entry in entries}
    # Those that a download had completed when it was cut off before it gave them their names.
    blobs |= {folder / "blobs" / file.sha256 for file in unneeded if file.sha256}
    blobs -= {_blob_of(entry) for entry in _entries(folder) if entry not in entries}
    doomed = {blob for blob in blobs if os.path.lexists(blob)}
    partials = store.partials_of(cache, model.repository, names)
    freed = sum(store.size_of(path) or 0 for path in {*doomed, *partials})
    for partial in partials:
        _delete_partial(partial, model, cache / ".locks" / folder.name)
    # The hub's own way: names before blobs, and blobs that repositories share by their own count.
    strategy = DeleteCacheStrategy(
        expected_freed_size=freed,
        files=frozenset(entries),
        blobs=frozenset(doomed - entries),
        refs=frozenset(),
        repos=frozenset(),
        snapshots=frozenset(),
        cache_dir=cache,
    )
    with contextlib.suppress(OSError):
        strategy.execute()
    left = [path for path in (*entries, *doomed) if os.path.lexists(path)]
    if left:
        raise _not_deleted(left[0], model)
    _drop_empty(folder)
    return freed


def _unneeded(model: Model, others: Iterable[Model], cache: Path) -> list[ModelFile]:
    """The model's files that no other one needs which is here."""
    names = [file.path for file in model.files]
    needed: set[str] = set()
    for other in others:
        if (other.repository, other.revision) != (model.repository, model.revision):
            continue
        state = store.cached(cache, other)
        own = [file.path for file in other.files if file.path not in names]
        # What it shares with this one says nothing about whether anybody wants it.
        begun = any(path not in state.missing for path in own)
        begun = begun or bool(store.partials_of(cache, other.repository, own))
        if other.id != model.id and (not state.missing or begun):
            needed |= {file.path for file in other.files}
    return [file for file in model.files if file.path not in needed]


def _delete_partial(partial: Path, model: Model, locks: Path) -> None:
    """Delete what was begun of a file, unless somebody is at it. Raises `ModelError`."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    etag = partial.name.partition(".")[0]
    try:
        locks.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(locks / f"{etag}.lock", timeout=LOOK_SECONDS):
            partial.unlink(missing_ok=True)
    except Timeout as e:
        raise ModelError(
            f"{model.title} is being downloaded by another program.", "Stop that first."
        ) from e
    except OSError as e:
        raise _not_deleted(partial, model) from e


def _not_deleted(path: Path, model: Model) -> ModelError:
    return ModelError(
        f"{path} of {model.title} cannot be deleted.",
        "Check its permissions, and whether another program uses it.",
    )


def _entries(folder: Path) -> Iterator[Path]:
    """Every file and link in the snapshots of a repository."""
    for root, _, names in os.walk(folder / "snapshots"):
        for name in names:
            yield Path(root, name)


def _blob_of(entry: Path) -> Path:
    """What the bytes of a snapshot's entry are kept in: the blob, or the entry itself.

    Only the first step of a link: a blob can itself lead to one that repositories share.
    """
    if not entry.is_symlink():
        return entry
    return Path(os.path.normpath(entry.parent / os.readlink(entry)))


def _drop_empty(folder: Path) -> None:
    """Take away what holds nothing any more: snapshots, their branches, at last the repository.

    A branch that stands for no snapshot makes the hub's own tools call the repository corrupt.
    """
    snapshots = folder / "snapshots"
    for root, _, _ in os.walk(snapshots, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(root)
    for root, _, names in os.walk(folder / "refs", topdown=False):
        with contextlib.suppress(OSError):
            for ref in (Path(root, name) for name in names):
                if not (snapshots / ref.read_text(encoding="utf-8").strip()).exists():
                    ref.unlink()
            os.rmdir(root)
    for place in (folder / "blobs", folder):
        with contextlib.suppress(OSError):
            os.rmdir(place)
