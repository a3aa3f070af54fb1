"""Models as one file: which they are, by the names and shapes of their tensors.

Such a checkpoint has the weights of all parts of Stable Diffusion under the names of its first
program, and neither configuration nor vocabulary. The configurations lie in
`resources/checkpoints/`, in the layout of diffusers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovedit.engine.models.verify import headers_of
from ovedit.errors import ModelError
from ovedit.resources import resource_path

_UNET = "model.diffusion_model."
_FIRST = f"{_UNET}input_blocks.0.0.weight"
_BLOCK = re.compile(rf"{re.escape(_UNET)}input_blocks\.(\d+)\.")
_WORDS = re.compile(rf"{_BLOCK.pattern}1\.transformer_blocks\.0\.attn2\.to_k\.weight")
_FLUX = "double_blocks.0.img_attn.qkv.weight"
_DECODER = "first_stage_model."
_PLAIN, _MASKED = 4, 9
"""Channels of a U-Net that sees the picture alone, or also the mask and what it leaves visible."""
_VELOCITY = ("v_pred", "edm_mean")
"""Marks of a network that predicts something else than the noise."""
_FOLDER = "Name a folder with all files of a model, as its publisher laid them out for diffusers."
_CHANNELS = 1
"""The axis of a convolution's weights that its input runs along."""

Header = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of tensors by name."""


@dataclass(frozen=True)
class _Kind:
    """One architecture: the name of its configuration, and a tensor of each text encoder."""

    title: str
    name: str
    pipeline: str
    texts: tuple[str, ...]


_KINDS = (
    _Kind(
        "Stable Diffusion 1.5",
        "sd15",
        "StableDiffusionInpaintPipeline",
        ("cond_stage_model.transformer.text_model.final_layer_norm.weight",),
    ),
    _Kind(
        "Stable Diffusion 2",
        "sd2",
        "StableDiffusionInpaintPipeline",
        ("cond_stage_model.model.ln_final.weight",),
    ),
    _Kind(
        "Stable Diffusion XL",
        "sdxl",
        "StableDiffusionXLInpaintPipeline",
        (
            "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
            "conditioner.embedders.1.model.ln_final.weight",
        ),
    ),
)


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds.

    pipeline: the class of diffusers that it is loaded as. configuration: the folder with what the
    file lacks. channels: what its U-Net takes, 9 where it was trained to paint into masks, else 4.
    tensors: those of the model; a file may also hold averages of them from the training.
    """

    title: str
    pipeline: str
    configuration: Path
    channels: int
    tensors: Header

    @property
    def side(self) -> int:
        """Side in pixels of the pictures that it was trained with."""
        return _said(self.configuration, "vae")["sample_size"]


def examine(path: Path) -> Checkpoint:
    """What a file holds, by its header alone.

    Raises `ModelError` for what is no checkpoint that can be loaded, saying why and what would be.
    """
    if path.suffix != ".safetensors":
        raise ModelError(f"{path} is no folder with a model in it.", _FOLDER)
    try:
        header = headers_of(path)
    except (OSError, ValueError) as e:
        raise ModelError(str(e), "Copy the file again from where it came.") from e
    if any(name.endswith(_FLUX) for name in header):
        raise _only_as_a_folder(path, "FLUX.1", "FluxFillPipeline")
    kind = _kind_of(header)
    if kind is None:
        raise ModelError(f"{path} is no checkpoint of a kind that is known here.", _FOLDER)
    _check_parts(path, kind, header)
    channels = header[_FIRST][1][_CHANNELS]
    _check_network(path, kind, channels, header)
    ours = (_UNET, _DECODER, "cond_stage_model.", "conditioner.")
    tensors = {name: tensor for name, tensor in header.items() if name.startswith(ours)}
    return Checkpoint(kind.title, kind.pipeline, configuration(kind.name), channels, tensors)


def configuration(name: str) -> Path:
    """The folder with the configuration of an architecture: "sd15", "sd2" or "sdxl"."""
    return resource_path("checkpoints", name)


def _kind_of(header: Header) -> _Kind | None:
    """The kind whose U-Net has these widths and as many blocks."""
    if _FIRST not in header:
        return None
    first = header[_FIRST][1]
    words = next((shape for name, (_, shape) in header.items() if _WORDS.fullmatch(name)), ())
    blocks = {match[1] for name in header if (match := _BLOCK.match(name))}
    if len(first) != 4 or len(words) != 2:
        return None
    for kind in _KINDS:
        config = _said(configuration(kind.name), "unet")
        widths = config["block_out_channels"]
        if (first[0], words[1], len(blocks)) == (
            widths[0],
            config["cross_attention_dim"],
            len(widths) * (config["layers_per_block"] + 1),
        ):
            return kind
    return None


def _check_parts(path: Path, kind: _Kind, header: Header) -> None:
    parts = {f"{_DECODER}{side}.conv_in.weight": "VAE" for side in ("encoder", "decoder")}
    parts |= dict.fromkeys(kind.texts, "text encoder")
    for name, part in parts.items():
        if name not in header:
            raise ModelError(
                f"{path} is {kind.title} without its {part} (no {name}).",
                f"Take the file that has the {part} in it, or a folder in diffusers layout.",
            )


def _check_network(path: Path, kind: _Kind, channels: int, header: Header) -> None:
    if channels not in (_PLAIN, _MASKED):
        raise ModelError(
            f"{path} is {kind.title} for another purpose: its U-Net takes {channels} channels, "
            f"not {_MASKED} for painting into a mask or {_PLAIN} for pictures.",
            "Take its inpainting variant.",
        )
    marks = [mark for mark in _VELOCITY if mark in header]
    # Its variants for 512 and for 768 pixels differ in what they predict, and in nothing else.
    if marks or (kind.name == "sd2" and channels == _PLAIN):
        why = f"it is marked {marks[0]}" if marks else "nothing in it says what its U-Net predicts"
        raise ModelError(
            f"{path} is {kind.title} that cannot be loaded from one file: {why}.",
            "Take its inpainting variant, or a folder in diffusers layout.",
        )


def _only_as_a_folder(path: Path, title: str, pipeline: str) -> ModelError:
    return ModelError(
        f"{path} is {title} in one file, which lacks its configuration.",
        f"Make a folder of it once, with a network: diffusers.{pipeline}"
        '.from_single_file("FILE").save_pretrained("FOLDER"); then name that folder.',
    )


def _said(folder: Path, part: str) -> dict[str, Any]:
    return json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
