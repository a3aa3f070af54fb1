"""The embeddings of the last few pictures, found again when the next prompt comes."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base

from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.sam import Embedding, SamImage, embed
from ovedit.geometry import Size


class SamPictures:
    """The embeddings of the last few pictures, within a budget; safe to use from any thread.

    A picture is known again by its array, or by what is in it. The one not asked for the longest
    goes first.
    """

    def __init__(self, budget: int = 256 << 20) -> None:
        """budget: bytes; the last picture is kept whatever it takes (46 MB on a CPU)."""
        self._budget = budget
        self._kept: OrderedDict[bytes, Embedding] = OrderedDict()
        self._last: tuple[weakref.ref[Pixels], bytes] | None = None
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What the embeddings take together."""
        with self._lock:
            return sum(embedding.size_bytes for embedding in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def of(
        self, model: SAM2Base, name: str, image: Pixels, half: torch.dtype | None = None
    ) -> SamImage:
        """The picture (H, W, 3 or 4) as the model of this name sees it, embedded where it is new.

        half: see `working_format`. Raises `EngineError` where the model says nothing usable.
        """
        size = Size(image.shape[1], image.shape[0])
        key = hashlib.blake2b(self._picture_key(image) + f"{name} {half}".encode()).digest()
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is None or known.coarse.device != model.device:
            known = embed(model, image, half) if known is None else known.to(model.device)
            with self._lock:
                self._kept[key] = known
                self._shrink()
        return SamImage(model, known, size, half)

    def clear(self) -> None:
        """Forget all pictures."""
        with self._lock:
            self._kept.clear()
            self._last = None

    def _shrink(self) -> None:
        total = sum(embedding.size_bytes for embedding in self._kept.values())
        while total > self._budget and len(self._kept) > 1:
            total -= self._kept.popitem(last=False)[1].size_bytes

    def _picture_key(self, image: Pixels) -> bytes:
        last = self._last
        # Nobody writes into an array of a request, so the same array is the same picture.
        if last is not None and last[0]() is image:
            return last[1]
        key = picture_key(image)
        self._last = weakref.ref(image), key
        return key


def picture_key(image: Pixels) -> bytes:
    """What tells a picture (H, W, c) from others: its shape, and sums of its rows and columns.

    Any one changed pixel changes it. Several times faster than a hash of all bytes, which takes
    longer than a click may at 24 megapixels.
    """
    key = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    words = np.ascontiguousarray(image)
    if image.shape[2] == 4:
        words = words.view(np.uint32)
    for axis in (0, 1):
        key.update(words.sum(axis=axis, dtype=np.uint64).tobytes())
    return key.digest()
