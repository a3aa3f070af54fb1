"""What of a phrase goes to a text encoder, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.language.texts import Excluded, texts

_SAMPLE = (
    "wooden", "red", "bench", "trees", "the", "left", "not", "without", "in", "of", "second",
    "blue", "sky", "and", ",", "big", "on", "cup", "one", "picture", "дерево", "all", "thing",
)  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "looks", "noun"),
    [
        ("wooden bench", "wooden bench", "bench"),
        ("the second wooden bench from the left", "wooden bench", "bench"),
        ("all Red T-shirts", "Red T-shirts", "T-shirts"),
        ("two dogs", "dogs", "dogs"),
        ("big red and white flag", "red and white flag", "flag"),
        ("remote control on the right", "remote control", "remote control"),
        ("bench in front of the green hedge", "bench in front of the green hedge", "bench"),
        ("man with a big hat", "man with a big hat", "man"),
        ("leftmost woman in red", "woman in red", "woman"),
        ("bench on the left side, made of wood", "bench of wood", "bench"),
        ("thing on table", "thing on table", ""),
        ("red", "red", ""),
        ("dog and cat", "dog and cat", ""),
        ("corner of the room", "room", ""),
        ("everything", "", ""),
        ("left", "", ""),
        ("", "", ""),
    ],
)
def test_looks_without_places_and_numbers(phrase: str, looks: str, noun: str) -> None:
    assert (texts(phrase).looks, texts(phrase).noun) == (looks, noun)


@pytest.mark.parametrize(
    ("phrase", "excluded"),
    [
        ("wooden bench, not the red one", [Excluded("red bench", True)]),
        ("bench, not the red bench", [Excluded("red bench", True)]),
        ("grass, not the dry grass", [Excluded("dry grass", True)]),
        ("not red car", [Excluded("red car", True)]),
        ("a car that isn't red", [Excluded("red car", True)]),
        ("benches except the ones in the shade", [Excluded("benches in the shade", True)]),
        ("beach without people", [Excluded("people", False)]),
        (
            "everything except the car and the old tree",
            [Excluded("car", False), Excluded("old tree", False)],
        ),
        ("red but not dark", [Excluded("dark", False)]),
        ("bench, not the left one", []),
    ],
)
def test_what_is_excluded_has_texts_of_its_own(phrase: str, excluded: list[Excluded]) -> None:
    assert list(texts(phrase).excluded) == excluded


@pytest.mark.parametrize(
    ("phrase", "looks"),
    [
        ("picture on the wall", "picture on the wall"),
        ("red picture frame", "red picture frame"),
        ("left part of the image", ""),
        ("picture of a dog", "picture of a dog"),
    ],
)
def test_pictures_are_things_where_nothing_else_is(phrase: str, looks: str) -> None:
    assert texts(phrase).looks == looks


@pytest.mark.parametrize(
    "phrase", ["дерево слева", "赤い車", "شجرة خضراء", "🌲", "👩‍🚒", "café Noir", "हरी बेंच", "!?"]
)
def test_unknown_and_foreign_words_pass_unchanged(phrase: str) -> None:
    assert texts(phrase).looks == phrase
    assert texts(phrase).unused_words == ()


def test_what_a_place_is_counted_from_is_not_used() -> None:
    said = texts("man to the left of the tree in the park")
    assert said.looks == "man in the park"
    assert said.used_words == ("man", "left", "park")
    assert said.unused_words == ("tree",)
    assert texts("bench not").unused_words == ("not",)


@given(st.text(max_size=60))
def test_any_text_has_defined_texts(phrase: str) -> None:
    said = texts(phrase)
    for text in (said.looks, said.noun, *(each.text for each in said.excluded)):
        assert text == " ".join(text.split())
    assert all(each.text for each in said.excluded)


@given(st.lists(st.sampled_from(_SAMPLE), max_size=8))
def test_texts_hold_only_words_of_the_phrase_in_order(chosen: list[str]) -> None:
    said = texts(" ".join(chosen))
    rest = iter(" ".join(chosen).replace(",", " , ").split())
    assert all(word in rest for word in said.looks.replace(",", " , ").split())
    assert not {"left", "second", "not", "without"} & set(said.looks.split())
    assert said.noun in said.looks
