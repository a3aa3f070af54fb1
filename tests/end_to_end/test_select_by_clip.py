"""CLIP and SAM 2 in the real window, with models of the real classes and random weights.

What they find means nothing; that it is shown, can be chosen among, corrected and cancelled does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider, QApplication, QLabel, QLineEdit, QMenu
from pytest import MonkeyPatch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from ovedit import settings
from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.engine.models.runtime import devices
from ovedit.engine.segmentation.sam import SamImage
from ovedit.ui.dialogs.engine_settings import EngineSettingsDialog
from ovedit.ui.dialogs.models.dialog import ModelsDialog
from ovedit.ui.prompt.job_line import JobLine
from ovedit.ui.widgets.basics import ElidedLabel
from ovedit.ui.widgets.buttons import ComboBox
from tests.end_to_end.conftest import OpenWindow
from tests.end_to_end.hands import CTRL, LEFT, NONE, Hands
from tests.engine.models.runtime import tiny

torch.set_num_threads(1)
# The thread that would redraw progress bars outlives the test.
tqdm.monitor_interval = 0

ENTER, ESC = Qt.Key.Key_Return, Qt.Key.Key_Escape
SMALL = {
    "templates": "1",
    "auto_negatives": "0",
    "negatives": "background",
    "short_side": "96",
    "crop": "32",
    "stride": "16",
    "logit_scale": "5",
    "component_area": "2000",
    "denoise": "no",
}
"""What suits a CLIP that sees 32 pixels."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each model that the preset Fast takes."""
    shelf = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(0)
    tiny.clip(shelf / "clip")
    tiny.sam2(shelf / "sam2")
    weights = load_file(shelf / "clip/open_clip_model.safetensors")
    for name, tensor in weights.items():
        if name.startswith("visual."):
            # Or all places would look alike.
            tensor += 0.15 * torch.randn_like(tensor)
    save_file(weights, shelf / "clip/open_clip_model.safetensors")
    return shelf


def entry(id: str, title: str, task: Task, loader: str, folder: Path) -> Model:
    """The person's own entry, in place of the publisher's."""
    files = tuple(ModelFile(path.name, path.stat().st_size) for path in sorted(folder.iterdir()))
    size = sum(file.size for file in files)
    return Model(
        id, title, task, loader, "", "", files, Licence("MIT", "https://example.org/licence"),
        size // 4, {"float32": size},
    )  # fmt: skip


@pytest.fixture
def hands(shelf: Path, open_window: OpenWindow, monkeypatch: MonkeyPatch) -> Iterator[Hands]:
    """A person whose folders hold CLIP and SAM 2, before a window of the basic engine."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    models = [
        entry("clip-vit-b16-openai", "CLIP", Task.TEXT_IMAGE, "open_clip", shelf / "clip"),
        entry("sam2-tiny", "SAM 2 tiny", Task.MASKS, "sam2", shelf / "sam2"),
    ]
    folders = {"clip-vit-b16-openai": [shelf / "clip"], "sam2-tiny": [shelf / "sam2"]}
    save_own(own_path(), models=models, folders=folders)
    settings.save(settings.Settings(preset="fast", engine_options={"clip-sam2": SMALL}))
    with open_window() as hands:
        yield hands


def choose(hands: Hands, entry: str) -> None:
    """Click the button beside the phrase, and an entry of the menu that comes up."""
    clicked: list[QAction] = []
    timer = QTimer(hands.window, interval=20)

    def look() -> None:
        menu = QApplication.activePopupWidget()
        if not isinstance(menu, QMenu):
            return
        timer.stop()
        clicked.extend(action for action in menu.actions() if action.text() == entry)
        if clicked and clicked[0].isEnabled():
            QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(clicked[0]).center())
        else:
            menu.close()

    timer.timeout.connect(look)
    timer.start()
    hands.click("Engine and preset")
    hands.wait(lambda: not timer.isActive())
    assert len(clicked) == 1, entry
    # Without a window manager nobody does this after a menu.
    hands.window.activateWindow()
    hands.wait(lambda: QApplication.focusWidget() is not None)


def set_up(hands: Hands, **wanted: str) -> None:
    """Change the engine's settings in their dialog."""
    timer = QTimer(hands.window, interval=20)

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, EngineSettingsDialog):
            return
        timer.stop()
        for key, value in wanted.items():
            dialog.search.setText(key)
            field = dialog.rows[key].field
            if isinstance(field, ComboBox):
                field.setCurrentText(value)
            else:
                field.selectAll()
                QTest.keyClicks(field, value)
        QTest.mouseClick(hands.button("Save", dialog), LEFT)
        if dialog.isVisible():
            # So that a wrong test fails, and does not hang.
            dialog.reject()

    timer.timeout.connect(fill)
    timer.start()
    choose(hands, "Settings of CLIP + SAM 2…")
    hands.wait(lambda: not timer.isActive())
    assert wanted.items() <= hands.window.session.settings.engine_options["clip-sam2"].items()


def shown_step(hands: Hands) -> str:
    """What the prompt card says the running job does."""
    line = hands.window.prompt.findChild(JobLine)
    assert isinstance(line, JobLine)
    words = line.findChild(ElidedLabel)
    assert isinstance(words, ElidedLabel)
    return words.detail if line.isVisible() else ""


def ask(hands: Hands, phrase: str) -> None:
    """Type a phrase and Enter, and do not wait."""
    hands.press("/")
    hands.type(phrase)
    hands.press(ENTER)


