"""The grain of a photograph: how much noise its smoothest places have, and more of the same."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.inpainting.values import Mask, Picture

Floats = NDArray[np.float32]

FINE = 1.2
"""Deviation, in pixels, of the blur that parts fine detail and grain from the rest."""
_EDGE = 4
"""Pixels at the border of a tile where that blur sees another one."""

_TILE = 24
_TILES = 400
"""Most tiles that are looked at."""
_SMOOTHEST = 0.1
"""Share of the tiles that is taken for free of texture."""
_ENOUGH = 6
"""Fewest tiles that tell anything."""
_MOST = 8.0
"""Deviation above which the smoothest places are textured, in levels."""
_PERIOD = 256
_SOFTNESS = (0.0, 0.4, 0.6, 0.8)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Grain:
    """Noise as it is in a photograph.

    noise: (n, n, 3), periodic, in levels. variance: of its fine part in luma.
    """

    noise: Floats
    variance: float

    def over(self, fine: Floats, luma: Floats, top: int, left: int) -> Floats:
        """The noise (h, w, 3) that lacks where `fine` (h, w) is the fine part of `luma` (h, w).

        top, left: where in the photograph that is. Where there is texture or grain already, nothing
        lacks; and where the picture is black or white, grain would not show on a photograph either.
        """
        there = cv2.GaussianBlur(fine * fine, (0, 0), 2.5)
        lack = np.sqrt(np.clip(1 - there / self.variance, 0, 1))
        lack *= np.clip(luma / 12, 0, 1) * np.clip((255 - luma) / 12, 0, 1)
        height, width = fine.shape
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        return self.noise[rows % _PERIOD][:, columns % _PERIOD] * lack[..., None]


def luma_of(colours: Floats) -> Floats:
    """Luma (h, w) of colours (h, w, 3), in their unit."""
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), np.float32)


def _fine_part(values: Floats) -> Floats:
    """What is finer than a Gaussian of `FINE` pixels, of the same shape."""
    return values - np.asarray(cv2.GaussianBlur(values, (0, 0), FINE), np.float32)


def grain_of(photo: Picture, unknown: Mask, seed: int) -> Grain | None:
    """The grain of a photo (h, w, 3) where `unknown` (h, w) is 0; None where there is none to see.

    Of tiles all over the known part, the smoothest count: what is left in them is noise. None, too,
    where even those are so rough that they must be texture.
    """
    tiles = _tiles(photo, unknown)
    if len(tiles) < _ENOUGH:
        return None
    fine = _fine_of_tiles(tiles)
    inner = fine[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
    luma = inner @ _LUMA
    roughness = luma.var(axis=(1, 2))
    count = max(_ENOUGH, round(_SMOOTHEST * len(tiles)))
    chosen = np.argsort(roughness, kind="stable")[:count]
    variance = float(roughness[chosen].mean())
    # Below the rounding to whole levels there is nothing to see.
    if not 1 / 12 < variance < _MOST**2:
        return None
    samples = inner[chosen].reshape(-1, 3)
    covariance = samples.T @ samples / len(samples)
    return _made(covariance, _likeness(luma[chosen]), seed)


def _tiles(photo: Picture, unknown: Mask) -> NDArray[np.float32]:
    """Tiles (n, t, t, 3) of known pixels, evenly over the photo, neither black nor white."""
    height, width = unknown.shape
    rows, columns = height // _TILE, width // _TILE
    if not rows or not columns:
        return np.empty((0, _TILE, _TILE, 3), np.float32)
    covered = unknown[: rows * _TILE, : columns * _TILE]
    # Down first: along whole rows that is many times as fast as both at once.
    covered = covered.reshape(rows, _TILE, -1).max(axis=1).reshape(rows, columns, _TILE).max(axis=2)
    places = np.argwhere(covered == 0)
    # An uneven step, so that the tiles do not line up in columns.
    places = places[:: max(1, len(places) // _TILES)][:_TILES] * _TILE
    if not len(places):
        return np.empty((0, _TILE, _TILE, 3), np.float32)
    cut = np.stack([photo[y : y + _TILE, x : x + _TILE] for y, x in places.tolist()])
    tiles = cut.astype(np.float32)
    # Corners and centre are a good enough look at how bright a tile is.
    brightness = tiles[:, :: _TILE // 2 - 1, :: _TILE // 2 - 1].mean(axis=(1, 2, 3))
    return tiles[(brightness > 12) & (brightness < 243)]


def _fine_of_tiles(tiles: Floats) -> Floats:
    """The fine parts (n, t, t, 3) of tiles; wrong in the outermost pixels."""
    number, height, width, _ = tiles.shape
    return _fine_part(tiles.reshape(number * height, width, 3)).reshape(tiles.shape)


def _likeness(fine: Floats) -> float:
    """Correlation of neighbours in fine parts (n, h, w): high where the grain is soft."""
    both = (fine[:, :, 1:] * fine[:, :, :-1]).mean() + (fine[:, 1:] * fine[:, :-1]).mean()
    return float(both / (2 * (fine * fine).mean()))


def _made(covariance: NDArray[np.floating], likeness: float, seed: int) -> Grain:
    """Grain whose fine part has this covariance (3, 3) and correlation of neighbours."""
    white = np.random.default_rng([seed, 0x6772]).standard_normal((_PERIOD, _PERIOD, 3), np.float32)
    small = np.ascontiguousarray(white[: _PERIOD // 2, : _PERIOD // 2, 0])
    trials = [_softened(small, softness) for softness in _SOFTNESS]
    errors = [abs(_likeness(_periodic_fine(trial)[None]) - likeness) for trial in trials]
    soft = _softened(white, _SOFTNESS[int(np.argmin(errors))])
    soft /= _periodic_fine(soft).std()
    values, vectors = np.linalg.eigh(covariance)
    mixing = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    noise = soft @ mixing.astype(np.float32)
    return Grain(noise, float(_LUMA @ covariance @ _LUMA))


def _softened(noise: Floats, softness: float) -> Floats:
    if not softness:
        return noise.copy()
    framed = np.pad(noise, ((8, 8), (8, 8), *((0, 0),) * (noise.ndim - 2)), mode="wrap")
    return np.asarray(cv2.GaussianBlur(framed, (0, 0), softness), np.float32)[8:-8, 8:-8].copy()


def _periodic_fine(noise: Floats) -> Floats:
    return noise - _softened(noise, FINE)
