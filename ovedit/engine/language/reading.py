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

Nothing here raises an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

from ovedit.engine.language import vocabulary
from ovedit.engine.language.vocabulary import LONGEST_NAME, NamedColour, Token

Kind = Literal[
    "filler", "conjunction", "separator", "negation", "exclusion", "preposition", "plural",
    "colour", "material", "stuff", "tone", "size", "side", "outermost", "ordinal", "ground", "noun",
]  # fmt: skip

NAMES: tuple[Kind, ...] = ("noun", "stuff")
LINKS: tuple[Kind, ...] = ("filler", "conjunction", "separator", "preposition")
"""What only joins the words that say something."""


@dataclass
class Item:
    """A name of the vocabulary, or a word outside it, which is taken for a noun.

    text: as compared. start, end: where it stands in the phrase, in characters. value: what the
    vocabulary has under it. segment: counted from 0. negated: whether it is excluded. used: whether
    the engines that know no other words than those of the vocabulary can go by it.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: object = None
    segment: int = 0
    negated: bool = False
    used: bool = True


@dataclass(frozen=True, eq=False)
class Reading:
    """A phrase taken apart: its items in order, and the head noun among them."""

    items: tuple[Item, ...]
    head: Item | None

    @property
    def words(self) -> list[Item]:
        """The items that say something of their own, and do not only join others."""
        return [item for item in self.items if item.kind not in LINKS]


def read(phrase: str) -> Reading:
    """Take a phrase apart; see the grammar in the docstring of this module."""
    items = _items(vocabulary.located(phrase))
    _mark_segments(items)
    _mark_negations(items)
    head = _choose_head(items)
    _drop_descriptions_of_others(items, head)
    return Reading(tuple(items), head)


def _items(sequence: tuple[Token, ...]) -> list[Item]:
    items: list[Item] = []
    start = 0
    while start < len(sequence):
        for length in range(min(LONGEST_NAME, len(sequence) - start), 0, -1):
            part = sequence[start : start + length]
            if (meaning := _meaning(tuple(token.text for token in part))) is not None:
                break
        else:
            part, meaning = sequence[start : start + 1], None
        kind, value = meaning or ("noun", None)
        text = " ".join(token.text for token in part)
        known = meaning is not None
        items.append(Item(kind, text, part[0].start, part[-1].end, value, used=known))
        start += len(part)
    return items


def _meaning(part: tuple[str, ...]) -> tuple[Kind, object] | None:
    """The kind of these tokens and what is known of them; None where they are no name."""
    key = vocabulary.squeeze(part)
    words = vocabulary.words()
    if len(part) == 1:
        for kind, group in (
            ("separator", words.separators),
            ("conjunction", words.conjunctions),
            ("negation", words.negations),
            ("exclusion", words.exclusions),
            ("plural", words.plural),
            ("filler", words.filler),
        ):
            if key in group:
                return cast(Kind, kind), None
        if key in words.ordinals:
            return "ordinal", words.ordinals[key]
    if key in words.prepositions:
        return "preposition", words.prepositions[key]
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
            return cast(Kind, kind), value
    colour = vocabulary.colour_at(part, 0, len(part))
    return None if colour is None else ("colour", colour)


def _mark_segments(items: list[Item]) -> None:
    segment = 0
    for item in items:
        if item.kind == "preposition":
            segment += 1
        item.segment = segment


def _mark_negations(items: list[Item]) -> None:
    scope: Literal["", "noun", "end"] = ""
    attributed = named = False
    for number, item in enumerate(items):
        if item.kind in ("negation", "exclusion"):
            scope = "noun" if item.kind == "negation" and scope != "end" else "end"
            attributed = False
        elif item.kind == "separator" or (
            item.kind == "preposition" and scope == "noun" and attributed
        ):
            scope = ""
        elif scope == "noun" and item.kind in NAMES:
            # In "bench, not the old bench" the second bench is not the one that is looked for.
            item.negated = named or not attributed
            goes_on = named and any(other.kind in NAMES for other in items[number + 1 : number + 2])
            scope = "noun" if goes_on else ""
        elif scope and item.kind not in ("filler", "conjunction", "preposition"):
            item.negated = attributed = True
        named |= item.kind in NAMES and not (item.negated or item.segment)


def _choose_head(items: list[Item]) -> Item | None:
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
    nouns = [item for item in content if item.kind in NAMES]
    for item, following in pairwise(content):
        if item.kind == "stuff" and following.kind != "conjunction" and following in nouns:
            item.used = False
    return nouns[-1] if nouns else None


def _drop_descriptions_of_others(items: list[Item], head: Item | None) -> None:
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
