"""What a painter sees in a surface: its light without its texture, its edges, which way it runs.

Everything is measured on a reduced picture and carried to full resolution: the light by a fast
guided filter (He and Sun 2015), the smooth fields by interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.raster import Floats
from ovedit.engine.protocols import CancelToken

WORK_PIXELS = 700_000
"""Size of the reduced picture."""
MEDIAN_SAMPLES = 9
"""Samples along the surface for its median: enough to vote out a knot or a dark gap."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Fields over a crop of `shape` (H, W), stored reduced as (h, w).

    gain, offset: the base lightness is gain · L* + offset, without the texture. normal_x, normal_y:
    how far the surface leans to the right and down, -1 to 1, as if it swelled from its edges.
    edge: 1 on its outline and creases, 0 inside. angle: the direction it runs in, as cosine and
    sine of the doubled angle. low, middle, high: 3rd, 50th and 97th percentile of its base L*.
    light_x, light_y: towards the light, a unit vector. length: of its longer side, in full pixels.
    """

    shape: tuple[int, int]
    gain: Floats
    offset: Floats
    normal_x: Floats
    normal_y: Floats
    edge: Floats
    cosine: Floats
    sine: Floats
    low: float
    middle: float
    high: float
    light_x: float
    light_y: float
    length: float

    def rows(self, field: Floats, top: int, bottom: int) -> Floats:
        """Rows `top` to `bottom` of a reduced field at full resolution, (bottom - top, W)."""
        height, width = self.shape
        sy, sx = field.shape[0] / height, field.shape[1] / width
        matrix = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, (top + 0.5) * sy - 0.5]], np.float32)
        enlarged = cv2.warpAffine(
            field,
            matrix,
            (width, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(enlarged, np.float32)


def reduced(image: Floats | NDArray[np.uint8], pixels: int = WORK_PIXELS) -> Floats:
    """The image averaged down to at most about `pixels` pixels, in its own units, float32."""
    height, width = image.shape[:2]
    factor = min(1.0, (pixels / (height * width)) ** 0.5)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if factor < 1.0:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(image, np.float32)


def _directional_median(light: Floats, inside: Floats, cosine: Floats, sine: Floats,
                        step: float) -> Floats:  # fmt: skip
    """Median along the surface: removes grain and knots, keeps edges that run along it."""
    height, width = light.shape
    angle = 0.5 * np.arctan2(sine, cosine)
    dx, dy = np.cos(angle) * np.float32(step), np.sin(angle) * np.float32(step)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    samples = []
    half = MEDIAN_SAMPLES // 2
    for k in range(-half, half + 1):
        x, y = columns + k * dx, rows + k * dy
        there = cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        known = cv2.remap(inside, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        samples.append(np.where(known > 0.9, there, light))
    return np.median(np.stack(samples), axis=0).astype(np.float32)


def _guided(guide: Floats, target: Floats, weight: Floats, radius: int,
            eps: float) -> tuple[Floats, Floats]:  # fmt: skip
    """Coefficients of a guided filter (He et al. 2010) that sees only where `weight` is set."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: Floats, by: Floats) -> Floats:
        total = cv2.boxFilter(values * by, cv2.CV_32F, size, normalize=False)
        amount = cv2.boxFilter(by, cv2.CV_32F, size, normalize=False)
        return total / np.maximum(amount, 1e-3)

    weight = weight + np.float32(1e-3)
    mi, mp = mean(guide, weight), mean(target, weight)
    variance = np.maximum(mean(guide * guide, weight) - mi * mi, 0)
    covariance = mean(guide * target, weight) - mi * mp
    gain = np.clip(covariance / (variance + eps), 0, 1)
    return mean(gain, weight), mean(mp - gain * mi, weight)


