"""The canvas: shows a document, and hands what the pen does to the tool in hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QDragEnterEvent,
    QDropEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QTabletEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ovedit.document import Document
from ovedit.geometry import Rect, Size
from ovedit.ui import theme
from ovedit.ui.canvas import painting
from ovedit.ui.canvas.hand import Grip, Hand, pen_of
from ovedit.ui.canvas.overlays import MaskOverlays
from ovedit.ui.canvas.painting import Picture, widget_region
from ovedit.ui.canvas.renderer import touched
from ovedit.ui.canvas.scene import Scene
from ovedit.ui.canvas.view import View
from ovedit.ui.qimage import to_qimage
from ovedit.ui.tools.base import Pen, Tool

_ANTS_MS = 90


class Canvas(QWidget):
    """Shows one document; the window's other parts reach the picture through it.

    Signals: hovered(x, y) in document pixels or (-1, -1) when the pointer leaves; view_changed()
    after zoom, pan or resize; mask_hovered(id or ""); files_dropped(list of paths);
    tool_failed(OVEditError) when a gesture was given up; escaped() for an Esc that no tool used.
    """

    hovered = Signal(float, float)
    view_changed = Signal()
    mask_hovered = Signal(str)
    files_dropped = Signal(list)
    tool_failed = Signal(object)
    escaped = Signal()

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
        self._scene = Scene(Document(Size(1, 1)), self._surround(), self._scene_changed)
        self.view = View(Size(1, 1), Size(1, 1))
        self._fit_wanted = True
        self._lower_margin = 0
        self._hand = Hand(self.tool_failed.emit)
        self._tool_marks: QRectF | None = None
        self._tablet = False
        self._grip = Grip()
        self._picture: Picture | None = None
        self._phase = 0
        self._animated = True
        self._ants = QTimer(self)
        self._ants.setInterval(_ANTS_MS)
        self._ants.timeout.connect(self._march)
        # From the event loop, so that input is heard between two frames.
        self._refining = QTimer(self)
        self._refining.setSingleShot(True)
        self._refining.timeout.connect(self._refine)

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def document(self) -> Document:
        """The document being shown."""
        return self._scene.document

    @property
    def overlays(self) -> MaskOverlays:
        """What is shown of the document's masks."""
        return self._scene.overlays

    def set_document(self, document: Document) -> None:
        """Show another document, fitted."""
        self._hand.cancel()
        self._scene.close()
        opacity = self.overlays.opacity
        self._scene = Scene(document, self._surround(), self._scene_changed)
        self.overlays.show(opacity=opacity)
        self._picture = None
        self.view = View(document.size, self._viewport())
        self._rest_or_march()
        self.fit()

    def set_tool(self, tool: Tool) -> None:
        """Put another tool in the hand; a gesture under way is given up."""
        self._hand.take(tool)
        self._show_cursor()
        self.update()

    @property
    def tool(self) -> Tool | None:
        """The tool in hand."""
        return self._hand.tool

    def set_lower_margin(self, pixels: int) -> None:
        """Keep this many logical pixels below a fitted picture free, for the prompt card."""
        self._lower_margin = pixels
        if self._fit_wanted:
            self.fit()

    def set_overlay_opacity(self, opacity: float) -> None:
        """How strongly masks are filled, 0 to 1."""
        self.overlays.show(opacity=opacity)

    def set_animated(self, animated: bool) -> None:
        """Whether outlines may move."""
        self._animated = animated
        self._rest_or_march()

    def preview_picture(self, pixels: NDArray[np.uint8] | None, rect: Rect | None = None) -> None:
        """Show (h, w, 4) pixels over a document rectangle, or None to show the document again."""
        if pixels is None or rect is None:
            self._picture = None
        else:
            self._picture = Picture(to_qimage(pixels), rect)
        self.update()

    # -- view ------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show all of the picture."""
        self._fit_wanted = True
        margin = round(self._lower_margin * self.devicePixelRatioF())
        self._set_view(self._resized_view().fitted(margin))

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom, keeping what is at the widget position `at` (the middle by default) in place."""
        self._fit_wanted = False
        self._set_view(self.view.zoomed(zoom, *self._device(at)))

    def zoom_step(self, direction: int, at: QPointF | None = None) -> None:
        """One zoom step in (1) or out (-1)."""
        self._fit_wanted = False
        self._set_view(self.view.stepped(direction, *self._device(at)))

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by logical pixels."""
        self._fit_wanted = False
        ratio = self.devicePixelRatioF()
        self._set_view(self.view.panned(dx * ratio, dy * ratio))

    def to_widget(self) -> QTransform:
        """From document pixels to logical widget pixels."""
        return painting.to_widget(self.view)

    def widget_point(self, x: float, y: float) -> QPointF:
        """Widget position of a document position."""
        return self.to_widget().map(QPointF(x, y))

    @property
    def preview_level(self) -> int:
        """The mip level for coverage shown while a slider moves: what is seen, within 4 MP."""
        return self.view.preview_level

    @property
    def finished(self) -> bool:
        """Whether what is shown is final: no stand-ins that the next frames will replace."""
        return self._scene.renderer.finished

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is seen, then what lies over it."""
        renderer = self._scene.renderer
        if renderer.outdated(self.view):
            renderer.frame(self.view)
            # More than was asked for may look different now.
            self.update(widget_region(self.view, renderer.drawn).subtracted(event.region()))
        painter = QPainter(self)
        painting.paint_scene(
            painter,
            self._scene,
            self.view,
            QRectF(self.rect()),
            QRectF(event.rect()),
            phase=self._phase,
            picture=self._picture,
        )
        self._hand.paint(painter)
        self._tool_marks = self._hand.marks()
        painter.end()
        if not renderer.finished:
            self._refining.start()

    def _refine(self) -> None:
        """Finish more of the picture."""
        self._scene.renderer.frame(self.view)
        self.update(widget_region(self.view, self._scene.renderer.drawn))

    def _scene_changed(self, rect: Rect | None) -> None:
        self._rest_or_march()
        if rect is None:
            self.update()
        else:
            self.update(widget_region(self.view, [touched(self.view, rect)]))

    def _update_tool_marks(self) -> None:
        """Paint the tool's marks where they are now, and no more where they were."""
        marks = self._hand.marks()
        if marks is None or self._tool_marks is None:
            self.update()
        else:
            self.update(QRegion(marks.toAlignedRect()).united(self._tool_marks.toAlignedRect()))

    def _rest_or_march(self) -> None:
        if not (self._animated and self.isVisible() and self._scene.outlines.dashed):
            self._ants.stop()
        elif not self._ants.isActive():
            self._ants.start()

    def _march(self) -> None:
        # Dashes rest while the pen is at work or a picture is being finished.
        if not self._hand.pressed and self.finished:
            self._phase += 1
            self.update()

    # -- pointer ---------------------------------------------------------------------------------

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A stylus: like the mouse, with its pressure."""
        pen = pen_of(event, self.view)
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
        # One gesture at a time: another button pressed meanwhile starts nothing.
        if self._tablet or self._hand.pressed or self._grip.holds:
            return
        if self._grip.take(event):
            self._show_cursor()
        elif event.button() is Qt.MouseButton.LeftButton:
            self._press(pen_of(event, self.view))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue the gesture, or hover."""
        if self._tablet:
            return
        moved = self._grip.move(event)
        if moved is not None:
            self.pan_by(moved.x(), moved.y())
        else:
            self._move(pen_of(event, self.view))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture."""
        if self._tablet:
            return
        if self._grip.holds:
            self._grip.let_go(event)
            self._show_cursor()
        elif event.button() is Qt.MouseButton.LeftButton:
            self._release(pen_of(event, self.view))

    def _press(self, pen: Pen) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._hand.press(pen)
        self._update_tool_marks()

    def _move(self, pen: Pen) -> None:
        self.hovered.emit(pen.x, pen.y)
        self._hand.move(pen)
        if self._hand.tool is not None and not self._hand.pressed:
            self.mask_hovered.emit(self.overlays.mask_at(int(pen.x), int(pen.y)))
        self._update_tool_marks()

    def _release(self, pen: Pen) -> None:
        self._hand.release(pen)
        self._update_tool_marks()

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer went elsewhere."""
        self._hand.pen = None
        self.hovered.emit(-1.0, -1.0)
        self.mask_hovered.emit("")
        self._update_tool_marks()

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
        """Pinching on a touch pad zooms; a screen of another density shows the same place."""
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._follow_size()
        elif isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_to(self.view.zoom * (1 + event.value()), event.position())
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The space bar pans; the tool has the next word."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._hold_space(True)
        elif self.tool is None or not self.tool.key(event.key()):
            if event.key() == Qt.Key.Key_Escape:
                self.escaped.emit()
            else:
                super().keyPressEvent(event)
        else:
            self.update()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """The space bar was let go."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._hold_space(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Whether the space bar is let go elsewhere, nobody tells."""
        self._hold_space(False)
        super().focusOutEvent(event)

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
        self._follow_size()

    def _follow_size(self) -> None:
        if self._fit_wanted:
            self.fit()
        else:
            self._set_view(self._resized_view())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._scene.renderer.set_surround(self._surround())
            self.update()
        super().changeEvent(event)

    def showEvent(self, event: QEvent) -> None:
        """Start moving outlines again."""
        self._rest_or_march()

    def hideEvent(self, event: QEvent) -> None:
        """Nothing moves while nobody sees it."""
        self._ants.stop()

    def _surround(self) -> tuple[int, int, int]:
        """The theme's colour around the picture, (B, G, R)."""
        colour = QColor(theme.tokens().canvas)
        return colour.blue(), colour.green(), colour.red()

    def _viewport(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def _resized_view(self) -> View:
        return self.view.resized(self._viewport(), self.devicePixelRatioF())

    def _device(self, at: QPointF | None) -> tuple[float, float]:
        """Device pixels of a widget position, the middle by default."""
        at = at if at is not None else QRectF(self.rect()).center()
        return at.x() * self.view.ratio, at.y() * self.view.ratio

    def _set_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.view_changed.emit()
            self.update()

    def _hold_space(self, held: bool) -> None:
        self._grip.space = held
        self._show_cursor()

    def _show_cursor(self) -> None:
        self.setCursor(QCursor(self._grip.cursor(self.tool)))
