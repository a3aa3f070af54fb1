"""Models of transformers, by class: "transformers.ViTModel", "transformers.Sam3Model"."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from torch import nn

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.memory import size_of
from ovedit.engine.models.runtime.weights import (
    ReadAhead,
    check_indexes,
    check_weights,
    damaged,
    read_json,
    weight_files,
)
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.errors import ModelError

# What it says is for those who train; progress is shown by us.
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

_PREPROCESSING = ("processor_config.json", "preprocessor_config.json")


@dataclass(frozen=True, eq=False)
class TransformerModel:
    """What an engine gets: the model, and what prepares its input if the folder has that."""

    model: transformers.PreTrainedModel
    processor: Any = None


def load(
    model: Model, folder: Path, placement: Placement, progress: Progress, cancel: CancelToken
) -> Loaded:
    """A `TransformerModel`; see `Loader`."""
    name = model.loader.partition(".")[2]
    kind = getattr(transformers, name, None)
    if not isinstance(kind, type) or not issubclass(kind, transformers.PreTrainedModel):
        raise ModelError(
            f"transformers {transformers.__version__} has no model {name!r}.",
            f"Correct the loader of {model.id}, or install a newer transformers.",
        )
    # Its result is of no use here, and publishers leave its weights out.
    pooling = "add_pooling_layer" in inspect.signature(kind).parameters
    options = {"add_pooling_layer": False} if pooling else {}
    files = weight_files(model, folder)
    check_indexes(model, folder)
    check_weights(model, files)
    ReadAhead(model, files, progress, cancel).read(files)
    network = pretrained(model, kind, folder, placement.dtype, **options)
    cancel.check()
    value = TransformerModel(network, _processor(name, folder))
    nn.Module.to(network, placement.device)
    return Loaded(value, size_of([network]), placement.device, placement.dtype)


def pretrained(
    model: Model, kind: type[transformers.PreTrainedModel], folder: Path, dtype: str, **options: Any
) -> transformers.PreTrainedModel:
    """A model out of its folder, on the CPU, from safetensors wherever there are some."""
    if kind.config_class is None:
        raise damaged(model, f"{kind.__name__} cannot be loaded by itself")
    # Given as a value, because a file may ask for attention kernels to be fetched and run.
    config = kind.config_class.from_dict(read_json(model, folder / "config.json"))
    loaded: Any = kind.from_pretrained(
        folder,
        config=config,
        dtype=torch_dtype(dtype),
        use_safetensors=has_safetensors(folder),
        weights_only=True,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        **options,
    )
    network, report = loaded
    # transformers only warns and makes up numbers for what is missing.
    if report["missing_keys"]:
        raise damaged(model, f"its weights lack {sorted(report['missing_keys'])[0]}")
    network.requires_grad_(False)
    return network.eval()


def has_safetensors(folder: Path) -> bool:
    """Whether a folder has weights of the one format; if not, pickled ones may be read."""
    return any(folder.glob("*.safetensors"))


def _processor(name: str, folder: Path) -> Any:
    if not any((folder / file).is_file() for file in _PREPROCESSING):
        return None
    stem = name.removesuffix("Model")
    for suffix in ("Processor", "ImageProcessor"):
        kind = getattr(transformers, stem + suffix, None)
        if kind is not None:
            return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return None
