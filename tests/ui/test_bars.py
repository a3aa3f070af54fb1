"""Options row, status row, tool column, recent files, and where the window was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QColorDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QWidget,
)
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from ovedit.document import Document
from ovedit.geometry import Size
from ovedit.io import openraster
from ovedit.ui.commands import mask
from ovedit.ui.main_window import MainWindow
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.recent import RecentFiles
from ovedit.ui.start_page import RecentFile
from ovedit.ui.status_row import StatusRow, grouped
from ovedit.ui.theme import Theme
from ovedit.ui.tools import TOOLS
from tests.ui.conftest import MakeWindow, picture

LEFT = Qt.MouseButton.LeftButton
W = TypeVar("W", bound=QWidget)


def named(place: QWidget, kind: type[W], name: str) -> W:
    """The one widget of a kind with this accessible name or these words."""

    def words(widget: QWidget) -> str:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        return widget.accessibleName() or text

    found = [widget for widget in place.findChildren(kind) if words(widget) == name]
    assert len(found) == 1, [words(widget) for widget in place.findChildren(kind)]
    return found[0]


# -- options row -----------------------------------------------------------------------------------


def test_each_tool_shows_what_it_needs(window: MainWindow, document: Document):
    bar = window.options_bar
    window.resize(1600, 1000)
    shown: dict[str, set[str]] = {}
    for tools in TOOLS:
        for tool in tools:
            window.use_tool(tool.name)
            shown[tool.name] = {name for name, part in bar._parts.items() if part.isVisible()}
    assert shown["brush"] == {"size", "hardness", "opacity", "subtract", "colour"}
    assert "size" not in shown["pan"]
    assert {"tolerance", "contiguous"} <= shown["wand"]


def test_in_a_narrow_window_some_options_give_way(window: MainWindow, document: Document):
    bar = window.options_bar
    window.use_tool("brush")
    window.resize(820, 600)
    assert window.width() == 820
    assert bar._parts["size"].isVisible()
    assert not bar._parts["opacity"].isVisible()
    window.resize(1600, 1000)
    assert bar._parts["opacity"].isVisible()


def test_on_a_mask_the_brush_has_no_colour_and_can_snap(
    window: MainWindow, document: Document, qtbot: QtBot
):
    mask.new(window.context)
    qtbot.wait(5)
    window.resize(1600, 1000)
    parts = window.options_bar._parts
    assert not parts["colour"].isVisible()
    assert parts["snap"].isVisible()


def test_options_are_set_with_the_bars_controls(window: MainWindow, document: Document):
    bar, options = window.options_bar, window.options
    size = named(bar, QLineEdit, "Size")
    size.setFocus()
    size.selectAll()
    QTest.keyClicks(size, "120")
    QTest.keyClick(size, Qt.Key.Key_Return)
    assert options.size == 120
    hardness = named(bar, QAbstractSlider, "Hardness")
    hardness.setFocus()
    QTest.keyClick(hardness, Qt.Key.Key_Home)
    assert options.hardness == 0
    QTest.mouseClick(named(bar, QAbstractButton, "Erase"), LEFT)
    assert options.subtract
    assert not named(bar, QAbstractButton, "Add").isChecked()
    window.use_tool("wand")
    QTest.mouseClick(named(bar, QAbstractButton, "Contiguous"), LEFT)
    assert not options.contiguous


def test_the_colour_is_asked_for(window: MainWindow, document: Document, monkeypatch: MonkeyPatch):
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor(1, 2, 3))
    QTest.mouseClick(named(window.options_bar, QAbstractButton, "Brush colour"), LEFT)
    assert window.options.colour == (1, 2, 3)
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor())
    QTest.mouseClick(named(window.options_bar, QAbstractButton, "Brush colour"), LEFT)
    assert window.options.colour == (1, 2, 3)


def test_a_key_that_changes_an_option_shows_in_the_bar(window: MainWindow, document: Document):
    before = window.options.size
    QTest.keyClick(window.canvas, Qt.Key.Key_BracketRight)
    assert window.options.size > before
    assert named(window.options_bar, QLineEdit, "Size").text() == f"{window.options.size:.0f} px"


def test_the_first_brush_suits_the_picture_and_the_persons_own_stays(
    window: MainWindow, document: Document
):
    assert window.options.size == 24
    window.session.show_pixels(picture(3000, 2000), "larger")
    assert window.options.size == 50
    QTest.keyClick(window.canvas, Qt.Key.Key_BracketRight)
    own = window.options.size
    window.session.show_pixels(picture(), "small again")
    assert window.options.size == own
    assert named(window.options_bar, QLineEdit, "Size").text() == f"{own:.0f} px"


# -- tools -----------------------------------------------------------------------------------------


def test_tools_are_chosen_by_button_and_by_key(window: MainWindow, document: Document):
    def in_hand() -> str:
        tool = window.canvas.tool
        assert tool is not None
        return tool.name

    for tools in TOOLS:
        for tool in tools:
            QTest.mouseClick(window.tool_column.buttons[tool.name], LEFT)
            assert in_hand() == tool.name
    for tools in TOOLS:
        for tool in tools:
            window.canvas.setFocus()
            QTest.keyClicks(window.canvas, tool.shortcut.lower())
            assert in_hand() == tool.name
            checked = [n for n, b in window.tool_column.buttons.items() if b.isChecked()]
            assert checked == [tool.name]


def test_tools_cannot_be_used_without_a_picture(window: MainWindow):
    assert not window.tool_column.isEnabled()
    assert not window.options_bar.isEnabled()


# -- status row ------------------------------------------------------------------------------------


@pytest.fixture
def status(qtbot: QtBot, dark: Theme) -> Iterator[StatusRow]:
    status = StatusRow()
    qtbot.addWidget(status)
    status.resize(1200, 30)
    status.show()
    yield status


def text(status: StatusRow, name: str) -> str:
    return named(status, QLabel, name).text()


def test_numbers_are_grouped():
    assert [grouped(n) for n in (7, 1234, 1234567)] == [
        "7",
        "1\u2009234",
        "1\u2009234\u2009567",
    ]


def test_the_position_is_that_of_a_pixel_or_empty(status: StatusRow):
    status.show_position(12.9, 1000.2, Size(2000, 1001))
    assert text(status, "Position") == "x 12   y 1\u2009000"
    for x, y in ((-0.5, 3), (3, -0.5), (2000, 3), (3, 1001)):
        status.show_position(x, y, Size(2000, 1001))
        assert text(status, "Position") == ""


def test_zoom_and_picture(status: StatusRow):
    status.show_zoom(0.0333)
    assert text(status, "Zoom") == "3.3 %"
    status.show_zoom(1)
    assert text(status, "Zoom") == "100 %"
    status.show_picture(Size(6000, 4000))
    assert text(status, "Picture") == "6\u2009000 × 4\u2009000 · sRGB · 8 bit"
    status.show_picture(None)
    assert text(status, "Picture") == text(status, "Zoom") == ""


def test_the_running_job_shows_with_a_way_to_stop_it(status: StatusRow, qtbot: QtBot):
    cancel = named(status, QAbstractButton, "Cancel")
    assert not cancel.isVisible()
    status.show_job(JobView("1", "Remove bench", fraction=0.5, seconds_left=65))
    assert cancel.isVisible()
    with qtbot.waitSignal(status.cancel_requested):
        QTest.mouseClick(cancel, LEFT)
    status.show_job(JobView("1", "Remove bench", cancelling=True))
    assert not cancel.isEnabled()
    status.show_job(None)
    assert not cancel.isVisible()


@pytest.mark.parametrize("width", [820, 500])
def test_a_long_job_leaves_the_row_narrow(status: StatusRow, width: int):
    status.show_picture(Size(6000, 4000))
    status.show_engine("Basic (built in)")
    status.resize(width, status.height())
    status.show_job(JobView("1", "Replace → a very long wish " * 8, fraction=0.5, seconds_left=65))
    assert status.minimumSizeHint().width() <= 500
    cancel = named(status, QAbstractButton, "Cancel")
    assert cancel.isVisible()
    right = cancel.mapTo(status, cancel.rect().topRight()).x()
    assert right <= width
    status.resize(1600, status.height())
    assert text(status, "Time left") == "1:05 left"
    assert named(status, QProgressBar, "Progress of the running job").isVisible()


def test_the_window_stays_small_through_the_main_job(
    window: MainWindow, document: Document, qtbot: QtBot
):
    window.resize(820, 600)
    window.prompt.phrase.setFocus()
    QTest.keyClicks(window.prompt.phrase, "wooden bench, tree")
    QTest.keyClick(window.prompt.phrase, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(document.masks) == 2)
    assert (window.width(), window.height()) == (820, 600)
    document.set_current(masks=(document.masks[0].id,))
    window.prompt.edit_line.set_variations(4)
    window.prompt.words.setFocus()
    QTest.keyClicks(window.prompt.words, "a rather long wish for a metal bench")
    QTest.keyClick(window.prompt.words, Qt.Key.Key_Return)
    strip = window.gallery_desk.strip
    qtbot.waitUntil(lambda: sum(thumb.ready for thumb in strip.thumbs) == 4)
    assert (window.width(), window.height()) == (820, 600)
    assert strip.geometry().bottom() < window.prompt.y()
    qtbot.mouseClick(strip.thumbs[0], Qt.MouseButton.LeftButton)
    assert len(document.layers) == 2
    qtbot.wait(20)
    assert (window.width(), window.height()) == (820, 600)


def test_the_pointers_place_shows_while_it_is_over_the_picture(
    window: MainWindow, document: Document
):
    QTest.mouseMove(window.canvas, window.canvas.widget_point(10.5, 20.5).toPoint())
    window.canvas.hovered.emit(10.5, 20.5)
    assert text(window.status, "Position") == "x 10   y 20"
    window.canvas.hovered.emit(-1.0, -1.0)
    assert text(window.status, "Position") == ""


# -- recent files ----------------------------------------------------------------------------------


def test_recent_files_that_are_there_get_a_picture(
    qtbot: QtBot, tmp_path: Path, document: Document
):
    photo, project, gone = (tmp_path / name for name in ("a.jpg", "b.ora", "gone.png"))
    Image.fromarray(picture()[..., :3]).resize((960, 640)).save(photo)
    openraster.save_project(project, document.snapshot())
    broken = tmp_path / "broken.ora"
    broken.write_bytes(b"no zip")
    recent = RecentFiles()
    found: list[list[RecentFile]] = []
    recent.found.connect(found.append)
    paths = tuple(str(path) for path in (project, gone, photo, broken))
    recent.show(paths)
    recent.show(paths)
    qtbot.waitUntil(lambda: bool(found))
    assert len(found) == 1
    assert [file.name for file in found[0]] == ["b.ora", "a.jpg", "broken.ora"]
    assert [file.thumbnail.isNull() for file in found[0]] == [False, False, True]
    assert found[0][1].thumbnail.width() <= 240

    # A file that was written again gets a new picture, another keeps the one it has.
    kept = found[0][0].thumbnail.cacheKey()
    Image.new("RGB", (960, 640), "red").save(photo)
    os.utime(photo, (1, 1))
    recent.show(paths[:3])
    recent.show(paths[:3])
    qtbot.waitUntil(lambda: len(found) == 2)
    assert found[1][0].thumbnail.cacheKey() == kept
    red = found[1][1].thumbnail.pixelColor(20, 20)
    assert red.red() > 240
    assert red.green() < 20


def test_the_start_page_and_the_menu_offer_recent_files(
    make_window: MakeWindow, tmp_path: Path, qtbot: QtBot
):
    path = tmp_path / "a.png"
    Image.fromarray(picture()[..., :3]).save(path)
    window = make_window(recent_files=(str(path),))
    assert [action.text() for action in window.menus.recent.actions()] == ["a.png"]

    def offered() -> list[QAbstractButton]:
        return [b for b in window.start.findChildren(QAbstractButton) if b.text() == "a.png"]

    qtbot.waitUntil(lambda: bool(offered()))
    QTest.mouseClick(offered()[0], LEFT)
    qtbot.waitUntil(lambda: window.session.document is not None)
    assert window.session.title == "a.png"


# -- where the window was --------------------------------------------------------------------------


def test_docks_are_where_they_were(make_window: MakeWindow, qtbot: QtBot):
    first = make_window()
    first.docks.all[2].hide()
    first.resize(1234, 777)
    qtbot.wait(5)
    assert first.close()
    second = make_window()
    assert second.docks.all[2].isHidden()
    assert not second.docks.all[1].isHidden()


def test_a_file_of_places_that_is_rubbish_is_no_obstacle(
    make_window: MakeWindow, _own_folders: Path
):
    (_own_folders / "window.ini").write_bytes(b"\x00\xff rubbish [General]\ngeometry=1\ndocks=2\n")
    window = make_window()
    assert not window.docks.all[0].isHidden()
