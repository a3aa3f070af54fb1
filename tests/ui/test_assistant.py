from __future__ import annotations

import threading

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from ovedit.document import Document, EditLayer, coverage_of
from ovedit.engine.protocols import EngineInfo, Preview
from ovedit.engine.requests import EditKind, EditRequest, Point, PointRequest, SegmentRequest
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect
from ovedit.ui.commands import layer
from ovedit.ui.main_window import MainWindow
from ovedit.workflows import mask_ops
from tests.fakes import EDIT_COLOUR, Fail, FakeEngine, FakeProvider, Report, WaitFor
from tests.ui.conftest import MakeWindow, picture


class Scene:
    """A window whose engine waits at a gate for the words "slow"."""

    def __init__(self, make_window: MakeWindow, qtbot: QtBot) -> None:
        self.gate = threading.Event()
        preview = Preview(np.full((2, 2, 4), 9, np.uint8), Rect(0, 0, 2, 2))
        self.provider = FakeProvider(
            {
                "slow": [Report(0.25, "thinking"), WaitFor(self.gate)],
                "preview": [Report(0.5, "half", preview), WaitFor(self.gate)],
                "car": [Fail(CannotDoError("A car cannot be made.", "Install another engine."))],
            }
        )
        self.window: MainWindow = make_window(self.provider)
        self.assistant = self.window.assistant
        self._qtbot = qtbot
        self.new_document()

    def new_document(self) -> Document:
        self.window.session.show_pixels(picture(), "picture")
        return self.document

    @property
    def document(self) -> Document:
        document = self.window.session.document
        assert document is not None
        return document

    @property
    def jobs(self) -> list[str]:
        return [line.name_label.text for line in self.window.jobs.list.rows().values()]

    def wait(self, until) -> None:
        self._qtbot.waitUntil(until, timeout=5000)

    def idle(self) -> None:
        self.wait(lambda: not self.window.errands.busy)

    def select(self, phrase: str = "bench") -> str:
        self.assistant.select(phrase)
        self.idle()
        return self.document.masks[-1].id


@pytest.fixture
def scene(make_window: MakeWindow, qtbot: QtBot) -> Scene:
    return Scene(make_window, qtbot)


def test_each_phrase_becomes_a_mask_in_one_step(scene: Scene):
    scene.assistant.select("bench, tree,  BENCH")
    scene.idle()
    assert [mask.label for mask in scene.document.masks] == ["bench", "tree"]
    assert len(scene.document.history.steps) == 1
    request = scene.provider.calls[0].request
    assert isinstance(request, SegmentRequest)
    assert np.array_equal(request.image, picture())
    assert scene.provider.calls[0].thread != threading.get_ident()


def test_text_without_a_phrase_is_said_at_once(scene: Scene):
    scene.assistant.select(" , ")
    assert "no phrase" in scene.window.prompt.message
    assert not scene.provider.calls


def test_an_answer_waits_for_the_stroke_under_way(scene: Scene, qtbot: QtBot):
    scene.assistant.select("slow")
    scene.wait(lambda: bool(scene.provider.calls))
    stroke = scene.document.begin("Brush")
    scene.gate.set()
    scene.assistant.select("tree")
    scene.wait(lambda: not scene.jobs)
    qtbot.wait(120)
    assert not scene.document.masks
    stroke.commit()
    scene.wait(lambda: len(scene.document.masks) == 2)
    assert [mask.label for mask in scene.document.masks] == ["slow", "tree"]


def test_a_request_holds_the_document_as_it_was_when_it_was_asked(scene: Scene):
    mask_id = scene.select()
    before = scene.document.state.coverage(mask_id)
    scene.assistant.edit(EditKind.REPLACE, "slow", (mask_id,))
    with scene.document.transaction("Reject") as tx:
        tx.remove_mask(mask_id)
    scene.gate.set()
    scene.idle()
    request = scene.provider.calls[-1].request
    assert isinstance(request, EditRequest)
    assert np.array_equal(request.mask, before)
    assert isinstance(scene.document.layers[-1], EditLayer)


def test_an_edit_accepts_its_masks_and_adds_a_layer(scene: Scene):
    mask_id = scene.select()
    scene.assistant.edit(EditKind.REPLACE, "metal bench", (mask_id,))
    assert scene.jobs == ["Replace → metal bench"]
    scene.idle()
    layer = scene.document.layers[-1]
    assert isinstance(layer, EditLayer)
    assert layer.recipe is not None
    assert (layer.recipe.phrase, layer.recipe.prompt) == ("bench", "metal bench")
    assert scene.document.state.mask(mask_id).accepted
    assert tuple(scene.document.state.flattened()[32, 48]) == EDIT_COLOUR
    assert np.array_equal(scene.document.state.flattened()[0], picture()[0])


