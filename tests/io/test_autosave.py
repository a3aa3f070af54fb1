from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ovedit.document import Document
from ovedit.errors import FileError
from ovedit.io import autosave
from ovedit.io.documents import open_document

ROOT = Path(__file__).parents[2]

OTHER_PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from ovedit.document import Document
from ovedit.io import autosave
pixels = np.full((5, 6, 4), int(sys.argv[2]), np.uint8)
state = Document.from_pixels(pixels, "x").snapshot()
autosave.save(Path(sys.argv[1]), state, name="Bench", source=Path("/home/me/bench.ora"))
print("saved", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "autosave"
    autosave.discard_own(tmp_path / "autosave")


@pytest.fixture
def other_program(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A second program that has saved a picture of all 7 and goes on running."""
    command = [sys.executable, "-c", OTHER_PROGRAM, str(folder), "7"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "saved\n"
        yield program
        program.kill()


def picture(value: int) -> Document:
    return Document.from_pixels(np.full((5, 6, 4), value, np.uint8), "x")


def test_nothing_to_recover_at_first(folder: Path) -> None:
    assert autosave.find(folder) == ()


def test_what_a_running_program_keeps_is_its_own(
    folder: Path, other_program: subprocess.Popen[str]
) -> None:
    autosave.save(folder, picture(9).snapshot(), name="Mine")
    assert autosave.find(folder) == ()


def test_a_program_that_went_down_can_be_recovered(
    folder: Path, other_program: subprocess.Popen[str]
) -> None:
    autosave.save(folder, picture(9).snapshot(), name="Mine")
    other_program.kill()
    other_program.wait()
    (found,) = autosave.find(folder)
    assert found.name == "Bench"
    assert found.source == Path("/home/me/bench.ora")
    assert found.thumbnail.startswith(b"\x89PNG")
    assert abs(found.saved_at.timestamp() - time.time()) < 600
    opened = open_document(found.path)
    assert (opened.document.state.flattened() == 7).all()
    autosave.discard(found)
    assert autosave.find(folder) == ()
    autosave.discard(found)


def test_the_newest_snapshot_counts_and_closing_leaves_nothing(folder: Path) -> None:
    autosave.save(folder, picture(1).snapshot(), name="Mine", exif=b"Exif\0\0")
    autosave.save(folder, picture(2).snapshot(), name="Mine", exif=b"Exif\0\0")
    (path,) = folder.glob("*.ora")
    opened = open_document(path)
    assert (opened.document.state.flattened() == 2).all()
    assert opened.exif == b"Exif\0\0"
    autosave.discard_own(folder)
    assert list(folder.iterdir()) == []
    autosave.discard_own(folder)


def test_a_discard_while_it_is_written_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = autosave.save_project

    def slowly(path: Path, *arguments: object, **options: object) -> None:
        write(path, *arguments, **options)
        autosave.discard_own(folder)

    monkeypatch.setattr(autosave, "save_project", slowly)
    autosave.save(folder, picture(1).snapshot(), name="Mine")
    assert list(folder.iterdir()) == []


def test_a_broken_autosave_is_offered_and_opening_it_says_what_is_wrong(folder: Path) -> None:
    folder.mkdir()
    (folder / "abc.ora").write_bytes(b"PK\x03\x04 and no more")
    (found,) = autosave.find(folder)
    assert found.name == "abc.ora"
    with pytest.raises(FileError, match=r"abc\.ora"):
        open_document(found.path)


def test_half_written_files_are_swept_after_a_day(folder: Path) -> None:
    folder.mkdir()
    old, fresh = folder / "a.new", folder / ".ovedit-b.tmp"
    for path in (old, fresh):
        path.write_bytes(b"half")
    yesterday = time.time() - 2 * 24 * 3600
    os.utime(old, (yesterday, yesterday))
    assert autosave.find(folder) == ()
    assert [path.name for path in folder.iterdir()] == [fresh.name]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="not a folder"):
        autosave.save(tmp_path / "file" / "autosave", picture(1).snapshot(), name="x")


def test_a_lock_that_is_no_file_keeps_nothing_from_being_found(folder: Path) -> None:
    autosave.save(folder, picture(3).snapshot(), name="Bench")
    (project,) = folder.glob("*.ora")
    stray = project.with_name("stray.ora")
    stray.write_bytes(project.read_bytes())
    stray.with_suffix(".lock").mkdir()
    (found,) = autosave.find(folder)
    assert (found.path, found.name) == (stray, "Bench")
    with pytest.raises(FileError, match=r"stray\.lock cannot be removed"):
        autosave.discard(found)
    assert not stray.exists()
