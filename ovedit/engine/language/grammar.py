"""The small grammar of phrases such as "the wooden bench on the left, not the red one".

    phrase    = segment { preposition segment }
    segment   = { filler | attribute | noun | negation segment }
    attribute = colour | material | tone | size | place
    place     = side | outermost | ordinal [ "from the" side ]

Names are matched longest first ("sky blue car" is a sky blue car). Read left to right:

*   The head noun is the last noun of the first segment ("wooden park bench": bench). Stuff that
    the engine knows (sky, grass, tree) counts as understood when it is the head, or joined to it
    by "and"; in front of another noun ("water bottle") it only describes that noun.
*   A preposition opens a segment that describes something else: in "bench in front of the green
    hedge" neither "green" nor "hedge" is about the bench. Places always belong to the head ("in the
    middle"), and so do colours and materials that have no noun behind them ("made of wood",
    "woman in red"). "Field of sand" means sand where nothing else was understood.
*   "not", "non" exclude what follows up to the next noun ("not red car" is a car); "without",
    "except", "no" exclude up to the end, a comma or "but".
*   An ordinal counts instances from the left unless the phrase says otherwise ("third bench from
    the right"); "last" is the first from the right.
*   A colour name that is also a thing, at the place of the head noun after another attribute, is
    that thing ("red rose", "brown coffee").
*   Plural nouns and words such as "all" or "two" ask for every instance.

Every word that is not filler ends up either in `used_words` or in `unused_words`, in order. A
phrase without words gives a `Query` with neither. Nothing here raises an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal, cast

from ovedit.engine.language import vocabulary
from ovedit.engine.language.vocabulary import LONGEST_NAME, Material, NamedColour, Stuff

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


_Kind = Literal[
    "filler", "conjunction", "separator", "negation", "exclusion", "preposition", "plural",
    "colour", "material", "stuff", "tone", "size", "side", "outermost", "ordinal", "ground", "noun",
]  # fmt: skip


@dataclass
class _Item:
    kind: _Kind
    text: str
    value: object = None
    segment: int = 0
    negated: bool = False
    used: bool = True


@lru_cache(maxsize=256)
def parse(phrase: str) -> Query:
    """Understand a phrase; see the grammar in the docstring of this module."""
    items = _items(vocabulary.tokens(phrase))
    _mark_segments(items)
    _mark_negations(items)
    head = _choose_head(items)
    _drop_descriptions_of_others(items, head)

    words = [item for item in items if item.kind not in ("filler", "conjunction", "separator")]
    attributes = {negated: _attributes(items, negated) for negated in (False, True)}
    negators = [item for item in words if item.kind in ("negation", "exclusion")]
    for item in negators:
        item.used = bool(attributes[True])
    reported = [item for item in words if item.kind != "preposition"]
    noun = "" if head is None or head.kind not in ("noun", "stuff") else _singular(head.text)
    return Query(
        **vars(attributes[False]),
        phrase=phrase,
        noun=noun,
        plural=_is_plural(items, head),
        excluded=attributes[True],
        used_words=tuple(item.text for item in reported if item.used),
        unused_words=tuple(item.text for item in reported if not item.used),
    )


def _singular(text: str) -> str:
    *front, last = text.split(" ")
    return " ".join([*front, vocabulary.singular(last)])


def _items(sequence: tuple[str, ...]) -> list[_Item]:
    items: list[_Item] = []
    start = 0
    while start < len(sequence):
        for length in range(min(LONGEST_NAME, len(sequence) - start), 0, -1):
            item = _item(sequence, start, length)
            if item is not None:
                break
        else:
            length = 1
            item = _Item("noun", sequence[start], used=False)
        items.append(item)
        start += length
    return items


def _item(sequence: tuple[str, ...], start: int, length: int) -> _Item | None:
    part = sequence[start : start + length]
    text = " ".join(part)
    key = vocabulary.squeeze(part)
    words = vocabulary.words()
    if length == 1:
        for kind, group in (
            ("separator", words.separators),
            ("conjunction", words.conjunctions),
            ("negation", words.negations),
            ("exclusion", words.exclusions),
            ("plural", words.plural),
            ("filler", words.filler),
        ):
            if key in group:
                return _Item(cast(_Kind, kind), text)
        if key in words.ordinals:
            return _Item("ordinal", text, words.ordinals[key])
    if key in words.prepositions:
        return _Item("preposition", text, words.prepositions[key])
    # "lights" are no tone and "rights" no side: only names of things have plurals.
    for kind, table, plurals in (
        ("outermost", words.outermost, False),
        ("side", words.sides, False),
        ("ground", words.ground, True),
        ("size", words.sizes, False),
        ("stuff", vocabulary.stuff(), True),
        ("material", vocabulary.materials(), True),
        ("tone", words.tones, False),
    ):
        value = vocabulary.lookup(table, part) if plurals else table.get(key)
        if value is not None:
            return _Item(cast(_Kind, kind), text, value)
    colour = vocabulary.colour_at(sequence, start, length)
    return None if colour is None else _Item("colour", text, colour)


def _mark_segments(items: list[_Item]) -> None:
    segment = 0
    for item in items:
        if item.kind == "preposition":
            segment += 1
        item.segment = segment


def _mark_negations(items: list[_Item]) -> None:
    scope: Literal["", "noun", "end"] = ""
    attributed = False
    for item in items:
        if item.kind in ("negation", "exclusion"):
            scope = "noun" if item.kind == "negation" and scope != "end" else "end"
            attributed = False
        elif item.kind == "separator" or (
            item.kind == "preposition" and scope == "noun" and attributed
        ):
            scope = ""
        elif scope == "noun" and item.kind in ("noun", "stuff"):
            item.negated = not attributed
            scope = ""
        elif scope and item.kind not in ("filler", "conjunction", "preposition"):
            item.negated = attributed = True


def _choose_head(items: list[_Item]) -> _Item | None:
    """The head noun; marks the colour words and stuff in front of it that only describe it."""
    first = [item for item in items if item.segment == 0 and not item.negated]
    content = [i for i in first if i.kind in ("colour", "material", "stuff", "noun", "conjunction")]
    if not content:
        return None
    last = content[-1]
    described = any(item.kind in ("colour", "material") for item in content[:-1])
    joined = len(content) > 1 and content[-2].kind == "conjunction"
    if (
        last.kind == "colour"
        and isinstance(last.value, NamedColour)
        and not last.value.basic
        and described
        and not joined
        and " " not in last.text
    ):
        last.kind, last.value, last.used = "noun", None, False
    nouns = [item for item in content if item.kind in ("noun", "stuff")]
    for item, following in pairwise(content):
        if item.kind == "stuff" and following.kind != "conjunction" and following in nouns:
            item.used = False
    return nouns[-1] if nouns else None


def _drop_descriptions_of_others(items: list[_Item], head: _Item | None) -> None:
    understood = any(
        item.used and not item.negated and item.kind in ("colour", "material", "stuff")
        for item in items
        if item.segment == 0
    )
    for segment in range(1, max((item.segment for item in items), default=0) + 1):
        part = [item for item in items if item.segment == segment and not item.negated]
        opening = part[0].value if part and part[0].kind == "preposition" else None
        unknown = any(item.kind == "noun" for item in part)
        for item in part:
            if item.kind == "stuff" and (unknown or understood or opening != "of"):
                unknown = True
                item.used = False
        if unknown:
            for item in part:
                if item.kind in ("colour", "material", "tone", "size", "ground"):
                    item.used = False


def _attributes(items: list[_Item], negated: bool) -> Attributes:
    chosen = [item for item in items if item.negated == negated and item.used]

    def values(kind: _Kind) -> tuple[object, ...]:
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


def _positions(chosen: list[_Item]) -> tuple[Position, ...]:
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


def _is_plural(items: list[_Item], head: _Item | None) -> bool:
    if any(item.kind == "plural" for item in items):
        return True
    if head is None:
        return False
    last = head.text.split(" ")[-1]
    return vocabulary.singular(last) != last
