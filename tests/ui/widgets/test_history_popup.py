from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from ovedit.ui.theme import Theme
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.history_popup import HistoryPopup

ENTERED = ("sky", "old wooden bench", "golden", "metal bench")


@pytest.fixture
def popup(qtbot: QtBot, dark: Theme) -> HistoryPopup:
    field = HistoryField("Words", "")
    qtbot.addWidget(field)
    field.set_history(ENTERED)
    field.resize(300, 32)
    field.show()
    return HistoryPopup(field)


def shown(popup: HistoryPopup) -> list[str]:
    return [popup.list.item(row).text() for row in range(popup.list.count())]


def field_of(popup: HistoryPopup) -> HistoryField:
    field = popup.parentWidget()
    assert isinstance(field, HistoryField)
    return field


def test_all_is_listed_the_newest_first(popup: HistoryPopup, qtbot: QtBot) -> None:
    qtbot.keyClick(field_of(popup), Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert popup.isVisible()
    assert shown(popup) == list(ENTERED[::-1])


def test_every_word_typed_has_to_occur(popup: HistoryPopup, qtbot: QtBot) -> None:
    popup.open()
    qtbot.keyClicks(popup.filter, "BENCH old")
    assert shown(popup) == ["old wooden bench"]
    qtbot.keyClicks(popup.filter, "x")
    assert shown(popup) == []


def test_what_is_chosen_is_put_in(popup: HistoryPopup, qtbot: QtBot) -> None:
    popup.open()
    qtbot.keyClicks(popup.filter, "bench")
    qtbot.keyClick(popup.filter, Qt.Key.Key_Down)
    qtbot.keyClick(popup.filter, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert field_of(popup).text() == "old wooden bench"


def test_esc_leaves_the_field_as_it_was(popup: HistoryPopup, qtbot: QtBot) -> None:
    field_of(popup).setText("draft")
    popup.open()
    qtbot.keyClick(popup.filter, Qt.Key.Key_Escape)
    assert not popup.isVisible()
    assert field_of(popup).text() == "draft"


def test_with_nothing_entered_there_is_no_button(qtbot: QtBot, dark: Theme) -> None:
    field = HistoryField("Words", "")
    qtbot.addWidget(field)
    HistoryPopup(field)
    assert not any(action.isVisible() for action in field.actions())
    field.setText("sky")
    field.remember()
    assert all(action.isVisible() for action in field.actions())
