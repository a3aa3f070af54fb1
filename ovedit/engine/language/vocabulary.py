"""The words that are understood, and what is known about them.

The words are data: `resources/vocabulary/` holds the colour names (XKCD's survey; the CSS names
come from Pillow), the materials and the stuff with their statistics, how to paint them, and the
small words of the grammar. Everything is read once, when it is first needed.

Text is compared as `tokens`: lower case without accents, hyphens and apostrophe-s, plurals tried
as singulars, and British and American spelling taken as one.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

from ovedit.resources import resource_path

T = TypeVar("T")
Rgb = tuple[int, int, int]
Range = tuple[float, float]

BASIC_COLOURS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "grey",
)
"""The eleven basic colour terms of English (Berlin and Kay, 1969)."""


@dataclass(frozen=True)
class NamedColour:
    """A colour word: `name` as listed, `rgb` in sRGB.

    basic: whether it is one of `BASIC_COLOURS`, which name a whole range of colours rather than
        one place in colour space.
    """

    name: str
    rgb: Rgb
    basic: bool = False


@dataclass(frozen=True)
class Material:
    """A material and how it looks in photographs.

    name: the material ("wood"). word: the word it was found by ("oak").
    colours: typical sRGB colours. spread: how far in Lab units a typical pixel lies from the
    nearest of them. contrast: usual local standard deviation of L*. coherence: how strongly its
    gradient keeps one direction, in [0, 1]. variant: whether the word has colours of its own.
    """

    name: str
    word: str
    colours: tuple[Rgb, ...]
    spread: float
    contrast: Range
    coherence: Range
    variant: bool = False


@dataclass(frozen=True)
class Stuff:
    """What fills a region without a shape of its own: sky, grass, water.

    colours, spread, contrast: as for `Material`. height: highest and lowest usual vertical
    position (0 top, 1 bottom), or None. border: whether it usually runs out of the picture.
    attached: names of stuff that belongs to it where they hang together, as a trunk to its crown.
    rivals: names of stuff that looks like it.
    """

    name: str
    word: str
    colours: tuple[Rgb, ...]
    spread: float
    contrast: Range
    height: Range | None = None
    border: bool = False
    attached: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """The small words of the grammar, by meaning; see `words.toml`."""

    filler: frozenset[str]
    pronouns: frozenset[str]
    pictures: frozenset[str]
    prepositions: Mapping[str, str]
    sides: Mapping[str, str]
    outermost: Mapping[str, str]
    ordinals: Mapping[str, int]
    sizes: Mapping[str, str]
    tones: Mapping[str, str]
    ground: Mapping[str, str]
    plural: frozenset[str]
    conjunctions: frozenset[str]
    separators: frozenset[str]
    negations: frozenset[str]
    exclusions: frozenset[str]
    things: frozenset[str]
    irregular: Mapping[str, str]


_TOKEN = re.compile(r"(#[0-9a-f]{6}\b|#[0-9a-f]{3}\b|\w+n't\b|\w+|[,;]|[^\s\w])(?:(?<=\w)'s\b)?")
_SPELLINGS = {"gray": "grey", "grayish": "greyish", "color": "colour"}
_INVISIBLE = ("Mn", "Me", "Cf", "Cc", "Cs")
LONGEST_NAME = 6
"""No name of the vocabulary has more tokens than this."""


@dataclass(frozen=True)
class Token:
    """A word as it is compared, and where in the text it stands: half-open, in characters."""

    text: str
    start: int
    end: int


def located(text: str) -> tuple[Token, ...]:
    """Split text into words as they are compared; commas and unknown symbols are tokens too.

    Lower case, accents and possessive 's removed, hyphens and other punctuation read as spaces.
    `#rgb` and `#rrggbb` are single tokens.
    """
    marks = [(plain, place) for place, mark in enumerate(text) for plain in _plain(mark)]
    places = [*(place for _, place in marks), len(text)]
    found = _TOKEN.finditer("".join(plain for plain, _ in marks))
    return tuple(
        Token(
            _SPELLINGS.get(token[1], token[1]),
            places[token.start()],
            # Marks that are not compared belong to the letter before them.
            max(places[token.end()], places[token.end() - 1] + 1),
        )
        for token in found
        if token[1] in (",", ";") or len(token[1]) > 1 or not _is_punctuation(token[1])
    )


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared; see `located`."""
    return tuple(token.text for token in located(text))


