"""The whole journey in the real window, with the engine that is always there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractSlider, QLineEdit
from pytest import MonkeyPatch

from ovedit.document import EditLayer, coverage_of
from ovedit.ui.qimage import to_array
from tests.end_to_end.conftest import OpenWindow
from tests.end_to_end.hands import ALT, CTRL, SHIFT, Answer, Hands

ENTER, ESC, TAB, DELETE = Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Delete


def pixels_outside_the_edit_that_changed(before: np.ndarray, hands: Hands) -> int:
    """How many pixels of the picture changed where the newest edit layer's mask is 0."""
    layer = hands.document.layers[-1]
    assert isinstance(layer, EditLayer)
    pixels, _ = hands.document.state.layer_surfaces(layer)
    outside = pixels.array()[..., 3] == 0
    return int((hands.picture()[outside] != before[outside]).any(axis=-1).sum())


def same_document(one: Hands, state) -> None:
    """Every layer, mask and pixel is the same."""
    now = one.document.state
    assert now.size == state.size
    assert [(x.name, x.visible, x.opacity, x.blend, type(x)) for x in now.layers] == [
        (x.name, x.visible, x.opacity, x.blend, type(x)) for x in state.layers
    ]
    for mine, other in zip(now.layers, state.layers, strict=True):
        assert now.layer_surfaces(mine)[0].equals(state.layer_surfaces(other)[0]), mine.name
    assert [(x.label, x.phrase, x.accepted, x.visible, x.threshold) for x in now.masks] == [
        (x.label, x.phrase, x.accepted, x.visible, x.threshold) for x in state.masks
    ]
    for mine, other in zip(now.masks, state.masks, strict=True):
        assert now.surface(coverage_of(mine.id)).equals(state.surface(coverage_of(other.id)))


def test_a_photograph_is_selected_corrected_changed_undone_saved_and_opened_again(
    hands: Hands, coffee: Path, tmp_path: Path, monkeypatch: MonkeyPatch
):
    hands.open_file(coffee, monkeypatch)
    start = hands.document.snapshot()
    original = hands.picture()

    hands.select("silver spoon, wooden table")
    assert len(hands.document.masks) >= 1, hands.message
    hands.shot("1-selected")
    mask_id = hands.document.masks[0].id
    hands.click(hands.window.masks.list.rows()[mask_id])
    hands.settle()

    # Add with a stroke, then take away with Alt.
    mask = lambda: hands.document.state.coverage(mask_id)  # noqa: E731
    hands.press("b")
    hands.draw((40, 40), (80, 60), (120, 60))
    assert mask()[60, 100] == 255
    assert mask()[40, 40] == 255
    assert hands.document.history.steps[-1].name == "Mask brush"
    hands.draw((80, 60), (90, 60), held=ALT)
    assert mask()[60, 85] == 0
    assert mask()[60, 115] == 255
    hands.settle()

    # The threshold follows the hand without an engine, and keeps what was painted.
    before = hands.document.masks[0].threshold
    slider = hands.find(QAbstractSlider, "Threshold")
    steps = len(hands.document.history.steps)
    hands.slide(slider, by=-25)
    hands.settle()
    assert hands.document.masks[0].threshold < before - 0.05
    assert len(hands.document.history.steps) == steps + 1
    assert mask()[60, 115] == 255
    assert mask()[60, 85] == 0

    hands.click(hands.canvas, hands.on_canvas(115, 60).toPoint())
    hands.press(ENTER)
    assert hands.document.masks[0].accepted
    assert hands.focused == "What should be there"
    hands.shot("2-accepted")

    hands.click("Remove")
    hands.click("Apply")
    hands.settle()
    hands.shot("3-removed")
    assert isinstance(hands.document.layers[-1], EditLayer), hands.message
    assert pixels_outside_the_edit_that_changed(original, hands) == 0
    assert (hands.picture() != original).any()

    done = hands.document.snapshot()
    steps = hands.undo_all()
    assert steps >= 5
    same_document(hands, start)
    assert np.array_equal(hands.picture(), original)
    for _ in range(steps):
        hands.press(Qt.Key.Key_Z, CTRL | SHIFT)
    same_document(hands, done)

    project = tmp_path / "table"
    hands.save_file(project, monkeypatch)
    assert (tmp_path / "table.ora").is_file(), hands.message
    assert not hands.window.isWindowModified()
    hands.press(Qt.Key.Key_W, CTRL)
    assert hands.window.session.document is None
    hands.shot("4-closed")
    hands.open_file(tmp_path / "table.ora", monkeypatch)
    same_document(hands, done)
    hands.shot("5-opened-again")


