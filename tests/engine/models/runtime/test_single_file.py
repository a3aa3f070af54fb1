"""Checkpoints in one file are loaded with the configurations and the vocabulary that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from ovedit.engine.library import Model
from ovedit.engine.models import checkpoints
from ovedit.engine.models.catalogue import load_catalogue
from ovedit.engine.models.recognise import checkpoint_entry
from ovedit.engine.models.runtime.loaders import load, single_file
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.weights import hollow
from ovedit.engine.protocols import CancelToken, silent
from ovedit.errors import DamagedModelError, ModelError
from ovedit.resources import resource_path
from tests.engine.models.runtime import single_files

UNET = "model.diffusion_model."
IN_THE_CATALOGUE = {
    "sd15": "sd15-inpainting",
    "sd2": "sd2-inpainting",
    "sdxl": "sdxl-inpainting",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return single_files.configurations(tmp_path_factory.mktemp("tiny") / "configurations")


@pytest.fixture
def tiny(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoints, "configuration", lambda name: shelf / name)
    return shelf


def saved(tiny: Path, kind: str, path: Path, channels: int = 9) -> dict[str, Any]:
    torch.manual_seed(0)
    parts = single_files.networks(tiny / kind, channels)
    single_files.save(path, parts)
    return parts


def entry_of(path: Path) -> Model:
    return checkpoint_entry(path, [])


def loaded(path: Path, dtype: str = "float32") -> Loaded:
    place = Placement("cpu", dtype)
    return load(entry_of(path), path.parent, place, silent, CancelToken())


@pytest.mark.parametrize("kind", single_files.KINDS)
def test_every_number_comes_to_its_place(
    kind: str, tiny: Path, tmp_path: Path, no_network: list[object]
) -> None:
    parts = saved(tiny, kind, tmp_path / "mine.safetensors")
    pipeline = loaded(tmp_path / "mine.safetensors").value
    for name, part in parts.items():
        after = getattr(pipeline, name).state_dict()
        assert after.keys() == part.state_dict().keys()
        for weight, value in part.state_dict().items():
            assert torch.equal(after[weight], value), f"{name}: {weight}"
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.scheduler.config.prediction_type == "epsilon"
    assert not any(value.requires_grad for value in pipeline.unet.parameters())


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_one_without_channels_for_a_mask_loads_too(kind: str, tiny: Path, tmp_path: Path) -> None:
    saved(tiny, kind, tmp_path / "plain.safetensors", channels=4)
    assert loaded(tmp_path / "plain.safetensors").value.unet.config.in_channels == 4


def test_the_numbers_are_kept_as_the_device_wants_them(tiny: Path, tmp_path: Path) -> None:
    saved(tiny, "sd15", tmp_path / "mine.safetensors")
    model = loaded(tmp_path / "mine.safetensors", "float16")
    parts = [model.value.unet, model.value.vae, model.value.text_encoder]
    assert {weight.dtype for part in parts for weight in part.parameters()} == {torch.float16}
    positions = 77 * 8
    assert model.size == positions + sum(2 * w.numel() for part in parts for w in part.parameters())


def test_an_entry_says_what_the_file_takes(tiny: Path, tmp_path: Path) -> None:
    parts = saved(tiny, "sd15", tmp_path / "My Model v2.safetensors")
    model = entry_of(tmp_path / "My Model v2.safetensors")
    assert (model.id, model.title, model.own) == ("my-model-v2", "My Model v2", True)
    assert model.loader == "diffusers.StableDiffusionInpaintPipeline"
    assert model.native_sizes == (64,)
    count = sum(weight.numel() for part in parts.values() for weight in part.parameters())
    # The averages are left out; the numbers of the 77 places are not.
    assert model.parameters == count + 77


@pytest.mark.parametrize(
    "start",
    [
        f"{UNET}middle_block.1.norm.weight",
        "first_stage_model.decoder.up.0",
        "cond_stage_model.transformer.text_model.encoder.layers.1",
    ],
)
def test_one_that_lacks_weights_is_said_to_be_damaged(
    start: str, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    saved(tiny, "sd15", path)
    kept = {name: value for name, value in load_file(path).items() if not name.startswith(start)}
    save_file(kept, path)
    with pytest.raises(DamagedModelError, match="mine cannot be loaded"):
        loaded(path)


def test_one_of_other_shapes_is_said_to_be_damaged(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    saved(tiny, "sd15", path)
    tensors = load_file(path)
    save_file(tensors | {f"{UNET}middle_block.1.norm.weight": torch.zeros(3)}, path)
    with pytest.raises(DamagedModelError, match="mine cannot be loaded"):
        loaded(path)


@pytest.mark.parametrize(
    ("kind", "gone", "told"),
    [
        ("sd15", "cond_stage_model.", "Stable Diffusion 1.5 without its text encoder"),
        ("sd2", "cond_stage_model.", "Stable Diffusion 2 without its text encoder"),
        ("sdxl", "conditioner.embedders.1.", "Stable Diffusion XL without its text encoder"),
        ("sdxl", "first_stage_model.", "Stable Diffusion XL without its VAE"),
        ("sd15", UNET, "no checkpoint of a kind"),
    ],
)
def test_parts_that_are_left_out_are_named(
    kind: str, gone: str, told: str, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    saved(tiny, kind, path)
    kept = {name: value for name, value in load_file(path).items() if not name.startswith(gone)}
    save_file(kept, path)
    with pytest.raises(ModelError, match=told):
        entry_of(path)


def test_what_it_predicts_has_to_be_known(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    saved(tiny, "sd2", path, channels=4)
    with pytest.raises(ModelError, match="nothing in it says what its U-Net predicts"):
        entry_of(path)
    parts = single_files.networks(tiny / "sdxl", 4)
    single_files.save(path, parts, v_pred=torch.zeros(1))
    with pytest.raises(ModelError, match="marked v_pred"):
        entry_of(path)
    saved(tiny, "sd15", path, channels=8)
    with pytest.raises(ModelError, match="takes 8 channels"):
        entry_of(path)


@pytest.mark.parametrize("kind", single_files.KINDS)
def test_our_configurations_have_as_many_numbers_as_the_published_models(kind: str) -> None:
    with hollow():
        parts = single_files.networks(resource_path("checkpoints", kind))
    count = sum(weight.numel() for part in parts.values() for weight in part.parameters())
    assert count == load_catalogue().model(IN_THE_CATALOGUE[kind]).parameters


@pytest.mark.parametrize(
    ("name", "pad"),
    [
        ("sd15/tokenizer", 49407),
        ("sd2/tokenizer", 0),
        ("sdxl/tokenizer", 49407),
        ("sdxl/tokenizer_2", 0),
    ],
)
def test_words_become_the_numbers_that_clip_knows(name: str, pad: int) -> None:
    model = load_catalogue().model("sd15-inpainting")
    ours = single_file.tokenizer(model, resource_path("checkpoints", *name.split("/")))
    assert isinstance(ours, transformers.CLIPTokenizer)
    everyday = resource_path("vocabulary", "everyday.txt").read_text(encoding="utf-8")
    texts = [line for line in everyday.splitlines() if line]
    texts += ["", "a" * 300, "word " * 100, "It's 3.5 m, isn't it? (50%)", "tab\tnew\nline"]
    texts += ["naïve café in Zürich — ½ €", "日本の 公園", "🙂🌳", "UPPER Case", "a_b-c/d"]
    asked = {"padding": "max_length", "truncation": True, "max_length": 77}
    numbers = ours(texts, return_tensors="pt", **asked).input_ids
    for text, one, other in zip(texts, numbers, open_clip.tokenize(texts), strict=True):
        end = int((other == 49407).nonzero()[0]) + 1
        assert torch.equal(one[:end], other[:end]), text
        assert (one[end:] == pad).all()
