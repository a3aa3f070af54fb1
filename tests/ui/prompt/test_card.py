from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.jobs import JobView
from ovedit.ui.prompt.card import MAX_WIDTH, PromptCard
from ovedit.ui.prompt.wish import EditWish
from ovedit.ui.theme import Theme

JOB = JobView("1", "Replace → metal bench", "31/50", 0.62, 12)


@pytest.fixture
def card(qtbot: QtBot, dark: Theme) -> Iterator[PromptCard]:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(1200, 700)
    card = PromptCard(window)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    yield card


def _lower_edge(card: PromptCard) -> int:
    return card.geometry().bottom()


def _place(card: PromptCard, widget: QWidget) -> QRect:
    return QRect(widget.mapTo(card.window(), QPoint(0, 0)), widget.size())


def _type(qtbot: QtBot, field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.clear()
    qtbot.keyClicks(field, text)


def _button(card: PromptCard, text: str) -> QPushButton:
    return next(b for b in card.findChildren(QPushButton) if b.text() == text and b.isVisible())


def test_enter_selects_what_was_typed(card: PromptCard, qtbot: QtBot) -> None:
    _type(qtbot, card.phrase, "  wooden bench, tree ")
    with qtbot.waitSignal(card.select_requested) as asked:
        qtbot.keyClick(card.phrase, Qt.Key.Key_Return)
    assert asked.args == ["wooden bench, tree"]


def test_the_button_selects_too_and_only_with_a_phrase(card: PromptCard, qtbot: QtBot) -> None:
    assert not card.select_button.isEnabled()
    qtbot.keyClick(card.phrase, Qt.Key.Key_Return)
    _type(qtbot, card.phrase, "sky")
    with qtbot.waitSignal(card.select_requested) as asked:
        qtbot.mouseClick(card.select_button, Qt.MouseButton.LeftButton)
    assert asked.args == ["sky"]


def test_without_a_picture_nothing_is_selected(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_select(False)
    _type(qtbot, card.phrase, "sky")
    with qtbot.assertNotEmitted(card.select_requested):
        qtbot.keyClick(card.phrase, Qt.Key.Key_Return)


def test_the_second_line_waits_for_a_mask(card: PromptCard) -> None:
    assert not card.apply_button.isVisible()
    card.set_can_edit(True)
    assert card.apply_button.isVisible()
    card.set_can_edit(False)
    assert not card.apply_button.isVisible()


def test_until_then_the_engine_may_say_what_it_understands(card: PromptCard) -> None:
    lone = card.height()
    card.set_engine("Basic", "Understands colours and materials.")
    assert card.height() > lone
    hinting = card.height()
    card.set_can_edit(True)
    assert card.height() == hinting


def test_a_better_engine_is_one_click_away(card: PromptCard, qtbot: QtBot) -> None:
    card.set_engine("Basic", "Understands colours and materials.")
    with qtbot.waitSignal(card.engines_requested):
        qtbot.mouseClick(card.better_button, Qt.MouseButton.LeftButton)


def test_replace_asks_with_words_and_variations(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.edit_line.set_variations(4)
    qtbot.mouseClick(card.kind.button("replace"), Qt.MouseButton.LeftButton)
    assert not card.apply_button.isEnabled()
    _type(qtbot, card.words, "metal bench")
    with qtbot.waitSignal(card.edit_requested) as asked:
        qtbot.keyClick(card.words, Qt.Key.Key_Return)
    assert asked.args == [EditWish("replace", "metal bench", 4)]


def test_remove_needs_no_words(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.edit_line.set_edit("replace", "metal bench")
    qtbot.mouseClick(card.kind.button("remove"), Qt.MouseButton.LeftButton)
    assert not card.words.isVisible()
    with qtbot.waitSignal(card.edit_requested) as asked:
        qtbot.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
    assert asked.args == [EditWish("remove")]


def test_the_kinds_are_walked_with_the_arrow_keys(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.kind.button("replace").setFocus()
    qtbot.keyClick(card.kind.button("replace"), Qt.Key.Key_Right)
    assert card.kind.current == "restyle"
    qtbot.keyClick(card.kind.button("restyle"), Qt.Key.Key_Left)
    qtbot.keyClick(card.kind.button("replace"), Qt.Key.Key_Left)
    assert card.kind.current == "remove"


def test_what_the_engine_cannot_do_says_why(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.edit_line.set_kinds(
        {"remove": "", "replace": "Install a model to replace.", "restyle": ""}
    )
    button = card.kind.button("replace")
    assert not button.isEnabled()
    assert button.toolTip() == "Install a model to replace."
    card.edit_line.set_edit("replace", "car")
    assert not card.apply_button.isEnabled()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_menu_offers_variations(card: PromptCard, count: int) -> None:
    card.set_can_edit(True)
    menu = card.edit_line.variations_button.menu()
    assert menu is not None
    next(action for action in menu.actions() if action.data() == count).trigger()
    assert card.edit_line.variations == count
    assert card.edit_line.variations_button.text().startswith(str(count))


def test_the_menu_holds_the_seed(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.edit_line.set_edit("remove", "")
    menu = card.edit_line.variations_button.menu()
    assert menu is not None
    menu.popup(card.mapToGlobal(QPoint(0, 0)))
    _type(qtbot, card.edit_line.seed_field, "7")
    qtbot.keyClick(card.edit_line.seed_field, Qt.Key.Key_Return)
    with qtbot.waitSignal(card.edit_requested) as asked:
        card.apply_button.click()
    assert asked.args == [EditWish("remove", seed=7)]
    another = next(b for b in menu.findChildren(QAbstractButton) if b.toolTip() == "Another seed")
    qtbot.mouseClick(another, Qt.MouseButton.LeftButton)
    assert card.edit_line.seed != 7
    menu.close()


def test_the_menu_asks_what_to_avoid_where_the_engine_heeds_it(
    card: PromptCard, qtbot: QtBot
) -> None:
    card.set_can_edit(True)
    line = card.edit_line
    menu = line.variations_button.menu()
    assert menu is not None
    menu.popup(card.mapToGlobal(QPoint(0, 0)))
    assert line.seed_field.isVisible() and not line.negative_field.isVisible()
    menu.close()
    line.set_uses_negative(True)
    menu.popup(card.mapToGlobal(QPoint(0, 0)))
    assert line.negative_field.isVisible()
    _type(qtbot, line.negative_field, " people, text ")
    assert line.variations_button.toolTip() == "Avoids: people, text"
    qtbot.keyClick(line.negative_field, Qt.Key.Key_Return)
    assert not menu.isVisible()
    line.set_edit("remove", "")
    for uses, avoided in ((True, "people, text"), (False, "")):
        line.set_uses_negative(uses)
        with qtbot.waitSignal(card.edit_requested) as asked:
            qtbot.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
        assert asked.args == [EditWish("remove", negative_prompt=avoided)]


def test_up_and_down_walk_the_history_and_come_back(card: PromptCard, qtbot: QtBot) -> None:
    card.set_history(["sky", "tree"])
    _type(qtbot, card.phrase, "ben")
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(card.phrase, key)
        seen.append(card.phrase.text())
    assert seen == ["tree", "sky", "sky", "tree", "ben"]


def test_what_was_entered_is_remembered_once_and_last(card: PromptCard, qtbot: QtBot) -> None:
    card.set_history(["sky", "tree"], ["golden"])
    _type(qtbot, card.phrase, "sky")
    with qtbot.waitSignal(card.history_changed) as told:
        qtbot.keyClick(card.phrase, Qt.Key.Key_Return)
    assert told.args == [("tree", "sky"), ("golden",)]


@pytest.mark.parametrize("name", ["phrase", "words", "select_button", "apply_button"])
def test_escape_leads_back_to_the_canvas(card: PromptCard, qtbot: QtBot, name: str) -> None:
    card.set_can_edit(True)
    widget: QWidget = getattr(card, name)
    with qtbot.waitSignal(card.escape):
        qtbot.keyClick(widget, Qt.Key.Key_Escape)


def test_a_job_takes_the_second_lines_place_without_a_jump(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    before, phrase_before = card.geometry(), _place(card, card.phrase)
    card.set_job(JOB)
    assert (card.geometry(), _place(card, card.phrase)) == (before, phrase_before)
    assert not card.apply_button.isVisible()
    with qtbot.waitSignal(card.cancel_requested):
        qtbot.mouseClick(card.cancel_button, Qt.MouseButton.LeftButton)
    card.set_job(None)
    assert card.geometry() == before
    assert card.apply_button.isVisible()


def test_a_job_that_was_told_to_stop_cannot_be_told_again(card: PromptCard) -> None:
    card.set_job(JobView("1", "Remove", cancelling=True))
    assert not card.cancel_button.isEnabled()


def test_the_cursor_stays_in_the_words_through_a_job(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    _type(qtbot, card.words, "metal bench")
    card.set_job(JOB)
    assert card.cancel_button.hasFocus()
    card.set_job(None)
    assert card.words.hasFocus()


def test_another_phrase_can_be_queued_while_a_job_runs(card: PromptCard, qtbot: QtBot) -> None:
    card.set_job(JOB)
    _type(qtbot, card.phrase, "sky")
    with qtbot.waitSignal(card.select_requested):
        qtbot.keyClick(card.phrase, Qt.Key.Key_Return)


def test_a_message_has_its_buttons_and_moves_nothing_below_it(
    card: PromptCard, qtbot: QtBot
) -> None:
    card.set_can_edit(True)
    before = _place(card, card.phrase)
    card.show_message("Nothing looks like “zebra”.", [("Show regions", "regions")], "warning")
    assert card.message == "Nothing looks like “zebra”."
    assert _place(card, card.phrase) == before
    with qtbot.waitSignal(card.message_action) as asked:
        qtbot.mouseClick(_button(card, "Show regions"), Qt.MouseButton.LeftButton)
    assert asked.args == ["regions"]
    assert card.message == ""
    assert _place(card, card.phrase) == before


def test_a_long_message_is_shown_in_full(card: PromptCard) -> None:
    card.show_message("word " * 60, [("One", "1"), ("Two", "2")], "error")
    label = card.message_bar._text
    assert label.height() >= label.heightForWidth(label.width())


def test_a_message_needs_no_more_width_than_the_card_has(card: PromptCard) -> None:
    card.set_can_edit(True)
    card.set_floating(False)
    narrowest = card.minimumSizeHint().width()
    long = "The answer is here, but you have undone steps since: " + "/a/long/folder" * 20
    card.resize(narrowest, card.height())
    card.show_message(long, [("Show best guess", "1"), ("Add it", "2")], "warning")
    assert card.minimumSizeHint().width() == narrowest


@pytest.mark.parametrize("width", [1600, 640, 440])
def test_a_long_message_and_its_buttons_stay_inside_the_card(card: PromptCard, width: int) -> None:
    parent = card.parentWidget()
    assert parent is not None
    parent.resize(width, 600)
    card.set_can_edit(True)
    text = "The picture lies in " + "/a/rather/long/folder" * 8
    card.show_message(text, [("Show best guess", "1"), ("Install an engine", "2")], "warning")
    label = card.message_bar._text
    assert label.height() >= label.heightForWidth(label.width())
    for shown in (label, _button(card, "Show best guess"), _button(card, "Install an engine")):
        assert card.rect().contains(QRect(shown.mapTo(card, QPoint(0, 0)), shown.size()))
    assert card.message == text
    assert parent.rect().contains(card.geometry())


def test_pinned_a_long_message_is_shown_in_full(qtbot: QtBot, dark: Theme) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    dock = QDockWidget()
    card = PromptCard(window)
    dock.setWidget(card)
    card.set_floating(False)
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    window.resize(500, 600)
    with qtbot.waitExposed(window):
        window.show()
    rest = card.height()
    text = "The picture lies in " + "/a/rather/long/folder" * 8
    card.show_message(text, [("Show best guess", "1"), ("Install an engine", "2")], "warning")
    label = card.message_bar._text
    qtbot.waitUntil(lambda: card.height() > rest)
    assert label.height() >= label.heightForWidth(label.width())
    assert window.width() == 500
    card.clear_message()
    qtbot.waitUntil(lambda: card.height() == rest)


def test_a_message_can_be_closed(card: PromptCard, qtbot: QtBot) -> None:
    card.show_message("Done.")
    close = next(
        b for b in card.findChildren(QAbstractButton) if b.accessibleName() == "Close this message"
    )
    with qtbot.assertNotEmitted(card.message_action):
        qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    assert card.message == ""


def test_the_next_request_takes_the_message_away(card: PromptCard, qtbot: QtBot) -> None:
    card.show_message("Nothing looks like “zebra”.")
    _type(qtbot, card.phrase, "horse")
    qtbot.keyClick(card.phrase, Qt.Key.Key_Return)
    assert card.message == ""


def test_three_buttons_are_too_many(card: PromptCard) -> None:
    with pytest.raises(ValueError, match="at most two buttons, not 3"):
        card.show_message("What now?", [("A", "a"), ("B", "b"), ("C", "c")])


@pytest.mark.parametrize("width", [1600, 900, 640, 420])
def test_it_keeps_to_the_lower_edge_within_its_parent(card: PromptCard, width: int) -> None:
    card.set_can_edit(True)
    parent = card.parentWidget()
    assert parent is not None
    parent.resize(width, 500)
    box = card.geometry()
    assert box.width() <= min(MAX_WIDTH, width)
    assert parent.rect().contains(box)
    assert abs(box.center().x() - parent.rect().center().x()) <= 1
    assert _lower_edge(card) == 500 - 22 - 1
    for control in (card.kind, card.words, card.edit_line.variations_button, card.apply_button):
        assert card.rect().contains(QRect(control.mapTo(card, QPoint(0, 0)), control.size()))
    for left, right in (
        (card.kind, card.words),
        (card.words, card.edit_line.variations_button),
        (card.edit_line.variations_button, card.apply_button),
    ):
        assert left.geometry().right() < right.geometry().left()


def test_pinned_it_takes_part_in_a_layout(card: PromptCard) -> None:
    box = card.geometry()
    card.set_floating(False)
    parent = card.parentWidget()
    assert parent is not None
    parent.resize(500, 300)
    assert card.geometry() == box


def test_tab_goes_from_line_to_line(card: PromptCard, qtbot: QtBot) -> None:
    card.set_can_edit(True)
    card.edit_line.set_edit("replace", "metal bench")
    card.phrase.setText("bench")
    card.focus_phrase()
    order: list[QWidget | None] = []
    for _ in range(6):
        qtbot.keyClick(card.window().focusWidget() or card, Qt.Key.Key_Tab)
        order.append(card.window().focusWidget())
    assert order == [
        card.engine_button,
        card.select_button,
        card.kind.button("replace"),
        card.words,
        card.edit_line.variations_button,
        card.apply_button,
    ]


def test_every_control_has_a_name_for_those_who_do_not_see_it(card: PromptCard) -> None:
    card.set_can_edit(True)
    card.show_message("Hm.", [("Yes", "y")])
    controls = [*card.findChildren(QAbstractButton), *card.findChildren(QLineEdit)]
    assert len(controls) >= 9
    nameless = [c for c in controls if not (c.accessibleName() or getattr(c, "text", str)())]
    assert nameless == []
