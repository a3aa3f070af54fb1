"""What the SAM 3 engine is, known without torch."""

from __future__ import annotations

from ovedit.engine.library import Task
from ovedit.engine.protocols import EngineInfo

INFO = EngineInfo(
    name="sam3",
    title="SAM 3",
    selects=True,
    models=("sam3",),
    works_with=frozenset({Task.CONCEPTS}),
    good_at="Finds every single thing that a short noun phrase names, with its outline.",
    bad_at="Takes no clicks; large, slow without a graphics card, and its publisher has to grant "
    "access.",
)
