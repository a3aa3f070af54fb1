"""Results held beside the document: looked at, kept, and more asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import Document, EditLayer, coverage_of, pixels_of
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind, EditRequest, EditResult
from ovedit.errors import DocumentError, EngineError
from ovedit.geometry import Rect, Size
from ovedit.workflows import edit, mask_ops, variations
from tests.fakes import painted

FAKE = EngineInfo("fake", "Fake", selects=True, edits=frozenset(EditKind))
RED = (200, 30, 30, 255)
SMALL = Size(60, 40)


@pytest.fixture
def document(photo) -> Document:
    document = Document.from_pixels(photo, "photo")
    coverage = np.zeros(photo.shape[:2], np.uint8)
    coverage[150:250, 200:400] = 255
    mask_ops.add_mask(document, coverage, label="bench")
    return document


def planned(document: Document, seed: int = 7) -> edit.EditPlan:
    ids = [document.masks[0].id]
    return edit.plan_edit(document.state, ids, EditKind.REPLACE, FAKE, prompt="red", seed=seed)


def held(document: Document, seed: int = 7) -> variations.Variation:
    plan = planned(document, seed)
    return variations.variation(plan, painted(plan.request, "fake", RED), SMALL)[0]


def test_holding_one_takes_no_picture_and_changes_nothing(document: Document, photo) -> None:
    steps = len(document.history.steps)
    one = held(document)
    assert one.nbytes == one.result.pixels.nbytes
    assert one.plan.request.image.shape == photo.shape
    assert one.plan.request.image.strides[:2] == (0, 0)
    assert len(document.history.steps) == steps


def test_in_place_is_what_the_layer_will_show(document: Document) -> None:
    one = held(document)
    pixels, rect = variations.in_place(one)
    layer_id = variations.keep(document, one)
    shown = document.state.surface(pixels_of(layer_id)).array()
    seen = pixels[..., 3] > 0
    assert np.array_equal(shown[rect.slices][seen], pixels[seen])
    assert not shown[rect.slices][~seen].any()
    shown[rect.slices] = 0
    assert not shown.any()


def test_keeping_is_one_step_that_leaves_the_rest_alone(document: Document, photo) -> None:
    steps, one = len(document.history.steps), held(document)
    layer_id = variations.keep(document, one)
    assert len(document.history.steps) == steps + 1
    layer = document.state.layer(layer_id)
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert layer.recipe.seed == 7
    differ = (document.state.flattened() != photo).any(axis=-1)
    assert not differ[one.plan.request.alpha == 0].any()


def test_more_like_one_are_other_seeds_on_the_picture_as_it_is_now(document: Document) -> None:
    one = held(document)
    with document.transaction("Dim") as tx:
        tx.update_layer(document.layers[0].id, opacity=0.5)
    known = [7, *edit.variation_seeds(7, 2)]
    more = variations.more_like(document.state, one, 3, known)
    seeds = [plan.request.seed for plan in more]
    assert len({*seeds, *known}) == 6
    now = document.state.flattened()
    assert all(np.array_equal(plan.request.image, now) for plan in more)
    assert all(plan.request.alpha is one.plan.request.alpha for plan in more)


def test_of_a_layer_they_replace_its_content_below_what_is_above(document: Document) -> None:
    layer_id = variations.keep(document, held(document))
    plan = edit.plan_variations(edit.plan_rerun(document.state, layer_id), 1)[0]
    result = painted(plan.request, "fake", (10, 200, 10, 255))
    one, _ = variations.variation(plan, result, SMALL)
    (more,) = variations.more_like(document.state, one, 1, ())
    assert np.array_equal(more.request.image, plan.request.image)
    assert variations.keep(document, one) == layer_id
    assert len(document.layers) == 2
    with document.transaction("Delete") as tx:
        tx.remove_layer(layer_id)
    with pytest.raises(DocumentError):
        variations.keep(document, one)


def test_a_result_that_does_not_cover_the_mask_is_refused(document: Document) -> None:
    plan = planned(document)
    short = dataclasses.replace(painted(plan.request, "fake", RED), rect=Rect(0, 0, 5, 5))
    with pytest.raises(EngineError, match="do not cover"):
        variations.variation(plan, short, SMALL)


def test_marks_stand_for_the_visible_picture(document: Document) -> None:
    before = variations.picture_marks(document.state)
    mask = document.masks[0].id
    with document.transaction("Brush") as tx:
        tx.write(coverage_of(mask), Rect(0, 0, 9, 9), np.full((9, 9), 255, np.uint8))
    assert variations.same_picture(before, variations.picture_marks(document.state))
    variations.keep(document, held(document))
    assert not variations.same_picture(before, variations.picture_marks(document.state))


@settings(deadline=None)
@given(
    st.integers(0, 190),
    st.integers(0, 110),
    st.integers(1, 200),
    st.integers(1, 120),
    st.booleans(),
)
def test_the_small_picture_fills_its_size_and_shows_the_new_pixels(
    x, y, width, height, tall
) -> None:
    image = np.full((120, 200, 4), 255, np.uint8)
    mask = np.zeros((120, 200), np.uint8)
    mask[y : y + height, x : x + width] = 255
    request = EditRequest(EditKind.REMOVE, image, mask, mask)
    area = Rect(x, y, min(width, 200 - x), min(height, 120 - y))
    pixels = np.full((area.height, area.width, 4), RED, np.uint8)
    result = EditResult(pixels, area, "fake", 0, 0.1)
    size = Size(20, 44) if tall else Size(44, 20)
    _, small = variations.variation(edit.EditPlan(request, "fake", 0, 0), result, size)
    assert small.dtype == np.uint8 and small.shape[2] == 4
    assert small.shape[1] <= 200 and small.shape[0] <= 120
    redness = small[..., 0].astype(int) - small[..., 1]
    assert redness.max() > 0
