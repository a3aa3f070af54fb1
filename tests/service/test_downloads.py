from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

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
from ovedit.errors import DamagedModelError, ModelError, OVEditError
from ovedit.service.downloads import DownloadService, Errand, Shelf, Transfer

WAIT_MS = 10_000
CHUNKS = 20


def a_model(id: str) -> Model:
    licence = Licence("MIT", "https://example.org/licence")
    files = (ModelFile("model.safetensors", CHUNKS),)
    return Model(
        id, id.title(), Task.MASKS, "sam2", f"them/{id}", "main", files, licence, 1, {"float32": 4}
    )


class ScriptedLibrary:
    """A library in memory, a byte a chunk; `gate` holds up every chunk while it is shut."""

    def __init__(self, *ids: str) -> None:
        self.bytes_of = dict.fromkeys(ids, 0)
        self.gate = threading.Event()
        self.gate.set()
        self.error: BaseException | None = None
        self.threads: set[QThread] = set()
        self.asked: list[str] = []

    def models(self) -> Sequence[Model]:
        self.threads.add(QThread.currentThread())
        if self.error is not None:
            raise self.error
        return [a_model(id) for id in self.bytes_of]

    def model(self, id: str) -> Model:
        return a_model(id)

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
        self.bytes_of[folder.name] = CHUNKS
        return a_model(folder.name)

    def download_folder(self) -> Path:
        return Path("/models")

    def free_bytes(self) -> int:
        return 1000


@dataclass
class Heard:
    events: list[tuple[str, Any]] = field(default_factory=list)

    def listen_to(self, service: DownloadService) -> None:
        for name in ("finished", "failed", "stopped"):
            getattr(service, name).connect(
                lambda transfer, *values, name=name: self.events.append((name, (transfer, *values)))
            )
        service.progressed.connect(lambda transfer: self.events.append(("progressed", transfer)))
        service.listed.connect(lambda shelf: self.events.append(("listed", shelf)))
        service.list_failed.connect(lambda error: self.events.append(("list_failed", error)))

    def of(self, name: str) -> list[Any]:
        return [value for kind, value in self.events if kind == name]

    def endings(self) -> list[tuple[str, Errand, str]]:
        return [
            (kind, value[0].errand, value[0].model)
            for kind, value in self.events
            if kind in ("finished", "failed", "stopped")
        ]


@pytest.fixture
def library() -> ScriptedLibrary:
    return ScriptedLibrary("small", "large")


@pytest.fixture
def service(library: ScriptedLibrary, qtbot: QtBot) -> Iterator[DownloadService]:
    service = DownloadService(library)
    yield service
    library.gate.set()
    assert service.shutdown()


@pytest.fixture
def heard(service: DownloadService) -> Heard:
    heard = Heard()
    heard.listen_to(service)
    return heard


@pytest.fixture
def until(qtbot: QtBot) -> Callable[[Callable[[], object]], None]:
    def wait(true: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(true()), timeout=WAIT_MS)

    return wait


def test_no_thread_runs_before_something_is_asked(service: DownloadService) -> None:
    assert service.transfers() == ()
    assert not service._thread.isRunning()


