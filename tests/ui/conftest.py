"""The theme, and windows with an engine that does what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.engine.registry import LazyRuntime
from ovedit.service.downloads import DownloadService
from ovedit.service.model_service import ModelService
from ovedit.settings import Settings
from ovedit.ui import theme as themes
from ovedit.ui.main_window import MainWindow
from ovedit.ui.session import Session
from ovedit.ui.theme import Theme
from tests.fake_library import ScriptedLibrary
from tests.fakes import FakeProvider

MakeWindow = Callable[..., MainWindow]
SIZE = (96, 64)


@pytest.fixture
def dark(qapp: QApplication) -> Iterator[Theme]:
    """The dark theme, whatever the machine's own is."""
    yield themes.apply(qapp, "dark")
    themes.apply(qapp, "dark")


@pytest.fixture
def make_window(qtbot: QtBot, dark: Theme) -> Iterator[MakeWindow]:
    """Makes windows with a fake engine; they are closed for good at the end."""
    windows: list[MainWindow] = []

    def make(
        provider: FakeProvider | None = None,
        library: ScriptedLibrary | None = None,
        engine: str = "fake",
        **settings: object,
    ) -> MainWindow:
        both = Settings(select_engine=engine, edit_engine=engine)
        session = Session(both.changed(**settings))
        runtime = LazyRuntime(library or ScriptedLibrary("tiny", "large"))
        service = ModelService(provider or FakeProvider())
        window = MainWindow(session, service, DownloadService(runtime.library), runtime)
        windows.append(window)
        window.service.refresh_engines()
        window.resize(1100, 800)
        with qtbot.waitExposed(window):
            window.show()
        window.activateWindow()
        qtbot.waitUntil(lambda: bool(window.assistant.engines))
        return window

    yield make
    for window in windows:
        if window.isVisible():
            window.session.close()
            window.close()
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def window(make_window: MakeWindow) -> MainWindow:
    """A window with nothing open."""
    return make_window()


@pytest.fixture
def document(window: MainWindow) -> Document:
    """A small picture, open in the window; it counts as not saved."""
    window.session.show_pixels(picture(), "picture")
    assert window.session.document is not None
    return window.session.document


def picture(width: int = SIZE[0], height: int = SIZE[1]) -> np.ndarray:
    """Opaque pixels that all differ from their neighbours."""
    pixels = np.full((height, width, 4), 255, np.uint8)
    y, x = np.mgrid[:height, :width]
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = x * 2, y * 3, (x + y) % 256
    return pixels
