"""The one door through which engines get models: chosen device, loaded, kept, made room for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ovedit.engine.library import MemoryState, Model, ModelLibrary, Presence, Task
from ovedit.engine.models.runtime.devices import Device, choose_device, choose_dtype, set_threads
from ovedit.engine.models.runtime.ladder import Ladder, MemoryPlan, descend
from ovedit.engine.models.runtime.loaders import ADAPTER, load
from ovedit.engine.models.runtime.loading import Loaded, Offload, Placement
from ovedit.engine.models.runtime.residency import Listener, ResidencyManager
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.errors import ModelError
from ovedit.units import size_text

T = TypeVar("T")

PART = "part"
"""The capability of a model that is no use alone: it is the base of another one."""


class ModelRuntime:
    """Loads models out of a library on demand and keeps them in memory within a budget.

    `use` and `attempt` belong on the thread that owns the models; the others may be called from
    any thread, and never wait for a load.
    """

    def __init__(self, library: ModelLibrary, *, device: str = "auto", budget: int = 0) -> None:
        """library: where the models are; it stays as `library`.

        device: "auto", "cuda", "cuda:1", "mps", "xpu" or "cpu"; looked at when first needed.

        budget: bytes that models may take together, 0 for a share of the device's memory.
        """
        self.library = library
        self._wanted = device
        self._budget = budget
        self._device: Device | None = None
        self._choosing = threading.RLock()
        self._residency = ResidencyManager(budget)
        self._ladder = Ladder(self._residency.make_room)

    @property
    def device(self) -> Device:
        """Where models run. Raises `EngineMissingError` where the one wanted is not here."""
        with self._choosing:
            if self._device is None:
                set_threads()
                self._device = choose_device(self._wanted)
                budget = self._budget or self._device.budget
                self._residency.set_budget(budget, self._device.title)
            return self._device

    @contextmanager
    def use(
        self,
        id: str,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
        *,
        plan: MemoryPlan | None = None,
        adapters: Sequence[str] = (),
    ) -> Iterator[Any]:
        """The loaded model for as long as the block lasts; keep nothing of it beyond that.

        Loads it on the calling thread where it is not in memory as `plan` wants it (by default
        `self.plan(id)`); what it is says the loader of its entry. `progress` goes from 0 to 1 over
        the loading and is silent where there is none. adapters: ids of those to put onto it; any
        other that it carries is switched off.

        Raises `ModelError` where it is not on this computer, saying how to get it and where it was
        looked for; `DamagedModelError`, `EngineMissingError`, `Cancelled`; and what says that
        memory ran out, which `attempt` handles.
        """
        cancel = cancel or CancelToken()
        model = self.library.model(id)
        # Asked for although a plan is given: the budget comes with it.
        device = self.device
        plan = plan or self._best(model, device)
        placement = plan.placement

        def loaded() -> Loaded:
            folder, beside = self._folder(model), self._parts(model)
            return load(model, folder, placement, progress, cancel, beside)

        expected = _expected(model, placement)
        with self._residency.hold(id, model.title, placement, expected, loaded) as entry:
            self._adapt(model, entry, adapters, cancel)
            entry.tile(plan.tiled)
            yield entry.value

    def plan(self, id: str, batch: int = 1) -> MemoryPlan:
        """The best plan for a model here: all of it on the device, in the dtype that is right."""
        return self._best(self.library.model(id), self.device, batch)

    def plans(
        self,
        id: str,
        *,
        batch: int = 1,
        tiles: bool = False,
        offloads: Sequence[Offload] = (),
        smaller: bool = False,
        cpu: bool = True,
    ) -> list[MemoryPlan]:
        """The best plan and those that need less memory, for `attempt`; see `ladder.descend`."""
        dtype = choose_dtype(choose_device("cpu"), self.library.model(id)) if cpu else ""
        return descend(
            self.plan(id, batch), tiles=tiles, offloads=offloads, smaller=smaller, cpu=dtype
        )

    def attempt(
        self,
        id: str,
        plans: Sequence[MemoryPlan],
        work: Callable[[MemoryPlan], T],
        progress: Progress = silent,
    ) -> T:
        """What `work(plan)` returns for the first of the plans that memory suffices for.

        `work` uses the model with `use(id, ..., plan=plan)` and lets errors through. Raises
        `OutOfMemoryError` saying what was tried, and what `work` raises. See `ladder.Ladder.run`.
        """
        title = self.library.model(id).title
        return self._ladder.run(id, title, self.device, plans, work, progress)

    def memory(self) -> MemoryState:
        """The models in memory, and their budget."""
        return self._residency.state()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the state after every change; returns what ends that."""
        return self._residency.subscribe(listener)

    def unload(self, id: str | None = None) -> int:
        """Free a model now, though it be pinned, or all that are not; the bytes freed.

        One in use goes as soon as it is not.
        """
        self._ladder.forget()
        return self._residency.unload(id)

    def pin(self, id: str, pinned: bool = True) -> None:
        """Keep a model in memory once it is there, or let it go again when room is needed."""
        self._residency.pin(id, pinned)

    def _best(self, model: Model, device: Device, batch: int = 1) -> MemoryPlan:
        return MemoryPlan(Placement(device.name, choose_dtype(device, model)), batch)

    def _folder(self, model: Model) -> Path:
        state = self.library.state(model.id)
        if state.presence is Presence.READY and state.folder is not None:
            return state.folder
        what = "is not" if state.presence is Presence.MISSING else "is only in part"
        looked = ", ".join(str(folder) for folder in state.looked_in)
        where = f"; looked in {looked}" if looked else ""
        left = model.download_size - state.on_disk
        raise ModelError(
            f"{model.title} {what} on this computer{where}.",
            f"Get it ({size_text(left)}) with `ovedit models get {model.id}`, or under Models in "
            "the window.",
        )

    def _parts(self, model: Model) -> list[tuple[Model, Path]]:
        """The models that hold what a pipeline lacks: smaller weights are published alone."""
        bases = model.base if model.task is Task.INPAINT else ()
        parts = (self.library.model(id) for id in bases)
        return [(part, self._folder(part)) for part in parts if PART in part.capabilities]

    def _adapt(
        self, base: Model, entry: Loaded, adapters: Sequence[str], cancel: CancelToken
    ) -> None:
        if not adapters and not entry.extras:
            return
        # peft takes a second to import, and only adapters need it.
        from ovedit.engine.models.runtime.loaders.adapters import activate, put_on

        for id in adapters:
            if id in entry.extras:
                continue
            adapter = self.library.model(id)
            if adapter.loader != ADAPTER:
                raise ModelError(f"{adapter.title} is no adapter.", f"Use it without {base.title}.")
            put_on(entry, base, adapter, self._folder(adapter), cancel)
            self._residency.resized(base.id)
        activate(entry, adapters)


def _expected(model: Model, placement: Placement) -> int:
    """Bytes that a model will take of the device's memory, before that is known for sure."""
    if placement.offload is Offload.SEQUENTIAL:
        return 0
    return model.memory.get(placement.dtype, model.download_size)
