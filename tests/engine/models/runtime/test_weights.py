"""Only data is loaded: whatever stands in a model's files, nothing of it runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.models.runtime.weights import read_tensors
from ovedit.engine.protocols import CancelToken
from ovedit.errors import DamagedModelError, ModelError
from tests.engine.models.runtime.conftest import Built, Shelf, describe
from tests.engine.models.runtime.tiny import BUILDERS

pytestmark = pytest.mark.usefixtures("no_network")

WEIGHTS = (".safetensors", ".pt", ".onnx")
PIPELINES = ("sd15", "sdxl", "flux-fill", "klein", "qwen-edit")


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def as_pickle(marker: Path) -> bytes:
    return pickle.dumps(Payload(marker), protocol=2)


def as_checkpoint(marker: Path) -> bytes:
    stream = io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(2)}, "notes": Payload(marker)}, stream)
    return stream.getvalue()


def as_old_checkpoint(marker: Path) -> bytes:
    stream = io.BytesIO()
    torch.save({"w": Payload(marker)}, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


FORMS = [as_pickle, as_checkpoint, as_old_checkpoint]


def copy_of(built: Built, id: str, folder: Path) -> Path:
    """The model's folder, its weights as empty files."""
    _, source = built(id)
    shutil.copytree(source, folder, ignore=lambda _, names: [n for n in names if is_weights(n)])
    for path in source.rglob("*"):
        if is_weights(path.name):
            (folder / path.relative_to(source)).touch()
    return folder


def is_weights(name: str) -> bool:
    return name.endswith(WEIGHTS)


def weights_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if is_weights(path.name)]


def load(built: Built, id: str, folder: Path) -> None:
    """Load what lies in the folder as the model `id`; an adapter onto a sound pipeline."""
    loader, _ = BUILDERS[id]
    entries = {id: (describe(id, loader, folder, ("sd15",) if id == "lora" else ()), folder)}
    if id == "lora":
        entries["sd15"] = built("sd15")
    runtime = ModelRuntime(Shelf(entries), device="cpu")
    used = runtime.use("sd15", adapters=["lora"]) if id == "lora" else runtime.use(id)
    with used:
        pass


@pytest.mark.parametrize("form", FORMS)
def test_the_payload_would_work(form: Callable[[Path], bytes], tmp_path: Path) -> None:
    # torch takes the plain pickle for a part of a checkpoint, runs it and misses the others.
    with contextlib.suppress(RuntimeError):
        torch.load(io.BytesIO(form(tmp_path / "ran")), weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("id", BUILDERS)
def test_a_pickle_under_the_name_of_the_weights_does_not_run(
    built: Built, id: str, form: Callable[[Path], bytes], tmp_path: Path
) -> None:
    folder = copy_of(built, id, tmp_path / id)
    for path in weights_in(folder):
        path.write_bytes(form(tmp_path / "ran"))
    with pytest.raises(DamagedModelError, match=rf"Tiny {id}"):
        load(built, id, folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "id", [id for id, (loader, _) in BUILDERS.items() if loader not in ("onnx", "sam2")]
)
def test_a_pickle_instead_of_safetensors_does_not_run(
    built: Built, id: str, form: Callable[[Path], bytes], tmp_path: Path
) -> None:
    folder = copy_of(built, id, tmp_path / id)
    for index in folder.rglob("*.index.json"):
        index.unlink()
    for path in weights_in(folder):
        path.unlink()
        transformers = path.name.startswith("model")
        name = "pytorch_model.bin" if transformers else path.name.replace(".safetensors", ".bin")
        path.with_name(name).write_bytes(form(tmp_path / "ran"))
    with pytest.raises(DamagedModelError, match="holds more than numbers"):
        load(built, id, folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("id", PIPELINES)
def test_a_pickle_in_the_last_part_of_a_pipeline_does_not_run(
    built: Built, id: str, tmp_path: Path
) -> None:
    _, source = built(id)
    folder = Path(shutil.copytree(source, tmp_path / id))
    weights_in(folder)[-1].write_bytes(as_checkpoint(tmp_path / "ran"))
    with pytest.raises(DamagedModelError):
        load(built, id, folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("id", ["clip", "dino", "taesd", "sd15"])
def test_pickled_numbers_are_loaded_where_there_is_nothing_else(
    built: Built, id: str, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    _, source = built(id)
    folder = Path(shutil.copytree(source, tmp_path / id))
    for path in weights_in(folder):
        tensors = load_file(path)
        path.unlink()
        name = path.name.replace(".safetensors", ".bin")
        if name.startswith("model"):
            name = f"pytorch_{name}"
        torch.save(tensors, path.with_name(name))
    load(built, id, folder)


def test_numbers_of_old_checkpoints_are_read(built: Built, tmp_path: Path) -> None:
    model, _ = built("dino")
    path = tmp_path / "old.bin"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    tensors = read_tensors(model, path, "cpu", torch.float32, CancelToken())
    assert torch.equal(tensors["w"], torch.ones(3))


@pytest.mark.parametrize("found", [[1, 2], {}, {"w": 3}, {3: torch.zeros(1)}])
def test_checkpoints_without_tensors_are_refused(built: Built, tmp_path: Path, found: Any) -> None:
    model, _ = built("dino")
    torch.save(found, tmp_path / "odd.bin")
    with pytest.raises(DamagedModelError, match=r"odd.bin is damaged"):
        read_tensors(model, tmp_path / "odd.bin", "cpu", torch.float32, CancelToken())


def code(folder: Path, marker: Path, name: str) -> None:
    """A Python file in the folder that leaves a mark when it is run."""
    (folder / f"{name}.py").write_text(
        f"import os\nos.mkdir({str(marker)!r})\nclass Evil: pass\n"
        "Evil.from_pretrained = classmethod(lambda *a, **k: Evil())\n"
    )


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def copied(built: Built, id: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built(id)[1], tmp_path / id))


def test_code_named_by_a_configuration_does_not_run(built: Built, tmp_path: Path) -> None:
    folder = copied(built, "dino", tmp_path)
    code(folder, tmp_path / "ran", "evil")
    evil = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil", "AutoImageProcessor": "evil.Evil"}
    change(folder / "config.json", auto_map=evil)
    change(folder / "preprocessor_config.json", auto_map=evil)
    load(built, "dino", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_attention_kernels_are_not_fetched(built: Built, tmp_path: Path, key: str) -> None:
    folder = copied(built, "dino", tmp_path)
    change(folder / "config.json", **{key: "someone/evil-kernel"})
    load(built, "dino", folder)


def test_code_named_by_a_tokenizer_does_not_run(built: Built, tmp_path: Path) -> None:
    folder = copied(built, "sd15", tmp_path)
    code(folder / "tokenizer", tmp_path / "ran", "evil")
    change(
        folder / "tokenizer" / "tokenizer_config.json",
        tokenizer_class="Evil",
        auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]},
    )
    load(built, "sd15", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("id", "place"), [("sam3", "."), ("qwen-edit", "processor")])
def test_code_named_inside_a_processor_does_not_run(
    built: Built, tmp_path: Path, id: str, place: str
) -> None:
    folder = copied(built, id, tmp_path)
    code(folder / place, tmp_path / "ran", "evil")
    for path in (folder / place).glob("*_config.json"):
        named = ("Config", "Tokenizer", "ImageProcessor", "Processor", "VideoProcessor")
        change(path, auto_map={f"Auto{name}": "evil.Evil" for name in named})
    change(folder / place / "tokenizer_config.json", tokenizer_class="Evil")
    change(
        folder / place / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "evil.Evil"]}
    )
    # Refused, or loaded by the library's own classes.
    with contextlib.suppress(ModelError):
        load(built, id, folder)
    assert not (tmp_path / "ran").exists()


