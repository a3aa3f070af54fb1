"""What a phrase says in the words of the vocabulary; how it is read: `reading.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, cast

from ovedit.engine.language import vocabulary
from ovedit.engine.language.reading import Item, Kind, Reading, read
from ovedit.engine.language.vocabulary import Material, NamedColour, Stuff

Side = Literal[
    "left",
    "right",
    "top",
    "bottom",
    "middle",
    "corner",
    "top left",
    "top right",
    "bottom left",
    "bottom right",
]
Size = Literal["large", "small", "tall", "wide", "thin"]
Tone = Literal["dark", "light", "vivid", "dull"]
Ground = Literal["foreground", "background"]


@dataclass(frozen=True)
class Position:
    """Where: a side of the picture, or with `rank` the rank-th instance counted from that side."""

    side: Side
    rank: int | None = None


@dataclass(frozen=True)
class Attributes:
    """What a phrase says about regions, in the order of its words."""

    colours: tuple[NamedColour, ...] = ()
    materials: tuple[Material, ...] = ()
    stuff: tuple[Stuff, ...] = ()
    tones: tuple[Tone, ...] = ()
    positions: tuple[Position, ...] = ()
    sizes: tuple[Size, ...] = ()
    ground: Ground | None = None

    @property
    def describes(self) -> bool:
        """Whether anything tells by looks which regions are meant (not only where, how large)."""
        return bool(self.colours or self.materials or self.stuff or self.tones or self.ground)

    def __bool__(self) -> bool:
        """Whether anything was understood."""
        return self.describes or bool(self.positions or self.sizes)


@dataclass(frozen=True)
class Query(Attributes):
    """A phrase as understood.

    phrase: as typed. noun: the head noun in the singular, or empty ("red", "metal").
    plural: whether every instance is asked for. excluded: what follows a negation. used_words,
    unused_words: the words understood and not, as compared (see `vocabulary.tokens`); names of
    several words are one entry.
    """

    phrase: str = ""
    noun: str = ""
    plural: bool = False
    excluded: Attributes = field(default_factory=Attributes)
    used_words: tuple[str, ...] = ()
    unused_words: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def parse(phrase: str) -> Query:
    """Understand a phrase. Raises nothing; one without words gives a `Query` with none.

    Every word that is not filler ends up either in `used_words` or in `unused_words`, in order.
    """
    reading = read(phrase)
    said, excluded = (_attributes(reading, negated) for negated in (False, True))
    for item in reading.words:
        if item.kind in ("negation", "exclusion"):
            item.used = bool(excluded)
    head = reading.head
    noun = "" if head is None or head.kind not in ("noun", "stuff") else _singular(head.text)
    return Query(
        **vars(said),
        phrase=phrase,
        noun=noun,
        plural=_is_plural(reading),
        excluded=excluded,
        used_words=tuple(item.text for item in reading.words if item.used),
        unused_words=tuple(item.text for item in reading.words if not item.used),
    )


def _singular(text: str) -> str:
    *front, last = text.split(" ")
    return " ".join([*front, vocabulary.singular(last)])


def _attributes(reading: Reading, negated: bool) -> Attributes:
    chosen = [item for item in reading.items if item.negated == negated and item.used]

    def values(kind: Kind) -> tuple[object, ...]:
        return tuple(dict.fromkeys(item.value for item in chosen if item.kind == kind))

    grounds = values("ground")
    return Attributes(
        colours=cast(tuple[NamedColour, ...], values("colour")),
        materials=cast(tuple[Material, ...], values("material")),
        stuff=cast(tuple[Stuff, ...], values("stuff")),
        tones=cast(tuple[Tone, ...], values("tone")),
        positions=_positions(chosen),
        sizes=cast(tuple[Size, ...], values("size")),
        ground=cast(Ground, grounds[0]) if grounds else None,
    )


def _positions(chosen: list[Item]) -> tuple[Position, ...]:
    found: list[Position] = []
    rank: int | None = None
    for item in chosen:
        if item.kind == "ordinal":
            rank = cast(int, item.value)
        elif item.kind == "outermost":
            found.append(Position(cast(Side, item.value), 1))
        elif item.kind == "side":
            found.append(Position(cast(Side, item.value), rank))
            rank = None
    if rank is not None:
        found.append(Position("left", rank))
    return tuple(found)


def _is_plural(reading: Reading) -> bool:
    if any(item.kind == "plural" for item in reading.items):
        return True
    if reading.head is None:
        return False
    last = reading.head.text.split(" ")[-1]
    return vocabulary.singular(last) != last
