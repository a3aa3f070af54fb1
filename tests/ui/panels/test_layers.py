from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from ovedit.ui.panels.layers import LayerRow, LayersPanel
from ovedit.ui.theme import Theme

LEFT = Qt.MouseButton.LeftButton
MODES = (("normal", "Normal"), ("multiply", "Multiply"), ("screen", "Screen"))
EDIT = LayerRow("edit", "metal bench", "seed 7", rerunnable=True, blend_mode="multiply")
PAINT = LayerRow("paint", "Paint", opacity=0.4)
PHOTO = LayerRow("photo", "park-bench.jpg", locked=True)
ROWS = (EDIT, PAINT, PHOTO)


@pytest.fixture
def panel(qtbot: QtBot, dark: Theme) -> Iterator[LayersPanel]:
    panel = LayersPanel(MODES)
    qtbot.addWidget(panel)
    panel.resize(300, 400)
    panel.set_rows(ROWS, ("edit",))
    with qtbot.waitExposed(panel):
        panel.show()
    panel.activateWindow()
    yield panel


def _named(parent: QWidget, name: str) -> QAbstractButton:
    return next(b for b in parent.findChildren(QAbstractButton) if b.accessibleName() == name)


def _drag(qtbot: QtBot, panel: LayersPanel, row_id: str, to_y: int) -> None:
    """Drag a row to a height within the list."""
    row = panel.list.rows()[row_id]
    start = QPoint(120, 19)
    end = QPoint(120, to_y - row.y())
    qtbot.mousePress(row, LEFT, pos=start)
    step = QApplication.startDragDistance() + 1
    qtbot.mouseMove(row, start + QPoint(0, step if end.y() > start.y() else -step))
    qtbot.mouseMove(row, end)
    qtbot.mouseRelease(row, LEFT, pos=end)


def test_the_selected_layers_mode_and_opacity_are_shown_above(panel: LayersPanel) -> None:
    assert panel.blend_combo.currentData() == "multiply"
    assert panel.opacity.value == 100
    panel.set_rows(ROWS, ("paint",))
    assert (panel.blend_combo.currentData(), panel.opacity.value) == ("normal", 40)


def test_a_locked_layer_cannot_be_set(panel: LayersPanel) -> None:
    panel.set_rows(ROWS, ("photo",))
    assert not panel.opacity.isEnabled()
    assert not panel.blend_combo.isEnabled()


def test_opacity_is_told_while_moving_and_at_the_end(panel: LayersPanel, qtbot: QtBot) -> None:
    moved: list[tuple[str, float]] = []
    panel.opacity_moved.connect(lambda *a: moved.append(a))
    slider = panel.opacity.slider
    qtbot.mousePress(slider, LEFT, pos=slider.rect().center())
    qtbot.mouseMove(slider, slider.rect().center() - QPoint(10, 0))
    with qtbot.waitSignal(panel.opacity_committed) as told:
        qtbot.mouseRelease(slider, LEFT, pos=slider.rect().center() - QPoint(10, 0))
    assert len(moved) == 2
    assert told.args == list(moved[-1])
    assert moved[-1][0] == "edit" and 0 < moved[-1][1] < 0.6


