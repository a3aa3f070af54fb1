"""What a strategy comes back with from SAM 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ovedit.engine.segmentation.refine.canvas import Canvas, Floats, Mask

_DOUBT = 0.02
"""Probability that is as good as none: nothing may change outside of a mask."""


@dataclass(frozen=True, eq=False)
class Thing:
    """A mask that SAM 2 drew: logits (h, w) in the canvas, and how good it is in [0, 1]."""

    logits: Floats
    score: float

    @property
    def mask(self) -> Mask:
        """(h, w) of bool."""
        return self.logits > 0


@dataclass(frozen=True, eq=False)
class Drawing:
    """The soft mask (h, w) in [0, 1] that SAM 2 drew in the canvas, cut at 0.5, and its things.

    kept: (h, w), parts of the dense map's mask that stay as they are.
    """

    alpha: Floats
    things: tuple[Thing, ...]
    kept: Mask

    @property
    def mask(self) -> Mask:
        """(h, w): all of it."""
        return (self.alpha > 0.5) | self.kept


def together(canvas: Canvas, masks: list[Floats], things: list[Thing]) -> Drawing:
    """All masks (logits, h, w) ORed: each pixel as much as the one that it belongs to the most."""
    nothing = np.zeros_like(canvas.probability)
    alpha = coverage(np.max(masks, axis=0)) if masks else nothing
    return Drawing(alpha, tuple(things), nothing > 0)


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of logits."""
    return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


def coverage(logits: Floats) -> Floats:
    """Alpha of logits: their probability, but exactly 0 or 1 where there is hardly a doubt."""
    return np.clip((sigmoid(logits) - _DOUBT) / (1 - 2 * _DOUBT), 0, 1)
