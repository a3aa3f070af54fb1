"""What a phrase means among the things found, on rectangles instead of a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ovedit.engine.requests import MaskCandidate, PhraseAnswer
from ovedit.engine.segmentation.sam3_answers import answer
from ovedit.engine.segmentation.sam3_network import Things
from ovedit.engine.segmentation.sam3_settings import Sam3Settings
from ovedit.geometry import Rect, Size

torch.set_num_threads(1)

SIZE = Size(64, 32)
GRID = 32
# Cells of the grid: left to right, the second is the largest, the third the surest.
FIRST, SECOND, THIRD = Rect(1, 10, 4, 8), Rect(10, 8, 8, 14), Rect(22, 10, 4, 8)
SCENE = {
    "bench": {THIRD: 0.9, SECOND: 0.8, FIRST: 0.7, Rect(28, 0, 3, 3): 0.2},
    "benches": {THIRD: 0.9, SECOND: 0.8, FIRST: 0.7},
    "red bench": {Rect(10, 9, 8, 13): 0.9},
    "person": {Rect(22, 10, 2, 8): 0.9},
    "fog": {Rect(0, 0, 5, 5): 0.3, Rect(9, 9, 5, 5): 0.1},
}


def logits(rect: Rect) -> torch.Tensor:
    drawn = torch.full((GRID, GRID), -8.0)
    drawn[rect.slices] = 8
    return drawn


def ask(text: str) -> Things:
    scene = SCENE.get(text, {})
    drawn = [logits(rect) for rect in scene]
    stacked = torch.stack(drawn) if drawn else torch.empty(0, GRID, GRID)
    return Things(torch.tensor(list(scene.values())), stacked)


def said(phrase: str, top_k: int = 9, ask: Callable[[str], Things] = ask) -> PhraseAnswer:
    return answer(phrase, ask, SIZE, Sam3Settings(), top_k)


def drawn(candidate: MaskCandidate) -> set[Rect]:
    """The rectangles of the scene's benches that a candidate covers."""
    mask = candidate.scores.values >= candidate.threshold
    covered = set()
    for rect in (FIRST, SECOND, THIRD):
        # A cell of the grid is two pixels wide and one high.
        part = mask[rect.y : rect.bottom, 2 * rect.x : 2 * rect.right]
        if part.mean() > 0.9:
            covered.add(rect)
    return covered


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("bench", {FIRST, SECOND, THIRD}),
        ("all benches", {FIRST, SECOND, THIRD}),
        ("the second bench from the left", {SECOND}),
        ("third bench from the right", {FIRST}),
        ("leftmost bench", {FIRST}),
        ("bench on the right", {THIRD}),
        ("the largest bench", {SECOND}),
        ("bench, not the red one", {FIRST, THIRD}),
        ("bench, not the left one", {SECOND, THIRD}),
        ("second bench from the left, not the red one", {THIRD}),
    ],
)
def test_places_sizes_and_exclusions_choose(phrase: str, expected: set[Rect]) -> None:
    first, *_ = said(phrase).candidates
    assert said(phrase).found and first.label == phrase
    assert drawn(first) == expected


def test_the_others_stay_behind_the_one_that_is_meant() -> None:
    found = said("bench on the right")
    first, *others = found.candidates
    assert "by place" in first.reason and first.score == pytest.approx(0.9)
    assert [drawn(one) for one in others] == [{SECOND}, {FIRST}]
    assert [one.label for one in others] == ["bench 2", "bench 3"]
    assert len(said("bench on the right", top_k=2).candidates) == 2
    assert found.used_words == ("bench", "right") and found.unused_words == ()


def test_things_come_one_by_one_after_all_of_them() -> None:
    together, *each = said("bench").candidates
    assert "all 3" in together.reason and together.score == pytest.approx(0.9)
    assert [drawn(one) for one in each] == [{THIRD}, {SECOND}, {FIRST}]
    assert [one.label for one in each] == ["bench 1", "bench 2", "bench 3"]


def test_a_place_that_nothing_has_is_told() -> None:
    found = said("fifth bench from the left")
    assert not found.found
    assert found.message == (
        "“fifth bench from the left” is none of the 3 that SAM 3 found of “bench”."
    )
    assert len(found.candidates) == 3


def test_parts_of_other_things_are_left_out() -> None:
    whole, cut = said("bench").candidates[0], said("bench without the person").candidates[0]
    lost = (whole.scores.values >= 0.5) & ~(cut.scores.values >= 0.5)
    rows, columns = np.nonzero(lost)
    assert (rows.min(), rows.max()) == (10, 17)
    assert columns.min() >= 43 and columns.max() <= 48


def test_everything_but_a_thing_is_the_rest() -> None:
    found = said("everything except the person")
    (rest,) = found.candidates
    mask = rest.scores.values >= rest.threshold
    assert found.found and not mask[11:17, 45:47].any() and mask[:, :40].all()
    assert "All but" in rest.reason and "“person”" in rest.reason
    missing = said("everything except the car")
    assert not missing.found and missing.message.startswith("“car” does not seem to be")


def test_a_phrase_without_a_name_is_told() -> None:
    def never(text: str) -> Things:
        raise AssertionError(text)

    found = said("on the left", ask=never)
    assert not found.found and not found.candidates and "names no thing" in found.message


def test_what_is_not_sure_enough_is_a_guess() -> None:
    found = said("fog on the left", top_k=1)
    (guess,) = found.candidates
    assert not found.found and guess.score == pytest.approx(0.3) and "guess" in guess.reason
    assert "does not seem to be in this picture" in found.message


def test_what_is_drawn_nowhere_is_no_thing() -> None:
    nowhere = Things(torch.tensor([0.9]), torch.full((1, GRID, GRID), -1.0))
    assert not said("bench", ask=lambda _: nowhere).found
    assert not said("unicorn").found and not said("unicorn").candidates
