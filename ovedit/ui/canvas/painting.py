"""Painting a scene on a widget, and between device pixels and the widget's logical ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRectF
from PySide6.QtGui import QImage, QPainter, QRegion, QTransform

from ovedit.geometry import Rect
from ovedit.ui.canvas.scene import Scene
from ovedit.ui.canvas.view import View
from ovedit.ui.qimage import qimage_over


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels shown in place of the document's over `rect`, without changing the document."""

    image: QImage
    rect: Rect


def to_widget(view: View) -> QTransform:
    """From document pixels to widget pixels."""
    scale, ratio = view.zoom / view.ratio, view.ratio
    return QTransform(scale, 0, 0, scale, view.affine.dx / ratio, view.affine.dy / ratio)


def widget_region(view: View, rects: Iterable[Rect]) -> QRegion:
    """The widget pixels that these rectangles of device pixels touch."""
    ratio, region = view.ratio, QRegion()
    for at in rects:
        area = QRectF(at.x / ratio, at.y / ratio, at.width / ratio, at.height / ratio)
        region = region.united(area.toAlignedRect())
    return region


def paint_scene(
    painter: QPainter,
    scene: Scene,
    view: View,
    bounds: QRectF,
    exposed: QRectF,
    *,
    phase: int,
    picture: Picture | None,
) -> None:
    """Paint the frame that the scene's renderer drew last, and what lies over it.

    bounds: the widget's. exposed: what of it has to be painted. phase: how far dashes have moved.
    picture: shown in place of the masks.
    """
    _paint_pixels(painter, scene.renderer.pixels, view)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    transform = to_widget(view)
    if picture is not None:
        at = picture.rect
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        where = transform.mapRect(QRectF(at.x, at.y, at.width, at.height))
        painter.drawImage(where, picture.image)
        return
    scene.overlays.paint_heat_map(painter, transform)
    outlines = scene.outlines.frame(phase)
    if outlines is not None:
        _paint_pixels(painter, outlines, view)
    scene.overlays.paint_tags(painter, transform, view.zoom / view.ratio, bounds, exposed)


def _paint_pixels(painter: QPainter, pixels: NDArray[np.uint8], view: View) -> None:
    """Paint (H, W, 4) premultiplied B, G, R, A of the whole viewport."""
    image = qimage_over(pixels)
    image.setDevicePixelRatio(view.ratio)
    painter.drawImage(QPoint(0, 0), image)
