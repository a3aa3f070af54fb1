"""What every loader is given and gives back."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ovedit.engine.library import Model
from ovedit.engine.protocols import CancelToken, Progress


class Offload(enum.StrEnum):
    """Which weights stay in the computer's memory while a pipeline runs on an accelerator."""

    NONE = "none"
    """None: all are on the device."""
    MODEL = "model"
    """All but those of the part at work: the text encoder, then the U-Net, then the decoder."""
    SEQUENTIAL = "sequential"
    """All but those of the layer at work: the least memory, and by far the slowest."""


@dataclass(frozen=True)
class Placement:
    """Where a model is in memory: device by its torch name, dtype by name, offloading."""

    device: str
    dtype: str
    offload: Offload = Offload.NONE


def _as_it_is(tiled: bool) -> None:
    pass


@dataclass
class Loaded:
    """A model in memory.

    value: what an engine works with; each loader says what that is.
    size: bytes that its weights take of the device's memory while it works.
    device, dtype: where and how it really is, which may differ from what was asked for.
    tile: switches work in tiles on or off, where the model can.
    extras: adapters that were put onto it, with their sizes.
    """

    value: Any
    size: int
    device: str
    dtype: str
    tile: Callable[[bool], None] = _as_it_is
    extras: dict[str, int] = field(default_factory=dict)

    def drop(self) -> None:
        """Let go of the model; whoever still holds this value holds nothing large any more."""
        self.value = None
        self.tile = _as_it_is


class Loader(Protocol):
    """Loads one family of models."""

    def __call__(
        self,
        model: Model,
        folder: Path,
        placement: Placement,
        progress: Progress,
        cancel: CancelToken,
    ) -> Loaded:
        """Load from this folder alone: no network, no file outside, no code from it.

        Raises `DamagedModelError` for files that are not what the catalogue says, `Cancelled`, and
        whatever says that memory ran out.
        """
        ...
