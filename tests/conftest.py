"""Rules for every test: its own folders, no display needed, nothing left running or showing."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform.startswith("linux") and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Compiled kernels are kept between runs; a test's own folders are not.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool
from PySide6.QtWidgets import QApplication, QWidget

GRACE_SECONDS = 2.0
_started_threads: weakref.WeakSet[QThread] = weakref.WeakSet()


@pytest.fixture(scope="session", autouse=True)
def _remember_started_threads() -> Iterator[None]:
    """Qt has no list of its threads, so note each one as it starts."""
    start = QThread.start

    def noting_start(self: QThread, *arguments: QThread.Priority) -> None:
        _started_threads.add(self)
        start(self, *arguments)

    QThread.start = noting_start
    yield
    QThread.start = start


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, caches and autosaves of a test go to a folder of its own."""
    home = tmp_path_factory.mktemp("ovedit-home")
    monkeypatch.setenv("OVEDIT_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def _nothing_left(_remember_started_threads: None) -> Iterator[None]:
    """Fail the test that leaves a thread running or a top-level widget behind."""
    threads_before = set(threading.enumerate())
    widgets_before = {id(widget) for widget in _top_level_widgets()}
    yield
    leaks = [f"thread {name}" for name in _leaked_threads(threads_before)]
    leaks += [f"QThread {name}" for name in _leaked_qt_threads()]
    if not QThreadPool.globalInstance().waitForDone(int(GRACE_SECONDS * 1000)):
        leaks.append("a task in the global QThreadPool")
    leaks += [f"widget {name}" for name in _leaked_widgets(widgets_before)]
    if leaks:
        pytest.fail(f"The test left behind: {', '.join(leaks)}.", pytrace=False)


def _leaked_threads(before: set[threading.Thread]) -> list[str]:
    deadline = time.monotonic() + GRACE_SECONDS
    leaked = []
    for thread in set(threading.enumerate()) - before:
        # Python's stand-ins for Qt's threads outlive them; those are looked for as QThreads.
        if isinstance(thread, threading._DummyThread):
            continue
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            leaked.append(thread.name)
    return leaked


def _leaked_qt_threads() -> list[str]:
    leaked = []
    for thread in list(_started_threads):
        if not shiboken6.isValid(thread) or not thread.isRunning():
            continue
        leaked.append(thread.objectName() or type(thread).__name__)
        # So that only the guilty test fails.
        thread.requestInterruption()
        thread.quit()
        if thread.wait(int(GRACE_SECONDS * 1000)):
            _started_threads.discard(thread)
    return leaked


def _top_level_widgets() -> list[QWidget]:
    # A parent deletes its own dialogs and menus; Qt keeps one tool tip label for later.
    return [
        widget
        for widget in QApplication.topLevelWidgets()
        if widget.parent() is None and widget.metaObject().className() != "QTipLabel"
    ]


def _leaked_widgets(before: set[int]) -> list[str]:
    if QApplication.instance() is None:
        return []

    def left() -> list[QWidget]:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        return [widget for widget in _top_level_widgets() if id(widget) not in before]

    if not left():
        return []
    gc.collect()
    leaked = left()
    names = [widget.objectName() or type(widget).__name__ for widget in leaked]
    for widget in leaked:
        shiboken6.delete(widget)
    return names