def _plain(mark: str) -> str:
    if mark == "\N{RIGHT SINGLE QUOTATION MARK}":
        return "'"
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", mark).casefold())
    kept = (c for c in plain if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return "".join(" " if c.isspace() else c for c in kept)


def _is_punctuation(character: str) -> bool:
    # "+" and the like say as little as a full stop does, an emoji stands for something.
    return unicodedata.category(character) in ("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sk")


def singular(word: str) -> str:
    """The singular of an English noun as far as its spelling tells ("benches" gives "bench")."""
    irregular = words().irregular
    if word in irregular:
        return irregular[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1]


def squeeze(text: str | Iterable[str]) -> str:
    """The key under which a name is listed: its tokens without spaces ("sky blue": "skyblue")."""
    return "".join(tokens(text) if isinstance(text, str) else text)


@cache
def entries(name: str) -> Mapping[str, Any]:
    """A file of `resources/vocabulary/`, read once; nobody writes into it."""
    with resource_path("vocabulary", name).open("rb") as file:
        return tomllib.load(file)


@cache
def words() -> Words:
    """The small words of the grammar."""
    data = dict(entries("words.toml"))

    def by_word(groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
        return {squeeze(word): meaning for meaning, group in groups.items() for word in group}

    def group(key: str) -> frozenset[str]:
        return frozenset(data[key])

    ordinals = {word: int(rank) for word, rank in data["ordinals"].items()}
    endings = {1: "st", 2: "nd", 3: "rd"}
    ordinals |= {f"{rank}{endings.get(rank, 'th')}": rank for rank in set(ordinals.values())}
    return Words(
        filler=group("filler") | group("pronouns") | group("pictures"),
        pronouns=group("pronouns"),
        pictures=group("pictures"),
        prepositions={squeeze(word): word for word in data["prepositions"]},
        sides=by_word(data["sides"]),
        outermost=by_word(data["outermost"]),
        ordinals=ordinals,
        sizes=by_word(data["sizes"]),
        tones=by_word(data["tones"]),
        ground=by_word(data["ground"]),
        plural=group("plural"),
        conjunctions=group("conjunctions"),
        separators=group("separators"),
        negations=group("negations"),
        exclusions=group("exclusions"),
        things=group("things"),
        irregular=data["irregular"],
    )


def rgb_of(hexadecimal: str) -> Rgb:
    """sRGB of `#rrggbb` or `#rgb`, with or without its sign."""
    digits = hexadecimal.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def xkcd_colours() -> dict[str, Rgb]:
    """The 949 names of the XKCD colour survey and their sRGB values."""
    lines = resource_path("vocabulary", "colours-xkcd.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {name: rgb_of(value) for name, value in rows}


@cache
def colours() -> Mapping[str, NamedColour]:
    """Every colour name by its squeezed spelling.

    Where CSS and XKCD both list a name, the surveyed XKCD value is what people mean by it.
    """
    from PIL import ImageColor

    # Asked one by one: Pillow keeps what it has parsed in place of the text in its table.
    listed = {name: ImageColor.getrgb(name)[:3] for name in tuple(ImageColor.colormap)}
    listed |= xkcd_colours()
    table: dict[str, NamedColour] = {}
    for name, rgb in listed.items():
        spelled = " ".join(tokens(name))
        table[squeeze(name)] = NamedColour(spelled, rgb, spelled in BASIC_COLOURS)
    return table


@cache
def materials() -> Mapping[str, Material]:
    """Every material by each of its words, squeezed."""
    table: dict[str, Material] = {}
    for name, entry in entries("materials.toml").items():
        variants = entry.get("variants", {})
        for word in [*entry["words"], *variants]:
            table[squeeze(word)] = Material(
                name=name,
                word=word,
                colours=tuple(map(rgb_of, variants.get(word, entry["colours"]))),
                spread=entry["spread"],
                contrast=tuple(entry["texture"]["contrast"]),
                coherence=tuple(entry["texture"]["coherence"]),
                variant=word in variants,
            )
    return table


@cache
def stuff() -> Mapping[str, Stuff]:
    """All stuff by each of its words, squeezed."""
    table: dict[str, Stuff] = {}
    for name, entry in entries("stuff.toml").items():
        height = entry.get("height")
        for word in entry["words"]:
            table[squeeze(word)] = Stuff(
                name=name,
                word=word,
                colours=tuple(map(rgb_of, entry["colours"])),
                spread=entry["spread"],
                contrast=tuple(entry["contrast"]),
                height=None if height is None else cast(Range, tuple(height)),
                border=entry.get("border", False),
                attached=tuple(entry.get("attached", ())),
                rivals=tuple(entry.get("rivals", ())),
            )
    return table


def colour_at(sequence: Sequence[str], start: int, length: int) -> NamedColour | None:
    """The colour named by exactly the `length` tokens from `start`, if they name one.

    Also understands `#rrggbb`, "reddish" and "rust coloured".
    """
    part = sequence[start : start + length]
    if length == 1 and part[0].startswith("#") and len(part[0]) > 1:
        return NamedColour(part[0], rgb_of(part[0]))
    table = colours()
    keys = [squeeze(part)]
    keys.append(squeeze([*part[:-1], singular(part[-1])]))
    if length == 1 and part[0].endswith("ish"):
        stem = part[0].removesuffix("ish")
        keys += [stem, stem + "e", stem[:-1]]
    return next((table[key] for key in keys if key in table), None)


def lookup(table: Mapping[str, T], part: Sequence[str]) -> T | None:
    """The entry of a table for these tokens, as written or with the last one in the singular."""
    exact = squeeze(part)
    if exact in table:
        return table[exact]
    return table.get(squeeze([*part[:-1], singular(part[-1])]))
