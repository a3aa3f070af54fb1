from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ovedit.document import (
    BlendMode,
    Document,
    EditLayer,
    RasterLayer,
    Surface,
    masks,
    pixels_of,
)
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind, EditResult
from ovedit.errors import DocumentError, EngineError, UsageError
from ovedit.geometry import Rect, Size
from ovedit.workflows import edit, mask_ops, segment
from ovedit.workflows.ask import ask
from tests.fakes import painted

FAKE = EngineInfo("fake", "Fake", selects=True, edits=frozenset(EditKind))
REMOVE, REPLACE, RESTYLE = EditKind.REMOVE, EditKind.REPLACE, EditKind.RESTYLE


@pytest.fixture
def bench(document: Document, make) -> str:
    answer = make.answer("wooden bench", make.candidate("wooden bench", 300, 200, 70))
    segment.apply_segmentation(document, make.segmented(answer))
    segment.accept_all(document)
    return document.masks[0].id


def same_outside(one: NDArray, other: NDArray, alpha: NDArray[np.uint8]) -> int:
    """How many pixels differ where the alpha is 0."""
    return int(((one != other).any(axis=-1) & (alpha == 0)).sum())


def run(document: Document, engine, plan: edit.EditPlan) -> str:
    return edit.apply_edit(document, plan, ask(engine, "fake", plan.request))


def test_the_request_holds_all_the_engine_needs(document, bench, photo) -> None:
    plan = edit.plan_edit(
        document.state,
        [bench],
        REPLACE,
        FAKE,
        prompt=" metal  bench ",
        negative_prompt="rust",
        seed=7,
        preset="quality",
        grow=4,
        feather=6,
        options={"strength": "0.5"},
    )
    request = plan.request
    assert np.array_equal(request.image, photo)
    assert np.array_equal(request.mask, document.state.coverage(bench))
    assert np.array_equal(request.alpha, masks.feathered(request.mask, 4, 6))
    assert (request.kind, request.phrase, request.prompt) == (
        REPLACE,
        "wooden bench",
        "metal bench",
    )
    assert (request.negative_prompt, request.seed, request.preset) == ("rust", 7, "quality")
    assert (plan.grow, plan.feather, request.options) == (4, 6, {"strength": "0.5"})


def test_several_masks_are_edited_together(document: Document, bench: str) -> None:
    tree = mask_ops.add_mask(document, np.eye(400, 600, dtype=np.uint8) * 255, label="tree")
    plan = edit.plan_edit(document.state, [bench, tree], REMOVE, FAKE)
    together = np.maximum(document.state.coverage(bench), document.state.coverage(tree))
    assert np.array_equal(plan.request.mask, together)
    assert plan.request.phrase == "wooden bench, tree"


def test_a_name_that_nobody_gave_is_no_phrase(document: Document) -> None:
    square = np.zeros((400, 600), np.uint8)
    square[10:50, 10:50] = 255
    mask_id = mask_ops.add_mask(document, square)
    assert document.masks[0].label == "mask 1"
    assert edit.plan_edit(document.state, [mask_id], REMOVE, FAKE).request.phrase == ""
    mask_ops.rename(document, mask_id, label="cup")
    assert edit.plan_edit(document.state, [mask_id], REMOVE, FAKE).request.phrase == "cup"
    plan = edit.plan_edit(document.state, [mask_id], REMOVE, FAKE, phrase="blue cup")
    assert plan.request.phrase == "blue cup"


def test_without_a_mask_the_selection_is_edited(document: Document, engine, bench: str) -> None:
    mask_ops.mask_to_selection(document, [bench])
    plan = edit.plan_edit(document.state, [], REMOVE, FAKE)
    assert np.array_equal(plan.request.mask, document.state.coverage(bench))
    run(document, engine, plan)
    assert document.layers[-1].name == "Remove"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": REPLACE}, "say what you want"),
        ({"kind": RESTYLE, "prompt": "  "}, "say what you want"),
        ({"kind": REMOVE, "seed": -1}, "seed -1"),
        ({"kind": REMOVE, "grow": -1}, "must not be below 0"),
        ({"kind": REMOVE, "mask_ids": []}, "no mask to edit"),
    ],
)
def test_what_makes_no_sense_is_refused(document, bench, wrong, message) -> None:
    arguments = {"mask_ids": [bench], "engine": FAKE, **wrong}
    with pytest.raises(UsageError, match=message):
        edit.plan_edit(document.state, arguments.pop("mask_ids"), **arguments)


