"""Closing the window: all is cancelled before anything is waited for, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.engine.library import TransferListener, unheard
from ovedit.engine.protocols import CancelToken
from ovedit.io import documents, openraster
from ovedit.ui import closing
from ovedit.ui.commands import edit, file
from ovedit.ui.main_window import MainWindow
from ovedit.ui.qimage import to_array, to_qimage
from ovedit.workflows import mask_ops
from tests.fake_library import ScriptedLibrary
from tests.fakes import FakeProvider, IgnoreCancelUntil
from tests.ui.conftest import MakeWindow, picture

HURRY = 0.2


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What the test's slow things wait for."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def hurried(monkeypatch: MonkeyPatch) -> None:
    """Whoever closes the window waits less."""
    monkeypatch.setattr(closing, "WAIT_SECONDS", HURRY)


class DeafLibrary(ScriptedLibrary):
    """A library whose downloads do not look at their token."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__("tiny")
        self.tokens: list[CancelToken] = []
        self._deaf_until = gate

    def get(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> Path:
        assert cancel is not None
        self.tokens.append(cancel)
        assert self._deaf_until.wait(20)
        cancel.check()
        return Path("/models")


def test_everything_is_cancelled_before_anything_is_waited_for(
    make_window: MakeWindow,
    gate: threading.Event,
    hurried: None,
    monkeypatch: MonkeyPatch,
    qtbot: QtBot,
):
    library = DeafLibrary(gate)
    provider = FakeProvider({"*": [IgnoreCancelUntil(gate)]})
    window = make_window(provider, library)
    window.session.show_pixels(picture(), "picture")
    assert window.session.document is not None
    window.model_desk.downloads.get("tiny")
    window.assistant.select("bench")
    window.assistant.select("tree")
    window.errands.change("Wait", lambda _document: gate.wait(20))
    qtbot.waitUntil(lambda: bool(provider.calls and library.tokens))
    window.session.document.mark_saved()
    left: list[int] = []
    for service in (window.model_desk.downloads, window.service):
        shutdown = service.shutdown
        monkeypatch.setattr(
            service, "shutdown", lambda ms, stop=shutdown: left.append(ms) or stop(ms)
        )
    assert window.close()
    assert left == [0, 0], "the change under way took the time that they all share"
    assert not window.engines_stopped
    assert provider.calls[0].cancel.cancelled and library.tokens[0].cancelled
    gate.set()
    assert closing.stop(window)
    assert len(provider.calls) == 1


def test_what_is_only_read_is_not_waited_for(
    window: MainWindow,
    gate: threading.Event,
    hurried: None,
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
    qtbot: QtBot,
):
    reading = threading.Event()

    def read(*_: object, **__: object) -> None:
        reading.set()
        assert gate.wait(20)

    monkeypatch.setattr(documents, "open_document", read)
    monkeypatch.setattr("ovedit.ui.recent._look", lambda *_: gate.wait(20))
    file.open_path(window.context, tmp_path / "slow.png")
    window.recent.show([str(tmp_path)])
    qtbot.waitUntil(reading.is_set)
    assert window.close()
    assert not window.engines_stopped
    assert window.session.document is None
    gate.set()
    assert closing.stop(window)


def test_a_save_is_waited_for_however_long_it_takes(
    window: MainWindow,
    document: Document,
    hurried: None,
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
):
    save = openraster.save_project

    def slow(path: Path, *arguments: object, **named: object) -> None:
        time.sleep(2 * HURRY)
        save(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(openraster, "save_project", slow)
    path = tmp_path / "work.ora"
    window.session.save_project(path)
    assert window.close()
    assert window.engines_stopped
    assert path.exists()


def test_what_is_being_copied_still_reaches_the_clipboard(
    window: MainWindow, document: Document, monkeypatch: MonkeyPatch
):

    def slow(pixels: np.ndarray) -> QImage:
        time.sleep(HURRY)
        return to_qimage(pixels)

    monkeypatch.setattr(edit, "to_qimage", slow)
    QGuiApplication.clipboard().clear()
    QTest.keyClick(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    document.mark_saved()
    assert window.close()
    assert window.engines_stopped
    assert np.array_equal(to_array(QGuiApplication.clipboard().image()), picture())


def test_a_change_that_is_being_worked_out_is_dropped(
    window: MainWindow, document: Document, gate: threading.Event, hurried: None
):
    mask_ops.add_mask(document, np.full((64, 96), 255, np.uint8), label="bench")
    steps = len(document.history.steps)
    begun, later = threading.Event(), threading.Event()

    def work(copy: Document) -> None:
        begun.set()
        assert gate.wait(20)
        mask_ops.invert(copy, [copy.masks[0].id])

    window.errands.change("Invert", work)
    window.errands.change("Later", lambda _copy: later.set())
    assert begun.wait(5)
    document.mark_saved()
    assert window.close()
    assert not window.engines_stopped
    gate.set()
    assert closing.stop(window)
    assert len(document.history.steps) == steps
    assert not later.is_set()
