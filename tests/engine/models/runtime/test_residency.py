"""Who stays in memory and who goes."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ovedit.engine.library import MemoryState
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.residency import ResidencyManager

CPU = Placement("cpu", "float32")
GPU = Placement("cuda:0", "float16")


class Weights:
    """Stands for what takes the memory; in a ring with itself, as modules with hooks are."""

    def __init__(self) -> None:
        self.ring = self


def loaded(size: int) -> Loaded:
    return Loaded(Weights(), size, "cpu", "float32")


def hold(
    manager: ResidencyManager, id: str, size: int, placement: Placement = CPU
) -> AbstractContextManager[Loaded]:
    return manager.hold(id, id.title(), placement, size, lambda: loaded(size))


def put(manager: ResidencyManager, **sizes: int) -> None:
    for id, size in sizes.items():
        with hold(manager, id, size):
            pass


def ids(manager: ResidencyManager) -> list[str]:
    return [resident.id for resident in manager.state().residents]


def test_a_model_is_loaded_once() -> None:
    manager = ResidencyManager(100)
    with hold(manager, "clip", 10) as first:
        value = first.value
    with hold(manager, "clip", 10) as second:
        assert second.value is value


def test_the_least_recently_used_goes_first() -> None:
    manager = ResidencyManager(30)
    put(manager, a=10, b=10, c=10)
    put(manager, a=10)
    assert ids(manager) == ["b", "c", "a"]
    put(manager, d=15)
    assert ids(manager) == ["a", "d"]


def test_room_is_made_before_the_load() -> None:
    manager = ResidencyManager(30)
    put(manager, a=20)
    seen: list[list[str]] = []

    def load() -> Loaded:
        seen.append(ids(manager))
        return loaded(20)

    with manager.hold("b", "B", CPU, 20, load):
        pass
    assert seen == [[]]


def test_what_goes_is_really_gone() -> None:
    manager = ResidencyManager(100)
    with hold(manager, "clip", 10) as model:
        gone = weakref.ref(model.value)
        assert manager.unload("clip") == 0
        assert gone() is not None
    # Though the block's variable is still there.
    assert model is not None
    assert gone() is None
    assert ids(manager) == []


def test_pinned_models_stay_until_they_are_named() -> None:
    manager = ResidencyManager(30)
    manager.pin("a")
    put(manager, a=20, b=10, c=10)
    assert ids(manager) == ["a", "c"]
    assert manager.state().residents[0].pinned
    assert manager.unload() == 10
    assert manager.make_room() == 0
    assert ids(manager) == ["a"]
    assert manager.unload("a") == 20
    put(manager, a=20, b=20)
    assert ids(manager) == ["b"]


def test_making_room_keeps_one() -> None:
    manager = ResidencyManager(100)
    put(manager, a=10, b=20, c=30)
    assert manager.make_room(keep="b") == 40
    assert ids(manager) == ["b"]


def test_a_model_too_large_stays_only_while_it_is_in_use() -> None:
    manager = ResidencyManager(30)
    put(manager, a=10)
    with hold(manager, "huge", 50):
        assert manager.state().used == 50
    assert ids(manager) == []


def test_another_placement_is_another_load() -> None:
    manager = ResidencyManager(100)
    with hold(manager, "clip", 10, GPU) as model:
        gone = weakref.ref(model.value)
        with pytest.raises(ValueError, match="clip is in use"), hold(manager, "clip", 10, CPU):
            pass
    with hold(manager, "clip", 10, CPU):
        assert gone() is None
    assert len(ids(manager)) == 1


def test_a_failed_load_leaves_nothing() -> None:
    manager = ResidencyManager(100)

    def fail() -> Loaded:
        raise MemoryError

    with pytest.raises(MemoryError), manager.hold("a", "A", CPU, 10, fail):
        pass
    assert ids(manager) == []
    put(manager, a=10)
    assert ids(manager) == ["a"]


def test_a_smaller_budget_is_kept_at_once() -> None:
    manager = ResidencyManager(100)
    put(manager, a=30, b=30)
    manager.set_budget(40, "Card")
    assert ids(manager) == ["b"]
    assert (manager.state().budget, manager.state().device) == (40, "Card")


def test_adapters_count() -> None:
    manager = ResidencyManager(100)
    put(manager, other=50)
    with hold(manager, "sd", 40) as model:
        model.extras["lcm"] = 20
        manager.resized("sd")
        assert manager.state().used == 60
        assert ids(manager) == ["sd"]


def test_listeners_hear_of_every_change() -> None:
    manager = ResidencyManager(100)
    states: list[MemoryState] = []
    leave = manager.subscribe(states.append)
    with hold(manager, "a", 10):
        assert states[-1].residents[0].in_use
    assert not states[-1].residents[0].in_use
    manager.pin("a")
    assert states[-1].residents[0].pinned
    manager.unload("a")
    assert states[-1] == manager.state() == MemoryState((), 100)
    leave()
    count = len(states)
    put(manager, a=10)
    assert len(states) == count


def test_nobody_waits_for_a_load() -> None:
    manager = ResidencyManager(100)
    put(manager, other=10)
    loading, go_on = threading.Event(), threading.Event()

    def slow() -> Loaded:
        loading.set()
        assert go_on.wait(10)
        return loaded(10)

    def work() -> None:
        with manager.hold("slow", "Slow", CPU, 10, slow):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    assert loading.wait(10)
    assert ids(manager) == ["other"]
    manager.pin("slow")
    assert manager.unload("other") == 10
    go_on.set()
    thread.join()
    assert ids(manager) == ["slow"]


def test_two_threads_load_one_model_once() -> None:
    manager = ResidencyManager(100)
    loads: list[int] = []

    def load() -> Loaded:
        loads.append(1)
        return loaded(10)

    def work() -> None:
        for _ in range(50):
            with manager.hold("a", "A", CPU, 10, load):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert not manager.state().residents[0].in_use


NAMES = st.sampled_from("abcdef")
SIZES = {"a": 5, "b": 10, "c": 20, "d": 40, "e": 70, "f": 130}


class Memory(RuleBasedStateMachine):
    """Any order of what engines and people may do."""

    def __init__(self) -> None:
        super().__init__()
        self.manager = ResidencyManager(100, free=lambda: None)
        self.pinned: set[str] = set()
        self.used: list[tuple[str, ExitStack]] = []
        self.last: MemoryState = self.manager.state()
        self.asked: set[str] = set()
        # Unloaded while in use: to go when that ends.
        self.leaving: set[str] = set()
        self.manager.subscribe(self._heard)

    def _heard(self, state: MemoryState) -> None:
        self.last = state

    @contextmanager
    def _evictions(self) -> Iterator[None]:
        """Who goes without being asked to was idle, not pinned, and older than all who stay."""
        before = [r.id for r in self.manager.state().residents]
        protected = {id for id, _ in self.used} | self.pinned
        yield
        after = {r.id for r in self.manager.state().residents}
        gone = [id for id in before if id not in after and id not in self.asked]
        assert not protected & set(gone)
        idle = [id for id in before if id not in protected]
        assert gone == [id for id in idle if id not in self.asked][: len(gone)]
        self.asked.clear()

    @rule(id=NAMES)
    def begin(self, id: str) -> None:
        stack = ExitStack()
        before = [r.id for r in self.manager.state().residents]
        protected = {name for name, _ in self.used} | self.pinned | {id}
        model = stack.enter_context(hold(self.manager, id, SIZES[id]))
        assert model.size == SIZES[id]
        after = {r.id for r in self.manager.state().residents}
        gone = [name for name in before if name not in after]
        assert not protected & set(gone)
        assert gone == [name for name in before if name not in protected][: len(gone)]
        self.used.append((id, stack))
        self.leaving.discard(id)

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        id, stack = self.used.pop(data.draw(st.integers(0, len(self.used) - 1)))
        if id in self.leaving and id not in {name for name, _ in self.used}:
            self.asked.add(id)
            self.leaving.discard(id)
        with self._evictions():
            stack.close()

    @rule(id=NAMES, pinned=st.booleans())
    def pin(self, id: str, pinned: bool) -> None:
        (self.pinned.add if pinned else self.pinned.discard)(id)
        with self._evictions():
            self.manager.pin(id, pinned)

    @rule(id=NAMES)
    def unload_one(self, id: str) -> None:
        self.pinned.discard(id)
        self.manager.unload(id)
        in_use = {name for name, _ in self.used}
        assert (id in ids(self.manager)) == (id in in_use)
        self.leaving |= {id} & in_use

    @rule()
    def unload_all(self) -> None:
        before = set(ids(self.manager))
        self.manager.unload()
        kept = {name for name, _ in self.used} | self.pinned
        assert set(ids(self.manager)) == before & kept
        self.leaving |= {name for name, _ in self.used} - self.pinned

    @rule(budget=st.integers(0, 300))
    def change_budget(self, budget: int) -> None:
        with self._evictions():
            self.manager.set_budget(budget)

    @invariant()
    def within_the_budget_or_protected(self) -> None:
        state = self.manager.state()
        protected = all(r.in_use or r.pinned for r in state.residents)
        assert state.used <= state.budget or protected

    @invariant()
    def tells_the_truth(self) -> None:
        state = self.manager.state()
        assert state == self.last
        assert {r.id for r in state.residents if r.in_use} == {id for id, _ in self.used}
        assert {r.id for r in state.residents if r.pinned} <= self.pinned
        assert all(r.size == SIZES[r.id] for r in state.residents)

    def teardown(self) -> None:
        for _, stack in self.used:
            stack.close()


TestMemory = Memory.TestCase
TestMemory.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
