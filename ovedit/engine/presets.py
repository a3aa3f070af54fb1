"""Presets of a dataclass of settings: changed by options, and described line by line.

Settings are a frozen dataclass whose fields are made with `knobs.knob`; a field whose type is again
such a dataclass is a group. The name of a setting occurs once in all of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import Field, is_dataclass, replace
from typing import Any, Generic, TypeVar

from ovedit.engine.knobs import choices, knobs, parse, types, write
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import PRESETS, Preset
from ovedit.errors import UsageError

S = TypeVar("S")

Changes = Mapping[Preset, Mapping[str, tuple[Any, str]]]
"""What each preset has other than the defaults: the value by the setting's name, and why."""


class Presets(Generic[S]):
    """The presets of one dataclass of settings."""

    def __init__(self, kind: type[S], changes: Changes) -> None:
        """kind: whose defaults are the start of every preset."""
        self._kind = kind
        self._changes = changes
        self._groups = _groups(kind)

    def preset(self, name: Preset) -> S:
        """The settings of a preset. Raises `UsageError` for a name that is none."""
        return self._with(self._kind(), {key: value for key, (value, _) in self._of(name).items()})

    def from_options(self, name: Preset, options: Mapping[str, str]) -> S:
        """A preset with settings given as text: the keys are the names of fields, of all groups.

        Lists are separated by commas, groups of them by semicolons; "none" is the empty list.
        Raises `UsageError` naming the key, the value and what is allowed.
        """
        known = {item.name: (item, hint) for _, item, hint in self._knobs()}
        values = {}
        for key, text in options.items():
            plain = plain_key(key)
            if plain not in known:
                near = difflib.get_close_matches(plain, known)
                hint = (
                    f"Did you mean {' or '.join(near)}?"
                    if near
                    else f"Known are: {', '.join(known)}."
                )
                raise UsageError(f'There is no setting "{key}".', hint)
            values[plain] = parse(*known[plain], text)
        return self._with(self.preset(name), values)

    def describe(
        self, name: Preset, options: Mapping[str, str] | None = None
    ) -> tuple[SettingLine, ...]:
        """All settings of a preset, in full, with other values for those among the options.

        Raises what `from_options` raises.
        """
        settings = self.from_options(name, options or {})
        changes = self._of(name)
        lines = []
        for group, item, hint in self._knobs():
            owner = getattr(settings, group) if group else settings
            rule = item.metadata["knob"]
            why = changes[item.name][1] if item.name in changes else rule.why
            value = write(getattr(owner, item.name))
            lines.append(SettingLine(item.name, value, rule.meaning, why, choices(hint)))
        return tuple(lines)

    def _of(self, name: Preset) -> Mapping[str, tuple[Any, str]]:
        if name not in self._changes:
            raise UsageError(
                f'There is no preset "{name}".', f"Use one of these: {', '.join(PRESETS)}."
            )
        return self._changes[name]

    def _knobs(self) -> Iterator[tuple[str, Field[Any], Any]]:
        """(group, field, type) of every setting."""
        for group, kind in self._groups.items():
            hints = types(kind)
            for item in knobs(kind):
                yield group, item, hints[item.name]

    def _with(self, settings: S, values: Mapping[str, Any]) -> S:
        changed: dict[str, Any] = {}
        for group, kind in self._groups.items():
            own = {item.name: values[item.name] for item in knobs(kind) if item.name in values}
            changed |= {group: replace(getattr(settings, group), **own)} if group and own else own
        return replace(settings, **changed)  # type: ignore[type-var]


def plain_key(key: str) -> str:
    """The name of the setting that a person wrote: "Steps" or "prefill-with" are fine too."""
    return key.strip().replace("-", "_").lower()


def _groups(kind: type) -> dict[str, type]:
    """The classes of settings by the field that holds them; "" for the settings themselves."""
    groups = {"": kind}
    for name, hint in types(kind).items():
        if isinstance(hint, type) and is_dataclass(hint):
            groups[name] = hint
    return groups
