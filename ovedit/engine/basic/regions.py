"""What the basic engine measures once on a picture, before it knows any phrase.

The picture is brought to a working size, cut into superpixels (SLIC, Achanta et al. 2012), and
described by colour, texture and saliency. Saliency is the contrast of regions weighted by how
unlikely they are to be background, found from boundary connectivity (Zhu et al., "Saliency
Optimization from Robust Background Detection", CVPR 2014, equations 3 to 9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.raster import (
    Floats,
    Indices,
    blurred,
    guided,
    lab_of,
    superpixels,
)
from ovedit.engine.requests import Pixels
from ovedit.geometry import Rect

CELL_BITS = 5
"""Colours are looked up in tables over sRGB cells of this many bits a channel."""
_SUPERPIXEL = 14
"""Width of the superpixels that measures are averaged over, in pixels."""
_COARSE = 32
"""Width of the regions that saliency is found on, in pixels of a picture 800 px long."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture at working size and what was measured on it; all arrays are read-only.

    rgb: (h, w, 3) uint8, transparency laid over mid grey. visible: (h, w) float32 alpha in [0, 1].
    cells: (h, w) int32, the colour table cell of each pixel (see `cell_lab`).
    contrast: (h, w) float32, local standard deviation of L*. coherence: (h, w) float32 in [0, 1],
    how strongly the gradient keeps one direction.
    labels: (h, w) int32, the superpixel of each pixel; count: how many there are.
    saliency: (h, w) float32 in [0, 1]. background: (h, w) float32 in [0, 1], likelihood of
    belonging to what runs out of the picture.
    rect: the document rectangle that the picture covers.
    """

    rgb: Pixels
    visible: Floats
    cells: Indices
    contrast: Floats
    coherence: Floats
    labels: Indices
    count: int
    saliency: Floats
    background: Floats
    rect: Rect

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at working size."""
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def standing_out(self) -> Floats:
        """How much each pixel stands out and is no background, (h, w) in [0, 1]."""
        return 0.5 * self.saliency + 0.5 * (1 - self.background)

    def averaged(self, values: Floats) -> Floats:
        """Each pixel's value replaced by the mean over its superpixel, (h, w) float32."""
        return region_means(self.labels, self.count, values)[self.labels]


def opaque(pixels: Pixels) -> Pixels:
    """(h, w, 4) with transparency laid over mid grey, as (h, w, 3)."""
    rgb = np.ascontiguousarray(pixels[..., :3])
    if pixels[..., 3].min(initial=255) == 255:
        return rgb
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(rgb * alpha + 128 * (1 - alpha)).astype(np.uint8)


def colour_cells(rgb: Pixels) -> Indices:
    """The colour table cell of each pixel: (h, w, 3) uint8 to (h, w) int32."""
    parts = (rgb >> (8 - CELL_BITS)).astype(np.int32)
    return (parts[..., 0] << 2 * CELL_BITS) | (parts[..., 1] << CELL_BITS) | parts[..., 2]


@cache
def cell_lab() -> Floats:
    """CIE L*a*b* of the centre of every colour table cell, (32768, 3) float32."""
    side = 1 << CELL_BITS
    levels = (np.arange(side, dtype=np.float32) + 0.5) / side
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return np.asarray(cv2.cvtColor(grid.reshape(1, -1, 3), cv2.COLOR_RGB2Lab)[0], np.float32)


def region_means(labels: Indices, count: int, values: Floats) -> Floats:
    """Mean of (h, w) values over each of `count` regions, (count,) float32."""
    sizes = np.bincount(labels.ravel(), minlength=count)
    sums = np.bincount(labels.ravel(), weights=values.ravel(), minlength=count)
    return (sums / np.maximum(sizes, 1)).astype(np.float32)


def measure(small: Pixels, rect: Rect, check: Callable[[float, str], None]) -> Scene:
    """Measure a picture (h, w, 4) that is already at working size and covers `rect`."""
    check(0.0, "Measuring colour and texture")
    rgb = opaque(small)
    lab = lab_of(rgb)
    contrast, coherence = _texture(lab[..., 0])
    check(0.3, "Finding regions")
    labels, count = superpixels(rgb, _SUPERPIXEL)
    check(0.6, "Finding what stands out")
    saliency, background = _saliency(lab, rgb)
    scene = Scene(
        rgb=rgb,
        visible=small[..., 3].astype(np.float32) / 255,
        cells=colour_cells(rgb),
        contrast=contrast,
        coherence=coherence,
        labels=labels,
        count=count,
        saliency=saliency,
        background=background,
        rect=rect,
    )
    for array in vars(scene).values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    check(1.0, "")
    return scene


