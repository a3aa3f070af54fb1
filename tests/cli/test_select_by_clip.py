"""`ovedit select --engine clip-sam2` on folders of random weights, found by `ovedit models add`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ovedit.cli import main
from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.engine.models.runtime import devices
from tests.engine.models.runtime import tiny

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by hand")
    torch.manual_seed(0)
    tiny.clip(folder / "clip")
    return folder


@pytest.fixture
def clip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny CLIP that the person keeps in a folder of their own."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    files = tuple(
        ModelFile(path.name, path.stat().st_size) for path in sorted((folder / "clip").iterdir())
    )
    licence = Licence("MIT", "https://example.org/licence")
    size = sum(file.size for file in files)
    mine = Model(
        "my-clip", "My CLIP", Task.TEXT_IMAGE, "open_clip", "me/clip", "main", files, licence,
        size // 4, {"float32": size},
    )  # fmt: skip
    save_own(own_path(), models=[mine])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


Run = Callable[..., int]


@pytest.fixture
def select(photo: Path) -> Run:
    def run(*words: str) -> int:
        return main(
            [
                "select", str(photo), "--prompt", "wooden bench", "--engine", "clip-sam2",
                "--set", "clip=my-clip", "--set", "templates=1", "--set", "short_side=32",
                "--set", "crop=32", "--set", "stride=16", "--set", "strategy=dense",
                "--set", "presence_threshold=0", "--threshold", "0",
                *words,
            ]
        )  # fmt: skip

    return run


def test_a_missing_model_is_named_with_the_way_to_get_it(
    select: Run, clip: None, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", str(photo), "--prompt", "bench", "--engine", "clip-sam2"]) == 2
    said = capsys.readouterr().err
    assert 'The engine "clip-sam2" needs CLIP ViT-B/16' in said
    assert "ovedit models get clip-vit-b16-openai dino-vit-b8 sam2-base-plus" in said
    assert select("--method", "sclip", "--refine", "none") == 2
    said = capsys.readouterr().err
    assert "needs My CLIP (" in said and "ovedit models get my-clip" in said


def test_a_folder_added_by_hand_answers(
    select: Run, clip: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(folder / "clip")]) == 0
    assert capsys.readouterr().out.startswith("my-clip: My CLIP, used from ")
    assert select("--method", "sclip", "--refine", "none", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert "CLIP (sclip)" in json.dumps(said, ensure_ascii=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--method", "sclippy", "--refine", "none"), "sclippy"),
        (("--method", "sclip", "--refine", "none", "--layers", "1,9"), "9"),
        (("--method", "sclip", "--refine", "sam2-vote", "--set", "sam=sam2-large"), "sam2-large"),
        (("--method", "sclip", "--set", "depth=3"), "depth"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    select: Run,
    clip: None,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: str,
) -> None:
    main(["models", "add", str(folder / "clip")])
    capsys.readouterr()
    assert select(*words) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ovedit: ") and told in line and "bug" not in line
