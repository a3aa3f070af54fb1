"""The guided tour: each step ends when the person has done what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ovedit.document import ClassMask, Document, EditLayer, EditRecipe, Surface
from ovedit.ui.messages import Message
from ovedit.ui.tour import END_TOUR, GOODBYE, STEPS, Tour


class FakePrompt:
    message = ""


class FakeSession:
    document: Document | None = None


@pytest.fixture
def window(qtbot):
    from PySide6.QtWidgets import QWidget

    class FakeWindow(QWidget):
        def __init__(self) -> None:
            super().__init__()
            self.session, self.prompt = FakeSession(), FakePrompt()
            self.told: list[Message] = []

        def tell(self, message: Message) -> None:
            self.told.append(message)
            self.prompt.message = message.text

    widget = FakeWindow()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def document() -> Document:
    document = Document.from_pixels(np.full((20, 20, 4), 255, np.uint8), "photo")
    document.mark_saved()
    return document


def said(window) -> str:
    return window.told[-1].text


def test_it_goes_on_when_a_step_is_done_and_ends_with_the_last(qtbot, window, document) -> None:
    window.session.document = document
    tour = Tour(window)
    tour.start(document)
    assert said(window) == STEPS[0].text
    assert window.told[-1].buttons == (("End tour", END_TOUR),)

    mask = ClassMask("bench", (1, 2, 3))
    with document.transaction("Select") as tx:
        tx.add_mask(mask, Surface(document.size, 1))
    qtbot.waitUntil(lambda: said(window) == STEPS[1].text)
    with document.transaction("Mask brush") as tx:
        tx.update_mask(mask.id, label="painted")
    qtbot.waitUntil(lambda: said(window) == STEPS[2].text)
    with document.transaction("Accept") as tx:
        tx.update_mask(mask.id, accepted=True)
    qtbot.waitUntil(lambda: said(window) == STEPS[3].text)
    recipe = EditRecipe("replace", Surface(document.size, 1))
    layer = EditLayer("metal bench", recipe=recipe)
    with document.transaction("Replace") as tx:
        tx.add_layer(layer, Surface(document.size, 4))
    qtbot.waitUntil(lambda: said(window) == STEPS[4].text)
    with document.transaction("Hide layer") as tx:
        tx.update_layer(layer.id, visible=False)
    qtbot.waitUntil(lambda: said(window) == GOODBYE)
    assert not tour.running


def test_a_step_that_was_closed_is_said_again(qtbot, window, document) -> None:
    window.session.document = document
    tour = Tour(window)
    tour.start(document)
    window.prompt.message = ""
    qtbot.waitUntil(lambda: len(window.told) == 2)
    assert said(window) == STEPS[0].text
    tour.end()


def test_another_document_ends_it(qtbot, window, document) -> None:
    window.session.document = document
    tour = Tour(window)
    tour.start(document)
    window.session.document = Document(replace(document.size, width=5))
    qtbot.waitUntil(lambda: not tour.running)
