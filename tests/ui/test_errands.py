"""Work without a model: done on another thread, brought in when the document has a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.errors import UsageError
from ovedit.ui.commands.context import Context
from ovedit.ui.errands import Errands
from ovedit.ui.main_window import MainWindow
from ovedit.workflows import layers, mask_ops


class Gate:
    """Work that begins by waiting until the test opens the gate."""

    def __init__(self, work: Callable[[Document], object]) -> None:
        self.open = threading.Event()
        self.threads: list[int] = []
        self._work = work

    def __call__(self, document: Document) -> None:
        self.threads.append(threading.get_ident())
        assert self.open.wait(5)
        self._work(document)


@pytest.fixture
def errands(window: MainWindow, document: Document) -> Errands:
    mask_ops.add_mask(document, np.full((64, 96), 255, np.uint8), label="bench")
    return window.errands


@pytest.fixture
def gate(errands: Errands) -> Iterator[Gate]:
    gate = Gate(lambda document: mask_ops.invert(document, [document.masks[0].id]))
    yield gate
    gate.open.set()


@pytest.fixture
def idle(errands: Errands, qtbot: QtBot) -> Callable[[], None]:
    return lambda: qtbot.waitUntil(lambda: not errands.busy)


def names(document: Document) -> list[str]:
    return [step.name for step in document.history.steps[: document.history.position]]


def test_a_change_is_one_step_made_on_another_thread(
    errands: Errands, document: Document, gate: Gate, idle
):
    errands.change("Invert", gate)
    assert names(document) == ["New mask"]
    gate.open.set()
    idle()
    assert names(document) == ["New mask", "Invert “bench”"]
    assert not document.state.coverage(document.masks[0].id).any()
    assert gate.threads and gate.threads[0] != threading.get_ident()
    document.undo()
    assert document.state.coverage(document.masks[0].id).all()


def test_a_change_that_takes_long_is_listed_and_can_be_cancelled(
    window: MainWindow, errands: Errands, document: Document, gate: Gate, idle, qtbot: QtBot
):
    titles: list[list[str]] = []
    errands.jobs_changed.connect(lambda views: titles.append([view.title for view in views]))
    errands.change("Invert", gate)
    qtbot.waitUntil(lambda: bool(window.jobs.list.rows()))
    assert titles[-1] == ["Invert"]
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)
    assert not window.jobs.list.rows()
    gate.open.set()
    idle()
    qtbot.wait(20)
    assert names(document) == ["New mask"]


def test_a_short_change_is_not_listed(window: MainWindow, errands: Errands, idle, qtbot: QtBot):
    shown: list[object] = []
    errands.jobs_changed.connect(shown.append)
    errands.change("New layer", layers.new_layer)
    idle()
    qtbot.wait(200)
    assert shown == []


def test_a_change_is_worked_out_again_where_the_document_is_another(
    errands: Errands, document: Document, gate: Gate, idle
):
    errands.change("Invert", gate)
    layers.new_layer(document)
    gate.open.set()
    idle()
    assert len(gate.threads) == 2
    assert len(document.layers) == 2
    assert names(document)[-1] == "Invert “bench”"
    assert not document.state.coverage(document.masks[0].id).any()


def test_a_change_waits_for_the_end_of_a_gesture(
    errands: Errands, document: Document, gate: Gate, idle, qtbot: QtBot
):
    errands.change("Invert", gate)
    stroke = document.begin("Stroke")
    gate.open.set()
    qtbot.wait(150)
    assert document.busy and names(document) == ["New mask"]
    stroke.rollback()
    idle()
    assert names(document) == ["New mask", "Invert “bench”"]


def test_a_change_that_would_drop_undone_steps_is_offered(
    window: MainWindow, errands: Errands, document: Document, gate: Gate, idle
):
    layers.new_layer(document)
    errands.change("Invert", gate)
    document.undo()
    gate.open.set()
    idle()
    assert document.can_redo and "undone steps" in window.prompt.message
    errands.add_held()
    idle()
    assert not document.can_redo
    assert names(document) == ["New mask", "Invert “bench”"]


def test_a_change_to_a_document_that_is_closed_is_dropped(
    window: MainWindow, errands: Errands, document: Document, gate: Gate, idle, qtbot: QtBot
):
    errands.change("Invert", gate)
    window.session.close()
    gate.open.set()
    idle()
    qtbot.wait(20)
    assert names(document) == ["New mask"]


def test_what_goes_wrong_is_said(window: MainWindow, errands: Errands, document: Document, idle):
    errands.change("Unite", lambda d: mask_ops.union(d, [d.masks[0].id]))
    idle()
    assert window.prompt.message == str(
        UsageError("Unite needs two masks or more.", "Choose another one as well.")
    )
    assert names(document) == ["New mask"]


def test_work_hands_its_result_to_the_window(
    window: MainWindow, errands: Errands, document: Document, idle
):
    threads: list[int] = []
    errands.work("Look", threading.get_ident, threads.append)
    errands.work("Look", lambda: None, lambda _: threads.append(threading.get_ident()))
    idle()
    assert threads[0] != threads[1] == threading.get_ident()


def test_masks_in_hand_are_those_at_the_time_of_asking(
    window: MainWindow, errands: Errands, document: Document, idle
):
    first = document.masks[0].id
    window.menus.refresh()
    window.menus.actions["invert-mask"].trigger()
    document.set_current(masks=())
    idle()
    assert not document.state.coverage(first).any()
    assert Context(window).mask_ids == ()
