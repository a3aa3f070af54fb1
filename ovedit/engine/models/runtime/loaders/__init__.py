"""The loaders, by the names that the catalogue uses.

Each family is imported when the first model of it is loaded: some take seconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.loading import Loaded, Loader, Placement
from ovedit.engine.models.runtime.weights import failing_as
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.errors import ModelError, OVEditError
from ovedit.runtime_check import explain_import_error

ADAPTER = "diffusers.lora"
"""The loader's name of adapters: these are put onto a pipeline, see `adapters.put_on`."""

_FAMILIES = {
    "open_clip": "clip",
    "sam2": "sam",
    "transformers": "transformer",
    "diffusers": "diffusion",
    "onnx": "onnx",
}


def load(
    model: Model,
    folder: Path,
    placement: Placement,
    progress: Progress,
    cancel: CancelToken,
    beside: Sequence[tuple[Model, Path]] = (),
) -> Loaded:
    """Load a model with the loader that its entry names.

    beside: for a pipeline that is not whole, the models that hold its other parts.
    Raises `ModelError` for a loader that is not known and for an adapter, which is no model of its
    own; `EngineMissingError` where a library is missing; and what `Loader` says.
    """
    if model.loader == ADAPTER:
        raise ModelError(
            f"{model.title} only changes another model.", f"Use it with {' or '.join(model.base)}."
        )
    loader = _loader(model)
    only_pipelines: dict[str, Any] = {"beside": beside} if beside else {}
    try:
        with failing_as(model):
            return loader(model, folder, placement, progress, cancel, **only_pipelines)
    except ImportError as e:
        # A model may need a library of its own, for weights in 4 bits for instance.
        raise explain_import_error(e) from e


def _loader(model: Model) -> Loader:
    family = _FAMILIES.get(model.loader.partition(".")[0])
    if family is None:
        raise ModelError(
            f'The entry {model.id} names a loader that is not known: "{model.loader}".',
            f"Known are: {', '.join(_FAMILIES)}.",
        )
    try:
        return importlib.import_module(f"{__name__}.{family}").load
    except OVEditError:
        raise
    except (ImportError, RuntimeError, OSError) as e:
        raise explain_import_error(e) from e
