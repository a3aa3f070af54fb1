"""Models as one file: what they are, and why they are not loaded."""

from __future__ import annotations

from pathlib import Path

from ovedit.engine.models.verify import headers_of
from ovedit.errors import ModelError

_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
_WORDS = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_XL = "conditioner.embedders.1.model.ln_final.weight"
_FLUX = "double_blocks.0.img_attn.qkv.weight"
_MASKED = 9
"""Channels of a U-Net that sees the picture, the mask, and the picture without what it covers."""
_FOLDER = "Name a folder with all files of a model, as its publisher laid them out for diffusers."

Shapes = dict[str, tuple[int, ...]]


def refusal(path: Path) -> ModelError:
    """Why a file is no model to be added, and what is.

    A checkpoint in one file lacks its configuration and vocabulary, which diffusers would fetch
    from the hub at every start.
    """
    if path.suffix != ".safetensors":
        return ModelError(f"{path} is no folder with a model in it.", _FOLDER)
    try:
        shapes = {name: shape for name, (_, shape) in headers_of(path).items()}
    except (OSError, ValueError) as e:
        return ModelError(str(e), "Copy the file again from where it came.")
    title, pipeline = _kind_of(shapes)
    if not title:
        return ModelError(f"{path} is no checkpoint of a kind that is known here.", _FOLDER)
    if _FIRST in shapes and shapes[_FIRST][1] != _MASKED:
        return ModelError(
            f"{path} is {title} without the channels for a mask: it cannot paint into one.",
            "Take its inpainting variant, as a folder in diffusers layout.",
        )
    return ModelError(
        f"{path} is {title} in one file, which lacks its configuration.",
        f"Make a folder of it once, with a network: diffusers.{pipeline}"
        '.from_single_file("FILE").save_pretrained("FOLDER"); then name that folder.',
    )


def _kind_of(shapes: Shapes) -> tuple[str, str]:
    """Title and pipeline of what has these tensors; empty for what is not known."""
    if _FIRST in shapes and _XL in shapes:
        return "Stable Diffusion XL", "StableDiffusionXLInpaintPipeline"
    if _FIRST in shapes and _WORDS in shapes:
        version = {768: " 1.5", 1024: " 2"}.get(shapes[_WORDS][1], "")
        return f"Stable Diffusion{version}", "StableDiffusionInpaintPipeline"
    if any(name.endswith(_FLUX) for name in shapes):
        return "FLUX.1", "FluxFillPipeline"
    return "", ""
