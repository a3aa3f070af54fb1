"""Declaring a setting, reading it from text, and writing it back: for the settings of engines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ovedit.errors import UsageError

NOTHING = "none"
"""How an empty list is written."""


@dataclass(frozen=True)
class Knob:
    """What is known of a setting besides its type and default.

    meaning: what it does. why: why it has its default. least, most: the range of each number in it,
    both allowed.
    """

    meaning: str
    why: str
    least: float | None = None
    most: float | None = None


def knob(
    default: Any, meaning: str, why: str, least: float | None = None, most: float | None = None
) -> Any:
    """A field of a dataclass of settings; see `Knob`."""
    return field(default=default, metadata={"knob": Knob(meaning, why, least, most)})


def knobs(kind: type) -> tuple[Field[Any], ...]:
    """The fields of a dataclass that are settings."""
    return tuple(item for item in fields(kind) if "knob" in item.metadata)


def choices(hint: Any) -> tuple[str, ...]:
    """The texts of all values of a setting's type, or () where they cannot be listed."""
    if hint is bool:
        return write(True), write(False)
    return tuple(map(write, get_args(hint))) if get_origin(hint) is Literal else ()


@cache
def types(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields by name; working them out takes a millisecond."""
    return get_type_hints(kind)


def check(settings: Any) -> None:
    """Raise `UsageError` for the first value that its type or range does not allow."""
    hints = types(type(settings))
    for item in knobs(type(settings)):
        value = getattr(settings, item.name)
        if not _fits(value, hints[item.name], item.metadata["knob"]):
            raise wrong(item, hints[item.name], write(value))


def parse(item: Field[Any], hint: Any, text: str) -> Any:
    """The value that a text means. Raises `UsageError` naming key, text and what is allowed."""
    try:
        value = _read(hint, text.strip())
    except ValueError as e:
        raise wrong(item, hint, text) from e
    if not _fits(value, hint, item.metadata["knob"]):
        raise wrong(item, hint, text)
    return value


def write(value: Any) -> str:
    """The text that `parse` reads as the value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, tuple):
        return str(value)
    if not value:
        return NOTHING
    outer = "; " if isinstance(value[0], tuple) else ", "
    return outer.join(write(part) for part in value)


def wrong(item: Field[Any], hint: Any, text: str) -> UsageError:
    """The error for a value that does not fit."""
    allowed = _allowed(hint, item.metadata["knob"])
    return UsageError(f'The setting {item.name} is "{text}".', f"It must be {allowed}.")


def _read(hint: Any, text: str) -> Any:
    origin = get_origin(hint)
    if origin is tuple:
        inner = get_args(hint)[0]
        if not text or text.lower() == NOTHING:
            return ()
        mark = ";" if get_origin(inner) is tuple else ","
        return tuple(_read(inner, part.strip()) for part in text.split(mark) if part.strip())
    if hint is bool:
        return _read_bool(text)
    if hint in (int, float):
        return hint(text)
    return text


def _read_bool(text: str) -> bool:
    if text.lower() in ("yes", "true", "on", "1"):
        return True
    if text.lower() in ("no", "false", "off", "0"):
        return False
    raise ValueError(text)


def _fits(value: Any, hint: Any, rule: Knob) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is tuple:
        inner = get_args(hint)
        if not isinstance(value, tuple):
            return False
        if len(inner) == 2 and inner[1] is Ellipsis:
            return all(_fits(part, inner[0], rule) for part in value)
        return len(value) == len(inner) and all(map(_fits, value, inner, [rule] * len(inner)))
    if hint is float:
        # Not "nan", which is outside of no range.
        return type(value) in (int, float) and value == value and _within(value, rule)
    if hint is int:
        return type(value) is int and _within(value, rule)
    if hint is str:
        return isinstance(value, str) and bool(value.strip())
    return isinstance(value, hint)


def _within(value: float, rule: Knob) -> bool:
    least = float("-inf") if rule.least is None else rule.least
    most = 1e12 if rule.most is None else rule.most
    return least <= value <= most


def _allowed(hint: Any, rule: Knob) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return _either(get_args(hint))
    if origin is tuple:
        inner = get_args(hint)[0]
        if get_origin(inner) is tuple:
            return f"{_plural(get_args(inner)[0], rule)}: groups separated by semicolons, within \
them by commas, or {NOTHING}"
        return f"{_plural(inner, rule)} separated by commas, or {NOTHING}"
    if hint is bool:
        return "yes or no"
    if hint is str:
        return "a name"
    return ("a whole number" if hint is int else "a number") + _range(rule)


def _plural(hint: Any, rule: Knob) -> str:
    if hint is str:
        return "words"
    return ("whole numbers" if hint is int else "numbers") + _range(rule)


def _range(rule: Knob) -> str:
    if rule.most is None:
        return "" if rule.least is None else f" of {rule.least:g} or more"
    return f" from {rule.least:g} to {rule.most:g}"


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"
