"""How the document lies in the widget: zoom, position, and the mip level that suits them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ovedit.geometry import Affine, Rect, Size

_PREVIEW_PIXELS = 4_000_000
MIN_ZOOM, MAX_ZOOM = 1 / 64, 64.0
ZOOM_STEPS = (
    *(1 / 32, 1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0),
)


@dataclass(frozen=True, slots=True)
class View:
    """A document of size `document` shown in a viewport of `viewport` device pixels.

    affine maps document pixels to device pixels; its scale is the zoom, 1.0 being 100 %. The shift
    is whole device pixels, so that a pan moves what is drawn without redrawing it. ratio: device
    pixels per pixel of the widget, 2.0 on a screen of high density.
    """

    document: Size
    viewport: Size
    affine: Affine = field(default_factory=Affine)
    ratio: float = 1.0

    @property
    def zoom(self) -> float:
        """Device pixels per document pixel."""
        return self.affine.scale

    @property
    def level(self) -> int:
        """The coarsest mip level that still has a pixel for every device pixel."""
        if self.zoom >= 1:
            return 0
        coarsest = max(self.document.width, self.document.height).bit_length() - 1
        return min(int(math.log2(1 / self.zoom) + 1e-9), coarsest)

    @property
    def preview_level(self) -> int:
        """The mip level for coverage shown while a slider moves: what is seen, within 4 MP."""
        level = self.level
        while self.document.area >> (2 * level) > _PREVIEW_PIXELS:
            level += 1
        return level

    @property
    def fit_zoom(self) -> float:
        """The zoom at which all of the document is seen with a margin.

        Never above 100 % of the widget's pixels: a small picture looks as large on any screen.
        """
        margin = 0.94
        return min(
            self.ratio,
            margin * self.viewport.width / max(1, self.document.width),
            margin * self.viewport.height / max(1, self.document.height),
        )

    def to_document(self, x: float, y: float) -> tuple[float, float]:
        """Document position of a device position."""
        return self.affine.invert(x, y)

    def to_device(self, x: float, y: float) -> tuple[float, float]:
        """Device position of a document position."""
        return self.affine.apply(x, y)

    def device_rect(self, rect: Rect) -> Rect:
        """The device pixels that a document rectangle touches, cut to the viewport."""
        left, top = self.to_device(rect.x, rect.y)
        right, bottom = self.to_device(rect.right, rect.bottom)
        touched = Rect.from_edges(
            math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        )
        return touched.intersect(self.viewport.rect)

    def visible(self) -> Rect:
        """The document pixels that are seen."""
        return self.document_rect(self.viewport.rect)

    def document_rect(self, device: Rect) -> Rect:
        """The document pixels under a device rectangle."""
        left, top = self.to_document(device.x, device.y)
        right, bottom = self.to_document(device.right, device.bottom)
        seen = Rect.from_edges(
            math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        )
        return seen.intersect(self.document.rect)

    def fitted(self, lower_margin: int = 0) -> View:
        """All of the document in the middle, `lower_margin` device pixels kept free below."""
        room = View(
            self.document,
            Size(self.viewport.width, max(1, self.viewport.height - lower_margin)),
            ratio=self.ratio,
        )
        scale = max(MIN_ZOOM, room.fit_zoom)
        return self._at(
            scale,
            (room.viewport.width - self.document.width * scale) / 2,
            (room.viewport.height - self.document.height * scale) / 2,
        )

    def zoomed(self, scale: float, x: float, y: float) -> View:
        """Another zoom, with the document pixel under device position (x, y) staying there."""
        scale = min(MAX_ZOOM, max(MIN_ZOOM, scale))
        affine = self.affine.zoomed_at(x, y, scale)
        return self._at(scale, affine.dx, affine.dy)

    def stepped(self, direction: int, x: float, y: float) -> View:
        """The next larger (direction 1) or smaller (-1) of the usual zoom steps."""
        if direction > 0:
            steps = [step for step in ZOOM_STEPS if step > self.zoom * 1.001]
            scale = steps[0] if steps else MAX_ZOOM
        else:
            steps = [step for step in ZOOM_STEPS if step < self.zoom * 0.999]
            scale = steps[-1] if steps else MIN_ZOOM
        return self.zoomed(scale, x, y)

    def panned(self, dx: float, dy: float) -> View:
        """Moved by device pixels; a quarter of the picture always stays in sight."""
        return self._at(self.zoom, self.affine.dx + dx, self.affine.dy + dy)

    def resized(self, viewport: Size, ratio: float | None = None) -> View:
        """The same place in the middle of a viewport of another size."""
        dx = (viewport.width - self.viewport.width) / 2
        dy = (viewport.height - self.viewport.height) / 2
        moved = Affine(self.zoom, round(self.affine.dx + dx), round(self.affine.dy + dy))
        return View(self.document, viewport, moved, ratio or self.ratio)

    def _at(self, scale: float, dx: float, dy: float) -> View:
        dx = _keep_in_sight(dx, self.document.width * scale, self.viewport.width)
        dy = _keep_in_sight(dy, self.document.height * scale, self.viewport.height)
        return View(self.document, self.viewport, Affine(scale, round(dx), round(dy)), self.ratio)


def _keep_in_sight(shift: float, length: float, room: float) -> float:
    least = min(length, room) / 4
    return min(room - least, max(least - length, shift))
