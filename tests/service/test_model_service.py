from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.engine.protocols import Preview
from ovedit.engine.requests import SegmentRequest, SegmentResult
from ovedit.errors import CannotDoError, EngineError, EngineMissingError
from ovedit.geometry import Rect
from ovedit.service.jobs import Job, JobFailure, JobProgress, JobResult
from ovedit.service.model_service import ModelService
from tests.fakes import (
    Fail,
    FakeProvider,
    IgnoreCancelUntil,
    Report,
    Script,
    Sleep,
    WaitFor,
    words_of,
)

WAIT_MS = 10_000
ENDINGS = ("finished", "failed", "cancelled")


@dataclass
class Heard:
    """Everything a service said, in order."""

    events: list[tuple[str, Any]] = field(default_factory=list)

    def listen_to(self, service: ModelService) -> None:
        for name in ("started", "progressed", "finished", "failed", "cancelled"):
            getattr(service, name).connect(
                lambda value, name=name: self.events.append((name, value))
            )

    def of(self, *names: str) -> list[Any]:
        return [value for name, value in self.events if name in names]

    def titles(self, *names: str) -> list[str]:
        return [getattr(value, "job", value).title for value in self.of(*names)]

    @property
    def ended(self) -> int:
        return len(self.of(*ENDINGS))


@dataclass
class Bench:
    """A service on a fake engine, and all it said."""

    service: ModelService
    provider: FakeProvider
    heard: Heard
    qtbot: QtBot

    def submit(self, phrase: str, where: Any = "back", **job: Any) -> int:
        return self.service.submit(make_job(phrase, **job), where)

    def asked(self) -> list[str]:
        return [words_of(call.request) for call in self.provider.calls]

    def until_ended(self, count: int) -> None:
        self.qtbot.waitUntil(lambda: self.heard.ended >= count, timeout=WAIT_MS)

    def until_started(self, phrase: str) -> None:
        self.qtbot.waitUntil(lambda: phrase in self.heard.titles("started"), timeout=WAIT_MS)


def make_job(phrase: str, engine: str = "fake", **job: Any) -> Job:
    image = np.zeros((16, 24, 4), np.uint8)
    return Job(phrase, engine, SegmentRequest(image, (phrase,)), **job)


MakeBench = Callable[..., Bench]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Whatever happens, no engine is left waiting."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def bench(qtbot: QtBot, gate: threading.Event) -> Iterator[MakeBench]:
    services = []

    def make(scripts: dict[str, Script] | None = None, **provider: Any) -> Bench:
        fake = FakeProvider(scripts or {}, **provider)
        service, heard = ModelService(fake), Heard()
        heard.listen_to(service)
        services.append(service)
        return Bench(service, fake, heard, qtbot)

    yield make
    gate.set()
    for service in services:
        assert service.shutdown(WAIT_MS)


def test_a_job_is_answered_with_its_id_and_revision(bench: MakeBench) -> None:
    b = bench()
    job_id = b.submit("bench", revision=7)
    b.until_ended(1)
    (result,) = b.heard.of("finished")
    assert isinstance(result, JobResult)
    assert (result.id, result.revision, result.job.title) == (job_id, 7, "bench")
    assert isinstance(result.result, SegmentResult)
    assert result.result.answers[0].phrase == "bench"
    assert result.seconds >= 0
    assert [name for name, _ in b.heard.events] == ["started", "finished"]
    assert b.service.jobs() == ()


def test_engines_are_asked_on_the_worker_thread_only(bench: MakeBench) -> None:
    b = bench()
    b.submit("one")
    b.submit("two")
    with b.qtbot.waitSignal(b.service.engines_changed, timeout=WAIT_MS) as told:
        b.service.refresh_engines()
    b.until_ended(2)
    threads = {call.thread for call in b.provider.calls} | set(b.provider.listed_on)
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert told.args == [b.service.engines()]
    assert [info.name for info in b.service.engines()] == ["fake"]


def test_listeners_are_called_on_the_thread_of_the_service(bench: MakeBench) -> None:
    b = bench({"x": [Report(0.5)]})
    threads = set()
    for signal in (b.service.started, b.service.progressed, b.service.finished):
        signal.connect(lambda _value: threads.add(threading.get_ident()))
    b.submit("x")
    b.until_ended(1)
    assert threads == {threading.get_ident()}


