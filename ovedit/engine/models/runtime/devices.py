"""Where models can run here, in which number format, and with how many threads."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from ovedit.engine.library import Model
from ovedit.engine.models.remembered import processor, remember, remembered
from ovedit.engine.models.runtime.memory import available_bytes, total_bytes
from ovedit.errors import EngineMissingError

ACCELERATOR_SHARE = 0.6
"""Of a graphics card's memory, what weights may take: the rest is for the work itself."""
SHARED_SHARE = 0.5
"""The same where the memory is also everybody else's: the CPU's, and an Apple chip's."""
WORTH_IT = 1.5
"""How many times faster bfloat16 must be on a CPU before its lower precision is taken for it."""

_KINDS = ("cuda", "xpu", "mps", "cpu")


@dataclass(frozen=True)
class Device:
    """A place where models run.

    name: as torch writes it, "cuda:1"; kind: "cuda" (AMD's cards too), "xpu", "mps" or "cpu".
    title: for a person. total, free: bytes of its memory.
    fast: the dtypes of half the size in which it really is faster than in float32.
    """

    name: str
    kind: str
    title: str
    total: int
    free: int
    fast: frozenset[str] = frozenset()

    @property
    def budget(self) -> int:
        """Bytes that weights may take here by default."""
        share = SHARED_SHARE if self.kind in ("cpu", "mps") else ACCELERATOR_SHARE
        return int(self.total * share)


def available_devices() -> tuple[Device, ...]:
    """All devices here that torch can use, the fastest kind first; the CPU is always the last."""
    found: list[Device] = []
    if torch.cuda.is_available():
        found += [_cuda(index) for index in range(torch.cuda.device_count())]
    if torch.xpu.is_available():
        found += [_xpu(index) for index in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append(_mps())
    return (*found, cpu())


def choose_device(wanted: str = "auto") -> Device:
    """The device to use: "auto" for the fastest, or "cuda", "cuda:1", "mps", "xpu", "cpu".

    Raises `EngineMissingError` naming what there is.
    """
    if wanted == "cpu":
        return cpu()
    devices = available_devices()
    if wanted == "auto":
        return devices[0]
    for device in devices:
        if wanted in (device.name, device.kind):
            return device
    kind, _, index = wanted.partition(":")
    known = ", ".join(device.name for device in devices)
    here = f"Use auto, or one of these: {known}."
    if kind not in _KINDS or (index and not index.isdigit()):
        raise EngineMissingError(f'There is no kind of device "{wanted}".', here)
    if any(device.kind == kind for device in devices):
        raise EngineMissingError(f"There is no device {wanted} on this computer.", here)
    if kind == "cuda" and not (torch.version.cuda or torch.version.hip):
        raise EngineMissingError(
            f"The installed torch {torch.__version__} cannot use graphics cards.",
            f"Install torch and torchvision for CUDA (see pytorch.org), or use: {known}.",
        )
    raise EngineMissingError(f"torch finds no {kind} device on this computer.", here)


def choose_dtype(device: Device, model: Model) -> str:
    """The dtype to load a model in: the one that it is published to work in and runs fastest here.

    On an accelerator float16, where the model allows it, else bfloat16; the slow ones of an older
    card are taken only where float32 would not fit. On a CPU bfloat16 where it was measured to be
    faster, else float32.
    """
    allowed = model.memory
    halves = [name for name in ("float16", "bfloat16") if name in allowed]
    for name in halves:
        if name in device.fast:
            return name
    if "float32" not in allowed and device.kind == "cpu":
        # Slow, but half the size: if it works at all.
        return "bfloat16" if "bfloat16" in halves and bfloat16_gain() > 0 else "float32"
    if "float32" not in allowed:
        return next(iter(halves), "float32")
    if device.kind != "cpu" and halves and allowed["float32"] > device.budget:
        return halves[0]
    return "float32"


def torch_dtype(name: str) -> torch.dtype:
    """The dtype of that name. Raises `ValueError` for anything but the floating ones."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"not a floating dtype: {name!r}")
    return dtype


def set_threads() -> int:
    """Leave one core to the interface, and return how many threads torch uses.

    OMP_NUM_THREADS is obeyed where a person has set it.
    """
    if not os.environ.get("OMP_NUM_THREADS"):
        # torch's own number counts physical cores: more than those slows it down.
        wanted = min(torch.get_num_threads(), max(1, usable_cores() - 1))
        if wanted != torch.get_num_threads():
            torch.set_num_threads(wanted)
    return torch.get_num_threads()


def usable_cores() -> int:
    """Logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu() -> Device:
    """The processor."""
    fast = {"bfloat16"} if bfloat16_gain() >= WORTH_IT else set[str]()
    return Device("cpu", "cpu", "CPU", total_bytes(), available_bytes(), frozenset(fast))


def _cuda(index: int) -> Device:
    free, total = torch.cuda.mem_get_info(index)
    capability = torch.cuda.get_device_capability(index)
    hip = torch.version.hip is not None
    fast = set[str]()
    if hip or capability >= (7, 0):
        fast.add("float16")
    # Volta and Turing emulate it.
    if (hip and torch.cuda.is_bf16_supported()) or (not hip and capability >= (8, 0)):
        fast.add("bfloat16")
    title = torch.cuda.get_device_name(index)
    return Device(f"cuda:{index}", "cuda", title, total, free, frozenset(fast))


def _xpu(index: int) -> Device:
    properties = torch.xpu.get_device_properties(index)
    total = int(properties.total_memory)
    free = total - torch.xpu.memory_reserved(index)
    fast = frozenset({"float16", "bfloat16"})
    return Device(f"xpu:{index}", "xpu", torch.xpu.get_device_name(index), total, free, fast)


def _mps() -> Device:
    total = total_bytes()
    free = max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    title = f"Apple {platform.machine()} GPU"
    return Device("mps", "mps", title, total, min(free, total), frozenset({"float16"}))


@functools.cache
def bfloat16_gain() -> float:
    """How many times faster than float32 this processor multiplies matrices of bfloat16.

    0 where it cannot. Measured once for a processor and a version of torch, which takes as long as
    importing torch does, then remembered in the cache folder.
    """
    machine = f"{processor()}, torch {torch.__version__}"
    known = remembered("bfloat16")
    if machine not in known:
        known[machine] = round(_measure_gain(), 2)
        remember("bfloat16", known)
    return known[machine]


def _measure_gain() -> float:
    if getattr(sys, "frozen", False):
        # There is no interpreter to run a script with.
        return 0.0
    script = Path(__file__).with_name("bfloat16.py")
    try:
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=300
        )
    except subprocess.TimeoutExpired:
        return 0.0
    # It may have been killed by an instruction that the processor does not know after all.
    return float(done.stdout) if done.returncode == 0 else 0.0
