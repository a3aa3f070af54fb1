"""Models for ONNX Runtime: LaMa, MI-GAN."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import torch

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.loading import Loaded, Placement
from ovedit.engine.models.runtime.weights import ReadAhead, damaged, weight_files
from ovedit.engine.protocols import CancelToken, Progress

_PROVIDERS = {"cuda": ("CUDAExecutionProvider", "ROCMExecutionProvider")}
_CPU = "CPUExecutionProvider"
_ERRORS_ONLY = 3


def load(
    model: Model, folder: Path, placement: Placement, progress: Progress, cancel: CancelToken
) -> Loaded:
    """An `InferenceSession`, on the CPU where the device has no provider here; see `Loader`.

    ONNX Runtime itself refuses weights outside of the model's folder, and nothing here lets a
    model load operators of its own.
    """
    files = weight_files(model, folder)
    graphs = [path for path in files if path.suffix == ".onnx"]
    if len(graphs) != 1:
        raise damaged(model, f"it has {len(graphs)} .onnx files instead of one")
    ReadAhead(model, files, progress, cancel).read(files)
    kind, _, index = placement.device.partition(":")
    # Others may be installed that send pictures to a service.
    here = onnxruntime.get_available_providers()
    provider = next((name for name in _PROVIDERS.get(kind, ()) if name in here), _CPU)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _ERRORS_ONLY
    chosen = _CPU if provider == _CPU else (provider, {"device_id": int(index or 0)})
    session = onnxruntime.InferenceSession(graphs[0], options, providers=[chosen])
    device = "cpu" if provider == _CPU else placement.device
    return Loaded(session, sum(path.stat().st_size for path in files), device, "float32")
