"""A canvas on the (offscreen) screen."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.theme import Theme


@pytest.fixture
def canvas(qtbot: QtBot, dark: Theme) -> Canvas:
    """A shown canvas of 320×260 whose outlines stand still."""
    widget = Canvas()
    qtbot.addWidget(widget)
    widget.set_animated(False)
    widget.resize(320, 260)
    widget.show()
    qtbot.waitExposed(widget)
    return widget