def _texture(lightness: Floats) -> tuple[Floats, Floats]:
    mean = blurred(lightness, 7)
    variance = blurred(lightness * lightness, 7) - mean * mean
    dx = np.asarray(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), np.float32)
    dy = np.asarray(cv2.Sobel(lightness, cv2.CV_32F, 0, 1), np.float32)
    xx, yy, xy = (blurred(part, 13) for part in (dx * dx, dy * dy, dx * dy))
    # The difference of the structure tensor's eigenvalues over their sum.
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (xx + yy + 1.0)
    return np.sqrt(np.maximum(variance, 0)), coherence


def _saliency(lab: Floats, rgb: Pixels) -> tuple[Floats, Floats]:
    """Saliency and background likelihood, (h, w) each in [0, 1]."""
    height, width = lab.shape[:2]
    size = max(4, round(_COARSE * max(height, width) / 800))
    labels, count = superpixels(rgb, size)
    if count < 3:
        return np.zeros((height, width), np.float32), np.ones((height, width), np.float32)
    colour = np.stack([region_means(labels, count, lab[..., c]) for c in range(3)], axis=1)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = np.stack(
        [region_means(labels, count, columns), region_means(labels, count, rows)], axis=1
    ) / max(height, width)
    edge = np.zeros(count, np.float32)
    edge[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 1

    apart = np.linalg.norm(colour[:, None] - colour[None], axis=2)
    costs = _neighbour_costs(labels, count, apart, edge > 0)
    near = np.exp(-(_all_paths(costs) ** 2) / (2 * 10.0**2))
    connectivity = near @ edge / np.sqrt(near.sum(axis=1))
    background = 1 - np.exp(-(connectivity**2) / 2)

    weight = np.exp(-(((centre[:, None] - centre[None]) ** 2).sum(2)) / (2 * 0.25**2))
    contrast = (apart * weight * background[None]).sum(axis=1)
    if contrast.max() < 1.0:
        salient = np.zeros(count, np.float32)
    else:
        salient = _optimised(contrast / contrast.max(), background, costs, apart)

    def spread(values: Floats) -> Floats:
        return np.clip(guided(rgb, values[labels], 12, 100.0), 0, 1)

    return spread(salient), spread(background)


def _optimised(foreground: Floats, background: Floats, costs: Floats, apart: Floats) -> Floats:
    """The saliency of each region that agrees best with both cues and with its neighbours.

    Least squares over all regions (equation 9): background pulls to 0, foreground contrast to 1,
    neighbours of like colour to each other.
    """
    links = np.where(np.isfinite(costs), np.exp(-(apart**2) / (2 * 10.0**2)) + 0.1, 0)
    np.fill_diagonal(links, 0)
    system = np.diag(background + foreground + links.sum(axis=1)) - links
    solved = np.linalg.solve(system + 1e-6 * np.eye(len(links)), foreground)
    low, high = float(solved.min()), float(solved.max())
    return ((solved - low) / max(high - low, 1e-6)).astype(np.float32)


def _neighbour_costs(
    labels: Indices, count: int, apart: Floats, on_edge: NDArray[np.bool_]
) -> Floats:
    costs = np.full((count, count), np.inf, np.float32)
    for first, second in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        costs[first.ravel(), second.ravel()] = apart[first.ravel(), second.ravel()]
    # The picture's rim counts as connected, so that a background cut in two stays one.
    rim = np.flatnonzero(on_edge)
    costs[np.ix_(rim, rim)] = apart[np.ix_(rim, rim)]
    costs = np.minimum(costs, costs.T)
    # Small differences between neighbours are noise that would add up along a path.
    costs = np.maximum(costs - 3.0, 0)
    np.fill_diagonal(costs, 0)
    return costs


def _all_paths(costs: Floats) -> Floats:
    """Shortest path between every two nodes (Floyd and Warshall)."""
    paths = costs.copy()
    for middle in range(len(paths)):
        np.minimum(paths, paths[:, middle, None] + paths[middle], out=paths)
    return paths
