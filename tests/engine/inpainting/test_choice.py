"""Which models an edit takes, and what it is said to take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ovedit.engine.inpainting import choice as room
from ovedit.engine.inpainting.choice import Choice, choose, models_for, offered
from ovedit.engine.inpainting.families import FAMILIES, family_of, recipe, shape_of
from ovedit.engine.inpainting.forecast import Run, Timing, expected, forecast, learn
from ovedit.engine.inpainting.painting import timing_of
from ovedit.engine.inpainting.plan import plan_edit
from ovedit.engine.inpainting.settings import describe, from_options
from ovedit.engine.library import Task
from ovedit.engine.models.catalogue import load_catalogue
from ovedit.engine.models.loader_names import LOADER_NAMES
from ovedit.engine.requests import EditKind, Preset, SegmentRequest
from ovedit.errors import CannotDoError, EngineMissingError, ModelError
from ovedit.geometry import Size
from tests.engine.inpainting.conftest import MakeShelf, hole, photo, request
from tests.engine.models.runtime.conftest import Shelf

REMOVE, REPLACE, RESTYLE = EditKind.REMOVE, EditKind.REPLACE, EditKind.RESTYLE


def chosen(shelf: Shelf, kind: EditKind, preset: Preset = "balanced", **options: str) -> Choice:
    return choose(kind, preset, from_options(preset, options), shelf)


def by_size(shelf: Shelf, **sizes: int) -> Shelf:
    for id, count in sizes.items():
        model, folder = shelf.entries[id]
        shelf.entries[id] = replace(model, parameters=count, memory={"float32": count}), folder
    return shelf


def test_the_largest_model_here_that_fits_replaces_and_the_smallest_is_fast(
    shelf_of: MakeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = by_size(shelf_of("sd15", "sdxl", absent=("flux-fill",)), sd15=10, sdxl=20)
    assert chosen(shelf, REPLACE).ids == ("sdxl",)
    assert chosen(shelf, REPLACE, "fast").ids == ("sd15",)
    monkeypatch.setattr(room, "MEMORY_SHARE", 0.0)
    assert chosen(shelf, REPLACE).ids == ("sd15",)


def test_what_is_made_for_restyling_restyles(shelf_of: MakeShelf) -> None:
    shelf = by_size(shelf_of("sd15", "sdxl", "klein"), sd15=10, sdxl=30, klein=20)
    assert chosen(shelf, RESTYLE).ids == ("klein",)
    assert chosen(by_size(shelf_of("sd15")), RESTYLE).ids == ("sd15",)


def test_who_removes(shelf_of: MakeShelf) -> None:
    remover = shelf_of("sdxl", "lama")
    model, folder = remover.entries["sdxl"]
    remover.entries["sdxl"] = replace(model, capabilities=frozenset({"remove"})), folder
    assert chosen(remover, REMOVE).ids == ("lama",)
    assert chosen(remover, REMOVE, "quality").ids == ("sdxl",)
    assert chosen(remover, REMOVE, eraser="none").ids == ("sdxl",)
    assert chosen(shelf_of("sd15", "lama"), REMOVE, model="sd15").ids == ("lama", "sd15")
    assert chosen(shelf_of("sd15", "lama"), REMOVE, model="lama").ids == ("lama",)
    filled = chosen(shelf_of("sd15"), REMOVE)
    assert (filled.ids, filled.eraser) == (("sd15",), "fill")
    assert chosen(shelf_of("sd15"), REMOVE, eraser="fill").ids == ()


def test_helpers_are_taken_where_they_are_here_and_fit(shelf_of: MakeShelf) -> None:
    shelf = shelf_of("sd15", "sdxl", "lora", "taesd")
    assert chosen(shelf, REPLACE, "fast", model="sd15").ids == ("sd15", "lora")
    assert chosen(shelf, REPLACE, "quality", model="sd15").ids == ("sd15", "taesd")
    assert chosen(shelf, REPLACE, "fast", model="sdxl").ids == ("sdxl",)
    assert chosen(shelf, REPLACE, model="sdxl", adapter="lora").ids == ("sdxl", "lora")


def test_an_adapter_that_would_save_steps_is_named(shelf_of: MakeShelf) -> None:
    shelf = shelf_of("sd15", absent=("lora",))
    notes = plan_edit(request(preset="fast"), shelf).notes
    assert "Tiny lora would save most of the steps: get it with `ovedit models get lora`." in notes
    assert not any("lora" in note for note in plan_edit(request(), shelf).notes)
    here = shelf_of("sd15", "lora")
    assert not any("lora" in note for note in plan_edit(request(preset="fast"), here).notes)


def test_errors_name_what_to_get() -> None:
    catalogue = load_catalogue()
    shelf = Shelf({model.id: (model, None) for model in catalogue.models})
    with pytest.raises(EngineMissingError, match="ovedit models get sd15-inpainting lcm-sd15") as e:
        chosen(shelf, REPLACE, "fast")
    assert e.value.models == ("sd15-inpainting", "lcm-sd15")
    for preset in room.SUGGESTED:
        with pytest.raises(EngineMissingError) as e:
            chosen(shelf, RESTYLE, preset)
        assert set(e.value.models) <= {model.id for model in catalogue.models}


def test_models_for_other_work_are_refused(shelf_of: MakeShelf) -> None:
    shelf = shelf_of("sd15", "lama", "taesd")
    with pytest.raises(CannotDoError, match="Tiny lama can only remove"):
        chosen(shelf, REPLACE, model="lama")
    with pytest.raises(ModelError, match="Tiny taesd is not a model that paints"):
        chosen(shelf, REPLACE, model="taesd")
    with pytest.raises(ModelError, match="nobody"):
        chosen(shelf, REPLACE, model="nobody")


def test_a_named_model_is_asked_for_though_it_is_not_here(shelf_of: MakeShelf) -> None:
    shelf = shelf_of(absent=("sd15",))
    wanted = request(options={"model": "sd15"})
    assert models_for(wanted, shelf) == ("sd15",)
    assert models_for(SegmentRequest(photo(), ("tree",)), shelf) == ()


def test_settings_that_name_models_offer_those_that_fit(shelf_of: MakeShelf) -> None:
    shelf = shelf_of("sd15", "lama", "lora", absent=("sdxl",))
    choices = {line.key: line.choices for line in offered(describe("balanced"), shelf)}
    assert choices["model"] == ("auto", "sd15", "sdxl")
    assert choices["eraser"] == ("auto", "fill", "none", "lama")
    assert choices["adapter"] == ("auto", "none", "lora")


def test_every_pipeline_of_the_catalogue_has_a_family() -> None:
    pipelines = {name for name in LOADER_NAMES if name.endswith("InpaintPipeline")}
    assert {name.partition(".")[2] for name in pipelines} <= set(FAMILIES)
    for model in load_catalogue().models:
        if model.task is Task.INPAINT:
            assert shape_of(model, from_options("balanced", {})).sides == model.native_sizes
            assert 1 <= recipe(from_options("balanced", {}), model, None).steps <= 40


def catalogue_model(id: str) -> Any:
    return load_catalogue().model(id)


def test_numbers_come_from_the_settings_the_adapter_and_the_model_in_this_order() -> None:
    sd15, lcm, hyper = map(catalogue_model, ("sd15-inpainting", "lcm-sd15", "hyper-sd15"))
    plain = from_options("balanced", {})
    own = recipe(plain, sd15, None)
    assert (own.steps, own.guidance, own.scheduler, own.passes) == (25, 7.5, "dpm++", 2)
    few = recipe(plain, sd15, lcm)
    assert (few.steps, few.guidance, few.scheduler, few.passes) == (6, 1.0, "lcm", 1)
    guided = recipe(plain, sd15, hyper)
    assert (guided.steps, guided.guidance, guided.scheduler) == (8, 5.0, "trailing")
    options = {"steps": "11", "guidance": "3", "scheduler": "euler"}
    told = recipe(from_options("balanced", options), sd15, lcm)
    assert (told.steps, told.guidance, told.scheduler) == (11, 3.0, "euler")
    assert recipe(plain, catalogue_model("rorem"), None).guidance == 1
    klein = recipe(
        from_options("quality", {"scheduler": "euler"}), catalogue_model("flux2-klein"), None
    )
    assert (klein.steps, klein.scheduler) == (4, "own")


def test_a_weak_strength_still_runs_steps_enough() -> None:
    klein = recipe(from_options("balanced", {}), catalogue_model("flux2-klein"), None)
    assert klein.runs(1.0) == 4
    assert klein.runs(0.35) >= 4
    sdxl = recipe(from_options("balanced", {}), catalogue_model("sdxl-inpainting"), None)
    assert sdxl.strength(1.0) == 0.99
    assert sdxl.runs(0.4) == 10
    # Its full strength is less than 1, and still all steps run, which counts where they are few.
    few = recipe(from_options("balanced", {"steps": "6"}), catalogue_model("sdxl-inpainting"), None)
    assert (sdxl.runs(0.99), few.runs(0.99)) == (25, 6)


def test_a_forecast_learns_from_what_ran(shelf_of: MakeShelf) -> None:
    shelf = shelf_of("sd15")
    wanted = request(options={"refine": "no"})
    first = forecast(wanted, shelf)
    assert (first.model, first.seconds, first.size) == ("Tiny sd15", None, Size(64, 64))
    assert first.memory > shelf.model("sd15").memory["float32"]
    assert first.crops and all(photo_rect().contains(crop) for crop in first.crops)
    learn(Run(("sd15",), Size(64, 64), 2), Timing(step=3.0, rest=1.0))
    assert forecast(wanted, shelf).seconds == pytest.approx(2 * 3.0 + 1.0)
    # Half of what was new, half of what was known.
    learn(Run(("sd15",), Size(64, 64), 2), Timing(step=1.0, rest=1.0))
    assert forecast(wanted, shelf).seconds == pytest.approx(2 * 2.0 + 1.0)
    # Four times the pixels, four times as long; another guidance is not known.
    assert expected(Run(("sd15",), Size(128, 128), 2), 1) == pytest.approx(4 * 3.0)
    assert expected(Run(("sd15",), Size(64, 64), 1), 1) is None


def test_a_forecast_tells_where_a_model_looks_and_at_what_size(shelf_of: MakeShelf) -> None:
    mask = np.zeros((300, 900), np.uint8)
    mask[20:60, 20:60] = mask[200:250, 500:880] = 255
    wanted = request(image=photo(300, 900), mask=mask, options={"side": "128", "refine": "no"})
    told, plan = forecast(wanted, shelf_of("sd15")), plan_edit(wanted, shelf_of("sd15"))
    assert [area.size for area in plan.areas] == [Size(128, 128), Size(192, 64)]
    assert told.size == Size(128, 128)
    assert told.crops == tuple(area.crop for area in plan.areas)
    assert all(crop.contains(area.hole) for crop, area in zip(told.crops, plan.areas, strict=True))
    assert all(crop != area.hole for crop, area in zip(told.crops, plan.areas, strict=True))


def photo_rect() -> Any:
    height, width = hole().shape
    return Size(width, height).rect


def test_a_forecast_without_models_names_what_fills(shelf_of: MakeShelf) -> None:
    shelf = shelf_of(absent=("sd15",))
    told = forecast(request(REMOVE), shelf)
    assert (told.model, told.memory) == ("Built-in fill", 0)
    assert forecast(request(REMOVE), shelf_of("lama")).model == "Tiny lama"


def test_seconds_are_told_apart_by_the_reports() -> None:
    # One report before the first step, one after each of two.
    assert timing_of([0.0, 0.5, 3.5, 6.5, 8.0], 2) == Timing(3.0, 2.0)
    assert timing_of([0.0, 4.0], 0) == Timing(4.0, 0.0)


def test_families_know_the_classes_of_their_models() -> None:
    assert family_of(catalogue_model("flux-fill-nf4")) is FAMILIES["FluxFillPipeline"]
