"""Compositional and ambiguous phrases, on pictures whose features say plainly what is where.

Every word is a direction of its own in the space of features; a phrase is the sum of its words, and
so is a place of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from ovedit.engine.language import vocabulary
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.requests import MaskCandidate, PhraseAnswer, Pixels, SegmentRequest
from ovedit.engine.segmentation import look
from ovedit.engine.segmentation.look import Look
from ovedit.engine.segmentation.perception import Perception
from ovedit.engine.segmentation.refine import refine
from ovedit.engine.segmentation.settings import from_options
from ovedit.engine.segmentation.text import Embedded, TextBank
from ovedit.engine.segmentation.values import FeatureMap, Proposal, RefinedMask
from ovedit.errors import Cancelled
from ovedit.geometry import Rect, Size

CELL = 8
HEIGHT, WIDTH = 8, 20
_DIMENSIONS = 512
_SILENT = ("a", "the", "in", "on", "of", "with")
OPTIONS = {
    "strategy": "dense",
    "refine": "none",
    "auto_negatives": "0",
    "templates": "1",
    "threshold": "0.3",
    "presence_threshold": "0",
    "min_area": "0",
}


class Words(TextBank):
    """A text bank without a model: the same word is the same direction everywhere."""

    def __init__(self) -> None:
        self._directions: dict[str, int] = {}

    def embed(
        self,
        texts: Sequence[str],
        templates: str,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Embedded:
        return Embedded(torch.stack([self.vector(text) for text in texts]) if texts else _EMPTY)

    def vector(self, text: str) -> torch.Tensor:
        vector = torch.zeros(_DIMENSIONS)
        for word in vocabulary.tokens(text) or ("",):
            if word not in _SILENT:
                known = self._directions
                vector[known.setdefault(vocabulary.singular(word), len(known))] = 1
        return functional.normalize(vector, dim=0)


_EMPTY = torch.empty(0, 0)


class Scene(Perception):
    """A picture of `WIDTH` by `HEIGHT` cells: what is in rectangles of them, over a background."""

    def __init__(self, *things: tuple[str, Rect], drawn: Sequence[Rect] = ()) -> None:
        super().__init__(cast(Any, None))
        self.words = Words()
        values = self.words.vector("background").repeat(HEIGHT, WIDTH, 1)
        for text, rect in things:
            values[rect.slices] = self.words.vector(text)
        self.map = FeatureMap(values, functional.normalize(values.mean((0, 1)), dim=0))
        self.drawn = tuple(_drawn(rect) for rect in drawn)

    def features(self, *_: Any, **__: Any) -> FeatureMap:
        return self.map

    def bank(self, settings: Any) -> TextBank:
        return self.words

    def proposals(self, *_: Any, **__: Any) -> tuple[tuple[Proposal, ...], Size]:
        return self.drawn, Size(WIDTH * CELL, HEIGHT * CELL)

    def ask(
        self,
        *phrases: str,
        top_k: int = 9,
        image: Pixels | None = None,
        cancel: CancelToken | None = None,
        **options: str,
    ) -> tuple[PhraseAnswer, ...]:
        image = np.full((HEIGHT * CELL, WIDTH * CELL, 4), 255, np.uint8) if image is None else image
        chosen = {**OPTIONS, **options}
        request = SegmentRequest(image, phrases, top_k=top_k, options=chosen)
        told = from_options(request.preset, chosen)
        return Look(self, request, told, cancel or CancelToken()).answers(silent)


def _drawn(rect: Rect) -> Proposal:
    pixels = Rect(*(CELL * edge for edge in (rect.x, rect.y, rect.width, rect.height)))
    return Proposal(np.ones((pixels.height, pixels.width), bool), pixels, 0.9, 0.95)


def at(x: int, y: int = 3, width: int = 3, height: int = 3) -> Rect:
    return Rect(x, y, width, height)


def covers(candidate: MaskCandidate, *rects: Rect) -> bool:
    """Whether the mask is these rectangles of cells, up to a pixel or two at their edges."""
    mask = candidate.scores.values >= candidate.threshold
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    for rect in rects:
        wanted[rect.slices] = True
    wanted = np.kron(wanted, np.ones((CELL, CELL), bool))
    return float((mask & wanted).sum() / (mask | wanted).sum()) > 0.7


LEFT, MIDDLE, RIGHT = at(1), at(8), at(15)
BENCHES = Scene(("wooden bench", LEFT), ("red bench", MIDDLE), ("wooden bench", RIGHT))


@pytest.mark.parametrize(
    ("phrase", "meant"),
    [
        ("second bench from the left", MIDDLE),
        ("the second bench from the right", MIDDLE),
        ("third bench", RIGHT),
        ("leftmost bench", LEFT),
        ("last bench", RIGHT),
        ("bench on the left", LEFT),
        ("bench in the middle", MIDDLE),
        ("red bench", MIDDLE),
        ("second wooden bench from the left", RIGHT),
        ("second wooden bench from the left, not the red one", RIGHT),
        ("rightmost bench without red", RIGHT),
    ],
)
def test_one_bench_is_meant(phrase: str, meant: Rect) -> None:
    (answer,) = BENCHES.ask(phrase)
    assert answer.found and answer.message == ""
    assert covers(answer.candidates[0], meant)
    assert answer.candidates[0].label == phrase
    assert answer.unused_words == ()


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("fourth bench from the left", "There are only 3 for “fourth bench from the left”."),
        ("third wooden bench", "There are only 2 for “third wooden bench”."),
        ("second red bench", "There is only one for “second red bench”."),
    ],
)
def test_one_that_does_not_exist_is_a_guess(phrase: str, message: str) -> None:
    (answer,) = BENCHES.ask(phrase)
    assert not answer.found and answer.message == message
    assert answer.candidates, "those that there are may still be meant"


def test_a_plural_is_all_of_them_then_each() -> None:
    for phrase in ("all benches", "benches", "three benches"):
        (answer,) = BENCHES.ask(phrase)
        everything, *each = answer.candidates[:4]
        assert answer.found and everything.label == phrase
        assert covers(everything, LEFT, MIDDLE, RIGHT)
        assert [one.label for one in each] == ["bench 1", "bench 2", "bench 3"]
        assert all(map(covers, each, (LEFT, MIDDLE, RIGHT)))
    (answer,) = BENCHES.ask("wooden benches")
    assert covers(answer.candidates[0], LEFT, RIGHT)


def test_what_is_excluded_goes() -> None:
    (answer,) = BENCHES.ask("all benches, not the red one")
    assert covers(answer.candidates[0], LEFT, RIGHT)
    (answer,) = BENCHES.ask("benches, not the left one")
    assert covers(answer.candidates[0], MIDDLE, RIGHT)
    (answer,) = Scene(("red bench", LEFT)).ask("bench, not the red one")
    assert not answer.found
    assert answer.message == "All that was found is what “bench, not the red one” leaves out."


def test_a_bare_noun_means_all_and_says_so() -> None:
    (answer,) = BENCHES.ask("bench")
    assert answer.found and covers(answer.candidates[0], LEFT, MIDDLE, RIGHT)
    assert answer.message == "“bench” fits three things: the first mask holds them all."
    (answer,) = Scene(("bench", LEFT)).ask("bench")
    assert answer.message == "" and len(answer.candidates) == 1


def test_an_ambiguous_phrase_offers_a_choice() -> None:
    scene = Scene(("thing table", LEFT), ("thing table", MIDDLE), ("thing table", RIGHT))
    (answer,) = scene.ask("thing on table")
    assert answer.message == "Three things fit about as well: choose one."
    offered = answer.candidates[:3]
    assert sorted(x for x, rect in enumerate((LEFT, MIDDLE, RIGHT)) for one in offered
                  if covers(one, rect)) == [0, 1, 2]  # fmt: skip
    assert offered[0].score == pytest.approx(offered[2].score, rel=0.4)
    assert answer.candidates[3].label == "thing on table (all)"
    (answer,) = scene.ask("thing on table", top_k=2)
    assert answer.message == "Three things fit about as well: the best two are offered."


def test_a_description_ranks_the_things_of_its_kind() -> None:
    cars = Scene(("blue car", LEFT), ("red car", MIDDLE), ("green car", RIGHT))
    (answer,) = cars.ask("red car")
    first, second, *_ = answer.candidates
    assert covers(first, MIDDLE) and first.score > second.score
    assert second.label == "car 2" and not covers(second, MIDDLE)
    touching = Scene(("blue car", at(2)), ("red car", at(5)), drawn=(at(2), at(5)))
    assert covers(touching.ask("red car", strategy="proposals")[0].candidates[0], at(5))
    (answer,) = Scene(("red car", LEFT), ("red car", RIGHT), ("blue car", MIDDLE)).ask("red car")
    assert answer.message == "Two things fit about as well: choose one."


def test_phrases_of_one_kind_each_get_their_own() -> None:
    cars = Scene(("blue car", LEFT), ("red car", RIGHT))
    red, blue = cars.ask("red car", "blue car")
    assert covers(red.candidates[0], RIGHT) and covers(blue.candidates[0], LEFT)


def test_phrases_compete_or_overlap_as_the_mode_says() -> None:
    cars = Scene(("blue car", LEFT), ("red car", RIGHT))
    every, _ = cars.ask("car", "red car", mode="independent")
    assert covers(every.candidates[0], LEFT, RIGHT)
    assert [one.score for one in every.candidates[1:3]] == pytest.approx([1, 1], abs=0.01)
    rest, red = cars.ask("car", "red car", mode="semantic")
    assert covers(rest.candidates[0], LEFT) and covers(red.candidates[0], RIGHT)


FIELD = at(0, 4, WIDTH, 4)


def test_stuff_is_cut_by_place_and_by_what_it_excludes() -> None:
    meadow = Scene(("grass", FIELD), ("dog", at(8, 5, 4, 3)))
    (answer,) = meadow.ask("grass")
    assert covers(answer.candidates[0], FIELD), answer.message
    (answer,) = meadow.ask("grass on the left")
    mask = answer.candidates[0].scores.values >= answer.candidates[0].threshold
    columns = np.flatnonzero(mask.any(axis=0))
    assert answer.found and columns.max() < 0.75 * WIDTH * CELL and columns.min() == 0
    (answer,) = Scene(("dry grass", FIELD), ("grass", at(0, 4, 10, 4))).ask(
        "grass, not the dry grass"
    )
    assert covers(answer.candidates[0], at(0, 4, 10, 4))


def test_everything_except_something_is_the_rest() -> None:
    (answer,) = Scene(("car", at(5, 2, 6, 5))).ask("everything except the car")
    assert answer.found
    mask = answer.candidates[0].scores.values >= answer.candidates[0].threshold
    assert not mask[4 * CELL, 8 * CELL] and mask[CELL // 2].all() and mask[:, CELL].all()


def test_a_phrase_that_says_only_where_is_a_guess() -> None:
    (answer,) = Scene(("thing", LEFT), ("thing", RIGHT)).ask("left")
    assert not answer.found and answer.message == "The phrase does not say what to look for."
    assert covers(answer.candidates[0], LEFT)


def test_words_that_were_not_used_are_told() -> None:
    (answer,) = BENCHES.ask("bench to the left of the tree")
    assert answer.used_words == ("bench", "left")
    assert answer.unused_words == ("tree",)
    assert covers(answer.candidates[0], LEFT)


@pytest.mark.parametrize("strategy", ["proposals", "both", "auto"])
def test_proposals_are_not_cut_short_where_one_is_counted(strategy: str) -> None:
    scene = Scene(
        *(("bench", rect) for rect in (LEFT, MIDDLE, RIGHT)), drawn=(LEFT, MIDDLE, RIGHT, at(4, 0))
    )
    (answer,) = scene.ask("third bench from the left", strategy=strategy)
    assert answer.found and covers(answer.candidates[0], RIGHT)
    assert "named by CLIP" in answer.candidates[0].reason


def test_proposals_as_good_as_the_best_are_all_taken() -> None:
    rects = (LEFT, MIDDLE, RIGHT)
    scene = Scene(*(("bench", rect) for rect in rects), drawn=(*rects, at(4, 0)))
    (answer,) = scene.ask("bench", strategy="proposals")
    assert covers(answer.candidates[0], *rects)


@pytest.mark.parametrize(
    ("strategy", "phrase", "asked"),
    [
        ("auto", "bench", True),
        ("auto", "grass", False),
        ("both", "grass", True),
        ("proposals", "grass", True),
        ("dense", "bench", False),
        ("both", "everything except the car", False),
    ],
)
def test_proposals_are_asked_for_where_the_strategy_wants_them(
    monkeypatch: pytest.MonkeyPatch, strategy: str, phrase: str, asked: bool
) -> None:
    scene = Scene(("bench", LEFT), ("grass", RIGHT), drawn=(LEFT, RIGHT))
    real, times = scene.proposals, []
    monkeypatch.setattr(scene, "proposals", lambda *a: times.append(phrase) or real(*a))
    scene.ask(phrase, strategy=strategy)
    assert bool(times) is asked


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_proposals_that_fit_raise_the_map(share: float) -> None:
    wider = at(1, 3, 4, 3)
    scene = Scene(("bench", LEFT), drawn=(wider, RIGHT))
    (answer,) = scene.ask("bench", strategy="both", ensemble=str(share))
    bare = answer.candidates[-1]
    assert bare.reason.startswith("Where CLIP")

    def level(x: int) -> float:
        return float(bare.scores.values[4 * CELL + CELL // 2, x * CELL + CELL // 2])

    assert level(2) == pytest.approx(1, abs=0.01), "both see it"
    assert level(4) == pytest.approx(share, abs=0.1), "only the proposal holds it"
    assert level(16) == pytest.approx(0, abs=0.01), "that one does not fit"


def test_two_roads_that_agree_are_one_answer_and_else_both_are_offered() -> None:
    scene = Scene(("bench", LEFT), drawn=(LEFT,))
    (answer,) = scene.ask("bench", strategy="both")
    assert answer.message == "" and "agrees" in answer.candidates[0].reason
    assert covers(answer.candidates[0], LEFT)
    scene = Scene(("bench", at(1, 2, 12, 5)), drawn=(at(1, 2, 3, 3),))
    (answer,) = scene.ask("bench", strategy="both")
    first, second, *_ = answer.candidates
    assert first.score >= second.score
    assert answer.message.startswith("The dense map and the proposals disagree")


def test_every_reason_is_one_sentence_with_the_stage_and_the_rivals() -> None:
    phrases = ("bench", "red bench", "all benches", "second bench", "bench on the left", "grass")
    for answer in BENCHES.ask(*phrases, mode="independent"):
        for candidate in answer.candidates:
            assert candidate.reason.endswith(".") and candidate.reason.count(".") == 1
            assert "CLIP" in candidate.reason and "nearest to it: " in candidate.reason


def test_pamr_draws_the_maps_edges_to_those_of_the_picture() -> None:
    image = np.full((HEIGHT * CELL, WIDTH * CELL, 4), 255, np.uint8)
    image[3 * CELL : 6 * CELL, CELL : 4 * CELL, :3] = 20

    def step(steps: str) -> float:
        (told,) = Scene(("bench", LEFT)).ask(
            "bench", image=image, pamr_steps=steps, pamr_dilations="2, 4"
        )
        row = told.candidates[-1].scores.values[36]
        return float(row[31] - row[32])

    assert step("0") < 0.2 and step("5") > 0.7


@pytest.mark.parametrize("first", ["bench", "everything except the car"])
def test_cancelling_takes_effect_before_the_next_phrase_is_outlined(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    cancel, outlined = CancelToken(), []

    def outline(_sam: Any, image: Any, values: Any, **more: Any) -> RefinedMask:
        outlined.append(first)
        cancel.cancel()
        return refine(None, image, values, **{**more, "strategy": "none", "cancel": None})

    monkeypatch.setattr(look, "refine", outline)
    monkeypatch.setattr(Scene, "sam", lambda *_: None)
    scene = Scene(("bench", LEFT), ("lamp", RIGHT))
    with pytest.raises(Cancelled):
        scene.ask(first, "lamp", cancel=cancel, refine="sam2-trident")
    assert len(outlined) == 1


def test_cancelling_takes_effect_before_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, made, real = CancelToken(), [], look.answer

    def last(*arguments: Any) -> PhraseAnswer:
        made.append(1)
        cancel.cancel()
        return real(*arguments)

    monkeypatch.setattr(look, "answer", last)
    with pytest.raises(Cancelled):
        BENCHES.ask("bench", "red bench", cancel=cancel)
    assert len(made) == 1


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4, unique=True), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_counting_from_the_left_mirrors_counting_from_the_right(
    slots: list[int], rank: int
) -> None:
    ordinal = ("first", "second", "third", "fourth", "fifth")[rank - 1]
    rects = [at(4 * slot, 3, 2) for slot in slots]
    turned = [at(WIDTH - rect.right, 3, 2) for rect in rects]
    (left,) = Scene(*(("bench", rect) for rect in rects)).ask(f"{ordinal} bench from the left")
    (right,) = Scene(*(("bench", rect) for rect in turned)).ask(f"{ordinal} bench from the right")
    assert left.found is right.found is (rank <= len(rects))
    if left.found:
        mask, other = (a.candidates[0].scores.values >= 0.5 for a in (left, right))
        np.testing.assert_array_equal(mask, other[:, ::-1])
        assert covers(left.candidates[0], sorted(rects, key=lambda rect: rect.x)[rank - 1])