def test_the_seed_of_the_menu_reaches_the_engine_and_the_layer(scene: Scene):
    mask_id = scene.select()
    scene.document.set_current(masks=(mask_id,))
    line = scene.window.prompt.edit_line
    line.set_edit("restyle", "red")
    line.set_seed(7)
    line.apply()
    scene.idle()
    request = scene.provider.calls[-1].request
    assert isinstance(request, EditRequest)
    assert request.seed == 7
    row = scene.window.layers.list.rows()[scene.document.layers[-1].id]
    scene.wait(lambda: row.name_label.detail == "· seed 7")


def test_an_edit_runs_again_in_place_and_varies(scene: Scene):
    mask_id = scene.select()
    scene.assistant.edit(EditKind.REPLACE, "metal bench", (mask_id,))
    scene.idle()
    layer_id = scene.document.layers[-1].id
    for vary in (False, True):
        scene.assistant.run_again(layer_id, vary=vary)
        scene.idle()
    seeds = [c.request.seed for c in scene.provider.calls if isinstance(c.request, EditRequest)]
    assert seeds[0] == seeds[1] == 0 != seeds[2]
    assert len(scene.document.layers) == 2
    layer = scene.document.layers[-1]
    assert isinstance(layer, EditLayer)
    assert layer.recipe is not None
    assert layer.recipe.seed == seeds[2]


def test_nothing_to_edit_is_said(scene: Scene):
    scene.assistant.edit(EditKind.REMOVE, "", ())
    scene.idle()
    assert "no mask to edit" in scene.window.prompt.message


def test_a_refusal_is_said_with_a_way_on_and_changes_nothing(scene: Scene):
    mask_id = scene.select()
    scene.assistant.edit(EditKind.REPLACE, "car", (mask_id,))
    steps = len(scene.document.history.steps)
    scene.idle()
    assert scene.window.prompt.message == "A car cannot be made. Install another engine."
    assert len(scene.document.history.steps) == steps
    assert len(scene.document.layers) == 1


def test_progress_and_previews_show_while_a_job_runs(scene: Scene):
    mask_id = scene.select()
    previews: list[object] = []
    scene.window.errands.previewed.connect(previews.append)
    scene.assistant.edit(EditKind.REPLACE, "preview", (mask_id,))
    scene.wait(lambda: any(preview is not None for preview in previews))
    assert scene.window.prompt.cancel_button.isVisible()
    scene.gate.set()
    scene.idle()
    assert previews[-1] is None
    assert not scene.window.prompt.cancel_button.isVisible()


def test_cancel_stops_the_running_job_and_lets_the_next_one_run(scene: Scene):
    scene.assistant.select("slow")
    scene.assistant.select("tree")
    scene.wait(lambda: bool(scene.provider.calls))
    scene.window.errands.cancel()
    scene.idle()
    assert [mask.label for mask in scene.document.masks] == ["tree"]


def test_what_is_still_being_prepared_can_be_cancelled(scene: Scene, qtbot: QtBot):
    scene.assistant.select("bench")
    scene.assistant.select("tree")
    assert scene.jobs == ["Select bench", "Select tree"]
    scene.window.errands.cancel_all()
    assert scene.jobs == []
    qtbot.wait(100)
    assert not scene.document.masks


def test_closing_the_document_cancels_what_was_asked_about_it(scene: Scene):
    scene.assistant.select("slow")
    scene.assistant.select("tree")
    scene.wait(lambda: bool(scene.provider.calls))
    scene.new_document()
    scene.wait(lambda: scene.provider.calls[0].cancel.cancelled)
    scene.assistant.select("sky")
    scene.idle()
    assert [mask.label for mask in scene.document.masks] == ["sky"]


def test_an_answer_for_a_document_that_was_closed_is_dropped(scene: Scene, qtbot: QtBot):
    first = scene.document
    scene.assistant.select("bench")
    stroke = first.begin("Brush")
    scene.wait(lambda: not scene.jobs)
    scene.new_document()
    stroke.commit()
    qtbot.wait(120)
    assert not first.masks
    assert not scene.document.masks


def test_clicks_on_one_thing_make_one_mask_however_fast_they_come(scene: Scene):
    first, second = Point(40, 30), Point(44, 30)
    scene.assistant.segment_points((first,), None, None)
    scene.assistant.segment_points((first, second), None, None)
    scene.idle()
    assert len(scene.document.masks) == 1
    scene.assistant.segment_points((first, second, Point(50, 30)), None, None)
    scene.idle()
    assert len(scene.document.masks) == 1
    request = scene.provider.calls[-1].request
    assert isinstance(request, PointRequest)
    assert len(request.points) == 3


def test_clicks_go_to_an_engine_that_takes_them(scene: Scene):
    session = scene.window.session
    scene.provider.others = (EngineInfo("phrases", "Phrases", selects=True),)
    scene.window.service.refresh_engines()
    scene.wait(lambda: len(scene.assistant.engines) == 2)
    session.change_settings(session.settings.changed(select_engine="phrases"))
    scene.assistant.segment_points((Point(40, 30),), None, None)
    scene.idle()
    assert scene.assistant.selector.name == "phrases"
    assert len(scene.document.masks) == 1
    assert scene.provider.calls[-1].engine == "fake"


