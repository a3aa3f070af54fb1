"""The settings of the SAM 3 engine. No torch here.

There is one SAM 3, so the presets do not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ovedit.engine.knobs import check, knob
from ovedit.engine.presets import Presets
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import PRESETS, Preset, Request, SegmentRequest


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


_PRESETS: Presets[Sam3Settings] = Presets(Sam3Settings, {name: {} for name in PRESETS})


def from_options(name: Preset, options: Mapping[str, str]) -> Sam3Settings:
    """A preset with settings given as text; see `Presets.from_options`, also for what it raises."""
    return _PRESETS.from_options(name, options)


def describe(name: Preset, options: Mapping[str, str] | None = None) -> tuple[SettingLine, ...]:
    """All settings of a preset, in full; see `Presets.describe`."""
    return _PRESETS.describe(name, options)


def models_for(request: Request) -> tuple[str, ...]:
    """Ids of the models that a request takes. Raises `UsageError` for a wrong setting."""
    if not isinstance(request, SegmentRequest):
        return ()
    return (from_options(request.preset, request.options).model,)
