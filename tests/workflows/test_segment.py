from __future__ import annotations

import numpy as np
import pytest

from ovedit.document import Document, masks
from ovedit.errors import DocumentError, UsageError
from ovedit.workflows import segment
from ovedit.workflows.ask import ask
from tests.fakes import nothing_found


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("wooden bench", ("wooden bench",)),
        (" wooden   bench ,tree,, ", ("wooden bench", "tree")),
        ("tree, Tree, TREE", ("tree",)),
        ('bench, "red, white and blue flag"', ("bench", "red, white and blue flag")),
        ("“sky”", ("sky",)),
        ("bench\ntree", ("bench", "tree")),
    ],
)
def test_phrases_are_separated_by_commas(text: str, phrases: tuple[str, ...]) -> None:
    assert segment.parse_phrases(text) == phrases


@pytest.mark.parametrize("text", ["", "  ", ",", '""'])
def test_no_phrase_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no phrase"):
        segment.parse_phrases(text)


def test_the_request_holds_the_flattened_picture(document: Document, photo) -> None:
    request = segment.segment_request(
        document.state, "bench, tree", top_k=5, threshold=0.4, preset="fast", options={"a": "1"}
    )
    assert np.array_equal(request.image, photo)
    assert request.phrases == ("bench", "tree")
    assert (request.top_k, request.threshold, request.preset) == (5, 0.4, "fast")
    assert request.options == {"a": "1"}


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"threshold": 1.5}, {"threshold": -0.1}])
def test_values_out_of_range_are_refused(document: Document, wrong) -> None:
    with pytest.raises(UsageError):
        segment.segment_request(document.state, "bench", **wrong)


def test_each_phrase_that_was_found_gives_one_mask(document: Document, engine, make, undoes):
    answers = {
        "wooden bench": make.answer("wooden bench", make.candidate("wooden bench")),
        "tree": make.answer("tree", make.candidate("tree", 100, 100, 40)),
    }
    engine.find = lambda phrase, request: answers.get(phrase) or nothing_found(phrase, request)
    request = segment.segment_request(document.state, "wooden bench, tree, zebra")
    result = ask(engine, "fake", request)
    undoes(lambda: segment.apply_segmentation(document, result))
    assert document.history.steps[-1].name == "Select “wooden bench, tree”"
    bench, tree = document.masks
    assert (bench.label, tree.label) == ("wooden bench", "tree")
    assert bench.colour != tree.colour
    assert bench.score == 0.9 and not bench.accepted
    coverage = document.state.coverage(bench.id)
    assert coverage[200, 300] == 255 and coverage[0, 0] == 0
    expected = masks.from_scores(bench.candidates[0].scores, 0.5, document.size)
    assert np.array_equal(coverage, expected)


def test_the_outcome_tells_of_every_phrase(document: Document, make) -> None:
    outcome = segment.apply_segmentation(
        document,
        make.segmented(
            make.answer("bench", make.candidate("bench")),
            make.answer("zebra", make.candidate("region"), found=False),
        ),
    )
    bench, zebra = outcome.phrases
    assert bench.found and bench.mask_ids == outcome.mask_ids == document.current_mask_ids
    assert not zebra.found and not zebra.mask_ids
    assert [guess.label for guess in zebra.guesses] == ["region"]
    assert outcome.messages == (zebra.message,) and "zebra" in zebra.message


def test_nothing_found_is_no_undo_step(document: Document, make) -> None:
    segment.apply_segmentation(document, make.segmented(make.answer("zebra", found=False)))
    assert not document.masks and not document.can_undo


def test_a_guess_becomes_a_mask(document: Document, make, undoes) -> None:
    guesses = (make.candidate("region 1"), make.candidate("region 2", 100, 100, 30))
    outcome = segment.apply_segmentation(
        document, make.segmented(make.answer("zebra", *guesses, found=False))
    ).phrases[0]
    undoes(lambda: segment.apply_guess(document, outcome, 1))
    (mask,) = document.masks
    assert (mask.label, mask.chosen, len(mask.candidates)) == ("zebra", 1, 2)
    coverage = document.state.coverage(mask.id)
    assert coverage[100, 100] == 255 and coverage[200, 300] == 0
    with pytest.raises(UsageError, match="no guess 3"):
        segment.apply_guess(document, outcome, 2)


def test_instances_are_masks_of_one_group(document: Document, make) -> None:
    candidates = [make.candidate(f"tree {n}", 100 * n, 100, 30) for n in (1, 2, 3)]
    segment.apply_segmentation(document, make.segmented(make.answer("trees", *candidates)))
    assert [mask.label for mask in document.masks] == ["tree 1", "tree 2", "tree 3"]
    assert len({mask.group for mask in document.masks} - {""}) == 1
    assert {mask.phrase for mask in document.masks} == {"trees"}


def test_a_phrase_that_ends_in_a_number_is_no_instance(document: Document, make) -> None:
    candidates = [make.candidate("number 5"), make.candidate("number 5", 100, 100)]
    segment.apply_segmentation(document, make.segmented(make.answer("number 5", *candidates)))
    (mask,) = document.masks
    assert len(mask.candidates) == 2 and mask.group == ""


def test_candidates_are_walked_in_a_circle(document: Document, make, undoes) -> None:
    offered = (make.candidate("bench"), make.candidate("bench", 100, 100, 30, score=0.4))
    segment.apply_segmentation(document, make.segmented(make.answer("bench", *offered)))
    (mask,) = document.masks
    undoes(lambda: segment.choose_candidate(document, mask.id, 1))
    assert document.masks[0].score == 0.4
    assert document.state.coverage(mask.id)[100, 100] == 255
    segment.choose_candidate(document, mask.id, 2)
    assert document.masks[0].chosen == 0
    assert document.state.coverage(mask.id)[100, 100] == 0


def test_accept_and_reject(document: Document, make, undoes) -> None:
    for name in ("a", "b", "c"):
        segment.apply_segmentation(
            document, make.segmented(make.answer(name, make.candidate(name)))
        )
    first, second, third = (mask.id for mask in document.masks)
    undoes(lambda: segment.accept(document, [first]))
    assert [mask.accepted for mask in document.masks] == [True, False, False]
    undoes(lambda: segment.reject(document, [second]))
    assert [mask.id for mask in document.masks] == [first, third]
    undoes(lambda: segment.accept_all(document))
    assert all(mask.accepted for mask in document.masks)


def test_a_colour_is_used_again_once_its_mask_is_gone(document: Document, make) -> None:
    for name in ("a", "b", "c"):
        segment.apply_segmentation(
            document, make.segmented(make.answer(name, make.candidate(name)))
        )
    rejected = document.masks[1]
    segment.reject(document, [rejected.id])
    segment.apply_segmentation(document, make.segmented(make.answer("b", make.candidate("b"))))
    assert document.masks[-1].colour == rejected.colour


def test_a_mask_made_by_hand_has_no_candidates(document: Document) -> None:
    from ovedit.workflows import mask_ops

    mask_id = mask_ops.add_mask(document, np.full((400, 600), 255, np.uint8))
    with pytest.raises(DocumentError, match="made by hand"):
        segment.choose_candidate(document, mask_id, 1)
