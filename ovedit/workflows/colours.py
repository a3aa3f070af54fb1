"""Which colour the overlay of a new mask gets."""

from __future__ import annotations

from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import DocumentState, overlay_colour
from ovedit.workflows.coverage import Coverage

_Colour = tuple[int, int, int]
_PALETTE = 7
"""So many colours are well apart (`overlay_colour`); the next seven are versions of them."""
_SIDE = 512
"""Where a mask lies on the picture is told at this size."""


def next_colour(state: DocumentState, coverage: Coverage) -> _Colour:
    """An overlay colour that no mask has yet: the one farthest from the colours under the mask.

    coverage: (H, W) uint8 of the picture's size. Of the first seven colours that are not all in
    use, the one with the greatest mean CIELAB distance (CIE 1976) from the pixels that show where
    the mask is; the first free one where it covers nothing.
    """
    free = _free_colours({mask.colour for mask in state.masks})
    level = 0
    while max(state.size.width, state.size.height) >> level > _SIDE:
        level += 1
    step = 1 << level
    # A pixel of a level is the mean of step × step pixels: the mask is asked in their middle.
    here = coverage[step // 2 :: step, step // 2 :: step] >= 128
    if not here.any():
        return free[0]
    picture = state.flattened(level=level)
    pixels = picture[: here.shape[0], : here.shape[1]][here]
    distances = np.linalg.norm(_lab(pixels[:, None, :3]) - _lab(np.array([free], np.uint8)), axis=2)
    return free[int(distances.mean(axis=0).argmax())]


def _free_colours(used: set[_Colour]) -> list[_Colour]:
    turns = (
        [overlay_colour(turn * _PALETTE + number) for number in range(_PALETTE)] for turn in count()
    )
    free = ([colour for colour in colours if colour not in used] for colours in turns)
    return next(filter(None, free))


def _lab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, m, 3) uint8 sRGB as CIELAB."""
    scaled = np.ascontiguousarray(colours, np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)
