"""How an edit layer was made, in the words that the person is shown."""

from __future__ import annotations

from collections.abc import Sequence

from ovedit.document import EditRecipe
from ovedit.engine.protocols import EngineInfo

_NOTE = 160
"""Longer notes are cut: a tool tip is no page."""


def how_made(recipe: EditRecipe, engines: Sequence[EngineInfo]) -> tuple[tuple[str, str], ...]:
    """(name, value) of what matters of a recipe; what it does not have is left out.

    engines: those known, for their titles.
    """
    titles = {info.name: info.title for info in engines}
    own = ", ".join(f"{key} {value}" for key, value in sorted(recipe.options.items()))
    lines = (
        ("Edit", recipe.kind.capitalize()),
        ("Mask", recipe.phrase),
        ("Words", recipe.prompt),
        ("Avoids", recipe.negative_prompt),
        ("Engine", f"{titles.get(recipe.engine, recipe.engine)} · {recipe.preset}"),
        ("Models", ", ".join(recipe.models)),
        ("Settings", own),
        ("Seed", str(recipe.seed)),
        ("Edge", f"grown {recipe.grow} px, feathered {recipe.feather} px"),
        ("Notes", " ".join(map(_short, recipe.notes))),
    )
    return tuple((name, value) for name, value in lines if value)


def tip(recipe: EditRecipe, engines: Sequence[EngineInfo]) -> str:
    """The same as the lines of a tool tip."""
    return "\n".join(f"{name}: {value}" for name, value in how_made(recipe, engines))


def _short(note: str) -> str:
    return note if len(note) <= _NOTE else f"{note[: _NOTE - 1]}…"
