from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import ovedit
from ovedit import settings
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import (
    EditKind,
    MaskCandidate,
    PhraseAnswer,
    ScoreMap,
    SegmentRequest,
)
from ovedit.errors import CannotDoError, DocumentError, FileError, NothingFoundError, UsageError
from ovedit.geometry import Rect
from tests.fakes import FakeEngine

ROOT = Path(__file__).parents[1]
BENCH = Rect(20, 30, 40, 20)


def find(phrase: str, request: SegmentRequest) -> PhraseAnswer:
    """A bench in two candidates that score from 0.3 on its left to 1 on its right."""
    values = np.zeros((80, 120), np.float32)
    values[BENCH.slices] = np.linspace(0.3, 1, BENCH.width)
    candidate = MaskCandidate(phrase, 0.8, ScoreMap(values, Rect(0, 0, 120, 80)), 0.5)
    return PhraseAnswer(phrase, "bench" in phrase, (candidate, candidate))


@pytest.fixture
def engine() -> FakeEngine:
    """Knows benches; paints red; cannot draw dogs."""
    return FakeEngine(
        (EngineInfo("basic", "Fake", True, frozenset(EditKind)),),
        find,
        fails={"dog": CannotDoError("This engine cannot draw a dog.", "Install one that can.")},
    )


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (80, 120, 3), np.uint8)


@pytest.fixture
def picture(tmp_path: Path, pixels: NDArray[np.uint8], engine: FakeEngine) -> ovedit.Picture:
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return ovedit.open(tmp_path / "photo.png", provider=engine)


def test_open_select_replace_save(picture, pixels, tmp_path) -> None:
    masks = picture.select("wooden bench")
    saved = picture.replace(masks[0], "metal bench", grow=0, feather=0).save(tmp_path / "out.png")
    after = np.asarray(Image.open(saved).convert("RGB"))
    covered = masks[0].array > 25
    assert (after[covered] == (255, 0, 0)).all() and covered.any()
    assert np.array_equal(after[~covered], pixels[~covered])


def test_a_mask_shows_what_it_is(picture) -> None:
    (mask,) = picture.select("wooden bench")
    assert (mask.label, mask.score, mask.threshold, mask.candidates) == (
        "wooden bench",
        0.8,
        0.5,
        2,
    )
    assert mask.array.shape == (80, 120) and mask.array.dtype == np.uint8
    assert repr(mask) == "<Mask “wooden bench” 0.80>"


def test_a_threshold_is_set_without_an_engine(picture) -> None:
    (mask,) = picture.select("wooden bench")
    before = mask.array
    mask.threshold = 0.9
    assert mask.threshold == 0.9
    assert 0 < mask.array.astype(bool).sum() < before.astype(bool).sum()
    with pytest.raises(UsageError, match="out of range"):
        mask.threshold = 7


def test_a_mask_is_corrected_by_an_array(picture) -> None:
    (mask,) = picture.select("wooden bench")
    mine = np.zeros((80, 120), np.uint8)
    mine[10:20, 10:20] = 255
    mask.array = mine
    assert np.array_equal(mask.array, mine) and mask.bounds == Rect(10, 10, 10, 10)
    mask.grow(3)
    assert mask.bounds.contains(Rect(7, 7, 16, 16))
    mask.shrink(2).feather(2).invert()
    assert mask.array[0, 0] == 255
    with pytest.raises(UsageError, match="no mask of this picture"):
        mask.array = np.zeros((3, 3), np.uint8)


def test_a_mask_of_your_own(picture, pixels) -> None:
    mask = picture.add_mask(pixels[..., 0] > 200, "bright")
    assert mask.score is None and set(np.unique(mask.array)) == {0, 255}
    after = picture.remove(mask, grow=0, feather=0).flattened()
    changed = (after[..., :3] != pixels).any(axis=-1)
    assert not changed[pixels[..., 0] <= 200].any()
    with pytest.raises(UsageError, match="float64 is no mask"):
        picture.add_mask(np.zeros((80, 120)))


def test_several_masks_and_all_edits_are_undone(picture, pixels) -> None:
    before = picture.flattened()
    masks = picture.select(["wooden bench", "metal bench"])
    assert [mask.label for mask in picture.masks] == ["wooden bench", "metal bench"]
    picture.remove(masks).restyle(masks[0], "golden")
    assert len(picture.document.layers) == 3
    assert not np.array_equal(picture.flattened(), before)
    picture.undo().undo().undo()
    assert np.array_equal(picture.flattened(), before) and picture.masks == []
    with pytest.raises(DocumentError, match="no mask"):
        _ = masks[0].label
    picture.redo()
    assert masks[0].label == "wooden bench"


def test_a_phrase_that_is_not_found_adds_nothing(picture) -> None:
    with pytest.raises(NothingFoundError, match="zebra"):
        picture.select("wooden bench, zebra")
    assert picture.masks == []


