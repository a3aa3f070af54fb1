"""A phrase as a question to CLIP and SAM 2: what to look for, and which of it is meant."""

from __future__ import annotations

from dataclasses import dataclass

from ovedit.engine.language.grammar import Query, parse
from ovedit.engine.language.texts import Excluded, texts
from ovedit.engine.language.vocabulary import singular
from ovedit.engine.segmentation.text import clean_phrase

ANYTHING = "thing"
"""What CLIP is asked where a phrase says only where, or how many."""


@dataclass(frozen=True)
class Question:
    """One phrase, taken apart.

    asked: what CLIP is asked ("wooden bench"), empty where the phrase says only what is not meant.
    noun: what finds all things of the kind ("bench"), empty where `asked` itself does. name: what
    one of several is called.
    excluded: what competes with it. says_nothing: whether it says where, or how many, but not what
    ("left"). query: places, ranks, sizes and number, by which instances are chosen. used_words,
    unused_words: as typed.
    """

    phrase: str
    asked: str
    noun: str
    name: str
    excluded: tuple[Excluded, ...]
    says_nothing: bool
    query: Query
    used_words: tuple[str, ...]
    unused_words: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All that CLIP has to read for it."""
        return tuple(filter(None, (self.asked, self.noun, *self.all_excluded)))

    @property
    def sought(self) -> str:
        """What finds all that may be meant; empty where everything may be."""
        return self.noun or self.asked

    @property
    def all_excluded(self) -> tuple[str, ...]:
        """The texts of what is excluded."""
        return tuple(each.text for each in self.excluded)

    @property
    def described(self) -> bool:
        """Whether it means one of its kind ("red car") or of all kinds ("thing on table")."""
        return bool(self.noun) or self.query.ground == "foreground"

    @property
    def counted(self) -> bool:
        """Whether it makes sense for things alone: by a rank, a size or a plural."""
        ranked = any(position.rank is not None for position in self.query.positions)
        return ranked or bool(self.query.sizes) or self.query.plural

    @property
    def picks(self) -> bool:
        """Whether it may mean some of the things of its kind rather than all."""
        query, of_the_kind = self.query, any(each.alike for each in self.excluded)
        placed = query.positions or query.excluded.positions or query.excluded.sizes
        return self.counted or self.described or of_the_kind or bool(placed)


def question(phrase: str) -> Question:
    """Take a phrase apart. Raises `UsageError` for an empty one."""
    phrase = clean_phrase(phrase)
    query, said = parse(phrase), texts(phrase)
    nothing = not (said.looks or said.excluded)
    asked = ANYTHING if nothing else said.looks
    noun = said.noun if said.noun != asked else ""
    name = _singular(said.noun) or phrase
    used, unused = said.used_words, said.unused_words
    return Question(phrase, asked, noun, name, said.excluded, nothing, query, used, unused)


def _singular(noun: str) -> str:
    *front, last = noun.split(" ")
    one = singular(last.casefold())
    return " ".join([*front, last if one == last.casefold() else one])
