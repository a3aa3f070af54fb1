"""What is done in the docks reaches the document, one step for each gesture; the docks follow."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider, QApplication, QLabel
from pytestqt.qtbot import QtBot

from ovedit.document import BlendMode, Document
from ovedit.ui.commands import layer, mask, view
from ovedit.ui.main_window import MainWindow
from ovedit.ui.panels.mask_rows import ScoredRow
from ovedit.ui.widgets.basics import Thumbnail
from ovedit.ui.widgets.slider import LabelledSlider
from tests.ui.conftest import SIZE

LEFT = Qt.MouseButton.LeftButton


class Drag:
    """Holds the handle of a slider."""

    def __init__(self, slider: QAbstractSlider) -> None:
        self._slider = slider
        share = (slider.value() - slider.minimum()) / (slider.maximum() - slider.minimum())
        self._x = 7 + share * (slider.width() - 14)
        self._send(QEvent.Type.MouseButtonPress)

    def move(self, by: float) -> None:
        self._x += by
        self._send(QEvent.Type.MouseMove)

    def drop(self) -> None:
        self._send(QEvent.Type.MouseButtonRelease)

    def _send(self, kind: QEvent.Type) -> None:
        at = QPointF(self._x, self._slider.height() / 2)
        where = self._slider.mapToGlobal(at)
        no_button = Qt.MouseButton.NoButton
        button = no_button if kind is QEvent.Type.MouseMove else LEFT
        held = no_button if kind is QEvent.Type.MouseButtonRelease else LEFT
        event = QMouseEvent(kind, at, where, button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self._slider, event)


@pytest.fixture
def masks(window: MainWindow, document: Document, qtbot: QtBot) -> tuple[str, ...]:
    """Two masks that phrases gave, both current."""
    window.assistant.select("bench, tree")
    qtbot.waitUntil(lambda: len(document.masks) == 2)
    qtbot.waitUntil(lambda: len(window.masks.list.rows()) == 2)
    return tuple(mask.id for mask in document.masks)


def threshold_of(window: MainWindow, row_id: str) -> LabelledSlider:
    row = window.masks.list.rows()[row_id]
    assert isinstance(row, ScoredRow)
    return row.threshold


def names(document: Document) -> list[str]:
    return [step.name for step in document.history.steps]


def test_docks_follow_the_document(window: MainWindow, document: Document, qtbot: QtBot):
    layer.new(window.context)
    mask.new(window.context)
    qtbot.wait(5)
    rows = window.layers.list.rows()
    assert list(rows) == [layer.id for layer in reversed(document.layers)]
    assert window.layers.list.selected == (document.current_layer_id,)
    assert list(window.masks.list.rows()) == [mask.id for mask in document.masks]
    assert window.masks.list.selected == document.current_mask_ids
    document.undo()
    qtbot.wait(5)
    assert not window.masks.list.rows()


def test_docks_are_empty_without_a_document(
    window: MainWindow, masks: tuple[str, ...], qtbot: QtBot
):
    window.session.close()
    qtbot.wait(5)
    assert not window.masks.list.rows()
    assert not window.layers.list.rows()


def test_thumbnails_show_what_is_painted(window: MainWindow, document: Document, qtbot: QtBot):
    layer = document.layers[0]
    rows = window.layers.list.rows

    def middle() -> QColor:
        picture = rows()[layer.id].grab().toImage()
        thumbnail = rows()[layer.id].findChildren(Thumbnail)[0]
        at = thumbnail.mapTo(rows()[layer.id], thumbnail.rect().center())
        return picture.pixelColor(at)

    qtbot.waitUntil(lambda: layer.id in rows())
    QTest.keyClick(window.canvas, Qt.Key.Key_B)
    window.options.size = 60
    at = window.canvas.widget_point(SIZE[0] / 2, SIZE[1] / 2).toPoint()
    QTest.mouseClick(window.canvas, LEFT, Qt.KeyboardModifier.NoModifier, at)
    assert names(document) == ["Brush"]
    qtbot.waitUntil(lambda: middle() == QColor(*window.options.colour), timeout=2000)


def test_clicking_a_row_puts_the_mask_in_hand(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    QTest.mouseClick(window.masks.list.rows()[masks[1]], LEFT)
    assert document.current_mask_ids == (masks[1],)
    assert not names(document)[1:]


def test_masks_are_hidden_and_renamed(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    panel = window.masks
    panel.visibility_changed.emit(masks[0], False)
    panel.renamed.emit(masks[0], "park bench")
    mask = document.state.mask(masks[0])
    assert (mask.visible, mask.label) == (False, "park bench")
    assert len(document.history.steps) == 3


def test_accepting_in_the_dock_leads_to_the_words(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    window.masks.accept_button.click()
    assert all(mask.accepted for mask in document.masks)
    assert len(document.history.steps) == 2
    assert QApplication.focusWidget() is window.prompt.words


def test_accepting_for_a_removal_leads_to_apply(window: MainWindow, masks: tuple[str, ...]):
    window.prompt.kind.button("remove").click()
    window.masks.accept_button.click()
    assert QApplication.focusWidget() is window.prompt.apply_button


def test_rejecting_in_the_dock_removes_the_masks_chosen(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    document.set_current(masks=masks[:1])
    window.masks.reject_requested.emit(masks[:1])
    assert [mask.id for mask in document.masks] == [masks[1]]


def test_a_threshold_is_previewed_while_it_is_dragged_and_set_once(
    window: MainWindow, document: Document, masks: tuple[str, ...], qtbot: QtBot
):
    document.set_current(masks=masks[:1])
    qtbot.wait(5)
    threshold = threshold_of(window, masks[0])
    before = document.state.coverage(masks[0])
    drag = Drag(threshold.slider)
    for _ in range(10):
        drag.move(20)
    assert threshold.value > 0.9
    assert document.state.coverage(masks[0]).tolist() == before.tolist()
    assert len(document.history.steps) == 1
    drag.drop()
    qtbot.wait(5)
    assert document.state.mask(masks[0]).threshold == pytest.approx(threshold.value)
    assert not document.state.coverage(masks[0]).any()
    assert len(document.history.steps) == 2
    document.undo()
    assert document.state.coverage(masks[0]).tolist() == before.tolist()


def test_a_threshold_is_set_by_keys_one_step_each(
    window: MainWindow, document: Document, masks: tuple[str, ...], qtbot: QtBot
):
    document.set_current(masks=masks[:1])
    qtbot.wait(5)
    slider = threshold_of(window, masks[0]).slider
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert document.state.mask(masks[0]).threshold == pytest.approx(0.51)
    assert len(document.history.steps) == 2


def test_opacity_is_seen_while_it_is_dragged_and_is_one_step(
    window: MainWindow, document: Document, qtbot: QtBot
):
    qtbot.wait(5)
    seen: list[float] = []
    document.subscribe(lambda _event: seen.append(document.layers[0].opacity))
    drag = Drag(window.layers.opacity.slider)
    for _ in range(4):
        drag.move(-10)
        qtbot.wait(5)
    assert document.busy
    assert len(set(seen)) > 2
    drag.drop()
    assert not document.busy
    assert names(document) == ["Opacity"]
    assert document.layers[0].opacity < 0.9
    document.undo()
    assert document.layers[0].opacity == 1.0


def test_an_opacity_that_comes_back_is_no_step(
    window: MainWindow, document: Document, qtbot: QtBot
):
    qtbot.wait(5)
    drag = Drag(window.layers.opacity.slider)
    drag.move(-20)
    # Further than there is room for.
    drag.move(80)
    drag.drop()
    assert document.layers[0].opacity == 1.0
    assert not names(document)
    assert not document.busy


def test_the_opacity_of_a_locked_layer_is_refused(
    window: MainWindow, document: Document, qtbot: QtBot
):
    layer.toggle_lock(window.context)
    window.layers.opacity_moved.emit(document.layers[0].id, 0.5)
    window.layers.opacity_committed.emit(document.layers[0].id, 0.5)
    assert document.layers[0].opacity == 1.0
    assert "locked" in window.prompt.message
    assert not document.busy


def test_a_document_that_closes_during_a_drag_takes_the_gesture_with_it(
    window: MainWindow, document: Document, qtbot: QtBot
):
    window.layers.opacity_moved.emit(document.layers[0].id, 0.5)
    window.session.show_pixels(document.state.flattened(), "another")
    another = window.session.document
    assert another is not None
    window.layers.opacity_committed.emit(another.layers[0].id, 0.25)
    assert another.layers[0].opacity == 0.25
    assert not another.busy
    assert not document.busy
    assert document.layers[0].opacity == 1.0


def test_layers_are_hidden_locked_renamed_and_blended(window: MainWindow, document: Document):
    layer_id = document.layers[0].id
    panel = window.layers
    panel.visibility_changed.emit(layer_id, False)
    panel.blend_mode_changed.emit(layer_id, str(BlendMode.MULTIPLY))
    panel.renamed.emit(layer_id, "background")
    panel.lock_changed.emit(layer_id, True)
    layer = document.layers[0]
    assert (layer.visible, layer.blend, layer.name, layer.locked) == (
        False,
        BlendMode.MULTIPLY,
        "background",
        True,
    )
    assert len(document.history.steps) == 4


def test_layers_are_put_in_order_from_the_top(window: MainWindow, document: Document, qtbot: QtBot):
    layer.new(window.context)
    layer.new(window.context)
    bottom, middle, top = (layer.id for layer in document.layers)
    window.layers.moved.emit(top, 2)
    assert [layer.id for layer in document.layers] == [top, bottom, middle]
    assert names(document)[-1] == "Reorder layers"
    qtbot.wait(5)
    assert list(window.layers.list.rows()) == [middle, bottom, top]
    window.layers.moved.emit(top, 0)
    assert [layer.id for layer in document.layers] == [bottom, middle, top]


def test_one_layer_is_in_hand(window: MainWindow, document: Document, qtbot: QtBot):
    layer.new(window.context)
    qtbot.wait(5)
    bottom, top = (layer.id for layer in document.layers)
    rows = window.layers.list.rows()
    QTest.mouseClick(rows[top], LEFT)
    QTest.mouseClick(rows[bottom], LEFT, Qt.KeyboardModifier.ControlModifier)
    assert document.current_layer_id == bottom
    window.layers.duplicate_requested.emit(window.layers.list.selected)
    assert [layer.name for layer in document.layers] == ["picture", "picture copy", "Layer 1"]
    qtbot.wait(5)
    window.layers.delete_requested.emit(window.layers.list.selected)
    assert [layer.id for layer in document.layers] == [bottom, top]
    assert len(document.history.steps) == 3


def test_going_to_the_layers_puts_the_layer_in_hand(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    assert document.current_mask_ids == masks
    by_key = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason)
    QApplication.sendEvent(window.layers.list, by_key)
    assert document.current_mask_ids == masks
    by_mouse = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.MouseFocusReason)
    QApplication.sendEvent(window.layers.list, by_mouse)
    assert document.current_mask_ids == ()


def test_the_history_jumps(window: MainWindow, document: Document, qtbot: QtBot):
    for _ in range(3):
        layer.new(window.context)
    qtbot.wait(5)
    window.history.jump_requested.emit(1)
    assert len(document.layers) == 2
    window.history.jump_requested.emit(3)
    assert len(document.layers) == 4
    window.history.jump_requested.emit(0)
    assert len(document.layers) == 1


def test_a_history_that_is_full_is_announced(window: MainWindow, document: Document, qtbot: QtBot):
    mask.new(window.context)
    mask.invert(window.context)
    qtbot.waitUntil(lambda: not window.errands.busy)
    document.set_history_budget(1)
    notices = [words.text() for words in window.history.findChildren(QLabel)]
    assert any("The history is full" in words for words in notices), notices


def test_hovering_a_row_brings_its_mask_forward(
    window: MainWindow, document: Document, masks: tuple[str, ...]
):
    window.masks.row_hovered.emit(masks[1])
    assert window.canvas.overlays.hovered == masks[1]
    window.masks.row_hovered.emit("")
    assert window.canvas.overlays.hovered == ""


def test_the_heat_map_is_toggled_in_the_dock(window: MainWindow, masks: tuple[str, ...]):
    window.masks.heat_button.click()
    assert window.canvas.overlays.heat_map
    view.toggle_heat_map(window.context)
    window.menus.refresh()
    assert not window.masks.heat_button.isChecked()
