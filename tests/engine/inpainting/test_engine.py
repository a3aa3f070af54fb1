"""Edits from the request to the layer, by tiny pipelines of the classes that users run."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

from ovedit.document import Document
from ovedit.engine.inpainting.engine import QUANTISED, DiffusionEngine
from ovedit.engine.inpainting.guard import Guard, Verdict
from ovedit.engine.inpainting.info import INFO
from ovedit.engine.models.runtime.loading import Offload
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import EditKind, EditResult
from ovedit.errors import (
    Cancelled,
    CannotDoError,
    DamagedModelError,
    EngineMissingError,
    UsageError,
)
from ovedit.geometry import Rect
from ovedit.workflows import edit as workflow
from ovedit.workflows import mask_ops
from tests.engine.inpainting.conftest import (
    PIPELINES,
    Listener,
    MakeShelf,
    edit,
    hole,
    photo,
    request,
)
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe

EngineOf = Callable[..., DiffusionEngine]
REMOVE, REPLACE, RESTYLE = EditKind.REMOVE, EditKind.REPLACE, EditKind.RESTYLE


def differ(one: EditResult, other: EditResult) -> bool:
    return not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("kind", EditKind)
@pytest.mark.parametrize("id", PIPELINES)
def test_every_pipeline_does_every_edit_and_nothing_outside_the_mask_changes(
    engine_of: EngineOf, id: str, kind: EditKind
) -> None:
    document = Document.from_pixels(photo(), "photo")
    mask = mask_ops.add_mask(document, hole(), label="wooden bench")
    before = document.state.flattened()
    plan = workflow.plan_edit(
        document.state,
        [mask],
        kind,
        INFO,
        prompt="" if kind is REMOVE else "metal bench",
        phrase="wooden bench",
        seed=7,
        grow=2,
        feather=4,
        options={"model": id, "steps": "1", "side": "64", "prefill": "none"},
    )
    result = edit(engine_of(id), plan.request)
    workflow.apply_edit(document, plan, result)
    after = document.state.flattened()
    changed = (before != after).any(axis=-1)
    assert changed[plan.request.alpha > 128].mean() > 0.5
    assert not changed[plan.request.alpha == 0].any()
    assert result.models == (f"{id}@{'0' * 40}",)
    assert result.notes[0].startswith("Asked for “")


@pytest.mark.parametrize("id", PIPELINES)
def test_the_same_seed_is_the_same_picture_and_another_is_another(
    engine_of: EngineOf, id: str
) -> None:
    engine, options = engine_of(id), {"steps": "1"}
    first = edit(engine, request(options=options))
    again = edit(engine, request(options=options))
    other = edit(engine, request(options=options, seed=8))
    assert not differ(first, again)
    assert differ(first, other)


def test_words_guidance_strength_sampler_and_adapter_reach_the_model(engine_of: EngineOf) -> None:
    engine = engine_of("sd15", "lora")
    plain = request()
    base = edit(engine, plain)
    options: list[dict[str, str]] = [
        {"guidance": "1"},
        {"guidance": "15"},
        {"steps": "3"},
        {"scheduler": "ddim"},
        {"scheduler": "own"},
        {"adapter": "lora"},
        {"template": "{edit}"},
        {"side": "128"},
    ]
    for changed in options:
        assert differ(base, edit(engine, request(options=changed))), changed
    assert differ(base, edit(engine, replace(plain, prompt="tree")))
    assert differ(base, edit(engine, replace(plain, negative_prompt="tree")))
    # After all of that, the first settings give the first picture.
    assert not differ(base, edit(engine, plain))


@pytest.mark.parametrize(
    "sampler", ["ddim", "trailing", "euler", "euler-a", "dpm++", "unipc", "lcm"]
)
def test_every_sampler_paints_and_shows_its_steps(engine_of: EngineOf, sampler: str) -> None:
    listener = Listener()
    result = edit(
        engine_of("sd15"), request(options={"scheduler": sampler, "steps": "4"}), listener
    )
    assert "Step 4 of 4" in listener.steps
    assert listener.previews
    assert result.pixels.std() > 0


@pytest.mark.parametrize("id", ["sd15", "flux-fill", "qwen-edit"])
def test_strength_decides_how_much_of_the_picture_stays(engine_of: EngineOf, id: str) -> None:
    engine = engine_of(id)

    def at(strength: str) -> EditResult:
        return edit(engine, request(RESTYLE, options={"strength": strength, "steps": "4"}))

    assert differ(at(".35"), at(".8"))


def test_progress_only_grows_and_previews_lie_over_the_hole(engine_of: EngineOf) -> None:
    listener = Listener()
    edit(engine_of("sd15"), request(options={"steps": "4"}), listener)
    assert listener.fractions == sorted(listener.fractions)
    assert listener.fractions[-1] == 1
    preview = listener.previews[-1]
    assert preview.rect == Rect(40, 30, 40, 30)
    assert preview.pixels.shape == (30, 40, 4)
    assert np.array_equal(preview.pixels[..., 3], hole()[preview.rect.slices])


def test_the_tiny_autoencoder_shows_the_steps_where_it_is_here(engine_of: EngineOf) -> None:
    listener = Listener()
    wanted = request(options={"preview": "tiny", "model": "sd15"})
    engine = engine_of("sd15", "taesd")
    edit(engine, wanted, listener)
    assert listener.previews
    without = Listener()
    edit(engine, request(options={"preview": "none", "model": "sd15"}), without)
    assert not without.previews


@pytest.mark.parametrize("id", PIPELINES)
def test_cancelling_ends_within_a_step_and_the_next_edit_is_as_ever(
    engine_of: EngineOf, id: str
) -> None:
    engine, wanted = engine_of(id), request(options={"steps": "4", "refine": "no"})
    before = edit(engine, wanted)
    cancel = CancelToken()
    listener = Listener(cancel, at="Step 1")
    with pytest.raises(Cancelled):
        engine.edit(wanted, listener, cancel)
    assert "Step 2 of 4" not in listener.steps
    assert not differ(before, edit(engine, wanted))


def test_a_model_stays_loaded_and_nothing_is_built_twice(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of("sd15")
    edit(engine, request())

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(DPMSolverMultistepScheduler, "from_config", refuse)
    listener = Listener()
    edit(engine, request(), listener)
    assert not any(step.startswith("Loading") for step in listener.steps)


def test_an_eraser_removes_alone_where_one_is_here(engine_of: EngineOf) -> None:
    result = edit(engine_of("sd15", "lama"), request(REMOVE))
    assert result.models == (f"lama@{'0' * 40}",)
    named = edit(engine_of("sd15", "lama"), request(REMOVE, options={"model": "sd15"}))
    assert named.models == (f"lama@{'0' * 40}", f"sd15@{'0' * 40}")
    assert differ(result, named)


def test_without_any_model_removals_are_filled_in(shelf_of: MakeShelf) -> None:
    engine = DiffusionEngine(ModelRuntime(shelf_of(absent=("sd15",)), device="cpu"))
    result = edit(engine, request(REMOVE))
    assert result.models == ()
    assert result.notes == ("Filled in without a model: none that removes is here.",)
    with pytest.raises(EngineMissingError, match="No model that can replace is on this computer"):
        edit(engine, request(REPLACE))


def test_prefilling_shows_through_a_weak_removal(engine_of: EngineOf) -> None:
    engine = engine_of("sd15")
    filled = edit(engine, request(REMOVE, options={"steps": "4"}))
    plain = edit(engine, request(REMOVE, options={"steps": "4", "prefill": "none"}))
    assert differ(filled, plain)


def test_a_removal_that_brought_something_back_is_tried_again_and_said(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def judge(self: Guard, before: Any, after: Any, mask: Any, phrase: str, **_: Any) -> Verdict:
        assert phrase == "wooden bench"
        seen.append(after)
        return Verdict(len(seen) < 3, 0.9, 0.8 if len(seen) < 3 else 0.1, "It is back.")

    monkeypatch.setattr(Guard, "judge", judge)
    listener = Listener()
    options = {"prefill": "none", "tries": "4"}
    result = edit(engine_of("sd15"), request(REMOVE, options=options), listener)
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])
    assert any(note.startswith("Something had come back; try 3") for note in result.notes)
    assert listener.fractions == sorted(listener.fractions)
    seen.clear()
    assert not differ(result, edit(engine_of("sd15"), request(REMOVE, options=options)))


def test_clip_looks_at_removals_where_it_is_here(engine_of: EngineOf) -> None:
    options = {"prefill": "none", "tries": "2"}
    engine = engine_of("sd15", "clip")
    result = edit(engine, request(REMOVE, options=options))
    assert not differ(result, edit(engine, request(REMOVE, options=options)))


def test_an_eraser_that_makes_the_same_of_every_seed_is_asked_once(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def judge(self: Guard, before: Any, after: Any, *_: Any, **__: Any) -> Verdict:
        seen.append(after)
        return Verdict(True, 0.9, 0.8, "It is back.")

    monkeypatch.setattr(Guard, "judge", judge)
    result = edit(engine_of("sd15", "lama"), request(REMOVE, options={"tries": "4"}))
    assert len(seen) == 1
    assert "It is back." in result.notes


def test_a_guard_that_fails_is_said_and_what_was_painted_stays(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request(REMOVE, options={"prefill": "none", "tries": "0"})
    plain = edit(engine_of("sd15"), wanted)

    def fail(*_: Any, **__: Any) -> None:
        raise DamagedModelError("CLIP is damaged.", "Get it again.")

    monkeypatch.setattr(Guard, "judge", fail)
    asked = replace(wanted, options={**wanted.options, "tries": "3"})
    result = edit(engine_of("sd15"), asked)
    assert not differ(plain, result)
    assert "The removal was not checked. CLIP is damaged. Get it again." in result.notes

    def stop(*_: Any, **__: Any) -> None:
        raise Cancelled

    monkeypatch.setattr(Guard, "judge", stop)
    with pytest.raises(Cancelled):
        edit(engine_of("sd15"), asked)


def test_words_that_cannot_be_heeded_are_said(engine_of: EngineOf) -> None:
    options = {"model": "klein", "steps": "1"}
    result = edit(engine_of("klein"), request(negative_prompt="rust", options=options))
    assert any("runs without guidance" in note for note in result.notes)


def test_a_large_hole_is_refined_at_a_larger_size(engine_of: EngineOf) -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[20:100, 30:130] = 255
    wanted = request(image=photo(120, 160), mask=mask, options={"refine": "yes"})
    listener = Listener()
    refined = edit(engine_of("sd15"), wanted, listener)
    assert sum(step.startswith("Reading") for step in listener.steps) == 2
    assert listener.fractions == sorted(listener.fractions)
    once = edit(engine_of("sd15"), replace(wanted, options={**wanted.options, "refine": "no"}))
    assert differ(refined, once)


def test_refining_is_seen_where_it_happens(engine_of: EngineOf) -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[140:220, 200:300] = 255
    listener = Listener()
    wanted = request(image=photo(240, 320), mask=mask, options={"refine": "yes", "steps": "4"})
    edit(engine_of("sd15"), wanted, listener)
    assert sum(step.startswith("Reading") for step in listener.steps) == 2
    assert {preview.rect for preview in listener.previews} == {Rect(200, 140, 100, 80)}
    assert len(listener.previews) >= 2


def test_regions_far_apart_are_painted_one_by_one(engine_of: EngineOf) -> None:
    mask = np.zeros((300, 900), np.uint8)
    mask[20:60, 20:60] = mask[200:240, 800:850] = 255
    listener = Listener()
    result = edit(engine_of("sd15"), request(image=photo(300, 900), mask=mask), listener)
    assert result.rect == Rect(20, 20, 830, 220)
    assert any(step.endswith("(area 2 of 2)") for step in listener.steps)
    old = photo(300, 900)[result.rect.slices]
    changed = (result.pixels[..., :3] != old[..., :3]).any(axis=-1)
    assert not changed[mask[result.rect.slices] == 0].any()
    assert (result.pixels[..., 3] == 255).all()


def test_the_crop_of_the_request_is_where_the_model_looks(engine_of: EngineOf) -> None:
    crop = Rect(10, 10, 100, 80)
    given = edit(engine_of("sd15"), request(crop=crop))
    assert given.crop == crop
    assert differ(given, edit(engine_of("sd15"), request()))


@pytest.mark.parametrize("shape", ["whole", "pixel", "edges"])
def test_unusual_masks(engine_of: EngineOf, shape: str) -> None:
    mask = np.zeros((96, 128), np.uint8)
    if shape == "whole":
        mask[:] = 255
    elif shape == "pixel":
        mask[50, 60] = 1
    else:
        mask[0], mask[-1], mask[:, 0], mask[:, -1] = 255, 255, 255, 255
    result = edit(engine_of("sd15"), request(mask=mask))
    rows, columns = np.nonzero(mask)
    assert result.rect.contains(
        Rect.from_edges(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    )


def test_an_empty_mask_is_refused(engine_of: EngineOf) -> None:
    with pytest.raises(UsageError, match="The mask is empty"):
        edit(engine_of("sd15"), request(mask=np.zeros((96, 128), np.uint8)))


@pytest.mark.parametrize("id", PIPELINES)
@pytest.mark.parametrize("text", ["bench " * 1700, "b" * 10_000])
def test_a_prompt_of_ten_thousand_characters_is_cut_and_said(
    engine_of: EngineOf, id: str, text: str
) -> None:
    result = edit(engine_of(id), request(prompt=text, options={"steps": "1"}))
    assert any(note.startswith(f"Tiny {id} reads only the first ") for note in result.notes)
    assert all(len(note) < 400 for note in result.notes)


def test_a_models_own_safety_checker_refuses(tmp_path: Path) -> None:
    pipeline = tiny.stable_diffusion()
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "image_size": 32}
    config = transformers.CLIPConfig(
        vision_config={**vision, "num_hidden_layers": 1, "patch_size": 16}, projection_dim=8
    )
    checker = StableDiffusionSafetyChecker(config)
    # Every picture is nearer to every concept than this.
    checker.concept_embeds_weights.data.fill_(-2)
    size = {"height": 32, "width": 32}
    pipeline.register_modules(
        safety_checker=checker,
        feature_extractor=transformers.CLIPImageProcessor(size=size, crop_size=size),
    )
    engine = engine_over(pipeline, tmp_path)
    with pytest.raises(CannotDoError, match="The safety checker of Tiny own refused"):
        edit(engine, request())
    assert np.ptp(edit(engine, request(options={"safety": "no"})).pixels[..., :3]) > 0
    with pytest.raises(CannotDoError, match="The safety checker of Tiny own refused"):
        edit(engine, request())


def test_a_model_without_inpainting_channels_paints_too(tmp_path: Path) -> None:
    pipeline = tiny.stable_diffusion()
    network = type(pipeline.unet).from_config({**pipeline.unet.config, "in_channels": 4})
    pipeline.register_modules(unet=network)
    engine = engine_over(pipeline, tmp_path)
    weak, strong = (
        edit(engine, request(RESTYLE, options={"strength": strength, "steps": "4"}))
        for strength in (".35", ".8")
    )
    assert differ(weak, strong)


def engine_over(pipeline: Any, folder: Path) -> DiffusionEngine:
    """An engine that knows this pipeline alone, saved where its publisher would."""
    pipeline.save_pretrained(folder / "own")
    loader = f"diffusers.{type(pipeline).__name__}"
    model = replace(describe("own", loader, folder / "own"), native_sizes=(64,))
    return DiffusionEngine(ModelRuntime(Shelf({"own": (model, folder / "own")}), device="cpu"))


def test_memory_that_runs_out_is_met_with_less_and_said(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch, shelf_of: MakeShelf
) -> None:
    runtime = ModelRuntime(shelf_of("sd15"), device="cpu")
    engine = DiffusionEngine(runtime)
    edit(engine, request())
    with runtime.use("sd15") as pipeline:
        decode = pipeline.vae.decode

        def fails_whole(*a: Any, **k: Any) -> Any:
            if not pipeline.vae.use_tiling:
                raise MemoryError
            return decode(*a, **k)

        monkeypatch.setattr(pipeline.vae, "decode", fails_whole)
    result = edit(engine, request())
    assert "Memory was short: painted in tiles." in result.notes


def test_memory_that_is_still_short_is_met_with_a_smaller_size(
    shelf_of: MakeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ModelRuntime(shelf_of("sd15"), device="cpu")
    engine, wanted = DiffusionEngine(runtime), request(options={"side": "384", "steps": "1"})
    sizes: list[int] = []
    with runtime.use("sd15") as pipeline:
        decode = pipeline.vae.decode

        def fails_large(latents: Any, *a: Any, **k: Any) -> Any:
            sizes.append(latents.shape[-2] * latents.shape[-1])
            if sizes[-1] < sizes[0]:
                return decode(latents, *a, **k)
            raise MemoryError

        monkeypatch.setattr(pipeline.vae, "decode", fails_large)
    result = edit(engine, wanted)
    assert "Memory was short: painted at a smaller size." in result.notes
    assert result.rect == Rect(40, 30, 40, 30)
    assert len(sizes) == 3 and sizes[2] < sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("capabilities", "offloads"),
    [
        ({"replace"}, (Offload.MODEL, Offload.SEQUENTIAL)),
        ({"replace", QUANTISED}, (Offload.MODEL,)),
    ],
)
def test_what_a_pipeline_can_do_with_less_memory(
    shelf_of: MakeShelf,
    monkeypatch: pytest.MonkeyPatch,
    capabilities: set[str],
    offloads: tuple[Offload, ...],
) -> None:
    shelf, asked = shelf_of("sd15", "lama"), {}
    model, folder = shelf.entries["sd15"]
    shelf.entries["sd15"] = replace(model, capabilities=frozenset(capabilities)), folder
    plans = ModelRuntime.plans

    def noting(self: ModelRuntime, id: str, **how: Any) -> Any:
        asked[id] = how
        return plans(self, id, **how)

    monkeypatch.setattr(ModelRuntime, "plans", noting)
    engine = DiffusionEngine(ModelRuntime(shelf, device="cpu"))
    edit(engine, request(options={"side": "384", "steps": "1"}))
    edit(engine, request(REMOVE))
    assert asked["sd15"] == {"tiles": True, "offloads": offloads, "smaller": True}
    assert asked["lama"] == {"tiles": False, "offloads": (), "smaller": False}


def test_a_corner_of_a_very_large_photograph_takes_little_memory(engine_of: EngineOf) -> None:
    # One pixel that stands for all, and a mask of pages that nobody has written to.
    image = np.broadcast_to(np.array([90, 120, 60, 255], np.uint8), (9000, 12000, 4))
    mask = np.zeros((9000, 12000), np.uint8)
    mask[8900:, 11900:] = 255
    wanted = request(image=image, mask=mask)
    edit(engine_of("sd15"), request())
    tracemalloc.start()
    result = edit(engine_of("sd15"), wanted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.rect == Rect(11900, 8900, 100, 100)
    # The photograph is 432 MB.
    assert peak < 20e6


def test_damage_is_told_and_the_next_edit_works(shelf_of: MakeShelf, tmp_path: Path) -> None:
    shelf = shelf_of("sd15")
    model, folder = shelf.entries["sd15"]
    assert folder is not None
    copytree(folder, tmp_path / "cut")
    (cut,) = (tmp_path / "cut/unet").glob("*.safetensors")
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    engine = DiffusionEngine(ModelRuntime(Shelf({"sd15": (model, tmp_path / "cut")}), device="cpu"))
    with pytest.raises(DamagedModelError, match=r"sd15.*safetensors.*is damaged"):
        edit(engine, request())
    cut.write_bytes(whole)
    edit(engine, request())


def test_a_missing_part_is_told(shelf_of: MakeShelf, tmp_path: Path) -> None:
    model, folder = shelf_of("sd15").entries["sd15"]
    assert folder is not None
    copytree(folder, tmp_path / "part")
    (tmp_path / "part/vae/diffusion_pytorch_model.fp16.safetensors").unlink()
    engine = DiffusionEngine(
        ModelRuntime(Shelf({"sd15": (model, tmp_path / "part")}), device="cpu")
    )
    with pytest.raises(DamagedModelError, match=r"vae/.*safetensors is not there"):
        edit(engine, request())


def test_a_cancelled_token_ends_before_anything(engine_of: EngineOf) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        engine_of("sd15").edit(request(), silent, cancel)
