"""A person's hands: they find things by the name they go by, click, type, drag and draw.

Nothing here calls the program's own methods to make something happen; `window` is there to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QDialog,
    QFileDialog,
    QMessageBox,
    QWidget,
)
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.ui.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
ANSWER_MS = 60_000
SCREENSHOTS = os.environ.get("OVEDIT_SCREENSHOTS")

W = TypeVar("W", bound=QWidget)


@contextmanager
def open_hands(window: MainWindow, qtbot: QtBot) -> Iterator[Hands]:
    """Show a window; at the end throw its document away, close it and wait until it is gone."""
    window.resize(1600, 1000)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    hands = Hands(window, qtbot)
    try:
        hands.wait(lambda: bool(window.assistant.engines))
        yield hands
    finally:
        if window.isVisible():
            window.session.close()
            window.close()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


class Hands:
    """Drive a window as a person does."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self._qtbot = qtbot

    # -- looking ---------------------------------------------------------------------------------

    def find(self, kind: type[W], name: str, place: QWidget | None = None) -> W:
        """The one visible widget of a kind with this accessible name, or these words on it."""
        found = [w for w in (place or self.window).findChildren(kind) if _is(w, name)]
        shown = ", ".join(
            repr(_name(w)) for w in self.window.findChildren(kind) if w.isVisible() and _name(w)
        )
        assert len(found) == 1, f"{len(found)} of {kind.__name__} {name!r} among {shown}"
        return found[0]

    def button(self, name: str, place: QWidget | None = None) -> QAbstractButton:
        """A button by its name."""
        return self.find(QAbstractButton, name, place)

    @property
    def document(self) -> Document:
        """What is open."""
        document = self.window.session.document
        assert document is not None, "nothing is open"
        return document

    @property
    def canvas(self) -> QWidget:
        """The canvas."""
        return self.find(QWidget, "Canvas")

    @property
    def message(self) -> str:
        """What the window says."""
        if self.window.session.document is None:
            return self.window.start.message.text()
        return self.window.prompt.message

    @property
    def focused(self) -> str:
        """The name of what has the focus."""
        return _name(self._focus())

    def picture(self) -> NDArray[np.uint8]:
        """The flattened picture."""
        return self.document.state.flattened()

    def shot(self, name: str) -> None:
        """A picture of the window, where OVEDIT_SCREENSHOTS names a folder for them."""
        self.settle()
        self.shot_now(name)

    def shot_now(self, name: str) -> None:
        """The same, without waiting for what runs."""
        if SCREENSHOTS:
            self.window.grab().save(str(Path(SCREENSHOTS) / f"{name}.png"))

    # -- waiting ---------------------------------------------------------------------------------

    def wait(self, until: Callable[[], bool], milliseconds: int = ANSWER_MS) -> None:
        """Wait until something is so."""
        self._qtbot.waitUntil(until, timeout=milliseconds)

    def settle(self) -> None:
        """Wait until nothing runs and the docks have caught up."""
        window = self.window
        self.wait(lambda: not (window.errands.busy or window.session.background.busy))
        self._qtbot.wait(30)

    # -- keyboard --------------------------------------------------------------------------------

    def _focus(self) -> QWidget:
        if QApplication.activeWindow() is None:
            # Without a window manager nobody does this after a dialog.
            self.window.activateWindow()
            self.wait(lambda: QApplication.focusWidget() is not None, 2000)
        widget = QApplication.focusWidget()
        assert widget is not None, "nothing has the focus"
        return widget

    def press(self, key: Qt.Key | str, held: Qt.KeyboardModifier = NONE) -> None:
        """Press a key where the focus is."""
        if isinstance(key, str):
            QTest.keyClicks(self._focus(), key, held)
        else:
            QTest.keyClick(self._focus(), key, held)

    def type(self, text: str) -> None:
        """Type where the focus is."""
        QTest.keyClicks(self._focus(), text)

    def undo_all(self) -> int:
        """Ctrl+Z until nothing is left; returns how often that was."""
        count = 0
        while self.document.can_undo:
            self.press(Qt.Key.Key_Z, CTRL)
            self._qtbot.wait(5)
            count += 1
            assert count < 100
        return count

    # -- mouse -----------------------------------------------------------------------------------

    def click(self, widget: QWidget | str, at: QPoint | None = None) -> None:
        """Click a widget, or the button of this name, in its middle."""
        if isinstance(widget, str):
            widget = self.button(widget)
        assert widget.isEnabled(), f"{_name(widget)!r} cannot be used now"
        QTest.mouseClick(widget, LEFT, NONE, at if at is not None else widget.rect().center())

    def mouse(
        self,
        kind: QEvent.Type,
        widget: QWidget,
        at: QPointF,
        held: Qt.KeyboardModifier = NONE,
    ) -> None:
        """One mouse event with the left button; `QTest` cannot hold a key while it drags."""
        moving = kind is QEvent.Type.MouseMove
        button = Qt.MouseButton.NoButton if moving else LEFT
        buttons = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else LEFT
        event = QMouseEvent(kind, at, widget.mapToGlobal(at), button, buttons, held)
        QApplication.sendEvent(widget, event)

    def drag(
        self, widget: QWidget, path: Sequence[QPointF], held: Qt.KeyboardModifier = NONE
    ) -> None:
        """Press at the first point, move along the others, let go at the last."""
        self.mouse(QEvent.Type.MouseButtonPress, widget, path[0], held)
        for at in path[1:]:
            self.mouse(QEvent.Type.MouseMove, widget, at, held)
            self._qtbot.wait(5)
        self.mouse(QEvent.Type.MouseButtonRelease, widget, path[-1], held)

    def on_canvas(self, x: float, y: float) -> QPointF:
        """Where on the canvas a pixel of the picture is."""
        return self.window.canvas.widget_point(x, y)

    def draw(self, *points: tuple[float, float], held: Qt.KeyboardModifier = NONE) -> None:
        """A stroke through points of the picture."""
        self.drag(self.canvas, [self.on_canvas(*point) for point in points], held)

    def click_picture(self, x: float, y: float, held: Qt.KeyboardModifier = NONE) -> None:
        """Click a pixel of the picture."""
        self.draw((x, y), held=held)

    def slide(self, slider: QAbstractSlider, by: int) -> None:
        """Drag a slider's handle by pixels."""
        share = (slider.value() - slider.minimum()) / (slider.maximum() - slider.minimum())
        # The handle is 16 px wide at most, and stays inside.
        start = QPointF(7 + share * (slider.width() - 14), slider.height() / 2)
        steps = [start + QPointF(by * n / 8, 0) for n in range(9)]
        self.drag(slider, steps)

    def drop(self, path: Path) -> None:
        """Drag a file into the middle of the window and let it fall."""
        widget = self.window.childAt(self.window.rect().center())
        assert widget is not None
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        at = widget.mapFrom(self.window, self.window.rect().center())
        copy = Qt.DropAction.CopyAction
        entering = QDragEnterEvent(at, copy, data, LEFT, NONE)
        QApplication.sendEvent(widget, entering)
        assert entering.isAccepted()
        QApplication.sendEvent(widget, QDropEvent(QPointF(at), copy, data, LEFT, NONE))

    # -- what is done often ----------------------------------------------------------------------

    def answering(self, button: str) -> Answer:
        """Answer the next question box with this button."""
        return Answer(button)

    def open_file(self, path: Path, monkeypatch: MonkeyPatch) -> None:
        """Ctrl+O, and this file."""
        with monkeypatch.context() as patch:
            patch.setattr(QFileDialog, "getOpenFileName", lambda *_a, **_k: (str(path), ""))
            self.press(Qt.Key.Key_O, CTRL)
        self.settle()

    def save_file(self, path: Path, monkeypatch: MonkeyPatch) -> None:
        """Ctrl+Shift+S, and this path."""
        with monkeypatch.context() as patch:
            patch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(path), ""))
            self.press(Qt.Key.Key_S, CTRL | SHIFT)
        self.settle()

    def select(self, phrase: str) -> None:
        """Type a phrase and wait for the answer."""
        self.press("/")
        self.type(phrase)
        self.press(Qt.Key.Key_Return)
        self.settle()


class Answer:
    """Clicks a button of the next dialog that comes up, and remembers what the dialog said."""

    def __init__(self, button: str) -> None:
        self.button = button
        self.text = ""
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)

    def __enter__(self) -> Answer:
        self._timer.start(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()

    def _look(self) -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            return
        self._timer.stop()
        self.text = dialog.text() if isinstance(dialog, QMessageBox) else dialog.windowTitle()
        buttons = [b for b in dialog.findChildren(QAbstractButton) if _is(b, self.button)]
        if buttons:
            QTest.mouseClick(buttons[0], LEFT)
        else:
            # So that a wrong test fails, and does not hang.
            dialog.reject()


def _name(widget: QWidget) -> str:
    words = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or words.replace("&", "")


def _is(widget: QWidget, name: str) -> bool:
    return widget.isVisible() and _name(widget) == name
