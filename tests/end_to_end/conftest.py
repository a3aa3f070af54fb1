"""The real window with the real engines, and a person's hands to drive it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.app import build_window
from ovedit.ui import theme
from tests.end_to_end.hands import Hands, open_hands

OpenWindow = Callable[[], AbstractContextManager[Hands]]


@pytest.fixture
def open_window(qapp: QApplication, qtbot: QtBot) -> OpenWindow:
    """Opens the window that `python main.py` shows; it is closed for good at the block's end."""
    theme.apply(qapp, "dark")
    return lambda: open_hands(build_window(), qtbot)


@pytest.fixture
def hands(open_window: OpenWindow) -> Iterator[Hands]:
    """A person before the window."""
    with open_window() as hands:
        yield hands


@pytest.fixture
def coffee(tmp_path: Path) -> Path:
    """A photograph of a cup of coffee, 600 by 400 pixels, as a PNG."""
    path = tmp_path / "coffee.png"
    Image.fromarray(np.asarray(skimage.data.coffee())).save(path)
    return path
