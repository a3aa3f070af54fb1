"""Recipes as TOML files. What is wrong is said with the file, the line, the key and what fits.

    name = "Metal benches"

    [[steps]]
    kind = "replace"
    phrase = "wooden bench"
    prompt = "metal bench"

All that may stand in one is in `resources/batch/example.toml`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ovedit.atomic import atomic_write
from ovedit.engine.requests import EditKind
from ovedit.errors import UsageError
from ovedit.files import open_file
from ovedit.workflows.recipe import EngineUse, Output, Recipe, Step, wanted_of

_TABLES: dict[str, type] = {"select": EngineUse, "edit": EngineUse, "output": Output}
_HEADER = re.compile(r"\[\[?\s*(?P<name>[\w\-.]+)\s*\]\]?")
_KEY = re.compile(r"(?P<key>[\w\-]+)\s*[.=]")


def load_recipe(path: Path | str) -> Recipe:
    """Read a recipe.

    Raises `FileError` where the file cannot be read, `UsageError` where it is no TOML, or holds a
    key that is not known, is missing, or has a value that does not fit.
    """
    path = Path(path)
    with open_file(path) as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise UsageError(
            f"The recipe {path} is not text in UTF-8: {e.reason} at byte {e.start}.",
            "Save it as UTF-8, or choose another file.",
        ) from e
    return parse_recipe(text, str(path))


def parse_recipe(text: str, source: str = "recipe") -> Recipe:
    """The recipe that TOML says; errors name `source`. Raises `UsageError` as `load_recipe`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise UsageError(
            f"The recipe {source} is not valid TOML: {e}.", "Texts need quotes; compare an example."
        ) from e
    return _Reader(source, _lines_of(text)).recipe(values)


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML, without what is as usual anyway."""
    import tomli_w

    head: dict[str, Any] = {"name": recipe.name} if recipe.name else {}
    if not recipe.subfolders:
        head["subfolders"] = False
    tables = {name: part for name in _TABLES if (part := _plain(getattr(recipe, name)))}
    steps = ["[[steps]]\n" + tomli_w.dumps(_plain(step)) for step in recipe.steps]
    texts = [tomli_w.dumps(head), *steps, tomli_w.dumps(tables)]
    return "\n".join(text for text in texts if text)


def save_recipe(path: Path | str, recipe: Recipe) -> None:
    """Write a recipe; an older file stays whole until then. Raises `FileError`."""
    with atomic_write(Path(path)) as stream:
        stream.write(recipe_text(recipe).encode())


class _Reader:
    """Turns a table of TOML into a recipe and says where something does not fit."""

    def __init__(self, source: str, lines: Mapping[str, int]) -> None:
        self._source, self._lines = source, lines

    def recipe(self, values: dict[str, Any]) -> Recipe:
        self._known(values, Recipe, "")
        parts: dict[str, Any] = {}
        for name, kind in _TABLES.items():
            if name in values:
                parts[name] = self._part(kind, values[name], name)
        steps = values.get("steps")
        if steps is None:
            raise self._wrong("", "The recipe has no steps", "Add one, headed [[steps]].")
        if not isinstance(steps, list):
            raise self._wrong("steps", "steps is no list of tables", "Head each one [[steps]].")
        parts["steps"] = tuple(
            self._part(Step, step, f"steps.{number}") for number, step in enumerate(steps)
        )
        for name in ("name", "subfolders"):
            if name in values:
                parts[name] = self._value(Recipe, name, values[name], name)
        return self._made(Recipe, parts, "")

    def _part(self, kind: type, values: object, where: str) -> Any:
        if not isinstance(values, dict):
            raise self._wrong(where, f"{_title(where)} is no table", f"Head it [{where}].")
        self._known(values, kind, where)
        parts = {
            name: self._value(kind, name, value, f"{where}.{name}")
            for name, value in values.items()
        }
        for each in fields(kind):
            needed = each.default is MISSING and each.default_factory is MISSING
            if needed and each.name not in parts:
                raise self._wrong(
                    where,
                    f"{_title(where)} has no {each.name}",
                    f"Add {each.name} = {_example(each.name)}.",
                )
        return self._made(kind, parts, where)

    def _value(self, kind: type, name: str, value: Any, where: str) -> Any:
        if kind is Step and name == "kind" and value in tuple(EditKind):
            value = EditKind(value)
        elif name == "options" and isinstance(value, dict):
            value = {key: _option(option) for key, option in value.items()}
        wanted = wanted_of(kind, name, value)
        if wanted:
            shown = f'"{value}"' if isinstance(value, str) else _toml_word(value)
            raise self._wrong(where, f"{_title(where)} is {shown}", f"It must be {wanted}.")
        return value

    def _known(self, values: Mapping[str, object], kind: type, where: str) -> None:
        allowed = [each.name for each in fields(kind)]
        for name in values:
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, 1)
                hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(allowed)}."
                place = f"{where}.{name}" if where else name
                raise self._wrong(place, f"{_title(place)} is not known", hint)

    def _made(self, kind: type, parts: Mapping[str, Any], where: str) -> Any:
        try:
            return kind(**parts)
        except UsageError as e:
            raise self._wrong(where, e.message.rstrip("."), e.hint) from e

    def _wrong(self, where: str, message: str, hint: str) -> UsageError:
        """The error, with the line of the key or of the table around it, where that is known."""
        line = self._lines.get(where, self._lines.get(where.rpartition(".")[0]))
        place = f"{self._source}, line {line}" if line else self._source
        return UsageError(f"{place}: {message}.", hint)


def _lines_of(text: str) -> dict[str, int]:
    """The line of each table and key by its path, as "steps.0.kind"."""
    found: dict[str, int] = {}
    table, counts, closing = "", {}, ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if closing:
            # Inside a text of several lines, which may hold anything.
            closing = "" if closing in stripped else closing
            continue
        header, key = _HEADER.match(stripped), _KEY.match(stripped)
        if header:
            table = header["name"]
            if stripped.startswith("[["):
                place = counts[table] = counts.get(table, -1) + 1
                table = f"{table}.{place}"
            found.setdefault(table, number)
        elif key:
            found.setdefault(f"{table}.{key['key']}" if table else key["key"], number)
            closing = next((q for q in ('"""', "'''") if stripped.count(q) == 1), "")
    return found


def _plain(part: Any) -> dict[str, Any]:
    """The fields of a part that are not as usual."""
    return {
        each.name: dict(value) if isinstance(value, Mapping) else _word(value)
        for each in fields(part)
        if (value := getattr(part, each.name)) not in (each.default, {}, None)
    }


def _word(value: Any) -> Any:
    return value.value if isinstance(value, EditKind) else value


def _option(option: Any) -> Any:
    """An option as the engines take it."""
    if isinstance(option, bool):
        return "yes" if option else "no"
    if isinstance(option, list):
        return ", ".join(str(_option(part)) for part in option)
    return str(option) if isinstance(option, int | float) else option


def _toml_word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _title(where: str) -> str:
    """A path as a person counts: "steps.0.kind" is "kind of step 1"."""
    table, *rest = where.split(".")
    if table == "steps" and rest:
        number = f"step {int(rest[0]) + 1}"
        return f"{'.'.join(rest[1:])} of {number}" if rest[1:] else number[0].upper() + number[1:]
    return f"{'.'.join(rest)} of [{table}]" if rest else table


def _example(name: str) -> str:
    return {"kind": '"replace"', "phrase": '"wooden bench"'}.get(name, '"…"')
