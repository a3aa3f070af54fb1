"""From what was found out about a phrase to its masks, their scores and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ovedit.engine.requests import MaskCandidate, PhraseAnswer
from ovedit.engine.segmentation.answers import answer
from ovedit.engine.segmentation.choice import Choice, Offer
from ovedit.engine.segmentation.findings import Findings
from ovedit.engine.segmentation.proposals import Named
from ovedit.engine.segmentation.query import question
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.things import Thing
from ovedit.engine.segmentation.values import Proposal, RefinedMask
from ovedit.geometry import Rect, Size

SIZE = Size(40, 20)
SETTINGS = SegmentationSettings(method="naclip")
LEFT, MOST = Rect(4, 4, 10, 10), Rect(4, 4, 12, 10)


def painted(rect: Rect, value: float = 1.0) -> NDArray[np.float32]:
    values = np.zeros((SIZE.height, SIZE.width), np.float32)
    values[rect.slices] = value
    return values


def findings(phrase: str = "bench", dense: float = 0.5, **changes: Any) -> Findings:
    values = painted(MOST, dense)
    found = Findings(question(phrase), values, 0.8, ("sky", "wall", "door", "road"), 0.4)
    return replace(found, **changes)


def refined(rect: Rect, alpha: float = 1.0, source: str = "sam2") -> RefinedMask:
    values = painted(rect, alpha)
    return RefinedMask(values, (values >= 0.5,), 0.9, source)


def named(rect: Rect, score: float) -> dict[str, Any]:
    proposal = Proposal(np.ones((rect.height, rect.width), bool), rect, 0.9, 0.95)
    return {"named": (Named(proposal, score),), "drawn_at": SIZE}


def ask(found: Findings, choice: Choice | None = None, top_k: int = 9) -> PhraseAnswer:
    return answer(found, choice, SIZE, SETTINGS, top_k)


def inside(candidate: MaskCandidate) -> NDArray[np.bool_]:
    return candidate.scores.values >= candidate.threshold


def test_the_dense_map_alone_keeps_its_own_cut_and_is_as_sure_as_presence_and_peak() -> None:
    (only,) = ask(findings()).candidates
    assert (only.label, only.threshold) == ("bench", 0.4)
    assert only.score == pytest.approx(0.8 * 0.5)
    assert np.array_equal(inside(only), painted(MOST) > 0)
    assert only.reason == "Where CLIP (naclip) sees it; nearest to it: sky, wall, door."


def test_what_sam_drew_comes_before_the_bare_map() -> None:
    first, bare = ask(findings(refined=refined(LEFT))).candidates
    assert np.array_equal(inside(first), painted(LEFT) > 0)
    assert first.threshold == 0.5 and bare.threshold == 0.4
    assert first.reason.startswith("Found by CLIP (naclip), outlined by SAM 2; nearest to it: sky")
    first, _ = ask(findings(refined=refined(LEFT, source="dense"))).candidates
    assert "which SAM 2 has no outline for" in first.reason


def test_two_masks_that_agree_become_their_mean_by_confidence() -> None:
    found = findings(refined=refined(MOST, 0.9), **named(LEFT, 0.6))
    first, *others = ask(found).candidates
    one, other = 0.8 * 0.5, 0.6
    expected = (one * painted(MOST, 0.9) + other * painted(LEFT)) / (one + other)
    np.testing.assert_allclose(first.scores.values, expected, atol=1e-3)
    assert first.threshold == 0.5
    assert first.score == pytest.approx(1 - (1 - one) * (1 - other))
    assert first.reason == (
        "Found by CLIP (naclip), outlined by SAM 2; nearest to it: sky, wall, door; what SAM 2 "
        "drew without words, named by CLIP, agrees."
    )
    assert [candidate.reason[:5] for candidate in others] == ["Where"]


def test_a_dense_map_is_brought_to_the_same_cut_before_it_is_mixed() -> None:
    first, _ = ask(findings(dense=0.7, **named(LEFT, 0.56))).candidates
    halfway = 0.5 + 0.5 * (0.7 - 0.4) / (1 - 0.4)
    expected = (painted(MOST, halfway) + painted(LEFT)) / 2
    np.testing.assert_allclose(first.scores.values, expected, atol=1e-3)


@pytest.mark.parametrize(("score", "surer"), [(0.9, Rect(30, 2, 6, 6)), (0.1, LEFT)])
def test_of_two_that_disagree_the_surer_comes_first_and_that_is_said(
    score: float, surer: Rect
) -> None:
    told = ask(findings(refined=refined(LEFT), **named(Rect(30, 2, 6, 6), score)))
    assert np.array_equal(inside(told.candidates[0]), painted(surer) > 0)
    assert told.candidates[0].score > told.candidates[1].score
    assert told.message == "The dense map and the proposals disagree: the surer mask comes first."


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"presence": 0.49}, False),
        ({"presence": 0.5}, True),
        ({"dense": 0.39}, False),
        ({"presence": 0.1, **named(LEFT, 0.3)}, True),
    ],
)
def test_what_is_not_in_the_picture_is_a_guess(changes: dict[str, Any], found: bool) -> None:
    told = ask(findings(**changes))
    assert told.found is found and told.candidates
    assert (told.message == "“bench” does not seem to be in this picture.") is not found


def test_chosen_things_come_before_everything_where_they_are_meant() -> None:
    thing = Thing.of(painted(LEFT) > 0, "refined")
    assert thing is not None
    offer = Offer("second bench", (replace(thing, fit=0.7),), "Number 2 of 3 from the left")
    found = findings("second bench", refined=refined(MOST))
    first, everything, bare = ask(found, Choice((offer,))).candidates
    assert np.array_equal(inside(first), painted(LEFT) > 0)
    assert first.score == pytest.approx(0.7) and first.label == "second bench"
    assert first.reason.startswith(
        "Number 2 of 3 from the left, found by CLIP (naclip), outlined by SAM 2; nearest to it: "
    )
    assert everything.label == "second bench (all)" and bare.label == "second bench"
    part = ask(found, Choice((offer,), whole=True)).candidates[1]
    assert part.label == "second bench", "parts of the answer come after it"
    assert len(ask(found, Choice((offer,)), top_k=2).candidates) == 2


def test_everything_except_is_said_to_be_that() -> None:
    found = findings("everything except the car", whole=True, refined=refined(MOST, 1, "dense"))
    first, bare = ask(replace(found, rivals=("car",))).candidates
    assert bare.reason == "All but what CLIP (naclip) takes for “car”."
    assert first.reason == f"{bare.reason[:-1]}, with its edges on those of the picture."