def test_the_shelf_says_what_is_here(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.bytes_of["small"] = CHUNKS
    service.refresh()
    until(lambda: heard.of("listed"))
    shelf = heard.of("listed")[0]
    assert isinstance(shelf, Shelf)
    assert {model.id: state.presence for model, state in shelf.entries} == {
        "small": Presence.READY,
        "large": Presence.MISSING,
    }
    assert (shelf.folder, shelf.free) == (Path("/models"), 1000)
    assert library.threads == {service._thread}, "the disk is not read on the window's thread"


def test_a_download_reports_ends_and_renews_the_shelf(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    service.get("small")
    until(lambda: heard.of("listed"))
    (transfer, folder), *others = heard.of("finished")
    assert not others
    assert (transfer.errand, transfer.model, folder) == (
        Errand.GET,
        "small",
        Path("/models/small"),
    )
    assert heard.of("progressed")[-1].progress.done == CHUNKS, "the last report always arrives"
    states = {model.id: state.presence for model, state in heard.of("listed")[-1].entries}
    assert states["small"] is Presence.READY
    assert library.threads == {service._thread}


def test_errands_run_in_order_and_once(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.gate.clear()
    first = service.get("small")
    service.get("large")
    assert service.get("small") is first, "asked twice, got once"
    assert [one.model for one in service.transfers()] == ["small", "large"]
    library.gate.set()
    until(lambda: len(heard.endings()) == 2)
    assert library.asked == ["get small", "get large"]
    assert heard.endings() == [
        ("finished", Errand.GET, "small"),
        ("finished", Errand.GET, "large"),
    ]


def test_what_was_stopped_goes_on_where_it_was(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.gate.clear()
    service.get("small")
    until(lambda: library.asked)
    library.bytes_of["small"] = 7
    service.stop("small")
    running = service.transfer_of("small")
    assert running is not None and running.stopping
    until(lambda: heard.of("stopped"))
    assert library.bytes_of["small"] == 7
    library.gate.set()
    service.get("small")
    until(lambda: heard.of("finished"))
    assert heard.endings() == [("stopped", Errand.GET, "small"), ("finished", Errand.GET, "small")]


def test_asked_again_while_it_is_still_stopping(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.gate.clear()
    service.get("small")
    until(lambda: library.asked)
    service.stop("small")
    again = service.get("small")
    library.gate.set()
    until(lambda: heard.of("finished"))
    assert heard.of("finished")[0][0].id == again.id


def test_a_waiting_errand_is_stopped_at_once(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.gate.clear()
    service.get("small")
    service.get("large")
    service.stop("large")
    assert heard.endings() == [("stopped", Errand.GET, "large")]
    library.gate.set()
    until(lambda: heard.of("finished"))
    assert library.asked == ["get small"]


def test_removing_stops_the_download_first(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.gate.clear()
    service.get("small")
    until(lambda: library.asked)
    library.bytes_of["small"] = 5
    service.remove("small")
    until(lambda: heard.of("finished"))
    assert heard.endings() == [
        ("stopped", Errand.GET, "small"),
        ("finished", Errand.REMOVE, "small"),
    ]
    assert heard.of("finished")[0][1] == 5


def test_adding_tells_which_model_it_was(
    service: DownloadService, heard: Heard, until: Any
) -> None:
    service.add(Path("/home/me/mine"))
    until(lambda: heard.of("finished"))
    transfer, model = heard.of("finished")[0]
    assert transfer.errand is Errand.ADD and model.id == "mine"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ModelError("No network.", "Connect."), "No network. Connect."),
        (ValueError("boom"), "The model small failed unexpectedly: ValueError: boom."),
    ],
)
def test_an_error_is_told_and_the_next_errand_runs(
    service: DownloadService,
    library: ScriptedLibrary,
    heard: Heard,
    until: Any,
    raised: Exception,
    said: str,
) -> None:
    library.error = raised
    service.get("small")
    until(lambda: heard.of("failed"))
    _, error = heard.of("failed")[0]
    assert isinstance(error, OVEditError) and str(error).startswith(said)
    until(lambda: heard.of("list_failed"))
    library.error = None
    service.get("small")
    until(lambda: heard.of("finished"))


def test_a_damaged_model_is_told_apart(
    service: DownloadService, library: ScriptedLibrary, heard: Heard, until: Any
) -> None:
    library.bytes_of["small"] = 3
    service.verify("small")
    until(lambda: heard.of("failed"))
    assert isinstance(heard.of("failed")[0][1], DamagedModelError)


def test_closing_stops_a_download_in_time(
    library: ScriptedLibrary, qtbot: QtBot, until: Any
) -> None:
    service = DownloadService(library)
    library.gate.clear()
    service.get("small")
    until(lambda: library.asked)
    assert service.shutdown()
    ignored: Transfer = service.get("large")
    assert ignored.model == "large" and service.transfer_of("large") is None
