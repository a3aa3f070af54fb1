"""What the parts of the inpainting engine hand to each other.

Pictures are (h, w, 3) uint8, sRGB. Masks are (h, w) uint8: 255 where there shall be new pixels, 0
where the picture is to stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import EditKind

Picture = NDArray[np.uint8]
Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Words:
    """What a model is told: what shall be there, and what shall not."""

    prompt: str = ""
    negative: str = ""


@dataclass(frozen=True, eq=False)
class PaintJob:
    """One picture to paint into, at the size at which a model works.

    picture: (h, w, 3), already filled where the kind of edit wants that. mask: (h, w), 0 or 255.
    strength: in (0, 1], how far from the picture the painting may go; 1 keeps nothing of it.
    """

    kind: EditKind
    picture: Picture
    mask: Mask
    words: Words
    seed: int
    strength: float = 1.0


class Watcher(Protocol):
    """Hears how a painting comes on."""

    def __call__(self, fraction: float, step: str = "", picture: Picture | None = None) -> None:
        """fraction: done, in [0, 1]; picture: a coarse look at it (h, w, 3) at any size."""
        ...


class Painter(Protocol):
    """Paints new pixels into a mask. A model behind one of these is loaded and ready."""

    def paint(self, job: PaintJob, watch: Watcher, cancel: CancelToken) -> Picture:
        """The whole picture (h, w, 3) painted anew; only what is in the mask will be used.

        Checks `cancel` at least once a step. The same job gives the same pixels on one machine.
        """
        ...
