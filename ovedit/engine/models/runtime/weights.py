"""The only ways in which weights and configurations are read. All of them read data, never code.

Weights are safetensors files, mapped into memory, or what `torch.load(weights_only=True)` takes
where a publisher ships nothing else. Configurations are JSON, without the keys that name code.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from torch import nn

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.memory import available_bytes, is_out_of_memory
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.errors import DamagedModelError, OVEditError
from ovedit.units import size_text

SAFE = (".safetensors",)
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
OTHER = (".onnx", ".data")
_CHUNK = 8 * 2**20
# Configurations may ask transformers for code from the hub under these names.
_NAMES_OF_CODE = frozenset(
    {
        "auto_map",
        "custom_pipelines",
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "experts_implementation",
        "_experts_implementation",
        "_experts_implementation_internal",
    }
)
# Under these, checkpoints keep their tensors beside notes about the training.
_INNER = ("model", "state_dict")


def weight_files(model: Model, folder: Path, below: str = "") -> list[Path]:
    """The model's files that hold numbers, those in the sub-folder `below` only.

    Raises `DamagedModelError` for one that is not there.
    """
    found = []
    for file in model.files:
        path = folder / file.path
        if path.suffix in SAFE + PICKLED + OTHER and f"{file.path}".startswith(below):
            if not path.is_file():
                raise damaged(model, f"{file.path} is not there")
            found.append(path)
    return found


class ReadAhead:
    """Brings files into the system's cache before they are mapped: with progress, and stoppable.

    Mapping alone would fetch page after page in the order of use, at the latest during the first
    picture, and libraries that load several gigabytes at a time cannot be stopped.
    """

    def __init__(
        self, model: Model, files: Iterable[Path], progress: Progress, cancel: CancelToken
    ) -> None:
        self._sizes = {path: path.stat().st_size for path in files}
        self._total = max(1, sum(self._sizes.values()))
        self._step = f"Loading {model.title} ({size_text(self._total)})"
        self._progress = progress
        self._cancel = cancel
        self._done = 0
        self._buffer = memoryview(bytearray(_CHUNK))
        self._report()

    def read(self, files: Iterable[Path]) -> None:
        """Read these files. Raises `Cancelled` between two chunks."""
        for path in files:
            before = self._done
            # What does not fit would be thrown out again before it is used.
            if self._sizes[path] < available_bytes() // 2:
                self._read(path)
            self._done = before + self._sizes[path]
            self._report()

    def _read(self, path: Path) -> None:
        with path.open("rb", buffering=0) as stream:
            if hasattr(os, "posix_fadvise"):
                # Twice the system's own look ahead.
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while count := stream.readinto(self._buffer):
                self._done += count
                self._report()

    def _report(self) -> None:
        self._cancel.check()
        self._progress(min(1.0, self._done / self._total), self._step)


def read_tensors(
    model: Model, path: Path, device: str, dtype: torch.dtype, cancel: CancelToken
) -> dict[str, torch.Tensor]:
    """All tensors of a file, on the device; floating ones in that dtype.

    What stays on the CPU in the dtype of the file is mapped, not copied. Raises
    `DamagedModelError` for a file that is damaged or holds anything but numbers.
    """
    with _reading(model, path):
        if path.suffix in SAFE:
            with safe_open(path, framework="pt", device=device) as file:
                return {
                    name: _cast(file.get_tensor(name), device, dtype, cancel)
                    for name in file.keys()  # noqa: SIM118
                }
        tensors = _inner(_unpickle(path, device="cpu"))
        return {name: _cast(tensor, device, dtype, cancel) for name, tensor in tensors.items()}


def check_weights(model: Model, files: Iterable[Path]) -> None:
    """Raise `DamagedModelError` unless all files hold numbers only; reads none of the numbers.

    For libraries that read them on their own afterwards.
    """
    for path in files:
        with _reading(model, path):
            if path.suffix in SAFE:
                with safe_open(path, framework="pt") as file:
                    file.keys()
            elif path.suffix in PICKLED:
                _inner(_unpickle(path, device="meta"))


def check_indexes(model: Model, folder: Path) -> None:
    """Raise `DamagedModelError` where an index of a sharded model points out of its folder."""
    for path in folder.glob("*.index*.json"):
        shards = read_json(model, path).get("weight_map")
        if not isinstance(shards, dict):
            raise damaged(model, f"{path.name} is not an index")
        for name in set(shards.values()):
            if not isinstance(name, str) or Path(name).name != name or "\\" in name:
                raise damaged(model, f"{path.name} names {name!r}, which is not a file beside it")


def read_json(model: Model, path: Path) -> dict[str, Any]:
    """A configuration, without the keys that would make a library fetch or run code.

    Raises `DamagedModelError` where it is not there or not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise damaged(model, f"{path.name} cannot be read: {_first_line(e)}") from e
    if not isinstance(values, dict):
        raise damaged(model, f"{path.name} is not a table of settings")
    return _without_code(values)


