"""The composition root: the only place where everything is wired together."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ovedit.errors import OVEditError, WindowError

if TYPE_CHECKING:
    from PySide6.QtCore import QMessageLogContext, QtMsgType
    from PySide6.QtWidgets import QApplication

    from ovedit.ui.main_window import MainWindow


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window, with the file named if there is one. Returns the exit code.

    Raises `WindowError` where there is no display, or Qt cannot start.
    """
    words = sys.argv[1:] if argv is None else argv
    paths = [Path(word) for word in words if not word.startswith("-")]
    app = _start_qt(words)
    from PySide6.QtCore import QTimer

    from ovedit.ui import theme
    from ovedit.ui.commands import file

    app.setApplicationName("OVEdit")
    app.setDesktopFileName("ovedit")
    theme.apply(app)
    window = build_window()
    window.show()
    QTimer.singleShot(0, lambda: window.context.run(file.offer_recovery))
    if paths:
        window.context.run(lambda c: file.open_paths(c, paths))
    code = app.exec()
    if not window.engines_stopped:
        # An engine that does not listen still runs; everything is saved, and Qt would abort when
        # the thread under it is taken down in the usual way.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def build_window() -> MainWindow:
    """A main window with its session, its model service and the engines there are."""
    from PySide6.QtCore import QTimer

    from ovedit import settings as settings_file
    from ovedit.engine.registry import default_registry, default_runtime
    from ovedit.service.downloads import DownloadService
    from ovedit.service.model_service import ModelService
    from ovedit.ui.main_window import MainWindow
    from ovedit.ui.session import Session

    problem: OVEditError | None = None
    try:
        settings = settings_file.load()
    except OVEditError as error:
        settings, problem = settings_file.Settings(), error
    runtime = default_runtime(settings)
    service = ModelService(default_registry(runtime))
    window = MainWindow(Session(settings), service, DownloadService(runtime.library), runtime)
    # Looks for models on the disk: after the first paint.
    QTimer.singleShot(250, service.refresh_engines)
    if problem is not None:
        window.say(problem)
    return window


def _start_qt(words: Sequence[str]) -> QApplication:
    if not _has_display():
        from ovedit.runtime_check import command_line_instead

        hint = command_line_instead(words)
        raise WindowError("There is no display to open a window on.", hint)
    try:
        from PySide6.QtCore import QtMsgType, qInstallMessageHandler
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise _qt_failure(str(error), words) from error
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    said: list[str] = []

    def listen(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind == QtMsgType.QtFatalMsg:
            # Qt ends the process when this returns, and an exception cannot pass through it.
            why = _qt_failure(" ".join((*said, text)), words)
            print(f"ovedit: {why}", file=sys.stderr, flush=True)
            os._exit(1)
        said.append(text)

    before = qInstallMessageHandler(listen)
    try:
        return QApplication(sys.argv[:1])
    finally:
        qInstallMessageHandler(before)
        for text in said:
            print(text, file=sys.stderr)


def _qt_failure(said: str, words: Sequence[str]) -> OVEditError:
    from ovedit.runtime_check import command_line_instead, explain_qt_failure

    return explain_qt_failure(said, command_line_instead(words))


def _has_display() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") or sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
