"""`ovedit remove|replace|restyle --engine diffusers --model FOLDER`, with random weights."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_inpaint as qwen
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from ovedit.cli import main
from ovedit.document import Document, EditLayer
from ovedit.engine.models import checkpoints
from ovedit.engine.models.runtime import devices
from ovedit.engine.protocols import EngineProvider
from ovedit.engine.registry import default_registry, default_runtime
from ovedit.io.documents import open_document
from ovedit.settings import Settings
from tests.engine.models.runtime import single_files
from tests.engine.models.runtime.conftest import Built, _small_heap, built  # noqa: F401

torch.set_num_threads(1)

PIPELINES = ("sd15", "sdxl", "flux-fill", "klein", "qwen-edit")
ERASERS = ("lama", "migan")
KINDS = ("remove", "replace", "restyle")
HEIGHT, WIDTH = 72, 96

Mask = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the processor, and the one that paints a million pixels paints few."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    plain = qwen.calculate_dimensions
    monkeypatch.setattr(qwen, "calculate_dimensions", lambda area, ratio: plain(64 * 64, ratio))


@pytest.fixture(scope="module")
def engines() -> EngineProvider:
    """As the command line makes them, but kept, so that no model is loaded twice."""
    return default_registry(default_runtime(Settings(device="cpu")))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def mask_file(folder: Path, mask: Mask) -> Path:
    Image.fromarray(mask).save(folder / "mask.png")
    return folder / "mask.png"


def square() -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[24:44, 30:60] = 255
    return mask


Run = Callable[..., int]


@pytest.fixture
def edit(photo: Path, engines: EngineProvider) -> Run:
    """Runs a command with a mask; `words` may hold anything, the last of two options wins."""

    def run(kind: str, model: Path | str, *words: str, mask: Mask | None = None) -> int:
        masked = mask_file(photo.parent, square() if mask is None else mask)
        arguments = [kind, str(photo), "--mask", str(masked), "--engine", "diffusers"]
        arguments += ["--seed", "7", "--set", "tries=0", "-o", str(photo.parent / "out.ora")]
        if model:
            arguments += ["--model", str(model)]
        if str(model).rpartition("/")[2] not in ERASERS:
            arguments += ["--set", "steps=2", "--set", "side=64"]
        if kind != "remove":
            arguments += ["--edit", "metal bench"]
        return main([*arguments, *words], provider=engines)

    return run


def opened(path: Path) -> Document:
    return open_document(path).document


@pytest.mark.parametrize(
    ("id", "kind"),
    [*((id, kind) for id in PIPELINES for kind in KINDS), *((id, "remove") for id in ERASERS)],
)
def test_every_class_does_what_it_can_from_a_folder(
    id: str,
    kind: str,
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, folder = built(id)
    assert edit(kind, folder, "--json") == 0, capsys.readouterr().err
    said, told = capsys.readouterr()
    answer = json.loads(said)
    assert answer["engine"] == "diffusers" and answer["seed"] == 7
    added = answer["models"][-1]
    assert re.fullmatch(rf"{id}(-2)?", added) and f"is in your catalogue now, as {added}." in told
    document = opened(photo.parent / "out.ora")
    _, after = document.layers
    assert isinstance(after, EditLayer) and after.recipe is not None
    assert after.recipe.options["model"] == added, "the layer can run again"
    pixels = np.asarray(Image.open(photo))
    seen = document.state.flattened()[..., :3]
    alpha = document.state.layer_surfaces(after)[0].array()[..., 3]
    assert (alpha[square() == 255] == 255).all() and (alpha == 0).any()
    assert np.array_equal(seen[alpha == 0], pixels[alpha == 0])
    assert not np.array_equal(seen[alpha == 255], pixels[alpha == 255])
    assert edit(kind, folder) == 0
    assert "your catalogue" not in capsys.readouterr().err, "added once"
    again = opened(photo.parent / "out.ora").state.flattened()[..., :3]
    assert np.array_equal(again, seen)


def masks() -> dict[str, Mask]:
    whole = np.full((HEIGHT, WIDTH), 255, np.uint8)
    pixel, edges = np.zeros_like(whole), whole.copy()
    pixel[40, 50] = 255
    edges[8:-8, 8:-8] = 0
    return {"whole": whole, "pixel": pixel, "edges": edges}


@pytest.mark.parametrize("which", ["whole", "pixel", "edges"])
@pytest.mark.parametrize(("id", "kind"), [("sd15", "replace"), ("migan", "remove")])
def test_odd_masks(
    which: str,
    id: str,
    kind: str,
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mask = masks()[which]
    assert edit(kind, built(id)[1], mask=mask) == 0, capsys.readouterr().err
    document = opened(photo.parent / "out.ora")
    alpha = document.state.layer_surfaces(document.layers[1])[0].array()[..., 3]
    assert (alpha[mask == 255] == 255).all()
    seen = document.state.flattened()[..., :3]
    assert np.array_equal(seen[alpha == 0], np.asarray(Image.open(photo))[alpha == 0])


def failed(edit: Run, photo: Path, code: int, *words: str, **given: object) -> None:
    """The command fails with this code, and leaves nothing behind."""
    before = sorted(photo.parent.iterdir())
    assert edit(*words, **given) == code
    assert set(photo.parent.iterdir()) - set(before) <= {photo.parent / "mask.png"}


def test_an_empty_mask_is_refused(
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nothing = np.zeros((HEIGHT, WIDTH), np.uint8)
    failed(edit, photo, 2, "replace", str(built("sd15")[1]), mask=nothing)
    assert "The mask is empty. Select something" in capsys.readouterr().err


def test_a_prompt_of_any_length_is_read_as_far_as_the_model_can(
    edit: Run,
    built: Built,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("metal bench " * 1000)[:10_000]
    assert edit("replace", built("sd15")[1], "--edit", words) == 0
    assert "reads only the first" in capsys.readouterr().err


Harm = Callable[[Path], object]


def without(name: str) -> Harm:
    return lambda folder: shutil.rmtree(folder / name)


def cut_off(folder: Path) -> None:
    """Half of the weights, as after a copy that was interrupted."""
    weights = next((folder / "unet").glob("*.safetensors"))
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])


def garbled(folder: Path) -> None:
    """A header that is none."""
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(b"\xff" * weights.stat().st_size)


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize(
    ("harm", "told", "told_if_added"),
    [
        (without("unet"), "the folder unet is not there", "needs my-sd"),
        (without("tokenizer"), "the folder tokenizer is not there", "needs my-sd"),
        (cut_off, "is not a whole safetensors file", "needs my-sd"),
        (garbled, "is not a whole safetensors file", "is damaged"),
    ],
)
def test_a_damaged_model_is_named(
    harm: Harm,
    told: str,
    told_if_added: str,
    added: bool,
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("copied") / "my-sd"
    shutil.copytree(built("sd15")[1], folder)
    if added:
        assert main(["models", "add", str(folder)]) == 0
    harm(folder)
    # What was whole when it was added is missed file by file, as any model that is not here.
    code = 2 if "needs" in told_if_added and added else 1
    failed(edit, photo, code, "replace", "my-sd" if added else str(folder))
    assert (told_if_added if added else told) in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_file_whole(
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = photo.parent / "out.ora"
    assert edit("remove", built("migan")[1]) == 0
    kept = out.read_bytes()
    capsys.readouterr()

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    failed(edit, photo, 1, "remove", str(built("migan")[1]))
    assert "out.ora cannot be written: the disk is full" in capsys.readouterr().err
    assert out.read_bytes() == kept


@pytest.mark.parametrize(("kind", "channels"), [("sd15", 9), ("sd15", 4), ("sd2", 9), ("sdxl", 9)])
def test_a_checkpoint_in_one_file_is_used_where_it_lies(
    kind: str,
    channels: int,
    edit: Run,
    photo: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    shelf = single_files.configurations(folder / "configurations")
    monkeypatch.setattr(checkpoints, "configuration", lambda name: shelf / name)
    name = f"{kind} of {channels}"
    path, id = folder / f"{name}.safetensors", name.replace(" ", "-")
    torch.manual_seed(0)
    single_files.save(path, single_files.networks(shelf / kind, channels))

    assert edit("replace", path, "--json") == 0, capsys.readouterr().err
    said, told = capsys.readouterr()
    assert f"is in your catalogue now, as {id}." in told
    assert json.loads(said)["models"][-1] == id
    _, after = opened(photo.parent / "out.ora").layers
    assert isinstance(after, EditLayer) and after.recipe is not None
    assert after.recipe.options["model"] == id, "the layer can run again"
    assert edit("remove", path) == 0 and edit("restyle", id) == 0
    assert "catalogue" not in capsys.readouterr().err, "it is known by now"

    moved = tmp_path_factory.mktemp("moved") / path.name
    path.rename(moved)
    assert main(["models", "add", str(moved)]) == 0
    assert capsys.readouterr().out.startswith(f"{id}: {name}, used from {moved.parent}")


def test_what_is_no_model_is_said_with_what_would_be(
    edit: Run, photo: Path, tmp_path_factory: pytest.TempPathFactory, capsys
) -> None:
    folder = tmp_path_factory.mktemp("files")

    def checkpoint(name: str, channels: int, width: int, *more: str) -> str:
        start = "model.diffusion_model.input_blocks"
        tensors: dict[str, NDArray[np.float64]] = {
            f"{start}.{number}.0.weight": np.zeros(1) for number in range(12)
        }
        tensors[f"{start}.0.0.weight"] = np.zeros((320, channels, 3, 3))
        tensors[f"{start}.1.1.transformer_blocks.0.attn2.to_k.weight"] = np.zeros((2, width))
        tensors |= {each: np.zeros(1) for each in more}
        save_file(tensors, folder / name)
        return str(folder / name)

    flux = "model.diffusion_model.double_blocks.0.img_attn.qkv.weight"
    for given, code, told in (
        (str(folder / "none"), 1, "cannot be read"),
        (str(folder), 1, "holds no model"),
        ("sd15-inpaintin", 1, "Did you mean sd15-inpainting"),
        (checkpoint("a.safetensors", 9, 768), 1, "Stable Diffusion 1.5 without its VAE"),
        (checkpoint("b.safetensors", 9, 1024), 1, "Stable Diffusion 2 without its VAE"),
        (checkpoint("c.safetensors", 9, 555), 1, "no checkpoint of a kind that is known"),
        (checkpoint("d.safetensors", 9, 2, flux), 1, "diffusers.FluxFillPipeline.from_single_file"),
    ):
        failed(edit, photo, code, "replace", given)
        assert told in capsys.readouterr().err


def test_the_file_tells_who_painted(
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = photo.parent / "out.png"
    assert edit("remove", built("migan")[1], "-o", str(out)) == 0
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["source_type"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert edit("remove", built("migan")[1], "-o", str(out), "--no-provenance") == 0
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source_type"] == ""


def test_an_eraser_does_not_replace(
    edit: Run,
    built: Built,  # noqa: F811
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed(edit, photo, 1, "replace", str(built("migan")[1]))
    assert "can only remove" in capsys.readouterr().err
