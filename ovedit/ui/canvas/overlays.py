"""How masks and the selection are shown over the picture: tints, outlines, tags, heat map."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QTransform

from ovedit.document import ClassMask, Document, ScoreMap, coverage_of
from ovedit.geometry import Rect, Size
from ovedit.ui.canvas import decorations
from ovedit.ui.canvas.display_tiles import Overlay
from ovedit.ui.canvas.outlines import Colour, Outline
from ovedit.ui.qimage import to_qimage

Preview = tuple[int, NDArray[np.uint8]]
"""Coverage of the whole document at a mip level, shown in place of a mask's own."""

_QUICK_MASK = (214, 40, 60)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_TAG_ZOOM = 0.25
"""Below this zoom only the tags of selected masks are shown, unless all of the picture is seen."""
_OPACITY = 0.35
_PLAIN, _SELECTED, _HOVERED, _RECEDING = 0.8, 1.2, 1.45, 0.35
"""Shares of the overlays' opacity: of a mask, a selected one, one brought forward, the others."""
_DIMMED = 0.35
_SEARCH_SIDE = 1024
"""The topmost point of a mask is looked for on a mip level no larger than this."""


class MaskOverlays:
    """What is shown of a document's masks.

    shown: all overlays on or off. quick_mask: the selection in red. heat_map: the score map of the
    current masks. opacity: of the masks' fill, 0 to 1. solo: the one mask shown alone, or "".
    hovered: the one brought forward, or "".
    `changed` is called after each change that asks for another picture.
    """

    def __init__(self, document: Document, changed: Callable[[], None]) -> None:
        self._document = document
        self._changed = changed
        self.opacity = _OPACITY
        self.shown = True
        self.quick_mask = False
        self.heat_map = False
        self.solo = ""
        self.hovered = ""
        self._previews: dict[str, Preview] = {}
        self._tops: dict[str, QPointF | None] = {}
        self._heat: tuple[ScoreMap, QImage] | None = None

    def show(self, **states: bool | str | float) -> None:
        """Set any of shown, quick_mask, heat_map, opacity, solo and hovered."""
        if any(getattr(self, name) != value for name, value in states.items()):
            for name, value in states.items():
                setattr(self, name, value)
            self._changed()

    def preview(self, mask_id: str, preview: Preview | None) -> None:
        """Show other coverage for a mask while a slider moves, or None to end."""
        if preview is None:
            self._previews.pop(mask_id, None)
        else:
            self._previews[mask_id] = preview
        self._tops.pop(mask_id, None)
        self._changed()

    def mask_changed(self, mask_id: str, rect: Rect) -> bool:
        """The coverage of a mask is another one inside `rect`, in document pixels.

        Returns whether the mask's tag may have moved: not by what happens below it.
        """
        top = self._tops.get(mask_id)
        if top is not None and rect.y > top.y() + _search_scale(self._document.size):
            return False
        self._tops.pop(mask_id, None)
        return True

    def visible_masks(self) -> list[ClassMask]:
        """The masks shown, the selected ones last so that they lie on top."""
        if self.solo:
            return [mask for mask in self._document.masks if mask.id == self.solo]
        current = self._document.current_mask_ids
        shown = [mask for mask in self._document.masks if mask.visible]
        return sorted(shown, key=lambda mask: mask.id in current)

    def tints(self) -> list[Overlay]:
        """What to tint into the picture's tiles."""
        tints: list[Overlay] = []
        if self.shown and not self.heat_map:
            tints += [self._overlay(mask) for mask in self.visible_masks()]
        selection = self._document.state.selection
        if self.quick_mask and selection is not None:
            tints.append(Overlay(selection, _QUICK_MASK, 0.5))
        return tints

    def outlines(self) -> list[Outline]:
        """The outlines to draw."""
        outlines: list[Outline] = []
        if self.shown:
            outlines += [self._outline(mask) for mask in self.visible_masks()]
        selection = self._document.state.selection
        if selection is not None and not self.quick_mask:
            area = Overlay(selection, _WHITE, 0)
            outlines.append(Outline(area, (_BLACK, _WHITE), thin=True))
        return outlines

    def mask_at(self, x: int, y: int) -> str:
        """The id of the topmost mask shown at a document pixel, or ""."""
        at = self._document.size.rect.intersect(Rect(x, y, 1, 1))
        if not at or not self.shown:
            return ""
        for mask in reversed(self.visible_masks()):
            pixel = self._document.state.surface(coverage_of(mask.id)).read(at)
            if pixel is not None and pixel[0, 0] >= 128:
                return mask.id
        return ""

    # -- painting --------------------------------------------------------------------------------

    def paint_heat_map(self, painter: QPainter, to_widget: QTransform) -> None:
        """Lay the score maps of the current masks over the picture, bright where it fits."""
        if not self.heat_map:
            return
        for mask in self._document.current_masks:
            if mask.candidate is None:
                continue
            area = mask.candidate.scores.rect
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            where = to_widget.mapRect(QRectF(area.x, area.y, area.width, area.height))
            # Whole pixels, or a bright line of the picture is left at its edge.
            painter.drawImage(where.toAlignedRect(), self._heat_of(mask.candidate.scores))

    def paint_tags(
        self,
        painter: QPainter,
        to_widget: QTransform,
        zoom: float,
        widget: QRectF,
        exposed: QRectF,
    ) -> None:
        """Write label and score at the topmost point of each mask.

        zoom: widget pixels per document pixel. exposed: the part of `widget` being painted.
        """
        if not self.shown:
            return
        font = QFont(painter.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold)
        size = self._document.size
        picture = to_widget.mapRect(QRectF(0, 0, size.width, size.height))
        layout = decorations.TagLayout(font, picture.intersected(widget), exposed)
        for mask in self.visible_masks():
            top = self._top(mask)
            selected = mask.id in self._document.current_mask_ids
            if top is None or not (selected or zoom >= _TAG_ZOOM or widget.contains(picture)):
                continue
            text = mask.label if mask.score is None else f"{mask.label} · {mask.score:.2f}"
            opacity = _DIMMED if self._dimmed(mask) else 1.0
            layout.draw(painter, text, to_widget.map(top), QColor(*mask.colour), opacity=opacity)

    # -- inside ----------------------------------------------------------------------------------

    def _heat_of(self, scores: ScoreMap) -> QImage:
        # Painted many times a second while the picture is moved.
        if self._heat is None or self._heat[0] is not scores:
            values = np.clip(scores.values.astype(np.float32), 0, 1)
            colours = cv2.applyColorMap((values * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
            pixels = np.dstack([colours[..., ::-1], 120 + 90 * values]).astype(np.uint8)
            self._heat = scores, to_qimage(pixels)
        return self._heat[1]

    def _overlay(self, mask: ClassMask) -> Overlay:
        surface = self._document.state.surface(coverage_of(mask.id))
        return Overlay(surface, mask.colour, self._strength(mask), self._previews.get(mask.id))

    def _outline(self, mask: ClassMask) -> Outline:
        selected = mask.id in self._document.current_mask_ids and not self._dimmed(mask)
        colour = QColor(*mask.colour)
        bright = colour.lighter(140)
        colours: tuple[Colour, Colour] = (mask.colour, mask.colour)
        if selected:
            dark = colour.darker(260)
            colours = (
                (bright.red(), bright.green(), bright.blue()),
                (dark.red(), dark.green(), dark.blue()),
            )
        return Outline(self._overlay(mask), colours, _DIMMED if self._dimmed(mask) else 1.0)

    def _top(self, mask: ClassMask) -> QPointF | None:
        if mask.id not in self._tops:
            self._tops[mask.id] = _topmost(self._overlay(mask))
        return self._tops[mask.id]

    def _dimmed(self, mask: ClassMask) -> bool:
        return bool(self.hovered) and mask.id != self.hovered

    def _strength(self, mask: ClassMask) -> float:
        if self.hovered:
            share = _HOVERED if mask.id == self.hovered else _RECEDING
        else:
            share = _SELECTED if mask.id in self._document.current_mask_ids else _PLAIN
        return min(1.0, share * self.opacity)


def _topmost(area: Overlay) -> QPointF | None:
    """The topmost place that is at least half covered, in document pixels."""
    size = area.surface.size
    scale = _search_scale(size)
    level = scale.bit_length() - 1
    coverage = area.read(size.rect.at_level(level), level)
    if coverage is None:
        return None
    rows = np.flatnonzero((coverage >= 128).any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(coverage[rows[0]] >= 128)
    return QPointF((float(np.median(columns)) + 0.5) * scale, float(rows[0]) * scale)


def _search_scale(size: Size) -> int:
    """Document pixels per pixel of the mip level on which `_topmost` searches."""
    level = 0
    while max(size.width, size.height) >> level > _SEARCH_SIDE:
        level += 1
    return 1 << level
