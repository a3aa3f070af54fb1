"""`ovedit select --engine clip-sam2` on folders of random weights, found by `ovedit models add`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image

from ovedit.cli import main
from ovedit.engine.library import Model, Task
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.engine.models.runtime import devices
from ovedit.engine.protocols import EngineProvider, SettingLine
from ovedit.engine.registry import default_registry, default_runtime
from ovedit.engine.requests import PRESETS, Preset
from ovedit.engine.segmentation.settings import SegmentationSettings, describe, from_options
from ovedit.settings import Settings, load, settings_path
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import describe as entry_of

torch.set_num_threads(1)

_HINTS: dict[str, Any] = get_type_hints(SegmentationSettings)
METHODS: tuple[str, ...] = get_args(_HINTS["method"])
REFINEMENTS: tuple[str, ...] = get_args(_HINTS["refine"])
SMALL = (
    "clip=my-clip", "sam=my-sam", "dino=my-dino", "templates=1", "short_side=32", "crop=32",
    "stride=16", "windows=sliding", "strategy=dense", "negatives=sky", "auto_negatives=0",
    "logit_scale=20", "denoise=no", "presence_threshold=0", "region_points=2", "region_iou=0",
    "region_stability=0", "vote_share=0", "component_iou=0", "component_area=0", "agreement=0",
)  # fmt: skip
"""Quick, and nothing that random weights draw is thrown away."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by hand")
    torch.manual_seed(0)
    tiny.clip(folder / "clip")
    return folder


def mine(id: str, title: str, task: Task, loader: str, folder: Path) -> Model:
    """An entry that the person made for a model in a folder of their own."""
    return replace(
        entry_of(id, loader, folder), title=title, task=task, repository=f"me/{id}", own=True
    )


@pytest.fixture
def clip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny CLIP that the person keeps in a folder of their own."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    entry = mine("my-clip", "My CLIP", Task.TEXT_IMAGE, "open_clip", folder / "clip")
    save_own(own_path(), models=[entry])


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
    assert "The engine CLIP + SAM 2 needs CLIP ViT-B/16" in said
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


@pytest.mark.parametrize("phrase", ["", "  ", "\u200b"])
def test_an_empty_phrase_is_refused(
    select: Run, clip: None, folder: Path, capsys: pytest.CaptureFixture[str], phrase: str
) -> None:
    main(["models", "add", str(folder / "clip")])
    capsys.readouterr()
    assert select("--method", "sclip", "--refine", "none", "--prompt", phrase) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ovedit: ") and "phrase" in line and "bug" not in line


def test_the_end_of_a_long_phrase_is_not_used_and_that_is_said(
    select: Run, clip: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", "add", str(folder / "clip")])
    capsys.readouterr()
    phrase = "wooden " * 99 + "bench"
    assert select("--method", "sclip", "--refine", "none", "--prompt", phrase) == 0
    assert "is longer than the model can read" in capsys.readouterr().err


def test_damaged_weights_are_named_with_what_to_do(
    select: Run, clip: None, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "clip", tmp_path / "clip")
    main(["models", "add", str(tmp_path / "clip")])
    capsys.readouterr()
    weights = tmp_path / "clip" / "open_clip_model.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert select("--method", "sclip", "--refine", "none") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ovedit: ") and "My CLIP" in line and "bug" not in line


class Answer(NamedTuple):
    """What `ovedit select` printed, and the mask that it wrote (H, W)."""

    said: dict[str, Any]
    mask: np.ndarray

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """The mask first, then what else there is to choose from."""
        (phrase,) = self.said["phrases"]
        return phrase["masks"][0]["candidates"]


