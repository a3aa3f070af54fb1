"""Phrases as questions: what CLIP is asked, and whether it may mean some of its kind."""

from __future__ import annotations

import pytest

from ovedit.engine.segmentation.query import ANYTHING, question
from ovedit.errors import UsageError


@pytest.mark.parametrize(
    ("phrase", "asked", "noun", "name"),
    [
        ("bench", "bench", "", "bench"),
        ("the second wooden bench", "wooden bench", "bench", "bench"),
        ("all remote controls", "remote controls", "", "remote control"),
        ("bench near the lake", "bench near the lake", "bench", "bench"),
        ("красная машина", "красная машина", "", "красная машина"),
        ("everything except the car", "", "", "everything except the car"),
        ("left", ANYTHING, "", "left"),
    ],
)
def test_what_is_asked(phrase: str, asked: str, noun: str, name: str) -> None:
    made = question(phrase)
    assert (made.asked, made.noun, made.name) == (asked, noun, name)
    assert made.says_nothing is (phrase == "left")
    assert set(made.texts) == {asked, noun, *made.all_excluded} - {""}


@pytest.mark.parametrize(
    ("phrase", "picks", "counted"),
    [
        ("bench", False, False),
        ("dog and cat", False, False),
        ("beach without people", False, False),
        ("benches", True, True),
        ("second bench", True, True),
        ("largest bench", True, True),
        ("bench on the left", True, False),
        ("red bench", True, False),
        ("bench, not the red one", True, False),
        ("bench, not the left one", True, False),
        ("thing on table", True, False),
    ],
)
def test_whether_it_means_some_of_its_kind(phrase: str, picks: bool, counted: bool) -> None:
    assert (question(phrase).picks, question(phrase).counted) == (picks, counted)


def test_an_empty_phrase_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        question(" ")