def test_jobs_run_in_order_and_front_goes_first(bench: MakeBench, gate: threading.Event) -> None:
    b = bench({"running": [WaitFor(gate)]})
    b.submit("running")
    b.submit("second")
    b.submit("third")
    b.submit("urgent", "front")
    assert [status.job.title for status in b.service.jobs()] == [
        "running",
        "urgent",
        "second",
        "third",
    ]
    assert [status.state for status in b.service.jobs()] == ["running"] + ["queued"] * 3
    gate.set()
    b.until_ended(4)
    assert b.heard.titles("finished") == ["running", "urgent", "second", "third"]


def test_replace_cancels_what_has_its_tag_and_runs_next(
    bench: MakeBench, gate: threading.Event
) -> None:
    b = bench({"old": [WaitFor(gate)]})
    b.submit("old", tag="click")
    b.until_started("old")
    b.submit("other", tag="edit")
    b.submit("older", tag="click")
    b.submit("new", "replace", tag="click")
    b.until_ended(4)
    assert sorted(b.heard.titles("cancelled")) == ["old", "older"]
    assert b.heard.titles("finished") == ["new", "other"]
    assert b.asked() == ["old", "new", "other"]


def test_replace_without_a_tag_is_refused(bench: MakeBench) -> None:
    b = bench()
    with pytest.raises(EngineError, match="no tag"):
        b.submit("x", "replace")
    assert b.service.jobs() == ()


def test_the_same_job_is_not_queued_twice(bench: MakeBench, gate: threading.Event) -> None:
    b = bench({"x": [WaitFor(gate)]})
    job = make_job("x")
    b.service.submit(job)
    with pytest.raises(EngineError, match="already"):
        b.service.submit(job)


def test_a_waiting_job_is_cancelled_before_it_starts(
    bench: MakeBench, gate: threading.Event
) -> None:
    b = bench({"running": [WaitFor(gate)]})
    b.submit("running")
    waiting = b.submit("waiting")
    assert b.service.cancel(waiting)
    assert b.heard.titles("cancelled") == ["waiting"]
    assert not b.service.cancel(waiting)
    gate.set()
    b.until_ended(2)
    assert b.asked() == ["running"]


def test_a_running_job_is_cancelled_through_its_token(
    bench: MakeBench, gate: threading.Event
) -> None:
    b = bench({"running": [Report(0.2), WaitFor(gate)]})
    job_id = b.submit("running")
    b.until_started("running")
    assert b.service.cancel(job_id)
    assert [status.state for status in b.service.jobs()] == ["cancelling"]
    b.until_ended(1)
    assert b.heard.titles("cancelled") == ["running"]
    assert not gate.is_set()
    assert b.service.jobs() == ()


@pytest.mark.parametrize("ending", [(), (Fail(ValueError("too late")),)])
def test_what_a_deaf_engine_says_after_cancel_is_dropped(
    bench: MakeBench, gate: threading.Event, ending: Script
) -> None:
    b = bench({"deaf": [IgnoreCancelUntil(gate), *ending]})
    job_id = b.submit("deaf")
    b.until_started("deaf")
    b.service.cancel(job_id)
    gate.set()
    b.until_ended(1)
    assert [name for name, _ in b.heard.events] == ["started", "cancelled"]


def test_an_answer_under_way_when_cancelled_is_dropped(bench: MakeBench) -> None:
    b = bench({"quick": [Report(1.0)]})
    job_id = b.submit("quick")
    # Let the worker answer while this thread handles no events.
    never = threading.Event()
    while not b.provider.calls:
        never.wait(0.005)
    never.wait(0.05)
    b.service.cancel(job_id)
    b.until_ended(1)
    assert b.heard.of("finished") == []
    assert b.heard.titles("cancelled") == ["quick"]


def test_cancel_all_empties_the_queue(bench: MakeBench, gate: threading.Event) -> None:
    b = bench({"*": [WaitFor(gate)]})
    for phrase in ("a", "b", "c"):
        b.submit(phrase)
    b.until_started("a")
    b.service.cancel_all()
    b.until_ended(3)
    assert sorted(b.heard.titles("cancelled")) == ["a", "b", "c"]
    assert len(b.provider.calls) == 1


