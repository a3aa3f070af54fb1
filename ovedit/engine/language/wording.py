"""How an engine's sentences name what the person wrote."""

from __future__ import annotations

from collections.abc import Sequence


def quoted(text: str) -> str:
    """The text, without blanks around it, in typographic quotation marks."""
    return f"“{text.strip()}”"


def listed(words: Sequence[str]) -> str:
    """The words, each in quotation marks: “red”, “red” and “blue”. At least one is needed."""
    *front, last = map(quoted, words)
    return f"{', '.join(front)} and {last}" if front else last
