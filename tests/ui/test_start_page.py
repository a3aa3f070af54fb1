from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from ovedit.ui.start_page import DropArea, RecentFile, StartPage
from ovedit.ui.theme import Theme

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, dark: Theme) -> Iterator[StartPage]:
    page = StartPage()
    qtbot.addWidget(page)
    page.resize(1000, 900)
    with qtbot.waitExposed(page):
        page.show()
    yield page


def _drop(target: QWidget, data: QMimeData) -> bool:
    """Drag over and drop; whether the drag was welcome."""
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, data, LEFT, none)
    enter.ignore()
    QApplication.sendEvent(target, enter)
    if enter.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(50, 50), copy, data, LEFT, none))
    return enter.isAccepted()


def _files(*paths: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    return data


def test_open_and_open_sample(page: StartPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.open_requested):
        qtbot.mouseClick(page.open_button, LEFT)
    with qtbot.waitSignal(page.sample_requested):
        qtbot.mouseClick(page.sample_button, LEFT)


def test_files_can_be_dropped_anywhere(page: StartPage, qtbot: QtBot) -> None:
    for target in (page.findChild(DropArea), page.viewport()):
        assert isinstance(target, QWidget)
        with qtbot.waitSignal(page.files_dropped) as told:
            assert _drop(target, _files("/pictures/bench.jpg", "/pictures/tree.png"))
        assert told.args == [("/pictures/bench.jpg", "/pictures/tree.png")]


def test_what_is_no_file_is_not_welcome(page: StartPage) -> None:
    words, link = QMimeData(), QMimeData()
    words.setText("bench")
    link.setUrls([QUrl("https://example.org/bench.jpg")])
    area = page.findChild(DropArea)
    assert isinstance(area, QWidget)
    assert not _drop(area, words)
    assert not _drop(area, link)


def test_recent_files_open_by_click_and_by_key(page: StartPage, qtbot: QtBot) -> None:
    assert not page._recent.isVisible()
    page.set_recent([RecentFile("/a/bench.ora", "bench.ora"), RecentFile("/b/t.png", "t.png")])
    buttons = {b.accessibleName(): b for b in page.findChildren(QAbstractButton) if b.isVisible()}
    with qtbot.waitSignal(page.recent_requested) as told:
        qtbot.mouseClick(buttons["Open bench.ora"], LEFT)
    assert told.args == ["/a/bench.ora"]
    with qtbot.waitSignal(page.recent_requested) as told:
        qtbot.keyClick(buttons["Open t.png"], Qt.Key.Key_Space)
    assert told.args == ["/b/t.png"]


def test_recent_files_are_replaced_and_end_after_two_lines(page: StartPage, qtbot: QtBot) -> None:
    page.set_recent([RecentFile(f"/{n}", f"{n}.png") for n in range(20)])
    page.set_recent([RecentFile(f"/{n}", f"{n}.jpg") for n in range(12)])

    def shown() -> list[str]:
        names = [b.text() for b in page.findChildren(QAbstractButton) if b.isVisible()]
        return [name for name in names if name.endswith((".png", ".jpg"))]

    qtbot.waitUntil(lambda: shown() == [f"{n}.jpg" for n in range(8)])