def test_an_engines_refusal_arrives_as_it_is(bench: MakeBench) -> None:
    b = bench({"x": [Fail(CannotDoError("This engine cannot draw a dog.", "Install diffusion."))]})
    b.submit("x", revision=3)
    b.until_ended(1)
    (failure,) = b.heard.of("failed")
    assert isinstance(failure, JobFailure)
    assert isinstance(failure.error, CannotDoError)
    assert str(failure.error) == "This engine cannot draw a dog. Install diffusion."
    assert failure.revision == 3
    # Frames would keep the request's pixels alive for as long as somebody shows the error.
    assert failure.error.__traceback__ is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("shapes (3,) and (4,)\ndo not fit"), "ValueError: shapes (3,) and (4,) do not"),
        (KeyError(), "failed unexpectedly: KeyError."),
        (MemoryError(), "ran out of memory"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_the_worker_outlives_any_error(
    bench: MakeBench, caplog: pytest.LogCaptureFixture, error: BaseException, words: str
) -> None:
    b = bench({"bad": [Fail(error)]})
    b.submit("bad")
    b.submit("good")
    b.until_ended(2)
    (failure,) = b.heard.of("failed")
    assert isinstance(failure.error, EngineError)
    assert words in str(failure.error)
    assert "\n" not in str(failure.error)
    assert failure.error.hint
    assert b.heard.titles("finished") == ["good"]
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None and record.exc_info[1] is error


def test_an_unknown_engine_is_a_failure(bench: MakeBench) -> None:
    b = bench()
    b.submit("x", engine="nope")
    b.until_ended(1)
    assert isinstance(b.heard.of("failed")[0].error, EngineMissingError)


def test_a_provider_that_cannot_list_says_why(bench: MakeBench) -> None:
    b = bench(listing_error=OSError("disk gone"))
    with b.qtbot.waitSignal(b.service.engines_failed, timeout=WAIT_MS) as told:
        b.service.refresh_engines()
    assert "disk gone" in str(told.args[0])
    b.submit("x")
    b.until_ended(1)
    assert b.heard.titles("finished") == ["x"]


def test_progress_carries_what_the_engine_said(bench: MakeBench, gate: threading.Event) -> None:
    preview = Preview(np.zeros((2, 2, 4), np.uint8), Rect(0, 0, 4, 4))
    b = bench({"x": [Report(0.25, "coarse", preview), WaitFor(gate)]})
    job_id = b.submit("x", revision=5)
    b.qtbot.waitUntil(lambda: bool(b.heard.of("progressed")), timeout=WAIT_MS)
    (progress,) = b.heard.of("progressed")
    assert isinstance(progress, JobProgress)
    assert (progress.id, progress.revision) == (job_id, 5)
    assert (progress.fraction, progress.step) == (0.25, "coarse")
    assert progress.preview is preview
    (status,) = b.service.jobs()
    assert (status.fraction, status.step) == (0.25, "coarse")


def test_a_flood_of_progress_becomes_a_trickle_that_ends_with_the_last(bench: MakeBench) -> None:
    count = 20_000
    b = bench({"x": [Report(n / count, f"step {n}") for n in range(count + 1)]})
    b.submit("x")
    b.until_ended(1)
    heard = b.heard.of("progressed")
    assert heard[-1].fraction == 1.0
    assert heard[-1].step == f"step {count}"
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    (result,) = b.heard.of("finished")
    # One at the start and one with the result come on top.
    assert len(heard) <= result.seconds * 30 + 2


def test_the_last_report_arrives_while_the_engine_is_still_busy(
    bench: MakeBench, gate: threading.Event
) -> None:
    preview = Preview(np.zeros((2, 2, 4), np.uint8), Rect(0, 0, 4, 4))
    b = bench({"x": [Report(0.1), Report(0.2, "", preview), Report(0.3), WaitFor(gate)]})
    b.submit("x")
    b.qtbot.waitUntil(
        lambda: any(progress.fraction == 0.3 for progress in b.heard.of("progressed")),
        timeout=WAIT_MS,
    )
    previews = [p.preview for p in b.heard.of("progressed") if p.preview is not None]
    assert previews == [preview]


@pytest.mark.parametrize(("said", "heard"), [(-1.0, 0.0), (3.0, 1.0), (float("nan"), 0.0)])
def test_a_fraction_out_of_range_is_brought_into_it(
    bench: MakeBench, said: float, heard: float
) -> None:
    b = bench({"x": [Report(said)]})
    b.submit("x")
    b.until_ended(1)
    assert [progress.fraction for progress in b.heard.of("progressed")] == [heard]


def test_a_listener_may_submit_the_next_job(bench: MakeBench) -> None:
    b = bench()

    def go_on(result: JobResult) -> None:
        if result.job.title == "first":
            b.submit("follow-up", "front")

    b.service.finished.connect(go_on)
    b.submit("first")
    b.submit("waiting")
    b.until_ended(3)
    assert b.heard.titles("finished") == ["first", "follow-up", "waiting"]


moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["back", "front", "replace"]), st.sampled_from(["a", "b"])),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("let events run"), st.integers(1, 5)),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves)
def test_every_job_ends_exactly_once(qapp: QApplication, script: list[tuple[str, Any]]) -> None:
    steps = [Report(0.0), Sleep(0.001), Report(0.5), Sleep(0.001), Report(1.0)]
    service, heard = ModelService(FakeProvider({"a": steps})), Heard()
    heard.listen_to(service)
    ids: list[int] = []
    for move, value in script:
        if move == "cancel":
            if ids:
                service.cancel(ids[value % len(ids)])
        elif move == "let events run":
            for _ in range(value):
                qapp.processEvents()
        else:
            ids.append(service.submit(make_job(value, tag=value), move))  # pyright: ignore
    deadline = time.monotonic() + WAIT_MS / 1000
    while service.jobs() and time.monotonic() < deadline:
        qapp.processEvents()
    stopped = service.shutdown(WAIT_MS)
    ended = [getattr(value, "job", value).id for value in heard.of(*ENDINGS)]
    assert stopped
    assert sorted(ended) == sorted(ids)
    began = [job.id for job in heard.of("started")]
    assert len(set(began)) == len(began)
    assert {result.id for result in heard.of("finished")} <= set(began)


