from __future__ import annotations

import threading

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.document import Document, EditLayer
from ovedit.engine.requests import EditKind, EditRequest
from ovedit.errors import CannotDoError
from ovedit.ui.gallery import gallery
from ovedit.ui.gallery.strip import GalleryStrip
from ovedit.ui.gallery.thumb import Thumb
from ovedit.ui.main_window import MainWindow
from tests.fakes import EDIT_COLOUR, Fail, FakeProvider, Report, WaitFor
from tests.ui.conftest import MakeWindow, picture


class Scene:
    """A window with one accepted mask, and an engine whose third edit waits for the gate."""

    def __init__(self, make_window: MakeWindow, qtbot: QtBot) -> None:
        self.gate = threading.Event()
        self.provider = FakeProvider(
            {
                "slow": [Report(0.4, "Step 8 of 20"), WaitFor(self.gate)],
                "car": [Fail(CannotDoError("A car cannot be made.", "Install another engine."))],
            }
        )
        self.window: MainWindow = make_window(self.provider)
        self._qtbot = qtbot
        self.window.session.show_pixels(picture(), "picture")
        self.window.assistant.select("bench")
        self.idle()

    @property
    def document(self) -> Document:
        document = self.window.session.document
        assert document is not None
        return document

    @property
    def strip(self) -> GalleryStrip:
        return self.window.gallery_desk.strip

    @property
    def thumbs(self) -> tuple[Thumb, ...]:
        return self.strip.thumbs

    @property
    def steps(self) -> int:
        return len(self.document.history.steps)

    def wait(self, until) -> None:
        self._qtbot.waitUntil(until, timeout=8000)

    def idle(self) -> None:
        self.wait(lambda: not self.window.errands.busy)

    def ask(self, words: str = "metal bench", count: int = 3) -> None:
        mask = self.document.masks[0].id
        self.window.assistant.edit(EditKind.REPLACE, words, (mask,), variations=count)

    def ready(self, count: int) -> None:
        self.wait(lambda: sum(thumb.ready for thumb in self.thumbs) == count)

    def asked_seeds(self) -> list[int]:
        requests = [call.request for call in self.provider.calls]
        return [request.seed for request in requests if isinstance(request, EditRequest)]

    def hover(self, thumb: Thumb) -> None:
        at = QPointF(5, 5)
        QApplication.sendEvent(thumb, QEnterEvent(at, at, QPointF(thumb.mapToGlobal(at.toPoint()))))

    def leave(self, thumb: Thumb) -> None:
        QApplication.sendEvent(thumb, QEvent(QEvent.Type.Leave))

    def canvas_colour(self) -> tuple[int, int, int]:
        """The colour shown in the middle of the picture."""
        canvas = self.window.canvas
        shown = canvas.grab().toImage()
        at = (canvas.widget_point(48, 32) * shown.devicePixelRatio()).toPoint()
        colour = shown.pixelColor(at)
        return colour.red(), colour.green(), colour.blue()


@pytest.fixture
def scene(make_window: MakeWindow, qtbot: QtBot) -> Scene:
    return Scene(make_window, qtbot)


def test_variations_come_beside_the_document_with_seeds_of_their_own(scene: Scene):
    before = scene.steps
    scene.ask(count=4)
    scene.ready(4)
    seeds = scene.asked_seeds()
    assert seeds[0] == 0
    assert len(set(seeds)) == 4
    # Accepting the mask is the one step there is.
    assert scene.steps == before + 1
    assert len(scene.document.layers) == 1
    assert scene.strip.isVisible()


def test_each_is_there_while_others_run_and_cancel_keeps_what_is_there(scene: Scene):
    scene.ask("metal bench", 2)
    scene.ready(2)
    scene.ask("slow", 3)
    scene.wait(lambda: any(thumb.slot.fraction == 0.4 for thumb in scene.thumbs))
    assert [thumb.ready for thumb in scene.thumbs] == [True, True, False, False, False]
    scene.window.prompt.cancel_requested.emit()
    scene.idle()
    assert [thumb.ready for thumb in scene.thumbs] == [True, True]
    assert len(scene.asked_seeds()) == 3


def test_hovering_shows_it_in_place_and_changes_nothing(scene: Scene):
    scene.ask()
    scene.ready(3)
    steps, revision = scene.steps, scene.document.revision
    scene.hover(scene.thumbs[1])
    assert scene.canvas_colour() == EDIT_COLOUR[:3]
    scene.leave(scene.thumbs[1])
    assert scene.canvas_colour() != EDIT_COLOUR[:3]
    assert (scene.steps, scene.document.revision) == (steps, revision)


