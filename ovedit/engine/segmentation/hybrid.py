"""Dense map or proposals: which road a phrase takes, and what two answers make together."""

from __future__ import annotations

from typing import Literal

import torch

from ovedit.engine.segmentation.text import TextBank

Kind = Literal["thing", "stuff"]

THINGS = (
    "person", "animal", "dog", "bird", "car", "bicycle", "chair", "bench", "table", "lamp", "cup",
    "bottle", "book", "phone", "remote control", "bag", "shoe", "ball", "boat", "sign", "clock",
    "toy", "tool", "fruit", "statue",
)  # fmt: skip
STUFF = (
    "sky", "cloud", "grass", "water", "sea", "river", "sand", "snow", "road", "pavement", "ground",
    "floor", "wall", "ceiling", "carpet", "fog", "smoke", "foliage", "forest", "mountain", "field",
    "gravel", "concrete", "brick wall", "shadow",
)  # fmt: skip
"""Words for countable things, and for what fills areas without a shape of its own."""
_NEAREST = 3
_PLAIN = "1"
AGREE = 0.5
"""IoU from which two answers are taken for the same thing."""


def kind_of(phrase: torch.Tensor, bank: TextBank) -> Kind:
    """Whether a phrase's embedding (c,) lies nearer to words for things or for stuff.

    Compared are the means of its highest cosines with either list.
    """
    things, stuff = (
        (bank.embed(words, _PLAIN).values @ phrase.float().cpu()).topk(_NEAREST).values.mean()
        for words in (THINGS, STUFF)
    )
    return "thing" if things >= stuff else "stuff"