def _directions(light: Floats, depth: Floats, solid: NDArray[np.bool_],
                sigma: float) -> tuple[Floats, Floats]:  # fmt: skip
    """Doubled angle along the edges of light and outline, by the structure tensor (Bigün 1987)."""
    products = np.zeros((3, *light.shape), np.float32)
    for field, share in ((cv2.GaussianBlur(light, (0, 0), 1.2), 1.0), (depth, 0.35)):
        x, y = (cv2.Sobel(field, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
        inner = np.where(solid & (depth > 2), np.float32(1), np.float32(0))
        power = float(np.sqrt(np.mean((x * x + y * y)[solid]))) + 1e-6
        weight = inner * np.float32(share / power**2)
        products += np.stack([x * x, y * y, x * y]) * weight
    xx, yy, xy = (cv2.GaussianBlur(products[i], (0, 0), sigma) for i in range(3))
    cosine, sine = yy - xx, -2 * xy
    norm = np.sqrt(cosine * cosine + sine * sine) + 1e-9
    return cosine / norm, sine / norm


def analyse(lightness: Floats, mask: NDArray[np.uint8], flatten: bool,
            cancel: CancelToken) -> Surface:  # fmt: skip
    """Measure the surface under `mask` (H, W) uint8 in `lightness` (H, W), L* 0 to 100.

    flatten: whether its texture will be taken off; without, only gentle smoothing is done.
    Raises `Cancelled`.
    """
    light = reduced(lightness)
    weight = reduced(mask) / np.float32(255)
    inside = (weight > 0.5).astype(np.uint8)
    if not inside.any():
        inside = (weight > 0).astype(np.uint8)
    extent = max(cv2.boundingRect(inside)[2:])
    scale = lightness.shape[0] / light.shape[0]
    cancel.check()

    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
    solid = inside > 0
    ridge = float(np.percentile(depth[solid], 90))
    cosine, sine = _directions(light, depth, solid, max(1.5, 0.4 * ridge))
    cancel.check()

    target = light
    if flatten:
        step = max(1.0, extent * 0.007)
        target = _directional_median(light, solid.astype(np.float32), cosine, sine, step)
        cancel.check()
    radius = max(2, round(extent * (0.004 if flatten else 0.01)))
    gain, offset = _guided(light, target, weight, radius, 16.0 if flatten else 9.0)
    base = gain * light + offset
    cancel.check()

    low, middle, high = (float(v) for v in np.percentile(base[solid], (3, 50, 97)))
    # Creases inside the outline have edges of their own: boards of a seat, fingers of a glove.
    span = max(high - low, 12.0)
    steps = cv2.morphologyEx(base, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    whole = cv2.GaussianBlur(inside * np.float32(1), (0, 0), max(0.8, 0.25 * ridge)) > 0.5
    parts = _without_specks(whole & (steps < 0.25 * span), max(12, round(0.3 * ridge * ridge)))
    # Only the borders bend, over a bevel; the faces between stay as flat as their light shows them.
    bevel = float(np.clip(0.13 * ridge, 1.1, 0.006 * extent + 0.8))
    # A crease may be the edge of a shadow, so it bends less than the outline.
    relief = whole * (0.45 + 0.55 * parts).astype(np.float32)
    soft = cv2.GaussianBlur(relief, (0, 0), bevel)
    nx = -cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.5 * bevel)
    ny = -cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.5 * bevel)
    length = np.sqrt(nx * nx + ny * ny + 0.3)
    nx, ny = nx / length, ny / length

    shade = (base - middle)[solid]
    lx = float(np.mean(shade * nx[solid]) / (np.std(nx[solid]) * span + 1e-6))
    ly = float(np.mean(shade * ny[solid]) / (np.std(ny[solid]) * span + 1e-6))
    # People expect light from above, slightly from the left; the picture may say otherwise.
    lx, ly = 2.0 * lx - 0.25, 2.0 * ly - 0.6
    norm = float(np.hypot(lx, ly)) + 1e-6
    return Surface(
        shape=(lightness.shape[0], lightness.shape[1]),
        gain=gain,
        offset=offset,
        normal_x=nx,
        normal_y=ny,
        edge=np.clip(2.0 * (1 - soft), 0, 1) ** np.float32(1.5),
        cosine=cosine,
        sine=sine,
        low=low,
        middle=middle,
        high=high,
        light_x=lx / norm,
        light_y=ly / norm,
        length=extent * scale,
    )


def _without_specks(parts: NDArray[np.bool_], smallest: int) -> NDArray[np.uint8]:
    """Parts of a mask with their pinholes filled and parts below `smallest` pixels dropped."""
    whole = parts.astype(np.uint8)
    for value in (0, 1):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            (whole == value).astype(np.uint8), connectivity=4
        )
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < smallest)
        whole[np.isin(labels, small[(small > 0) & (small < count)])] = 1 - value
    return whole


def surroundings(lab: Floats, mask: NDArray[np.uint8]) -> Floats:
    """What lies around the mask, spread into it and softened: (h, w, 3) Lab, reduced.

    Normalised convolution over a pyramid (push-pull, Gortler et al. 1996).
    """
    small = reduced(lab, WORK_PIXELS // 4)
    size = (small.shape[1], small.shape[0])
    outside = cv2.resize(255 - cv2.dilate(mask, np.ones((5, 5), np.uint8)), size,
                         interpolation=cv2.INTER_AREA)  # fmt: skip
    weight = (outside > 250).astype(np.float32)
    levels: list[tuple[Floats, Floats]] = [(small * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 1:
        down = [np.asarray(cv2.pyrDown(level), np.float32) for level in levels[-1]]
        levels.append((down[0], down[1]))
    total, amount = levels[-1]
    filled = total / np.maximum(amount[..., None], 1e-6)
    if float(amount.max()) <= 1e-6:
        filled = np.zeros_like(filled) + np.array([60, 0, 0], np.float32)
    for total, amount in reversed(levels[:-1]):
        up = cv2.resize(filled, (total.shape[1], total.shape[0]), interpolation=cv2.INTER_LINEAR)
        known = np.clip(amount * 1.5, 0, 1)[..., None]
        filled = up * (1 - known) + known * total / np.maximum(amount[..., None], 1e-6)
    soft = cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.006 * max(size)))
    return np.asarray(soft, np.float32)
