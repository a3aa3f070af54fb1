from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu, QMessageBox
from pytest import MonkeyPatch, Subtests
from pytestqt.qtbot import QtBot

from ovedit.document import Document, EditLayer, Surface
from ovedit.engine.requests import EditKind
from ovedit.ui.actions import ACTIONS, MENUS
from ovedit.ui.commands import edit, layer, mask
from ovedit.ui.main_window import MainWindow
from ovedit.ui.tools import TOOLS
from ovedit.workflows import layers
from tests.ui.conftest import SIZE, picture

ALWAYS = {
    "new",
    "open",
    "open-sample",
    "quit",
    "paste",
    "swap-colours",
    "brush-smaller",
    "brush-larger",
    "preferences",
    "full-screen",
    "shortcuts",
    "about",
}


def keys(shortcut: str) -> list[str]:
    return [key for key in shortcut.split(" | ") if key]


def test_ids_are_unique_and_menus_are_known():
    ids = [spec.id for spec in ACTIONS]
    assert len(set(ids)) == len(ids)
    assert {spec.menu for spec in ACTIONS} <= {*MENUS, ""}


@pytest.mark.parametrize("spec", [s for s in ACTIONS if s.shortcut], ids=lambda spec: spec.id)
def test_every_shortcut_is_one_key_that_qt_knows(spec):
    for key in keys(spec.shortcut):
        sequence = QKeySequence(key)
        assert sequence.count() == 1, key
        assert sequence.toString(QKeySequence.SequenceFormat.PortableText), key


def test_no_shortcut_means_two_things():
    seen: dict[str, str] = {}
    for spec in ACTIONS:
        for key in keys(spec.shortcut):
            name = QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
            assert name not in seen, f"{name} is both {seen.get(name)} and {spec.id}"
            seen[name] = spec.id


def test_every_entry_of_a_menu_has_its_own_letter(window: MainWindow, subtests: Subtests):
    menus = [window.menuBar(), *(m for m in window.menuBar().findChildren(QMenu) if m.title())]
    for menu in menus:
        texts = [action.text() for action in menu.actions() if "&" in action.text()]
        letters = [text[text.index("&") + 1].lower() for text in texts]
        with subtests.test(menu.objectName() or texts[0]):
            assert len(set(letters)) == len(letters), sorted(texts)


def test_without_a_picture_only_what_needs_none_can_be_used(window: MainWindow):
    window.menus.refresh()
    usable = {id_ for id_, action in window.menus.actions.items() if action.isEnabled()}
    extra = usable - ALWAYS - {spec.id for spec in ACTIONS if spec.id.startswith("tool-")}
    assert usable >= ALWAYS
    assert extra <= {"tour", "pin-prompt", "models", "batch"}, extra


def test_what_can_be_used_follows_the_document(
    window: MainWindow, document: Document, qtbot: QtBot
):
    def usable(*ids: str) -> list[bool]:
        qtbot.wait(5)
        return [window.menus.actions[id_].isEnabled() for id_ in ids]

    assert usable("undo", "accept", "union", "merge-down") == [False] * 4
    mask.new(window.context)
    assert usable("undo", "accept", "union", "merge-down") == [True, False, False, False]
    mask.new(window.context)
    document.set_current(masks=tuple(mask.id for mask in document.masks))
    assert usable("union") == [True]
    layer.new(window.context)
    assert usable("merge-down", "accept", "redo") == [True, False, False]
    edit.undo(window.context)
    assert usable("merge-down", "redo") == [False, True]