def test_an_empty_or_unaccepted_mask_is_refused(document: Document, make) -> None:
    empty = mask_ops.add_mask(document, np.zeros((400, 600), np.uint8), label="nothing")
    with pytest.raises(UsageError, match="mask is empty"):
        edit.plan_edit(document.state, [empty], REMOVE, FAKE)
    segment.apply_segmentation(document, make.segmented(make.answer("b", make.candidate("b"))))
    waiting = document.masks[-1].id
    with pytest.raises(UsageError, match="“b” is not accepted yet"):
        edit.plan_edit(document.state, [waiting], REMOVE, FAKE, accepted_only=True)
    edit.plan_edit(document.state, [waiting], REMOVE, FAKE)


def test_edges_suit_kind_engine_and_size() -> None:
    small, large = Size(1000, 800), Size(6000, 4000)
    keeping = dataclasses.replace(FAKE, keeps_shape=True)
    assert edit.default_edges(REMOVE, keeping, small) == (5, 8)
    assert edit.default_edges(REPLACE, FAKE, small) == (5, 8)
    assert edit.default_edges(REPLACE, keeping, small) == (3, 2)
    assert edit.default_edges(RESTYLE, keeping, small) == (3, 2)
    grow, feather = edit.default_edges(REMOVE, keeping, large)
    assert grow == 11 and feather == 17


def test_an_edit_is_one_layer_and_one_step(document, engine, bench, undoes) -> None:
    plan = edit.plan_edit(document.state, [bench], REPLACE, FAKE, prompt="metal bench", seed=5)
    result = ask(engine, "fake", plan.request)
    undoes(lambda: edit.apply_edit(document, plan, result))
    assert document.history.steps[-1].name == "Replace “wooden bench” with “metal bench”"
    _, layer = document.layers
    assert isinstance(layer, EditLayer) and layer.name == "metal bench"
    assert not document.masks[0].visible
    recipe = layer.recipe
    assert recipe is not None
    assert np.array_equal(recipe.mask.array(), plan.request.mask)
    assert (recipe.kind, recipe.phrase, recipe.prompt) == ("replace", "wooden bench", "metal bench")
    assert (recipe.seed, recipe.engine, recipe.models) == (5, "fake", ("model@1",))
    assert (recipe.grow, recipe.feather, recipe.notes) == (plan.grow, plan.feather, ("Painted.",))


@pytest.mark.parametrize("kind", list(EditKind))
def test_no_pixel_outside_of_the_mask_changes(document, engine, bench, photo, kind) -> None:
    plan = edit.plan_edit(document.state, [bench], kind, FAKE, prompt="metal bench")
    run(document, engine, plan)
    after = document.state.flattened()
    assert same_outside(photo, after, plan.request.alpha) == 0
    inside = plan.request.alpha == 255
    assert inside.any() and (after[inside][:, :3] == engine.colour).all()


def test_the_engines_alpha_and_the_masks_multiply(document, engine, bench, make, photo) -> None:
    plan = edit.plan_edit(document.state, [bench], REMOVE, FAKE, grow=3, feather=9)
    result = painted(plan.request, "fake", (0, 0, 0, 255))
    pixels = result.pixels.copy()
    pixels[..., 3] = 128
    layer_id = edit.apply_edit(document, plan, dataclasses.replace(result, pixels=pixels))
    alpha = document.state.surface(pixels_of(layer_id)).array()[..., 3]
    exact = plan.request.alpha.astype(float) * 128 / 255
    assert np.abs(alpha - exact).max() <= 0.5
    assert not alpha[plan.request.alpha == 0].any()


