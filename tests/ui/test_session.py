from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from ovedit import settings as settings_file
from ovedit.document import Document
from ovedit.errors import FileError, OVEditError
from ovedit.io import images
from ovedit.settings import Settings
from ovedit.ui.messages import Message
from ovedit.ui.session import Session
from tests.ui.conftest import picture


class Desk:
    """A session, and what it said."""

    def __init__(self, qtbot: QtBot, settings: Settings | None = None) -> None:
        self.session = Session(settings or Settings())
        self.said: list[Message] = []
        self.session.said.connect(self.said.append)
        self._qtbot = qtbot

    @property
    def document(self) -> Document:
        document = self.session.document
        assert document is not None, self.said
        return document

    def idle(self) -> None:
        self._qtbot.waitUntil(lambda: not self.session.background.busy)

    def open(self, path: Path) -> None:
        self.session.open(path)
        self.idle()

    def change(self) -> None:
        with self.document.transaction("Hide") as tx:
            layer = self.document.layers[0]
            tx.update_layer(layer.id, visible=not layer.visible)

    def autosave(self) -> None:
        """As if the time for it had come."""
        self.session._timer.timeout.emit()
        self.idle()


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    desk = Desk(qtbot)
    yield desk
    desk.session.background.finish()
    desk.session.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture()[..., :3]).save(path)
    return path


def test_a_picture_opens_without_changes_and_is_remembered(desk: Desk, photo: Path):
    changes: list[bool] = []
    desk.session.document_changed.connect(lambda: changes.append(True))
    desk.open(photo)
    assert np.array_equal(desk.document.state.flattened(), picture())
    assert (desk.session.title, desk.session.path) == ("photo.png", None)
    assert not desk.session.modified
    assert changes == [True]
    assert desk.session.settings.recent_files == (str(photo),)
    assert settings_file.load().recent_files == (str(photo),)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nrubbish", b"no picture"])
def test_a_broken_file_is_said_and_what_was_open_stays(
    desk: Desk, photo: Path, tmp_path: Path, content: bytes
):
    desk.open(photo)
    document = desk.document
    broken = tmp_path / "broken.png"
    broken.write_bytes(content)
    desk.open(broken)
    desk.open(tmp_path / "gone.png")
    assert desk.document is document
    assert [message.kind for message in desk.said] == ["error", "error"]
    assert "broken.png" in desk.said[0].text
    assert "gone.png" in desk.said[1].text
    assert desk.session.settings.recent_files == (str(photo),)


def test_a_picture_over_the_limit_is_refused(qtbot: QtBot, tmp_path: Path):
    desk = Desk(qtbot, Settings(max_pixels=1_000_000))
    large = tmp_path / "large.png"
    Image.new("L", (1200, 1000)).save(large)
    desk.open(large)
    assert desk.session.document is None
    assert "large.png" in desk.said[0].text


def test_the_document_stays_where_its_owner_says_so(desk: Desk, photo: Path, tmp_path: Path):
    desk.open(photo)
    document = desk.document
    other = tmp_path / "other.png"
    Image.new("RGB", (8, 8)).save(other)
    desk.session.open(other, lambda: False)
    desk.idle()
    assert desk.document is document
    desk.session.open(other, lambda: True)
    desk.idle()
    assert desk.document is not document


def test_pasted_pixels_count_as_not_saved(desk: Desk):
    desk.session.show_pixels(picture(), "Pasted")
    assert desk.session.modified
    assert desk.session.title == "Pasted"
    desk.session.close()
    assert not desk.session.modified
    assert desk.session.title == "OVEdit"


def test_a_project_comes_back_and_is_the_file_to_save_to(desk: Desk, photo: Path, tmp_path: Path):
    desk.open(photo)
    desk.change()
    assert desk.session.modified
    project = tmp_path / "photo.ora"
    desk.session.save_project(project)
    desk.idle()
    assert not desk.session.modified
    assert (desk.session.path, desk.session.title) == (project, "photo.ora")
    desk.open(project)
    assert desk.session.path == project
    assert not desk.document.layers[0].visible
    assert desk.session.settings.recent_files == (str(project), str(photo))


def test_what_changes_while_a_project_is_written_is_still_to_be_saved(
    desk: Desk, photo: Path, tmp_path: Path
):
    desk.open(photo)
    desk.change()
    desk.session.save_project(tmp_path / "photo.ora")
    desk.change()
    desk.idle()
    assert desk.session.modified
    desk.document.undo()
    assert not desk.session.modified


def test_a_save_that_fails_is_said_and_nothing_counts_as_saved(
    desk: Desk, photo: Path, tmp_path: Path
):
    desk.open(photo)
    desk.change()
    desk.session.save_project(tmp_path / "no such folder" / "photo.ora")
    assert desk.session.background.finish() is False
    assert desk.session.modified
    assert desk.session.path is None
    assert desk.said[-1].kind == "error"
    assert "no such folder" in desk.said[-1].text or "photo.ora" in desk.said[-1].text


def test_an_export_writes_the_flattened_picture_and_leaves_the_document_unsaved(
    desk: Desk, photo: Path, tmp_path: Path
):
    desk.open(photo)
    desk.change()
    out = tmp_path / "out.png"
    desk.session.export(out, images.ExportOptions("png"))
    desk.idle()
    with Image.open(out) as written:
        assert np.array_equal(np.asarray(written.convert("RGBA")), desk.document.state.flattened())
    assert desk.session.modified
    assert desk.said[-1].text == "Exported out.png."


