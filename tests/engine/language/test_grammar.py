"""Phrases: which words are understood, and as what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from ovedit.engine.language import vocabulary
from ovedit.engine.language.grammar import Attributes, Position, parse
from ovedit.engine.language.vocabulary import NamedColour

_SAMPLE = (
    "wooden", "red", "bench", "tree", "the", "left", "not", "without", "in", "of", "second",
    "blue", "sky", "and", "big", "on", "cup",
)  # fmt: skip


def colour_of(phrase: str) -> NamedColour | None:
    return next(iter(parse(phrase).colours), None)


def _wide(text: str) -> str:
    """The text in full-width forms, as East Asian keyboards type it."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


def test_material_is_used_and_unknown_noun_is_reported() -> None:
    query = parse("wooden bench")
    assert [material.name for material in query.materials] == ["wood"]
    assert query.noun == "bench"
    assert query.used_words == ("wooden",)
    assert query.unused_words == ("bench",)


@pytest.mark.parametrize(
    ("phrase", "noun", "plural"),
    [
        ("wooden bench", "bench", False),
        ("Wooden-Benches", "bench", True),
        ("the two leaves", "leaf", True),
        ("grass", "grass", False),
        ("glass of water", "", False),
        ("oak park bench near the lake", "bench", False),
        ("skies", "sky", True),
        ("all red cup", "cup", True),
        ("metal", "", False),
        ("", "", False),
    ],
)
def test_head_noun_in_the_singular(phrase: str, noun: str, plural: bool) -> None:
    assert parse(phrase).noun == noun
    assert parse(phrase).plural is plural


@pytest.mark.parametrize(
    ("phrase", "names"),
    [
        ("sky blue car", ["sky blue"]),
        ("dark slate gray door", ["darkslategrey"]),
        ("red and white flag", ["red", "white"]),
        ("reddish cloth", ["reddish"]),
        ("brown coffee", ["brown"]),
        ("coffee", ["coffee"]),
        ("red rose", ["red"]),
        ("robin's egg blue vase", ["robin egg blue"]),
        ("woman in red", ["red"]),
        ("bench in front of the green hedge", []),
    ],
)
def test_colours_longest_name_first(phrase: str, names: list[str]) -> None:
    assert [colour.name for colour in parse(phrase).colours] == names


@pytest.mark.parametrize(
    ("phrase", "positions"),
    [
        ("tree on the left", [Position("left")]),
        ("leftmost tree", [Position("left", 1)]),
        ("second tree from the left", [Position("left", 2)]),
        ("third bench from the right", [Position("right", 3)]),
        ("2nd tree", [Position("left", 2)]),
        ("last tree", [Position("right", 1)]),
        ("cup in the top left corner", [Position("top left")]),
        ("corners", [Position("corner")]),
        ("cup in the centre", [Position("middle")]),
        ("cup in the center", [Position("middle")]),
    ],
)
def test_places(phrase: str, positions: list[Position]) -> None:
    assert list(parse(phrase).positions) == positions


def test_sizes_tones_and_ground() -> None:
    assert parse("biggest dark cup").sizes == ("large",)
    assert parse("biggest dark cup").tones == ("dark",)
    assert parse("background").ground == "background"


def test_not_excludes_up_to_the_next_noun() -> None:
    query = parse("not red car")
    assert query.noun == "car"
    assert query.colours == ()
    assert [colour.name for colour in query.excluded.colours] == ["red"]
    assert parse("car, not the left one").excluded.positions == (Position("left"),)


def test_except_excludes_up_to_the_end() -> None:
    query = parse("everything except the blue sky")
    assert [stuff.name for stuff in query.excluded.stuff] == ["sky"]
    assert [colour.name for colour in query.excluded.colours] == ["blue"]
    assert not query.describes


def test_stuff_is_understood_as_head_and_not_as_description() -> None:
    assert [stuff.name for stuff in parse("grass and trees").stuff] == ["grass", "tree"]
    assert parse("water bottle").stuff == ()
    assert parse("water bottle").unused_words == ("water", "bottle")
    assert parse("bench on the grass").stuff == ()
    assert [stuff.name for stuff in parse("patch of grass").stuff] == ["grass"]


@pytest.mark.parametrize("phrase", ["", "   ", ",,;", "the", "!?", "\u200d\ufe0f"])
def test_phrase_without_words_is_an_empty_query(phrase: str) -> None:
    query = parse(phrase)
    assert not query
    assert query.used_words == query.unused_words == ()


def test_emoji_is_a_word_not_understood() -> None:
    assert parse("red \N{CHERRIES}").unused_words == ("\N{CHERRIES}",)


def test_case_accents_hyphens_and_width_do_not_matter() -> None:
    plain = parse("metal bench")
    for phrase in ("METAL Bench", "métal-bench", _wide("metal") + " bench", "  metal\tbench. "):
        query = parse(phrase)
        assert query.materials == plain.materials
        assert query.noun == plain.noun


@given(st.text(max_size=60))
def test_any_text_has_a_defined_result(phrase: str) -> None:
    query = parse(phrase)
    assert query.phrase == phrase
    assert isinstance(query.excluded, Attributes)
    assert bool(query) <= bool(query.used_words)


@given(st.lists(st.sampled_from(_SAMPLE), max_size=8))
def test_every_word_is_either_used_or_not(chosen: list[str]) -> None:
    query = parse(" ".join(chosen))
    reported = sorted(" ".join(query.used_words + query.unused_words).split())
    assert reported == sorted(w for w in chosen if w not in ("the", "in", "of", "on", "and"))


def test_the_longest_name_is_meant() -> None:
    colour = colour_of("dark sea green car")
    assert colour is not None and colour.name == "dark sea green"
    (material,) = parse("stainless steel sink").materials
    assert (material.name, material.word, material.variant) == ("metal", "stainless steel", True)


def test_colours_may_be_given_by_their_numbers() -> None:
    colour = colour_of("#f80")
    assert colour is not None and colour.rgb == (255, 136, 0)


def test_every_colour_of_the_survey_is_found_by_its_own_name() -> None:
    survey = vocabulary.xkcd_colours()
    assert len(survey) == 949
    by_key: dict[str, set[tuple[int, int, int]]] = {}
    for name, rgb in survey.items():
        by_key.setdefault(vocabulary.squeeze(name), set()).add(rgb)
    for name in survey:
        colour = vocabulary.colours().get(vocabulary.squeeze(name))
        assert colour is not None and colour.rgb in by_key[vocabulary.squeeze(name)], name


def test_basic_colours_are_all_listed() -> None:
    for name in vocabulary.BASIC_COLOURS:
        colour = colour_of(name)
        assert colour is not None and colour.basic


def test_colours_do_not_depend_on_what_pillow_was_asked_before() -> None:
    vocabulary.colours.cache_clear()
    ImageColor.getrgb("teal")
    assert colour_of("teal")
    assert colour_of("rebecca purple")