@pytest.fixture(scope="module")
def home(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings and data of a person who added three models by hand."""
    home = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    tiny.sam2(folder / "sam")
    tiny.dino(folder / "dino")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OVEDIT_HOME", str(home))
        entries = [
            mine("my-clip", "My CLIP", Task.TEXT_IMAGE, "open_clip", folder / "clip"),
            mine("my-sam", "My SAM", Task.MASKS, "sam2", folder / "sam"),
            mine("my-dino", "My DINO", Task.FEATURES, "transformers.ViTModel", folder / "dino"),
        ]
        save_own(own_path(), models=entries)
        for name in ("clip", "sam", "dino"):
            assert main(["models", "add", str(folder / name)]) == 0
    return home


@pytest.fixture(scope="module")
def provider() -> EngineProvider:
    """All engines; what they load and see stays in memory from run to run."""
    return default_registry(default_runtime(Settings(device="cpu")))


Find = Callable[[str, str], Answer]


@pytest.fixture(scope="module")
def find(home: Path, provider: EngineProvider, tmp_path_factory: pytest.TempPathFactory) -> Find:
    """One run of `ovedit select` for a method and a refinement, made once."""
    place = tmp_path_factory.mktemp("photo")
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    pixels[12:36, 20:50] = (200, 40, 30)
    Image.fromarray(pixels).save(place / "photo.png")
    found: dict[tuple[str, str], Answer] = {}

    def run(method: str, refine: str) -> Answer:
        if (method, refine) in found:
            return found[method, refine]
        out = place / f"{method}-{refine}.png"
        words = [
            "select", str(place / "photo.png"), "--prompt", "wooden bench", "--engine",
            "clip-sam2", "--preset", "fast", "--method", method, "--refine", refine,
            "--threshold", "0.5", "--out", str(out), "--json", "--quiet",
        ]  # fmt: skip
        for setting in SMALL:
            words += ["--set", setting]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
            patch.setenv("OVEDIT_HOME", str(home))
            patch.setattr(devices, "bfloat16_gain", lambda: 1.0)
            assert main(words, provider=provider) == 0, said.getvalue()
        with Image.open(out) as mask:
            found[method, refine] = Answer(json.loads(said.getvalue()), np.asarray(mask))
        return found[method, refine]

    return run


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_goes_with_every_refinement(find: Find, method: str, refine: str) -> None:
    found = find(method, refine)
    assert found.mask.shape == (48, 64) and found.mask.any()
    assert found.said["engine"] == "clip-sam2"
    reason = found.candidates[0]["reason"]
    assert f"CLIP ({method})" in reason, reason
    assert ("SAM 2" in reason) is (refine != "none")


def test_methods_see_the_same_picture_differently(find: Find) -> None:
    for pair in combinations(METHODS, 2):
        one, other = (find(method, "none") for method in pair)
        alike = one.candidates[0]["score"] == other.candidates[0]["score"]
        assert not (alike and np.array_equal(one.mask, other.mask)), pair


@pytest.mark.parametrize("method", METHODS)
def test_refinements_draw_different_outlines(find: Find, method: str) -> None:
    for pair in combinations(REFINEMENTS, 2):
        one, other = (find(method, refine) for refine in pair)
        assert not np.array_equal(one.mask, other.mask), pair


def toml(line: SettingLine) -> str:
    """A setting as a person writes it in TOML: numbers and yes or no without quotes."""
    if line.value in ("yes", "no"):
        return f"{line.key} = {str(line.value == 'yes').lower()}"
    number = re.fullmatch(r"[0-9]+([.][0-9]+)?", line.value) and line.key != "templates"
    return f"{line.key} = {line.value if number else json.dumps(line.value)}"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_may_be_in_the_settings_file(preset: Preset) -> None:
    lines = [toml(line) for line in describe(preset)]
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text("\n".join(["[engine_options.clip-sam2]", *lines]))
    options = load().engine_options["clip-sam2"]
    assert from_options("fast", options) == from_options(preset, {})


def test_the_settings_file_is_heeded_and_the_command_line_wins(
    select: Run, clip: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", "add", str(folder / "clip")])
    capsys.readouterr()
    settings_path().write_text(
        '[engine_options.clip-sam2]\nmethod = "naclip"\nrefine = "none"\nneighbour_sigma = 3'
    )
    assert select("--json") == 0
    assert "CLIP (naclip)" in capsys.readouterr().out
    assert select("--json", "--method", "maskclip") == 0
    assert "CLIP (maskclip)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("metod = 'sclip'", 'no setting "metod". Did you mean method or mode?'),
        ("layers = [1, 99]", 'layers is "1, 99"'),
        ("logit_scale = true", 'logit_scale is "yes"'),
        ("temperature = nan", 'temperature is "nan"'),
    ],
)
def test_what_is_wrong_in_the_settings_file_is_told_as_on_the_command_line(
    select: Run, clip: None, folder: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    main(["models", "add", str(folder / "clip")])
    capsys.readouterr()
    settings_path().write_text(f"[engine_options.clip-sam2]\n{line}")
    assert select() == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("ovedit: ") and told in said
