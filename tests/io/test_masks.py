from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from ovedit.document import ClassMask, Document, Surface
from ovedit.errors import FileError, UnsupportedFileError
from ovedit.geometry import Size
from ovedit.io.masks import export_masks, read_mask, safe_stem, write_mask


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))))
@settings(max_examples=30, deadline=None)
def test_a_written_mask_is_read_back_exactly(coverage: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.png"
        write_mask(path, coverage)
        with Image.open(path) as image:
            assert image.mode == "L"
        size = Size(coverage.shape[1], coverage.shape[0])
        assert np.array_equal(read_mask(path, size), coverage)


def test_alpha_counts_where_there_is_any(tmp_path: Path) -> None:
    pixels = np.full((2, 3, 4), 90, np.uint8)
    pixels[..., 3] = [[0, 100, 255], [1, 2, 3]]
    Image.fromarray(pixels).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", Size(3, 2)), pixels[..., 3])


def test_luminance_counts_otherwise(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[255, 255, 255], [0, 0, 0], [0, 255, 0]]], np.uint8)).save(
        tmp_path / "m.png"
    )
    white, black, green = read_mask(tmp_path / "m.png", Size(3, 1))[0].tolist()
    assert (white, black) == (255, 0)
    assert 140 < green < 160


def test_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    write_mask(tmp_path / "m.png", np.zeros((2, 3), np.uint8))
    with pytest.raises(FileError, match=r"m\.png has 3 × 2 pixels, the picture 30 × 20"):
        read_mask(tmp_path / "m.png", Size(30, 20))


def test_masks_are_png(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFileError, match=r"mask\.jpg"):
        write_mask(tmp_path / "mask.jpg", np.zeros((2, 3), np.uint8))


def document_with(labels: list[str]) -> Document:
    document = Document.from_pixels(np.zeros((4, 5, 4), np.uint8), "x")
    with document.transaction("Masks") as tx:
        for value, label in enumerate(labels):
            coverage = Surface.from_array(np.full((4, 5), value + 1, np.uint8))
            tx.add_mask(ClassMask(label, (0, 0, 0)), coverage)
    return document


def test_all_masks_are_written_under_their_labels(tmp_path: Path) -> None:
    state = document_with(["Wooden bench", "sky", "Sky!", "", "../up"]).snapshot()
    (tmp_path / "SKY.png").write_bytes(b"somebody's")
    paths = export_masks(tmp_path, state)
    names = [path.name for path in paths]
    assert names == ["wooden-bench.png", "sky-2.png", "sky-3.png", "mask.png", "up.png"]
    assert (tmp_path / "SKY.png").read_bytes() == b"somebody's"
    for value, path in enumerate(paths):
        assert (read_mask(path, state.size) == value + 1).all()


def test_only_the_masks_asked_for(tmp_path: Path) -> None:
    state = document_with(["a", "b", "c"]).snapshot()
    (path,) = export_masks(tmp_path, state, [state.masks[1].id])
    assert path.name == "b.png"
    assert [found.name for found in tmp_path.iterdir()] == ["b.png"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="gone"):
        export_masks(tmp_path / "gone", document_with(["a"]).snapshot())


@given(st.text())
def test_every_label_is_a_safe_file_name(label: str) -> None:
    stem = safe_stem(label)
    assert stem and not stem.startswith(("-", "."))
    assert not set(stem) & set('/\\:*?"<>|\0\n. ')
    assert len(stem.encode()) <= 210
    assert stem.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
