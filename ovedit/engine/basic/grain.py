"""Procedural grain: periodic textures of mean 0 and deviation about 1, fixed by their seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ovedit.engine.basic.finishes import Finish
from ovedit.engine.basic.raster import Floats

TILE = 1024
"""Side of a tile in pixels, after which a texture repeats."""
ANGLES = 8
"""Directions between 0 and π for which an oriented texture has tiles."""


def white(rng: np.random.Generator, rows: int = TILE, columns: int = TILE) -> Floats:
    """White Gaussian noise (rows, columns)."""
    return rng.standard_normal((rows, columns), np.float32)


def _normal(texture: Floats) -> Floats:
    texture = texture - texture.mean()
    return (texture / max(float(texture.std()), 1e-6)).astype(np.float32)


def _frequencies(size: int = TILE) -> tuple[Floats, Floats]:
    return (
        np.fft.fftfreq(size).astype(np.float32)[:, None],
        np.fft.rfftfreq(size).astype(np.float32)[None, :],
    )


def _window_of(along: float, across: float, angle: float, size: int) -> Floats:
    """Spectrum of a Gaussian with these deviations in pixels, turned by `angle` radians."""
    fy, fx = _frequencies(size)
    u, v = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
    return np.exp(-2 * np.pi**2 * ((along * u) ** 2 + (across * v) ** 2)).astype(np.float32)


def shaped(rng: np.random.Generator, along: float, across: float, angle: float = 0.0) -> Floats:
    """Noise smoothed by a Gaussian of `along` by `across` pixels turned by `angle`; periodic."""
    spectrum = np.fft.rfft2(white(rng)) * _window_of(along, across, angle, TILE)
    return _normal(np.fft.irfft2(spectrum, (TILE, TILE)))


def cloudy(rng: np.random.Generator, scale: float, slope: float = 1.6) -> Floats:
    """Periodic 1/f^slope noise without structure larger than about `scale` pixels."""
    fy, fx = _frequencies()
    f = np.hypot(fx, fy)
    spectrum = np.fft.rfft2(white(rng)) / (f + 0.25 / max(scale, 1)) ** slope
    return _normal(np.fft.irfft2(spectrum, (TILE, TILE)))


def _softened(texture: Floats, sigma: float) -> Floats:
    """Gaussian blur of a periodic texture."""
    margin = int(4 * sigma) + 1
    framed = cv2.copyMakeBorder(texture, margin, margin, margin, margin, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(framed, (0, 0), sigma)
    return np.asarray(soft[margin:-margin, margin:-margin], np.float32)


def _speckle(rng: np.random.Generator, scale: float) -> Floats:
    grain = shaped(rng, 0.45 * scale, 0.45 * scale)
    spots = np.tanh(1.8 * (shaped(rng, 0.9 * scale, 0.9 * scale) - 1.1)) + 1
    dark = np.tanh(1.8 * (shaped(rng, 0.8 * scale, 0.8 * scale) - 1.2)) + 1
    return _normal(0.6 * grain + 0.9 * spots - 1.2 * dark + 0.5 * cloudy(rng, 12 * scale))


def _veins(rng: np.random.Generator, scale: float) -> Floats:
    def net(size: float, sharp: float) -> Floats:
        field = cloudy(rng, size, 1.9)
        return np.exp(-np.abs(field) * sharp).astype(np.float32)

    wide, thin = net(scale, 9.0), net(scale * 0.55, 16.0)
    patch = np.clip(0.5 + 0.6 * cloudy(rng, scale * 0.8), 0, 1.5)
    return (-2.6 * wide * patch - 1.3 * thin * patch + 0.35 * cloudy(rng, scale * 0.5)).astype(
        np.float32
    )


def _cells(rng: np.random.Generator, scale: float) -> tuple[Floats, Floats]:
    """Distance to the nearest and second nearest of scattered points (Worley 1996), in cells."""
    size = TILE // 2
    side = max(4, round(size / max(scale, 2.0)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1)
    points = (grid + rng.random((side, side, 2))).astype(np.float32)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(side / size)
    r0, c0 = rows.astype(np.int32), columns.astype(np.int32)
    first = np.full((size, size), 9, np.float32)
    second = first.copy()
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            row, column = (r0 + dr) % side, (c0 + dc) % side
            near = points.reshape(-1, 2).take(row * side + column, axis=0)
            dy = near[..., 0] + (r0 + dr - row) - rows
            dx = near[..., 1] + (c0 + dc - column) - columns
            distance = np.hypot(dx, dy).astype(np.float32)
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
    return first, second


def _pebble(rng: np.random.Generator, scale: float) -> Floats:
    first, second = _cells(rng, scale)
    height = np.clip((second - first) * 2.4, 0, 1)
    lit = np.roll(height, (1, 1), (0, 1)) - height
    return _normal(0.55 * height - 2.2 * lit)


def _hammered(rng: np.random.Generator, scale: float) -> Floats:
    first, _ = _cells(rng, 2.2 * scale)
    height = _softened(first**2, 0.18 * scale + 0.3)
    return _normal(height - np.roll(height, (2, 2), (0, 1)))


def _weave(rng: np.random.Generator, scale: float, twill: bool) -> Floats:
    threads = max(8, round(TILE / (2 * scale)))
    rows, columns = np.mgrid[0:TILE, 0:TILE].astype(np.float32) * np.float32(threads / TILE)
    noise = cloudy(rng, 6 * scale)
    if twill:
        diagonal = np.sin(2 * np.pi * (rows * 0.5 + columns * 0.5).round(4))
        yarn = shaped(rng, 7 * scale, 0.5 * scale, np.pi / 2)
        return _normal(diagonal + 0.9 * yarn + 0.4 * noise)
    over = np.sign(np.sin(np.pi * rows) * np.sin(np.pi * columns))
    warp = np.abs(np.sin(np.pi * columns))
    weft = np.abs(np.sin(np.pi * rows))
    slub = shaped(rng, 14 * scale, 0.5 * scale) + shaped(rng, 14 * scale, 0.5 * scale, np.pi / 2)
    return _normal(np.where(over > 0, warp, weft) + 0.18 * slub + 0.15 * noise)


def _sparkle(rng: np.random.Generator, scale: float) -> Floats:
    glints = np.clip(shaped(rng, 0.4 * scale, 0.4 * scale) - 2.4, 0, None) * 4
    return (0.5 * cloudy(rng, 14 * scale) + 0.35 * shaped(rng, scale, scale) + glints).astype(
        np.float32
    )


def _bricks(rng: np.random.Generator, length: float) -> tuple[Floats, Floats]:
    """Running bond: relief of the tile, and 1 where there is mortar."""
    width, height = max(12, round(length)), max(5, round(length * 0.36))
    across, down = 12, 2 * max(4, round(12 * width / height / 2))
    rows, columns = np.mgrid[0 : down * height, 0 : across * width].astype(np.float32)
    course = (rows // height).astype(int)
    shifted = columns + (course % 2) * width / 2
    which = (shifted // width).astype(int) % across
    joint = max(1.0, 0.035 * width)
    x, y = shifted % width, rows % height
    edge = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
    mortar = np.clip((joint - edge) / max(0.35 * joint, 0.5), 0, 1)
    tone = rng.normal(0, 1.0, (down, across)).astype(np.float32)[course, which]
    rough = _softened(white(rng, *rows.shape), 0.8)
    # The lower and right joints lie in the shadow of the brick above.
    shadow = np.clip((joint * 2.0 - y) / joint, 0, 1) * (1 - mortar)
    relief = (1 - mortar) * (tone - 0.9 * shadow) + 0.9 * rough
    return relief.astype(np.float32), mortar.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Grain:
    """A texture that covers the plane: tiles for equally spaced directions, or one without any.

    tiles: (n, h, w) in L*. mortar: (h, w) in [0, 1], or None.
    """

    tiles: Floats
    mortar: Floats | None = None

    def at(self, top: int, left: int, angle: Floats) -> Floats:
        """The texture in L* at rows from `top` and columns from `left`; `angle` (h, w) radians."""
        height, width = angle.shape
        if len(self.tiles) == 1:
            return _window(self.tiles[0], top, left, height, width)
        count, rows, columns = self.tiles.shape
        position = np.mod(angle, np.float32(np.pi)) * np.float32(count / np.pi)
        first = np.minimum(position.astype(np.int32), count - 1)
        share = position - first
        where = (np.arange(top, top + height, dtype=np.int32) % rows * columns)[:, None]
        where = where + np.arange(left, left + width, dtype=np.int32) % columns
        area = np.int32(rows * columns)
        flat = self.tiles.reshape(-1)
        one = flat.take(where + first * area)
        two = flat.take(where + np.where(first + 1 < count, first + 1, 0) * area)
        # Mixing unlike textures would lose contrast half way between two directions.
        return (one + share * (two - one)) / np.sqrt(1 - 2 * share + 2 * share * share)

    def mortar_at(self, top: int, left: int, height: int, width: int) -> Floats | None:
        """Where there is mortar, or None for a grain without any."""
        return None if self.mortar is None else _window(self.mortar, top, left, height, width)


def _window(tile: Floats, top: int, left: int, height: int, width: int) -> Floats:
    rows = np.arange(top, top + height) % tile.shape[0]
    columns = np.arange(left, left + width) % tile.shape[1]
    return tile[rows][:, columns]


def _oriented(
    rng: np.random.Generator, layers: Sequence[tuple[float, float, float]], size: int = TILE
) -> Floats:
    """Sums of (weight, along, across) layers of streaks in `ANGLES` directions, (n, size, size)."""
    spectra = [np.fft.rfft2(white(rng, size, size)) for _ in layers]
    tiles = []
    for k in range(ANGLES):
        angle = np.pi * k / ANGLES
        total = np.zeros_like(spectra[0])
        for spectrum, (weight, along, across) in zip(spectra, layers, strict=True):
            window = _window_of(along, across, angle, size)
            total += spectrum * window * (weight / np.sqrt(np.mean(window**2)))
        tiles.append(_normal(np.fft.irfft2(total, (size, size))))
    return np.stack(tiles)


def sheen_of(finish: Finish, length: float, seed: int) -> Grain:
    """Soft bands of light across the way a polished surface runs."""
    if not finish.sheen:
        return Grain(np.zeros((1, 1, 1), np.float32))
    rng = np.random.default_rng([seed, 0x7368])
    # Bands are smooth: they are made small and enlarged.
    factor = 8
    wide = min(0.035 * length, TILE / 12) / factor
    tiles = _oriented(
        rng, ((1.0, 0.9 * wide, 1.6 * wide), (0.6, 0.25 * wide, 1.4 * wide)), TILE // factor
    )
    tiles = np.tanh(0.8 * tiles) * np.float32(finish.sheen)
    return Grain(np.stack([_enlarged(tile, factor) for tile in tiles]))


def _enlarged(tile: Floats, factor: int) -> Floats:
    framed = cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_WRAP)
    large = cv2.resize(framed, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large[2 * factor : -2 * factor, 2 * factor : -2 * factor], np.float32)


def grain_of(finish: Finish, length: float, seed: int) -> Grain:
    """The grain of a finish for an object `length` pixels long."""
    rng = np.random.default_rng([seed, 0x6F76])
    scale = max(finish.size * length / 1000, 0.6)
    size = TILE if length > TILE // 2 else TILE // 2
    kind = finish.pattern
    mortar = None
    if kind == "none" or finish.strength <= 0:
        return Grain(np.zeros((1, 1, 1), np.float32))
    if kind == "brushed":
        tiles = _oriented(
            rng, ((0.8, 26 * scale + 8, 0.42 * scale), (0.6, 90 * scale + 20, 2.4 * scale)), size
        )
    elif kind == "fibre":
        tiles = _oriented(
            rng,
            (
                (0.55, 9 * scale + 4, 0.12 * scale + 0.2),
                (0.8, 26 * scale + 10, 0.7 * scale),
                (0.4, 30 * scale + 10, 2.6 * scale),
            ),
            size,
        )
    elif kind == "blades":
        tiles = shaped(rng, 5 * scale, 0.6 * scale, np.pi / 2)[None]
    elif kind == "mortar":
        tile, mortar = _bricks(rng, scale)
        tiles = tile[None]
    else:
        makers = {
            "speckle": _speckle,
            "mottle": cloudy,
            "veins": _veins,
            "pebble": _pebble,
            "hammered": _hammered,
            "sparkle": _sparkle,
            "weave": lambda r, s: _weave(r, s, twill=False),
            "twill": lambda r, s: _weave(r, s, twill=True),
        }
        tiles = makers[kind](rng, scale)[None]
    return Grain((tiles * np.float32(finish.strength)).astype(np.float32), mortar)