def test_settings_are_kept_and_reach_the_document(desk: Desk, photo: Path):
    desk.open(photo)
    seen: list[Settings] = []
    desk.session.settings_changed.connect(seen.append)
    wanted = desk.session.settings.changed(theme="light", history_bytes=16_000_000)
    desk.session.change_settings(wanted)
    desk.session.change_settings(wanted)
    assert seen == [wanted]
    assert settings_file.load() == wanted
    assert desk.document.history.budget == 16_000_000


def test_settings_that_cannot_be_written_are_used_and_said(desk: Desk, _own_folders: Path):
    (_own_folders / "settings.toml").mkdir()
    desk.session.change_settings(desk.session.settings.changed(theme="light"))
    assert desk.session.settings.theme == "light"
    assert desk.said[-1].kind == "error"


# -- autosave --------------------------------------------------------------------------------------


def autosaves(home: Path) -> list[str]:
    return sorted(path.suffix for path in (home / "data" / "autosave").glob("*.ora"))


def test_only_changes_are_autosaved_and_a_save_or_a_close_removes_them(
    desk: Desk, photo: Path, tmp_path: Path, _own_folders: Path
):
    desk.open(photo)
    desk.autosave()
    assert autosaves(_own_folders) == []
    desk.change()
    desk.autosave()
    desk.autosave()
    assert autosaves(_own_folders) == [".ora"]
    assert desk.session.recoverable() == ()
    desk.session.save_project(tmp_path / "photo.ora")
    desk.idle()
    assert autosaves(_own_folders) == []
    desk.change()
    desk.autosave()
    assert autosaves(_own_folders) == [".ora"]
    desk.session.close()
    assert autosaves(_own_folders) == []


def test_nothing_is_autosaved_in_the_middle_of_a_gesture(
    desk: Desk, photo: Path, _own_folders: Path
):
    desk.open(photo)
    desk.change()
    stroke = desk.document.begin("Brush")
    desk.autosave()
    assert autosaves(_own_folders) == []
    stroke.rollback()
    desk.autosave()
    assert autosaves(_own_folders) == [".ora"]


def test_a_document_that_is_closed_while_it_is_autosaved_leaves_nothing(
    desk: Desk, photo: Path, _own_folders: Path
):
    desk.open(photo)
    desk.change()
    desk.session._timer.timeout.emit()
    desk.session.close()
    desk.idle()
    assert autosaves(_own_folders) == []


def test_the_time_between_autosaves_is_a_setting(desk: Desk):
    timer = desk.session._timer
    assert timer.isActive()
    assert timer.interval() == 60_000
    desk.session.change_settings(desk.session.settings.changed(autosave_seconds=30))
    assert timer.interval() == 30_000
    desk.session.change_settings(desk.session.settings.changed(autosave_seconds=0))
    assert not timer.isActive()


CRASH = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from ovedit.settings import Settings
from ovedit.ui.session import Session
app = QCoreApplication([])
session = Session(Settings())
session.open(Path(sys.argv[1]))
session.background.finish()
with session.document.transaction("Hide") as tx:
    tx.update_layer(session.document.layers[0].id, visible=False)
session._timer.timeout.emit()
session.background.finish()
os._exit(9)
"""


@pytest.fixture
def crashed(photo: Path) -> Path:
    """A program had the photo open, changed and autosaved it, and then went down."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(photo)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 9, done.stderr
    return photo


def test_work_is_recovered_after_a_crash_and_kept_until_it_is_saved_again(
    crashed: Path, qtbot: QtBot, desk: Desk, _own_folders: Path, tmp_path: Path
):
    (found,) = desk.session.recoverable()
    assert found.name == "photo.png"
    desk.session.recover(found)
    desk.idle()
    assert not desk.document.layers[0].visible
    assert desk.session.modified
    assert desk.session.title == "photo.png"
    # It was autosaved anew, so that a second crash would lose nothing either.
    assert not found.path.exists()
    assert autosaves(_own_folders) == [".ora"]
    desk.session.save_project(tmp_path / "saved.ora")
    desk.idle()
    assert autosaves(_own_folders) == []
    assert desk.session.recoverable() == ()


def test_recovered_work_that_is_thrown_away_is_not_offered_again(
    crashed: Path, desk: Desk, _own_folders: Path
):
    (found,) = desk.session.recoverable()
    desk.session.recover(found)
    desk.session.background.finish()
    desk.session.close()
    assert autosaves(_own_folders) == []


def test_an_autosave_that_cannot_be_opened_is_said_and_stays(
    crashed: Path, desk: Desk, _own_folders: Path
):
    (found,) = desk.session.recoverable()
    found.path.write_bytes(found.path.read_bytes()[:200])
    desk.session.recover(found)
    desk.idle()
    assert desk.session.document is None
    assert desk.said[-1].kind == "error"
    assert found.path.exists()


def test_errors_become_messages():
    error: OVEditError = FileError("It went wrong.", "Try again.")
    message = Message.of(error, ("Again", "again"))
    assert (message.text, message.kind) == ("It went wrong. Try again.", "error")
    assert message.buttons == (("Again", "again"),)
