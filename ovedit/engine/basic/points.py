"""Answers clicks and boxes with a mask.

Every point claims the regions that it reaches at little cost (`regiongraph`), up to where what it
reaches is best set off from the rest; what plus and minus points both reach goes to the nearer. A
box sets what lies outside against what lies inside. The mask so far holds wherever no point claims
otherwise. The result is sharpened on the picture like the answer to a phrase (`refine`).
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import ENGINE
from ovedit.engine.basic.kept import KeptByPicture
from ovedit.engine.basic.raster import (
    Floats,
    Mask,
    components,
    dilated,
    otsu,
    shrunk,
    square,
)
from ovedit.engine.basic.refine import THRESHOLD, Detail, sharpen
from ovedit.engine.basic.regiongraph import RegionGraph
from ovedit.engine.basic.regions import colour_cells, opaque
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import (
    MaskCandidate,
    Pixels,
    Point,
    PointRequest,
    PointResult,
    ScoreMap,
)
from ovedit.errors import UsageError
from ovedit.geometry import Rect, Size

WORKING_SIDE = 560
DETAIL_SIDE = 900
"""Long sides, in pixels, of the picture that clicks are followed in, and of the score map: a click
has to be answered while the finger is still on the button."""
_STEEP = 6.0
"""How quickly the likelihood falls where a place becomes nearer to what is outside."""
_KEPT = 3
_FILLED = 0.8
"""Share of a box that a thing usually fills."""
_VAGUE, _CLEAR = 12.0, 20.0
"""Mean colour steps along an edge, in Lab units, that say nothing and that leave no doubt."""


def segment_points(request: PointRequest, progress: Progress, cancel: CancelToken) -> PointResult:
    """The thing at the points, in the box, or both. Raises `Cancelled` when asked to stop.

    Raises `UsageError` where there is neither a point nor a box with anything in it.
    """
    started = time.perf_counter()
    picture = Rect(0, 0, request.image.shape[1], request.image.shape[0])
    box = None if request.box is None else request.box.intersect(picture)
    if not request.points and not box:
        raise UsageError(
            "There is neither a point nor a box inside the picture.",
            "Click the thing, or draw a box around it.",
        )
    progress(0.0, "Measuring the picture")
    canvas = _canvases.value(
        request.image, WORKING_SIDE, lambda small: _Canvas(small, picture.size)
    )
    cancel.check()
    progress(0.5, "Following the edges")
    likelihood = _likelihood(canvas, request.points, box, request.mask)
    cancel.check()
    label = sharpen(canvas.rgb, canvas.cells, likelihood, rounds=2, trust_colour=0.35,
                    fixed=_known(canvas, request.points, box))  # fmt: skip
    label = _held_together(canvas, label, request.points, box, request.mask)
    cancel.check()
    progress(0.8, "Drawing the edge")
    detail = Detail.of(request.image, DETAIL_SIDE)
    reach = dilated(label >= 0.4, square(5))
    values = detail.score_map(label, reach, likelihood, trust_colour=0.2)
    cancel.check()
    inside = label >= 0.5
    clear = float(np.abs(2 * likelihood[inside] - 1).mean()) if inside.any() else 0.0
    candidate = MaskCandidate(
        label="selection",
        score=round(clear, 3),
        scores=ScoreMap(values, picture),
        threshold=THRESHOLD,
        reason=_reason(request.points, box),
    )
    progress(1.0, "")
    return PointResult(candidate, ENGINE, time.perf_counter() - started)


class _Canvas:
    """A picture at working size, its region graph, and what points reached in it so far."""

    def __init__(self, small: Pixels, whole: Size) -> None:
        self.rgb = opaque(small)
        self.cells = colour_cells(self.rgb)
        self.visible = small[..., 3].astype(np.float32) / 255
        self.scale = (small.shape[1] / whole.width, small.shape[0] / whole.height)
        self.graph = RegionGraph.of(self.rgb)
        self._reach: dict[tuple[int, int], Floats] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        return self.rgb.shape[1], self.rgb.shape[0]

    def at(self, point: Point) -> tuple[int, int]:
        """Row and column of a document point, the nearest one where it lies outside."""
        height, width = self.shape
        row = int(np.clip(point.y * self.scale[1], 0, height - 1))
        return row, int(np.clip(point.x * self.scale[0], 0, width - 1))

    def reach(self, point: Point) -> Floats:
        """How far each region is from a point, (n,); 1 is as far as the point reaches."""
        place = self.at(point)
        if place not in self._reach:
            distances = self.graph.distances([int(self.graph.labels[place])])
            self._reach[place] = distances / max(self.graph.extent(distances), 1e-3)
        return self._reach[place]


_canvases: KeptByPicture[_Canvas] = KeptByPicture(_KEPT)


def _likelihood(
    canvas: _Canvas, points: tuple[Point, ...], box: Rect | None, mask: NDArray[np.uint8] | None
) -> Floats:
    """Likelihood (h, w) in [0, 1] of belonging to the thing, from points, box and mask so far."""
    count = len(canvas.graph.areas)
    far = np.full(count, np.inf, np.float32)
    plus, minus = far.copy(), far.copy()
    before = np.zeros(canvas.shape, np.float32)
    if mask is not None:
        before += shrunk(mask, canvas.size)
        before /= 255
    for point in points:
        # What the mask already holds needs no plus point to reach further.
        if not (point.positive and before[canvas.at(point)] > 0.5):
            into = plus if point.positive else minus
            np.minimum(into, canvas.reach(point), out=into)
    labels = canvas.graph.labels
    inner, outer = plus[labels], minus[labels]
    if box:
        inside = _box_mask(canvas, box)
        outer = np.minimum(outer, _from_outside(canvas, inside))
        # Without a plus point, everything in the box may be the thing.
        inner = np.where(inside, np.minimum(inner, 1.0), inner)
        outer = np.where(inside, outer, 0.0)
    if before.any():
        inner = np.minimum(inner, 1.6 - 0.9 * before)
        outer = np.minimum(outer, 0.7 + 0.9 * before)
    elif not box:
        outer = np.minimum(outer, 1.0)
    inner, outer = np.minimum(inner, 3.0), np.minimum(outer, 3.0)
    share = outer / (inner + outer + 1e-6)
    result = 1 / (1 + np.exp(-2 * _STEEP * (share - 0.5)))
    return (result * (canvas.visible > 0.02)).astype(np.float32)


def _from_outside(canvas: _Canvas, inside: Mask) -> Floats:
    """How far each pixel is from what lies around the box, (h, w); 1 parts near from far."""
    graph = canvas.graph
    share = np.bincount(graph.labels.ravel(), inside.ravel(), len(graph.areas)) / graph.areas
    around = np.flatnonzero(share < 0.5)
    if not len(around):
        return np.full(canvas.shape, 2.0, np.float32)
    near = dilated(inside, square(25))
    ring = np.intersect1d(around, np.unique(graph.labels[near]))
    distances = graph.distances((ring if len(ring) else around).tolist())
    within = distances[share >= 0.5]
    if not len(within) or float(within.max()) < 1e-3:
        return np.full(canvas.shape, 2.0, np.float32)
    farthest = float(within.max())
    parting = max(0.7 * otsu(within, farthest), 0.1) * farthest
    # A box is drawn round all of a thing: only a clear edge says that it fills less of it.
    edge = graph.contrast((distances > parting) & (share >= 0.5)) or 0.0
    clear = float(np.clip((edge - _VAGUE) / (_CLEAR - _VAGUE), 0, 1))
    filling = float(np.quantile(np.repeat(within, graph.areas[share >= 0.5]), 1 - _FILLED))
    parting = max(clear * parting + (1 - clear) * min(parting, filling), 0.02 * farthest)
    return np.minimum(distances / parting, 3.0)[graph.labels].astype(np.float32)


def _box_mask(canvas: _Canvas, box: Rect) -> Mask:
    inside = np.zeros(canvas.shape, bool)
    wide, high = canvas.scale
    top, left = int(box.y * high), int(box.x * wide)
    bottom = max(top + 1, round(box.bottom * high))
    right = max(left + 1, round(box.right * wide))
    inside[top:bottom, left:right] = True
    return inside


def _known(canvas: _Canvas, points: tuple[Point, ...], box: Rect | None) -> Floats:
    """Log odds (h, w) of what needs no guess: the points themselves and all outside the box."""
    known = np.zeros(canvas.shape, np.float32)
    if box:
        known[~_box_mask(canvas, box)] = -8.0
    for point in points:
        row, column = canvas.at(point)
        cv2.circle(known, (column, row), 2, 8.0 if point.positive else -8.0, -1)
    return known


def _held_together(
    canvas: _Canvas,
    label: Floats,
    points: tuple[Point, ...],
    box: Rect | None,
    mask: NDArray[np.uint8] | None,
) -> Floats:
    """The label without pieces that neither a plus point, the box nor the mask so far asks for."""
    parts, count = components(label >= 0.5, connectivity=4)
    areas = np.bincount(parts.ravel(), minlength=count)
    kept = np.zeros(count, bool)
    clicked = [parts[canvas.at(point)] for point in points if point.positive]
    kept[clicked] = True
    if not clicked and count > 1:
        kept = areas >= 0.05 * areas[1:].max()
    elif box:
        kept |= areas >= 0.2 * areas[1:].max(initial=0)
    if mask is not None and mask.any():
        held = shrunk(mask, canvas.size) > 127
        kept |= np.bincount(parts.ravel(), held.ravel(), count) > 0.3 * areas
        # A minus point that takes most of a piece of the mask is meant to take all of it.
        pieces, pieces_count = components(held, connectivity=4)
        whole = np.bincount(pieces.ravel(), minlength=pieces_count)
        left = np.bincount(pieces[label >= 0.5], minlength=pieces_count)
        crumbs = (left < 0.2 * whole)[pieces] & held
        kept &= np.bincount(parts.ravel(), crumbs.ravel(), count) < 0.5 * np.maximum(areas, 1)
        kept[clicked] = True
    kept[0] = True
    return np.where(kept[parts], label, np.minimum(label, 0.2))


def _reason(points: tuple[Point, ...], box: Rect | None) -> str:
    plus = sum(point.positive for point in points)
    minus = len(points) - plus
    parts = [
        f"{number} {kind} point{'s' if number > 1 else ''}"
        for number, kind in ((plus, "plus"), (minus, "minus"))
        if number
    ]
    if box:
        parts.append("a box")
    return "From " + " and ".join(parts) + "."
