from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QNativeGestureEvent,
    QPainter,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.document import BlendMode, Document
from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.tools.base import Pen, Tool
from tests.ui.canvas.scenes import LEFT, NO_KEYS, Hands, document_of, middle, picture, settle

SIZE = Size(600, 500)


class Recorder(Tool):
    """Remembers what the pen did."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Pen]] = []
        self.cancelled = 0

    def press(self, pen: Pen) -> None:
        self.heard.append(("press", pen))

    def drag(self, pen: Pen) -> None:
        self.heard.append(("drag", pen))

    def release(self, pen: Pen) -> None:
        self.heard.append(("release", pen))

    def hover(self, pen: Pen) -> None:
        self.heard.append(("hover", pen))

    def cancel(self) -> None:
        self.cancelled += 1

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        pass


@pytest.fixture
def shown(canvas: Canvas) -> Canvas:
    canvas.set_document(document_of(SIZE))
    canvas.zoom_to(1.0)
    return canvas


def turn(
    canvas: Canvas,
    angle: int,
    at: QPointF,
    *,
    pixels: QPoint | None = None,
    keys: Qt.KeyboardModifier = NO_KEYS,
) -> None:
    event = QWheelEvent(
        at,
        at,
        pixels or QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def corner(canvas: Canvas) -> tuple[float, float]:
    at = canvas.widget_point(0, 0)
    return at.x(), at.y()


@pytest.mark.parametrize("angle", [120, -120, 40])
def test_the_wheel_zooms_at_the_pointer(shown: Canvas, angle: int) -> None:
    at = QPointF(200, 90)
    before = shown.view.to_document(200, 90)
    turn(shown, angle, at)
    assert shown.view.zoom == pytest.approx(1.25 ** (angle / 120))
    now = shown.widget_point(*before)
    assert (now.x(), now.y()) == pytest.approx((200, 90), abs=0.51)


def test_a_touch_pad_pans_and_shift_scrolls_sideways(shown: Canvas) -> None:
    x, y = corner(shown)
    turn(shown, 15, middle(shown), pixels=QPoint(-9, 14))
    assert corner(shown) == (x - 9, y + 14)
    turn(shown, -30, middle(shown), keys=Qt.KeyboardModifier.ShiftModifier)
    assert corner(shown) == (x - 39, y + 14)
    assert shown.view.zoom == 1


def test_a_pinch_zooms(shown: Canvas) -> None:
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        middle(shown),
        middle(shown),
        middle(shown),
        0.5,
        QPointF(),
    )
    QApplication.sendEvent(shown, event)
    assert shown.view.zoom == pytest.approx(1.5)


def test_the_middle_button_pans_and_the_tool_hears_nothing_of_it(shown: Canvas) -> None:
    tool = Recorder()
    shown.set_tool(tool)
    x, y = corner(shown)
    button = Qt.MouseButton.MiddleButton
    QTest.mousePress(shown, button, NO_KEYS, QPoint(100, 100))
    QTest.mouseMove(shown, QPoint(130, 90))
    QTest.mouseMove(shown, QPoint(125, 95))
    QTest.mouseRelease(shown, button, NO_KEYS, QPoint(125, 95))
    assert corner(shown) == (x + 25, y - 5)
    assert [kind for kind, _ in tool.heard if kind != "hover"] == []


def test_the_space_bar_pans_with_any_tool(shown: Canvas) -> None:
    tool = Recorder()
    shown.set_tool(tool)
    x, y = corner(shown)
    QTest.keyPress(shown, Qt.Key.Key_Space)
    assert shown.cursor().shape() is Qt.CursorShape.OpenHandCursor
    QTest.mousePress(shown, LEFT, NO_KEYS, QPoint(100, 100))
    QTest.mouseMove(shown, QPoint(60, 130))
    assert shown.cursor().shape() is Qt.CursorShape.ClosedHandCursor
    QTest.mouseRelease(shown, LEFT, NO_KEYS, QPoint(60, 130))
    QTest.keyRelease(shown, Qt.Key.Key_Space)
    assert corner(shown) == (x - 40, y + 30)
    assert shown.cursor().shape() is tool.cursor
    assert [kind for kind, _ in tool.heard if kind != "hover"] == []
    Hands(shown).click(300, 250)
    assert [kind for kind, _ in tool.heard if kind != "hover"] == ["press", "release"]


def test_a_tool_hears_a_gesture_in_document_pixels(shown: Canvas) -> None:
    tool = Recorder()
    shown.set_tool(tool)
    shown.zoom_to(2.0)
    Hands(shown).drag((300, 250), (310, 255), (320, 250))
    gesture = [(kind, pen.x, pen.y) for kind, pen in tool.heard if kind != "hover"]
    expected = [
        ("press", 300, 250),
        ("drag", 310, 255),
        ("drag", 320, 250),
        ("release", 320, 250),
    ]
    assert [kind for kind, *_ in gesture] == [kind for kind, *_ in expected]
    for (_, x, y), (_, ex, ey) in zip(gesture, expected, strict=True):
        assert (x, y) == pytest.approx((ex, ey), abs=0.26)


def test_another_tool_or_document_cancels_the_gesture(shown: Canvas) -> None:
    first, second = Recorder(), Recorder()
    shown.set_tool(first)
    Hands(shown).press(300, 250)
    shown.set_tool(second)
    assert first.cancelled == 1
    Hands(shown).release(300, 250)
    assert [kind for kind, _ in second.heard if kind != "hover"] == []
    shown.set_document(document_of(Size(40, 30)))
    assert second.cancelled == 1


def test_a_stylus_presses_with_its_pressure(shown: Canvas) -> None:
    tool = Recorder()
    shown.set_tool(tool)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = QEvent.Type
    for kind, button, buttons, pressure in (
        (kinds.TabletPress, left, left, 0.25),
        (kinds.TabletMove, none, left, 0.5),
        (kinds.TabletRelease, left, none, 0.0),
    ):
        at = shown.widget_point(300, 250)
        event = QTabletEvent(
            kind,
            QPointingDevice.primaryPointingDevice(),
            at,
            at,
            pressure,
            0,
            0,
            0,
            0,
            0,
            NO_KEYS,
            button,
            buttons,
        )
        QApplication.sendEvent(shown, event)
    heard = [(kind, pen.pressure) for kind, pen in tool.heard]
    assert heard == [("press", 0.25), ("drag", 0.5), ("release", 0.0)]


def test_files_dropped_are_announced(shown: Canvas, qtbot: QtBot, tmp_path: Path) -> None:
    data = QMimeData()
    paths = [str(tmp_path / "one.png"), str(tmp_path / "two.jpg")]
    web = QUrl("https://example.org/three.png")
    data.setUrls([*(QUrl.fromLocalFile(path) for path in paths), web])
    copy, at = Qt.DropAction.CopyAction, QPoint(50, 50)
    enter = QDragEnterEvent(at, copy, data, LEFT, NO_KEYS)
    enter.ignore()
    QApplication.sendEvent(shown, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(at), copy, data, LEFT, NO_KEYS)
    with qtbot.waitSignal(shown.files_dropped) as caught:
        QApplication.sendEvent(shown, drop)
    assert [Path(path) for path in caught.args[0]] == [Path(path) for path in paths]


def test_text_cannot_be_dropped(shown: Canvas) -> None:
    data = QMimeData()
    data.setText("hello")
    enter = QDragEnterEvent(QPoint(50, 50), Qt.DropAction.CopyAction, data, LEFT, NO_KEYS)
    enter.ignore()
    QApplication.sendEvent(shown, enter)
    assert not enter.isAccepted()


def test_hovering_tells_the_place_and_the_mask(canvas: Canvas) -> None:
    document = document_of(Size(300, 240), masks=1)
    canvas.set_document(document)
    canvas.zoom_to(1.0)
    canvas.set_tool(Recorder())
    # A pointer that is already there does not move.
    Hands(canvas).move(10, 10)
    places: list[tuple[float, float]] = []
    masks: list[str] = []
    canvas.hovered.connect(lambda x, y: places.append((x, y)))
    canvas.mask_hovered.connect(masks.append)
    Hands(canvas).move(150, 120)
    assert (places, masks) == ([(150, 120)], [document.masks[0].id])
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert (places[-1], masks[-1]) == ((-1, -1), "")


def test_fit_shows_everything_and_follows_the_widgets_size(shown: Canvas) -> None:
    shown.fit()
    for width, height in ((320, 260), (500, 300), (260, 400)):
        shown.resize(width, height)
        QApplication.processEvents()
        first, last = shown.widget_point(0, 0), shown.widget_point(SIZE.width, SIZE.height)
        assert 0 <= first.x() < last.x() <= width
        assert 0 <= first.y() < last.y() <= height
    shown.set_lower_margin(120)
    assert shown.widget_point(0, SIZE.height).y() <= 280


def test_a_resize_keeps_the_zoom_that_was_chosen(shown: Canvas) -> None:
    centre = shown.view.to_document(160, 130)
    shown.resize(420, 300)
    QApplication.processEvents()
    assert shown.view.zoom == 1
    assert shown.view.to_document(210, 150) == pytest.approx(centre, abs=1)


def test_what_changes_in_the_document_is_seen(shown: Canvas) -> None:
    before = picture(shown)
    with shown.document.transaction("Blend") as tx:
        tx.update_layer(shown.document.layers[0].id, opacity=0.2, blend=BlendMode.NORMAL)
    after = picture(shown)
    assert not np.array_equal(before, after)
    shown.document.undo()
    assert np.array_equal(picture(shown), before)


def test_a_picture_can_be_shown_in_place_of_the_documents(shown: Canvas) -> None:
    before = picture(shown)
    at = shown.widget_point(300, 250).toPoint()
    shown.preview_picture(np.full((10, 10, 4), 255, np.uint8), Rect(280, 230, 40, 40))
    assert picture(shown)[at.y(), at.x(), :3].tolist() == [255, 255, 255]
    shown.preview_picture(None)
    assert np.array_equal(picture(shown), before)


def test_dashes_move_only_where_they_may(canvas: Canvas, qtbot: QtBot) -> None:
    document = document_of(Size(300, 240), masks=1)
    document.set_current(masks=(document.masks[0].id,))
    canvas.set_document(document)
    still = picture(canvas)
    qtbot.wait(250)
    assert np.array_equal(picture(canvas), still)
    canvas.set_animated(True)
    qtbot.waitUntil(lambda: not np.array_equal(picture(canvas), still), timeout=2000)
    canvas.set_animated(False)


def test_an_empty_document_is_shown(canvas: Canvas) -> None:
    canvas.set_document(Document(Size(1, 1)))
    settle(canvas)
    assert canvas.finished


def test_previews_of_large_pictures_stay_small(canvas: Canvas) -> None:
    canvas.set_document(Document(Size(6000, 4000)))
    canvas.zoom_to(1.0)
    assert (6000 * 4000) >> (2 * canvas.preview_level) <= 4_000_000
    canvas.set_document(Document(Size(600, 400)))
    canvas.zoom_to(1.0)
    assert canvas.preview_level == 0


_ON_A_DENSE_SCREEN = """
import numpy as np
from PySide6.QtWidgets import QApplication
from ovedit.geometry import Size
from ovedit.ui import theme
from ovedit.ui.canvas.canvas import Canvas
from tests.ui.canvas.scenes import document_of, picture

