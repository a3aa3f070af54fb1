"""What the diffusion engine is, known without torch."""

from __future__ import annotations

from ovedit.engine.library import Task
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind

INFO = EngineInfo(
    name="diffusers",
    title="Diffusion",
    selects=False,
    edits=frozenset(EditKind),
    uses_negative=True,
    works_with=frozenset({Task.INPAINT, Task.ERASE, Task.ADAPTER}),
    good_at="Paints new things by words, restyles, and removes with the erasers that are here.",
    bad_at="Needs a model of 2 GB or more, and minutes without a graphics card.",
)
