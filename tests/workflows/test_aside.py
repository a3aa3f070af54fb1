"""Changes worked out on a copy of the document."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ovedit.document import Document, DocumentState
from ovedit.errors import DocumentError, UsageError
from ovedit.workflows import aside, layers, mask_ops

SIZE = (300, 400)


@pytest.fixture
def document() -> Document:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (*SIZE, 4), np.uint8)
    made = Document.from_pixels(pixels, "noise")
    for left in (40, 220):
        coverage = np.zeros(SIZE, np.uint8)
        coverage[60:160, left : left + 120] = 255
        mask_ops.add_mask(made, coverage)
    return made


def content(state: DocumentState) -> tuple[object, ...]:
    surfaces = {ref: surface.array().tobytes() for ref, surface in state.surfaces.items()}
    return state.structure, surfaces


WORKS = {
    "grow": lambda d: mask_ops.grow(d, [d.masks[0].id], pixels=9),
    "union": lambda d: mask_ops.union(d, [mask.id for mask in d.masks]),
    "duplicate": lambda d: mask_ops.duplicate(d, [d.masks[0].id]),
    "flatten": layers.flatten,
    "two steps": lambda d: (layers.new_layer(d), layers.flatten(d)),
    "nothing": lambda d: None,
}


@pytest.mark.parametrize("name", WORKS)
def test_it_comes_to_what_the_work_does_to_the_document_itself(
    document: Document, name: str
) -> None:
    at_first, steps = content(document.snapshot()), len(document.history.steps)
    outcome = aside.work_out(document.snapshot(), WORKS[name])
    assert content(document.state) == at_first, "only the copy is changed"

    aside.bring_in(document, outcome)
    made = content(document.state)
    names = [step.name for step in document.history.steps[steps:]]
    while document.history.position > steps:
        document.undo()
    assert content(document.state) == at_first
    WORKS[name](document)
    assert [step.name for step in document.history.steps[steps:]] == names
    if name != "duplicate":  # Two copies have two names.
        assert len(content(document.state)[1]) == len(made[1])
        assert document.state.masks == made[0].masks
    for mask in document.masks:
        if any(mask.id == other.id for other in made[0].masks):
            ref = next(ref for ref in made[1] if ref.id == mask.id)
            assert document.state.coverage(mask.id).tobytes() == made[1][ref]


def test_what_is_worked_on_then_is_kept_unless_the_work_chose(document: Document) -> None:
    first, second = (mask.id for mask in document.masks)
    document.set_current(masks=(second,))
    aside.bring_in(document, aside.work_out(document.snapshot(), WORKS["grow"]))
    assert document.current_mask_ids == (second,)

    aside.bring_in(document, aside.work_out(document.snapshot(), WORKS["duplicate"]))
    assert document.current_mask_ids not in ((first,), (second,))


def test_it_may_be_worked_out_on_any_thread(document: Document) -> None:
    state, outcomes = document.snapshot(), []
    thread = threading.Thread(target=lambda: outcomes.append(aside.work_out(state, WORKS["grow"])))
    thread.start()
    thread.join()
    aside.bring_in(document, outcomes[0])
    assert document.state.coverage(document.masks[0].id)[55, 100] == 255


def test_errors_of_the_work_are_passed_on_and_a_gesture_is_not_disturbed(
    document: Document,
) -> None:
    with pytest.raises(UsageError):
        aside.work_out(document.snapshot(), lambda d: mask_ops.grow(d, ["?"], pixels=0))
    outcome = aside.work_out(document.snapshot(), WORKS["grow"])
    before = content(document.snapshot())
    transaction = document.begin("Stroke")
    with pytest.raises(DocumentError):
        aside.bring_in(document, outcome)
    transaction.rollback()
    assert content(document.state) == before