def test_one_click_keeps_one_as_one_step_that_can_run_again(scene: Scene, qtbot: QtBot):
    scene.ask()
    scene.ready(3)
    steps, seeds = scene.steps, scene.asked_seeds()
    qtbot.mouseClick(scene.thumbs[1], Qt.MouseButton.LeftButton)
    assert scene.steps == steps + 1
    layer = scene.document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert (layer.recipe.seed, layer.recipe.prompt) == (seeds[1], "metal bench")
    assert not scene.strip.isVisible()
    assert np.array_equal(scene.document.state.flattened()[0], picture()[0])
    scene.window.assistant.run_again(layer.id)
    scene.idle()
    assert scene.asked_seeds()[-1] == seeds[1]


def test_an_undo_brings_the_others_back(scene: Scene, qtbot: QtBot):
    scene.ask()
    scene.ready(3)
    qtbot.mouseClick(scene.thumbs[0], Qt.MouseButton.LeftButton)
    scene.document.undo()
    assert len(scene.thumbs) == 3
    assert scene.strip.isVisible()
    scene.document.redo()
    assert not scene.strip.isVisible()


def test_keeping_one_cancels_those_still_to_come(scene: Scene, qtbot: QtBot):
    scene.ask("metal bench", 2)
    scene.ready(2)
    scene.ask("slow", 2)
    qtbot.mouseClick(scene.thumbs[0], Qt.MouseButton.LeftButton)
    scene.idle()
    scene.document.undo()
    assert len(scene.thumbs) == 2


def test_the_keyboard_walks_keeps_and_drops(scene: Scene, qtbot: QtBot):
    scene.ask()
    scene.ready(3)
    seeds = scene.asked_seeds()
    scene.strip.setFocus()
    assert scene.canvas_colour() == EDIT_COLOUR[:3]
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        qtbot.keyClick(scene.strip, key)
    qtbot.keyClick(scene.strip, Qt.Key.Key_Return)
    layer = scene.document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert layer.recipe.seed == seeds[1]
    scene.document.undo()
    scene.strip.setFocus()
    qtbot.keyClick(scene.strip, Qt.Key.Key_Escape)
    assert not scene.strip.isVisible()
    assert len(scene.document.layers) == 1


def test_more_like_one_tries_further_seeds(scene: Scene, qtbot: QtBot):
    scene.ask(count=2)
    scene.ready(2)
    scene.strip.setFocus()
    qtbot.keyClick(scene.strip, Qt.Key.Key_M)
    scene.ready(4)
    assert len(set(scene.asked_seeds())) == 4


def test_a_changed_picture_is_said_and_the_result_still_lands(scene: Scene, qtbot: QtBot):
    scene.ask(count=2)
    scene.ready(2)
    with scene.document.transaction("Hide") as tx:
        tx.update_layer(scene.document.layers[0].id, opacity=0.5)
    assert "before the picture was changed" in scene.strip.title.text
    qtbot.mouseClick(scene.thumbs[0], Qt.MouseButton.LeftButton)
    assert isinstance(scene.document.layers[-1], EditLayer)


def test_what_fails_leaves_no_place_behind(scene: Scene):
    scene.ask("car", 2)
    scene.idle()
    assert not scene.thumbs
    assert "A car cannot be made" in scene.window.prompt.message


def test_memory_is_bounded_and_it_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gallery, "BUDGET", 1)
    scene.ask(count=3)
    scene.idle()
    scene.wait(lambda: len(scene.thumbs) == 1 and scene.thumbs[0].ready)
    assert "memory" in scene.window.prompt.message


def test_a_closed_document_takes_them_along(scene: Scene):
    scene.ask()
    scene.ready(3)
    scene.window.session.show_pixels(picture(), "another")
    assert not scene.strip.isVisible()
    scene.window.session.show_pixels(picture(), "third")


def test_vary_with_several_variations_offers_them_for_the_layer(scene: Scene, qtbot: QtBot):
    scene.ask(count=1)
    scene.idle()
    layer = scene.document.layers[-1]
    scene.window.assistant.run_again(layer.id, vary=True, variations=2)
    scene.ready(2)
    qtbot.mouseClick(scene.thumbs[1], Qt.MouseButton.LeftButton)
    varied = scene.document.layers[-1]
    assert (varied.id, len(scene.document.layers)) == (layer.id, 2)
    assert isinstance(varied, EditLayer) and varied.recipe is not None
    assert varied.recipe.seed == scene.asked_seeds()[-1] != 0


def test_a_picture_that_is_shown_as_a_whole_stays_in_sight_above_the_strip(scene: Scene):
    canvas = scene.window.canvas
    canvas.fit()
    scene.ask()
    scene.ready(3)
    assert canvas.widget_point(0, 64).y() <= scene.strip.y()
    scene.window.gallery_desk.drop()
    canvas.zoom_to(20)
    place = canvas.view
    scene.ask()
    scene.ready(3)
    assert canvas.view == place, "what the person chose to see stays"
