"""Outlines of masks as painter paths in document pixels, kept until the mask changes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainterPath, QPolygonF

from ovedit.document import Surface
from ovedit.geometry import Rect

_LONGEST = 2048
"""Outlines are traced on a mip level no larger than this: finer detail is not seen."""


@dataclass(frozen=True, eq=False)
class Contour:
    """path: outline in document pixels; top: its topmost point, or None for an empty mask."""

    path: QPainterPath
    top: tuple[float, float] | None


def trace(surface: Surface, level: int) -> Contour:
    """The outline of what is at least half covered, traced at the mip level or a coarser one."""
    while max(surface.size.width, surface.size.height) >> level > _LONGEST:
        level += 1
    area = surface.bounds().at_level(level)
    coverage = surface.read(area, level) if area else None
    if coverage is None:
        return Contour(QPainterPath(), None)
    return trace_coverage(coverage, area, 1 << level)


def trace_coverage(coverage: NDArray[np.uint8], area: Rect, scale: int) -> Contour:
    """The outline of (h, w) coverage that lies at `area`, one of its pixels being `scale` wide."""
    # A rim of nothing lets the outline run around pixels at the edge, and twice the size lets it
    # run between pixels rather than through their centres.
    inside = cv2.copyMakeBorder(
        (coverage >= 128).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
    )
    doubled = cv2.resize(inside, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    path = QPainterPath()
    top: tuple[float, float] | None = None
    for outline in outlines:
        corners = cv2.approxPolyDP(outline, 0.9, True)[:, 0, :].astype(np.float64)
        if len(corners) < 3:
            continue
        points = ((corners + 0.5) / 2 - 1 + (area.x, area.y)) * scale
        highest = points[points[:, 1].argmin()]
        if top is None or highest[1] < top[1]:
            top = (float(highest[0]), float(highest[1]))
        polygon = QPolygonF([QPointF(x, y) for x, y in points.tolist()])
        polygon.append(polygon.first())
        path.addPolygon(polygon)
    return Contour(path, top)
