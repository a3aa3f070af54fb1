from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from ovedit.document import Document
from ovedit.engine.requests import Point
from ovedit.geometry import Rect, Size
from ovedit.ui.tools import TOOLS, Tool
from ovedit.ui.tools.clicks import BoxTool, ClickTool
from ovedit.ui.tools.viewing import MoveTool, PanTool, PickerTool, ZoomTool
from tests.ui.canvas.scenes import ALT, CTRL, NO_KEYS, SHIFT, document_of, picture
from tests.ui.tools.conftest import Bench

SIZE = Size(200, 160)
Make = Callable[[type[Tool], Document], Bench]


@pytest.mark.parametrize("key", [ALT, CTRL], ids=["alt", "ctrl"])
def test_clicks_add_up_and_a_key_says_what_does_not_belong(
    bench: Make, key: Qt.KeyboardModifier
) -> None:
    b = bench(ClickTool, document_of(SIZE))
    bare = picture(b.canvas)
    b.hands.click(40, 50)
    b.hands.click(90, 100, key)
    first, second = Point(40, 50, True), Point(90, 100, False)
    assert b.host.asked == [((first,), None), ((first, second), None)]
    assert not np.array_equal(picture(b.canvas), bare), "the clicks are not seen"


def test_another_current_mask_starts_anew(bench: Make) -> None:
    document = document_of(SIZE, masks=2)
    b = bench(ClickTool, document)
    assert isinstance(b.tool, ClickTool)
    b.hands.click(40, 50)
    document.set_current(masks=(document.masks[0].id,))
    b.tool.answered()
    b.hands.click(60, 50)
    assert len(b.host.asked[-1][0]) == 2
    document.set_current(masks=(document.masks[1].id,))
    b.hands.click(80, 50)
    assert b.host.asked[-1][0] == (Point(80, 50, True),)


def test_escape_forgets_the_clicks(bench: Make) -> None:
    b = bench(ClickTool, document_of(SIZE))
    b.hands.click(40, 50)
    b.hands.key(Qt.Key.Key_Escape)
    b.hands.click(90, 100)
    assert b.host.asked[-1][0] == (Point(90, 100, True),)


def test_a_click_off_the_picture_asks_nothing(bench: Make) -> None:
    b = bench(ClickTool, document_of(SIZE))
    b.hands.click(-10, 50)
    assert b.host.asked == []


def test_a_box_asks_for_what_is_in_it(bench: Make) -> None:
    b = bench(BoxTool, document_of(SIZE))
    b.hands.drag((120, 100), (30, 20))
    b.hands.drag((150, 120), (230, 190))
    assert b.host.asked == [((), Rect(30, 20, 90, 80)), ((), Rect(150, 120, 50, 40))]
    assert b.document.state.selection is None


def test_the_layer_follows_the_hand_in_one_step(bench: Make) -> None:
    b = bench(MoveTool, document_of(SIZE))
    steps, flat = len(b.document.history.steps), b.document.state.flattened()
    b.hands.drag((50, 50), (60, 50), (73, 38))
    assert b.document.layers[0].offset == (23, -12)
    assert len(b.document.history.steps) == steps + 1
    moved = b.document.state.flattened()
    assert np.array_equal(moved[:-12, 23:], flat[12:, :-23])
    assert not moved[:, :23].any()
    b.document.undo()
    assert np.array_equal(b.document.state.flattened(), flat)


def test_escape_puts_the_layer_back(bench: Make) -> None:
    b = bench(MoveTool, document_of(SIZE))
    b.hands.press(50, 50)
    b.hands.move(90, 90)
    assert b.document.layers[0].offset == (40, 40)
    b.hands.key(Qt.Key.Key_Escape)
    b.hands.release(90, 90)
    assert b.document.layers[0].offset == (0, 0)


def test_arrow_keys_move_by_a_pixel(bench: Make) -> None:
    b = bench(MoveTool, document_of(SIZE))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        b.hands.key(key)
    assert b.document.layers[0].offset == (2, -1)


@pytest.mark.parametrize("by_key", [True, False])
def test_a_locked_layer_does_not_move_and_says_so(bench: Make, by_key: bool) -> None:
    b = bench(MoveTool, document_of(SIZE))
    with b.document.transaction("Lock") as tx:
        tx.update_layer(b.document.layers[0].id, locked=True)
    if by_key:
        b.hands.key(Qt.Key.Key_Right)
    else:
        b.hands.drag((50, 50), (90, 90))
    assert b.document.layers[0].offset == (0, 0)
    assert "locked" in str(b.host.said[0])
    assert not b.document.busy


def test_the_pan_tool_moves_the_view(bench: Make) -> None:
    b = bench(PanTool, document_of(SIZE))
    before = b.canvas.widget_point(0, 0)
    start = b.hands.at(50, 50)
    b.hands.press(50, 50)
    b.hands.move(70, 45)
    moved = b.canvas.widget_point(0, 0) - before
    assert (moved.x(), moved.y()) == (20, -5)
    # What was taken hold of stays under the pointer.
    assert b.hands.at(50, 50) - start == b.hands.at(0, 0) - before.toPoint()
    b.hands.release(50, 50)


@pytest.mark.parametrize(
    ("key", "zoom"), [(NO_KEYS, 1.5), (ALT, 2 / 3), (CTRL, 2 / 3)], ids=["plain", "alt", "ctrl"]
)
def test_the_zoom_tool_zooms_at_the_click(
    bench: Make, key: Qt.KeyboardModifier, zoom: float
) -> None:
    b = bench(ZoomTool, document_of(SIZE))
    at = b.hands.at(80, 60)
    b.hands.click(80, 60, key)
    assert b.canvas.view.zoom == pytest.approx(zoom)
    now = b.canvas.widget_point(80, 60)
    assert (now.x(), now.y()) == pytest.approx((at.x(), at.y()), abs=1)


def test_the_picker_takes_the_colour_that_is_seen(bench: Make) -> None:
    b = bench(PickerTool, document_of(SIZE, layers=3))
    b.hands.click(50, 60)
    flat = b.document.state.flattened()
    assert b.host.options.colour == tuple(flat[60, 50, :3].tolist())
    b.hands.drag((50, 60), (77, 66))
    assert b.host.options.colour == tuple(flat[66, 77, :3].tolist())
    told = b.host.told
    b.hands.click(-5, 60)
    assert b.host.told == told


def test_shift_keeps_a_move_to_one_axis(bench: Make) -> None:
    b = bench(MoveTool, document_of(SIZE))
    b.hands.press(50, 50)
    at = b.canvas.widget_point(90, 57)
    none, left = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
    moved = QMouseEvent(QEvent.Type.MouseMove, at, at, none, left, SHIFT)
    QApplication.sendEvent(b.canvas, moved)
    b.hands.release(90, 57)
    assert b.document.layers[0].offset == (40, 0)


def test_tools_are_told_apart() -> None:
    tools = [tool for group in TOOLS for tool in group]
    for attribute in ("name", "title", "shortcut", "icon"):
        values = [getattr(tool, attribute) for tool in tools]
        assert all(values)
        assert len(set(values)) == len(values)
