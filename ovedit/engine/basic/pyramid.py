"""The levels that a hole is filled on, from the full picture down to where the hole is thin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS = 3
"""The first features of a level are its colours."""
_TEXTURE_GAIN = 4.0
"""Gradients of texture are small beside those of colours: this makes them count alike."""
_NO_GRADIENT = 128
_THIN = 3.0
_SMALLEST_SIDE = 24
"""Depth of the hole, and side of the picture, in pixels, that are not halved again."""
_KNOWN_SHARE = 0.12
_HALVING = np.array([1, 5, 10, 10, 5, 1], np.float32) / 32
"""Binomial filter of even length: its centre lies between two pixels, as a halved pixel's does."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level of the pyramid.

    features: (H, W, 7) uint8: red, green, blue; the amount of texture across and along, which is
        the mean absolute gradient of the full picture around the pixel (Newson et al., "Video
        Inpainting of Complex Scenes", SIAM J. Imaging Sciences 2014: without it a hole in grass is
        filled with smooth patches, the nearest ones to any average); and the gradient of this level
        across and along, 128 where it is 0 or not known. All others are 0 where not known.
    known: (H, W) bool, pixels that may be copied. hole: (H, W) bool, pixels to be made. Pixels that
        are neither are transparent: not asked for, and not to be copied.
    """

    features: NDArray[np.uint8]
    known: NDArray[np.bool_]
    hole: NDArray[np.bool_]


def depth(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in pixels from each pixel of `inside` (H, W) to the nearest one outside it.

    Beyond the border of the picture nothing is known: it does not count as outside.
    """
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def build(
    colours: NDArray[np.uint8],
    known: NDArray[np.bool_],
    hole: NDArray[np.bool_],
    check: Callable[[], None],
) -> list[Level]:
    """The levels of a picture (H, W, 3), the full one first.

    Colours that are not known have no influence. A coarser pixel is the mean of the known pixels
    around it and counts as known where these are an eighth of them: so holes close from their edges
    inwards, and what lies nearest to a hole can be copied on every level. The last level is the
    first on which the hole is 3 px deep, or none of it would be left on the next. `check` is called
    between short pieces of work.
    """
    features = np.empty((*known.shape, COLOURS + 4), np.uint8)
    features[..., :COLOURS] = colours
    features[..., :COLOURS][~known] = 0
    check()
    _set_texture(features, known)
    check()
    _set_gradients(features, known)
    levels = [Level(features, known, hole)]
    while min(known.shape) >= _SMALLEST_SIDE and depth(levels[-1].hole).max() > _THIN:
        coarser = _halved(levels[-1], check)
        if not (coarser.known.any() and coarser.hole.any()):
            break
        levels.append(coarser)
        known = coarser.known
    return levels


def _luminance(
    features: NDArray[np.uint8], known: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Luminance (H, W), and 255 where its gradient rests on known pixels only, else 0."""
    grey = cv2.cvtColor(np.ascontiguousarray(features[..., :COLOURS]), cv2.COLOR_RGB2GRAY)
    sure = cv2.erode(known.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    return np.asarray(grey, np.uint8), np.asarray(sure, np.uint8)


def _set_texture(features: NDArray[np.uint8], known: NDArray[np.bool_]) -> None:
    """Mean absolute gradient over a window in proportion to the picture."""
    grey, sure = _luminance(features, known)
    half = int(2 ** max(1.0, math.log2(max(known.shape) / 128)))
    window = (2 * half + 1, 2 * half + 1)
    share = cv2.blur(sure, window)
    for channel, (dx, dy) in enumerate(((1, 0), (0, 1)), COLOURS):
        slope = cv2.convertScaleAbs(
            cv2.Sobel(grey, cv2.CV_16S, dx, dy, ksize=1), alpha=_TEXTURE_GAIN
        )
        mean = cv2.blur(cv2.bitwise_and(slope, sure), window)
        features[..., channel] = cv2.divide(mean, share, scale=255)
    features[..., COLOURS : COLOURS + 2][~known] = 0


def _set_gradients(features: NDArray[np.uint8], known: NDArray[np.bool_]) -> None:
    grey, sure = _luminance(features, known)
    unsure = sure == 0
    for channel, (dx, dy) in enumerate(((1, 0), (0, 1)), COLOURS + 2):
        slope = np.asarray(cv2.Sobel(grey, cv2.CV_8U, dx, dy, ksize=1, delta=_NO_GRADIENT))
        slope[unsure] = _NO_GRADIENT
        features[..., channel] = slope


def _halved(level: Level, check: Callable[[], None]) -> Level:
    height, width = level.known.shape
    weight = np.maximum(_filtered(level.known.astype(np.uint8)), 1e-6)
    features = np.empty((*weight.shape, level.features.shape[2]), np.uint8)
    for channel in range(COLOURS + 2):
        check()
        features[..., channel] = np.rint(_filtered(level.features[..., channel]) / weight)
    known = weight >= _KNOWN_SHARE
    odd = ((0, height % 2), (0, width % 2))
    features[..., : COLOURS + 2][~known] = 0
    blocks = np.pad(level.hole, odd).reshape(known.shape[0], 2, known.shape[1], 2)
    _set_gradients(features, known)
    return Level(features, known, blocks.any(axis=(1, 3)) & ~known)


def _filtered(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Every second pixel of the smoothed plane: pixel i of the result covers 2 i and 2 i + 1."""
    smooth = cv2.sepFilter2D(
        np.ascontiguousarray(plane),
        cv2.CV_32F,
        _HALVING,
        _HALVING,
        anchor=(2, 2),
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(smooth[::2, ::2], np.float32)
