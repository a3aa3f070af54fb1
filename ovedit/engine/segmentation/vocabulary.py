"""Everyday nouns by kind: candidates for negatives, and what is kin to a phrase.

The words are data, in `resources/vocabulary/everyday.txt`; a file of that name beside the person's
settings adds to them. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ovedit.engine.language.vocabulary import singular
from ovedit.errors import SettingsError
from ovedit.resources import resource_path
from ovedit.settings import config_folder

FILE = "everyday.txt"

# What follows tells where the thing is, not what it is.
_PREPOSITION = re.compile(
    "above|against|at|behind|below|beneath|beside|between|by|for|from|holding|in|inside|near|next|"
    "of|off|on|outside|over|under|wearing|with|without"
)
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")


@dataclass(frozen=True)
class Section:
    """Words of one kind. names: what all of them are called."""

    names: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Words by kind. left_out: words that the person wants none of."""

    sections: tuple[Section, ...]
    left_out: frozenset[str] = frozenset()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All words, each once; not the names of kinds, which say too little."""
        words = dict.fromkeys(word for section in self.sections for word in section.words)
        return tuple(word for word in words if folded(word) not in self.left_out)

    def is_kin(self, word: str, phrase: str) -> bool:
        """Whether a word is the same thing as the phrase, a kind of it, or what it is a kind of.

        So they must not compete: "bench" and "wooden bench", "furniture" and "bench".
        """
        theirs, ours = _heads(word), _heads(phrase)
        if theirs & ours:
            return True
        return bool(self._kinds(theirs) & ours or self._kinds(ours) & theirs)

    def definition(self, word: str) -> str:
        """A sentence that says what the word is, or an empty text where it is not known."""
        for section in self.sections:
            for known in section.words:
                if folded(known) == folded(word):
                    return f"{word}, a kind of {' or '.join(section.names)}"
        return ""

    def _kinds(self, heads: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(self._kinds_by_word.get(head, frozenset()) for head in heads))

    @cached_property
    def _kinds_by_word(self) -> dict[str, frozenset[str]]:
        kinds: dict[str, frozenset[str]] = {}
        for section in self.sections:
            names = frozenset(map(folded, section.names))
            for word in map(folded, section.words):
                kinds[word] = kinds.get(word, frozenset()) | names
        return kinds


def load_vocabulary(own: Path | None = None) -> Vocabulary:
    """Our words and those of the person's file, by default the one beside the settings.

    Raises `SettingsError` naming file and line where the person's cannot be read.
    """
    own = config_folder() / FILE if own is None else own
    return _loaded(own, own.stat().st_mtime_ns if own.exists() else None)


@lru_cache(maxsize=1)
def _loaded(own: Path, changed: int | None) -> Vocabulary:
    """Read again only where the person's file is another, or was changed since."""
    ours = _parse(resource_path("vocabulary", FILE))
    theirs = [] if changed is None else _parse(own)
    left_out = {folded(word[1:]) for section in theirs for word in section.words if word[0] == "-"}
    kept = [
        Section(section.names, tuple(word for word in section.words if word[0] != "-"))
        for section in [*ours, *theirs]
    ]
    return Vocabulary(tuple(kept), frozenset(left_out))


def folded(text: str) -> str:
    """The key under which words of one meaning meet: lower case, singular, single spaces."""
    words = [mark.group() for mark in _WORD.finditer(text.casefold())]
    return " ".join([*words[:-1], singular(words[-1])]) if words else ""


def _heads(phrase: str) -> frozenset[str]:
    """The names of the thing that a phrase is about: "bench" and "park bench" of "a park bench"."""
    words: list[str] = []
    for mark in _WORD.finditer(phrase.casefold()):
        if words and _PREPOSITION.fullmatch(mark.group()):
            break
        words.append(mark.group())
    return frozenset(folded(" ".join(words[start:])) for start in range(len(words)))


def _parse(path: Path) -> list[Section]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(
            f"The word list {path} cannot be read: {e}.", "Correct it, or delete it."
        ) from e
    sections: list[tuple[list[str], list[str]]] = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            names = list(_words(line.strip("[]")))
            if not line.endswith("]") or not names:
                raise _damaged(path, number, "is no [kind, other name]")
            sections.append((names, []))
        elif sections:
            sections[-1][1].append(line)
        else:
            raise _damaged(path, number, "comes before the first [kind]")
    # A word may run over the end of a line that has no comma there.
    return [Section(tuple(names), tuple(_words(" ".join(text)))) for names, text in sections]


def _damaged(path: Path, number: int, what: str) -> SettingsError:
    return SettingsError(
        f"Line {number} of the word list {path} {what}.", "Correct it, or delete the file."
    )


def _words(text: str) -> Iterator[str]:
    for word in text.split(","):
        if word.strip(" -"):
            yield " ".join(word.split())
