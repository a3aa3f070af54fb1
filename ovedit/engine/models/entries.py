"""One entry of a catalogue: from the table of a TOML file to a `Model`, checked, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models.loader_names import LOADER_NAMES, is_loader

CAPABILITIES = frozenset(
    {
        "text",
        "dense",
        "points",
        "boxes",
        "mask-prompt",
        "instances",
        "negative-prompt",
        "instruction",
        "few-steps",
        "any-size",
        "fixed-size",
        "remove",
        "replace",
        "restyle",
        "quantised",
        "part",
    }
)
"""The flags that an entry may have; `resources/models.toml` says what each means."""

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of a number by the name of its format."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
# What one of the systems does not take.
_NOT_IN_NAMES = re.compile(r'[\\:*?"<>|\x00-\x1f]')

_KEYS = {
    "title",
    "task",
    "loader",
    "repository",
    "revision",
    "parameters",
    "dtypes",
    "memory",
    "native_sizes",
    "capabilities",
    "base",
    "licence",
    "good_at",
    "bad_at",
    "files",
}
_LICENCE_KEYS = {"name", "url", "gated", "commercial"}
_FILE_KEYS = {"path", "size", "sha256", "exact"}
_TASKS = tuple(task.value for task in Task)
_REQUIRED = ("task", "loader", "files")
_REQUIRED_OF_OURS = (*_REQUIRED, "title", "repository", "revision", "parameters", "licence")
_NO_LICENCE = Licence("not stated", "")


class Fault(Exception):
    """What is wrong with an entry: its id, key and value, and what the value must be.

    Whoever read the file adds which file it is.
    """


def model_of(
    id: str, table: Mapping[str, Any], *, own: bool = False, strict: bool = False
) -> Model:
    """The entry as a value. Raises `Fault` where it is wrong.

    own: the person's, who may leave out everything but task, loader and files.
    strict: unknown keys are faults as well.
    """
    if not _ID.fullmatch(id):
        raise Fault(f"the id {id!r} must be lower-case letters and digits, with single hyphens")
    entry = _Reader(id, table, _KEYS if strict else None)
    entry.require(_REQUIRED if own else _REQUIRED_OF_OURS)
    repository = entry.text("repository", "")
    revision = entry.text("revision", "main" if repository else "")
    entry.check("repository", not repository or _REPOSITORY.fullmatch(repository), '"owner/name"')
    entry.check(
        "revision",
        not revision or (_REVISION.fullmatch(revision) and ".." not in revision),
        "the name of a commit, tag or branch",
    )
    loader = entry.text("loader")
    if not is_loader(loader):
        raise entry.wrong("loader", f"one of {_listed(LOADER_NAMES)}")
    parameters = entry.number("parameters", least=0 if own else 1, default=0)
    return Model(
        id=id,
        title=entry.text("title", id) or id,
        task=Task(entry.one_of("task", _TASKS)),
        loader=loader,
        repository=repository,
        revision=revision,
        files=_files(entry, strict),
        licence=_licence(entry, strict),
        parameters=parameters,
        memory=_memory(entry, parameters),
        native_sizes=tuple(entry.numbers("native_sizes")),
        capabilities=frozenset(entry.some_of("capabilities", CAPABILITIES)),
        good_at=entry.text("good_at", ""),
        bad_at=entry.text("bad_at", ""),
        base=tuple(entry.texts("base")),
        own=own,
    )


def table_of(model: Model) -> dict[str, Any]:
    """The table that `model_of` makes the same entry of."""
    licence = model.licence
    dtypes = {dtype: model.parameters * DTYPE_BYTES[dtype] for dtype in model.memory}
    table: dict[str, Any] = {
        "title": model.title,
        "task": model.task.value,
        "loader": model.loader,
        "repository": model.repository,
        "revision": model.revision,
        "parameters": model.parameters,
        "native_sizes": list(model.native_sizes),
        "capabilities": sorted(model.capabilities),
        "base": list(model.base),
        "good_at": model.good_at,
        "bad_at": model.bad_at,
        "files": [_file_table(file) for file in model.files],
    }
    if dtypes == model.memory:
        table["dtypes"] = list(dtypes)
    else:
        table["memory"] = dict(model.memory)
    if licence != _NO_LICENCE:
        table["licence"] = {
            "name": licence.name,
            "url": licence.url,
            "gated": licence.gated,
            "commercial": licence.commercial,
        }
    return table


def _file_table(file: ModelFile) -> dict[str, Any]:
    table: dict[str, Any] = {"path": file.path, "size": file.size}
    if file.sha256:
        table["sha256"] = file.sha256
    if not file.exact:
        table["exact"] = False
    return table


def _files(entry: _Reader, strict: bool) -> tuple[ModelFile, ...]:
    found = entry.tables("files", _FILE_KEYS if strict else None)
    entry.check("files", found, "a list with at least one file")
    files = []
    names: set[str] = set()
    for table in found:
        table.require(("path", "size"))
        path = table.text("path")
        table.check("path", _is_inside(path), 'a path inside the repository, with "/"')
        # Two systems of three do not tell capitals apart.
        table.check("path", path.casefold() not in names, "listed once only")
        names.add(path.casefold())
        sha256 = table.text("sha256", "")
        table.check(
            "sha256", not sha256 or _SHA256.fullmatch(sha256), "64 hexadecimal digits, lower case"
        )
        size = table.number("size", least=1)
        files.append(ModelFile(path, size, sha256, table.flag("exact", True)))
    return tuple(files)


def _licence(entry: _Reader, strict: bool) -> Licence:
    table = entry.table("licence", _LICENCE_KEYS if strict else None)
    if table is None:
        return _NO_LICENCE
    table.require(("name", "url"))
    name, url = table.text("name"), table.text("url")
    table.check("name", name.strip(), "the name of a licence")
    table.check("url", re.fullmatch(r"https://[^\s/]+\S*", url), "an address with https://")
    return Licence(name, url, table.flag("gated", False), table.flag("commercial", True))


def _memory(entry: _Reader, parameters: int) -> dict[str, int]:
    """Bytes by dtype, from the keys `dtypes` or `memory`, of which one may be given."""
    table = entry.table("memory", set(DTYPE_BYTES))
    dtypes = entry.some_of("dtypes", DTYPE_BYTES)
    if table is None:
        entry.check("dtypes", not dtypes or parameters, "given together with parameters")
        return {dtype: parameters * DTYPE_BYTES[dtype] for dtype in dtypes}
    entry.check("dtypes", not dtypes, "left out where memory is given")
    return {dtype: table.number(dtype, least=1) for dtype in table.given()}


def _is_inside(path: str) -> bool:
    return not _NOT_IN_NAMES.search(path) and not {"", ".", ".."}.intersection(path.split("/"))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


class _Reader:
    """Values of a table by key, each of the type asked for. Every method raises `Fault`."""

    def __init__(self, where: str, table: Mapping[str, Any], allowed: set[str] | None) -> None:
        self._where = where
        self._table = table
        unknown = sorted(set(table) - allowed) if allowed is not None else []
        if unknown:
            raise Fault(
                f"{where}: there is no key {unknown[0]!r}; known are {_listed(allowed or ())}"
            )

    def given(self) -> Iterable[str]:
        """The keys that are there."""
        return self._table.keys()

    def require(self, keys: Iterable[str]) -> None:
        """That all these keys are there."""
        for key in keys:
            if key not in self._table:
                raise Fault(f"{self._where}: {key} is missing")

    def check(self, key: str, right: object, wanted: str) -> None:
        """That the value of a key is right, whatever that is."""
        if not right:
            raise self.wrong(key, wanted)

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return self._value(key, default, lambda value: isinstance(value, str), "a text in quotes")

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return self._value(key, default, lambda value: isinstance(value, bool), "true or false")

    def number(self, key: str, *, least: int, default: int = 0) -> int:
        """A whole number, not under `least` where it is given."""
        wanted = f"a whole number, {least:,} or more"
        return self._value(key, default, lambda value: _is_whole(value, least), wanted)

    def numbers(self, key: str) -> list[int]:
        """A list of whole numbers over 0."""

        def right(value: Any) -> bool:
            return isinstance(value, list) and all(_is_whole(item, 1) for item in value)

        return self._value(key, [], right, "a list of whole numbers over 0")

    def texts(self, key: str) -> list[str]:
        """A list of texts, none of them twice."""

        def right(value: Any) -> bool:
            texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return texts and len(set(value)) == len(value)

        return self._value(key, [], right, "a list of texts, each once")

    def one_of(self, key: str, names: Collection[str]) -> str:
        """One of the names."""
        value = self.text(key)
        if value not in names:
            raise self.wrong(key, f"one of {_listed(names)}")
        return value

    def some_of(self, key: str, names: Collection[str]) -> list[str]:
        """Any of the names, each once."""
        values = self.texts(key)
        if not set(values).issubset(names):
            raise self.wrong(key, f"a list of any of {_listed(names)}")
        return values

    def table(self, key: str, allowed: set[str] | None) -> _Reader | None:
        """The table below, or None where there is none."""
        value = self._value(key, None, lambda value: isinstance(value, Mapping), "a table")
        return None if value is None else _Reader(f"{self._where}: {key}", value, allowed)

    def tables(self, key: str, allowed: set[str] | None) -> list[_Reader]:
        """The list of tables below."""

        def right(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)

        found = self._value(key, [], right, "a list of tables")
        return [
            _Reader(f"{self._where}: {key}, number {index}", table, allowed)
            for index, table in enumerate(found, start=1)
        ]

    def _value(self, key: str, default: Any, right: Callable[[Any], bool], wanted: str) -> Any:
        if key not in self._table:
            return default
        if not right(self._table[key]):
            raise self.wrong(key, wanted)
        return self._table[key]

    def wrong(self, key: str, wanted: str) -> Fault:
        """The fault that the value of a key is."""
        value = self._table.get(key)
        return Fault(f"{self._where}: {key} is {_shown(value)}; it must be {wanted}")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