def test_an_edit_that_cannot_be_done_changes_nothing(picture) -> None:
    masks = picture.select("wooden bench")
    with pytest.raises(CannotDoError, match="dog"):
        picture.replace(masks[0], "dog")
    with pytest.raises(UsageError, match="no mask"):
        picture.remove([])
    assert len(picture.document.layers) == 1


def test_projects_keep_layers_and_masks(picture, engine, tmp_path) -> None:
    masks = picture.select("wooden bench")
    picture.replace(masks[0], "metal bench").save(tmp_path / "out.ora")
    again = ovedit.open(tmp_path / "out.ora", provider=engine)
    assert np.array_equal(again.flattened(), picture.flattened())
    assert [layer.name for layer in again.document.layers] == ["photo", "metal bench"]
    assert np.array_equal(again.masks[0].array, masks[0].array)


def test_a_file_that_cannot_be_written_or_read(picture, tmp_path) -> None:
    with pytest.raises(FileError, match=r"out\.xyz"):
        picture.save(tmp_path / "out.xyz")
    for quality in (0, 101):
        with pytest.raises(UsageError, match=f"quality {quality} is out of range"):
            picture.save(tmp_path / "out.jpg", quality=quality)
    assert not list(tmp_path.glob("out.*"))
    with pytest.raises(FileError, match=r"missing\.png"):
        ovedit.open(tmp_path / "missing.png")


def test_progress_is_reported(tmp_path, pixels, engine) -> None:
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    steps: list[str] = []

    def progress(fraction: float, step: str = "", preview: object = None) -> None:
        steps.append(step)

    ovedit.open(tmp_path / "photo.png", provider=engine, progress=progress).select("bench")
    assert steps == ["Half way"]


def test_a_picture_over_an_array(pixels, engine) -> None:
    picture = ovedit.Picture.from_array(pixels, provider=engine)
    assert np.array_equal(picture.flattened()[..., :3], pixels)
    assert repr(picture) == "<Picture 120 × 80: picture>"
    with pytest.raises(UsageError, match="is no picture"):
        ovedit.Picture.from_array(pixels[..., 0])
    with pytest.raises(UsageError, match="is no picture"):
        ovedit.Picture.from_array(pixels[:0])


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, ovedit\n"
        "assert ovedit.__version__ and 'open' in dir(ovedit)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
        "assert callable(ovedit.open) and ovedit.Picture and ovedit.Mask\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, second = (set(line.split()) for line in done.stdout.splitlines())
    assert not first & {"numpy", "cv2", "PIL", "torch", "PySide6"}
    assert not second & {"torch", "PySide6", "numba", "scipy"}


def test_there_is_nothing_else_in_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'close'"):
        _ = ovedit.close


PICKER = EngineInfo("picker", "Picker", True)
PAINTER = EngineInfo("painter", "Painter", False, frozenset({EditKind.REPLACE}))


def test_who_selects_and_who_edits_are_chosen_apart(pixels) -> None:
    basic = EngineInfo("basic", "Fake", True, frozenset(EditKind))
    engine = FakeEngine((basic, PICKER, PAINTER), find)

    def worked(**choices) -> list[str]:
        engine.named.clear()
        picture = ovedit.Picture.from_array(pixels, provider=engine, **choices)
        picture.replace(picture.select("wooden bench")[0], "metal bench")
        return list(engine.named)

    assert worked() == ["basic", "basic"]
    assert worked(engine="painter") == ["basic", "painter"]
    assert worked(engine="picker") == ["picker", "basic"]
    assert worked(engine="painter", select_engine="picker") == ["picker", "painter"]
    settings.save(settings.Settings(select_engine="picker", edit_engine="painter"))
    assert worked() == ["picker", "painter"]
    assert worked(options={"steps": "4"}, select_options={"method": "sclip"}) == [
        "picker",
        "painter",
    ]
    asked, edited = engine.asked[-2:]
    assert asked.options == {"method": "sclip"} and edited.options == {"steps": "4"}
    with pytest.raises(CannotDoError, match='"painter" cannot select'):
        worked(select_engine="painter")


def test_a_recipe_is_followed_over_a_folder(tmp_path, pixels, engine) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    recipe = tmp_path / "metal.toml"
    recipe.write_text(
        '[[steps]]\nkind = "replace"\nphrase = "wooden bench"\nprompt = "metal bench"\n'
    )
    done = ovedit.run_batch(recipe, tmp_path / "photos", tmp_path / "out", provider=engine)
    assert done.all_done and (tmp_path / "out" / "a.png").is_file()
    again = ovedit.run_batch(
        str(recipe), tmp_path / "photos", tmp_path / "out", provider=engine, again=True
    )
    assert again.settled == 0 and again.report == tmp_path / "out" / "report.html"
