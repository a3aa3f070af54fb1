from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from ovedit.engine.library import Licence, ModelState, Presence, Task, TransferProgress
from ovedit.engine.protocols import EngineInfo
from ovedit.errors import ModelError
from ovedit.service.downloads import DownloadService, Errand, Transfer
from ovedit.ui.dialogs.models import words
from ovedit.ui.dialogs.models.dialog import ModelsDialog
from ovedit.ui.dialogs.models.row import ModelRow
from ovedit.ui.theme import Theme
from tests.fake_library import CHUNKS, ScriptedLibrary, a_model

LEFT = Qt.MouseButton.LeftButton
GATED = Licence("Their own", "https://example.org/terms", gated=True, commercial=False)


@pytest.fixture
def library() -> ScriptedLibrary:
    return ScriptedLibrary(
        "small",
        "large",
        a_model("painter", Task.INPAINT, GATED),
        a_model("clip", Task.TEXT_IMAGE),
    )


@pytest.fixture
def downloads(library: ScriptedLibrary, qtbot: QtBot) -> Iterator[DownloadService]:
    service = DownloadService(library)
    yield service
    library.gate.set()
    assert service.shutdown()


@pytest.fixture
def dialog(downloads: DownloadService, qtbot: QtBot, dark: Theme) -> ModelsDialog:
    dialog = ModelsDialog(downloads)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.list.rows()))
    return dialog


