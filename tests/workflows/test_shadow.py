"""The shadow of a thing becomes a mask beside it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ovedit.document import Document
from ovedit.document.shadows import Attached
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind
from ovedit.errors import DocumentError
from ovedit.workflows import edit, mask_ops, shadow
from tests.document.scenes import Scene, shadowed, unshadowed


@pytest.fixture(scope="module")
def scene() -> Scene:
    return shadowed("plain", "box")


def opened(scene: Scene, label: str = "wooden bench") -> tuple[Document, str]:
    document = Document.from_pixels(scene.image, "photo")
    return document, mask_ops.add_mask(document, scene.mask, label=label)


def test_a_shadow_becomes_a_mask_beside_the_thing(scene: Scene) -> None:
    document, bench = opened(scene)
    other = mask_ops.add_mask(document, np.zeros_like(scene.mask), label="other")
    found = shadow.find(document.state, bench)
    assert found is not None
    steps = len(document.history.steps)
    new = shadow.add(document, bench, found)
    assert [mask.id for mask in document.masks] == [bench, new, other]
    mask = document.state.mask(new)
    assert (mask.label, mask.accepted, mask.score) == (
        "shadow of wooden bench",
        False,
        found.score,
    )
    assert np.array_equal(document.state.coverage(new), found.coverage)
    assert len(document.history.steps) == steps + 1
    document.undo()
    assert [mask.id for mask in document.masks] == [bench, other]


def test_what_is_found_lies_where_the_shadow_is(scene: Scene) -> None:
    """Also where the thing is far from the picture's corner."""
    image = np.pad(scene.image, ((250, 0), (400, 300), (0, 0)), mode="edge")
    mask = np.pad(scene.mask, ((250, 0), (400, 300)))
    truth = np.pad(scene.truth, ((250, 0), (400, 300)))
    document, bench = opened(Scene(image, mask, truth))
    found = shadow.find(document.state, bench)
    assert found is not None
    there = found.coverage > 76
    assert (there & (truth > 0.05)).sum() > 0.9 * there.sum()
    assert (there & (truth > 0.3)).sum() > 0.9 * (truth > 0.3).sum()


def test_looking_changes_nothing_and_needs_no_thread_of_its_own(scene: Scene) -> None:
    document, bench = opened(scene)
    state, found = document.state, []
    thread = threading.Thread(target=lambda: found.append(shadow.find(state, bench)))
    thread.start()
    thread.join()
    assert found[0] is not None
    assert document.state is state


def test_both_are_edited_as_the_thing(scene: Scene) -> None:
    document, bench = opened(scene)
    together = shadow.with_shadow(document, [bench])
    assert together[0] == bench and len(together) == 2
    info = EngineInfo("fake", "Fake", selects=False, edits=frozenset(EditKind))
    plan = edit.plan_edit(document.state, together, EditKind.REMOVE, info)
    assert plan.request.phrase == "wooden bench"
    assert plan.request.mask[scene.truth > 0.5].min() > 0
    assert plan.request.mask[scene.mask > 0].min() > 0


def test_a_thing_without_a_shadow_stays_alone() -> None:
    document, bench = opened(unshadowed("brick", "box"))
    before = document.state
    assert shadow.with_shadow(document, [bench]) == (bench,)
    assert document.state is before


def test_an_empty_mask_has_no_shadow(scene: Scene) -> None:
    document = Document.from_pixels(scene.image, "photo")
    empty = mask_ops.add_mask(document, np.zeros_like(scene.mask))
    assert shadow.find(document.state, empty) is None


def test_a_mask_that_is_gone(scene: Scene) -> None:
    document, _ = opened(scene)
    with pytest.raises(DocumentError):
        shadow.find(document.state, "gone")
    nothing = Attached("shadow", np.zeros((3, 3), np.uint8), 1.0)
    with pytest.raises(DocumentError):
        shadow.add(document, "gone", nothing)


def test_what_was_found_in_a_picture_of_another_size(scene: Scene) -> None:
    document, bench = opened(scene)
    with pytest.raises(DocumentError, match="another size"):
        shadow.add(document, bench, Attached("shadow", np.zeros((3, 3), np.uint8), 1.0))
