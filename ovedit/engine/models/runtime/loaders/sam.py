"""SAM 2 from its publisher's checkpoints."""

from __future__ import annotations

from pathlib import Path

import sam2
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES
from sam2.modeling.sam2_base import SAM2Base

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.devices import torch_dtype
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.memory import size_of
from ovedit.engine.models.runtime.weights import (
    ReadAhead,
    damaged,
    fill,
    hollow,
    read_tensors,
    weight_files,
)
from ovedit.engine.protocols import CancelToken, Progress

# A configuration names the classes to make, so only those of the installed package are used; the
# YAML files beside the weights are not even looked at.
_CONFIGS = {weights: config for config, weights in HF_MODEL_ID_TO_FILENAMES.values()}
# As `build_sam2` sets them: single masks fall back to the best of three where they are not stable.
_STABILITY = {
    "dynamic_multimask_via_stability": True,
    "dynamic_multimask_stability_delta": 0.05,
    "dynamic_multimask_stability_thresh": 0.98,
}
# The mask decoder mixes its weights with coordinates in float32: use autocast for other dtypes.
_DTYPE = "float32"


def load(
    model: Model, folder: Path, placement: Placement, progress: Progress, cancel: CancelToken
) -> Loaded:
    """A `SAM2Base`, for `SAM2ImagePredictor`, always in float32; see `Loader`."""
    files = weight_files(model, folder)
    if len(files) != 1 or files[0].name not in _CONFIGS:
        raise damaged(model, f"its weights are none of {', '.join(sorted(_CONFIGS))}")
    ReadAhead(model, files, progress, cancel).read(files)
    network = _build(_CONFIGS[files[0].name])
    dtype = torch_dtype(_DTYPE)
    fill(model, network, read_tensors(model, files[0], placement.device, dtype, cancel))
    network.to(placement.device)
    return Loaded(network, size_of([network]), placement.device, _DTYPE)


def _build(config: str) -> SAM2Base:
    settings = OmegaConf.load(Path(sam2.__path__[0]) / config)
    OmegaConf.update(
        settings, "model.sam_mask_decoder_extra_args", _STABILITY, force_add=True, merge=True
    )
    OmegaConf.resolve(settings)
    with hollow():
        return instantiate(settings.model, _recursive_=True)
