"""An invisible mark in what generative AI painted, found again without the original.

A spread-spectrum watermark (Cox et al. 1997) in the 8 × 8 DCT of the luminance: an amplitude with
signs that are drawn once for all is added to eleven frequencies of each block, those that JPEG
keeps. The blocks too are those of JPEG, counted from the picture's corner, so that it harms the
mark little; cutting or scaling the picture afterwards loses it. It says that it is there, nothing
else, and is found where 100 pixels a side or more were painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import DocumentState, EditLayer, models_of
from ovedit.geometry import Rect

Array = NDArray[np.uint8]
Floats = NDArray[np.float32]

_BLOCK = 8
_TILE_BLOCKS = 16
_AMPLITUDE = 4.0
"""Of each frequency, in an orthonormal DCT: the pixels change by 1.7 of 255 on average (44 dB)."""
_FREQUENCIES = (
    *((0, 2), (1, 1), (2, 0)),
    *((0, 3), (1, 2), (2, 1), (3, 0)),
    *((0, 4), (1, 3), (2, 2), (3, 1)),
)
"""Vertical and horizontal: the lowest but the two in which skies are shaded."""
_SEED = 20_261_121
_LIMIT = 12.0
"""What a coefficient counts at most: outlines are much stronger than the mark."""
SURE = 7.0
"""Standard deviations from nothing; by Hoeffding's bound, chance for one window in 10^10."""
_WINDOWS = (8, 16, 32, 64)
"""Sides in blocks of the windows in which a mark is sought, beside the whole picture."""


@dataclass(frozen=True)
class Mark:
    """What was found: how sure it is, in standard deviations, and in which part of the picture."""

    score: float
    rect: Rect

    @property
    def found(self) -> bool:
        """Whether that can hardly be chance."""
        return self.score >= SURE


def painted(state: DocumentState) -> Array | None:
    """(H, W) how much of each pixel edits by trained models show, or None where none does.

    What was merged into a plain layer is not among it, for nobody knows where it is.
    """
    found: Floats | None = None
    for layer in state.layers:
        if not layer.visible or layer.opacity <= 0:
            continue
        ours = isinstance(layer, EditLayer) and bool(models_of(layer))
        if found is None and not ours:
            continue
        surface, alpha_mask = state.layer_surfaces(layer)
        rect = state.size.rect.translated(-layer.offset[0], -layer.offset[1])
        pixels = surface.read(rect)
        if pixels is None:
            continue
        alpha = pixels[..., 3] * np.float32(layer.opacity / 255)
        if alpha_mask is not None:
            mask = alpha_mask.read(rect)
            alpha *= 0 if mask is None else mask * np.float32(1 / 255)
        if found is None:
            found = np.zeros_like(alpha)
        found *= 1 - alpha
        if ours:
            found += alpha
    return None if found is None else np.rint(found * 255).astype(np.uint8)


def marked(pixels: Array, coverage: Array) -> Array:
    """A copy of (H, W, 4) pixels with the mark where the coverage (H, W) is above 0; no pixel else.

    Alpha stays.
    """
    out = pixels.copy()
    rows, columns = np.flatnonzero(coverage.any(1)), np.flatnonzero(coverage.any(0))
    if not len(rows):
        return out
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    tile = _tile()
    period = len(tile)
    repeated = tile[np.ix_(np.r_[part[0]] % period, np.r_[part[1]] % period)]
    change = repeated * (coverage[part] * np.float32(1 / 255))
    changed = np.rint(out[part][..., :3] + change[..., None])
    out[part][..., :3] = np.clip(changed, 0, 255)
    return out


def find_mark(pixels: Array) -> Mark:
    """Where in (H, W, 3 or 4) pixels a mark is most likely, and how likely."""
    height, width = (side // _BLOCK for side in pixels.shape[:2])
    whole = Rect(0, 0, pixels.shape[1], pixels.shape[0])
    if not height or not width:
        return Mark(0.0, whole)
    likeness, power = np.empty((2, height, width), np.float32)
    # In strips as high as the tile: the spectra of a large picture would take gigabytes.
    for top in range(0, height, _TILE_BLOCKS):
        rows = slice(top, min(top + _TILE_BLOCKS, height))
        values = _spectrum(pixels[rows.start * _BLOCK : rows.stop * _BLOCK, : width * _BLOCK])
        signs = _signs()[: len(values), np.arange(width) % _TILE_BLOCKS]
        likeness[rows] = (values * signs).sum(-1)
        power[rows] = (values**2).sum(-1)
    best = Mark(_score(likeness.sum(), power.sum()), whole)
    for side in _WINDOWS:
        if side >= max(height, width):
            break
        size = (min(side, width), min(side, height))
        sums = [_window_sums(each, size) for each in (likeness, power)]
        scores = sums[0] / np.sqrt(np.maximum(sums[1], 1))
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        score = float(scores[row, column])
        if score > best.score:
            place = (int(column) * _BLOCK, int(row) * _BLOCK, size[0] * _BLOCK, size[1] * _BLOCK)
            best = Mark(score, Rect(*place))
    return best


def _spectrum(pixels: Array) -> Floats:
    """(h / 8, w / 8, 11) of (h, w, 3 or 4): what the blocks hold of the marked frequencies."""
    luminance = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY)
    height, width = (side // _BLOCK for side in luminance.shape)
    blocks = luminance.astype(np.float32).reshape(height, _BLOCK, width, _BLOCK)
    spectrum = _basis() @ blocks.transpose(0, 2, 1, 3) @ _basis().T
    values = np.stack([spectrum[..., v, u] for v, u in _FREQUENCIES], axis=-1)
    return np.clip(values, -_LIMIT, _LIMIT).astype(np.float32, copy=False)


def _score(likeness: float, power: float) -> float:
    return float(likeness / np.sqrt(max(power, 1.0)))


def _window_sums(values: Floats, size: tuple[int, int]) -> Floats:
    """The sum over every window of (width, height) that lies in the array."""
    width, height = size
    sums = cv2.integral(values, sdepth=cv2.CV_64F)
    top, bottom = sums[:-height], sums[height:]
    found = bottom[:, width:] - top[:, width:] - bottom[:, :-width] + top[:, :-width]
    return found.astype(np.float32)


@cache
def _basis() -> Floats:
    """(8, 8) of the orthonormal DCT: row k is frequency k."""
    k, x = np.mgrid[:_BLOCK, :_BLOCK]
    basis = np.sqrt(2 / _BLOCK) * np.cos(np.pi * (2 * x + 1) * k / (2 * _BLOCK))
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


@cache
def _signs() -> Floats:
    """(16, 16, 11) of -1 and 1: per block of the tile that repeats, per frequency."""
    shape = (_TILE_BLOCKS, _TILE_BLOCKS, len(_FREQUENCIES))
    drawn = np.random.Generator(np.random.PCG64(_SEED)).integers(0, 2, shape)
    return (2 * drawn - 1).astype(np.float32)


@cache
def _tile() -> Floats:
    """(128, 128): what is added to red, green and blue alike."""
    spectrum = np.zeros((_TILE_BLOCKS, _TILE_BLOCKS, _BLOCK, _BLOCK), np.float32)
    for index, (v, u) in enumerate(_FREQUENCIES):
        spectrum[..., v, u] = _AMPLITUDE * _signs()[..., index]
    blocks = _basis().T @ spectrum @ _basis()
    side = _TILE_BLOCKS * _BLOCK
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3).reshape(side, side), np.float32)
