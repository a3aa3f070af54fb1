"""Which models stay in memory: a budget, and who has to go when it is full."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ovedit.engine.library import MemoryState, Resident
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.memory import free_memory

Listener = Callable[[MemoryState], None]


@dataclass
class _Entry:
    title: str
    placement: Placement
    loaded: Loaded
    users: int = 0
    # Asked to go while it was at work.
    leaving: bool = False


class ResidencyManager:
    """Keeps loaded models within a budget of bytes; the least recently used go first.

    A model in use or pinned never goes to make room, so these alone may exceed the budget. Every
    method may be called from any thread. Loads happen one at a time, on the thread that asks, and
    none of the others waits for them.
    """

    def __init__(self, budget: int, free: Callable[[], None] = free_memory) -> None:
        """budget: bytes. free: called after models went, to give their memory back for real."""
        self._budget = budget
        self._free = free
        # Least recently used first.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._pinned: set[str] = set()
        self._listeners: list[Listener] = []
        self._device = ""
        self._lock = threading.Lock()
        self._loading = threading.RLock()

    @contextmanager
    def hold(
        self,
        id: str,
        title: str,
        placement: Placement,
        expected: int,
        load: Callable[[], Loaded],
    ) -> Iterator[Loaded]:
        """The model, which stays in memory for as long as the block lasts.

        Calls `load` where it is not in memory, or is there with another placement; `expected` is
        how many bytes that will take. Do not keep the model, or anything out of it, beyond the
        block. Raises `ValueError` where it is in use with another placement, and what `load`
        raises.
        """
        with self._loading:
            entry = self._take(id, placement)
            if entry is None:
                self._make_room(expected)
                entry = _Entry(title, placement, load(), users=1)
                self._add(id, entry)
        try:
            yield entry.loaded
        finally:
            self._give_back(id, entry)

    def pin(self, id: str, pinned: bool = True) -> None:
        """Keep a model in memory once it is there, or let it go again when room is needed."""
        with self._lock:
            if pinned:
                self._pinned.add(id)
            else:
                self._pinned.discard(id)
            gone = self._evict(0)
        self._after(gone)

    def unload(self, id: str | None = None) -> int:
        """Free a model now, though it be pinned, or all that are not; the bytes freed.

        One in use goes as soon as it is not.
        """
        with self._lock:
            if id is not None:
                self._pinned.discard(id)
                wanted = [id] if id in self._entries else []
            else:
                wanted = [other for other in self._entries if other not in self._pinned]
            gone = []
            for name in wanted:
                if self._entries[name].users:
                    self._entries[name].leaving = True
                else:
                    gone.append(self._entries.pop(name))
        return self._after(gone)

    def make_room(self, keep: str = "") -> int:
        """Unload all that is neither in use nor pinned, but not `keep`; the bytes freed."""
        with self._lock:
            gone = [self._entries.pop(id) for id in self._idle() if id != keep]
        return self._after(gone)

    def resized(self, id: str) -> None:
        """Say that the size of a model in use has changed: something was put onto it."""
        with self._lock:
            gone = self._evict(0)
        self._after(gone)

    def set_budget(self, budget: int, device: str = "") -> None:
        """Change the budget, and the name of the device that is shown with it."""
        with self._lock:
            self._budget = budget
            self._device = device or self._device
            gone = self._evict(0)
        self._after(gone)

    def state(self) -> MemoryState:
        """What is in memory now."""
        with self._lock:
            return self._state()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change, on the thread that made it; returns the way out."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return leave

    def _take(self, id: str, placement: Placement) -> _Entry | None:
        with self._lock:
            entry = self._entries.get(id)
            if entry is None:
                return None
            if entry.placement == placement:
                self._entries.move_to_end(id)
                entry.users += 1
                # Someone wants it after all.
                entry.leaving = False
                gone = []
            elif entry.users:
                raise ValueError(f"{id} is in use at {entry.placement}; wanted at {placement}")
            else:
                gone = [self._entries.pop(id)]
                entry = None
        self._after(gone)
        return entry

    def _make_room(self, size: int) -> None:
        with self._lock:
            gone = self._evict(size)
        self._after(gone)

    def _add(self, id: str, entry: _Entry) -> None:
        with self._lock:
            self._entries[id] = entry
            gone = self._evict(0)
        self._after(gone)

    def _give_back(self, id: str, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            gone = []
            if entry.leaving and not entry.users:
                gone.append(self._entries.pop(id))
            gone += self._evict(0)
        self._after(gone)

    def _idle(self) -> list[str]:
        return [
            id for id, entry in self._entries.items() if not entry.users and id not in self._pinned
        ]

    def _evict(self, coming: int) -> list[_Entry]:
        """Take out the least recently used until what stays and what comes fit the budget."""
        gone = []
        idle = self._idle()
        used = self._used()
        while idle and used + coming > self._budget:
            entry = self._entries.pop(idle.pop(0))
            used -= _size(entry)
            gone.append(entry)
        return gone

    def _used(self) -> int:
        return sum(_size(entry) for entry in self._entries.values())

    def _after(self, gone: list[_Entry]) -> int:
        """Free what went and tell the listeners."""
        freed = sum(_size(entry) for entry in gone)
        if gone:
            for entry in gone:
                entry.loaded.drop()
            self._free()
        with self._lock:
            state = self._state()
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(state)
        return freed

    def _state(self) -> MemoryState:
        residents = tuple(
            Resident(
                id,
                entry.title,
                entry.loaded.device,
                entry.loaded.dtype,
                _size(entry),
                pinned=id in self._pinned,
                in_use=entry.users > 0,
            )
            for id, entry in self._entries.items()
        )
        return MemoryState(residents, self._budget, self._device)


def _size(entry: _Entry) -> int:
    return entry.loaded.size + sum(entry.loaded.extras.values())
