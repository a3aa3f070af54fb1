"""The one door to models: on demand, within a budget, with clear sentences where it fails."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ovedit.engine.library import MemoryState, ModelState, Presence
from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.loading import Offload, Placement
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.errors import EngineMissingError, ModelError, OutOfMemoryError
from tests.engine.models.runtime.conftest import Built, Shelf

MB = 10**6
TOO_MUCH = 2**60


def shelf(built: Built, *ids: str) -> Shelf:
    return Shelf({id: built(id) for id in ids})


def test_nothing_is_loaded_or_chosen_before_it_is_needed(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: pytest.fail("looked for devices"))
    runtime = ModelRuntime(shelf(built, "dino"), device="cuda:7")
    assert runtime.memory() == MemoryState()


def test_a_device_that_is_not_here_is_told_when_it_is_needed(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "dino"), device="cuda:77")
    with pytest.raises(EngineMissingError, match="cuda"), runtime.use("dino"):
        pass


def test_what_is_in_memory_is_told(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "dino", "taesd"), device="cpu")
    with runtime.use("dino"), runtime.use("taesd"):
        dino, taesd = runtime.memory().residents
        assert (dino.id, dino.title, dino.device, dino.dtype) == (
            "dino",
            "Tiny dino",
            "cpu",
            "float32",
        )
        assert dino.in_use and taesd.in_use
    state = runtime.memory()
    assert not any(resident.in_use for resident in state.residents)
    assert (state.device, state.budget) == ("CPU", runtime.device.budget)
    assert state.used == sum(resident.size for resident in state.residents) > 0


def test_a_budget_is_kept(built: Built) -> None:
    library = shelf(built, "clip", "dino", "taesd")
    sizes = {id: library.model(id).memory["float32"] for id in library.entries}
    runtime = ModelRuntime(library, device="cpu", budget=sizes["clip"] + sizes["taesd"] + 50_000)
    for id in ("clip", "taesd", "dino"):
        with runtime.use(id):
            pass
    assert [resident.id for resident in runtime.memory().residents] == ["taesd", "dino"]
    runtime.pin("dino")
    with runtime.use("clip"):
        pass
    assert [resident.id for resident in runtime.memory().residents] == ["dino"]


@pytest.mark.parametrize("id", ["clip", "sam2", "dino", "sd15", "taesd", "eraser"])
def test_an_unloaded_model_is_gone(built: Built, id: str) -> None:
    runtime = ModelRuntime(shelf(built, id), device="cpu")
    refs: list[weakref.ref[object]] = []

    def use() -> None:
        with runtime.use(id) as value:
            network = getattr(value, "model", None) or getattr(value, "unet", None) or value
            refs.append(weakref.ref(network))
            if isinstance(network, torch.nn.Module):
                refs.append(weakref.ref(next(network.parameters())))

    use()
    gc.collect()
    assert all(ref() is not None for ref in refs)
    size = runtime.memory().used
    assert runtime.unload(id) == size > 0
    assert all(ref() is None for ref in refs)
    assert runtime.memory().residents == ()


def test_a_missing_model_says_how_to_get_it_and_where_it_was_looked_for(built: Built) -> None:
    model, _ = built("dino")
    large = replace(model, files=tuple(replace(file, size=5 * MB) for file in model.files))
    runtime = ModelRuntime(Shelf({"dino": (large, None)}), device="cpu")
    with pytest.raises(ModelError) as caught, runtime.use("dino"):
        pass
    looked = f"{Path('/here')}, {Path('/there')}"
    assert caught.value.message == f"Tiny dino is not on this computer; looked in {looked}."
    assert "15 MB" in caught.value.hint
    assert "`ovedit models get dino`" in caught.value.hint
    assert "Models in the window" in caught.value.hint


def test_half_a_model_says_what_is_left_to_get(built: Built) -> None:
    model, _ = built("dino")
    half = ModelState("dino", Presence.PARTIAL, None, model.download_size - 7, ("x",), ())

    class HalfShelf(Shelf):
        def state(self, id: str) -> ModelState:
            return half

    runtime = ModelRuntime(HalfShelf({"dino": (model, None)}), device="cpu")
    with pytest.raises(ModelError, match=r"only in part on this computer\. .*\(7 bytes\)"):
        runtime.use("dino").__enter__()


def test_an_adapter_that_is_not_here_is_told(built: Built) -> None:
    library = shelf(built, "sd15", "lora", "dino")
    library.entries["lora"] = (library.model("lora"), None)
    runtime = ModelRuntime(library, device="cpu")
    with pytest.raises(ModelError, match="Tiny lora is not on this computer"):
        runtime.use("sd15", adapters=["lora"]).__enter__()
    with pytest.raises(ModelError, match="Tiny dino is no adapter"):
        runtime.use("sd15", adapters=["dino"]).__enter__()
    assert not any(resident.in_use for resident in runtime.memory().residents)


def test_a_plan_tiles_the_work_and_the_next_one_need_not(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "sd15"), device="cpu")
    plan = runtime.plan("sd15")
    for tiled in (True, False):
        with runtime.use("sd15", plan=replace(plan, tiled=tiled)) as pipeline:
            assert pipeline.vae.use_tiling is pipeline.vae.use_slicing is tiled
    assert len(runtime.memory().residents) == 1


def test_out_of_memory_steps_down_until_it_fits(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "dino", "taesd"), device="cpu")
    with runtime.use("taesd"):
        pass
    steps: list[str] = []
    batches: list[int] = []

    def work(plan: MemoryPlan) -> int:
        with runtime.use("dino", plan=plan) as dino:
            batches.append(plan.batch)
            if plan.batch > 1:
                torch.empty(TOO_MUCH, dtype=torch.uint8)
            pixels = torch.zeros(plan.batch, 3, 32, 32)
            return len(dino.model(pixels).last_hidden_state)

    plans = runtime.plans("dino", batch=4)
    done = runtime.attempt(
        "dino", plans, work, lambda fraction, step="", preview=None: steps.append(step)
    )
    assert done == 1
    assert batches == [4, 4, 2, 1]
    assert steps[0].endswith("without the other models")
    assert [resident.id for resident in runtime.memory().residents] == ["dino"]
    batches.clear()
    runtime.attempt("dino", plans, work)
    assert batches == [1]


def test_a_model_that_never_fits_is_given_up_and_let_go(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "dino"), device="cpu")

    def work(plan: MemoryPlan) -> None:
        with runtime.use("dino", plan=plan):
            torch.empty(TOO_MUCH, dtype=torch.uint8)

    with pytest.raises(OutOfMemoryError, match=r"Tiny dino does not fit.*CPU.*as usual, 1 at"):
        runtime.attempt("dino", runtime.plans("dino", batch=2), work)
    assert not runtime.memory().residents[0].in_use
    assert runtime.unload() > 0


def test_the_last_plan_of_a_card_is_the_processor(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: (8 * MB, 8 * MB))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: (8, 6))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: "Card")
    model, folder = built("sd15")
    model = replace(model, memory={"float32": 4, "float16": 2})
    runtime = ModelRuntime(Shelf({"sd15": (model, folder)}))
    plans = runtime.plans("sd15", offloads=[Offload.MODEL], tiles=True)
    assert plans[0] == MemoryPlan(Placement("cuda:0", "float16"))
    assert plans[-1].placement == Placement("cpu", "float32")
    assert runtime.memory().device == "Card"
    with runtime.use("sd15", plan=plans[-1]) as pipeline:
        assert pipeline.device.type == "cpu"


def test_unloading_forgets_what_had_to_be_given_up(built: Built) -> None:
    runtime = ModelRuntime(shelf(built, "dino"), device="cpu")
    batches: list[int] = []

    def work(plan: MemoryPlan) -> None:
        batches.append(plan.batch)
        if plan.batch == 2 and len(batches) == 1:
            raise MemoryError

    plans = runtime.plans("dino", batch=2)
    runtime.attempt("dino", plans, work)
    runtime.unload()
    runtime.attempt("dino", plans, work)
    assert batches == [2, 1, 2]
