"""Camera, light and noise of the sample scene.

World coordinates are metres: x to the right, y up, z away from the eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
WIDTH, HEIGHT = 1800, 1200
SKY, TREES, GRASS, PATH, BENCH = range(5)
EYE = 1.22
SUN = np.array([-0.52, 0.70, -0.49], np.float32) / np.float32(np.linalg.norm([0.52, 0.70, 0.49]))
SUNLIGHT = np.array([1.00, 0.91, 0.76], np.float32) * 2.35
SKYLIGHT = np.array([0.50, 0.62, 0.80], np.float32) * 0.85


def linear(colour: str) -> Floats:
    """Linear light of an `rrggbb` colour (sRGB transfer curve approximated by 2.2)."""
    values = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255
    return values**2.2


def encode(light: Floats) -> Floats:
    """Display values 0 to 255 of linear light, with a shoulder that keeps highlights soft."""
    light = np.maximum(light, 0)
    return 255 * (light * (1 + light / 6.0) / (1 + light * 0.62)) ** np.float32(1 / 2.2)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def noise(rng: np.random.Generator, slope: float, size: int = 1024) -> Floats:
    """Periodic Gaussian noise with spectrum 1/f^slope, mean 0 and deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    texture = np.fft.irfft2(spectrum, (size, size))
    return (texture / texture.std()).astype(np.float32)


def sample(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Bilinear lookup with wrap-around; u and v count periods, any shape."""
    size = texture.shape[0]
    u, v = np.broadcast_arrays(u, v)
    count, columns = u.size, 4096
    rows = -(-count // columns)
    flat = [np.resize(np.mod(c, 1).astype(np.float32) * size, (rows, columns)) for c in (u, v)]
    wrapped = cv2.copyMakeBorder(texture, 0, 2, 0, 2, cv2.BORDER_WRAP)
    found = cv2.remap(wrapped, flat[0], flat[1], cv2.INTER_LINEAR).ravel()[:count]
    return np.asarray(found, np.float32).reshape(u.shape)


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera at (0, EYE, 0); pixels of the supersampled picture."""

    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return round(HEIGHT * self.scale), round(WIDTH * self.scale)

    @property
    def focal(self) -> float:
        """Focal length."""
        return 2020 * self.scale

    @property
    def detail(self) -> float:
        """Share of blades and leaves that are worth drawing at this size."""
        return min(1.0, self.scale)

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        return 498 * self.scale

    def project(
        self, x: Floats | float, y: Floats | float, z: Floats | float
    ) -> tuple[Floats, Floats]:
        """Column and row of world points."""
        column = np.asarray(WIDTH * self.scale / 2 + self.focal * x / z)
        return column, np.asarray(self.horizon - self.focal * (y - EYE) / z)

    def ground(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """World x and z of the ground seen at pixels below the horizon."""
        z = self.focal * EYE / np.maximum(rows - self.horizon, 0.5)
        return (columns - WIDTH * self.scale / 2) * z / self.focal, z
