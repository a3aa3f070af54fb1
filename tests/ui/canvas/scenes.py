"""Small documents, and hands that work on a canvas as a person does."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ovedit.document import (
    BlendMode,
    ClassMask,
    Document,
    RasterLayer,
    Surface,
    coverage_of,
    overlay_colour,
)
from ovedit.geometry import Size
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.qimage import to_array

NO_KEYS = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


def noise(size: Size, *, opaque: bool = True, seed: int = 0) -> np.ndarray:
    """(H, W, 4) random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size.height, size.width, 4), np.uint8)
    if opaque:
        pixels[..., 3] = 255
    return pixels


def disc(size: Size, x: float, y: float, radius: float) -> np.ndarray:
    """(H, W) coverage of a disc with a soft rim of one pixel."""
    rows, columns = np.mgrid[: size.height, : size.width] + 0.5
    far = np.hypot(columns - x, rows - y)
    return np.clip((radius - far) * 255 + 127.5, 0, 255).astype(np.uint8)


def document_of(size: Size, *, layers: int = 1, masks: int = 0, opaque: bool = True) -> Document:
    """Random pixels in several blend modes, and discs as masks."""
    document = Document.from_pixels(noise(size, opaque=opaque), "Noise")
    modes = (BlendMode.MULTIPLY, BlendMode.SOFT_LIGHT, BlendMode.NORMAL)
    with document.transaction("Prepare") as tx:
        for number in range(1, layers):
            layer = RasterLayer(f"Layer {number}", blend=modes[number % 3], opacity=0.7)
            pixels = noise(size, opaque=False, seed=number)
            tx.add_layer(layer, Surface.from_array(pixels))
        for number in range(masks):
            x = size.width * (number + 1) / (masks + 1)
            coverage = disc(size, x, size.height / 2, size.height / 4)
            mask = ClassMask(f"mask {number}", overlay_colour(number), score=0.5)
            tx.add_mask(mask, Surface.from_array(coverage))
    return document


def coverage(document: Document, number: int = 0) -> np.ndarray:
    """The coverage of a mask of the document."""
    return document.state.surface(coverage_of(document.masks[number].id)).array()


def settle(canvas: Canvas) -> None:
    """Let all frames follow that are still to come."""
    for _ in range(500):
        QApplication.processEvents()
        canvas.repaint()
        if canvas.finished:
            return
    raise AssertionError("the canvas does not finish its picture")


def picture(canvas: Canvas) -> np.ndarray:
    """What is seen, (H, W, 4), once it is final."""
    settle(canvas)
    return to_array(canvas.grab().toImage())


class Hands:
    """Presses, moves and releases at document positions."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def at(self, x: float, y: float) -> QPoint:
        """The widget position of a document position."""
        return self.canvas.widget_point(x, y).toPoint()

    def press(self, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        QTest.mousePress(self.canvas, LEFT, keys, self.at(x, y))

    def move(self, x: float, y: float) -> None:
        # Not `QTest.mouseMove`: that moves the platform's cursor, whose events come when they like.
        at = QPointF(self.at(x, y))
        none, globally = Qt.MouseButton.NoButton, self.canvas.mapToGlobal(at)
        event = QMouseEvent(QEvent.Type.MouseMove, at, globally, none, none, NO_KEYS)
        QCoreApplication.sendEvent(self.canvas, event)

    def release(self, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        QTest.mouseRelease(self.canvas, LEFT, keys, self.at(x, y))

    def click(self, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self.press(x, y, keys)
        self.release(x, y, keys)

    def drag(self, *points: tuple[float, float], keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self.press(*points[0], keys)
        for point in points[1:]:
            self.move(*point)
        self.release(*points[-1], keys)

    def key(self, key: Qt.Key) -> None:
        QTest.keyClick(self.canvas, key)


def middle(canvas: Canvas) -> QPointF:
    """The middle of the widget."""
    return QPointF(canvas.width() / 2, canvas.height() / 2)
