"""Out of memory, handled once for all engines: make room, then plans that need less and less."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from ovedit.engine.models.runtime.devices import Device
from ovedit.engine.models.runtime.loading import Offload, Placement
from ovedit.engine.models.runtime.memory import free_memory, is_out_of_memory
from ovedit.engine.protocols import Progress
from ovedit.errors import OutOfMemoryError

T = TypeVar("T")

_OFFLOADS = tuple(Offload)
_OFFLOAD_WORDS = {
    Offload.NONE: "with all weights on the device",
    Offload.MODEL: "with only the part at work on the device",
    Offload.SEQUENTIAL: "with only the layer at work on the device",
}


@dataclass(frozen=True)
class MemoryPlan:
    """One way to do a piece of work, which needs so much memory.

    placement: where the model is. batch: windows, points or variations at a time. tiled: decoding
    in tiles. smaller: at a lower resolution than asked for.
    """

    placement: Placement
    batch: int = 1
    tiled: bool = False
    smaller: bool = False

    @property
    def frugality(self) -> tuple[bool, bool, int, bool, int]:
        """Higher for a plan that needs less memory; what is given up first counts least."""
        offload = _OFFLOADS.index(self.placement.offload)
        return self.placement.device == "cpu", self.smaller, offload, self.tiled, -self.batch


def descend(
    first: MemoryPlan,
    *,
    tiles: bool = False,
    offloads: Sequence[Offload] = (),
    smaller: bool = False,
    cpu: str = "",
) -> list[MemoryPlan]:
    """The plan and those below it, each needing less memory than the one before.

    The batch is halved down to 1; then come tiles, offloading, a smaller resolution and the CPU, as
    far as the work knows them. offloads: those that the model can, lightest first; never used on a
    CPU. cpu: the dtype to take there, or empty to stay off it.
    """
    plans = [first]

    def then(plan: MemoryPlan) -> None:
        if plan != plans[-1]:
            plans.append(plan)

    while plans[-1].batch > 1:
        then(replace(plans[-1], batch=plans[-1].batch // 2))
    if tiles:
        then(replace(plans[-1], tiled=True))
    on_cpu = first.placement.device == "cpu"
    for offload in () if on_cpu else offloads:
        then(replace(plans[-1], placement=replace(plans[-1].placement, offload=offload)))
    if smaller:
        then(replace(plans[-1], smaller=True))
    if cpu and not on_cpu:
        # There is more memory there: the size that was asked for is possible again.
        then(replace(plans[-1], placement=Placement("cpu", cpu), smaller=first.smaller))
    return plans


def step_text(before: MemoryPlan, after: MemoryPlan) -> str:
    """What is given up between two plans, for a sentence that begins "Trying again"."""
    if after.placement.device != before.placement.device:
        return f"on the {after.placement.device.upper()}, which takes longer"
    if after.smaller and not before.smaller:
        return "at a smaller size"
    if after.placement.offload != before.placement.offload:
        return _OFFLOAD_WORDS[after.placement.offload]
    if after.tiled and not before.tiled:
        return "in tiles"
    if after.batch != before.batch:
        return f"{after.batch} at a time"
    return f"in {after.placement.dtype}"


class Ladder:
    """Steps down plan by plan, and remembers for each model and device where it got to."""

    def __init__(self, make_room: Callable[[str], int]) -> None:
        """make_room: unloads all models but the one of this id; gives the bytes that this freed."""
        self._make_room = make_room
        self._worked: dict[tuple[str, str], MemoryPlan] = {}

    def run(
        self,
        id: str,
        title: str,
        device: Device,
        plans: Sequence[MemoryPlan],
        work: Callable[[MemoryPlan], T],
        progress: Progress,
    ) -> T:
        """What `work` returns under the first plan that fits into memory.

        id, title: the model that the work is done with; plans: at least one, the best first.
        The first failure unloads the other models and tries the same plan again. Each step is
        announced through `progress` in one sentence. Raises `OutOfMemoryError` saying what was
        tried, and whatever else `work` raises, at once.
        """
        key = id, device.name
        rung = self._start(key, plans)
        tried: list[MemoryPlan] = []
        roomy = False
        while True:
            plan = plans[rung]
            done, result = _attempt(work, plan)
            if done:
                self._worked[key] = plan
                return result
            # Only now does nothing refer to the tensors of the failed attempt any more.
            free_memory()
            if not roomy:
                roomy = True
                if self._make_room(id):
                    progress(0.0, "Not enough memory. Trying again without the other models")
                    continue
            tried.append(plan)
            rung += 1
            if rung == len(plans):
                raise _gave_up(title, device, tried)
            progress(0.0, f"Not enough memory. Trying again {step_text(plan, plans[rung])}")

    def forget(self) -> None:
        """Start at the best plan again: memory was made free elsewhere."""
        self._worked.clear()

    def _start(self, key: tuple[str, str], plans: Sequence[MemoryPlan]) -> int:
        known = self._worked.get(key)
        if known is None:
            return 0
        fitting = (i for i, plan in enumerate(plans) if plan.frugality >= known.frugality)
        return next(fitting, len(plans) - 1)


def _attempt(work: Callable[[MemoryPlan], T], plan: MemoryPlan) -> tuple[bool, T]:
    """(True, the result), or (False, _) where memory ran out and nothing holds it any more."""
    try:
        return True, work(plan)
    except Exception as e:
        if not is_out_of_memory(e):
            raise
        # Every frame on the way keeps its locals, the largest tensors among them.
        link: BaseException | None = e
        while link is not None:
            traceback.clear_frames(link.__traceback__)
            link = link.__cause__ or link.__context__
    return False, None  # type: ignore[return-value]


def _gave_up(title: str, device: Device, tried: Sequence[MemoryPlan]) -> OutOfMemoryError:
    steps = ["as usual"]
    steps += [step_text(before, after) for before, after in pairwise(tried)]
    return OutOfMemoryError(
        f"{title} does not fit into the memory of {device.title}. Tried {', '.join(steps)}.",
        "Close other programs, take a smaller model, or select a smaller area.",
    )
