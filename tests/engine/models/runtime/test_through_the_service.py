"""From the window's thread to weights in memory and back: registry, runtime and model service."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from ovedit.engine.library import MemoryState
from ovedit.engine.protocols import CancelToken, EngineInfo, Progress
from ovedit.engine.registry import EngineRegistry, LazyRuntime
from ovedit.engine.requests import SegmentRequest, SegmentResult
from ovedit.service.jobs import Job
from ovedit.service.model_service import ModelService
from tests.engine.models.runtime.conftest import Built, Shelf

DESCRIBER = EngineInfo("describer", "Describer", selects=True, models=("dino",))
JOB = Job("Describe", "describer", SegmentRequest(np.zeros((8, 8, 4), np.uint8), ("bench",)))


class Describer:
    """An engine that asks the runtime for its model when it is asked something."""

    def __init__(self, runtime: LazyRuntime) -> None:
        self._runtime = runtime
        self.worked_on: list[QThread] = []

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        self.worked_on.append(QThread.currentThread())
        with self._runtime.get().use("dino", progress, cancel) as loaded:
            assert sum(p.numel() for p in loaded.model.parameters()) > 0
        return SegmentResult((), "describer", 0.0)


@pytest.fixture
def runtime(built: Built) -> LazyRuntime:
    return LazyRuntime(Shelf({"dino": built("dino")}), device="cpu")


@pytest.fixture
def engine(runtime: LazyRuntime) -> Describer:
    return Describer(runtime)


@pytest.fixture
def service(runtime: LazyRuntime, engine: Describer, qtbot: QtBot) -> Iterator[ModelService]:
    service = ModelService(EngineRegistry({DESCRIBER: lambda: engine}, runtime))
    yield service
    assert service.shutdown()


def test_a_model_is_loaded_on_the_models_thread_told_kept_and_unloaded(
    service: ModelService, runtime: LazyRuntime, engine: Describer, qtbot: QtBot
) -> None:
    heard: list[MemoryState] = []
    runtime.subscribe(heard.append)
    for _ in range(2):
        with qtbot.waitSignal(service.finished, timeout=20_000):
            service.submit(Job("Describe", "describer", JOB.request))
    assert {thread.objectName() for thread in engine.worked_on} == {"ovedit-models"}
    (resident,) = runtime.memory().residents
    assert (resident.id, resident.in_use) == ("dino", False)
    assert any(state.residents for state in heard), "the window hears of it"
    assert runtime.unload() == resident.size
    assert runtime.memory().residents == ()
    assert heard[-1].residents == ()


def test_what_was_pinned_before_anything_was_loaded_stays(runtime: LazyRuntime) -> None:
    runtime.pin("dino")
    with runtime.get().use("dino"):
        pass
    assert runtime.unload() == 0
    (resident,) = runtime.memory().residents
    assert resident.pinned
    runtime.pin("dino", False)
    assert runtime.unload() == resident.size


def test_a_missing_model_is_told_and_nothing_else_is_asked(built: Built, qtbot: QtBot) -> None:
    model, _ = built("dino")
    runtime = LazyRuntime(Shelf({"dino": (model, None)}), device="cpu")
    engine = Describer(runtime)
    service = ModelService(EngineRegistry({DESCRIBER: lambda: engine}, runtime))
    try:
        with qtbot.waitSignal(service.failed, timeout=20_000) as failed:
            service.submit(Job("Describe", "describer", JOB.request))
        said = str(failed.args[0].error)
        assert said.startswith("The engine Describer needs Tiny dino (")
        assert "Not found in /here, /there." in said
        assert "`ovedit models get dino`" in said
        assert engine.worked_on == []
    finally:
        assert service.shutdown()
