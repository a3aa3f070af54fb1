from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from ovedit.engine.library import Presence
from ovedit.errors import DamagedModelError, ModelError, OVEditError
from ovedit.service.downloads import DownloadService, Errand, Shelf, Transfer
from tests.fake_library import CHUNKS, ScriptedLibrary

WAIT_MS = 10_000


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
    until(lambda: heard.of("finished"))
    (transfer, folder), *others = heard.of("finished")
    kinds = [kind for kind, _ in heard.events]
    assert kinds.index("listed") < kinds.index("finished"), "what is shown then is already true"
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
