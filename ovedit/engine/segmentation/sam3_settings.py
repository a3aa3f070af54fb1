"""The settings of the SAM 3 engine. No torch here.

There is one SAM 3, so the presets do not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_type_hints

from ovedit.engine.knobs import check, choices, knob, knobs, parse, write
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import Preset, Request, SegmentRequest
from ovedit.errors import UsageError


@dataclass(frozen=True)
class Sam3Settings:
    """All settings of one run. Raises `UsageError` for a value that is not allowed."""

    model: str = knob("sam3", "model that finds and draws", "the only one of its kind")
    score_threshold: float = knob(
        0.5, "score from which a thing counts as found", "its publisher's", 0, 1
    )
    mask_threshold: float = knob(0.5, "probability at which a mask is cut", "its publisher's", 0, 1)

    def __post_init__(self) -> None:
        check(self)


def from_options(name: Preset, options: Mapping[str, str]) -> Sam3Settings:
    """The settings given as text, the others as they are by default.

    Raises `UsageError` naming the key, the value and what is allowed.
    """
    hints = get_type_hints(Sam3Settings)
    known = {item.name: item for item in knobs(Sam3Settings)}
    values = {}
    for key, text in options.items():
        plain = key.strip().replace("-", "_").lower()
        if plain not in known:
            raise UsageError(f'There is no setting "{key}".', f"Known are: {', '.join(known)}.")
        values[plain] = parse(known[plain], hints[plain], text)
    return Sam3Settings(**values)


def describe(name: Preset, options: Mapping[str, str] | None = None) -> tuple[SettingLine, ...]:
    """All settings, with other values for those among the options.

    Raises what `from_options` raises.
    """
    settings = from_options(name, options or {})
    hints = get_type_hints(Sam3Settings)
    lines = []
    for item in knobs(Sam3Settings):
        rule, value = item.metadata["knob"], write(getattr(settings, item.name))
        possible = choices(hints[item.name])
        lines.append(SettingLine(item.name, value, rule.meaning, rule.why, possible))
    return tuple(lines)


def models_for(request: Request) -> tuple[str, ...]:
    """Ids of the models that a request takes. Raises `UsageError` for a wrong setting."""
    if not isinstance(request, SegmentRequest):
        return ()
    return (from_options(request.preset, request.options).model,)
