"""What is on the screen after painting only what changed is what painting everything gives."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication

from ovedit.document import SELECTION, Surface, coverage_of
from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.canvas.decorations import brush_bounds, draw_brush
from ovedit.ui.qimage import to_array
from ovedit.ui.tools.brushes import BrushTool, EraserTool
from tests.ui.canvas.scenes import Hands, document_of, settle
from tests.ui.tools.conftest import Host


def on_screen(canvas: Canvas) -> np.ndarray:
    """What has been painted so far, part by part."""
    for _ in range(500):
        QApplication.processEvents()
        if canvas.finished:
            break
    QApplication.processEvents()
    return to_array(canvas.screen().grabWindow(canvas.winId()).toImage())


def all_painted(canvas: Canvas) -> np.ndarray:
    """What painting everything at once gives."""
    settle(canvas)
    return to_array(canvas.grab().toImage())


@pytest.fixture
def brushed(canvas: Canvas) -> Canvas:
    """A brush over a picture with two masks whose tags are seen, at 100 %."""
    document = document_of(Size(300, 240), layers=3, masks=2, opaque=False)
    canvas.set_document(document)
    canvas.set_tool(BrushTool(Host(canvas)))
    canvas.zoom_to(1.0)
    settle(canvas)
    return canvas


@pytest.mark.parametrize("zoom", [0.45, 1.0, 2.6])
@pytest.mark.parametrize("on_mask", [False, True])
def test_a_stroke_and_its_undo(brushed: Canvas, zoom: float, on_mask: bool) -> None:
    document, hands = brushed.document, Hands(brushed)
    mask = document.masks[0]
    document.set_current(masks=(mask.id,) if on_mask else ())
    if on_mask:
        brushed.set_tool(EraserTool(Host(brushed)))
    brushed.zoom_to(zoom)
    before = on_screen(brushed)
    # Upwards over the top of the mask, where its tag is.
    hands.press(100, 140)
    for y in (110, 80, 60, 40):
        hands.move(100, y)
        assert np.array_equal(on_screen(brushed), all_painted(brushed))
    hands.release(100, 40)
    assert np.array_equal(on_screen(brushed), all_painted(brushed))
    QApplication.sendEvent(brushed, QEvent(QEvent.Type.Leave))
    assert not np.array_equal(on_screen(brushed), before)
    for change in (document.undo, document.redo, document.undo):
        change()
        assert np.array_equal(on_screen(brushed), all_painted(brushed))


def test_erasing_the_top_of_a_mask_moves_its_tag(brushed: Canvas) -> None:
    document = brushed.document
    document.set_current(masks=(document.masks[0].id,))
    brushed.set_tool(EraserTool(Host(brushed)))
    on_screen(brushed)
    Hands(brushed).drag((70, 60), (100, 60), (130, 60))
    assert np.array_equal(on_screen(brushed), all_painted(brushed))


def test_the_brushs_outline_leaves_nothing_behind(brushed: Canvas) -> None:
    hands = Hands(brushed)
    for x, y in ((20, 20), (150, 100), (290, 230), (150, 100)):
        hands.move(x, y)
        assert np.array_equal(on_screen(brushed), all_painted(brushed))


def test_a_selection_painted_in_part(brushed: Canvas) -> None:
    document = brushed.document
    with document.transaction("Select") as tx:
        tx.set_selection(Surface(document.size, 1))
    on_screen(brushed)
    for quick_mask in (True, False):
        brushed.overlays.show(quick_mask=quick_mask)
        on_screen(brushed)
        with document.transaction("More") as tx:
            tx.write(SELECTION, Rect(40, 50, 90, 60), np.full((60, 90), 255, np.uint8))
        assert np.array_equal(on_screen(brushed), all_painted(brushed))
        document.undo()
        assert np.array_equal(on_screen(brushed), all_painted(brushed))


class Paintings(QObject):
    """Remembers which parts of a widget Qt asked it to paint."""

    def __init__(self) -> None:
        super().__init__()
        self.areas: list[QRectF] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QPaintEvent):
            self.areas.append(QRectF(event.rect()))
        return False


def test_only_what_changed_is_painted(brushed: Canvas) -> None:
    on_screen(brushed)
    paintings = Paintings()
    brushed.installEventFilter(paintings)
    document, rect = brushed.document, Rect(120, 150, 10, 10)
    with document.transaction("Fill") as tx:
        tx.write(coverage_of(document.masks[0].id), rect, np.full((10, 10), 255, np.uint8))
    QApplication.processEvents()
    corner = brushed.widget_point(120, 150)
    near = QRectF(corner - QPointF(8, 8), corner + QPointF(18, 18))
    assert paintings.areas
    assert all(near.contains(area) for area in paintings.areas)


@pytest.mark.parametrize("diameter", [0.5, 7, 60.3])
def test_a_brush_is_drawn_within_its_bounds(brushed: Canvas, diameter: float) -> None:
    image = QImage(120, 120, QImage.Format.Format_RGBA8888)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw_brush(painter, QPointF(60.3, 58.8), diameter)
    painter.end()
    drawn = to_array(image)[..., 3]
    at = brush_bounds(QPointF(60.3, 58.8), diameter).toAlignedRect()
    inside = drawn[at.top() : at.bottom() + 1, at.left() : at.right() + 1]
    assert inside.any()
    assert np.count_nonzero(inside) == np.count_nonzero(drawn)
