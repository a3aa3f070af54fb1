"""Where the files of a model are: in the hub's cache, or in a folder that the person added.

The cache is huggingface_hub's own, in its own layout, so that its other users share the files:
`models--owner--name/` holds `blobs/` named by hash, `snapshots/<commit>/` with links to them, and
`refs/` with the commit of each branch. Where the system has no links, the files themselves lie in
the snapshots. Ours alone are the partial files of `partial_path`.

Everything here looks at names and sizes only, and never at a network.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ovedit.engine.library import Model, ModelFile, ModelState, Presence
from ovedit.errors import ModelError

PARTIAL = ".ovedit.incomplete"
"""How the names of files end that are still being downloaded."""

COMMIT = re.compile(r"[0-9a-f]{40}")
"""The name of a commit in full."""


def hub_cache() -> Path:
    """The folder that huggingface_hub keeps models in: HF_HUB_CACHE, or `hub` in HF_HOME.

    Raises `ModelError` for an HF_ENDPOINT that cannot even be taken apart.
    """
    try:
        from huggingface_hub import constants
    except ValueError as e:
        from ovedit.engine.models.hub_errors import endpoint_error

        raise endpoint_error(os.environ.get("HF_ENDPOINT", "")) from e

    return Path(constants.HF_HUB_CACHE)


def free_bytes(folder: Path) -> int:
    """Room left on the disk that a folder is on, or will be on. Raises `ModelError`."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            try:
                return shutil.disk_usage(place).free
            except PermissionError as e:
                raise ModelError(
                    f"The free room of {folder} cannot be found out: permission is denied.",
                    "Check its permissions, or set HF_HOME to a folder that is yours.",
                ) from e
    raise ModelError(f"There is no disk for {folder}.", "Set HF_HOME to a folder that exists.")


def repository_folder(cache: Path, repository: str) -> Path:
    """Where the cache keeps a repository "owner/name"."""
    return cache / "--".join(["models", *repository.split("/")])


def commit_of(cache: Path, model: Model) -> str:
    """The commit that the model's revision stands for on this computer; empty where unknown."""
    if COMMIT.fullmatch(model.revision):
        return model.revision
    ref = repository_folder(cache, model.repository) / "refs" / model.revision
    try:
        commit = ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return commit if COMMIT.fullmatch(commit) else ""


def snapshot_of(cache: Path, model: Model) -> Path | None:
    """The folder with the model's files under their own names; it need not exist yet.

    None for a model of no repository, or of a branch that was never downloaded.
    """
    commit = commit_of(cache, model) if model.repository else ""
    return repository_folder(cache, model.repository) / "snapshots" / commit if commit else None


def inside(folder: Path, name: str) -> Path:
    """The path of a repository's file in a folder. Raises `ModelError` for a name that leads out.

    Names come from catalogues that people write.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or re.search(r"[\\:\0]", name):
        raise ModelError(f"{name!r} is no name of a file inside a model.", "Correct the entry.")
    return folder.joinpath(*parts)


def partial_path(blobs: Path, name: str, etag: str) -> Path:
    """The file that the bytes of `name` go to until all have come.

    The checksum of the name tells whose it is without asking the hub which hash belongs to it.
    """
    return blobs / f"{etag}.{_mark(name)}{PARTIAL}"


def partials(cache: Path, repository: str) -> dict[str, list[Path]]:
    """The partial files of a repository by the mark of the file that each will be."""
    found: dict[str, list[Path]] = {}
    blobs = repository_folder(cache, repository) / "blobs"
    try:
        names = os.listdir(blobs)
    except OSError:
        return found
    for name in names:
        if name.endswith(PARTIAL):
            mark = name.removesuffix(PARTIAL).rpartition(".")[2]
            found.setdefault(mark, []).append(blobs / name)
    return found


def partials_of(cache: Path, repository: str, names: Iterable[str]) -> list[Path]:
    """The partial files of the named files of a repository."""
    found = partials(cache, repository)
    return [path for name in names for path in found.get(_mark(name), [])]


def _mark(name: str) -> str:
    return f"{zlib.crc32(name.encode()):08x}"


def size_of(path: Path) -> int | None:
    """Bytes of a regular file, through links; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def complete(size: int | None, file: ModelFile) -> bool:
    """Whether a file of that size can be the whole one."""
    return size is not None and (size == file.size if file.exact else size > 0)


@dataclass(frozen=True)
class Contents:
    """What of a model is in one folder: bytes there, and the files not complete."""

    folder: Path | None
    on_disk: int
    missing: tuple[str, ...]


def contents(folder: Path, model: Model) -> Contents:
    """What of a model is in a folder, under its own names."""
    on_disk = 0
    missing = []
    for file in model.files:
        size = size_of(inside(folder, file.path))
        on_disk += size or 0
        if not complete(size, file):
            missing.append(file.path)
    return Contents(folder, on_disk, tuple(missing))


def cached(cache: Path, model: Model) -> Contents:
    """What of a model is in the hub's cache, with what was downloaded of the files not complete."""
    snapshot = snapshot_of(cache, model)
    names = tuple(file.path for file in model.files)
    seen = Contents(None, 0, names) if snapshot is None else contents(snapshot, model)
    parts = partials_of(cache, model.repository, seen.missing) if seen.missing else []
    return Contents(
        snapshot, seen.on_disk + sum(size_of(part) or 0 for part in parts), seen.missing
    )


def look(model: Model, folders: Iterable[Path], cache: Path) -> ModelState:
    """Where a model is: in the first folder that has all of it, else in the cache."""
    places = [contents(folder, model) for folder in folders]
    looked_in = [place.folder for place in places if place.folder is not None]
    if model.repository:
        places.append(cached(cache, model))
        looked_in.append(repository_folder(cache, model.repository))
    for place in places:
        if not place.missing and place.folder is not None:
            return ModelState(
                model.id, Presence.READY, place.folder, place.on_disk, (), tuple(looked_in)
            )
    names = tuple(file.path for file in model.files)
    # Where a download goes on, if one was begun; else the folder with the most of it.
    best = max(reversed(places), key=lambda place: place.on_disk, default=Contents(None, 0, names))
    if places and model.repository and places[-1].on_disk:
        best = places[-1]
    presence = Presence.PARTIAL if best.on_disk else Presence.MISSING
    return ModelState(model.id, presence, None, best.on_disk, best.missing, tuple(looked_in))