def test_names_say_what_was_done(document: Document, engine, bench: str) -> None:
    names = []
    for kind, prompt in ((REMOVE, ""), (REPLACE, "metal bench"), (RESTYLE, "golden")):
        plan = edit.plan_edit(document.state, [bench], kind, FAKE, prompt=prompt)
        run(document, engine, plan)
        names.append(document.layers[-1].name)
    assert names == ["Remove wooden bench", "metal bench", "wooden bench as golden"]


@pytest.mark.parametrize("fault", ["too small", "wrong shape"])
def test_a_result_that_does_not_fit_changes_nothing(document, bench, make, fault) -> None:
    plan = edit.plan_edit(document.state, [bench], REMOVE, FAKE)
    good = painted(plan.request, "fake", (0, 0, 0, 255))
    if fault == "too small":
        smaller = good.rect.padded(-20)
        bad = dataclasses.replace(
            good, rect=smaller, pixels=np.zeros((smaller.height, smaller.width, 4), np.uint8)
        )
    else:
        bad = dataclasses.replace(good, pixels=good.pixels[..., :3])
    revision = document.revision
    with pytest.raises(EngineError, match="do not cover"):
        edit.apply_edit(document, plan, bad)
    assert document.revision == revision and len(document.layers) == 1


def test_a_result_for_another_size_is_refused(document, bench, make) -> None:
    plan = edit.plan_edit(document.state, [bench], REMOVE, FAKE)
    other = Document.from_pixels(np.zeros((30, 40, 4), np.uint8), "other")
    with pytest.raises(DocumentError, match="600 × 400"):
        edit.apply_edit(other, plan, painted(plan.request, "fake", (0, 0, 0, 255)))