def test_boxes_around_two_things_make_two_masks(scene: Scene):
    scene.provider.scripts = {"*": []}
    scene.assistant.segment_points((Point(20, 20),), Rect(10, 10, 20, 20), None)
    scene.assistant.segment_points((Point(60, 20),), Rect(50, 10, 20, 20), None)
    scene.idle()
    assert len(scene.document.masks) == 2


def test_a_click_beside_the_picture_is_said(scene: Scene):
    scene.assistant.segment_points((Point(-5, -5),), None, None)
    scene.idle()
    assert "inside the picture" in scene.window.prompt.message


def test_nothing_is_asked_while_nothing_is_open(scene: Scene):
    scene.window.session.close()
    scene.assistant.select("bench")
    scene.assistant.segment_points((Point(1, 1),), None, None)
    scene.assistant.edit(EditKind.REMOVE, "", ())
    scene.assistant.run_again("x")
    scene.assistant.use_guess()
    assert not scene.provider.calls
    assert scene.jobs == []


def test_closing_the_window_stops_a_running_job(scene: Scene):
    scene.assistant.select("slow")
    scene.assistant.select("tree")
    scene.wait(lambda: bool(scene.provider.calls))
    scene.window.session.close()
    scene.window.close()
    assert scene.provider.calls[0].cancel.cancelled
    assert scene.window.engines_stopped


def test_what_was_undone_meanwhile_is_not_dropped_by_an_answer(scene: Scene):
    mask_id = scene.select()
    document = scene.document
    scene.assistant.edit(EditKind.RESTYLE, "slow", [mask_id])
    scene.wait(lambda: len(scene.provider.calls) == 2)
    document.undo()
    scene.gate.set()
    scene.idle()
    assert document.can_redo
    assert not any(isinstance(layer, EditLayer) for layer in document.layers)
    assert "undone" in scene.window.prompt.message
    scene.window.prompt.message_action.emit("add-held")
    scene.idle()
    assert any(isinstance(layer, EditLayer) for layer in document.layers)
    assert not document.can_redo


def test_an_edit_is_run_again_inside_another_mask(scene: Scene):
    mask_id = scene.select()
    scene.assistant.edit(EditKind.RESTYLE, "red", [mask_id])
    scene.idle()
    document, context = scene.document, scene.window.context
    edited = document.layers[-1]
    layer.edit_mask(context)
    copy = document.current_mask_ids[0]
    assert np.array_equal(document.state.coverage(copy), document.state.coverage(mask_id))
    whole = np.full((document.size.height, document.size.width), 255, np.uint8)
    with document.transaction("Mask brush") as tx:
        tx.write(coverage_of(copy), document.size.rect, whole)
    layer.run_again(context, with_masks=True)
    scene.idle()
    request = scene.provider.calls[-1].request
    assert isinstance(request, EditRequest)
    assert np.array_equal(request.mask, whole)
    assert document.layers[-1].id == edited.id


def test_after_an_edit_no_hidden_mask_is_in_hand(scene: Scene):
    mask_id = scene.select()
    scene.assistant.edit(EditKind.RESTYLE, "red", [mask_id])
    scene.idle()
    assert scene.document.current_mask_ids == ()
    assert not scene.document.state.mask(mask_id).visible


@pytest.mark.parametrize("uses", [True, False])
def test_what_to_avoid_reaches_an_engine_that_heeds_it(
    make_window: MakeWindow, qtbot: QtBot, uses: bool
):
    info = EngineInfo("fake", "Fake", True, frozenset(EditKind), uses_negative=uses)
    provider = FakeEngine((info,))
    window = make_window(provider)
    window.session.show_pixels(picture(), "picture")
    document = window.session.document
    assert document is not None
    mask_ops.add_mask(document, np.full((64, 96), 255, np.uint8), label="bench")
    window.menus.refresh()
    line = window.prompt.edit_line
    qtbot.keyClicks(line.negative_field, "people")
    line.set_edit("replace", "metal bench")
    qtbot.mouseClick(line.apply_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(document.layers) == 2)
    (request,) = provider.asked
    assert isinstance(request, EditRequest)
    assert request.negative_prompt == ("people" if uses else "")
    edited = document.layers[-1]
    assert isinstance(edited, EditLayer) and edited.recipe is not None
    assert edited.recipe.negative_prompt == request.negative_prompt
    window.session.show_pixels(picture(), "another")
    assert line.negative_field.text() == ""


def test_two_clicks_on_a_thing_whose_answers_come_together_make_one_mask(scene: Scene):
    click, another = Point(30, 30), Point(34, 30)
    scene.assistant.segment_points((click,), None, None)
    # Handed over while the mask of the first is still being worked out.
    scene.wait(lambda: len(scene.provider.calls) == 1 and not scene.jobs)
    scene.assistant.segment_points((click, another), None, None)
    scene.idle()
    assert len(scene.document.masks) == 1
    assert len(scene.document.history.steps) == 2
