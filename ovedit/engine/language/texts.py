"""What a phrase gives a text encoder to read: its words for looks, as they were typed.

A model of pictures and words knows what things look like, but not where they are, how many there
are, or what "not" means. So places, ordinals, sizes and numbers are left out, and what is excluded
is a text of its own:

    second wooden bench from the left, not the red one  ->  wooden bench; excluded: red bench
    bench in front of the green hedge                   ->  bench in front of the green hedge
    everything except the car                           ->  nothing; excluded: car

"One" stands for the head noun. What a place is counted from ("left of the tree") is said to be
unused: nobody knows where the tree is. Words that the vocabulary lacks are taken for names, in any
script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ovedit.engine.language import vocabulary
from ovedit.engine.language.reading import LINKS, NAMES, Item, Reading, read

_LOOKS = ("noun", "stuff", "colour", "material", "tone", "ground")
_SIDES = ("side", "outermost")
_AREAS = ("side", "part", "area", "region")
_NEGATORS = ("negation", "exclusion")


@dataclass(frozen=True)
class Excluded:
    """What is not meant. alike: whether it is of the kind that is looked for ("the red one")."""

    text: str
    alike: bool


@dataclass(frozen=True)
class Texts:
    """The texts of a phrase.

    looks: what is looked for, empty where the phrase says nothing about looks. noun: the name of it
    in there ("bench", "remote control"), or empty. used_words, unused_words: as typed; used is also
    what is understood without an encoder, a place or a number.
    """

    looks: str
    noun: str
    excluded: tuple[Excluded, ...]
    used_words: tuple[str, ...]
    unused_words: tuple[str, ...]


@lru_cache(maxsize=256)
def texts(phrase: str) -> Texts:
    """The texts of a phrase. Raises nothing; one that is all filler stands for itself."""
    reading = read(phrase)
    _name_pictures(reading)
    items = reading.items
    if not reading.words:
        whole = " ".join(phrase.split())
        return Texts(whole, whole, (), (whole,) if whole else (), ())
    looks, groups = _looks(items), _groups(items)
    noun = _text(phrase, items, _names(reading))
    excluded = (_excluded(phrase, items, group, noun) for group in groups)
    told = {*looks, *(number for group in groups for number in group)}
    words: dict[bool, list[str]] = {True: [], False: []}
    for number, item in enumerate(items):
        if item.kind not in LINKS:
            used = number in told or _needs_no_encoder(item, items)
            words[used].append(phrase[item.start : item.end])
    return Texts(
        _text(phrase, items, looks),
        noun,
        tuple(dict.fromkeys(each for each in excluded if each is not None)),
        tuple(words[True]),
        tuple(words[False]),
    )


def _name_pictures(reading: Reading) -> None:
    """Make "picture" and the like names where nothing else is named: "picture on the wall"."""
    first = [item for item in reading.items if item.segment == 0 and not item.negated]
    if any(item.kind in NAMES for item in first):
        return
    for item in first:
        if item.kind == "filler" and item.text in vocabulary.words().pictures:
            item.kind = "noun"


def _looks(items: Sequence[Item]) -> list[int]:
    """The numbers of the items that tell what is looked for."""
    kept: list[int] = []
    measured_from = -1
    for number, item in enumerate(items):
        if item.kind == "preposition" and item.value == "of" and kept:
            place = number - 2 if items[number - 1].text in _AREAS else number - 1
            if items[place].kind in _SIDES:
                measured_from = item.segment
        if item.negated or item.segment == measured_from:
            continue
        describes_another = item.kind == "size" and not item.used
        if item.kind in _LOOKS or describes_another:
            kept.append(number)
    return kept


def _names(reading: Reading) -> list[int]:
    """The numbers of the head noun and the names right before it ("remote control").

    None where there are several ("dog and cat").
    """
    items = reading.items
    named = [
        number
        for number, item in enumerate(items)
        if item.segment == 0 and not item.negated and item.kind in NAMES
    ]
    run = named[-1:]
    while run and run[0] - 1 in named:
        run.insert(0, run[0] - 1)
    several = run != named and items[run[0] - 1].kind in ("conjunction", "separator")
    return [] if several else run


def _groups(items: Sequence[Item]) -> list[list[int]]:
    """The numbers of the items of each thing that is excluded."""
    groups: list[list[int]] = []
    current: list[int] | None = None
    for number, item in enumerate(items):
        if item.kind in _NEGATORS:
            groups.append(current := [])
        elif current is None:
            continue
        elif item.negated or _is_pronoun(item):
            current.append(number)
        elif item.kind == "conjunction" and any(_stands_for(items[one]) for one in current):
            groups.append(current := [])
        elif item.kind == "separator" or item.kind not in LINKS:
            current = None
    return groups


def _excluded(
    phrase: str, items: Sequence[Item], group: Sequence[int], noun: str
) -> Excluded | None:
    told = [number for number in group if items[number].kind in _LOOKS]
    if not told:
        return None
    kept = [number for number in group if number in told or _is_pronoun(items[number])]
    text = _text(phrase, items, kept, noun)
    names = [items[number] for number in kept if _stands_for(items[number])]
    if not names:
        return Excluded(f"{text} {noun}".strip(), bool(noun))
    first = [item for item in names if item.segment == names[0].segment]
    alike = _is_pronoun(first[-1]) or _singular(first[-1].text) == _singular(noun)
    return Excluded(text, alike and bool(noun))


def _text(phrase: str, items: Sequence[Item], numbers: Sequence[int], one: str = "") -> str:
    """These items as they were typed, with what joins them; `one` for a pronoun."""
    text = ""
    before: int | None = None
    for number in numbers:
        item = items[number]
        if before is not None:
            text += _joint(phrase, items, before, number)
        text += one if _is_pronoun(item) else phrase[item.start : item.end]
        before = number
    return " ".join(text.split())


def _joint(phrase: str, items: Sequence[Item], before: int, after: int) -> str:
    between = items[before + 1 : after]
    if all(item.kind in LINKS for item in between):
        return phrase[items[before].end : items[after].start]
    # Something was left out: what remains is the preposition of another segment.
    segment = items[after].segment
    kept = [
        phrase[item.start : item.end]
        for item in between
        if item.kind in ("preposition", "filler") and item.segment == segment
    ]
    return f" {' '.join(kept)} " if segment != items[before].segment else " "


def _needs_no_encoder(item: Item, items: Sequence[Item]) -> bool:
    if item.kind in _NEGATORS:
        return any(other.negated for other in items)
    return item.kind not in _LOOKS and item.used


def _is_pronoun(item: Item) -> bool:
    return item.kind == "filler" and item.text in vocabulary.words().pronouns


def _stands_for(item: Item) -> bool:
    return item.kind in NAMES or _is_pronoun(item)


def _singular(text: str) -> str:
    words = vocabulary.tokens(text)
    return vocabulary.singular(words[-1]) if words else ""