def test_opacity_can_be_typed(panel: LayersPanel, qtbot: QtBot) -> None:
    field = panel.opacity.field
    assert field is not None
    field.setFocus()
    qtbot.keyClicks(field, "25")
    with qtbot.waitSignal(panel.opacity_committed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["edit", 0.25]
    assert field.text() == "25 %"


def test_what_is_no_number_is_put_back(panel: LayersPanel, qtbot: QtBot) -> None:
    field = panel.opacity.field
    assert field is not None
    field.setFocus()
    qtbot.keyClicks(field, "much")
    with qtbot.assertNotEmitted(panel.opacity_committed):
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "100 %"


def test_a_number_over_the_limit_becomes_the_limit(panel: LayersPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("paint",))
    field = panel.opacity.field
    assert field is not None
    field.setFocus()
    qtbot.keyClicks(field, "250")
    with qtbot.waitSignal(panel.opacity_committed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["paint", 1.0]


def test_a_blend_mode_is_chosen_with_the_keys(panel: LayersPanel, qtbot: QtBot) -> None:
    panel.blend_combo.setFocus()
    with qtbot.waitSignal(panel.blend_mode_changed) as told:
        qtbot.keyClick(panel.blend_combo, Qt.Key.Key_Down)
    assert told.args == ["edit", "screen"]


def test_the_eye_the_lock_and_run_again(panel: LayersPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.visibility_changed) as told:
        qtbot.mouseClick(_named(panel, "Hide metal bench"), LEFT)
    assert told.args == ["edit", False]
    with qtbot.waitSignal(panel.lock_changed) as told:
        qtbot.mouseClick(_named(panel, "Unlock park-bench.jpg"), LEFT)
    assert told.args == ["photo", False]
    with qtbot.waitSignal(panel.rerun_requested) as told:
        qtbot.mouseClick(_named(panel, "Run metal bench again"), LEFT)
    assert told.args == ["edit"]
    assert not _named(panel, "Run Paint again").isVisible()


def test_the_header_acts_on_the_selected_layers(panel: LayersPanel, qtbot: QtBot) -> None:
    panel.set_rows(ROWS, ("edit", "paint"))
    with qtbot.waitSignal(panel.duplicate_requested) as told:
        qtbot.mouseClick(panel.duplicate_button, LEFT)
    assert told.args == [("edit", "paint")]
    with qtbot.waitSignal(panel.delete_requested) as told:
        qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert told.args == [("edit", "paint")]
    with qtbot.waitSignal(panel.add_requested):
        qtbot.mouseClick(panel.add_button, LEFT)


@pytest.mark.parametrize(
    ("row_id", "to_y", "place"),
    [("edit", 110, 2), ("edit", 60, 1), ("photo", 2, 0), ("paint", 112, 2)],
)
def test_dragging_moves_a_layer(
    panel: LayersPanel, qtbot: QtBot, row_id: str, to_y: int, place: int
) -> None:
    with qtbot.waitSignal(panel.moved) as told:
        _drag(qtbot, panel, row_id, to_y)
    assert told.args == [row_id, place]


def test_a_drag_back_to_its_place_moves_nothing(panel: LayersPanel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(panel.moved):
        _drag(qtbot, panel, "paint", 50)


def test_escape_ends_a_drag(panel: LayersPanel, qtbot: QtBot) -> None:
    row = panel.list.rows()["edit"]
    qtbot.mousePress(row, LEFT, pos=QPoint(120, 19))
    qtbot.mouseMove(row, QPoint(120, 100))
    qtbot.keyClick(panel.list, Qt.Key.Key_Escape)
    with qtbot.assertNotEmitted(panel.moved):
        qtbot.mouseRelease(row, LEFT, pos=QPoint(120, 100))


def test_alt_and_arrows_move_a_layer(panel: LayersPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.moved) as told:
        qtbot.keyClick(panel.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert told.args == ["edit", 1]
    with qtbot.assertNotEmitted(panel.moved):
        qtbot.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)


def test_rows_that_stay_are_the_same_widgets(panel: LayersPanel) -> None:
    before = dict(panel.list.rows())
    panel.set_rows((PHOTO, replace(EDIT, name="steel bench")), ("photo",))
    assert panel.list.rows() == {"photo": before["photo"], "edit": before["edit"]}
    assert before["edit"].name_label.text == "steel bench"


def test_a_name_has_room_beside_its_seed(panel: LayersPanel) -> None:
    # Wide enough for any system's font.
    panel.resize(400, 400)
    label = panel.list.rows()["edit"].name_label
    assert label.width() >= label.sizeHint().width() - 1


def test_without_a_document_it_says_so(panel: LayersPanel) -> None:
    panel.set_rows(())
    assert not panel.list.isVisible()
    assert not panel.blend_combo.isVisible()
    assert not panel.delete_button.isEnabled()
