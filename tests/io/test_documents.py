from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovedit.document import ClassMask, Document, RasterLayer, Surface
from ovedit.errors import DamagedFileError, FileError, UnsupportedFileError, UsageError
from ovedit.io.documents import is_project, open_document, save_document
from ovedit.io.openraster import save_project
from ovedit.settings import Settings


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.png"
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 4)).astype(np.uint8)
    exif = Image.Exif()
    exif[271] = "Maker"
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def test_a_picture_becomes_a_document_of_one_layer(photo: Path) -> None:
    opened = open_document(photo, history_bytes=123)
    assert opened.kind == "image"
    assert opened.path == photo
    assert b"Maker" in opened.exif
    assert [layer.name for layer in opened.document.layers] == ["holiday"]
    assert np.array_equal(opened.document.state.flattened(), np.asarray(Image.open(photo)))
    assert opened.document.history.budget == 123


def test_a_project_comes_back_with_what_was_worked_on(photo: Path, tmp_path: Path) -> None:
    opened = open_document(photo)
    document = opened.document
    mask = ClassMask("sky", (1, 2, 3))
    with document.transaction("More") as tx:
        tx.add_layer(RasterLayer("upper"), Surface(document.size, 4))
        tx.add_mask(mask, Surface(document.size, 1))
    lower = document.layers[0].id
    path = tmp_path / "p.ora"
    save_project(
        path,
        document.snapshot(),
        exif=opened.exif,
        current_layer=lower,
        current_masks=[mask.id, "gone"],
    )
    again = open_document(path)
    assert again.kind == "project"
    assert again.exif == opened.exif
    assert again.document.layers == document.layers
    assert again.document.current_layer_id == lower
    assert again.document.current_mask_ids == (mask.id,)
    assert not again.document.can_undo


def test_content_tells_and_not_the_name(photo: Path, tmp_path: Path) -> None:
    project = tmp_path / "p.ora"
    save_project(project, open_document(photo).document.snapshot())
    renamed = shutil.copy(project, tmp_path / "picture.png")
    assert is_project(renamed)
    assert open_document(renamed).kind == "project"
    not_a_project = shutil.copy(photo, tmp_path / "other.ora")
    assert not is_project(not_a_project)
    assert open_document(not_a_project).kind == "image"


def test_bad_files_give_one_error_each(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such"):
        open_document(tmp_path / "gone.ora")
    with pytest.raises(FileError, match="folder"):
        open_document(tmp_path)
    empty = tmp_path / "empty.ora"
    empty.touch()
    with pytest.raises(DamagedFileError, match="0 bytes"):
        open_document(empty)
    broken = tmp_path / "broken.ora"
    broken.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DamagedFileError, match=r"broken\.ora"):
        open_document(broken)
    text = tmp_path / "readme"
    text.write_text("hello")
    with pytest.raises(UnsupportedFileError, match="readme"):
        open_document(text)


@pytest.mark.parametrize("ending", [".ora", ".PNG", ".jpg", ".webp", ".tif"])
def test_a_document_is_saved_as_its_name_ends(photo: Path, tmp_path: Path, ending: str) -> None:
    state = open_document(photo).document.snapshot()
    path = tmp_path / f"saved{ending}"
    save_document(path, state, Settings())
    again = open_document(path)
    assert again.kind == ("project" if ending == ".ora" else "image")
    assert again.document.size == state.size


def test_the_quality_is_that_of_the_settings_unless_it_is_given(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4)).astype(np.uint8)
    state = Document.from_pixels(noise, "noise").snapshot()

    def size(ending: str, settings: Settings, quality: int | None = None) -> int:
        path = tmp_path / f"saved{ending}"
        save_document(path, state, settings, quality=quality)
        return path.stat().st_size

    low = Settings(jpeg_quality=10, webp_quality=10)
    for ending in (".jpg", ".webp"):
        assert size(ending, low) < size(ending, Settings()) < size(ending, low, 100)
    with pytest.raises(UsageError, match="quality 0"):
        size(".jpg", low, 0)