def test_a_rerun_sees_only_what_is_below(document, engine, bench, photo, undoes) -> None:
    layer_id = run(
        document,
        engine,
        edit.plan_edit(document.state, [bench], REPLACE, FAKE, prompt="metal bench"),
    )
    red = Surface.from_array(np.full((400, 600, 4), (255, 0, 0, 255), np.uint8))
    with document.transaction("Paint over") as tx:
        tx.add_layer(RasterLayer("red"), red)
    plan = edit.plan_rerun(document.state, layer_id, seed=9)
    assert np.array_equal(plan.request.image, photo)
    assert (plan.request.seed, plan.request.prompt) == (9, "metal bench")
    engine.colour = (10, 200, 10)
    result = ask(engine, "fake", plan.request)
    undoes(lambda: edit.replace_edit(document, layer_id, plan, result))
    layer = document.layers[1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None and layer.recipe.seed == 9
    pixels = document.state.surface(pixels_of(layer_id)).array()
    assert (pixels[plan.request.alpha == 255] == (10, 200, 10, 255)).all()


def test_the_same_edit_again_is_the_same_request(document, engine, bench) -> None:
    first = edit.plan_edit(
        document.state, [bench], REPLACE, FAKE, prompt="metal bench", seed=3, grow=2, feather=5
    )
    layer_id = run(document, engine, first)
    again = edit.plan_rerun(document.state, layer_id)
    for name in ("image", "mask", "alpha"):
        assert np.array_equal(getattr(first.request, name), getattr(again.request, name))
    for name in ("kind", "phrase", "prompt", "negative_prompt", "seed", "preset", "options"):
        assert getattr(first.request, name) == getattr(again.request, name)


def test_a_rerun_works_where_its_engine_worked(document, engine, bench) -> None:
    plan = edit.plan_edit(document.state, [bench], REMOVE, FAKE)
    assert plan.request.crop is None
    worked_in = Rect(150, 80, 300, 240)
    result = dataclasses.replace(ask(engine, "fake", plan.request), crop=worked_in)
    layer_id = edit.apply_edit(document, plan, result)
    assert edit.plan_rerun(document.state, layer_id).request.crop == worked_in
    other_mask = plan.request.mask[::-1].copy()
    assert edit.plan_rerun(document.state, layer_id, mask=other_mask).request.crop is None
    assert edit.plan_rerun(document.state, layer_id, engine="other").request.crop is None


@pytest.mark.parametrize("unknown", [{"kind": "relight"}, {"preset": "ultra"}])
def test_a_recipe_with_words_of_another_version_says_so(document, engine, bench, unknown) -> None:
    layer_id = run(document, engine, edit.plan_edit(document.state, [bench], REMOVE, FAKE))
    layer = document.state.layer(layer_id)
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    with document.transaction("As in a file") as tx:
        tx.update_layer(layer_id, recipe=dataclasses.replace(layer.recipe, **unknown))
    (word,) = unknown.values()
    with pytest.raises(DocumentError, match=f"cannot run again: .*{word}"):
        edit.plan_rerun(document.state, layer_id)


def test_a_rerun_with_another_mask_and_prompt(document, engine, bench) -> None:
    layer_id = run(
        document,
        engine,
        edit.plan_edit(document.state, [bench], REPLACE, FAKE, prompt="metal bench"),
    )
    mask = np.zeros((400, 600), np.uint8)
    mask[20:60, 30:90] = 255
    plan = edit.plan_rerun(document.state, layer_id, prompt="golden bench", mask=mask)
    edit.replace_edit(document, layer_id, plan, ask(engine, "fake", plan.request))
    layer = document.layers[1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert layer.name == "golden bench"
    assert np.array_equal(layer.recipe.mask.array(), mask)
    shown = document.state.surface(pixels_of(layer_id)).bounds()
    assert shown.contains(Rect(30, 20, 60, 40)) and shown.width < 100


def test_a_rerun_keeps_what_a_person_set(document, engine, bench) -> None:
    plan = edit.plan_edit(document.state, [bench], REPLACE, FAKE, prompt="metal bench")
    layer_id = run(document, engine, plan)
    with document.transaction("Set") as tx:
        tx.update_layer(layer_id, name="my bench", opacity=0.5, blend=BlendMode.MULTIPLY)
    again = edit.plan_rerun(document.state, layer_id, prompt="golden bench")
    edit.replace_edit(document, layer_id, again, ask(engine, "fake", again.request))
    layer = document.state.layer(layer_id)
    assert (layer.name, layer.opacity, layer.blend) == ("my bench", 0.5, BlendMode.MULTIPLY)


def test_only_edits_run_again(document: Document) -> None:
    with pytest.raises(DocumentError, match="“photo” cannot run again"):
        edit.plan_rerun(document.state, document.layers[0].id)


@given(seed=st.integers(0, 2**31 - 1), count=st.integers(1, 16))
def test_variations_have_seeds_of_their_own(seed: int, count: int) -> None:
    seeds = edit.variation_seeds(seed, count)
    assert len({seed, *seeds}) == count + 1
    assert seeds == edit.variation_seeds(seed, count)
    assert all(0 < value < 2**31 for value in seeds)


def test_variations_differ_in_nothing_but_the_seed(document: Document, bench: str) -> None:
    plan = edit.plan_edit(document.state, [bench], REMOVE, FAKE, seed=1)
    plans = edit.plan_variations(plan, 3)
    assert [p.request.seed for p in plans] == list(edit.variation_seeds(1, 3))
    assert all(p.request.alpha is plan.request.alpha for p in plans)
    with pytest.raises(UsageError):
        edit.plan_variations(plan, 0)


def test_pixels_beyond_the_picture_are_dropped(document: Document, photo) -> None:
    corner = np.zeros((400, 600), np.uint8)
    corner[:40, :40] = 255
    mask_id = mask_ops.add_mask(document, corner)
    plan = edit.plan_edit(document.state, [mask_id], REMOVE, FAKE)
    rect = Rect(-10, -10, 100, 100)
    result = EditResult(np.full((100, 100, 4), 255, np.uint8), rect, "fake", 0, 0.1)
    edit.apply_edit(document, plan, result)
    after = document.state.flattened()
    assert (after[:40, :40] == 255).all()
    assert same_outside(photo, after, plan.request.alpha) == 0
