from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import ClassVar

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from ovedit.heap import collect_all
from ovedit.service.garbage import OwnThreadCollector
from ovedit.service.model_service import ModelService
from tests.fakes import FakeProvider


class Knot:
    """Garbage that only the cyclic collector can find; notes who found it."""

    found_by: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Knot.found_by.append(threading.get_ident())


@pytest.fixture
def collector(qapp: QObject) -> Iterator[OwnThreadCollector]:
    Knot.found_by = []
    made = OwnThreadCollector()
    made.start()
    yield made
    made.stop()
    assert gc.isenabled()


def tie_knots() -> None:
    for _ in range(20 * gc.get_threshold()[0]):
        Knot()


def test_garbage_of_any_thread_is_collected_on_this_one(
    collector: OwnThreadCollector, qtbot: QtBot
) -> None:
    thread = threading.Thread(target=tie_knots)
    thread.start()
    thread.join()
    assert Knot.found_by == []
    qtbot.waitUntil(lambda: bool(Knot.found_by), timeout=10_000)
    assert set(Knot.found_by) == {threading.get_ident()}


def test_the_automatic_collector_returns_with_the_last_to_stop(
    collector: OwnThreadCollector,
) -> None:
    second = OwnThreadCollector()
    second.start()
    second.start()
    collector.stop()
    assert not gc.isenabled()
    second.stop()
    second.stop()
    assert gc.isenabled()


def test_a_service_brings_it_along(qapp: QObject) -> None:
    service = ModelService(FakeProvider())
    assert not gc.isenabled()
    assert service.shutdown()
    assert gc.isenabled()


def test_what_a_library_brings_is_spared_until_the_collector_stops(
    collector: OwnThreadCollector, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gc.get_freeze_count()
    for number in range(60):
        monkeypatch.setitem(sys.modules, f"a_library.part_{number}", ModuleType("part"))
    qtbot.waitUntil(lambda: gc.get_freeze_count() > before)
    frozen = gc.get_freeze_count()
    collect_all()
    assert gc.get_freeze_count() > frozen / 2, "what stayed is spared again"
    collector.stop()
    assert gc.get_freeze_count() == 0
