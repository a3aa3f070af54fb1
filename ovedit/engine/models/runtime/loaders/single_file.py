"""Stable Diffusion from one file, with the configuration that OVEdit brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from open_clip.tokenizer import SimpleTokenizer
from torch import nn

from ovedit.engine.library import Model
from ovedit.engine.models import checkpoints
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.weights import check_weights, damaged, read_json
from ovedit.engine.protocols import CancelToken

_OFFLINE = {"local_files_only": True}
_MARKS = ("<|startoftext|>", "<|endoftext|>")
"""What stands around a prompt, by the names that Stable Diffusion's programs use."""


def is_one(model: Model) -> bool:
    """Whether a pipeline's entry is for one file, not for a folder."""
    names = [file.path for file in model.files]
    return len(names) == 1 and "/" not in names[0]


def pipeline_of(
    model: Model, kind: Any, path: Path, dtype: str, cancel: CancelToken
) -> DiffusionPipeline:
    """The pipeline of a checkpoint, on the CPU.

    kind: the class of diffusers that the entry names.
    Raises `DamagedModelError` where it lacks weights or has some of other shapes, and `ModelError`
    where it is another kind of file by now.
    """
    check_weights(model, [path])
    checkpoint = checkpoints.examine(path)
    if checkpoint.pipeline != kind.__name__:
        raise damaged(model, f"its file is {checkpoint.title} now")
    folder = checkpoint.configuration
    # diffusers takes the folder of a configuration as text only.
    source, options = str(path), {"config": str(folder), "dtype": torch_dtype(dtype), **_OFFLINE}
    index = read_json(model, folder / "model_index.json")
    tokenizers = {
        name: tokenizer(model, folder / name) for name in index if name.startswith("tokenizer")
    }
    cancel.check()
    try:
        network = UNet2DConditionModel.from_single_file(
            source, subfolder="unet", in_channels=checkpoint.channels, **options
        )
        cancel.check()
        pipeline = kind.from_single_file(source, unet=network, **tokenizers, **options)
    except NotImplementedError as e:
        # Weights that are missing stay hollow, which is noticed when they are to be moved.
        raise damaged(model, "its weights are not all there") from e
    for name, part in pipeline.components.items():
        if isinstance(part, nn.Module):
            hollow = [weight for weight, value in part.named_parameters() if value.is_meta]
            if hollow:
                raise damaged(model, f"its {name} lacks {hollow[0]}")
            part.requires_grad_(False).eval()
    cancel.check()
    return pipeline


def tokenizer(model: Model, folder: Path) -> transformers.CLIPTokenizer:
    """CLIP's tokenizer, with the settings of a folder's tokenizer_config.json.

    The vocabulary is the one in open_clip's package, which has its own names for the marks.
    """
    settings = read_json(model, folder / "tokenizer_config.json")
    theirs = SimpleTokenizer()
    words = [*theirs.encoder][: theirs.sot_token_id]
    # Pairs; transformers declares text and takes these too.
    merges: Any = [*theirs.bpe_ranks]
    return transformers.CLIPTokenizer(
        vocab={word: number for number, word in enumerate([*words, *_MARKS])},
        merges=merges,
        pad_token=settings["pad_token"],
        model_max_length=settings["model_max_length"],
    )
