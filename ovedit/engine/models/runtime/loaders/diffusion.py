"""Pipelines and models of diffusers, by class: "diffusers.StableDiffusionInpaintPipeline"."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import transformers
from diffusers.models.modeling_utils import ModelMixin
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils import logging
from torch import nn

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.loaders import single_file
from ovedit.engine.models.runtime.loaders.transformer import has_safetensors, pretrained
from ovedit.engine.models.runtime.loading import Loaded, Offload, Placement
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

logging.set_verbosity_error()
logging.disable_progress_bar()

# Older repositories name this class, which has another name today.
_RENAMED = {"CLIPFeatureExtractor": "CLIPImageProcessor"}
_OFFLINE = {"local_files_only": True}
_INDEX = "model_index.json"


Source = tuple[Model, Path]
"""A model and the folder that it is in."""


def load(
    model: Model,
    folder: Path,
    placement: Placement,
    progress: Progress,
    cancel: CancelToken,
    beside: Sequence[Source] = (),
) -> Loaded:
    """A `DiffusionPipeline` or, for a class that is one, a `ModelMixin`; see `Loader`.

    beside: where the parts are that the model's own folder lacks.
    """
    name = model.loader.partition(".")[2]
    kind = getattr(diffusers, name, None)
    if isinstance(kind, type) and issubclass(kind, DiffusionPipeline):
        if single_file.is_one(model):
            files = weight_files(model, folder)
            ReadAhead(model, files, progress, cancel).read(files)
            pipeline = single_file.pipeline_of(model, kind, files[0], placement.dtype, cancel)
            return _placed(pipeline, placement)
        sources = (model, folder), *beside
        return _load_pipeline(model, kind, sources, placement, progress, cancel)
    if isinstance(kind, type) and issubclass(kind, ModelMixin):
        files = weight_files(model, folder)
        ahead = ReadAhead(model, files, progress, cancel)
        network = _network(model, kind, folder, files, placement.dtype, ahead)
        network.to(placement.device)
        return Loaded(network, size_of([network]), placement.device, placement.dtype)
    raise ModelError(
        f"diffusers {diffusers.__version__} has no pipeline or model {name!r}.",
        f"Correct the loader of {model.id}, or install a newer diffusers.",
    )


def _load_pipeline(
    model: Model,
    kind: type[DiffusionPipeline],
    sources: Sequence[Source],
    placement: Placement,
    progress: Progress,
    cancel: CancelToken,
) -> Loaded:
    _, root = _source_of(_INDEX, sources) or sources[0]
    index = read_json(model, root / _INDEX)
    # Of two that hold the same part, the first is taken.
    wanted = {name: found for name in index if (found := _source_of(f"{name}/", sources))}
    weights = {name: weight_files(*source, f"{name}/") for name, source in wanted.items()}
    ahead = ReadAhead(
        model, [path for files in weights.values() for path in files], progress, cancel
    )
    parts: dict[str, Any] = {}
    for name, entry in index.items():
        if name.startswith("_") or not isinstance(entry, list):
            continue
        part = _part_class(model, name, entry)
        if part is None or name not in wanted:
            if part is not None and name not in kind._optional_components:
                raise damaged(model, f"the folder {name} is not there")
            parts[name] = None
            continue
        folder = wanted[name][1] / name
        if issubclass(part, nn.Module):
            parts[name] = _network(model, part, folder, weights[name], placement.dtype, ahead)
            if placement.offload is Offload.NONE:
                parts[name].to(placement.device)
        else:
            # Schedulers know nothing of code in folders.
            ours = part.__module__.startswith("diffusers.")
            code = {} if ours else {"trust_remote_code": False}
            parts[name] = part.from_pretrained(folder, **_OFFLINE, **code)
        cancel.check()
    if parts.get("safety_checker", nn.Module) is None:
        # Said by the catalogue and the engine; the pipeline would warn at every load.
        parts["requires_safety_checker"] = False
    # Takes the parts as they are, and the pipeline's own settings out of model_index.json.
    pipeline = kind.from_pretrained(root, use_safetensors=True, **_OFFLINE, **parts)
    return _placed(pipeline, placement)


def _placed(pipeline: Any, placement: Placement) -> Loaded:
    """A pipeline whose parts are on the CPU, or already where they belong."""
    pipeline.set_progress_bar_config(disable=True)
    if hasattr(pipeline, "watermark"):
        # Pictures are marked where a person wants it, not where some package is installed.
        pipeline.watermark = None
    networks = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    size = _size(networks, placement.offload)
    if placement.offload is Offload.NONE:
        for network in networks:
            network.to(placement.device)
    elif placement.offload is Offload.MODEL:
        pipeline.enable_model_cpu_offload(device=placement.device)
    elif placement.offload is Offload.SEQUENTIAL:
        pipeline.enable_sequential_cpu_offload(device=placement.device)

    tile = partial(set_tiled, pipeline)
    return Loaded(pipeline, size, placement.device, placement.dtype, tile)


def _source_of(start: str, sources: Sequence[Source]) -> Source | None:
    """The first that has a file whose path begins like this."""
    for model, folder in sources:
        if any(file.path.startswith(start) for file in model.files):
            return model, folder
    return None


def set_tiled(pipeline: Any, tiled: bool) -> None:
    """Decode in tiles and picture by picture: less memory, slower, or all at once.

    Attention is not sliced: torch's own needs no memory for its matrix, and on Apple's chips slices
    give black pictures.
    """
    decoder = getattr(pipeline, "vae", None)
    for what in ("tiling", "slicing"):
        switch = getattr(decoder, f"{'enable' if tiled else 'disable'}_{what}", None)
        if switch is not None:
            switch()


def _part_class(model: Model, name: str, entry: list[Any]) -> Any:
    """The class that model_index.json names for a part, or None for a part left out."""
    if entry == [None, None]:
        return None
    if len(entry) != 2 or not all(isinstance(word, str) for word in entry):
        raise damaged(model, f"{_INDEX} does not say what {name} is")
    library, title = str(entry[0]), str(entry[1])
    if library == "diffusers":
        place: Any = diffusers
    elif library == "transformers":
        place = transformers
    elif library.isidentifier() and hasattr(diffusers.pipelines, library):
        place = importlib.import_module(f"diffusers.pipelines.{library}")
    else:
        # diffusers would look for a Python file of that name in the folder.
        raise damaged(model, f"its part {name} is made by code of its own ({library}.{title})")
    part = getattr(place, _RENAMED.get(title, title), None)
    if not isinstance(part, type) or not hasattr(part, "from_pretrained"):
        raise damaged(model, f"its part {name} is a {title}, which {library} does not have")
    return part


def _network(
    model: Model, kind: Any, folder: Path, files: list[Path], dtype: str, ahead: ReadAhead
) -> Any:
    check_indexes(model, folder)
    check_weights(model, files)
    ahead.read(files)
    variant = _variant(folder, files)
    if issubclass(kind, transformers.PreTrainedModel):
        return pretrained(model, kind, folder, dtype, variant=variant)
    network, report = kind.from_pretrained(
        folder,
        dtype=torch_dtype(dtype),
        use_safetensors=has_safetensors(folder),
        variant=variant,
        output_loading_info=True,
        **_OFFLINE,
    )
    if report["missing_keys"]:
        raise damaged(model, f"its weights lack {sorted(report['missing_keys'])[0]}")
    network.requires_grad_(False)
    return network.eval()


def _variant(folder: Path, files: list[Path]) -> str | None:
    """The "fp16" of "diffusion_pytorch_model.fp16.safetensors", or None for the plain name."""
    for path in files:
        if path.parent == folder:
            stem = path.name.rpartition(".")[0]
            _, _, variant = stem.partition(".")
            return variant.partition("-")[0] or None
    return None


def _size(networks: list[nn.Module], offload: Offload) -> int:
    if offload is Offload.NONE:
        return size_of(networks)
    if offload is Offload.MODEL:
        return max((size_of([network]) for network in networks), default=0)
    layers = [layer for network in networks for layer in network.modules()]
    return max((size_of([layer]) for layer in layers if not list(layer.children())), default=0)
