"""A photograph that is opened is locked: what a brush does then, and the ways out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from ovedit.document import Document, pixels_of
from ovedit.ui.commands import image, layer
from ovedit.ui.main_window import MainWindow
from ovedit.ui.qimage import to_qimage
from tests.ui.conftest import SIZE, picture

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def photo(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> Document:
    path = tmp_path / "park.png"
    assert to_qimage(picture()).save(str(path))
    window.session.open(path)
    qtbot.waitUntil(lambda: window.session.document is not None)
    document = window.session.document
    assert document is not None
    return document


def paint(window: MainWindow) -> None:
    at = window.canvas.widget_point(SIZE[0] / 2, SIZE[1] / 2).toPoint()
    QTest.mouseClick(window.canvas, LEFT, Qt.KeyboardModifier.NoModifier, at)


def press(window: MainWindow, text: str) -> None:
    buttons = window.prompt.findChildren(QPushButton)
    QTest.mouseClick(next(x for x in buttons if x.text() == text and x.isVisible()), LEFT)


def test_the_photograph_is_locked_and_saved_so(window: MainWindow, photo: Document):
    assert [layer.locked for layer in photo.layers] == [True]
    assert not photo.modified
    assert not photo.history.steps


def test_a_brush_leaves_it_alone_and_says_what_to_do(window: MainWindow, photo: Document):
    before = photo.state.flattened()
    paint(window)
    assert np.array_equal(photo.state.flattened(), before)
    assert not photo.history.steps
    assert not photo.busy
    message = "The layer “park” is locked. Paint on a new layer, or unlock it."
    assert window.prompt.message == message


def test_a_new_layer_is_one_click_away(window: MainWindow, photo: Document):
    paint(window)
    press(window, "New layer")
    paint(window)
    assert [step.name for step in photo.history.steps] == ["New layer", "Brush"]
    assert window.prompt.message == ""
    assert np.array_equal(photo.state.surface(pixels_of(photo.layers[0].id)).array(), picture())


def test_unlocking_is_one_click_away(window: MainWindow, photo: Document):
    paint(window)
    press(window, "Unlock")
    paint(window)
    assert [step.name for step in photo.history.steps] == ["Unlock layer", "Brush"]
    assert not np.array_equal(photo.state.flattened(), picture())


def test_flattening_takes_the_locked_photograph_in(
    window: MainWindow, photo: Document, qtbot: QtBot
):
    layer.new(window.context)
    paint(window)
    before = photo.state.flattened()
    image.flatten(window.context)
    qtbot.waitUntil(lambda: len(photo.layers) == 1)
    assert [each.locked for each in photo.layers] == [False]
    assert np.array_equal(photo.state.flattened(), before)
