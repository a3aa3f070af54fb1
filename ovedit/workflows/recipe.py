"""What a batch does to each of many photos: a recipe, as frozen values that check themselves.

A recipe names no file: it is read and written by `ovedit.batch.recipe_file`, and followed on one
document by `ovedit.workflows.batch`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ovedit.engine.requests import EditKind, Preset
from ovedit.errors import UsageError

Format = Literal["png", "jpeg", "webp", "tiff", "ora"]
FORMATS: tuple[Format, ...] = get_args(Format)

_MAX_SEED = 2**31 - 1
_MOST_PIXELS = 10_000
# What a file name may not hold on one system or another.
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


def _within(default: Any, least: float, most: float) -> Any:
    return field(default=default, metadata={"limits": (least, most)})


class _Checked:
    """Raises `UsageError` for a field that holds what it must not."""

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]
            wanted = wanted_of(type(self), each.name, getattr(self, each.name))
            if wanted:
                value = getattr(self, each.name)
                raise UsageError(
                    f"{each.name} is {value!r} in the recipe.", f"It must be {wanted}."
                )


@dataclass(frozen=True)
class EngineUse(_Checked):
    """Who does a part of the work.

    engine: its name, or empty for the one that the settings name. preset: or None for theirs.
    options: the engine's settings, as `--set` takes them; they win over those in the settings.
    """

    engine: str = ""
    preset: Preset | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step(_Checked):
    """One edit: what is looked for, and what becomes of it.

    phrase: what to look for, several parted by commas. prompt: what is wanted instead; a removal
    has none. negative: what is not wanted, for engines that heed it.
    grow, feather: pixels, or None for what suits kind, engine and photo.
    threshold: where masks are cut, or None for the engine's choice.
    least_confidence: what is found with less is held for review.
    Raises `UsageError` where something does not fit.
    """

    kind: EditKind
    phrase: str
    prompt: str = ""
    negative: str = ""
    seed: int = _within(0, 0, _MAX_SEED)
    grow: int | None = _within(None, 0, _MOST_PIXELS)
    feather: int | None = _within(None, 0, _MOST_PIXELS)
    threshold: float | None = _within(None, 0, 1)
    least_confidence: float = _within(0.5, 0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.phrase.strip():
            raise UsageError("A step has no phrase.", 'Say what to look for: phrase = "bench".')
        if self.kind is EditKind.REMOVE and self.prompt.strip():
            raise UsageError(
                f'A step removes, and has the prompt "{self.prompt}".',
                'Leave it out, or use kind = "replace".',
            )
        if self.kind is not EditKind.REMOVE and not self.prompt.strip():
            raise UsageError(
                f"A step is to {self.kind} “{self.phrase}”, and does not say with what.",
                'Add prompt = "metal bench".',
            )

    @property
    def title(self) -> str:
        """The step in words: "wooden bench → metal bench", "sky as golden", "Remove person"."""
        if self.kind is EditKind.REMOVE:
            return f"Remove {self.phrase}"
        joint = "→" if self.kind is EditKind.REPLACE else "as"
        return f"{self.phrase} {joint} {self.prompt}"


@dataclass(frozen=True)
class Output(_Checked):
    """How results are written.

    quality: 1 to 100 for JPEG and WebP, None for what the settings say.
    suffix: put after the photo's name.
    """

    format: Format = "png"
    quality: int | None = _within(None, 1, 100)
    suffix: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if _NOT_IN_NAMES.search(self.suffix) or len(self.suffix) > 100:
            raise UsageError(
                f"The suffix {self.suffix!r} cannot be part of a file's name.",
                'Use letters, digits, "-" and "_".',
            )


@dataclass(frozen=True)
class Recipe(_Checked):
    """What to do to every photo, in order, by whom, and how to write what comes of it.

    name: for people. subfolders: whether photos in folders inside the folder count too.
    Raises `UsageError` where there is no step.
    """

    steps: tuple[Step, ...]
    select: EngineUse = field(default_factory=EngineUse)
    edit: EngineUse = field(default_factory=EngineUse)
    output: Output = field(default_factory=Output)
    name: str = ""
    subfolders: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.steps:
            raise UsageError("The recipe has no steps.", "Add one: [[steps]].")

    @property
    def title(self) -> str:
        """The name, or else what it does."""
        return self.name or self.summary

    @property
    def summary(self) -> str:
        """What it does, step by step."""
        return ", ".join(step.title for step in self.steps)

    @property
    def fingerprint(self) -> str:
        """The same for recipes that give the same results: name and subfolders do not count."""
        values = asdict(self)
        del values["name"], values["subfolders"]
        text = json.dumps(values, sort_keys=True, ensure_ascii=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def wanted_of(part: type, name: str, value: Any) -> str:
    """What a field of a part of a recipe must be, in words, or empty where the value fits it."""
    hint = _hints(part)[name]
    if get_origin(hint) in (UnionType, Union):
        if value is None:
            return ""
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return "" if value in get_args(hint) else _one_of(get_args(hint))
    if hint is EditKind:
        return "" if isinstance(value, EditKind) else _one_of(tuple(EditKind))
    if hint is bool:
        return "" if isinstance(value, bool) else "true or false"
    if hint is str:
        return "" if isinstance(value, str) else "a text in quotes"
    if hint in (int, float):
        least, most = _limits(part)[name]
        whole = isinstance(value, int) and not isinstance(value, bool)
        # NaN is not between anything.
        if (whole or (hint is float and isinstance(value, float))) and least <= value <= most:
            return ""
        return f"a {'whole ' if hint is int else ''}number from {least:g} to {most:.10g}"
    if get_origin(hint) is Mapping:
        texts = isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())
        return "" if texts else "a table of texts, numbers, true, false or lists"
    return ""


def _one_of(words: tuple[object, ...]) -> str:
    *first, last = (f'"{word}"' for word in words)
    return f"{', '.join(first)} or {last}"


@cache
def _hints(part: type) -> dict[str, Any]:
    return get_type_hints(part)


@cache
def _limits(part: type) -> dict[str, tuple[float, float]]:
    return {each.name: each.metadata["limits"] for each in fields(part) if each.metadata}
