"""Tiny checkpoints in one file, under the names of the first program of Stable Diffusion."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from ovedit.resources import resource_path

Tensors = dict[str, torch.Tensor]

KINDS = ("sd15", "sd2", "sdxl")
_TEXT = {"intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
_VAE = {
    "block_out_channels": [8, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "norm_num_groups": 4,
    "sample_size": 64,
}
_UNET = {
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "norm_num_groups": 4,
    "sample_size": 32,
}
_UNET_XL = {
    "block_out_channels": [8, 16, 16],
    "transformer_layers_per_block": [1, 1, 2],
    "attention_head_dim": [2, 4, 4],
    "cross_attention_dim": 40,
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 72,
    "norm_num_groups": 4,
    "sample_size": 32,
}
_CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "sd15": {
        "unet": _UNET | {"cross_attention_dim": 32, "attention_head_dim": 2},
        "vae": _VAE,
        "text_encoder": _TEXT | {"hidden_size": 32},
    },
    "sd2": {
        "unet": _UNET | {"cross_attention_dim": 24, "attention_head_dim": [2, 4]},
        "vae": _VAE,
        "text_encoder": _TEXT | {"hidden_size": 24},
    },
    "sdxl": {
        "unet": _UNET_XL,
        "vae": _VAE,
        "text_encoder": _TEXT | {"hidden_size": 16},
        "text_encoder_2": _TEXT | {"hidden_size": 24, "projection_dim": 24},
    },
}
_OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.": "token_embedding.",
    "final_layer_norm.": "ln_final.",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "fc1": "c_fc",
    "fc2": "c_proj",
    "self_attn": "attn",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_NAMES = {
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def configurations(folder: Path) -> Path:
    """The configurations that we ship, with few channels and layers."""
    shutil.copytree(resource_path("checkpoints"), folder)
    for kind, parts in _CHANGES.items():
        for part, changes in parts.items():
            path = folder / kind / part / "config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def networks(folder: Path, channels: int = 9) -> dict[str, Any]:
    """The networks of a folder of configurations, with random weights."""
    made: dict[str, Any] = {}
    for path in sorted(folder.glob("*/config.json")):
        config = json.loads(path.read_text())
        if "architectures" in config:
            kind = getattr(transformers, config["architectures"][0])
            made[path.parent.name] = kind(transformers.CLIPTextConfig.from_dict(config))
        else:
            kind = getattr(diffusers, config["_class_name"])
            more = {"in_channels": channels} if path.parent.name == "unet" else {}
            made[path.parent.name] = kind.from_config(config | more)
    return made


def save(path: Path, parts: dict[str, Any], **more: torch.Tensor) -> None:
    """Write networks as one file, beside what is left of a training."""
    tensors = _unet(parts["unet"]) | _vae(parts["vae"])
    if "text_encoder_2" in parts:
        tensors |= _clip(parts["text_encoder"], "conditioner.embedders.0.transformer.")
        tensors |= _open_clip(parts["text_encoder_2"], "conditioner.embedders.1.model.")
    elif parts["text_encoder"].config.hidden_act == "gelu":
        tensors |= _open_clip(parts["text_encoder"], "cond_stage_model.model.")
    else:
        tensors |= _clip(parts["text_encoder"], "cond_stage_model.transformer.")
    tensors["model_ema.decay"] = torch.ones(1)
    tensors["alphas_cumprod"] = torch.ones(1000)
    save_file({k: v.contiguous() for k, v in (tensors | more).items()}, path)


def _replaced(name: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    return name


def _unet(network: Any) -> Tensors:
    layers = network.config.layers_per_block + 1

    def name_of(name: str) -> str:
        parts = name.split(".")
        if parts[0] == "mid_block":
            place = 1 if parts[1] == "attentions" else 2 * int(parts[2])
            rest, start = parts[3:], f"middle_block.{place}."
        elif parts[0] in ("down_blocks", "up_blocks"):
            block, what, index, rest = int(parts[1]), parts[2], int(parts[3]), parts[4:]
            side = "input" if parts[0] == "down_blocks" else "output"
            first = 1 if side == "input" else 0
            index = layers - 1 if what.endswith("samplers") else index
            place = first + block * layers + index
            attended = f"{parts[0]}.{block}.attentions.0.norm.weight" in network.state_dict()
            column = {"resnets": 0, "attentions": 1, "downsamplers": 0}.get(what, 1 + attended)
            start = f"{side}_blocks.{place}.{column}."
            rest = ["op", *rest[1:]] if what == "downsamplers" else rest
        else:
            return re.sub(r"^(.*)(?=\.\w+$)", lambda m: _UNET_ENDS[m[1]], name)
        end = ".".join(rest)
        return start + (_replaced(end, _RESNET) if ".resnets." in f".{name}" else end)

    weights = network.state_dict()
    return {f"model.diffusion_model.{name_of(name)}": weights[name] for name in weights}


def _vae(network: Any) -> Tensors:
    last = len(network.config.block_out_channels) - 1
    tensors = {}
    for name, tensor in network.state_dict().items():
        place = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        place = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", place)
        place = re.sub(
            r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{last - int(m[1])}.block", place
        )
        place = re.sub(
            r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{last - int(m[1])}.upsample", place
        )
        if "attentions" in name and tensor.ndim == 2:
            tensor = tensor[:, :, None, None]
        tensors[f"first_stage_model.{_replaced(place, _VAE_NAMES)}"] = tensor
    return tensors


def _clip(network: Any, prefix: str) -> Tensors:
    weights = network.state_dict()
    tensors = {
        f"{prefix}text_model.{name.removeprefix('text_model.')}": weights[name] for name in weights
    }
    tensors[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return tensors


def _open_clip(network: Any, prefix: str) -> Tensors:
    tensors: Tensors = {}
    size = network.config.hidden_size
    ours = {name.removeprefix("text_model."): value for name, value in network.state_dict().items()}
    # Of three tensors, as they follow each other there.
    joined = {name for name in ours if re.search(r"\.[qkv]_proj\.", name)}
    for name in sorted(joined):
        if ".q_proj." in name:
            three = [ours[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            place = re.sub(r"q_proj\.", "in_proj_", _replaced(name, _OPEN_CLIP))
            tensors[prefix + place] = torch.cat(three)
    for name in ours.keys() - joined - {"text_projection.weight"}:
        tensors[prefix + _replaced(name, _OPEN_CLIP)] = ours[name]
    projection = ours.get("text_projection.weight", torch.eye(size))
    tensors[f"{prefix}text_projection"] = projection.T
    tensors[f"{prefix}logit_scale"] = torch.ones(())
    return tensors
