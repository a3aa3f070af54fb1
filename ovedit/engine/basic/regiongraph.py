"""A picture as a graph of superpixels, and how far clicks reach in it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.raster import Floats, Indices, lab_of, superpixels
from ovedit.engine.basic.regions import region_means
from ovedit.engine.requests import Pixels

_REGION = 11
_SPATIAL = 18.0
"""Lab units that crossing the whole picture costs: what is far away is less likely the same."""

_LEAST_CONTRAST = 2.5
"""Mean colour step in Lab units that is no boundary yet."""


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """Superpixels of a picture and the colour steps between neighbours.

    labels: (h, w) int32, region of each pixel. areas: (n,) pixels. colours: (n, 3) mean Lab.
    first, second: (m,) regions of each pair of neighbours. steps: (m,) colour difference between
    them in Lab units. lengths: (m,) pixels of boundary they share. walks: (m,) what the way between
    their centres costs, in Lab units.
    """

    labels: Indices
    areas: NDArray[np.int64]
    colours: Floats
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    steps: Floats
    lengths: Floats
    walks: Floats

    @staticmethod
    def of(rgb: Pixels) -> RegionGraph:
        """The graph of a picture (h, w, 3) uint8."""
        lab = lab_of(rgb)
        labels, count = superpixels(rgb, _REGION)
        means = np.stack([region_means(labels, count, lab[..., c]) for c in range(3)], axis=1)
        height, width = labels.shape
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        centres = np.stack(
            [region_means(labels, count, columns), region_means(labels, count, rows)], axis=1
        )
        keys = []
        for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
            differ = one != other
            low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
            keys.append(low.astype(np.int64) * count + high)
        pairs, lengths = np.unique(np.concatenate(keys), return_counts=True)
        first, second = pairs // count, pairs % count
        away = np.linalg.norm(centres[first] - centres[second], axis=1)
        return RegionGraph(
            labels=labels,
            areas=np.bincount(labels.ravel(), minlength=count),
            colours=means,
            first=first,
            second=second,
            steps=np.linalg.norm(means[first] - means[second], axis=1).astype(np.float32),
            lengths=lengths.astype(np.float32),
            walks=(_SPATIAL * away / max(height, width)).astype(np.float32),
        )

    @cached_property
    def _neighbours(self) -> list[list[tuple[int, float, float]]]:
        lists: list[list[tuple[int, float, float]]] = [[] for _ in self.areas]
        for a, b, step, walk in zip(
            self.first.tolist(),
            self.second.tolist(),
            self.steps.tolist(),
            self.walks.tolist(),
            strict=True,
        ):
            lists[a].append((b, step, walk))
            lists[b].append((a, step, walk))
        return lists

    def distances(self, sources: Iterable[int]) -> Floats:
        """Least cost of getting from the nearest source to every region, (n,) in Lab units.

        Dijkstra's algorithm; a path costs its colour steps, its length, and how far the colour has
        drifted from where it started, so that a soft gradient does not lead everywhere.
        """
        result = np.full(len(self.areas), np.inf)
        queue: list[tuple[float, int, float, int]] = []
        for source in dict.fromkeys(sources):
            result[source] = 0.0
            queue.append((0.0, source, 0.0, source))
        heapq.heapify(queue)
        colours = self.colours
        neighbours = self._neighbours
        drifts: dict[int, list[float]] = {}
        while queue:
            reached, region, walked, source = heapq.heappop(queue)
            if reached > result[region]:
                continue
            if source not in drifts:
                drifts[source] = np.linalg.norm(colours - colours[source], axis=1).tolist()
            drift = drifts[source]
            for other, step, walk in neighbours[region]:
                # Steps below what noise and texture make are free; drift is not.
                path = walked + max(0.0, step - 3.0) * 0.5 + walk
                total = path + 0.5 * drift[other]
                if total < result[other] - 1e-6:
                    result[other] = total
                    heapq.heappush(queue, (total, other, path, source))
        return result.astype(np.float32)

    def extent(self, distances: Floats) -> float:
        """The distance at which what is reached is best set off from what is not.

        Among the growing sets {distance ≤ t}, the one with the strongest mean colour step along
        its boundary, as in maximally stable regions (Matas et al. 2002) but by contrast. Sets of
        a few pixels and sets of most of the picture have to be set off more strongly. Where nothing
        is set off at all, everything is reached.
        """
        total = float(self.areas.sum())
        order = np.sort(distances[np.isfinite(distances)])
        cuts = np.unique(np.quantile(order, np.linspace(0.002, 0.98, 60)))
        best, chosen = -1.0, float(cuts[-1])
        for cut in cuts:
            contrast = self.contrast(distances <= cut)
            if contrast is None:
                continue
            share = float(self.areas[distances <= cut].sum()) / total
            usual = min(1.0, (share / 0.01) ** 0.25) * min(1.0, ((1 - share) / 0.5) ** 0.5)
            if contrast * usual > best:
                best, chosen = contrast * usual, float(cut)
        if best < _LEAST_CONTRAST:
            return float(order[-1]) + 1.0
        beyond = distances[distances > chosen]
        # Half way to the next region, so that the cut does not run along the last one taken.
        return 0.5 * (chosen + float(beyond.min())) if len(beyond) else chosen + 1.0

    def contrast(self, inside: NDArray[np.bool_]) -> float | None:
        """Mean colour step in Lab units along the boundary of a set of regions (n,), if any."""
        across = inside[self.first] != inside[self.second]
        if not across.any():
            return None
        return float(np.average(self.steps[across], weights=self.lengths[across]))
