"""What the person asks for in the second line of the prompt card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EditWish:
    """An edit as it is asked for.

    kind: remove, replace or restyle. words: empty for remove. variations: how many results.
    seed: what random choices begin with. negative_prompt: what the result should not show.
    grow, feather: of the mask in pixels, None for what suits. options: settings of the engine for
    this run. with_shadow: the shadow or reflection that was found goes along.
    """

    kind: str
    words: str = ""
    variations: int = 1
    seed: int = 0
    negative_prompt: str = ""
    grow: int | None = None
    feather: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    with_shadow: bool = False
