"""Widgets keep the keys they act on, although the window has shortcuts on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.history import HistoryPanel
from ovedit.ui.panels.masks import MaskRow, MasksPanel
from ovedit.ui.theme import Theme
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.slider import NumberField

KEYS = ["Return", "Up", "Down", "Escape", "Space", "Delete", "Ctrl+Return", "B"]


@pytest.fixture
def window(qtbot: QtBot, dark: Theme) -> tuple[QWidget, list[str]]:
    """A window with shortcuts, and the list of those that ran."""
    window, ran = QWidget(), []
    qtbot.addWidget(window)
    QVBoxLayout(window)
    for key in KEYS:
        shortcut = QShortcut(QKeySequence(key), window)
        shortcut.activated.connect(lambda key=key: ran.append(key))
    return window, ran


def _masks() -> QWidget:
    panel = MasksPanel()
    panel.set_rows((MaskRow("a", "sky", "#56b4e9"),), ("a",))
    return panel


def _history() -> QWidget:
    panel = HistoryPanel()
    panel.set_steps(("Open", "Brush"), 1)
    return panel


def _focus(widget: QWidget) -> QWidget:
    inner = getattr(widget, "list", None) or getattr(widget, "view", None) or widget
    assert isinstance(inner, QWidget)
    inner.setFocus()
    return inner


@pytest.mark.parametrize(
    ("make", "ran_anyway"),
    [
        (lambda: HistoryField("Phrase", ""), ["Ctrl+Return"]),
        (lambda: NumberField("Size", 0, 9), ["Ctrl+Return"]),
        (_masks, ["Escape", "Ctrl+Return", "B"]),
        (_history, ["Escape", "Delete", "Ctrl+Return", "B"]),
    ],
    ids=["history field", "number field", "rows", "history"],
)
def test_keys_that_mean_something_here_run_no_shortcut(
    window: tuple[QWidget, list[str]],
    qtbot: QtBot,
    make: Callable[[], QWidget],
    ran_anyway: list[str],
) -> None:
    parent, ran = window
    widget = make()
    layout: QObject | None = parent.layout()
    assert isinstance(layout, QVBoxLayout)
    layout.addWidget(widget)
    with qtbot.waitExposed(parent):
        parent.show()
    parent.activateWindow()
    target = _focus(widget)
    for key in KEYS:
        combination = QKeySequence(key)[0]
        qtbot.keyClick(target, combination.key(), combination.keyboardModifiers())
        target.setFocus()
    assert ran == ran_anyway


def test_without_the_focus_the_shortcuts_run(
    window: tuple[QWidget, list[str]], qtbot: QtBot
) -> None:
    parent, ran = window
    parent.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    with qtbot.waitExposed(parent):
        parent.show()
    parent.activateWindow()
    parent.setFocus()
    for key in KEYS:
        combination = QKeySequence(key)[0]
        qtbot.keyClick(parent, combination.key(), combination.keyboardModifiers())
    assert ran == KEYS
