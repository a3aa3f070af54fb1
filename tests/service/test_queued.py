"""Asking the model service from a thread that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ovedit.engine.protocols import CancelToken, EngineProvider, silent
from ovedit.engine.requests import SegmentRequest, SegmentResult
from ovedit.errors import Cancelled, CannotDoError, EngineError
from ovedit.service.jobs import Job
from ovedit.service.model_service import ModelService
from ovedit.service.queued import QueuedEngines
from tests.fakes import Fail, FakeProvider, Report, WaitFor, words_of

Make = Callable[[FakeProvider], tuple[ModelService, QueuedEngines]]


def request(phrase: str) -> SegmentRequest:
    return SegmentRequest(np.zeros((8, 8, 4), np.uint8), (phrase,))


@pytest.fixture
def make(qtbot: QtBot) -> Iterator[Make]:
    services: list[ModelService] = []

    def made(provider: FakeProvider) -> tuple[ModelService, QueuedEngines]:
        service = ModelService(provider)
        services.append(service)
        return service, QueuedEngines(service, service)

    yield made
    for service in services:
        assert service.shutdown()


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def ended(qtbot: QtBot, future: Future) -> Future:
    qtbot.waitUntil(future.done, timeout=10_000)
    return future


def test_it_is_an_engine_provider(make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot) -> None:
    provider = FakeProvider({"bench": [Report(0.5, "half"), Report(1.0, "whole")]})
    service, engines = make(provider)
    asked: EngineProvider = engines
    with qtbot.waitSignal(service.engines_changed):
        service.refresh_engines()
    assert [info.name for info in asked.engines()] == ["fake"]
    future = elsewhere.submit(asked.answer, "fake", request("bench"), silent, CancelToken())
    result = ended(qtbot, future).result()
    assert isinstance(result, SegmentResult) and result.answers[0].phrase == "bench"
    (call,) = provider.calls
    assert call.thread != threading.get_ident()


def test_progress_comes_to_who_waits(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    gate, told = threading.Event(), []
    _, engines = make(FakeProvider({"bench": [Report(0.5, "half"), WaitFor(gate)]}))

    def listen(fraction: float, step: str = "", preview: object = None) -> None:
        told.append((fraction, step, threading.get_ident()))
        gate.set()

    future = elsewhere.submit(engines.answer, "fake", request("bench"), listen, CancelToken())
    ended(qtbot, future).result()
    there = elsewhere.submit(threading.get_ident).result()
    assert told == [(0.5, "half", there)]


def test_what_the_engine_raises_arrives(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    _, engines = make(FakeProvider({"bench": [Fail(CannotDoError("No.", "Else."))]}))
    future = elsewhere.submit(engines.answer, "fake", request("bench"), silent, CancelToken())
    error = ended(qtbot, future).exception()
    assert isinstance(error, CannotDoError) and str(error) == "No. Else."


def test_cancelling_frees_the_waiting_thread_and_the_engine(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    provider = FakeProvider({"bench": [WaitFor(threading.Event())]})
    service, engines = make(provider)
    token = CancelToken()
    future = elsewhere.submit(engines.answer, "fake", request("bench"), silent, token)
    qtbot.waitUntil(lambda: bool(provider.calls))
    token.cancel()
    assert isinstance(ended(qtbot, future).exception(), Cancelled)
    qtbot.waitUntil(lambda: not service.jobs())


def test_cancelling_all_jobs_ends_the_wait(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    provider = FakeProvider({"bench": [WaitFor(threading.Event())]})
    service, engines = make(provider)
    future = elsewhere.submit(engines.answer, "fake", request("bench"), silent, CancelToken())
    qtbot.waitUntil(lambda: bool(provider.calls))
    service.cancel_all()
    assert isinstance(ended(qtbot, future).exception(), Cancelled)


def test_others_have_their_turn_between_two_questions(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    gate = threading.Event()
    provider = FakeProvider({"first": [WaitFor(gate)]})
    service, engines = make(provider)

    def ask_twice() -> None:
        for phrase in ("first", "second"):
            engines.answer("fake", request(phrase), silent, CancelToken())

    future = elsewhere.submit(ask_twice)
    qtbot.waitUntil(lambda: bool(provider.calls))
    service.submit(Job("The person's", "fake", request("theirs")))
    gate.set()
    ended(qtbot, future).result()
    assert [words_of(call.request) for call in provider.calls] == ["first", "theirs", "second"]


def test_a_service_that_ended_takes_nothing(
    make: Make, elsewhere: ThreadPoolExecutor, qtbot: QtBot
) -> None:
    service, engines = make(FakeProvider())
    service.shutdown()
    future = elsewhere.submit(engines.answer, "fake", request("bench"), silent, CancelToken())
    error = ended(qtbot, future).exception()
    assert isinstance(error, EngineError) and "closing" in str(error)
