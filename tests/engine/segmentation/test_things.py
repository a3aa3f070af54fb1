"""Single things: where they come from, and which of them a phrase means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ovedit.engine.segmentation.choice import ALIKE, decide
from ovedit.engine.segmentation.findings import Findings
from ovedit.engine.segmentation.proposals import Named
from ovedit.engine.segmentation.query import question
from ovedit.engine.segmentation.things import Thing, judged, things_of, touching
from ovedit.engine.segmentation.values import Proposal, RefinedMask
from ovedit.geometry import Rect, Size

SIZE = Size(200, 60)


def mask(*rects: Rect) -> NDArray[np.bool_]:
    drawn = np.zeros((SIZE.height, SIZE.width), bool)
    for rect in rects:
        drawn[rect.slices] = True
    return drawn


def thing(x: int, fit: float = 0.8, width: int = 16, *, unwanted: bool = False) -> Thing:
    made = Thing.of(mask(Rect(x, 20, width, 20)), "refined")
    assert made is not None
    return replace(made, fit=fit, unwanted=unwanted)


def named(*rects: Rect) -> tuple[Named, ...]:
    return tuple(
        Named(Proposal(np.ones((rect.height, rect.width), bool), rect, 0.9, 0.9), 0.8)
        for rect in rects
    )


def findings(dense: NDArray[np.bool_] | None = None) -> Findings:
    values = np.zeros((SIZE.height, SIZE.width), np.float32)
    if dense is not None:
        values[dense] = 0.9
    return Findings(question("bench"), values, 1.0, (), 0.5)


def rects_of(things: Sequence[Thing]) -> list[Rect]:
    return [one.drawn.rect for one in things]


LEFT, RIGHT = Rect(10, 20, 30, 20), Rect(100, 20, 30, 20)


def test_things_are_proposals_first_and_outlines_elsewhere() -> None:
    found = replace(
        findings(),
        refined=RefinedMask(
            mask(LEFT, RIGHT).astype(np.float32), (mask(LEFT), mask(RIGHT)), 1.0, "sam2"
        ),
        named=named(Rect(12, 20, 28, 20)),
        drawn_at=SIZE,
    )
    things = things_of(found, SIZE)
    assert [one.source for one in things] == ["named", "refined"]
    assert rects_of(things) == [Rect(12, 20, 28, 20), RIGHT]
    assert (things[1].area, things[1].box) == (600, (100, 20, 130, 40))
    assert things[1].centre == pytest.approx((115 / 200, 30 / 60))


def test_without_outlines_the_parts_of_the_dense_map_count() -> None:
    found = findings(mask(LEFT, RIGHT, Rect(150, 2, 1, 1)))
    assert sorted(rects_of(things_of(found, SIZE)), key=lambda r: r.x) == [LEFT, RIGHT]
    beside = replace(found, named=named(LEFT), drawn_at=SIZE)
    assert rects_of(things_of(beside, SIZE)) == [LEFT, RIGHT]
    assert rects_of(things_of(beside, SIZE, parts=False)) == [LEFT]
    assert things_of(findings(), SIZE) == []


def test_masks_of_another_size_are_brought_to_that_of_the_answer() -> None:
    found = replace(findings(), named=named(Rect(5, 10, 15, 10)), drawn_at=Size(100, 30))
    assert rects_of(things_of(found, SIZE, parts=False)) == [Rect(10, 20, 30, 20)]


def test_things_are_judged_by_the_phrase_and_by_what_it_excludes() -> None:
    asked = question("red car, not the dark one")
    shares = {
        "red car": np.array([0.2, 0.6, 0.3]),
        "car": np.array([0.5, 0.2, 0.3]),
        "dark car": np.array([0.3, 0.1, 0.4]),
    }
    things = judged([thing(10), thing(60), thing(110)], asked, shares)
    assert [one.fit for one in things] == [0.6, 0.3, 0.2]
    assert [one.unwanted for one in things] == [False, True, False]


def test_things_that_touch_are_a_group() -> None:
    near, far, bridge = thing(10), thing(60), thing(26, width=34)
    assert touching([near, far]) == [[near], [far]]
    (group,) = touching([near, far, bridge])
    assert set(group) == {near, far, bridge}


def test_parts_of_one_thing_are_one_answer() -> None:
    choice = decide(question("wooden bench"), [thing(10), thing(26), thing(42)], 3)
    assert choice.found and choice.whole and choice.message == ""
    choice = decide(question("wooden bench"), [thing(10), thing(26), thing(90, 0.1)], 3)
    assert len(choice.offers[0].things) == 2 and choice.message == ""


fits = st.floats(0.05, 1.0)
lines = st.lists(
    st.tuples(st.integers(0, 9), fits), min_size=1, max_size=6, unique_by=lambda t: t[0]
)


def row(line: Sequence[tuple[int, float]]) -> list[Thing]:
    """Things that do not touch, best first."""
    return sorted((thing(20 * slot, fit, 14) for slot, fit in line), key=lambda one: -one.fit)


@given(lines, st.sampled_from(["red bench", "red benches", "bench on the left", "thing"]))
def test_the_first_offer_fits_about_as_well_as_the_best(
    line: list[tuple[int, float]], phrase: str
) -> None:
    things = row(line)
    choice = decide(question(phrase), things, 3)
    assert choice.found
    best = things[0].fit
    if choice.whole:
        assert all(one.fit >= ALIKE * best for one in things), "all of it is the answer"
    else:
        assert all(one.fit >= ALIKE * best for one in choice.offers[0].things)


@given(lines, st.sampled_from(["bench", "benches"]))
def test_a_kind_is_all_of_it(line: list[tuple[int, float]], phrase: str) -> None:
    things = row(line)
    choice = decide(question(phrase), things, 3)
    assert choice.found and choice.whole
    assert ("holds them all" in choice.message) is (phrase == "bench" and len(things) > 1)


@given(lines)
def test_whoever_cannot_be_told_apart_is_offered_as_a_choice(
    line: list[tuple[int, float]],
) -> None:
    things = row(line)
    alike = [one for one in things if one.fit >= ALIKE * things[0].fit]
    choice = decide(question("red bench"), things, 9)
    assert ("choose one" in choice.message) is (len(alike) > 1)
    if len(alike) > 1:
        assert [offer.things for offer in choice.offers] == [(one,) for one in alike]


@given(lines, st.sets(st.integers(0, 5)))
def test_what_is_excluded_is_never_offered_as_an_answer(
    line: list[tuple[int, float]], unwanted: set[int]
) -> None:
    things = [replace(one, unwanted=n in unwanted) for n, one in enumerate(row(line))]
    choice = decide(question("benches, not the red one"), things, 9)
    assert choice.found is any(not one.unwanted for one in things)
    if choice.found:
        assert not any(one.unwanted for offer in choice.offers for one in offer.things)
        assert not (choice.whole and any(one.unwanted for one in things))
