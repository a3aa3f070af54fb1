"""PatchMatch on one level: score, search and vote, compiled, without the interpreter's lock.

Barnes et al., "PatchMatch: A Randomized Correspondence Algorithm for Structural Image Editing",
SIGGRAPH 2009; the vote is that of Wexler et al., "Space-Time Completion of Video", PAMI 2007.

All kernels work on a band of rows, `first` to `last`, of a window of the level. A level's image is
given with its channels side by side, (H, W · C) uint8, so that a row of a patch is contiguous. The
window's arrays are (h, w): the field (`field_y`, `field_x`: for each patch centre the centre of the
source patch it copies, in the level's coordinates), `active` (which pixels are patch centres) and
`cost`. `weight` is (h, w · C) uint8: how much a pixel counts in a comparison. `pull` is (h, w)
float32: what a patch's cost grows by with the squared distance of its source in pixels, sideways a
sixteenth of that: what lies at another height is mostly another thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import config

from ovedit.settings import cache_folder

_SIDEWAYS = np.float32(1 / 16)

# numba's own choice would be a folder beside the installed files; it makes its settings at runtime.
if not config.CACHE_DIR:  # pyright: ignore[reportAttributeAccessIssue]
    config.CACHE_DIR = str(cache_folder() / "numba")  # pyright: ignore[reportAttributeAccessIssue]


def _compiled(function: Callable[..., object]) -> Callable[..., Any]:
    """Compile when first called, and keep the machine code where a folder for it can be written.

    Where it cannot be written numba refuses, and then every process compiles anew.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


@_compiled
def _mixed(state):
    """A well mixed 32-bit hash: random numbers that depend on nothing but what is hashed."""
    state = np.uint32(state)
    state ^= state >> np.uint32(16)
    state = np.uint32(state * np.uint32(0x7FEB352D))
    state ^= state >> np.uint32(15)
    state = np.uint32(state * np.uint32(0x846CA68B))
    return np.uint32(state ^ (state >> np.uint32(16)))


@_compiled
def _distance(image, weight, pull, wy, wx, ty, tx, sy, sx, ry, rx, channels, limit):
    """Weighted sum of squared differences of two patches and the price of how far apart they are.

    Anything ≥ limit once it gets there. The target's centre is (wy, wx) in the window and (ty,
    tx) in the level, the source's (sy, sx).
    """
    away = np.float32((sy - ty) * (sy - ty)) + _SIDEWAYS * np.float32((sx - tx) * (sx - tx))
    total = pull[wy, wx] * away
    if total >= limit:
        return total
    count = channels * (2 * rx + 1)
    t0, s0, w0 = channels * (tx - rx), channels * (sx - rx), channels * (wx - rx)
    for dy in range(-ry, ry + 1):
        target = image[ty + dy, t0 : t0 + count]
        source = image[sy + dy, s0 : s0 + count]
        factor = weight[wy + dy, w0 : w0 + count]
        row = np.int32(0)
        for k in range(count):
            difference = np.int32(target[k]) - np.int32(source[k])
            row += difference * difference * np.int32(factor[k])
        total += np.float32(row)
        if total >= limit:
            return total
    return total


@_compiled
def score(image, weight, pull, active, field_y, field_x, cost, top, left, first, last, ry, rx):
    """Set `cost` to each active patch's distance from the source patch that the field gives it."""
    channels = weight.shape[1] // active.shape[1]
    for y in range(first, last):
        for x in range(active.shape[1]):
            if active[y, x]:
                cost[y, x] = _distance(
                    image, weight, pull, y, x, y + top, x + left, field_y[y, x], field_x[y, x],
                    ry, rx, channels, np.float32(np.inf),
                )  # fmt: skip


@_compiled
def search(
    image, weight, pull, sources, active, field_y, field_x, cost, before_y, before_x,
    top, left, first, last, ry, rx, backwards, reach, seed,
):  # fmt: skip
    """One sweep of propagation and random search over the band, improving field and cost in place.

    sources: (H, W) bool, the patch centres that may be copied. before_y, before_x: the field as it
    was before the sweep, read at the neighbours outside the band, so that bands may run at the same
    time and the result does not depend on which is first. reach: radius of the first random step.
    """
    height, width = sources.shape
    h, w = active.shape
    channels = weight.shape[1] // w
    step = -1 if backwards else 1
    for i in range(last - first):
        y = last - 1 - i if backwards else first + i
        for j in range(w):
            x = w - 1 - j if backwards else j
            if not active[y, x]:
                continue
            ty, tx = y + top, x + left
            best_y, best_x, best = field_y[y, x], field_x[y, x], cost[y, x]
            for side in range(2):
                ny = y if side == 0 else y - step
                nx = x - step if side == 0 else x
                if ny < 0 or ny >= h or nx < 0 or nx >= w or not active[ny, nx]:
                    continue
                if first <= ny < last:
                    cy, cx = field_y[ny, nx] + y - ny, field_x[ny, nx] + x - nx
                else:
                    cy, cx = before_y[ny, nx] + y - ny, before_x[ny, nx] + x - nx
                if cy == best_y and cx == best_x:
                    continue
                if 0 <= cy < height and 0 <= cx < width and sources[cy, cx]:
                    found = _distance(
                        image, weight, pull, y, x, ty, tx, cy, cx, ry, rx, channels, best
                    )
                    if found < best:
                        best_y, best_x, best = cy, cx, found
            state = _mixed(np.uint32(seed) ^ _mixed(np.uint32(ty * 65537 + tx)))
            radius = reach
            while radius >= 1:
                state = _mixed(state + np.uint32(0x9E3779B9))
                cy = best_y + np.int64(state % np.uint32(2 * radius + 1)) - radius
                state = _mixed(state + np.uint32(0x9E3779B9))
                cx = best_x + np.int64(state % np.uint32(2 * radius + 1)) - radius
                radius //= 2
                # Reflected at the borders: as many tries there as in the middle.
                cy = -cy if cy < 0 else cy
                cx = -cx if cx < 0 else cx
                cy = 2 * height - 2 - cy if cy >= height else cy
                cx = 2 * width - 2 - cx if cx >= width else cx
                if 0 <= cy < height and 0 <= cx < width and sources[cy, cx]:
                    found = _distance(
                        image, weight, pull, y, x, ty, tx, cy, cx, ry, rx, channels, best
                    )
                    if found < best:
                        best_y, best_x, best = cy, cx, found
            field_y[y, x], field_x[y, x], cost[y, x] = best_y, best_x, best


@_compiled
def vote(image, out, unknown, active, field_y, field_x, trust, first, last, ry, rx):
    """Give each unknown pixel the mean of what the patches over it copy, weighted by their trust.

    out: (h, w, C) uint8; trust: (h, w) float32 above 0.
    """
    h, w = active.shape
    channels = out.shape[2]
    total = np.zeros(channels, np.float32)
    for y in range(first, last):
        for x in range(w):
            if not unknown[y, x]:
                continue
            total[:] = 0.0
            weights = np.float32(0.0)
            for py in range(max(0, y - ry), min(h, y + ry + 1)):
                for px in range(max(0, x - rx), min(w, x + rx + 1)):
                    if active[py, px]:
                        weight = trust[py, px]
                        row = field_y[py, px] + y - py
                        column = channels * (field_x[py, px] + x - px)
                        for c in range(channels):
                            total[c] += weight * image[row, column + c]
                        weights += weight
            if weights > 0:
                for c in range(channels):
                    out[y, x, c] = np.uint8(total[c] / weights + np.float32(0.5))