def coverage(hands: Hands) -> np.ndarray:
    """The mask in hand."""
    return hands.document.state.coverage(hands.document.current_mask_ids[0]).copy()


def test_a_phrase_is_answered_looked_into_and_accepted(
    hands: Hands, coffee: Path, monkeypatch: MonkeyPatch
):
    hands.open_file(coffee, monkeypatch)
    choose(hands, "CLIP + SAM 2")
    assert "CLIP + SAM 2" in hands.window.options_bar.engine.text()
    set_up(hands, presence_threshold="0", threshold="0.7")
    runs: list[object] = []
    hands.window.service.started.connect(runs.append)

    steps: set[str] = set()
    ask(hands, "silver spoon")
    hands.wait(lambda: bool(steps.add(shown_step(hands))) or not hands.window.errands.busy)
    hands.settle()
    assert steps & {"Looking at the picture", "Outlining “silver spoon”"}, steps
    assert [mask.label for mask in hands.document.masks] == ["silver spoon"], hands.message
    hands.shot("clip-selected")

    # What the engine offers besides, and why.
    found = coverage(hands)
    reason = hands.find(QLabel, "Why this was found").text()
    assert "CLIP (naclip)" in reason
    assert len(hands.document.masks[0].candidates) > 1
    hands.click("Candidate 2 of " + str(len(hands.document.masks[0].candidates)))
    hands.settle()
    assert hands.document.masks[0].chosen == 1
    assert (coverage(hands) != found).any()
    assert hands.find(QLabel, "Why this was found").text() != reason
    hands.shot("clip-candidate")

    # The threshold of the bare map follows the hand.
    before = coverage(hands)
    hands.slide(hands.find(QAbstractSlider, "Threshold"), by=40)
    hands.settle()
    assert (coverage(hands) != before).any()

    plain = hands.canvas.grab().toImage()
    hands.click("Heat map")
    hands.settle()
    assert hands.canvas.grab().toImage() != plain
    hands.shot("clip-heat-map")
    hands.click("Heat map")
    assert len(runs) == 1, "none of this asks the engine"

    hands.click(hands.canvas, hands.on_canvas(3, 3).toPoint())
    hands.press(ENTER)
    hands.settle()
    assert hands.document.masks[0].accepted


def test_a_phrase_is_cancelled_and_the_next_one_is_answered(
    hands: Hands, coffee: Path, monkeypatch: MonkeyPatch
):
    hands.open_file(coffee, monkeypatch)
    choose(hands, "CLIP + SAM 2")
    set_up(hands, presence_threshold="0", threshold="0.7", strategy="both", points_per_side="24")
    asked: list[int] = []
    batches = SamImage.batches

    def noted(self: SamImage, *arguments, **options):
        for found in batches(self, *arguments, **options):
            asked.append(1)
            yield found

    monkeypatch.setattr(SamImage, "batches", noted)
    ask(hands, "wooden table")
    hands.wait(lambda: shown_step(hands) == "Finding things" and len(asked) > 3)
    hands.shot_now("clip-running")
    so_far = len(asked)
    hands.press(ESC)
    assert hands.window.prompt.cancel_button.isVisible(), "until the engine has noticed"
    hands.settle()
    assert len(asked) <= so_far + 1, "it stops before the next point"
    assert not hands.document.masks
    assert not hands.document.history.steps
    assert not hands.message

    set_up(hands, points_per_side="4")
    hands.select("silver spoon")
    assert [mask.label for mask in hands.document.masks] == ["silver spoon"], hands.message


def test_clicks_and_boxes_are_outlined_by_sam(hands: Hands, coffee: Path, monkeypatch: MonkeyPatch):
    hands.open_file(coffee, monkeypatch)
    choose(hands, "CLIP + SAM 2")
    hands.click(hands.canvas)
    hands.press("s")
    hands.click_picture(300, 200)
    hands.settle()
    assert len(hands.document.masks) == 1, hands.message
    assert "SAM 2" in hands.find(QLabel, "Why this was found").text()
    hands.click_picture(330, 210, held=CTRL)
    hands.settle()
    assert len(hands.document.masks) == 1, "the second click corrects the first mask"
    assert len(hands.document.history.steps) == 2
    hands.press("u")
    hands.draw((100, 100), (150, 150), (240, 220))
    hands.settle()
    assert hands.document.history.steps[-1].name.endswith("by click"), hands.message
    hands.shot("clip-clicked")


def test_a_preset_whose_models_are_not_here_leads_to_them_or_back(
    hands: Hands, coffee: Path, monkeypatch: MonkeyPatch
):
    hands.open_file(coffee, monkeypatch)
    choose(hands, "CLIP + SAM 2")
    choose(hands, "Balanced")
    hands.select("brown cup")
    assert "DINO ViT-B/8" in hands.message
    assert "SAM 2.1 base plus" in hands.message
    assert not hands.document.masks
    hands.shot("clip-missing")
    hands.click("Models…")
    dialog = hands.window.findChild(ModelsDialog)
    assert isinstance(dialog, ModelsDialog)
    hands.wait(lambda: dialog.detail.model_id == "dino-vit-b8")
    hands.click(dialog.close_button)
    hands.select("brown cup")
    hands.click("Use the preset Fast")
    assert "fast" in hands.window.options_bar.engine.text()
    assert hands.find(QLineEdit, "What to select").text() == "brown cup"
    assert hands.focused == "What to select"
    hands.press(ENTER)
    hands.settle()
    assert "DINO" not in hands.message
