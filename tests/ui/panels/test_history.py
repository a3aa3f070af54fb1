from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.history import HistoryPanel
from ovedit.ui.theme import Theme

STEPS = ("Open park-bench.jpg", "Select “wooden bench”", "Mask brush", "Grow 4 px")


@pytest.fixture
def panel(qtbot: QtBot, dark: Theme) -> Iterator[HistoryPanel]:
    panel = HistoryPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 300)
    panel.set_steps(STEPS, 2)
    with qtbot.waitExposed(panel):
        panel.show()
    yield panel


def _spoken(panel: HistoryPanel) -> list[str]:
    model = panel.view.model()
    role = Qt.ItemDataRole.AccessibleTextRole
    return [model.index(row, 0).data(role) for row in range(model.rowCount())]


def _click(qtbot: QtBot, panel: HistoryPanel, row: int) -> None:
    place = panel.view.visualRect(panel.view.model().index(row, 0)).center()
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_the_present_step_stays_in_sight_when_the_dock_shrinks(
    panel: HistoryPanel, qtbot: QtBot
) -> None:
    steps = [f"Step {number}" for number in range(60)]
    for present in (40, 59, 3):
        panel.resize(300, 2000)
        panel.set_steps(steps, present)
        panel.resize(300, 200)
        qtbot.wait(5)
        row = panel.view.visualRect(panel.view.model().index(present, 0))
        assert panel.view.viewport().rect().contains(row), present


def test_steps_say_which_is_present_and_which_are_undone(panel: HistoryPanel) -> None:
    assert _spoken(panel) == [
        "Open park-bench.jpg",
        "Select “wooden bench”",
        "Mask brush, the present state",
        "Grow 4 px, undone",
    ]


@pytest.mark.parametrize("row", [0, 3])
def test_a_click_jumps_back_or_forward(panel: HistoryPanel, qtbot: QtBot, row: int) -> None:
    with qtbot.waitSignal(panel.jump_requested) as told:
        _click(qtbot, panel, row)
    assert told.args == [row]


def test_a_click_on_the_present_state_asks_nothing(panel: HistoryPanel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(panel.jump_requested):
        _click(qtbot, panel, 2)


def test_keys_jump(panel: HistoryPanel, qtbot: QtBot) -> None:
    panel.view.setFocus()
    panel.view.setCurrentIndex(panel.view.model().index(1, 0))
    qtbot.keyClick(panel.view, Qt.Key.Key_Up)
    with qtbot.waitSignal(panel.jump_requested) as told:
        qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    assert told.args == [0]


def test_a_new_step_replaces_the_undone_ones(panel: HistoryPanel) -> None:
    panel.set_steps((*STEPS[:3], "Feather 2 px"), 3)
    assert _spoken(panel)[-2:] == ["Mask brush", "Feather 2 px, the present state"]


def test_only_rows_that_differ_are_touched(panel: HistoryPanel) -> None:
    touched: list[tuple[str, int, int]] = []
    model = panel.view.model()
    model.rowsRemoved.connect(lambda _parent, a, b: touched.append(("removed", a, b)))
    model.rowsInserted.connect(lambda _parent, a, b: touched.append(("inserted", a, b)))
    panel.set_steps((*STEPS, "Invert"), 4)
    panel.set_steps((*STEPS[:3], "Invert"), 3)
    assert touched == [("inserted", 4, 4), ("removed", 3, 4), ("inserted", 3, 3)]


def test_the_present_step_is_in_view(panel: HistoryPanel) -> None:
    panel.set_steps(tuple(f"Step {n}" for n in range(300)), 250)
    rect = panel.view.visualRect(panel.view.model().index(250, 0))
    assert panel.view.viewport().rect().contains(rect)


def test_a_notice_is_shown_until_it_is_closed(panel: HistoryPanel, qtbot: QtBot) -> None:
    panel.set_notice("The 12 oldest steps were dropped.")
    close = next(
        b for b in panel.findChildren(QAbstractButton) if b.accessibleName() == "Close this notice"
    )
    assert close.isVisible()
    qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    assert not close.isVisible()


def test_no_document_has_no_steps(panel: HistoryPanel) -> None:
    panel.set_steps((), -1)
    assert _spoken(panel) == []
