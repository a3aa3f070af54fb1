"""The embeddings of the last few pictures, found again when the next prompt comes."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict

import numpy as np
import torch
import xxhash
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
        key = hashlib.blake2b(picture_key(image) + f"{name} {half}".encode()).digest()
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

    def _shrink(self) -> None:
        total = sum(embedding.size_bytes for embedding in self._kept.values())
        while total > self._budget and len(self._kept) > 1:
            total -= self._kept.popitem(last=False)[1].size_bytes


def picture_key(image: Pixels) -> bytes:
    """What tells a picture (H, W, c) from others: a hash of its shape and of all its bytes.

    One that is not made for secrets, as at 24 megapixels others take longer than a click may. The
    last picture is known again by its array.
    """
    key = _LAST.key_of(image)
    if key is None:
        key = _key(image)
        _LAST.remember(image, key)
    return key


class _Last:
    """The key of the picture that was asked for last; safe to use from any thread."""

    def __init__(self) -> None:
        self._known: tuple[weakref.ref[Pixels], bytes] | None = None

    def key_of(self, image: Pixels) -> bytes | None:
        # Nobody writes into an array of a request, so the same array is the same picture.
        known = self._known
        return known[1] if known is not None and known[0]() is image else None

    def remember(self, image: Pixels, key: bytes) -> None:
        self._known = weakref.ref(image), key


_LAST = _Last()


def _key(image: Pixels) -> bytes:
    key = xxhash.xxh3_128(repr(image.shape).encode())
    key.update(np.ascontiguousarray(image).data)
    return key.digest()
