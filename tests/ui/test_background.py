from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from ovedit.errors import FileError, OVEditError
from ovedit.ui.background import Background


class Desk:
    def __init__(self, qtbot: QtBot) -> None:
        self.background = Background()
        self.results: list[object] = []
        self.errors: list[OVEditError] = []
        self.busy: list[bool] = []
        self.background.busy_changed.connect(self.busy.append)
        self._qtbot = qtbot

    def run(self, work) -> None:
        self.background.run(work, self.results.append, self.errors.append)

    def idle(self) -> None:
        self._qtbot.waitUntil(lambda: not self.background.busy)


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    desk = Desk(qtbot)
    yield desk
    desk.background.finish()


def test_results_come_back_on_this_thread_in_the_order_given(desk: Desk):
    here = threading.get_ident()
    threads: list[int] = []
    desk.background.run(threading.get_ident, lambda t: threads.append(t), desk.errors.append)
    desk.background.run(
        lambda: None, lambda _: threads.append(threading.get_ident()), desk.errors.append
    )
    for number in range(20):
        desk.run(lambda number=number: number)
    desk.idle()
    assert desk.results == list(range(20))
    assert threads[0] != here == threads[1]


def test_it_says_once_that_it_is_busy_and_once_that_it_is_not(desk: Desk):
    gate = threading.Event()
    desk.run(lambda: gate.wait(5))
    desk.run(lambda: 2)
    assert desk.background.busy
    gate.set()
    desk.idle()
    assert desk.busy == [True, False]


def test_errors_for_a_person_come_as_they_are_and_others_are_wrapped(desk: Desk):
    def broken() -> None:
        raise ValueError("no")

    def refused() -> None:
        raise FileError("The file is gone.")

    desk.run(refused)
    desk.run(broken)
    desk.run(lambda: "after")
    desk.idle()
    assert str(desk.errors[0]) == "The file is gone."
    assert "ValueError: no" in str(desk.errors[1])
    assert desk.results == ["after"]


def test_finish_waits_for_all_and_says_whether_it_worked(desk: Desk):
    def refused() -> None:
        raise FileError("The disk is full.")

    def again(_: object) -> None:
        desk.run(lambda: "more")

    assert desk.background.finish()
    desk.background.run(lambda: 1, again, desk.errors.append)
    assert desk.background.finish()
    assert desk.results == ["more"]
    desk.run(refused)
    assert not desk.background.finish()
    assert desk.background.finish()


def test_what_is_abandoned_is_neither_begun_nor_told(desk: Desk):
    gate, begun = threading.Event(), threading.Event()
    started: list[str] = []

    def read() -> str:
        begun.set()
        assert gate.wait(5)
        return "read"

    background = desk.background
    for work in (read, lambda: started.append("look")):
        background.run(work, desk.results.append, desk.errors.append, disposable=True)
    assert begun.wait(5)
    background.abandon()
    assert not background.busy
    assert desk.busy == [True, False]
    assert background.finish() and not background.wait(1)
    gate.set()
    assert background.wait(5000)
    desk.run(lambda: "saved")
    assert background.finish()
    assert desk.results == ["saved"]
    assert started == [] and desk.errors == []


def test_what_must_not_be_lost_is_not_abandoned(desk: Desk):
    gate = threading.Event()
    desk.background.run(gate.wait, desk.results.append, desk.errors.append, disposable=True)
    desk.run(lambda: "saved")
    desk.background.abandon()
    assert desk.background.busy
    gate.set()
    assert desk.background.finish()
    assert desk.results == ["saved"]
    assert desk.busy == [True, False]