class Desk:
    """A window in which nothing asks, with a document on which every action can be used."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self._qtbot = qtbot

    def set_out(self) -> Document:
        """A new document with something of everything; the last step is undone."""
        window = self.window
        window.session.show_pixels(picture(), "picture")
        document = window.session.document
        assert document is not None
        window.assistant.select("bench, tree")
        self.idle()
        ids = tuple(mask.id for mask in document.masks)
        window.assistant.edit(EditKind.REPLACE, "metal bench", ids)
        self.idle()
        layers.add_alpha_mask(document, document.layers[-1].id, ids)
        half = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        half[:, : SIZE[0] // 2] = 255
        with document.transaction("Select") as tx:
            tx.set_selection(Surface.from_array(half))
            tx.update_mask(ids[0], accepted=False)
        layer.new(window.context)
        edit.undo(window.context)
        document.set_current(masks=ids, layer=document.layers[-1].id)
        assert isinstance(document.current_layer, EditLayer)
        self._qtbot.wait(5)
        return document

    def idle(self) -> None:
        window = self.window
        self._qtbot.waitUntil(lambda: not (window.errands.busy or window.session.background.busy))


@pytest.fixture
def desk(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: MonkeyPatch) -> Desk:
    mask = tmp_path / "mask.png"
    image = QImage(*SIZE, QImage.Format.Format_Grayscale8)
    image.fill(255)
    assert image.save(str(mask))
    yes = {QMessageBox: QMessageBox.StandardButton.Discard, QDialog: 1}
    for kind, answer in yes.items():
        monkeypatch.setattr(kind, "exec", lambda _self, answer=answer: answer)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_a, **_k: (str(mask), ""))
    saved = str(tmp_path / "saved")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (saved, ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_a, **_k: str(tmp_path))
    QGuiApplication.clipboard().setImage(image)
    return Desk(window, qtbot)


def test_every_action_can_be_used_on_a_document_with_everything(desk: Desk, subtests: Subtests):
    """One test, because a window for each of some eighty actions takes long."""
    window = desk.window
    order = sorted(ACTIONS, key=lambda spec: spec.id == "quit")
    for spec in order:
        if spec.id == "next-candidate":
            continue
        with subtests.test(spec.id):
            desk.set_out()
            window.prompt.clear_message()
            action = window.menus.actions[spec.id]
            window.menus.refresh()
            assert action.isEnabled()
            action.trigger()
            desk.idle()
            kind = window.prompt.message_bar.kind
            assert not (window.prompt.message and kind == "error"), window.prompt.message
            if spec.checked is not None and window.session.document is not None:
                assert action.isChecked() == spec.checked(window.context)
            if window.isFullScreen():
                window.showNormal()
    assert not window.isVisible()


@pytest.mark.parametrize(
    ("id_", "steps"),
    [
        ("duplicate-layer", 1),
        ("delete-layer", 1),
        ("merge-down", 1),
        ("layer-down", 1),
        ("layer-up", 0),
        ("lock-layer", 1),
        ("no-alpha-mask", 1),
        ("flatten", 1),
        ("select-all", 1),
        ("deselect", 1),
        ("invert-selection", 1),
        ("mask-to-selection", 1),
        ("selection-to-mask", 1),
        ("new-mask", 1),
        ("clear-outside", 1),
        ("duplicate-mask", 1),
        ("accept", 1),
        ("reject", 1),
        ("hide-mask", 1),
        ("grow", 1),
        ("shrink", 1),
        ("feather", 1),
        ("invert-mask", 1),
        ("union", 1),
        ("subtract", 1),
        ("run-again", 1),
        ("vary", 1),
        ("paste", 1),
        ("import-mask", 1),
        ("undo", -1),
        ("redo", 1),
        ("copy", 0),
        ("quick-mask", 0),
        ("overlays", 0),
    ],
)
def test_an_action_is_one_step_or_none(desk: Desk, id_: str, steps: int):
    document = desk.set_out()
    before = document.history.position
    desk.window.menus.actions[id_].trigger()
    desk.idle()
    assert document.history.position == before + steps
    assert not document.busy


def test_every_tool_is_in_the_menu_with_its_key(window: MainWindow, document: Document):
    entries = window.menus["&Tools"].actions()
    keys_of = {action.text(): action.shortcut().toString() for action in entries}
    for group in TOOLS:
        for tool in group:
            assert keys_of[tool.title] == tool.shortcut
    eraser = next(action for action in entries if action.text() == "Eraser")
    eraser.trigger()
    assert [action.text() for action in entries if action.isChecked()] == ["Eraser"]
    assert window.tool_column.buttons["eraser"].isChecked()


def test_the_menu_and_the_canvas_hold_the_actions(window: MainWindow):
    in_menus = {
        action.objectName()
        for menu in window.menuBar().findChildren(QMenu)
        for action in menu.actions()
    }
    for spec in ACTIONS:
        assert (f"action-{spec.id}" in in_menus) == bool(spec.menu), spec.id
    on_canvas = {action.objectName() for action in window.canvas.actions()}
    assert on_canvas == {f"action-{spec.id}" for spec in ACTIONS if spec.canvas_only}


def test_an_error_in_an_action_is_said_and_leaves_the_document_alone(
    window: MainWindow, document: Document
):
    layer.new(window.context)
    with document.transaction("Lock layer") as tx:
        tx.update_layer(document.current_layer_id, locked=True)
    steps = document.history.position
    window.context.run(layer.delete)
    assert "locked" in window.prompt.message
    assert document.history.position == steps
    assert not document.busy
