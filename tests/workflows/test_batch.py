"""Following a recipe on one document, and choosing who does it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ovedit.document import EditLayer
from ovedit.engine.protocols import CancelToken, EngineInfo
from ovedit.engine.requests import EditKind
from ovedit.errors import Cancelled, CannotDoError, EngineMissingError
from ovedit.settings import Settings
from ovedit.workflows.batch import Verdict, follow, resolved
from ovedit.workflows.recipe import EngineUse, Recipe, Step

USE = EngineUse("fake", "balanced")
RECIPE = Recipe((Step(EditKind.REPLACE, "bench", "metal bench", least_confidence=0.6),), USE, USE)


@pytest.fixture
def sure(engine, make):
    """Sets how surely each phrase is found; a phrase that is not named is not found."""

    def set_to(**scores: float) -> None:
        engine.find = lambda phrase, _request: make.answer(
            phrase,
            make.candidate(phrase, score=scores.get(phrase, 0.2)),
            found=phrase in scores,
        )

    return set_to


def test_what_is_found_is_edited(document, engine, sure) -> None:
    sure(bench=0.8)
    before = document.state.flattened()
    done = follow(document, RECIPE, engine)
    assert (done.verdict, done.confidence, done.message) == (Verdict.DONE, 0.8, "")
    assert done.notes == ("Painted.",)
    layer = document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert (layer.recipe.phrase, layer.recipe.prompt) == ("bench", "metal bench")
    changed = (document.state.flattened() != before).any(axis=2)
    assert changed.any() and np.array_equal(
        changed & (engine.asked[-1].alpha == 0), changed & False
    )


def test_what_is_unsure_is_not(document, engine, sure) -> None:
    sure(bench=0.59)
    done = follow(document, RECIPE, engine)
    assert (done.verdict, done.confidence) == (Verdict.REVIEW, 0.59)
    assert len(document.layers) == 1 and [mask.label for mask in document.masks] == ["bench"]
    assert not document.masks[0].accepted


def test_what_is_not_found_leaves_its_guess(document, engine, sure) -> None:
    sure()
    done = follow(document, RECIPE, engine)
    assert done.verdict is Verdict.NOT_FOUND and done.confidence is None
    assert "bench" in done.message and len(document.layers) == 1
    assert [mask.phrase for mask in document.masks] == ["bench"]


def test_each_step_has_its_own_limit_and_the_least_confidence_counts(
    document, engine, sure
) -> None:
    sure(bench=0.65, sky=0.9)
    strict = Step(EditKind.RESTYLE, "sky", "golden", least_confidence=0.85)
    done = follow(document, replace(RECIPE, steps=(*RECIPE.steps, strict)), engine)
    assert (done.verdict, done.confidence) == (Verdict.DONE, 0.65)
    assert [layer.name for layer in document.layers] == ["photo", "metal bench", "sky as golden"]


def test_a_later_step_that_is_held_keeps_the_earlier_ones(document, engine, sure) -> None:
    sure(bench=0.8)
    later = Step(EditKind.REMOVE, "zebra")
    done = follow(document, replace(RECIPE, steps=(*RECIPE.steps, later)), engine)
    assert done.verdict is Verdict.NOT_FOUND
    assert [layer.name for layer in document.layers] == ["photo", "metal bench"]


def test_several_phrases_are_edited_together(document, engine, make) -> None:
    engine.find = lambda phrase, _request: make.answer(
        phrase, make.candidate(phrase, x=150 if phrase == "bench" else 450)
    )
    step = replace(RECIPE.steps[0], phrase="bench, chair")
    assert follow(document, replace(RECIPE, steps=(step,)), engine).verdict is Verdict.DONE
    mask = engine.asked[-1].mask
    assert mask[200, 150] == 255 and mask[200, 450] == 255 and mask[200, 300] == 0


def test_looking_only_edits_nothing(document, engine, sure) -> None:
    sure(bench=0.8)
    assert follow(document, RECIPE, engine, select_only=True).verdict is Verdict.FOUND
    assert len(document.layers) == 1


def test_it_is_cancelled_and_tells_how_far_it_is(document, engine, sure) -> None:
    sure(bench=0.8)
    said: list[tuple[float, str]] = []
    follow(
        document,
        RECIPE,
        engine,
        lambda fraction, step="", preview=None: said.append((fraction, step)),
    )
    assert [step for _, step in said] == ["Looking for bench", "bench → metal bench"]
    assert [fraction for fraction, _ in said] == pytest.approx([0.15, 0.65])
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        follow(document, RECIPE, engine, cancel=cancel)


ENGINES = (
    EngineInfo("basic", "Basic", True, frozenset(EditKind)),
    EngineInfo("finder", "Finder", True),
    EngineInfo("painter", "Painter", False, frozenset({EditKind.REPLACE})),
)


def test_what_a_recipe_leaves_open_the_settings_say() -> None:
    settings = Settings(
        select_engine="finder",
        edit_engine="painter",
        preset="quality",
        engine_options={"painter": {"steps": "9", "scale": "2"}},
    )
    recipe = Recipe(RECIPE.steps, edit=EngineUse(preset="fast", options={"steps": "4"}))
    full = resolved(recipe, ENGINES, settings)
    assert full.select == EngineUse("finder", "quality", {})
    assert full.edit == EngineUse("painter", "fast", {"steps": "4", "scale": "2"})


def test_an_engine_that_cannot_do_all_steps_gives_way_unless_it_is_named() -> None:
    recipe = Recipe((*RECIPE.steps, Step(EditKind.REMOVE, "dog")))
    assert resolved(recipe, ENGINES, Settings(edit_engine="painter")).edit.engine == "basic"
    with pytest.raises(CannotDoError, match="painter"):
        resolved(replace(recipe, edit=EngineUse("painter")), ENGINES, Settings())
    with pytest.raises(EngineMissingError, match="none"):
        resolved(replace(recipe, select=EngineUse("none")), ENGINES, Settings())
