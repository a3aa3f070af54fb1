"""Adapters (LoRA): small weights that change a pipeline, so that it needs fewer steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import peft  # noqa: F401  (diffusers says only that a backend is missing)

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.loading import Loaded
from ovedit.engine.models.runtime.weights import damaged, failing_as, read_tensors, weight_files
from ovedit.engine.protocols import CancelToken
from ovedit.errors import ModelError


def put_on(loaded: Loaded, base: Model, adapter: Model, folder: Path, cancel: CancelToken) -> None:
    """Load an adapter onto the pipeline of `base`; `activate` then switches it on.

    Raises `ModelError` for one that is made for other models, `DamagedModelError` like a loader.
    """
    if base.id not in adapter.base:
        raise ModelError(
            f"{adapter.title} does not work with {base.title}.",
            f"It is made for {' and '.join(adapter.base)}.",
        )
    files = weight_files(adapter, folder)
    if len(files) != 1:
        raise damaged(adapter, f"it has {len(files)} files of weights instead of one")
    # Read here and handed over as tensors: from a folder, diffusers would take a pickled file too.
    tensors = read_tensors(adapter, files[0], "cpu", torch_dtype(loaded.dtype), cancel)
    with failing_as(adapter):
        loaded.value.load_lora_weights(tensors, adapter_name=_name(adapter.id))
    loaded.extras[adapter.id] = sum(t.numel() * t.element_size() for t in tensors.values())


def activate(loaded: Loaded, ids: Sequence[str]) -> None:
    """Let exactly these of the adapters that are on the pipeline take part."""
    if ids:
        loaded.value.enable_lora()
        loaded.value.set_adapters([_name(id) for id in ids])
    elif loaded.extras:
        loaded.value.disable_lora()


def _name(id: str) -> str:
    # It becomes a part of the name of a module, where a dot would separate.
    return id.replace(".", "_")
