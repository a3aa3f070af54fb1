"""Out of memory is met by making room first, then by asking for less, step by step."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.models.runtime.devices import Device
from ovedit.engine.models.runtime.ladder import Ladder, MemoryPlan, descend, step_text
from ovedit.engine.models.runtime.loading import Offload, Placement
from ovedit.engine.models.runtime.memory import is_out_of_memory
from ovedit.engine.protocols import Preview, silent
from ovedit.errors import Cancelled, EngineError, OutOfMemoryError

CARD = Device("cuda:0", "cuda", "Tiny Card", 8, 8)
ON_CARD = MemoryPlan(Placement("cuda:0", "float16"), batch=4)
TOO_MUCH = 2**60


def no_room(id: str) -> int:
    return 0


class Said:
    """A `Progress` that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def __call__(self, fraction: float, step: str = "", preview: Preview | None = None) -> None:
        self.steps.append(step)


def run(
    ladder: Ladder,
    plans: list[MemoryPlan],
    fits: Callable[[MemoryPlan], bool],
    said: Said | None = None,
) -> list[MemoryPlan]:
    """All plans tried, the last of which worked."""
    tried: list[MemoryPlan] = []

    def work(plan: MemoryPlan) -> None:
        tried.append(plan)
        if not fits(plan):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    ladder.run("sd", "Stable Diffusion", CARD, plans, work, said or silent)
    return tried


def onnx_out_of_memory(folder: Path) -> None:
    """Let ONNX Runtime really fail: an array of 4 TB."""
    import onnxruntime
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["shape"], ["zeros"])],
        "huge",
        [helper.make_tensor_value_info("shape", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("zeros", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    session.run(None, {"shape": np.array([2**50])})


def wrapped() -> None:
    try:
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    except RuntimeError as e:
        raise EngineError("The picture could not be painted.") from e


@pytest.mark.parametrize(
    "fail",
    [
        lambda folder: torch.empty(TOO_MUCH, dtype=torch.uint8),
        lambda folder: np.empty(TOO_MUCH, np.uint8),
        lambda folder: wrapped(),
        onnx_out_of_memory,
    ],
    ids=["torch", "numpy", "wrapped", "onnx"],
)
def test_real_failures_are_recognised(fail: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(Exception) as caught:
        fail(tmp_path)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB, max allowed: 9 GB)."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("UR error: UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"),
        MemoryError(),
    ],
)
def test_the_words_of_the_devices_are_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("the text says: out of memory"),
        Cancelled(),
        EngineError("out of memory"),
    ],
)
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_the_steps_come_in_order() -> None:
    offloads = (Offload.MODEL, Offload.SEQUENTIAL)
    plans = descend(ON_CARD, tiles=True, offloads=offloads, smaller=True, cpu="float32")
    said = Said()
    tried = run(Ladder(no_room), plans, lambda plan: plan.placement.device == "cpu", said)
    assert tried == plans
    assert [step.removeprefix("Not enough memory. Trying again ") for step in said.steps] == [
        "2 at a time",
        "1 at a time",
        "in tiles",
        "with only the part at work on the device",
        "with only the layer at work on the device",
        "at a smaller size",
        "on the CPU, which takes longer",
    ]
    assert not tried[-1].smaller


def test_a_cpu_has_fewer_steps() -> None:
    first = MemoryPlan(Placement("cpu", "float32"), batch=2)
    plans = descend(first, tiles=True, offloads=[Offload.MODEL], cpu="float32")
    assert plans == [first, replace(first, batch=1), replace(first, batch=1, tiled=True)]


@given(st.integers(1, 100), st.booleans(), st.booleans(), st.booleans())
def test_each_plan_asks_for_less(batch: int, tiles: bool, smaller: bool, cpu: bool) -> None:
    first = replace(ON_CARD, batch=batch)
    dtype = "float32" if cpu else ""
    plans = descend(first, tiles=tiles, offloads=list(Offload)[1:], smaller=smaller, cpu=dtype)
    frugality = [plan.frugality for plan in plans]
    assert frugality == sorted(set(frugality))
    assert all(step_text(*pair) for pair in pairwise(plans))


