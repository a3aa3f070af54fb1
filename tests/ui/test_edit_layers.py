"""What can be done with a layer that an edit made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.document import Document, EditLayer, EditRecipe, coverage_of
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import EditKind, EditRequest
from ovedit.geometry import Rect
from ovedit.ui.dialogs.change_words import ChangeWordsDialog
from ovedit.ui.main_window import MainWindow
from tests.fakes import FakeProvider
from tests.ui.conftest import MakeWindow, picture

STRENGTH = SettingLine("strength", "0.6", "how far a restyling may go", "keeps the shape")


class Scene:
    """A window with one edit: the bench restyled as red."""

    def __init__(self, make_window: MakeWindow, qtbot: QtBot) -> None:
        self.provider = FakeProvider(knobs=(STRENGTH,))
        self.window: MainWindow = make_window(self.provider)
        self._qtbot = qtbot
        self.window.session.show_pixels(picture(), "picture")
        self.window.assistant.select("bench")
        self.idle()
        self.window.assistant.edit(EditKind.RESTYLE, "red", [self.document.masks[0].id], seed=7)
        self.idle()

    @property
    def document(self) -> Document:
        document = self.window.session.document
        assert document is not None
        return document

    @property
    def recipe(self) -> EditRecipe:
        layer = self.document.layers[-1]
        assert isinstance(layer, EditLayer) and layer.recipe is not None
        return layer.recipe

    @property
    def last_request(self) -> EditRequest:
        request = self.provider.calls[-1].request
        assert isinstance(request, EditRequest)
        return request

    def idle(self) -> None:
        self._qtbot.waitUntil(lambda: not self.window.errands.busy, timeout=8000)

    def do(self, action: str) -> None:
        self.window.menus.refresh()
        assert self.window.menus.actions[action].isEnabled()
        self.window.menus.actions[action].trigger()

    def fill(self, change: Callable[[ChangeWordsDialog], object]) -> None:
        """Answer the next dialog."""

        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            assert isinstance(dialog, ChangeWordsDialog)
            change(dialog)

        QTimer.singleShot(100, answer)
        self.do("change-words")


@pytest.fixture
def scene(make_window: MakeWindow, qtbot: QtBot) -> Scene:
    return Scene(make_window, qtbot)


def test_other_words_seed_and_strength_run_the_edit_again_in_its_layer(scene: Scene):
    def change(dialog: ChangeWordsDialog) -> None:
        assert (dialog.words.text(), dialog.seed.value) == ("red", 7)
        dialog.words.setText(" dark   blue ")
        dialog.seed.set_value(9)
        dialog.strength.set_value(0.45)
        dialog.accept()

    steps = len(scene.document.history.steps)
    scene.fill(change)
    scene.idle()
    assert (scene.last_request.prompt, scene.last_request.seed) == ("dark blue", 9)
    assert scene.last_request.options == {"strength": "0.45"}
    assert len(scene.document.layers) == 2
    assert len(scene.document.history.steps) == steps + 1
    assert (scene.recipe.prompt, scene.recipe.options) == ("dark blue", {"strength": "0.45"})
    scene.document.undo()
    assert scene.recipe.prompt == "red"


def test_no_words_and_cancel_run_nothing(scene: Scene):
    def change(dialog: ChangeWordsDialog) -> None:
        dialog.words.setText("  ")
        assert not dialog.run_button.isEnabled()
        dialog.reject()

    count = len(scene.provider.calls)
    scene.fill(change)
    scene.idle()
    assert len(scene.provider.calls) == count


def test_how_it_was_made_shows_in_the_dialog_and_on_the_row(scene: Scene, qtbot: QtBot):
    seen: list[str] = []

    def read(dialog: ChangeWordsDialog) -> None:
        seen.extend(label.text() for label in dialog.findChildren(type(scene.window._caption)))
        dialog.reject()

    scene.fill(read)
    for words in ("Fake · balanced", "model@1", "Painted.", "bench"):
        assert words in seen
    row = scene.window.layers.list.rows()[scene.document.layers[-1].id]
    qtbot.waitUntil(lambda: "Seed: 7" in row.toolTip())
    assert "Engine: Fake · balanced" in row.toolTip()


def test_its_mask_is_corrected_and_it_runs_again_inside(scene: Scene):
    layer = scene.document.layers[-1].id
    scene.do("edit-mask")
    mask = scene.document.current_mask_ids[0]
    with scene.document.transaction("Brush") as tx:
        tx.write(coverage_of(mask), Rect(0, 0, 96, 10), np.full((10, 96), 255, np.uint8))
    scene.document.set_current(layer=layer)
    assert "Correct the mask" in scene.window.prompt.message, "said until it is done"
    scene.window.prompt.message_action.emit("run-with-mask")
    scene.idle()
    assert scene.last_request.mask[:10].min() == 255
    assert scene.recipe.mask.array()[:10].min() == 255
    assert len(scene.document.layers) == 2


def test_run_again_makes_the_same_and_vary_another(scene: Scene):
    scene.do("run-again")
    scene.idle()
    assert scene.last_request.seed == 7
    scene.do("vary")
    scene.idle()
    assert scene.last_request.seed != 7
    scene.window.prompt.edit_line.set_variations(2)
    scene.do("vary")
    scene.idle()
    assert len(scene.window.assistant.gallery.slots) == 2
