"""What was worked out about the last few pictures, so that it need not be done again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from ovedit.engine.basic.raster import shrunk, working_size
from ovedit.engine.requests import Pixels

T = TypeVar("T")


class KeptByPicture(Generic[T]):
    """A few values, each of one picture, found again by what the picture shows at working size.

    The one not asked for the longest goes first. Safe to use from any thread; two threads that ask
    for the same new picture at once both make the value, and either is kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[bytes, T] = OrderedDict()
        self._lock = Lock()

    def value(self, image: Pixels, longest: int, make: Callable[[Pixels], T]) -> T:
        """The value kept for a picture (H, W, 4), or what `make` gives for it now.

        `make` gets the picture with its long side at most `longest`; what it raises is passed on
        and nothing is kept.
        """
        height, width = image.shape[:2]
        small = shrunk(image, working_size(width, height, longest))
        key = hashlib.blake2b(small.tobytes(), digest_size=16)
        key.update(repr((image.shape, small.shape)).encode())
        with self._lock:
            if key.digest() in self._kept:
                self._kept.move_to_end(key.digest())
                return self._kept[key.digest()]
        made = make(small)
        with self._lock:
            self._kept[key.digest()] = made
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return made
