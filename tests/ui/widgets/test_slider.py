from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from ovedit.ui.theme import Theme
from ovedit.ui.widgets.slider import LabelledSlider

KEEP_FIXTURES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def size(qtbot: QtBot, dark: Theme) -> LabelledSlider:
    slider = LabelledSlider("Size", 1, 500, unit="px", curve=2.0)
    qtbot.addWidget(slider)
    slider.resize(300, 30)
    with qtbot.waitExposed(slider):
        slider.show()
    return slider


@KEEP_FIXTURES
@given(value=st.integers(1, 500))
def test_a_number_set_is_the_number_shown(size: LabelledSlider, value: int) -> None:
    size.set_value(value)
    assert size.value == value
    assert size.field is not None and size.field.text() == f"{value} px"


@pytest.mark.parametrize(("given", "kept"), [(-5, 1), (0, 1), (501, 500), (1e9, 500)])
def test_a_number_stays_within_its_limits(size: LabelledSlider, given: float, kept: float) -> None:
    size.set_value(given)
    assert size.value == kept


def test_setting_it_is_silent(size: LabelledSlider, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(size.moved), qtbot.assertNotEmitted(size.committed):
        size.set_value(120)


def test_the_handle_comes_to_where_it_is_pressed(size: LabelledSlider, qtbot: QtBot) -> None:
    bar = size.slider
    with qtbot.waitSignal(size.moved):
        qtbot.mousePress(
            bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() - 2, bar.height() // 2)
        )
    assert size.value == 500 and size.dragging
    with qtbot.waitSignal(size.committed) as told:
        qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(0, 0))
    assert told.args == [500]
    assert not size.dragging


def test_a_curve_gives_small_numbers_more_of_the_way(size: LabelledSlider, qtbot: QtBot) -> None:
    bar = size.slider
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.rect().center())
    assert 110 <= size.value <= 140


@pytest.mark.parametrize(
    ("key", "modifier", "after"),
    [
        (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, 49),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier, 47),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier, 58),
    ],
)
def test_keys_step_the_number(
    size: LabelledSlider, qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier, after: int
) -> None:
    size.set_value(48)
    assert size.field is not None
    size.field.setFocus()
    with qtbot.waitSignal(size.committed) as told:
        qtbot.keyClick(size.field, key, modifier)
    assert told.args == [after]
    assert size.value == after


@pytest.mark.parametrize("typed", ["64", "64 px", " 64px "])
def test_a_number_is_typed_with_or_without_its_unit(
    size: LabelledSlider, qtbot: QtBot, typed: str
) -> None:
    assert size.field is not None
    size.field.setFocus()
    size.field.selectAll()
    qtbot.keyClicks(size.field, typed)
    qtbot.keyClick(size.field, Qt.Key.Key_Return)
    assert size.value == 64
    assert size.field.text() == "64 px"


def test_a_comma_is_a_point(qtbot: QtBot, dark: Theme) -> None:
    feather = LabelledSlider("Feather", 0, 20, decimals=1, unit="px")
    qtbot.addWidget(feather)
    feather.show()
    assert feather.field is not None
    feather.field.setFocus()
    feather.field.selectAll()
    qtbot.keyClicks(feather.field, "2,5")
    qtbot.keyClick(feather.field, Qt.Key.Key_Return)
    assert feather.value == 2.5


def test_escape_drops_what_was_typed(size: LabelledSlider, qtbot: QtBot) -> None:
    size.set_value(48)
    assert size.field is not None
    size.field.setFocus()
    qtbot.keyClicks(size.field, "7")
    qtbot.keyClick(size.field, Qt.Key.Key_Escape)
    assert size.field.text() == "48 px"
    assert size.value == 48
