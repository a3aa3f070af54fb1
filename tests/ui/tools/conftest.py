"""A tool in the hand, on a canvas, without a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QTransform
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.engine.requests import Point
from ovedit.errors import OVEditError
from ovedit.geometry import Rect
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.theme import Theme
from ovedit.ui.tools import Tool, ToolOptions
from tests.ui.canvas.scenes import Hands


class Host:
    """What a tool may use of a window, remembered instead of shown."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.options = ToolOptions(size=12, hardness=1.0)
        self.said: list[OVEditError] = []
        self.asked: list[tuple[tuple[Point, ...], Rect | None]] = []
        self.told = 0
        self.quick_mask = False

    @property
    def document(self) -> Document:
        return self.canvas.document

    def to_widget(self) -> QTransform:
        return self.canvas.to_widget()

    def pan_by(self, dx: float, dy: float) -> None:
        self.canvas.pan_by(dx, dy)

    def zoom_step(self, direction: int, at: QPointF) -> None:
        self.canvas.zoom_step(direction, at)

    def say(self, error: OVEditError) -> None:
        self.said.append(error)

    def options_changed(self) -> None:
        self.told += 1

    def segment_points(self, points: Sequence[Point], box: Rect | None) -> None:
        self.asked.append((tuple(points), box))


class Bench:
    """Canvas, host and hands, with a tool and a document at 100 %."""

    def __init__(self, canvas: Canvas, tool: type[Tool], document: Document) -> None:
        self.canvas = canvas
        self.host = Host(canvas)
        canvas.set_document(document)
        canvas.zoom_to(1.0)
        self.tool = tool(self.host)
        canvas.set_tool(self.tool)
        self.hands = Hands(canvas)
        self.document = document


@pytest.fixture
def bench(qtbot: QtBot, dark: Theme) -> Callable[[type[Tool], Document], Bench]:
    """Puts a tool in the hand over a document."""

    def make(tool: type[Tool], document: Document) -> Bench:
        canvas = Canvas()
        qtbot.addWidget(canvas)
        canvas.set_animated(False)
        canvas.resize(320, 260)
        canvas.show()
        qtbot.waitExposed(canvas)
        return Bench(canvas, tool, document)

    return make
