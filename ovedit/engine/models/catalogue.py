"""The models known: ours in `resources/models.toml`, the person's in a file of the same format.

The format is described at the top of `resources/models.toml`. The person's file may also hold
`[folders]`, where entries lie outside the hub's cache, and, with `override = true`, changes to
entries of ours. Keys that this version does not know stay in it when it is written.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ovedit.atomic import atomic_write
from ovedit.engine.library import Model
from ovedit.engine.models.entries import Fault, model_of, table_of
from ovedit.errors import FileError, ModelError
from ovedit.files import file_error
from ovedit.resources import resource_path
from ovedit.settings import config_folder


@dataclass(frozen=True)
class Catalogue:
    """All entries, ours first, and the folders that the person keeps some of them in, by id."""

    models: tuple[Model, ...]
    folders: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    def model(self, id: str) -> Model:
        """One entry. Raises `ModelError` for an id not known, naming those that are near."""
        for model in self.models:
            if model.id == id:
                return model
        near = difflib.get_close_matches(id, [model.id for model in self.models])
        hint = f"Did you mean {' or '.join(near)}?" if near else ""
        raise ModelError(
            f"There is no model {id!r}.", hint or "The command `ovedit models list` names all."
        )


def own_path() -> Path:
    """The file with the person's own entries."""
    return config_folder() / "models.toml"


def load_catalogue(own: Path | None = None) -> Catalogue:
    """Our entries and those of the person's file, which need not exist.

    own: the person's file, `own_path()` unless given. Raises `ModelError` where a file cannot be
    read or is wrong, naming file, entry, key, value and what to do.
    """
    path = own_path() if own is None else own
    return _combined(path, _read(path))


def save_own(
    path: Path,
    *,
    models: Iterable[Model] = (),
    folders: Mapping[str, Sequence[Path]] | None = None,
    forget: Iterable[str] = (),
) -> None:
    """Change the person's file.

    models: entries to add, or to put in place of theirs with the same id; an id of ours becomes an
    override. folders: for each id, the folders that it lies in from now on; none takes it out.
    forget: ids whose entry and folders go; done first. Everything else in the file stays, but not
    its comments. Raises `ModelError` where the file is wrong, would be, or cannot be written; it
    stays as it was then.
    """
    content = _read(path)
    # What is wrong before is not for this function to write again.
    _combined(path, content)
    entries = dict(content.get("models", {}))
    places = dict(content.get("folders", {}))
    for id in forget:
        entries.pop(id, None)
        places.pop(id, None)
    ours = {model.id for model in _ours()}
    for model in models:
        entry = _changed(entries.get(model.id, {}), table_of(model))
        if model.id in ours:
            entry["override"] = True
        entries[model.id] = entry
    for id, lie_in in (folders or {}).items():
        places[id] = [str(folder) for folder in lie_in]
    places = {id: lie_in for id, lie_in in places.items() if lie_in}
    content |= {"folders": places, "models": entries}
    _combined(path, content)
    _write(path, {key: value for key, value in content.items() if value != {}})


@cache
def _ours() -> tuple[Model, ...]:
    path = resource_path("models.toml")
    try:
        models = tuple(
            model_of(id, table, strict=True) for id, table in _tables(_read(path), "models").items()
        )
        _check_bases(models)
    except Fault as fault:
        raise ModelError(f"OVEdit's own {path}: {fault}.", "Install OVEdit again.") from fault
    return models


def _combined(path: Path, content: Mapping[str, Any]) -> Catalogue:
    """Our entries with those of the person's file at `path`, which holds `content`."""
    models = {model.id: model for model in _ours()}
    try:
        for id, entry in _tables(content, "models").items():
            models[id] = _own_model(id, entry, models)
        combined = tuple(models.values())
        _check_bases(combined)
        folders = {
            id: _folders(id, value, models) for id, value in _table(content, "folders").items()
        }
    except Fault as fault:
        raise ModelError(f"{path}: {fault}.", "Correct it, or take the entry out.") from fault
    return Catalogue(combined, folders)


def _own_model(id: str, entry: Mapping[str, Any], known: Mapping[str, Model]) -> Model:
    override = entry.get("override", False)
    if not isinstance(override, bool):
        raise Fault(f"{id}: override is {override!r}; it must be true or false")
    entry = {key: value for key, value in entry.items() if key != "override"}
    ours = known.get(id)
    if ours is None:
        if override:
            raise Fault(f"{id}: override is true, but none of OVEdit's models has that id")
        return model_of(id, entry, own=True)
    if not override:
        raise Fault(
            f"{id}: one of OVEdit's models has that id; write override = true to change it, or "
            "choose another id"
        )
    base = table_of(ours)
    elsewhere = any(key in entry and entry[key] != base[key] for key in ("repository", "revision"))
    if elsewhere and "files" not in entry:
        # The same names, but nobody has told what is in them there.
        base["files"] = [{"path": f.path, "size": f.size, "exact": False} for f in ours.files]
    return model_of(id, _changed(base, entry), own=True)


def _changed(entry: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with other values; of `dtypes` and `memory` only one may be given."""
    kept = dict(entry)
    if "dtypes" in changes or "memory" in changes:
        kept.pop("dtypes", None)
        kept.pop("memory", None)
    return kept | dict(changes)


def _check_bases(models: Iterable[Model]) -> None:
    """Whether every `base` is there. Raises `Fault`."""
    ids = {model.id for model in models}
    for model in models:
        for base in model.base:
            if base not in ids or base == model.id:
                what = "is the entry itself" if base == model.id else "is no known model"
                raise Fault(f"{model.id}: base has {base!r}, which {what}")


def _folders(id: str, value: Any, known: Mapping[str, Model]) -> tuple[Path, ...]:
    if id not in known:
        near = difflib.get_close_matches(id, known)
        raise Fault(f"folders: {id!r} is no known model" + (f"; near is {near[0]}" if near else ""))
    if not isinstance(value, list) or not all(
        isinstance(folder, str) and folder and "\0" not in folder for folder in value
    ):
        raise Fault(f"folders: {id} is {value!r}; it must be a list of folders in quotes")
    folders = tuple(Path(folder) for folder in value)
    for folder in folders:
        if not folder.is_absolute():
            raise Fault(f"folders: {id} has {str(folder)!r}; it must be a path from the root")
    return folders


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, Mapping):
        raise Fault(f"{key} is {value!r}; it must be a table, as in [{key}]")
    return value


def _tables(content: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    tables = _table(content, key)
    for id, value in tables.items():
        if not isinstance(value, Mapping):
            raise Fault(f"{key}: {id} is {value!r}; it must be a table, as in [{key}.{id}]")
    return tables


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _as_model_error(file_error(path, "read", error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"The list of models {path} is not valid TOML: {error}.",
            f"Correct it, or move {path.name} away to go without its entries.",
        ) from error


def _write(path: Path, content: Mapping[str, Any]) -> None:
    import tomli_w

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            stream.write(tomli_w.dumps(content).encode())
    except OSError as error:
        raise _as_model_error(file_error(path, "written", error)) from error
    except FileError as error:
        raise _as_model_error(error) from error


def _as_model_error(error: FileError) -> ModelError:
    return ModelError(error.message, error.hint)