def click_row(qtbot: QtBot, dialog: ModelsDialog, model: str) -> None:
    row = dialog.list.rows()[model]
    qtbot.mouseClick(row, LEFT, pos=QPoint(40, row.height() // 2))
    assert dialog.detail.model_id == model


def click(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible() and button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def said(dialog: ModelsDialog) -> str:
    message = dialog.detail._message
    return message.text() if message.isVisible() else ""


def test_models_are_listed_by_purpose_and_the_first_is_shown(dialog: ModelsDialog) -> None:
    assert list(dialog.list.rows()) == [
        "heading:text-image",
        "clip",
        "heading:masks",
        "small",
        "large",
        "heading:inpaint",
        "painter",
    ]
    assert dialog.detail.model_id == "small"


def test_download_from_click_to_tick(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    click_row(qtbot, dialog, "large")
    assert not dialog.detail.verify.isVisible()
    click(qtbot, dialog.detail.get)
    qtbot.waitUntil(lambda: dialog.detail.verify.isVisible())
    assert library.asked == ["get large"]
    row = dialog.list.rows()["large"]
    assert row.accessibleName() == "Large, here"
    assert not dialog.detail.get.isVisible()


def test_pause_goes_on_where_it_was(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    library.gate.clear()
    click_row(qtbot, dialog, "small")
    click(qtbot, dialog.detail.get)
    qtbot.waitUntil(lambda: "get small" in library.asked)
    library.bytes_of["small"] = 5
    click(qtbot, dialog.detail.stop)
    qtbot.waitUntil(dialog.detail.get.isVisible)
    # What lies on the disk is read anew after the transfer has ended.
    qtbot.waitUntil(lambda: dialog.detail.get.text() == "Continue, 15 bytes left")
    assert dialog.list.rows()["small"].accessibleName() == "Small, paused at 25 %"
    library.gate.set()
    click(qtbot, dialog.detail.get)
    qtbot.waitUntil(lambda: library.bytes_of["small"] == CHUNKS)


def test_cancel_deletes_what_came(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    library.gate.clear()
    click_row(qtbot, dialog, "small")
    click(qtbot, dialog.detail.get)
    qtbot.waitUntil(lambda: "get small" in library.asked)
    library.bytes_of["small"] = 5
    assert dialog.detail.discard.text() == "Cancel"
    click(qtbot, dialog.detail.discard)
    qtbot.waitUntil(lambda: library.bytes_of["small"] == 0)
    qtbot.waitUntil(lambda: dialog.detail.get.isVisible())
    assert dialog.detail.get.text() == "Download 20 bytes"


def test_terms_are_accepted_before_a_download(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    click_row(qtbot, dialog, "painter")
    detail = dialog.detail
    assert detail.accept_terms.isVisible() and not detail.get.isEnabled()
    qtbot.mouseClick(detail.get, LEFT)
    assert library.asked == []
    qtbot.mouseClick(detail.accept_terms, LEFT, pos=QPoint(8, detail.accept_terms.height() // 2))
    click(qtbot, detail.get)
    qtbot.waitUntil(lambda: library.bytes_of["painter"] == CHUNKS)
    click_row(qtbot, dialog, "small")
    assert not detail.accept_terms.isVisible()


def test_the_terms_of_one_model_are_not_those_of_another(
    dialog: ModelsDialog, qtbot: QtBot
) -> None:
    click_row(qtbot, dialog, "painter")
    box = dialog.detail.accept_terms
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert box.isChecked()
    click_row(qtbot, dialog, "small")
    click_row(qtbot, dialog, "painter")
    assert not box.isChecked()


def test_a_full_disk_is_told_before_the_download(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary, downloads: DownloadService
) -> None:
    library.free = 7
    with qtbot.waitSignal(downloads.listed):
        downloads.refresh()
    assert "needs 20 bytes; 7 bytes are free" in said(dialog)
    assert not dialog.detail.get.isEnabled()


def test_what_failed_is_said_with_its_model_until_it_is_tried_again(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    click_row(qtbot, dialog, "small")
    library.error = ModelError("There is no network.", "Connect first.")
    click(qtbot, dialog.detail.get)
    qtbot.waitUntil(lambda: said(dialog) == "There is no network. Connect first.")
    library.error = None
    click_row(qtbot, dialog, "large")
    assert said(dialog) == ""
    click_row(qtbot, dialog, "small")
    assert said(dialog) == "There is no network. Connect first."
    click(qtbot, dialog.detail.get)
    assert said(dialog) == ""


def test_why_there_is_no_list_is_said_in_full(
    downloads: DownloadService, qtbot: QtBot, library: ScriptedLibrary, dark: Theme
) -> None:
    library.error = ModelError("The list of models is not valid TOML.", "Correct it.")
    dialog = ModelsDialog(downloads)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: said(dialog) == "The list of models is not valid TOML. Correct it.")
    buttons = [button for button in dialog.findChildren(QPushButton) if button.isVisible()]
    assert buttons == [dialog.add_folder, dialog.close_button]
    library.error = None
    downloads.refresh()
    qtbot.waitUntil(lambda: bool(dialog.detail.model_id))
    assert said(dialog) == "" and dialog.detail.get.isVisible()


def test_checking_says_what_it_found(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary, downloads: DownloadService
) -> None:
    library.bytes_of["small"] = CHUNKS
    with qtbot.waitSignal(downloads.listed):
        downloads.refresh()
    click_row(qtbot, dialog, "small")
    click(qtbot, dialog.detail.verify)
    qtbot.waitUntil(lambda: said(dialog) == "All files are as their publisher made them.")


@pytest.mark.parametrize("answer", ["Remove", "Keep"])
def test_removing_asks_first(
    dialog: ModelsDialog,
    qtbot: QtBot,
    library: ScriptedLibrary,
    downloads: DownloadService,
    answer: str,
) -> None:
    library.bytes_of["small"] = CHUNKS
    with qtbot.waitSignal(downloads.listed):
        downloads.refresh()
    click_row(qtbot, dialog, "small")

    def decide() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        assert "20 bytes are freed" in box.informativeText()
        qtbot.mouseClick(next(b for b in box.buttons() if b.text() == answer), LEFT)

    QTimer.singleShot(0, decide)
    click(qtbot, dialog.detail.remove)
    if answer == "Remove":
        qtbot.waitUntil(lambda: library.asked == ["remove small"])
        qtbot.waitUntil(lambda: dialog.detail.get.isVisible())
    else:
        assert library.asked == []


def test_a_folder_is_added_and_shown(
    dialog: ModelsDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", staticmethod(lambda *_: "/home/me/mine")
    )
    click(qtbot, dialog.add_folder)
    qtbot.waitUntil(lambda: dialog.detail.model_id == "mine")
    assert said(dialog) == "Mine is used where it lies."
    assert dialog.detail.remove.text() == "Forget"


def test_a_folder_that_is_no_model_is_told(
    dialog: ModelsDialog,
    qtbot: QtBot,
    library: ScriptedLibrary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library.error = ModelError("/tmp/x holds no model.", "Choose another folder.")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", staticmethod(lambda *_: "/tmp/x"))
    click(qtbot, dialog.add_folder)
    qtbot.waitUntil(lambda: said(dialog) == "/tmp/x holds no model. Choose another folder.")


def test_parts_are_not_listed_but_counted_where_they_come_along(
    downloads: DownloadService, qtbot: QtBot, library: ScriptedLibrary, dark: Theme
) -> None:
    part = replace(a_model("half", Task.INPAINT), capabilities=frozenset({"part"}))
    whole = replace(a_model("whole", Task.INPAINT), base=("half",))
    library.catalogue |= {"half": part, "whole": whole}
    library.bytes_of |= {"half": 0, "whole": 0}
    dialog = ModelsDialog(downloads)
    qtbot.addWidget(dialog)
    dialog.show_model("whole")
    qtbot.waitUntil(lambda: dialog.detail.model_id == "whole")
    assert "half" not in dialog.list.rows()
    download = dialog.detail._facts["Download"].text()
    assert download == "20 bytes in 1 file, and 20 bytes for Half"


def test_the_list_is_walked_with_keys(dialog: ModelsDialog, qtbot: QtBot) -> None:
    click_row(qtbot, dialog, "clip")
    qtbot.keyClick(dialog.list, Qt.Key.Key_Down)
    assert dialog.detail.model_id == "small", "headings are passed over"


def test_engines_that_use_a_model_are_named(dialog: ModelsDialog, qtbot: QtBot) -> None:
    click_row(qtbot, dialog, "clip")
    used = dialog.detail._facts["Used by"]
    assert used.text() == "No engine of this version uses it yet"
    dialog.set_engines([EngineInfo("clip-sam", "CLIP + SAM 2", True, models=("clip", "small"))])
    assert used.text() == "CLIP + SAM 2"
    click_row(qtbot, dialog, "large")
    assert used.text() == "No engine of this version uses it yet"
    any_mask = EngineInfo("any", "Any masks", True, works_with=frozenset({Task.MASKS}))
    dialog.set_engines([any_mask])
    assert used.text() == "Any masks"


def test_all_that_an_engine_lacks_comes_with_one_click(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    dialog.set_engines([EngineInfo("clip-sam", "CLIP + SAM 2", True, models=("clip", "small"))])
    click_row(qtbot, dialog, "large")
    assert not dialog.detail.bundle.isVisible()
    click_row(qtbot, dialog, "clip")
    assert dialog.detail.bundle.text() == "All for CLIP + SAM 2, 40 bytes"
    click(qtbot, dialog.detail.bundle)
    qtbot.waitUntil(lambda: library.bytes_of["clip"] == library.bytes_of["small"] == CHUNKS)
    qtbot.waitUntil(lambda: dialog.detail.verify.isVisible())
    assert library.asked == ["get clip", "get small"]
    assert not dialog.detail.bundle.isVisible()


def test_terms_are_not_accepted_in_passing(dialog: ModelsDialog, qtbot: QtBot) -> None:
    dialog.set_engines([EngineInfo("p", "Painter", True, models=("painter", "small"))])
    click_row(qtbot, dialog, "small")
    assert not dialog.detail.bundle.isVisible(), "one of them has terms of its own"


def test_a_model_asked_for_before_the_list_came_is_shown(
    downloads: DownloadService, qtbot: QtBot, dark: Theme
) -> None:
    dialog = ModelsDialog(downloads)
    qtbot.addWidget(dialog)
    dialog.show_model("painter")
    dialog.show()
    assert not any(b.isVisible() for b in dialog.detail.findChildren(QPushButton))
    qtbot.waitUntil(lambda: dialog.detail.model_id == "painter")
    assert dialog.list.selected == ("painter",)


def test_closing_the_dialog_stops_no_download(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    library.gate.clear()
    click_row(qtbot, dialog, "small")
    click(qtbot, dialog.detail.get)
    click(qtbot, dialog.close_button)
    assert not dialog.isVisible()
    library.gate.set()
    qtbot.waitUntil(lambda: library.bytes_of["small"] == CHUNKS)


def test_a_title_does_not_move_when_its_download_begins(
    dialog: ModelsDialog, qtbot: QtBot, library: ScriptedLibrary
) -> None:
    row = dialog.list.rows()["small"]
    assert isinstance(row, ModelRow)
    before = row.name_label.pos()
    library.gate.clear()
    click_row(qtbot, dialog, "small")
    click(qtbot, dialog.detail.get)
    library.gate.set()
    qtbot.waitUntil(lambda: library.bytes_of["small"] == CHUNKS)
    assert row.name_label.pos() == before


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_hundred_percent_is_only_said_when_it_is_all(done: int, total: int) -> None:
    share = words.percent(done, total)
    assert 0 <= share <= 100
    assert (share == 100) is (done >= total)


def test_words_for_a_transfer() -> None:
    progress = TransferProgress(120_000_000, 344_000_000, 12_300_000.0, 18.2)
    transfer = Transfer(Errand.GET, "clip", progress=progress)
    assert words.transfer_text(transfer) == "120 MB of 344 MB · 12 MB/s · 0:18 left"
    assert words.transfer_text(Transfer(Errand.GET, "clip")) == "Waiting for its turn"


def test_the_place_says_where_was_looked(tmp_path: Path) -> None:
    def state(presence: Presence, folder: Path | None = None) -> ModelState:
        looked: Any = (tmp_path / "hub",)
        return ModelState("x", presence, folder, 0, (), looked)

    assert words.place_text(state(Presence.MISSING)) == f"Not found in {tmp_path / 'hub'}"
    assert words.place_text(state(Presence.PARTIAL)) == f"In part in {tmp_path / 'hub'}"
    assert words.place_text(state(Presence.READY, tmp_path)) == str(tmp_path)


def test_memory_names_each_precision_once() -> None:
    model = a_model("x")
    assert words.memory_text(model) == "4 bytes (full precision)"