def test_changed_tells_of_every_change_of_the_list(bench: MakeBench) -> None:
    b = bench()
    seen = []
    b.service.changed.connect(lambda: seen.append(len(b.service.jobs())))
    b.submit("a")
    b.submit("b")
    b.until_ended(2)
    b.qtbot.waitUntil(lambda: seen[-1] == 0, timeout=WAIT_MS)
    assert seen == [1, 2, 1, 0]


def test_shutdown_cancels_and_every_job_has_ended(bench: MakeBench, gate: threading.Event) -> None:
    b = bench({"*": [WaitFor(gate)]})
    b.submit("running")
    b.submit("waiting")
    b.until_started("running")
    assert b.service.shutdown()
    assert sorted(b.heard.titles("cancelled")) == ["running", "waiting"]
    assert b.service.jobs() == ()
    assert b.service.shutdown()
    with pytest.raises(EngineError, match="closing"):
        b.submit("late")


def test_shutdown_says_when_an_engine_does_not_stop(
    bench: MakeBench, gate: threading.Event
) -> None:
    b = bench({"deaf": [IgnoreCancelUntil(gate)]})
    b.submit("deaf")
    b.until_started("deaf")
    assert not b.service.shutdown(50)
    gate.set()
    assert b.service.shutdown(WAIT_MS)
    assert b.heard.titles("cancelled") == ["deaf"]


def test_the_event_loop_lives_while_an_engine_works(
    bench: MakeBench, gate: threading.Event
) -> None:
    b = bench({"x": [IgnoreCancelUntil(gate)]})
    beats = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(QThread.currentThread()))
    heart.start(10)
    b.submit("x")
    b.qtbot.waitUntil(lambda: len(beats) >= 10, timeout=WAIT_MS)
    heart.stop()
    assert b.heard.ended == 0