def test_the_bench_of_the_sample_turns_to_metal_by_keyboard_alone(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    original = hands.picture()
    hands.select("wooden bench")
    assert [mask.label for mask in hands.document.masks] == ["wooden bench"]
    assert hands.focused == "Canvas"

    hands.press(ENTER)
    assert hands.document.masks[0].accepted
    assert hands.focused == "What should be there"
    hands.type("metal bench")
    hands.press(ENTER)
    hands.settle()
    hands.shot("bench")
    assert [layer.name for layer in hands.document.layers] == ["park-bench", "metal bench"]
    assert pixels_outside_the_edit_that_changed(original, hands) == 0
    changed = (hands.picture() != original).any(axis=-1)
    bench = hands.document.state.coverage(hands.document.masks[0].id) == 255
    assert changed[bench].mean() > 0.9


def test_words_are_reached_with_tab(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    hands.select("grass")
    assert hands.document.masks
    hands.press("/")
    names = []
    while hands.focused != "What should be there" and len(names) < 8:
        hands.press(TAB)
        names.append(hands.focused)
    assert hands.focused == "What should be there", names
    assert len(names) <= 4, names
    hands.press(ESC)
    assert hands.focused == "Canvas"


def test_a_phrase_that_is_not_found_is_said_and_the_best_guess_is_offered(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    hands.select("xylophone")
    assert not hands.document.masks
    assert "xylophone" in hands.message
    hands.shot("not-found")
    hands.click("Show best guess")
    hands.settle()
    assert [mask.phrase for mask in hands.document.masks] == ["xylophone"]
    assert not hands.message
    assert not hands.document.masks[0].accepted
    hands.click(hands.canvas)
    hands.press(DELETE)
    hands.settle()
    assert not hands.document.masks


def test_what_the_engine_cannot_make_is_refused_and_nothing_changes(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    original = hands.picture()
    hands.select("wooden bench")
    hands.press(ENTER)
    hands.type("car")
    steps = len(hands.document.history.steps)
    hands.press(ENTER)
    hands.settle()
    hands.shot("refused")
    assert "car" in hands.message
    assert len(hands.document.layers) == 1
    assert len(hands.document.history.steps) == steps
    assert np.array_equal(hands.picture(), original)


def test_a_running_edit_is_cancelled(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    hands.select("grass")
    hands.press(ENTER)
    hands.click("Remove")
    steps = len(hands.document.history.steps)
    ways = (
        lambda: hands.press(ESC),  # Apply leads to the canvas, where Esc stops the job.
        lambda: hands.click(hands.window.prompt.cancel_button),
    )
    for number, cancel in enumerate(ways):
        hands.click("Apply")
        hands.wait(lambda: hands.window.prompt.cancel_button.isVisible())
        hands.shot_now(f"running-{number}")
        cancel()
        hands.settle()
        assert len(hands.document.layers) == 1
        assert len(hands.document.history.steps) == steps
        assert hands.button("Apply").isEnabled()


def test_a_broken_file_leaves_the_open_document_alone(
    hands: Hands, coffee: Path, tmp_path: Path, monkeypatch: MonkeyPatch
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(coffee.read_bytes()[:5000])
    hands.open_file(broken, monkeypatch)
    assert "broken.png" in hands.message
    hands.shot("broken-start")
    hands.open_file(coffee, monkeypatch)
    document = hands.document
    hands.open_file(broken, monkeypatch)
    assert hands.document is document
    assert "broken.png" in hands.message
    hands.shot("broken")


@pytest.mark.parametrize("answer", ["Cancel", "Discard", "Save"])
def test_closing_with_changes_asks(
    hands: Hands, coffee: Path, tmp_path: Path, monkeypatch: MonkeyPatch, answer: str
):
    project = tmp_path / "coffee.ora"
    hands.open_file(coffee, monkeypatch)
    hands.save_file(project, monkeypatch)
    saved = project.read_bytes()
    # The photograph itself is locked.
    hands.press(Qt.Key.Key_N, CTRL | SHIFT)
    hands.settle()
    hands.press("b")
    hands.draw((100, 100), (200, 100))
    with Answer(answer) as question:
        hands.press(Qt.Key.Key_Q, CTRL)
    assert "coffee.ora" in question.text
    assert hands.window.isVisible() is (answer == "Cancel")
    assert (project.read_bytes() != saved) is (answer == "Save")


def test_closing_right_after_a_save_loses_nothing_and_does_not_ask(
    hands: Hands, coffee: Path, tmp_path: Path, monkeypatch: MonkeyPatch, open_window: OpenWindow
):
    hands.open_file(coffee, monkeypatch)
    hands.save_file(tmp_path / "coffee.ora", monkeypatch)
    # The photograph itself is locked.
    hands.press(Qt.Key.Key_N, CTRL | SHIFT)
    hands.settle()
    hands.press("b")
    hands.draw((100, 100), (200, 100))
    painted = hands.document.snapshot()
    hands.press(Qt.Key.Key_S, CTRL)
    with Answer("Cancel") as question:
        hands.press(Qt.Key.Key_Q, CTRL)
    assert not question.text
    assert not hands.window.isVisible()
    with open_window() as later:
        later.open_file(tmp_path / "coffee.ora", monkeypatch)
        same_document(later, painted)


def test_a_file_that_is_dropped_opens(hands: Hands, coffee: Path, tmp_path: Path):
    hands.drop(coffee)
    hands.settle()
    assert (hands.document.size.width, hands.document.size.height) == (600, 400)
    other = tmp_path / "other.png"
    QImage(64, 48, QImage.Format.Format_RGB32).save(str(other))
    hands.drop(other)
    hands.settle()
    assert (hands.document.size.width, hands.document.size.height) == (64, 48)


def test_a_picture_that_is_pasted_becomes_a_layer_and_copying_gives_it_back(
    hands: Hands, coffee: Path, monkeypatch: MonkeyPatch
):
    picture = QImage(40, 30, QImage.Format.Format_RGBA8888)
    picture.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(picture)
    hands.press(Qt.Key.Key_V, CTRL)
    hands.settle()
    assert (hands.document.size.width, hands.document.size.height) == (40, 30)
    with Answer("Discard"):
        hands.open_file(coffee, monkeypatch)
    hands.press(Qt.Key.Key_V, CTRL)
    hands.settle()
    assert len(hands.document.layers) == 2
    hands.press(Qt.Key.Key_C, CTRL)
    hands.settle()
    copied = to_array(QGuiApplication.clipboard().image())
    assert np.array_equal(copied, hands.picture())


def test_what_was_typed_is_remembered(hands: Hands):
    hands.click("Open sample")
    hands.settle()
    hands.select("wooden bench")
    hands.press(ENTER)
    hands.type("metal bench")
    hands.press(ENTER)
    hands.settle()
    hands.select("grass")
    hands.press("/")
    hands.press(Qt.Key.Key_Up)
    hands.press(Qt.Key.Key_Up)
    assert hands.find(QLineEdit, "What to select").text() == "wooden bench"
    assert hands.window.prompt.words.history == ("metal bench",)


def test_what_is_drawn_around_is_removed_without_a_phrase(
    hands: Hands, coffee: Path, monkeypatch: MonkeyPatch
):
    hands.open_file(coffee, monkeypatch)
    original = hands.picture()
    hands.press("m")
    hands.draw((30, 300), (60, 330), (90, 360))
    hands.settle()
    hands.click("Remove")
    hands.click("Apply")
    hands.settle()
    assert [layer.name for layer in hands.document.layers] == ["coffee", "Remove"]
    assert pixels_outside_the_edit_that_changed(original, hands) == 0
    assert (hands.picture() != original).any()
    hands.shot("selection-removed")