app = QApplication([])
theme.apply(app, "dark")
canvas = Canvas()
canvas.resize(240, 180)
document = document_of(Size(480, 360))
canvas.set_document(document)
canvas.show()
assert canvas.devicePixelRatioF() == 2, canvas.devicePixelRatioF()
assert canvas.view.viewport == Size(480, 360), canvas.view.viewport
canvas.zoom_to(1.0)
seen = picture(canvas)
assert seen.shape == (360, 480, 4), seen.shape
x, y = (round(2 * value) for value in canvas.widget_point(0, 0).toTuple())
rows, columns = slice(max(0, y), 360 + min(0, y)), slice(max(0, x), 480 + min(0, x))
expected = document.state.flattened()
part = expected[max(0, -y) : 360 - max(0, y), max(0, -x) : 480 - max(0, x), :3]
assert np.array_equal(seen[rows, columns, :3], part)
"""


def test_on_a_dense_screen_100_percent_is_a_device_pixel_for_each_pixel() -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen"}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_DENSE_SCREEN],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_another_button_pressed_in_a_gesture_starts_nothing(shown: Canvas, qtbot) -> None:
    at = shown.rect().center()
    before = shown.view
    qtbot.mousePress(shown, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mousePress(shown, Qt.MouseButton.MiddleButton, pos=at)
    qtbot.mouseRelease(shown, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseRelease(shown, Qt.MouseButton.MiddleButton, pos=at)
    assert not shown.document.busy
    assert shown.view == before
