"""The canvas: shows a document, and hands what the pen does to the tool in hand."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QDragEnterEvent,
    QDropEvent,
    QEnterEvent,
    QFont,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTabletEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ovedit.document import ClassMask, Document, coverage_of
from ovedit.document.events import (
    CurrentChanged,
    Event,
    MaskChanged,
    PixelsChanged,
    SelectionChanged,
    StructureChanged,
)
from ovedit.geometry import Rect, Size
from ovedit.ui import theme
from ovedit.ui.canvas import decorations
from ovedit.ui.canvas.contours import Contour, trace, trace_coverage
from ovedit.ui.canvas.display_tiles import DisplayTiles, Overlay
from ovedit.ui.canvas.renderer import Renderer
from ovedit.ui.canvas.view import View
from ovedit.ui.qimage import qimage_over, to_qimage
from ovedit.ui.tools.base import Pen, Tool

_ANTS_MS = 90
_QUICK_MASK = (214, 40, 60)


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels shown in place of the document's over `rect`, without changing the document."""

    image: QImage
    rect: Rect


class Canvas(QWidget):
    """Shows one document; the window's other parts reach the picture through it.

    Signals: hovered(x, y) in document pixels or (-1, -1) when the pointer leaves; view_changed()
    after zoom, pan or resize; mask_hovered(id or ""); files_dropped(list of paths).
    """

    hovered = Signal(float, float)
    view_changed = Signal()
    mask_hovered = Signal(str)
    files_dropped = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setMouseTracking(True)
        self.setTabletTracking(True)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 180)
        self._document = Document(Size(1, 1))
        self._unsubscribe = self._document.subscribe(self._on_event)
        self._tiles = DisplayTiles(lambda: self._document.state)
        self._renderer = Renderer(self._tiles, (0, 0, 0))
        self.view = View(Size(1, 1), Size(1, 1))
        self._fit_wanted = True
        self._tool: Tool | None = None
        self._pen: Pen | None = None
        self._pressed = False
        self._tablet = False
        self._pan_from: QPointF | None = None
        self._space = False
        self._hovered_mask = ""
        self._solo_mask = ""
        self._overlays_shown = True
        self._quick_mask = False
        self._heat_map = False
        self._mask_previews: dict[str, tuple[int, NDArray[np.uint8]]] = {}
        self._preview_contours: dict[str, Contour] = {}
        self._contours: dict[tuple[str, int], Contour] = {}
        self._picture: Picture | None = None
        self._crop: Rect | None = None
        self._lower_margin = 0
        self._phase = 0.0
        self._animated = True
        self._ants = QTimer(self)
        self._ants.setInterval(_ANTS_MS)
        self._ants.timeout.connect(self._march)
        self._use_theme()

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def document(self) -> Document:
        """The document being shown."""
        return self._document

    def set_document(self, document: Document) -> None:
        """Show another document, fitted."""
        if self._tool is not None:
            self._tool.cancel()
        self._unsubscribe()
        self._document = document
        self._unsubscribe = document.subscribe(self._on_event)
        self._tiles.clear()
        self._contours.clear()
        self._mask_previews.clear()
        self._preview_contours.clear()
        self._picture = self._crop = None
        self._hovered_mask = self._solo_mask = ""
        self._quick_mask = self._heat_map = False
        self.view = View(document.size, self._viewport())
        self._update_overlays()
        self.fit()

    def set_tool(self, tool: Tool) -> None:
        """Put another tool in the hand; a gesture under way is given up."""
        if self._tool is not None:
            self._tool.cancel()
        self._tool = tool
        self._pressed = False
        self._show_cursor()
        self.update()

    @property
    def tool(self) -> Tool | None:
        """The tool in hand."""
        return self._tool

    def set_lower_margin(self, pixels: int) -> None:
        """Keep this many logical pixels below a fitted picture free, for the prompt card."""
        self._lower_margin = pixels
        if self._fit_wanted:
            self.fit()

    def set_animated(self, animated: bool) -> None:
        """Whether outlines may move."""
        self._animated = animated
        self._update_overlays()

    def set_overlays_shown(self, shown: bool) -> None:
        """Show or hide all mask overlays."""
        self._overlays_shown = shown
        self._update_overlays()

    @property
    def overlays_shown(self) -> bool:
        """Whether mask overlays are shown."""
        return self._overlays_shown

    def set_quick_mask(self, on: bool) -> None:
        """Show the selection in red."""
        self._quick_mask = on
        self._update_overlays()

    @property
    def quick_mask(self) -> bool:
        """Whether the selection is shown in red."""
        return self._quick_mask

    def set_heat_map(self, on: bool) -> None:
        """Show the score map of the current mask."""
        self._heat_map = on
        self._update_overlays()

    @property
    def heat_map(self) -> bool:
        """Whether the score map of the current mask is shown."""
        return self._heat_map

    def highlight_mask(self, mask_id: str) -> None:
        """Bring one mask forward and dim the others; "" for none."""
        if mask_id != self._hovered_mask:
            self._hovered_mask = mask_id
            self._update_overlays()

    def set_solo(self, mask_id: str) -> None:
        """Show only this mask; "" for all."""
        self._solo_mask = mask_id
        self._update_overlays()

    @property
    def solo(self) -> str:
        """The mask that is shown alone, or ""."""
        return self._solo_mask

    def preview_mask(self, mask_id: str, preview: tuple[int, NDArray[np.uint8]] | None) -> None:
        """Show other coverage for a mask while a slider moves: (level, array), or None to end."""
        if preview is None:
            self._mask_previews.pop(mask_id, None)
            self._preview_contours.pop(mask_id, None)
        else:
            level, coverage = preview
            self._mask_previews[mask_id] = preview
            area = Rect(0, 0, coverage.shape[1], coverage.shape[0])
            self._preview_contours[mask_id] = trace_coverage(coverage, area, 1 << level)
        self._update_overlays()

    def preview_picture(self, pixels: NDArray[np.uint8] | None, rect: Rect | None = None) -> None:
        """Show (h, w, 4) pixels over a document rectangle, or None to show the document again."""
        if pixels is None or rect is None:
            self._picture = None
        else:
            self._picture = Picture(to_qimage(pixels), rect)
        self.update()

    def show_crop(self, crop: Rect | None) -> None:
        """Frame the rectangle that an edit will look at, or None."""
        self._crop = crop
        self.update()

    # -- view ------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show all of the picture."""
        self._fit_wanted = True
        margin = round(self._lower_margin * self.devicePixelRatioF())
        self._set_view(self.view.resized(self._viewport()).fitted(margin))

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom, keeping what is at the widget position `at` (the middle by default) in place."""
        self._fit_wanted = False
        x, y = self._device(at if at is not None else QRectF(self.rect()).center())
        self._set_view(self.view.zoomed(zoom, x, y))

    def zoom_step(self, direction: int, at: QPointF | None = None) -> None:
        """One zoom step in (1) or out (-1)."""
        self._fit_wanted = False
        x, y = self._device(at if at is not None else QRectF(self.rect()).center())
        self._set_view(self.view.stepped(direction, x, y))

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by logical pixels."""
        self._fit_wanted = False
        ratio = self.devicePixelRatioF()
        self._set_view(self.view.panned(dx * ratio, dy * ratio))

    def to_widget(self) -> QTransform:
        """From document pixels to logical widget pixels."""
        ratio = self.devicePixelRatioF()
        affine = self.view.affine
        scale = affine.scale / ratio
        return QTransform(scale, 0, 0, scale, affine.dx / ratio, affine.dy / ratio)

    def widget_point(self, x: float, y: float) -> QPointF:
        """Widget position of a document position."""
        return self.to_widget().map(QPointF(x, y))

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame, then what lies over it."""
        painter = QPainter(self)
        frame = qimage_over(self._renderer.frame(self.view))
        frame.setDevicePixelRatio(self.devicePixelRatioF())
        painter.drawImage(QPoint(0, 0), frame)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        to_widget = self.to_widget()
        if self._picture is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(to_widget.mapRect(_qrect(self._picture.rect)), self._picture.image)
        if self._heat_map:
            self._draw_heat_map(painter, to_widget)
        if self._overlays_shown:
            self._draw_masks(painter, to_widget)
        self._draw_selection(painter, to_widget)
        if self._crop is not None:
            corners = to_widget.mapRect(_qrect(self._crop))
            points = (
                corners.topLeft(),
                corners.topRight(),
                corners.bottomRight(),
                corners.bottomLeft(),
            )
            decorations.draw_polyline(painter, points, closed=True)
        if self._tool is not None:
            self._tool.paint(painter, self._pen)
        painter.end()
        if not self._renderer.finished:
            # From the event loop, so that input is heard between two frames.
            QTimer.singleShot(0, self.update)

    def _draw_masks(self, painter: QPainter, to_widget: QTransform) -> None:
        tags: list[tuple[ClassMask, Contour, float]] = []
        for mask in self._shown_masks():
            contour = self._contour(mask)
            selected = mask.id in self._document.current_mask_ids
            dimmed = bool(self._hovered_mask) and mask.id != self._hovered_mask
            painter.setOpacity(0.35 if dimmed else 1.0)
            decorations.draw_contour(
                painter,
                contour,
                to_widget,
                QColor(*mask.colour),
                selected=selected and not dimmed,
                phase=self._phase,
            )
            if contour.top is not None and (selected or self.view.zoom >= 0.1):
                tags.append((mask, contour, 0.35 if dimmed else 1.0))
        painter.setOpacity(1.0)
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold)
        seen = to_widget.mapRect(_qrect(self._document.size.rect)).intersected(QRectF(self.rect()))
        layout = decorations.TagLayout(font, seen)
        for mask, contour, opacity in tags:
            assert contour.top is not None
            text = mask.label if mask.score is None else f"{mask.label} · {mask.score:.2f}"
            anchor = to_widget.map(QPointF(*contour.top))
            layout.draw(painter, text, anchor, QColor(*mask.colour), opacity=opacity)

    def _draw_selection(self, painter: QPainter, to_widget: QTransform) -> None:
        selection = self._document.state.selection
        if selection is None or self._quick_mask:
            return
        key = ("", self.view.level)
        if key not in self._contours:
            self._contours[key] = trace(selection, self.view.level)
        path = self._contours[key].path
        decorations.draw_marching_ants(painter, path, to_widget, self._phase)

    def _draw_heat_map(self, painter: QPainter, to_widget: QTransform) -> None:
        for mask in self._document.current_masks:
            if mask.candidate is None:
                continue
            values = np.clip(mask.candidate.scores.values.astype(np.float32), 0, 1)
            colours = cv2.applyColorMap((values * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
            alpha = (120 + 90 * values).astype(np.uint8)
            pixels = np.dstack([colours[..., ::-1], alpha])
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            where = to_widget.mapRect(_qrect(mask.candidate.scores.rect))
            painter.drawImage(where, to_qimage(pixels.astype(np.uint8)))

    def _contour(self, mask: ClassMask) -> Contour:
        if mask.id in self._preview_contours:
            return self._preview_contours[mask.id]
        key = (mask.id, self.view.level)
        if key not in self._contours:
            surface = self._document.state.surface(coverage_of(mask.id))
            self._contours[key] = trace(surface, self.view.level)
        return self._contours[key]

    def _shown_masks(self) -> list[ClassMask]:
        if self._solo_mask:
            return [mask for mask in self._document.masks if mask.id == self._solo_mask]
        # The selected ones are drawn last, so that they lie on top.
        current = self._document.current_mask_ids
        shown = [mask for mask in self._document.masks if mask.visible]
        return sorted(shown, key=lambda mask: mask.id in current)

    # -- following the document ------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PixelsChanged):
            self._tiles.forget(event.rect)
            self._renderer.mark(event.rect)
            self.update()
        elif isinstance(event, MaskChanged):
            self._forget_contours(event.mask_id)
            self._refresh_overlays()
            self._tiles.forget_overlays(event.rect)
            self._renderer.mark(event.rect)
            self.update()
        elif isinstance(event, SelectionChanged):
            self._forget_contours("")
            self._update_overlays()
        elif isinstance(event, StructureChanged | CurrentChanged):
            self._update_overlays()

    def _forget_contours(self, mask_id: str) -> None:
        for key in [key for key in self._contours if key[0] == mask_id]:
            del self._contours[key]

    def _overlay_list(self) -> list[Overlay]:
        state = self._document.state
        overlays: list[Overlay] = []
        if self._overlays_shown and not self._heat_map:
            for mask in self._shown_masks():
                strength = 0.42 if mask.id in self._document.current_mask_ids else 0.28
                if self._hovered_mask:
                    strength = 0.5 if mask.id == self._hovered_mask else 0.12
                surface = state.surface(coverage_of(mask.id))
                preview = self._mask_previews.get(mask.id)
                overlays.append(Overlay(surface, mask.colour, strength, preview))
        if self._quick_mask and state.selection is not None:
            overlays.append(Overlay(state.selection, _QUICK_MASK, 0.5))
        return overlays

    def _refresh_overlays(self) -> None:
        """Point the overlays at the surfaces as they are now; tiles that did not change stay."""
        self._tiles.replace_overlays(self._overlay_list())

    def _update_overlays(self) -> None:
        self._tiles.set_overlays(self._overlay_list())
        self._renderer.redraw()
        moving = bool(self._document.current_mask_ids) and self._overlays_shown
        selecting = self._document.state.selection is not None
        if self._animated and (moving or selecting) and self.isVisible():
            self._ants.start()
        else:
            self._ants.stop()
        self.update()

    def _march(self) -> None:
        self._phase = (self._phase + 1.5) % (decorations.DASH_PERIOD * 8)
        self.update()

    # -- pointer ---------------------------------------------------------------------------------

    def _device(self, at: QPointF) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return at.x() * ratio, at.y() * ratio

    def _pen_at(self, at: QPointF, event: QMouseEvent | QTabletEvent, pressure: float) -> Pen:
        x, y = self.view.to_document(*self._device(at))
        held = event.modifiers()
        return Pen(
            x,
            y,
            at,
            pressure,
            shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
            alt=bool(held & Qt.KeyboardModifier.AltModifier),
            ctrl=bool(held & Qt.KeyboardModifier.ControlModifier),
        )

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A stylus: like the mouse, with its pressure."""
        pen = self._pen_at(event.position(), event, event.pressure())
        if event.type() is QEvent.Type.TabletPress and event.button() is Qt.MouseButton.LeftButton:
            self._tablet = True
            self._press(pen)
        elif event.type() is QEvent.Type.TabletMove:
            self._move(pen)
        elif event.type() is QEvent.Type.TabletRelease:
            self._release(pen)
            self._tablet = False
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a gesture of the tool, or a pan with the middle button or the space bar."""
        if self._tablet:
            return
        panning = event.button() is Qt.MouseButton.MiddleButton or self._space
        if panning:
            self._pan_from = event.position()
            self._show_cursor()
        elif event.button() is Qt.MouseButton.LeftButton:
            self._press(self._pen_at(event.position(), event, 1.0))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue the gesture, or hover."""
        if self._tablet:
            return
        if self._pan_from is not None:
            moved = event.position() - self._pan_from
            self._pan_from = event.position()
            self.pan_by(moved.x(), moved.y())
            return
        self._move(self._pen_at(event.position(), event, 1.0))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture."""
        if self._tablet:
            return
        if self._pan_from is not None:
            self._pan_from = None
            self._show_cursor()
        elif event.button() is Qt.MouseButton.LeftButton:
            self._release(self._pen_at(event.position(), event, 1.0))

    def _press(self, pen: Pen) -> None:
        self._pen = pen
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._tool is not None:
            self._pressed = True
            self._tool.press(pen)
            self.update()

    def _move(self, pen: Pen) -> None:
        self._pen = pen
        self.hovered.emit(pen.x, pen.y)
        if self._tool is not None:
            if self._pressed:
                self._tool.drag(pen)
            else:
                self._tool.hover(pen)
                self._hover_masks(pen)
        self.update()

    def _release(self, pen: Pen) -> None:
        self._pen = pen
        if self._tool is not None and self._pressed:
            self._pressed = False
            self._tool.release(pen)
            self.update()

    def _hover_masks(self, pen: Pen) -> None:
        self.mask_hovered.emit(self.mask_at(pen.x, pen.y))

    def mask_at(self, x: float, y: float) -> str:
        """The id of the topmost shown mask at a document position, or ""."""
        inside = self._document.size.rect.intersect(Rect(int(x), int(y), 1, 1))
        if not inside or not self._overlays_shown:
            return ""
        for mask in reversed(self._shown_masks()):
            pixel = self._document.state.surface(coverage_of(mask.id)).read(inside)
            if pixel is not None and pixel[0, 0] >= 128:
                return mask.id
        return ""

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer went elsewhere."""
        self._pen = None
        self.hovered.emit(-1.0, -1.0)
        self.mask_hovered.emit("")
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pointer came in."""
        self._show_cursor()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel zooms at the pointer; a touch pad pans, and zooms with Ctrl."""
        smooth = event.pixelDelta()
        zooming = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if not smooth.isNull() and not zooming:
            self.pan_by(smooth.x(), smooth.y())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            turned = event.angleDelta()
            self.pan_by(turned.y() or turned.x(), 0)
        else:
            factor = 1.25 ** (event.angleDelta().y() / 120)
            self.zoom_to(self.view.zoom * factor, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Pinching on a touch pad zooms."""
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_to(self.view.zoom * (1 + event.value()), event.position())
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The space bar pans; the tool has the next word."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = True
                self._show_cursor()
        elif self._tool is None or not self._tool.key(event.key()):
            super().keyPressEvent(event)
        else:
            self.update()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """The space bar was let go."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = False
                self._show_cursor()
        else:
            super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Files were dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.files_dropped.emit(paths)
            event.acceptProposedAction()

    # -- inside ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the place, or the fit."""
        if self._fit_wanted:
            self.fit()
        else:
            self._set_view(self.view.resized(self._viewport()))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._use_theme()
        super().changeEvent(event)

    def showEvent(self, event: QEvent) -> None:
        """Start moving outlines again."""
        self._update_overlays()

    def hideEvent(self, event: QEvent) -> None:
        """Nothing moves while nobody sees it."""
        self._ants.stop()

    def _use_theme(self) -> None:
        colour = QColor(theme.tokens().canvas)
        self._renderer.set_surround((colour.blue(), colour.green(), colour.red()))
        self.update()

    def _viewport(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def _set_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.view_changed.emit()
            self.update()

    def _show_cursor(self) -> None:
        if self._pan_from is not None:
            self.setCursor(QCursor(Qt.CursorShape.ClosedHandCursor))
        elif self._space:
            self.setCursor(QCursor(Qt.CursorShape.OpenHandCursor))
        elif self._tool is not None:
            self.setCursor(QCursor(self._tool.cursor))


def _qrect(rect: Rect) -> QRectF:
    return QRectF(rect.x, rect.y, rect.width, rect.height)