def hollow() -> Any:
    """A block in which modules are made without memory for their weights; buffers are real."""
    return init_empty_weights(include_buffers=False)


def fill(model: Model, module: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Make the tensors the weights of a hollow module, which then only serves to infer.

    Raises `DamagedModelError` where they are not exactly those that it has.
    """
    try:
        missing, unknown = module.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as e:
        if is_out_of_memory(e):
            raise
        raise damaged(model, f"its weights have other shapes: {_first_line(e)}") from e
    if missing:
        raise damaged(model, f"its weights lack {_some(missing)}")
    if unknown:
        raise damaged(model, f"its weights hold {_some(unknown)}, which it does not have")
    module.requires_grad_(False).eval()


def damaged(model: Model, what: str) -> DamagedModelError:
    """The error for files that are not what the catalogue says they are."""
    return DamagedModelError(
        f"{model.title} cannot be loaded: {what}.",
        f"Check its files with `ovedit models verify {model.id}`.",
    )


@contextmanager
def failing_as(model: Model) -> Iterator[None]:
    """Turns what libraries raise over a model's files into `DamagedModelError`.

    Memory that ran out is left as it is, for the ladder; so are our own errors.
    """
    try:
        yield
    except Exception as e:
        # What the libraries raise over wrong files has no base in common.
        if _not_about_files(e):
            raise
        raise damaged(model, _first_line(e)) from e


@contextmanager
def _reading(model: Model, path: Path) -> Iterator[None]:
    try:
        yield
    except pickle.UnpicklingError as e:
        raise DamagedModelError(
            f"{path.name} of {model.title} holds more than numbers, it could run a program. "
            "It was not loaded.",
            f"Check its files with `ovedit models verify {model.id}`, or remove it.",
        ) from e
    except Exception as e:
        if _not_about_files(e):
            raise
        raise damaged(model, f"{path.name} is damaged ({_first_line(e)})") from e


def _not_about_files(error: Exception) -> bool:
    return isinstance(error, OVEditError | ImportError) or is_out_of_memory(error)


def _unpickle(path: Path, device: str) -> Any:
    # Files from before torch 1.6 are no zip archives and cannot be mapped.
    mapped = zipfile.is_zipfile(path)
    return torch.load(path, map_location=device, weights_only=True, mmap=mapped)


def _inner(loaded: Any) -> dict[str, torch.Tensor]:
    for key in _INNER:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not loaded:
        raise ValueError("no tensors in it")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f"{name!r} is no tensor")
    return loaded


def _cast(
    tensor: torch.Tensor, device: str, dtype: torch.dtype, cancel: CancelToken
) -> torch.Tensor:
    cancel.check()
    tensor = tensor.to(device)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _without_code(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_code(v) for k, v in value.items() if k not in _NAMES_OF_CODE}
    if isinstance(value, list):
        return [_without_code(item) for item in value]
    return value


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _first_line(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        # A key alone is no sentence.
        return f"it lacks {error.args[0]}"
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
