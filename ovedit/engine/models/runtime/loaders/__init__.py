"""The loaders, by the names that the catalogue uses.

Each family is imported when the first model of it is loaded: some take seconds.
"""

from __future__ import annotations

import importlib
from pathlib import Path

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
    model: Model, folder: Path, placement: Placement, progress: Progress, cancel: CancelToken
) -> Loaded:
    """Load a model with the loader that its entry names.

    Raises `ModelError` for a loader that is not known and for an adapter, which is no model of its
    own; `EngineMissingError` where a library is missing; and what `Loader` says.
    """
    if model.loader == ADAPTER:
        raise ModelError(
            f"{model.title} only changes another model.", f"Use it with {' or '.join(model.base)}."
        )
    loader = _loader(model)
    with failing_as(model):
        return loader(model, folder, placement, progress, cancel)


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
