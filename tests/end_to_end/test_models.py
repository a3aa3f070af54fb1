"""From the prompt card to a whole model on the disk, with huggingface_hub's client and a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton
from pytest import MonkeyPatch

from ovedit.cli import main
from ovedit.engine.library import Task
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.ui.dialogs.models.dialog import ModelsDialog
from tests.end_to_end.conftest import OpenWindow
from tests.end_to_end.hands import Hands
from tests.engine.models.conftest import noise
from tests.hub import Hub, running_hub

FILES = {"config.json": b"{}", "model.safetensors": noise(4_000_000)}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, which the person has written into their own catalogue."""
    with running_hub() as hub:
        hub.use(monkeypatch, tmp_path / "hub home")
        commit = hub.add("them/masks", FILES)
        mine = hub.model(
            "them/masks", commit, FILES, id="mine", title="Masks of mine", task=Task.MASKS,
            loader="sam2", memory={"float32": 4_000_000}, parameters=1_000_000,
        )  # fmt: skip
        save_own(own_path(), models=[mine])
        yield hub


def button(dialog: ModelsDialog, text: str) -> QAbstractButton:
    """The button on the dialog that says so, as soon as it can be clicked."""
    return next(
        b
        for b in dialog.findChildren(QAbstractButton)
        if b.text().startswith(text) and b.isVisible() and b.isEnabled()
    )


def has(dialog: ModelsDialog, text: str) -> bool:
    return any(
        b.text().startswith(text) and b.isVisible() and b.isEnabled()
        for b in dialog.findChildren(QAbstractButton)
    )


def open_models(hands: Hands, coffee: Path, monkeypatch: MonkeyPatch) -> ModelsDialog:
    hands.open_file(coffee, monkeypatch)
    hands.click(hands.window.prompt.better_button)
    dialog = hands.window.findChild(ModelsDialog)
    assert isinstance(dialog, ModelsDialog)
    hands.wait(lambda: "mine" in dialog.list.rows())
    row = dialog.list.rows()["mine"]
    dialog.list.ensureWidgetVisible(row)
    hands.click(row)
    assert dialog.detail.model_id == "mine"
    return dialog


def test_a_model_is_downloaded_paused_continued_checked_and_removed(
    hub: Hub,
    open_window: OpenWindow,
    coffee: Path,
    monkeypatch: MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    with open_window() as hands:
        dialog = open_models(hands, coffee, monkeypatch)
        hub.stall_after = 1_000_000
        hands.click(button(dialog, "Download"))
        hands.wait(lambda: has(dialog, "Pause") and dialog.detail._bar.value() > 0)
        hands.click(button(dialog, "Pause"))
        hands.wait(lambda: has(dialog, "Continue"))
        hub.stall_after = None
        served_before = sum(asked.sent for asked in hub.served(path="/large/"))
        hands.click(button(dialog, "Continue"))
        hands.wait(lambda: has(dialog, "Check files"))
        sent = sum(asked.sent for asked in hub.served(path="/large/"))
        assert sent - served_before < len(FILES["model.safetensors"]), "it went on, not anew"
        hands.click(button(dialog, "Check files"))
        hands.wait(
            lambda: dialog.detail._message.text() == "All files are as their publisher made them."
        )
    assert main(["models", "path", "mine"]) == 0
    folder = Path(capfd.readouterr().out.strip())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert main(["models", "remove", "mine"]) == 0
    assert not (folder / "model.safetensors").exists()


def test_without_a_network_the_window_says_so_and_works_on(
    hub: Hub, open_window: OpenWindow, coffee: Path, monkeypatch: MonkeyPatch
):
    with open_window() as hands:
        dialog = open_models(hands, coffee, monkeypatch)
        hub.close()
        hands.click(button(dialog, "Download"))
        hands.wait(lambda: "cannot be reached" in dialog.detail._message.text())
        hands.click(button(dialog, "Close"))
        hands.select("brown coffee")
        assert hands.document.masks
