"""What is known of an edit before it runs: the last line of the card, the crop, the edge."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ovedit.document import Document, EditLayer, coverage_of
from ovedit.engine.protocols import Forecast, SettingLine
from ovedit.engine.requests import EditRequest
from ovedit.errors import EngineMissingError, UsageError
from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.crop_frame import dragged
from ovedit.ui.main_window import MainWindow
from ovedit.workflows import mask_ops
from tests.document.scenes import shadowed
from tests.fakes import FakeProvider
from tests.ui.conftest import SIZE, MakeWindow, picture

LEFT = Qt.MouseButton.LeftButton
CROP = Rect(8, 4, 80, 56)
TEMPLATE = SettingLine("template", "a photo of {edit}", "what it is told", "so it is")
STRENGTH = SettingLine("strength", "0.6", "how far it may go", "keeps the shape")


class Teller(FakeProvider):
    """Foretells every edit, with the crop asked for; some words are refused."""

    def __init__(self) -> None:
        super().__init__(knobs=(TEMPLATE, STRENGTH))
        self.asked: list[EditRequest] = []
        self.threads: set[int] = set()

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        self.asked.append(request)
        self.threads.add(threading.get_ident())
        if request.prompt == "quiet":
            return None
        if request.prompt == "missing":
            raise EngineMissingError("No model is here.", "Get it.", ("large",))
        if "{edit}" not in request.options.get("template", "{edit}"):
            raise UsageError('The setting template is "x".', "It must hold {edit}.")
        told = request.options.get("template", "a photo of {edit}").format(edit=request.prompt)
        return Forecast(
            (request.crop or CROP,), Size(512, 512), "SD 1.5", 2_100_000_000, 40.0, told, "template"
        )


class Scene:
    """A window with one mask in hand."""

    def __init__(self, make_window: MakeWindow, qtbot: QtBot) -> None:
        self.provider = Teller()
        self.window: MainWindow = make_window(self.provider)
        self._qtbot = qtbot
        self.window.session.show_pixels(picture(), "picture")
        self.window.assistant.select("bench")
        self.idle()
        self.set_edit("replace", "metal bench")

    @property
    def document(self) -> Document:
        document = self.window.session.document
        assert document is not None
        return document

    @property
    def said(self) -> str:
        line = self.window.prompt.outlook
        return line.accessibleName() if line.isVisible() else ""

    @property
    def menu(self):
        return self.window.prompt.edit_line.menu

    def idle(self) -> None:
        self._qtbot.waitUntil(lambda: not self.window.errands.busy, timeout=8000)

    def wait(self, until) -> None:
        self._qtbot.waitUntil(until, timeout=8000)

    def known(self) -> None:
        self._qtbot.wait(10)
        self.wait(lambda: not self.window.outlook.busy)

    def set_edit(self, kind: str, words: str) -> None:
        self.window.prompt.edit_line.set_edit(kind, words)
        self.known()

    def apply(self) -> EditRequest:
        self.window.prompt.apply_button.click()
        self.idle()
        request = self.provider.calls[-1].request
        assert isinstance(request, EditRequest)
        return request


@pytest.fixture
def scene(make_window: MakeWindow, qtbot: QtBot) -> Scene:
    return Scene(make_window, qtbot)


def test_size_memory_time_and_full_prompt_are_said_from_another_thread(scene: Scene):
    assert scene.said == (
        "512 × 512 of SD 1.5, about 2.1 GB, about 40 s — “a photo of metal bench”"
    )
    assert threading.get_ident() not in scene.provider.threads


def test_nothing_is_asked_twice_and_all_that_matters_is_asked_anew(scene: Scene):
    count = len(scene.provider.asked)
    scene.window.menus.refresh()
    scene.known()
    assert len(scene.provider.asked) == count
    scene.set_edit("replace", "golden bench")
    assert "golden bench" in scene.said
    mask = scene.document.masks[0].id
    with scene.document.transaction("Brush") as tx:
        tx.write(coverage_of(mask), Rect(0, 0, 9, 9), np.full((9, 9), 255, np.uint8))
    scene.known()
    assert scene.provider.asked[-1].mask[0, 0] == 255
    scene.window.engine_desk.use(preset="quality")
    scene.known()
    assert scene.provider.asked[-1].preset == "quality"
    scene.set_edit("remove", "")
    assert scene.provider.asked[-1].kind == "remove"


def test_an_engine_that_says_nothing_is_not_asked_again(scene: Scene):
    scene.set_edit("replace", "quiet")
    assert scene.said == ""
    assert not scene.window.outlook.frame.isVisible()
    count = len(scene.provider.asked)
    scene.set_edit("replace", "quiet too")
    assert len(scene.provider.asked) == count


def test_what_is_missing_is_said_with_the_way_to_it(scene: Scene, qtbot: QtBot):
    scene.set_edit("replace", "missing")
    assert scene.said == "No model is here."
    button = scene.window.prompt.outlook.models_button
    assert button.isVisible()
    with qtbot.waitSignal(scene.window.prompt.message_action) as asked:
        button.click()
    assert asked.args == ["models:large"]


def test_the_crop_is_drawn_dragged_and_reaches_the_engine(scene: Scene, qtbot: QtBot):
    frame = scene.window.outlook.frame
    assert frame.isVisible() and frame.crops == (CROP,)
    grip = frame.grip("left", "top")
    scale = scene.window.canvas.to_widget().m11()
    QTest.mousePress(grip, LEFT, pos=QPoint(5, 5))
    QTest.mouseMove(grip, QPoint(5 - round(4 * scale), 5 - round(2 * scale)))
    qtbot.mouseRelease(grip, LEFT)
    scene.known()
    wider = Rect(4, 2, 84, 58)
    assert scene.window.outlook.crop == wider
    assert scene.window.prompt.outlook.reset_button.isVisible()
    assert scene.apply().crop == wider


def test_esc_and_a_double_click_give_the_crop_back(scene: Scene, qtbot: QtBot):
    outlook = scene.window.outlook
    for give_back in (
        lambda: qtbot.keyClick(scene.window.canvas, Qt.Key.Key_Escape),
        lambda: QTest.mouseDClick(outlook.frame.tag, LEFT),
    ):
        outlook.choose_crop(Rect(0, 0, 90, 60))
        scene.known()
        assert outlook.frame.crops == (Rect(0, 0, 90, 60),)
        give_back()
        scene.known()
        assert outlook.crop is None
        assert outlook.frame.crops == (CROP,)
    assert scene.document.current_mask_ids, "Esc takes one thing at a time"


def test_a_mask_that_grows_out_of_the_crop_ends_it(scene: Scene):
    scene.window.outlook.choose_crop(Rect(10, 8, 80, 50))
    scene.known()
    mask = scene.document.masks[0].id
    with scene.document.transaction("Brush") as tx:
        tx.write(coverage_of(mask), Rect(0, 0, 9, 9), np.full((9, 9), 255, np.uint8))
    scene.wait(lambda: scene.window.outlook.crop is None)


def test_the_crop_is_for_one_thing_only(scene: Scene):
    scene.window.outlook.choose_crop(Rect(0, 0, 90, 60))
    scene.known()
    other = mask_ops.add_mask(scene.document, scene.provider.asked[0].mask, label="other")
    scene.document.set_current(masks=(other,))
    scene.wait(lambda: scene.window.outlook.crop is None)


def test_the_edge_shows_while_it_is_moved_and_reaches_the_engine(scene: Scene, qtbot: QtBot):
    menu, canvas = scene.menu, scene.window.canvas
    assert (menu.grow.value, menu.feather.value) == (5, 8)
    menu.popup(scene.window.mapToGlobal(QPoint(0, 0)))
    before = canvas.grab().toImage()
    at = canvas.widget_point(18, 32).toPoint()
    menu.grow.slider.setValue(300)
    assert menu.grow.value > 15
    assert canvas.grab().toImage().pixelColor(at) != before.pixelColor(at)
    menu.close()
    assert canvas.grab().toImage().pixelColor(at) == before.pixelColor(at)
    scene.known()
    grown = scene.apply()
    usual = np.count_nonzero(scene.provider.asked[0].alpha)
    assert np.count_nonzero(grown.alpha) > usual


def test_the_full_prompt_can_be_changed_for_a_run_and_errors_are_said_before(scene: Scene):
    field = scene.menu.template_field
    assert field.text() == "a photo of {edit}"
    field.setText("a print of {edit}")
    scene.known()
    assert "a print of metal bench" in scene.said
    assert scene.apply().options == {"template": "a print of {edit}"}
    scene.document.undo()
    field.setText("a print")
    scene.known()
    assert "It must hold {edit}." in scene.said


def test_strength_is_for_restyling_only(scene: Scene):
    assert not scene.menu._strength.isVisible()
    scene.set_edit("restyle", "golden")
    assert scene.menu._strength.isVisible()
    assert scene.menu.strength.value == pytest.approx(0.6)
    scene.menu.strength.slider.setValue(0)
    assert scene.apply().options["strength"] == "0.35"


def test_another_picture_forgets_what_was_set_for_the_last_one(scene: Scene):
    scene.window.outlook.choose_crop(Rect(0, 0, 90, 60))
    scene.menu.grow.slider.setValue(300)
    scene.menu.template_field.setText("a print of {edit}")
    scene.window.session.show_pixels(picture(), "another")
    scene.known()
    wish = scene.window.prompt.edit_line.wish
    assert scene.window.outlook.crop is None
    assert (wish.grow, wish.feather, wish.options) == (None, None, {})


SIDES = st.frozensets(st.sampled_from(["left", "top", "right", "bottom"]), max_size=4)


@given(SIDES, st.integers(-200, 200), st.integers(-200, 200))
def test_a_dragged_crop_stays_in_the_picture_and_around_what_changes(sides, dx, dy):
    hole, size = Rect(30, 20, 10, 12), Size(*SIZE)
    crop = dragged(CROP, sides, dx, dy, hole=hole, picture=size)
    assert size.rect.contains(crop)
    assert crop.contains(hole)
    if not sides:
        assert crop.size == CROP.size


def test_a_shadow_that_is_found_is_offered_and_removed_along(make_window: MakeWindow, qtbot: QtBot):
    scene = shadowed("plain", "box")
    window = make_window(FakeProvider())
    window.session.show_pixels(scene.image, "box")
    document = window.session.document
    assert document is not None
    mask = mask_ops.add_mask(document, scene.mask, label="box")
    document.set_current(masks=(mask,))
    line = window.prompt.edit_line
    line.set_edit("remove", "")
    qtbot.waitUntil(line.shadow_box.isVisible, timeout=8000)
    assert line.shadow_box.text() == "and its shadow"
    line.shadow_box.click()
    window.prompt.apply_button.click()
    qtbot.waitUntil(lambda: len(document.layers) == 2, timeout=8000)
    layer = document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    taken = layer.recipe.mask.array()
    assert np.count_nonzero(taken) > np.count_nonzero(scene.mask)
    assert taken[scene.mask > 0].min() > 0
    line.set_edit("replace", "tree")
    assert not line.shadow_box.isVisible()