def test_code_named_by_the_tokenizer_of_clip_does_not_run(built: Built, tmp_path: Path) -> None:
    folder = copied(built, "clip", tmp_path)
    code(folder, tmp_path / "ran", "evil")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"] |= {
        "hf_tokenizer_name": "someone/evil",
        "tokenizer_kwargs": {"trust_remote_code": True},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["evil.Evil", None]}})
    )
    with pytest.raises(DamagedModelError):
        load(built, "clip", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("text_cfg", {"hf_model_name": "someone/evil"}),
        ("vision_cfg", {"timm_model_name": "hf-hub:someone/evil"}),
    ],
)
def test_clip_takes_no_part_from_elsewhere(
    built: Built, tmp_path: Path, part: str, values: dict[str, str]
) -> None:
    folder = copied(built, "clip", tmp_path)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"][part] |= values
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(DamagedModelError, match="kept in another repository"):
        load(built, "clip", folder)


def test_code_of_a_pipeline_does_not_run(built: Built, tmp_path: Path) -> None:
    folder = copied(built, "sd15", tmp_path)
    for place in (folder, folder / "unet"):
        code(place, tmp_path / "ran", "evil")
    change(folder / "model_index.json", unet=["evil", "Evil"])
    with pytest.raises(DamagedModelError, match="its part unet is made by code of its own"):
        load(built, "sd15", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "entry", [["os", "system"], ["diffusers", "Evil"], ["diffusers"], ["transformers", None]]
)
def test_parts_are_of_the_two_libraries(built: Built, tmp_path: Path, entry: list[str]) -> None:
    folder = copied(built, "sd15", tmp_path)
    change(folder / "model_index.json", unet=entry)
    with pytest.raises(DamagedModelError, match="unet"):
        load(built, "sd15", folder)


def test_classes_named_in_yaml_are_not_made(built: Built, tmp_path: Path) -> None:
    folder = copied(built, "sam2", tmp_path)
    evil = f"model:\n  _target_: os.mkdir\n  path: {tmp_path / 'ran'}\n"
    for name in ("sam2.1_hiera_t.yaml", "config.yaml"):
        (folder / name).write_text(evil)
    load(built, "sam2", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["../../secret.bin", "/etc/passwd", "..\\secret.bin", 3])
def test_an_index_stays_in_its_folder(built: Built, tmp_path: Path, name: object) -> None:
    folder = copied(built, "flux-fill", tmp_path)
    (index,) = (folder / "transformer").glob("*.index.json")
    shards = json.loads(index.read_text())["weight_map"]
    change(index, weight_map=dict.fromkeys(shards, name))
    with pytest.raises(DamagedModelError, match="is not a file beside it"):
        load(built, "flux-fill", folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00\xff", "[" * 100_000])
def test_a_damaged_configuration_is_named(built: Built, tmp_path: Path, text: str) -> None:
    folder = copied(built, "taesd", tmp_path)
    (folder / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match="Tiny taesd cannot be loaded"):
        load(built, "taesd", folder)
