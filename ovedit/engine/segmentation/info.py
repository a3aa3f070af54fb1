"""What the CLIP and SAM 2 engine is, known without torch."""

from __future__ import annotations

from ovedit.engine.library import Task
from ovedit.engine.protocols import EngineInfo

INFO = EngineInfo(
    name="clip-sam2",
    title="CLIP + SAM 2",
    selects=True,
    clicks=True,
    # What the smallest of its presets works with. The others say so when their models are missing.
    models=("clip-vit-b16-openai", "sam2-tiny"),
    works_with=frozenset({Task.TEXT_IMAGE, Task.MASKS, Task.FEATURES}),
    good_at="Finds things and surfaces by any name, and draws their outlines.",
    bad_at="Loses thin and very small things, and takes seconds without a graphics card.",
)
