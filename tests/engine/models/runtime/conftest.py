"""Tiny models on a shelf, and a library that knows where they are."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from tqdm import tqdm

from ovedit.engine.library import (
    Licence,
    Model,
    ModelFile,
    ModelState,
    Presence,
    Task,
    TransferListener,
    unheard,
)
from ovedit.engine.models.runtime import devices
from ovedit.engine.protocols import CancelToken
from ovedit.errors import ModelError

torch.set_num_threads(1)
# The thread that would redraw progress bars outlives the test.
tqdm.monitor_interval = 0

TASKS = {"diffusers.lora": Task.ADAPTER, "onnx": Task.ERASE, "open_clip": Task.TEXT_IMAGE}
WEIGHTS = (".safetensors", ".bin", ".pt", ".onnx", ".data")


class Shelf:
    """A `ModelLibrary` over folders; None for a model that is not on this computer."""

    def __init__(self, entries: Mapping[str, tuple[Model, Path | None]]) -> None:
        self.entries = dict(entries)

    def models(self) -> list[Model]:
        return [model for model, _ in self.entries.values()]

    def model(self, id: str) -> Model:
        if id not in self.entries:
            raise ModelError(f'There is no model "{id}".')
        return self.entries[id][0]

    def state(self, id: str) -> ModelState:
        model, folder = self.entries[id]
        presence = Presence.MISSING if folder is None else Presence.READY
        missing = tuple(file.path for file in model.files) if folder is None else ()
        size = 0 if folder is None else model.download_size
        return ModelState(id, presence, folder, size, missing, (Path("/here"), Path("/there")))

    def get(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> Path:
        raise AssertionError("nothing is downloaded to load a model")

    def remove(self, id: str) -> int:
        raise NotImplementedError

    def verify(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> None:
        raise NotImplementedError

    def add(self, folder: Path, id: str = "") -> Model:
        raise NotImplementedError

    def download_folder(self) -> Path:
        raise NotImplementedError

    def free_bytes(self) -> int:
        raise NotImplementedError


def describe(id: str, loader: str, folder: Path, base: tuple[str, ...] = ()) -> Model:
    """The entry of a model whose files are those in the folder."""
    files = tuple(
        ModelFile(path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    size = sum(file.size for file in files if file.path.endswith(WEIGHTS))
    return Model(
        id=id,
        title=f"Tiny {id}",
        task=TASKS.get(loader, Task.INPAINT),
        loader=loader,
        repository=f"nobody/{id}",
        revision="0" * 40,
        files=files,
        licence=Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
        parameters=size // 4,
        memory={"float32": size},
        base=base,
    )


Built = Callable[[str], tuple[Model, Path]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Saves a model of `tiny.BUILDERS` when it is first asked for."""
    from tests.engine.models.runtime import tiny

    shelf = tmp_path_factory.mktemp("shelf")
    made: dict[str, tuple[Model, Path]] = {}

    def build(id: str) -> tuple[Model, Path]:
        if id not in made:
            loader, save = tiny.BUILDERS[id]
            torch.manual_seed(0)
            save(shelf / id)
            base = ("sd15",) if id == "lora" else ()
            made[id] = describe(id, loader, shelf / id, base), shelf / id
        return made[id]

    return build


_gain = devices.bfloat16_gain


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """Spare the collector the libraries: it runs after every unload, for a second with them."""
    gc.collect(0)
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _plain_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what this processor can do; measuring it takes seconds."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)


@pytest.fixture
def really_measure(monkeypatch: pytest.MonkeyPatch, _plain_processor: None) -> Iterator[None]:
    """Measure the processor after all."""
    _gain.cache_clear()
    monkeypatch.setattr(devices, "bfloat16_gain", _gain)
    yield
    _gain.cache_clear()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every address that someone tries to reach; none is reached."""
    tried: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("there is no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: refuse(None, a))  # type: ignore[arg-type]
    yield tried
    assert not tried
