"""The memory of this computer and its graphics cards: how much there is, and giving it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psutil
import torch
from torch import nn

from ovedit.heap import collect_all

_SAID_ON_FAILURE = (
    "out of memory",  # CUDA, MPS and XPU, also through cuBLAS, and ONNX Runtime's CUDA
    "can't allocate memory",  # torch on the CPU
    "failed to allocate memory",  # ONNX Runtime
    "bad allocation",
    "bad_alloc",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "error_out_of_device_memory",  # XPU's driver
    "insufficient memory",  # OpenCV
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error, or one that it was raised from, says that memory ran out."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, MemoryError | torch.OutOfMemoryError):
            return True
        # The others are errors of every kind, told apart by their words only.
        if isinstance(link, RuntimeError) or type(link).__module__.startswith(("onnx", "cv2")):
            text = str(link).lower()
            if any(words in text for words in _SAID_ON_FAILURE):
                return True
        link = link.__cause__
    return False


def free_memory() -> None:
    """Collect what nothing refers to any more and hand cached blocks back to the devices."""
    # Modules and their hooks refer to each other in rings, which only the collector opens.
    collect_all()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.xpu.is_available() and torch.xpu.is_initialized():
        torch.xpu.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def available_bytes() -> int:
    """What programs may still take of the computer's own memory without swapping."""
    return psutil.virtual_memory().available


def total_bytes() -> int:
    """The computer's own memory."""
    return psutil.virtual_memory().total


def size_of(modules: Iterable[nn.Module]) -> int:
    """Bytes of all weights and buffers of the modules, shared ones counted once."""
    seen = {
        (tensor.data_ptr(), tensor.device): tensor.numel() * tensor.element_size()
        for tensor in _tensors(modules)
    }
    return sum(seen.values())


def _tensors(modules: Iterable[nn.Module]) -> Iterator[torch.Tensor]:
    for module in modules:
        yield from module.parameters()
        yield from module.buffers()
