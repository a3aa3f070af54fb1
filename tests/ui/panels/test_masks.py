from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.mask_rows import InstanceLine, MaskLine
from ovedit.ui.panels.masks import InstanceRow, MaskRow, MasksPanel
from ovedit.ui.theme import Theme

LEFT = Qt.MouseButton.LeftButton
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

BENCH = MaskRow("bench", "wooden bench", "#e69f00", 0.91, accepted=True, threshold=0.42)
TREE = MaskRow(
    "tree",
    "tree",
    "#56b4e9",
    0.78,
    instances=(InstanceRow("tree1", "tree 1", 0.74), InstanceRow("tree2", "tree 2", 0.78, False)),
)
SKY = MaskRow("sky", "sky", "#009e73", 0.33, visible=False, threshold=0.3, candidates=3)
ROWS = (BENCH, TREE, SKY)


@pytest.fixture
def panel(qtbot: QtBot, dark: Theme) -> Iterator[MasksPanel]:
    panel = MasksPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 500)
    panel.set_rows(ROWS)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.activateWindow()
    yield panel


def _line(panel: MasksPanel, row_id: str) -> MaskLine | InstanceLine:
    line = panel.list.rows()[row_id]
    assert isinstance(line, MaskLine | InstanceLine)
    return line


def _click(qtbot: QtBot, panel: MasksPanel, row_id: str, keys=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(_line(panel, row_id), LEFT, keys, QPoint(150, 10))


def _named(parent: QWidget, name: str) -> QAbstractButton:
    return next(b for b in parent.findChildren(QAbstractButton) if b.accessibleName() == name)


def test_without_masks_it_says_what_to_do(panel: MasksPanel) -> None:
    panel.set_rows(())
    assert panel._empty.isVisible()
    assert "wooden bench" in panel._empty.text()
    assert not panel.accept_button.isVisible()


def test_rows_are_in_order_with_instances_below_their_group(panel: MasksPanel) -> None:
    assert list(panel.list.rows()) == ["bench", "tree", "tree1", "tree2", "sky"]
    tops = [line.y() for line in panel.list.rows().values()]
    assert tops == sorted(tops)
    assert _line(panel, "bench").accessibleName() == "wooden bench, score 0.91, accepted"
    assert "hidden" in _line(panel, "sky").accessibleName()


def test_a_click_selects(panel: MasksPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.selection_changed) as told:
        _click(qtbot, panel, "sky")
    assert told.args == [("sky",)]


def test_control_and_shift_select_several(panel: MasksPanel, qtbot: QtBot) -> None:
    _click(qtbot, panel, "bench")
    _click(qtbot, panel, "sky", CONTROL)
    assert panel.list.selected == ("bench", "sky")
    _click(qtbot, panel, "bench", CONTROL)
    assert panel.list.selected == ("sky",)
    _click(qtbot, panel, "bench")
    _click(qtbot, panel, "tree1", SHIFT)
    assert panel.list.selected == ("bench", "tree", "tree1")


def test_a_click_below_the_rows_selects_none(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    panel.list.setMaximumHeight(400)
    panel.list.setMinimumHeight(400)
    qtbot.mouseClick(panel.list.viewport(), LEFT, pos=QPoint(100, 395))
    assert panel.list.selected == ()


def test_keys_walk_and_extend(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert panel.list.selected == ("tree",)
    qtbot.keyClick(panel.list, Qt.Key.Key_Down, SHIFT)
    assert panel.list.selected == ("tree", "tree1")
    qtbot.keyClick(panel.list, Qt.Key.Key_End)
    assert panel.list.selected == ("sky",)
    assert panel.list.accessibleDescription().startswith("sky")
    qtbot.keyClick(panel.list, Qt.Key.Key_A, CONTROL)
    assert len(panel.list.selected) == 5


def test_only_a_row_selected_alone_shows_its_threshold(panel: MasksPanel, qtbot: QtBot) -> None:
    assert not _line(panel, "bench").threshold.isVisible()
    _click(qtbot, panel, "bench")
    assert _line(panel, "bench").threshold.isVisible()
    assert _line(panel, "bench").threshold.value == 0.42
    _click(qtbot, panel, "sky", CONTROL)
    assert not _line(panel, "bench").threshold.isVisible()
    _click(qtbot, panel, "tree")
    assert not _line(panel, "tree").threshold.isVisible()


def test_dragging_the_threshold_tells_all_the_way_and_once_at_the_end(
    panel: MasksPanel, qtbot: QtBot
) -> None:
    panel.set_rows(ROWS, ("bench",))
    slider = _line(panel, "bench").threshold.slider
    moved: list[tuple[str, float]] = []
    committed: list[tuple[str, float]] = []
    panel.threshold_moved.connect(lambda *a: moved.append(a))
    panel.threshold_committed.connect(lambda *a: committed.append(a))
    middle = slider.rect().center()
    qtbot.mousePress(slider, LEFT, pos=middle)
    qtbot.mouseMove(slider, middle + QPoint(20, 0))
    # The document answers while the hand still holds the handle.
    panel.set_rows((replace(BENCH, threshold=0.1), TREE, SKY), ("bench",))
    qtbot.mouseMove(slider, middle + QPoint(30, 0))
    assert len(moved) == 3 and committed == []
    assert moved[0][1] == pytest.approx(0.5, abs=0.02)
    assert moved[0][1] < moved[1][1] < moved[2][1]
    qtbot.mouseRelease(slider, LEFT, pos=middle + QPoint(30, 0))
    assert committed == [("bench", moved[-1][1])]


def test_keys_move_the_threshold_by_a_hundredth(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    slider = _line(panel, "bench").threshold.slider
    told: list[tuple[str, str, float]] = []
    panel.threshold_moved.connect(lambda *a: told.append(("moved", *a)))
    panel.threshold_committed.connect(lambda *a: told.append(("committed", *a)))
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert told == [("moved", "bench", 0.43), ("committed", "bench", 0.43)]


def test_the_threshold_set_from_outside_is_not_told_back(panel: MasksPanel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(panel.threshold_moved):
        panel.set_rows((replace(BENCH, threshold=0.9), TREE, SKY), ("bench",))
    assert _line(panel, "bench").threshold.value == 0.9


def test_rows_that_stay_are_the_same_widgets(panel: MasksPanel) -> None:
    before = dict(panel.list.rows())
    panel.set_rows((SKY, replace(BENCH, score=0.5, name="bench")), ("sky",))
    assert list(panel.list.rows()) == ["sky", "bench"]
    assert panel.list.rows()["bench"] is before["bench"]
    assert panel.list.rows()["sky"] is before["sky"]
    assert panel.list.rows()["sky"].y() < panel.list.rows()["bench"].y() or not panel.isVisible()


def test_a_mask_that_becomes_an_instance_gets_another_row(panel: MasksPanel) -> None:
    group = MaskRow("group", "sky", "#009e73", instances=(InstanceRow("sky", "sky 1"),))
    panel.set_rows((BENCH, group))
    assert isinstance(panel.list.rows()["sky"], InstanceLine)


def test_the_eye_hides_and_shows(panel: MasksPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.visibility_changed) as told:
        qtbot.mouseClick(_named(panel, "Hide wooden bench"), LEFT)
    assert told.args == ["bench", False]
    with qtbot.waitSignal(panel.visibility_changed) as told:
        qtbot.mouseClick(_named(panel, "Show sky"), LEFT)
    assert told.args == ["sky", True]


def test_space_does_what_eye_and_tick_do(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    with qtbot.waitSignal(panel.visibility_changed) as told:
        qtbot.keyClick(panel.list, Qt.Key.Key_Space)
    assert told.args == ["bench", False]
    panel.set_rows(ROWS, ("tree2",))
    with qtbot.waitSignal(panel.instance_ticked) as told:
        qtbot.keyClick(panel.list, Qt.Key.Key_Space)
    assert told.args == ["tree2", True]


def test_instances_are_ticked(panel: MasksPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.instance_ticked) as told:
        qtbot.mouseClick(_named(panel, "Use tree 1"), LEFT)
    assert told.args == ["tree1", False]


def test_groups_fold(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("tree",))
    qtbot.keyClick(panel.list, Qt.Key.Key_Left)
    assert list(panel.list.rows()) == ["bench", "tree", "sky"]
    qtbot.keyClick(panel.list, Qt.Key.Key_Right)
    assert list(panel.list.rows()) == ["bench", "tree", "tree1", "tree2", "sky"]


def test_the_next_candidate_can_be_asked_for(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows((replace(SKY, candidate=2),))
    with qtbot.waitSignal(panel.candidate_requested) as told:
        qtbot.mouseClick(_named(panel, "Candidate 3 of 3: show the next one"), LEFT)
    assert told.args == ["sky", 0]


def test_candidates_are_chosen_by_their_pictures(panel: MasksPanel, qtbot: QtBot) -> None:
    pictures = tuple(QImage(12, 8, QImage.Format.Format_RGB32) for _ in range(3))
    for picture in pictures:
        picture.fill(Qt.GlobalColor.gray)
    row = replace(SKY, candidate=1, pictures=pictures, reason="It is blue.")
    panel.set_rows((row, BENCH))
    assert not panel.details.isVisible(), "nothing is selected"
    panel.set_rows((row, BENCH), ("sky",))
    assert panel.details.reason.text() == "It is blue."
    assert [button.isChecked() for button in panel.details.buttons] == [False, True, False]
    with qtbot.waitSignal(panel.candidate_requested) as told:
        qtbot.mouseClick(_named(panel, "Candidate 3 of 3"), LEFT)
    assert told.args == ["sky", 2]
    panel.set_rows((row, BENCH), ("sky", "bench"))
    assert not panel.details.isVisible()


@pytest.mark.parametrize(
    ("button", "key", "signal"),
    [
        ("accept_button", Qt.Key.Key_Return, "accept_requested"),
        ("reject_button", Qt.Key.Key_Delete, "reject_requested"),
    ],
)
def test_accept_and_reject_by_button_and_key(
    panel: MasksPanel, qtbot: QtBot, button: str, key: Qt.Key, signal: str
) -> None:
    assert not getattr(panel, button).isEnabled()
    panel.set_rows(ROWS, ("bench", "sky"))
    with qtbot.waitSignal(getattr(panel, signal)) as told:
        qtbot.mouseClick(getattr(panel, button), LEFT)
    assert told.args == [("bench", "sky")]
    with qtbot.waitSignal(getattr(panel, signal)) as told:
        qtbot.keyClick(panel.list, key)
    assert told.args == [("bench", "sky")]


def test_the_heat_map_is_a_switch_that_can_be_set_silently(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    with qtbot.waitSignal(panel.heat_map_toggled) as told:
        qtbot.mouseClick(panel.heat_button, LEFT)
    assert told.args == [True]
    with qtbot.assertNotEmitted(panel.heat_map_toggled):
        panel.set_heat_map(False)
    assert not panel.heat_button.isChecked()


def test_a_double_click_renames(panel: MasksPanel, qtbot: QtBot) -> None:
    qtbot.mouseDClick(_line(panel, "bench"), LEFT, pos=QPoint(60, 15))
    editor = _line(panel, "bench").findChild(QLineEdit, "rename")
    assert editor is not None and editor.selectedText() == "wooden bench"
    qtbot.keyClicks(editor, "old bench")
    with qtbot.waitSignal(panel.renamed) as told:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert told.args == ["bench", "old bench"]
    assert panel.list.hasFocus()


def test_escape_and_an_empty_name_rename_nothing(panel: MasksPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("bench",))
    for typed, key in (("x", Qt.Key.Key_Escape), (" ", Qt.Key.Key_Return)):
        qtbot.keyClick(panel.list, Qt.Key.Key_F2)
        editor = _line(panel, "bench").findChild(QLineEdit, "rename")
        assert editor is not None
        qtbot.keyClicks(editor, typed)
        with qtbot.assertNotEmitted(panel.renamed):
            qtbot.keyClick(editor, key)
        editor.setObjectName("gone")


def test_the_pointer_over_a_row_is_told(panel: MasksPanel, qtbot: QtBot) -> None:
    seen: list[str] = []
    panel.row_hovered.connect(seen.append)
    place = QPointF(100, 10)
    for row_id in ("bench", "sky"):
        QApplication.sendEvent(_line(panel, row_id), QEnterEvent(place, place, place))
        QApplication.sendEvent(_line(panel, row_id), QEvent(QEvent.Type.Leave))
    assert seen == ["bench", "", "sky", ""]


def test_a_right_click_selects_and_asks_for_the_menu(panel: MasksPanel, qtbot: QtBot) -> None:
    line = _line(panel, "sky")
    place = line.mapToGlobal(QPoint(20, 10))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(20, 10), place)
    with qtbot.waitSignal(panel.menu_requested) as told:
        QApplication.sendEvent(line, event)
    assert told.args == ["sky", place]
    assert panel.list.selected == ("sky",)


def test_the_menu_comes_from_outside(panel: MasksPanel) -> None:
    assert not panel.more_button.isVisible()
    menu = QMenu(panel)
    panel.set_menu(menu)
    assert panel.more_button.isVisible()
    assert panel.more_button.menu() is menu


def test_every_control_has_a_name_for_those_who_do_not_see_it(panel: MasksPanel) -> None:
    controls = panel.findChildren(QAbstractButton)
    assert len(controls) > 10
    assert [c for c in controls if not c.accessibleName()] == []
    assert panel.list.accessibleName() == "Class masks"
