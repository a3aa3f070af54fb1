"""The Batch dialog in the window: start, watch, stop, go on, review."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from ovedit.engine.requests import EditKind
from ovedit.errors import CannotDoError
from ovedit.ui.batch_desk import BatchDesk
from ovedit.ui.dialogs.batch.dialog import BatchDialog
from ovedit.ui.main_window import MainWindow
from ovedit.ui.theme import Theme
from ovedit.workflows.recipe import Recipe, Step
from tests.fakes import Fail, FakeProvider, WaitFor, words_of
from tests.ui.conftest import MakeWindow

WAIT_MS = 15_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    (place / "inner").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "inner/ü.png")):
        noise = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(noise).save(place / name)
    return place


def opened(window: MainWindow, folder: Path | None = None) -> BatchDialog:
    """The dialog, opened by its action, with folders and words filled in."""
    window.menus.actions["batch"].trigger()
    desk = window.findChild(BatchDesk)
    assert desk is not None and desk.dialog is not None and desk.dialog.isVisible()
    form = desk.dialog.form
    if folder is not None:
        form.photos.set_path(folder)
        form.photos.chosen.emit(folder)
        form.phrase.setText("  wooden   bench ")
        form.words.setText("metal bench")
    return desk.dialog


def states(dialog: BatchDialog) -> list[str]:
    photos = dialog.list.photos
    return [photos.words(photos.index(row)).split(" · ")[0] for row in range(photos.rowCount())]


def run(dialog: BatchDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog._runner.ended, timeout=WAIT_MS):
        dialog.start_button.click()


def test_a_folder_shows_its_photos(window: MainWindow, folder: Path, qtbot: QtBot) -> None:
    dialog = opened(window, folder)
    qtbot.waitUntil(lambda: states(dialog) == ["waiting"] * 3)
    assert dialog.form.results.path == folder.with_name("photos edited")
    dialog.form.subfolders.click()
    qtbot.waitUntil(lambda: states(dialog) == ["waiting"] * 2)


def test_it_edits_every_photo_on_the_engines_thread(
    make_window: MakeWindow, folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = FakeProvider()
    window = make_window(provider)
    dialog = opened(window, folder)
    run(dialog, qtbot)
    assert states(dialog) == ["done"] * 3
    out = folder.with_name("photos edited")
    assert (out / "a.png").exists() and (out / "inner" / "ü.png").exists()
    assert {call.thread for call in provider.calls}.isdisjoint({threading.get_ident()})
    assert len({call.thread for call in provider.calls}) == 1
    assert [words_of(c.request) for c in provider.calls[:2]] == ["wooden bench", "metal bench"]
    assert dialog._message.text() == "The batch is through: 3 of 3 done."
    asked: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", asked.append)
    dialog.report_button.click()
    assert [Path(url.toLocalFile()) for url in asked] == [out / "report.html"]


def test_what_is_missing_is_said(window: MainWindow, folder: Path) -> None:
    dialog = opened(window)
    dialog.start_button.click()
    assert "no phrase" in dialog._message.text() and dialog._message.isVisible()
    dialog.form.phrase.setText("bench")
    dialog.start_button.click()
    assert "does not say with what" in dialog._message.text()
    dialog.form.kind.button("remove").click()
    dialog.start_button.click()
    assert "No folder of photos" in dialog._message.text()
    assert not dialog.form.words.isEnabled()


def test_the_window_answers_while_a_batch_runs_and_it_can_be_stopped(
    make_window: MakeWindow, folder: Path, qtbot: QtBot
) -> None:
    gate = threading.Event()
    provider = FakeProvider({"metal bench": [WaitFor(gate)]})
    window = make_window(provider)
    window.session.show_pixels(np.full((48, 64, 4), 255, np.uint8), "mine")
    dialog = opened(window, folder)
    dialog.start_button.click()
    qtbot.waitUntil(lambda: len(provider.calls) == 2, timeout=WAIT_MS)
    assert dialog.stop_button.isVisible() and not dialog.start_button.isVisible()
    assert not dialog.form.isEnabled()
    window.assistant.select("tree")
    gate.set()
    document = window.session.document
    assert document is not None
    qtbot.waitUntil(lambda: len(document.masks) == 1, timeout=WAIT_MS)
    asked = [words_of(call.request) for call in provider.calls]
    assert asked.index("tree") < len(asked), "had its turn"
    qtbot.waitUntil(lambda: not dialog._runner.running, timeout=WAIT_MS)
    assert states(dialog) == ["done"] * 3


def test_stopped_it_goes_on_from_there(make_window: MakeWindow, folder: Path, qtbot: QtBot) -> None:
    provider = FakeProvider({"metal bench": [WaitFor(threading.Event())]})
    window = make_window(provider)
    dialog = opened(window, folder)
    dialog.start_button.click()
    qtbot.waitUntil(lambda: len(provider.calls) == 2, timeout=WAIT_MS)
    with qtbot.waitSignal(dialog._runner.ended, timeout=WAIT_MS):
        dialog.stop_button.click()
    assert "Stopped: 0 of 3 done" in dialog._message.text()
    assert states(dialog) == ["waiting"] * 3 and dialog.form.isEnabled()
    provider.scripts = {}
    run(dialog, qtbot)
    assert states(dialog) == ["done"] * 3


def test_held_photos_open_for_review_in_the_window(
    window: MainWindow, folder: Path, qtbot: QtBot
) -> None:
    dialog = opened(window, folder)
    dialog.form.confidence.set_value(0.95)
    run(dialog, qtbot)
    assert states(dialog) == ["to review"] * 3
    assert "3 to review" in dialog._count.text()
    assert not dialog.open_button.isVisible()
    dialog.list.setCurrentIndex(dialog.list.photos.index(0))
    assert dialog.open_button.isVisible() and dialog.open_button.text() == "Review"
    dialog.open_button.click()
    qtbot.waitUntil(lambda: window.session.document is not None, timeout=WAIT_MS)
    document = window.session.document
    assert document is not None and window.session.name == "a.ora"
    assert [mask.label for mask in document.masks] == ["wooden bench"]


def test_a_photo_that_fails_says_why(make_window: MakeWindow, folder: Path, qtbot: QtBot) -> None:
    window = make_window(FakeProvider({"metal bench": [Fail(CannotDoError("No.", "Else."))]}))
    dialog = opened(window, folder)
    run(dialog, qtbot)
    photos = dialog.list.photos
    index = photos.index(0)
    assert photos.words(index) == "No. Else."
    assert photos.data(index, Qt.ItemDataRole.AccessibleTextRole) == "a.png, No. Else."
    dialog.list.setCurrentIndex(index)
    assert not dialog.open_button.isVisible()


def test_a_batch_that_cannot_begin_says_why(window: MainWindow, folder: Path, qtbot: QtBot) -> None:
    dialog = opened(window, folder)
    dialog.form.results.set_path(folder)
    with qtbot.waitSignal(dialog._runner.failed, timeout=WAIT_MS):
        dialog.start_button.click()
    assert "folder of the photos itself" in dialog._message.text()
    assert dialog.start_button.isVisible() and dialog.form.isEnabled()


def test_recipes_are_saved_and_opened(window: MainWindow, folder: Path, tmp_path: Path) -> None:
    dialog = opened(window, folder)
    path = tmp_path / "metal.toml"
    dialog.form.confidence.set_value(0.7)
    dialog.keep_recipe(path)
    assert "Saved metal.toml" in dialog._message.text()
    recipe = dialog.form.recipe()
    assert recipe.steps == (
        Step(EditKind.REPLACE, "wooden bench", "metal bench", least_confidence=0.7),
    )
    assert recipe.select.engine == recipe.edit.engine == "fake"
    dialog.form.phrase.clear()
    dialog.show_recipe(path)
    assert dialog.form.recipe() == recipe and not dialog._message.isVisible()
    path.write_text("[[steps]]\nkind = 'swap'")
    dialog.show_recipe(path)
    assert "line 2: kind of step 1" in dialog._message.text()


def test_what_the_fields_do_not_show_is_kept(window: MainWindow) -> None:
    form = opened(window).form
    step = Step(EditKind.RESTYLE, "sky", "golden", "clouds", 7, 3, 4, 0.4, 0.6)
    form.show_recipe(Recipe((step,), name="Golden"))
    form.words.setText("red")
    again = form.recipe()
    assert again.name == "Golden" and again.steps[0].prompt == "red"
    assert again.steps[0].seed == 7 and again.steps[0].negative == "clouds"


def test_a_recipe_of_several_steps_is_shown_in_words(window: MainWindow) -> None:
    form = opened(window).form
    steps = (Step(EditKind.RESTYLE, "sky", "golden"), Step(EditKind.REMOVE, "person"))
    form.show_recipe(Recipe(steps))
    assert form.recipe().steps == steps
    assert form._steps.text() == "1. sky as golden\n2. Remove person"
    assert not form.phrase.isVisible()


def test_the_end_is_told_in_the_window_when_the_dialog_is_closed(
    make_window: MakeWindow, folder: Path, qtbot: QtBot
) -> None:
    gate = threading.Event()
    window = make_window(FakeProvider({"metal bench": [WaitFor(gate)]}))
    window.session.show_pixels(np.full((48, 64, 4), 255, np.uint8), "mine")
    dialog = opened(window, folder)
    dialog.start_button.click()
    dialog.close()
    with qtbot.waitSignal(dialog._runner.ended, timeout=WAIT_MS):
        gate.set()
    assert "The batch is through: 3 of 3 done." in window.prompt.message_bar.said
    window._message_action("batch")
    assert dialog.isVisible() and states(dialog) == ["done"] * 3


def test_closing_the_window_stops_the_batch(
    make_window: MakeWindow, folder: Path, qtbot: QtBot
) -> None:
    provider = FakeProvider({"metal bench": [WaitFor(threading.Event())]})
    window = make_window(provider)
    opened(window, folder).start_button.click()
    qtbot.waitUntil(lambda: len(provider.calls) == 2, timeout=WAIT_MS)
    window.close()
    assert window.engines_stopped
    assert not (folder.with_name("photos edited") / "a.png").exists()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_a_small_screen_in_both_themes(
    window: MainWindow, folder: Path, dark: Theme, theme: str
) -> None:
    dark.set_choice(theme)  # type: ignore[arg-type]
    dialog = opened(window, folder)
    size = dialog.minimumSizeHint()
    assert size.width() <= 1024 and size.height() <= 700
    dialog.resize(size)
    assert dialog.form.format.mapTo(dialog, dialog.form.format.rect().bottomRight()).y() < (
        size.height()
    )
