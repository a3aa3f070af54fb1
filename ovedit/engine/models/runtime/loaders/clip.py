"""CLIP models in the layout of open_clip: open_clip_config.json and one file of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.memory import size_of
from ovedit.engine.models.runtime.weights import (
    ReadAhead,
    damaged,
    fill,
    hollow,
    read_json,
    read_tensors,
    weight_files,
)
from ovedit.engine.protocols import CancelToken, Progress

_CONFIG = "open_clip_config.json"


@dataclass(frozen=True, eq=False)
class ClipModel:
    """What an engine gets.

    model: `encode_image` wants (n, 3, h, w) in the model's dtype, normalised with mean and std.
    tokenizer: a list of texts to (n, context length) of int64.
    image_size: (height, width) that the position embedding is for.
    """

    model: open_clip.CLIP | open_clip.CustomTextCLIP
    tokenizer: SimpleTokenizer | HFTokenizer
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    image_size: tuple[int, int]


def load(
    model: Model, folder: Path, placement: Placement, progress: Progress, cancel: CancelToken
) -> Loaded:
    """A `ClipModel`; see `Loader`."""
    config = read_json(model, folder / _CONFIG)
    files = weight_files(model, folder)
    if len(files) != 1:
        raise damaged(model, f"it has {len(files)} files of weights instead of one")
    ReadAhead(model, files, progress, cancel).read(files)
    architecture = config.get("model_cfg")
    if not isinstance(architecture, dict):
        raise damaged(model, f"{_CONFIG} does not say what it is made of")
    network = _build(model, architecture)
    dtype = torch_dtype(placement.dtype)
    tensors = read_tensors(model, files[0], placement.device, dtype, cancel)
    fill(model, network, _as_built(network, tensors))
    network.to(placement.device, dtype)
    picture = {**_PREPROCESSING, **config.get("preprocess_cfg", {})}
    side = network.visual.image_size
    height, width = side if isinstance(side, tuple) else (side, side)
    clip = ClipModel(
        network,
        _tokenizer(architecture["text_cfg"], folder),
        tuple(picture["mean"]),
        tuple(picture["std"]),
        (int(height), int(width)),
    )
    return Loaded(clip, size_of([network]), placement.device, placement.dtype)


_PREPROCESSING = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}


def _build(model: Model, architecture: dict[str, Any]) -> open_clip.CLIP | open_clip.CustomTextCLIP:
    settings = dict(architecture)
    custom_text = settings.pop("custom_text", False)
    vision, text = settings.get("vision_cfg"), settings.get("text_cfg")
    if not isinstance(vision, dict) or not isinstance(text, dict):
        raise damaged(model, f"{_CONFIG} lacks vision_cfg or text_cfg")
    if text.get("hf_model_name") or "multimodal_cfg" in settings:
        raise damaged(model, "its text part is kept in another repository")
    # timm takes addresses of the hub here.
    if any(mark in str(vision.get("timm_model_name") or "") for mark in ":/\\"):
        raise damaged(model, "its picture part is kept in another repository")
    settings["vision_cfg"] = {**vision, "timm_model_pretrained": False}
    kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    with hollow():
        return kind(**settings)


def _as_built(
    network: open_clip.CLIP | open_clip.CustomTextCLIP, tensors: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors of older checkpoints under the names and in the shapes of this version."""
    if isinstance(network, open_clip.CustomTextCLIP):
        tensors = convert_to_custom_text_state_dict(tensors)
    scale = tensors.get("logit_scale")
    if scale is not None and scale.ndim != network.logit_scale.ndim:
        tensors["logit_scale"] = scale.reshape(network.logit_scale.shape)
    return tensors


def _tokenizer(text: dict[str, Any], folder: Path) -> SimpleTokenizer | HFTokenizer:
    # open_clip hands `tokenizer_kwargs` of the file to transformers, trust_remote_code included.
    asked = text.get("tokenizer_kwargs") or {}
    options = {key: asked[key] for key in ("clean", "strip_sep_token") if key in asked}
    length = int(text.get("context_length", 77))
    if not text.get("hf_tokenizer_name"):
        options.pop("strip_sep_token", None)
        return SimpleTokenizer(context_length=length, **options)
    return HFTokenizer(
        str(folder),
        context_length=length,
        tokenizer_mode=text.get("tokenizer_mode"),
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )
