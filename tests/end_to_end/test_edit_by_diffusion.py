"""Diffusion in the real window, with a pipeline of the real class and random weights.

What it paints means nothing; that it is shown, chosen, varied, run again and cancelled does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QLineEdit
from pytest import MonkeyPatch
from tqdm import tqdm

from ovedit import settings
from ovedit.document import EditLayer, EditRecipe
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.engine.models.runtime import devices
from ovedit.ui.dialogs.change_words import ChangeWordsDialog
from ovedit.ui.gallery.thumb import Thumb
from ovedit.ui.panels.jobs import JobView
from tests.end_to_end.conftest import OpenWindow
from tests.end_to_end.hands import Hands
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import describe

torch.set_num_threads(1)
# The thread that would redraw progress bars outlives the test.
tqdm.monitor_interval = 0

ENTER, ESC = Qt.Key.Key_Return, Qt.Key.Key_Escape
STEPS = "4"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion, as its publisher lays it out."""
    folder = tmp_path_factory.mktemp("shelf") / "sd"
    torch.manual_seed(0)
    tiny.sd15(folder)
    return folder


@pytest.fixture
def hands(
    pipeline: Path, open_window: OpenWindow, coffee: Path, monkeypatch: MonkeyPatch
) -> Iterator[Hands]:
    """A person with that pipeline, before the photograph with a part of the cup selected."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    loader = "diffusers.StableDiffusionInpaintPipeline"
    model = replace(
        describe("tiny-sd", loader, pipeline),
        capabilities=frozenset({"text", "negative-prompt", "replace"}),
        native_sizes=(64,),
    )
    save_own(own_path(), models=[model], folders={"tiny-sd": [pipeline]})
    own = {"model": "tiny-sd", "steps": STEPS, "safety": "no", "refine": "no"}
    settings.save(settings.Settings(edit_engine="diffusers", engine_options={"diffusers": own}))
    with open_window() as hands:
        hands.open_file(coffee, monkeypatch)
        hands.press(Qt.Key.Key_M)
        hands.draw((220, 120), (300, 180), (380, 230))
        hands.settle()
        assert hands.document.state.selection is not None
        yield hands


def ask(hands: Hands, words: str, variations: int = 1) -> None:
    """Write the words, say how many, and apply."""
    line = hands.window.prompt.edit_line
    menu = line.variations_button.menu()
    assert menu is not None
    next(action for action in menu.actions() if action.data() == variations).trigger()
    field = hands.find(QLineEdit, "What should be there")
    field.setFocus()
    field.selectAll()
    hands.type(words)
    hands.press(ENTER)


def thumbs(hands: Hands) -> tuple[Thumb, ...]:
    return hands.window.gallery_desk.strip.thumbs


def ready(hands: Hands) -> int:
    return sum(thumb.ready for thumb in thumbs(hands))


def recipe(hands: Hands) -> EditRecipe:
    layer = hands.document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    return layer.recipe


def outside(hands: Hands, before: NDArray[np.uint8]) -> int:
    """How many pixels differ where the layer of the edit shows nothing."""
    from ovedit.document import pixels_of

    layer = hands.document.layers[-1]
    alpha = hands.document.state.surface(pixels_of(layer.id)).array()[..., 3]
    differ = (hands.picture() != before).any(axis=-1)
    assert differ.any()
    return int((differ & (alpha == 0)).sum())


def view_of(hands: Hands) -> object:
    """What the canvas shows."""
    return hands.canvas.grab().toImage()


def test_from_the_forecast_to_a_layer_that_is_varied_and_run_again(hands: Hands) -> None:
    before = hands.picture()
    outlook = hands.window.prompt.outlook
    field = hands.find(QLineEdit, "What should be there")
    field.setFocus()
    hands.type("metal bench")
    hands.wait(lambda: "a photo of metal bench" in outlook.accessibleName())
    assert "64 × 64 of Tiny tiny-sd" in outlook.accessibleName()
    assert hands.window.outlook.frame.isVisible()
    hands.shot_now("diffusion-forecast")

    # Variations: beside the document, looked at in place, one kept.
    ask(hands, "metal bench", 2)
    hands.wait(lambda: ready(hands) == 2)
    hands.settle()
    assert len(hands.document.layers) == 1
    plain = view_of(hands)
    first = thumbs(hands)[1]
    at = QPointF(4, 4)
    QApplication.sendEvent(first, QEnterEvent(at, at, QPointF(first.mapToGlobal(at.toPoint()))))
    assert view_of(hands) != plain
    hands.shot_now("diffusion-hover")
    QApplication.sendEvent(first, QEvent(QEvent.Type.Leave))
    seeds = [t.slot.variation.plan.request.seed for t in thumbs(hands) if t.slot.variation]
    hands.click(first)
    assert (len(hands.document.layers), recipe(hands).seed) == (2, seeds[1])
    assert recipe(hands).models[0].startswith("tiny-sd")
    assert outside(hands, before) == 0
    hands.settle()
    hands.shot_now("diffusion-kept")

    # The same again is the same; another seed is another.
    kept = hands.picture()
    hands.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    hands.settle()
    assert np.array_equal(hands.picture(), kept)
    hands.window.prompt.edit_line.set_variations(1)
    held = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    hands.press(Qt.Key.Key_R, held)
    hands.settle()
    assert recipe(hands).seed != seeds[1]
    assert not np.array_equal(hands.picture(), kept)
    assert outside(hands, before) == 0


def test_other_words_in_the_same_layer(hands: Hands) -> None:
    before = hands.picture()
    ask(hands, "metal bench")
    hands.settle()
    first = hands.picture()

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ChangeWordsDialog)
        hands.shot_now("diffusion-words")
        dialog.words.setText("golden bench")
        dialog.run_button.click()

    QTimer.singleShot(100, fill)
    hands.window.menus.actions["change-words"].trigger()
    hands.settle()
    assert (recipe(hands).prompt, len(hands.document.layers)) == ("golden bench", 2)
    assert not np.array_equal(hands.picture(), first)
    assert outside(hands, before) == 0


def test_steps_show_in_place_and_cancel_leaves_the_document_as_it_was(
    hands: Hands, monkeypatch: MonkeyPatch
) -> None:
    before, steps = hands.picture(), len(hands.document.history.steps)
    seen: list[object] = []
    jobs: list[JobView] = []
    errands = hands.window.errands

    def look(preview: object) -> None:
        if preview is not None and not seen:
            seen.append(view_of(hands))
            hands.shot_now("diffusion-step")
            hands.press(ESC)

    errands.previewed.connect(look)
    errands.jobs_changed.connect(lambda views: jobs.extend(views))
    plain = view_of(hands)
    ask(hands, "metal bench", 2)
    hands.settle()
    hands.wait(lambda: not hands.window.jobs.list.rows())
    assert seen and seen[0] != plain
    assert any(view.fraction for view in jobs)
    assert ready(hands) == 0 and not thumbs(hands)
    assert np.array_equal(hands.picture(), before)
    assert len(hands.document.history.steps) == steps
