"""A library of models in memory, which comes a byte at a time and only while its gate is open."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QThread

from ovedit.engine.library import (
    Licence,
    Model,
    ModelFile,
    ModelState,
    Presence,
    Task,
    TransferListener,
    TransferProgress,
    unheard,
)
from ovedit.engine.protocols import CancelToken
from ovedit.errors import DamagedModelError

CHUNKS = 20


FREE_LICENCE = Licence("MIT", "https://example.org/licence")


def a_model(id: str, task: Task = Task.MASKS, licence: Licence = FREE_LICENCE) -> Model:
    """A model of one file of `CHUNKS` bytes."""
    files = (ModelFile("model.safetensors", CHUNKS),)
    return Model(
        id, id.title(), task, "sam2", f"them/{id}", "main", files, licence, 1, {"float32": 4}
    )


class ScriptedLibrary:
    """A library in memory, a byte a chunk; `gate` holds up every chunk while it is shut."""

    def __init__(self, *models: str | Model) -> None:
        made = [model if isinstance(model, Model) else a_model(model) for model in models]
        self.catalogue = {model.id: model for model in made}
        self.bytes_of = dict.fromkeys(self.catalogue, 0)
        self.free = 1000
        self.gate = threading.Event()
        self.gate.set()
        self.error: BaseException | None = None
        self.threads: set[QThread] = set()
        self.asked: list[str] = []

    def models(self) -> Sequence[Model]:
        self.threads.add(QThread.currentThread())
        if self.error is not None:
            raise self.error
        return list(self.catalogue.values())

    def model(self, id: str) -> Model:
        return self.catalogue[id]

    def state(self, id: str) -> ModelState:
        done = self.bytes_of[id]
        presence = {0: Presence.MISSING, CHUNKS: Presence.READY}.get(done, Presence.PARTIAL)
        folder = Path("/models") / id if presence is Presence.READY else None
        return ModelState(id, presence, folder, done, (), (Path("/models"),))

    def get(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> Path:
        assert cancel is not None
        self.threads.add(QThread.currentThread())
        self.asked.append(f"get {id}")
        if self.error is not None:
            raise self.error
        while self.bytes_of[id] < CHUNKS:
            while not self.gate.wait(0.005):
                cancel.check()
            cancel.check()
            self.bytes_of[id] += 1
            listener(TransferProgress(self.bytes_of[id], CHUNKS))
            time.sleep(0.001)
        return Path("/models") / id

    def remove(self, id: str) -> int:
        self.asked.append(f"remove {id}")
        freed, self.bytes_of[id] = self.bytes_of[id], 0
        return freed

    def verify(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> None:
        self.asked.append(f"verify {id}")
        if self.bytes_of[id] != CHUNKS:
            raise DamagedModelError(f"{id} is not whole.", "Get it again.")

    def add(self, folder: Path, id: str = "") -> Model:
        if self.error is not None:
            raise self.error
        model = self.catalogue[folder.name] = replace(a_model(folder.name), repository="", own=True)
        self.bytes_of[folder.name] = CHUNKS
        return model

    def download_folder(self) -> Path:
        return Path("/models")

    def free_bytes(self) -> int:
        return self.free
