"""Phrases to masks: the right places, honest answers, and defined results for odd pictures."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from ovedit.engine.basic.kept import KeptByPicture
from ovedit.engine.basic.select import segment
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import MaskCandidate, PhraseAnswer, SegmentRequest
from ovedit.errors import Cancelled
from ovedit.geometry import Rect

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
SAMPLES = Path(__file__).parents[3] / "resources" / "samples"
GREEN, RED, BLUE = (70, 130, 60), (200, 30, 35), (30, 60, 190)


def rgba(rgb: NDArray[np.uint8]) -> Pixels:
    return np.ascontiguousarray(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))


def ask(image: Pixels, *phrases: str, top_k: int = 3) -> tuple[PhraseAnswer, ...]:
    request = SegmentRequest(image, phrases, top_k=top_k)
    return segment(request, silent, CancelToken()).answers


def mask_of(candidate: MaskCandidate, image: Pixels, threshold: float | None = None) -> Mask:
    values = candidate.scores.values.astype(np.float32)
    height, width = image.shape[:2]
    assert candidate.scores.rect == Rect(0, 0, width, height)
    cut = candidate.threshold if threshold is None else threshold
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR) >= cut


def iou(mask: Mask, truth: Mask) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def discs(*places: tuple[int, int, int, tuple[int, int, int]]) -> tuple[Pixels, list[Mask]]:
    """A lawn with discs (x, y, radius, colour) on it, and the mask of each disc."""
    noise = np.random.default_rng(3).normal(0, 4, (300, 480, 1))
    image = np.clip(np.array(GREEN) + noise, 0, 255).astype(np.uint8)
    masks = []
    for x, y, radius, colour in places:
        cv2.circle(image, (x, y), radius, colour, -1, cv2.LINE_AA)
        drawn = np.zeros(image.shape[:2], np.uint8)
        cv2.circle(drawn, (x, y), radius, 1, -1)
        masks.append(drawn > 0)
    return rgba(image), masks


@pytest.fixture(scope="module")
def park() -> tuple[Pixels, dict[str, PhraseAnswer]]:
    bgr = cv2.imread(str(SAMPLES / "park-bench.jpg"))
    assert bgr is not None
    image = rgba(bgr[..., ::-1].astype(np.uint8))
    phrases = ("wooden bench", "sky", "grass", "trees", "left tree", "bench")
    return image, dict(zip(phrases, ask(image, *phrases), strict=True))


@pytest.mark.parametrize(
    ("phrase", "truth", "least"),
    [
        ("wooden bench", "wooden-bench", 0.9),
        ("sky", "sky", 0.9),
        ("grass", "grass", 0.9),
        ("trees", "trees", 0.9),
    ],
)
def test_sample_scene_against_its_true_masks(
    park: tuple[Pixels, dict[str, PhraseAnswer]], phrase: str, truth: str, least: float
) -> None:
    image, answers = park
    true = cv2.imread(str(SAMPLES / "park-bench.masks" / f"{truth}.png"), cv2.IMREAD_GRAYSCALE)
    assert true is not None
    answer = answers[phrase]
    assert answer.found
    assert iou(mask_of(answer.candidates[0], image), true > 127) >= least


def test_threshold_grows_and_shrinks_the_bench_over_the_whole_range(
    park: tuple[Pixels, dict[str, PhraseAnswer]],
) -> None:
    image, answers = park
    bench = answers["wooden bench"].candidates[0]
    cuts = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    areas = [int(mask_of(bench, image, cut).sum()) for cut in cuts]
    assert all(larger > smaller for larger, smaller in pairwise(areas))
    assert areas[-1] > 0
    assert areas[0] < 0.5 * image.shape[0] * image.shape[1]


def test_instances_of_a_plural_and_the_one_on_the_left(
    park: tuple[Pixels, dict[str, PhraseAnswer]],
) -> None:
    image, answers = park
    labels = [candidate.label for candidate in answers["trees"].candidates]
    assert labels == ["trees", "tree 1", "tree 2"]
    columns = np.nonzero(mask_of(answers["left tree"].candidates[0], image))[1]
    assert np.median(columns) < image.shape[1] / 2


def test_answer_says_which_words_it_used(
    park: tuple[Pixels, dict[str, PhraseAnswer]],
) -> None:
    answer = park[1]["wooden bench"]
    assert answer.used_words == ("wooden",)
    assert answer.unused_words == ("bench",)
    assert "“wooden”" in answer.message
    assert "“bench” was not understood" in answer.message


def test_unknown_noun_alone_gives_salient_guesses(
    park: tuple[Pixels, dict[str, PhraseAnswer]],
) -> None:
    answer = park[1]["bench"]
    assert not answer.found
    assert answer.message == "“bench” was not understood by the basic engine."
    labels = [candidate.label for candidate in answer.candidates]
    assert labels == ["guess 1", "guess 2", "guess 3"]
    assert all("guess" in candidate.reason for candidate in answer.candidates)


def test_best_guess_for_the_sample_scene_is_the_bench(
    park: tuple[Pixels, dict[str, PhraseAnswer]],
) -> None:
    image, answers = park
    true = cv2.imread(str(SAMPLES / "park-bench.masks/wooden-bench.png"), cv2.IMREAD_GRAYSCALE)
    assert true is not None
    assert iou(mask_of(answers["bench"].candidates[0], image), true > 127) > 0.75


def test_guesses_are_distinct_regions_as_many_as_asked_for() -> None:
    image, masks = discs((90, 90, 40, RED), (300, 180, 30, BLUE), (400, 60, 24, (240, 240, 240)))
    guesses = ask(image, "thingamajig")[0].candidates
    found = [mask_of(guess, image) for guess in guesses]
    assert len(found) == 3
    for mask in masks:
        assert max(iou(mask, other) for other in found) > 0.7
    assert len(ask(image, "thingamajig", top_k=1)[0].candidates) == 1


def test_red_cup_is_on_the_cup_and_not_on_the_table() -> None:
    image = rgba(data.coffee())
    red = mask_of(ask(image, "red cup")[0].candidates[0], image)
    assert red[230:250, 90:150].mean() > 0.9, "the saucer's left side"
    assert red[60:140, 220:320].mean() < 0.1, "the white inside of the cup"
    assert red[:, 540:].mean() < 0.02, "the table on the right"


def test_thing_known_only_as_a_colour_does_not_score_high() -> None:
    image = rgba(data.coffee())
    thing, colour = ask(image, "coffee", "coffee coloured")
    assert "only for the colour of “coffee”" in thing.message
    assert colour.message == ""
    assert thing.candidates[0].score < 0.4 < colour.candidates[0].score


def test_orange_suit_of_the_astronaut() -> None:
    image = rgba(data.astronaut())
    suit = mask_of(ask(image, "orange suit")[0].candidates[0], image)
    assert suit[300:340, 80:130].mean() > 0.9
    assert suit[:170].mean() < 0.02
    assert suit[:, 380:].mean() < 0.05


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("left red ball", 0),
        ("second red ball from the left", 1),
        ("red ball on the right", 2),
        ("rightmost red ball", 2),
        ("third red ball from the right", 0),
        ("smallest red ball", 0),
        ("largest red ball", 2),
        ("blue ball", 3),
        ("ball that is not red, blue", 3),
    ],
)
def test_places_and_sizes_choose_among_things(phrase: str, expected: int) -> None:
    image, masks = discs(
        (70, 150, 24, RED), (200, 140, 32, RED), (400, 160, 44, RED), (300, 60, 30, BLUE)
    )
    answer = ask(image, phrase)[0]
    assert answer.found
    assert iou(mask_of(answer.candidates[0], image), masks[expected]) > 0.85


def test_plural_takes_all_and_offers_each() -> None:
    image, masks = discs((90, 150, 36, RED), (240, 150, 36, RED), (380, 150, 36, BLUE))
    answer = ask(image, "red balls")[0]
    everything, first, second = answer.candidates
    assert iou(mask_of(everything, image), masks[0] | masks[1]) > 0.85
    assert (first.label, second.label) == ("ball 1", "ball 2")
    assert iou(mask_of(first, image), masks[0]) > 0.85
    assert iou(mask_of(second, image), masks[1]) > 0.85


def test_more_instances_asked_for_than_there_are() -> None:
    image, _ = discs((90, 150, 36, RED), (240, 150, 36, RED))
    answer = ask(image, "fifth red ball from the left")[0]
    assert not answer.found
    assert "only 2" in answer.message


def test_exclusion() -> None:
    image, masks = discs((90, 150, 40, RED), (300, 150, 40, BLUE))
    everything = mask_of(ask(image, "everything except the red ball")[0].candidates[0], image)
    assert everything[masks[0]].mean() < 0.1
    assert everything[~masks[0]].mean() > 0.9
    other = mask_of(ask(image, "red and blue balls, not the left one")[0].candidates[0], image)
    assert other[masks[1]].mean() > 0.9
    assert other[masks[0]].mean() < 0.1


def test_nothing_of_that_colour_is_said_in_one_sentence_with_guesses() -> None:
    image, masks = discs((90, 150, 40, RED))
    answer = ask(image, "purple ball")[0]
    assert not answer.found
    assert answer.message == "Nothing in the picture looks like “purple ball”."
    assert iou(mask_of(answer.candidates[0], image), masks[0]) > 0.7


@pytest.mark.parametrize("phrase", ["", "   ", "\N{CHERRIES}", "qwertz"])
def test_phrase_that_says_nothing(phrase: str) -> None:
    image, _ = discs((90, 150, 40, RED))
    answer = ask(image, phrase)[0]
    assert not answer.found
    assert answer.phrase == phrase
    assert answer.message


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 5), (17, 16)])
def test_tiny_and_narrow_pictures(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 4), 255, np.uint8)
    image[..., :3] = RED
    answer = ask(image, "red")[0]
    assert answer.found
    assert mask_of(answer.candidates[0], image).mean() > 0.95
    assert not ask(image, "blue")[0].found


def test_one_colour_has_nothing_that_stands_out() -> None:
    image = np.full((120, 160, 4), 255, np.uint8)
    image[..., :3] = GREEN
    answer = ask(image, "thingamajig")[0]
    assert not answer.found
    assert answer.candidates == ()
    assert "Nothing stands out" in answer.message


def test_transparent_picture() -> None:
    answer = ask(np.zeros((64, 80, 4), np.uint8), "black")[0]
    assert not answer.found
    assert answer.candidates == ()
    assert "transparent" in answer.message


def test_transparent_pixels_are_never_selected() -> None:
    image, _ = discs((90, 150, 40, RED))
    image[:, :90, 3] = 0
    mask = mask_of(ask(image, "red ball")[0].candidates[0], image)
    assert not mask[:, :86].any()
    assert mask[140:160, 95:120].all()


def test_top_k_and_threshold_of_the_request_are_kept() -> None:
    image, _ = discs((90, 150, 36, RED), (240, 150, 36, RED), (380, 150, 36, RED))
    request = SegmentRequest(image, ("red balls",), top_k=2, threshold=0.7)
    answer = segment(request, silent, CancelToken()).answers[0]
    assert len(answer.candidates) == 2
    assert {candidate.threshold for candidate in answer.candidates} == {0.7}


def test_result_is_picklable_and_input_is_not_written() -> None:
    image, _ = discs((90, 150, 40, RED))
    before = image.copy()
    image.flags.writeable = False
    result = segment(SegmentRequest(image, ("red ball", "sky")), silent, CancelToken())
    again = pickle.loads(pickle.dumps(result))
    assert [answer.phrase for answer in again.answers] == ["red ball", "sky"]
    assert np.array_equal(image, before)
    for answer in result.answers:
        for candidate in answer.candidates:
            values = candidate.scores.values
            assert values.dtype == np.float16
            assert values.min() >= 0
            assert values.max() <= 1
            assert 0 <= candidate.score <= 1


def test_progress_rises_to_one_and_names_the_steps() -> None:
    seen: list[tuple[float, str]] = []

    def listen(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        seen.append((fraction, step))

    image, _ = discs((120, 100, 30, BLUE))
    segment(SegmentRequest(image, ("blue", "red")), listen, CancelToken())
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any("“blue”" in step for _, step in seen)


def test_cancel_stops_before_and_between_phrases() -> None:
    image, _ = discs((90, 150, 40, RED))
    cancelled = CancelToken()
    cancelled.cancel()
    with pytest.raises(Cancelled):
        segment(SegmentRequest(image, ("red",)), silent, cancelled)

    token = CancelToken()
    steps: list[str] = []

    def stop_at_second(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        steps.append(step)
        if "“blue”" in step:
            token.cancel()

    with pytest.raises(Cancelled):
        segment(SegmentRequest(image, ("red", "blue", "green")), stop_at_second, token)
    assert not any("“green”" in step for step in steps)


def test_scene_is_measured_once_for_the_same_picture() -> None:
    kept: KeptByPicture[object] = KeptByPicture(capacity=1)
    image, _ = discs((90, 150, 40, RED))
    other, _ = discs((90, 150, 40, BLUE))

    def scene(pixels: Pixels) -> object:
        return kept.value(pixels, 100, lambda small: object())

    first = scene(image)
    assert scene(image.copy()) is first
    assert scene(other) is not first
    assert scene(image) is not first, "only one scene is kept"
