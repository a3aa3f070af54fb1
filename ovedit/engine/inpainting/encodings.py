"""What a pipeline made of words and pictures, kept for the next run on the same ones.

Variations of an edit have the words and the surroundings in common. To read them takes a model of
few steps as long as to paint, and the first step would wait for it every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

_KEPT = 4
"""Calls that are kept of each kind: those of an edit that is refined, twice of each."""


class Encodings:
    """Belongs on the thread that owns the models. What it keeps goes with its pipeline."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, dict[object, _Calls]] = WeakKeyDictionary()

    @contextmanager
    def kept(self, pipeline: Any, adapters: tuple[str, ...] = ()) -> Iterator[None]:
        """While the block lasts, the pipeline encodes only what it did not encode before.

        adapters: ids of those that are put onto it now, which may change what it makes of words.
        """
        calls = self._known.setdefault(pipeline, {})
        autoencoder = pipeline.vae
        tiled = getattr(autoencoder, "use_tiling", False)
        read = calls.setdefault(("words", adapters), _Calls())
        seen = calls.setdefault(("picture", tiled), _Calls())
        pipeline.encode_prompt = read.instead_of(pipeline.encode_prompt)
        # Noise that is drawn from what the autoencoder gives is drawn each time.
        autoencoder.encode = seen.instead_of(autoencoder.encode)
        try:
            yield
        finally:
            del pipeline.encode_prompt, autoencoder.encode


class _Calls:
    """The last calls of a function and what it gave, the newest first."""

    def __init__(self) -> None:
        self._past: list[tuple[object, Any]] = []

    def instead_of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, called only with what it was not called with lately."""

        def call(*given: Any, **named: Any) -> Any:
            for number, (known, result) in enumerate(self._past):
                if _same(known, (given, named)):
                    self._past.insert(0, self._past.pop(number))
                    return result
            result = function(*given, **named)
            self._past = [((given, named), result), *self._past[: _KEPT - 1]]
            return result

        return call


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        alike = one.shape == other.shape and one.dtype == other.dtype and one.device == other.device
        return alike and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