def test_the_other_models_go_first_and_the_plan_is_tried_again() -> None:
    asked: list[str] = []
    said = Said()

    def make_room(id: str) -> int:
        asked.append(id)
        return 10

    plans = descend(ON_CARD)
    tried = run(Ladder(make_room), plans, lambda plan: plan.batch == 2, said)
    assert [plan.batch for plan in tried] == [4, 4, 2]
    assert asked == ["sd"]
    assert said.steps == [
        "Not enough memory. Trying again without the other models",
        "Not enough memory. Trying again 2 at a time",
    ]


def test_the_next_run_starts_where_this_one_ended() -> None:
    ladder = Ladder(no_room)
    plans = descend(ON_CARD, tiles=True)
    run(ladder, plans, lambda plan: plan.batch == 1)
    assert [plan.batch for plan in run(ladder, plans, lambda plan: True)] == [1]
    # What asks for even less from the start is not made to give up more.
    modest = descend(replace(ON_CARD, batch=1), tiles=True)
    assert run(ladder, modest, lambda plan: True) == modest[:1]
    ladder.forget()
    assert [plan.batch for plan in run(ladder, plans, lambda plan: True)] == [4]


def test_what_worked_is_remembered_for_one_model_only() -> None:
    ladder = Ladder(no_room)
    run(ladder, descend(ON_CARD), lambda plan: plan.batch == 1)
    seen = ladder.run("clip", "CLIP", CARD, descend(ON_CARD), lambda plan: plan.batch, silent)
    assert seen == 4


def test_giving_up_says_what_was_tried_and_what_helps() -> None:
    with pytest.raises(OutOfMemoryError) as caught:
        run(Ladder(no_room), descend(ON_CARD, tiles=True), lambda plan: False)
    assert caught.value.message == (
        "Stable Diffusion does not fit into the memory of Tiny Card. "
        "Tried as usual, 2 at a time, 1 at a time, in tiles."
    )
    assert "smaller model" in caught.value.hint


@pytest.mark.parametrize("error", [Cancelled(), EngineError("no"), RuntimeError("shapes differ")])
def test_other_errors_pass_at_once(error: Exception) -> None:
    tried: list[MemoryPlan] = []

    def work(plan: MemoryPlan) -> None:
        tried.append(plan)
        raise error

    with pytest.raises(type(error)) as caught:
        Ladder(no_room).run("sd", "SD", CARD, descend(ON_CARD), work, silent)
    assert caught.value is error
    assert len(tried) == 1


def test_the_memory_of_a_failed_try_is_free_before_the_next() -> None:
    alive: list[weakref.ref[object]] = []

    class Ring:
        """Only the garbage collector frees this."""

        def __init__(self) -> None:
            self.me = self

    def deep(depth: int) -> None:
        tensor, ring = torch.zeros(1000), Ring()
        alive.extend([weakref.ref(tensor), weakref.ref(ring)])
        if depth:
            deep(depth - 1)
        try:
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        except RuntimeError as e:
            raise EngineError("The picture could not be painted.") from e

    def work(plan: MemoryPlan) -> int:
        assert all(ref() is None for ref in alive)
        if plan.batch > 1:
            deep(3)
        return plan.batch

    plans = descend(ON_CARD)
    assert Ladder(no_room).run("sd", "SD", CARD, plans, work, silent) == 1
    assert len(alive) == 2 * 2 * 4


def test_nobody_keeps_that_memory_by_keeping_the_error() -> None:
    errors: list[Exception] = []
    alive: list[weakref.ref[torch.Tensor]] = []

    def work(plan: MemoryPlan) -> None:
        assert all(ref() is None for ref in alive)
        tensor = torch.zeros(1000)
        alive.append(weakref.ref(tensor))
        if plan.batch > 1:
            # As a log does that writes it down later.
            errors.append(MemoryError())
            raise errors[-1]

    Ladder(no_room).run("sd", "SD", CARD, descend(ON_CARD), work, silent)
    assert len(errors) == 2
