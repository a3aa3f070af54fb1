from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from ovedit.ui.qimage import to_array
from ovedit.ui.theme import Theme
from ovedit.ui.tokens import DARK
from ovedit.ui.widgets.basics import ElidedLabel, Swatch, ThinBar, Thumbnail
from ovedit.ui.widgets.buttons import CheckBox
from ovedit.ui.widgets.segmented import SegmentedControl
from ovedit.ui.widgets.shadow import Shadow

LEFT = Qt.MouseButton.LeftButton


def _shown(qtbot: QtBot, widget: QWidget) -> QImage:
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget.grab().toImage()


def _colour(image: QImage, x: int, y: int) -> str:
    return image.pixelColor(x, y).name()


def test_a_clipped_text_shows_in_full_as_tool_tip(qtbot: QtBot, dark: Theme) -> None:
    label = ElidedLabel("a very long phrase that somebody typed", "· 2 instances")
    label.resize(400, 20)
    _shown(qtbot, label)
    assert label.toolTip() == ""
    label.resize(150, 20)
    label.grab()
    assert label.toolTip() == "a very long phrase that somebody typed · 2 instances"


def test_an_elided_label_never_draws_past_its_end(qtbot: QtBot, dark: Theme) -> None:
    label = ElidedLabel("wooden bench", "seed 7")
    label.setFixedSize(label.sizeHint())
    pixels = to_array(_shown(qtbot, label))
    background = pixels[0, -1]
    assert (pixels[:, -1] == background).all()
    assert (pixels != background).any()


@pytest.mark.parametrize(
    ("fraction", "left", "right"),
    [(0.0, DARK.line, DARK.line), (0.5, DARK.accent, DARK.line), (1.0, DARK.accent, DARK.accent)],
)
def test_a_bar_is_filled_as_far_as_the_work_is(
    qtbot: QtBot, dark: Theme, fraction: float, left: str, right: str
) -> None:
    bar = ThinBar()
    bar.setFixedWidth(200)
    bar.set_fraction(fraction)
    image = _shown(qtbot, bar)
    assert (_colour(image, 50, 2), _colour(image, 150, 2)) == (left, right)


def test_a_bar_without_an_end_is_striped(qtbot: QtBot, dark: Theme) -> None:
    bar = ThinBar()
    bar.setFixedWidth(200)
    bar.set_fraction(None)
    image = _shown(qtbot, bar)
    assert {DARK.line, DARK.accent} <= {_colour(image, x, 2) for x in range(4, 196)}
    bar.set_fraction(0.25)
    assert bar.value() == 250


def test_a_thumbnail_shows_checks_where_it_is_transparent(qtbot: QtBot, dark: Theme) -> None:
    picture = QImage(100, 100, QImage.Format.Format_RGBA8888)
    picture.fill(Qt.GlobalColor.transparent)
    for x in range(50):
        for y in range(100):
            picture.setPixelColor(x, y, QColor("#ff0000"))
    thumbnail = Thumbnail(60, 60)
    thumbnail.set_image(picture)
    image = _shown(qtbot, thumbnail)
    assert _colour(image, 10, 30) == "#ff0000"
    assert {_colour(image, x, 30) for x in range(35, 55)} == {"#ffffff", "#c9cdd2"}


def test_a_swatch_has_its_colour(qtbot: QtBot, dark: Theme) -> None:
    swatch = Swatch("#e69f00")
    assert _colour(_shown(qtbot, swatch), 7, 7) == "#e69f00"
    swatch.set_colour("#56b4e9")
    assert _colour(swatch.grab().toImage(), 7, 7) == "#56b4e9"


def test_a_check_box_is_clicked_on_box_and_words_alone(qtbot: QtBot, dark: Theme) -> None:
    box = CheckBox("Keep camera data")
    box.resize(400, 24)
    _shown(qtbot, box)
    qtbot.mouseClick(box, LEFT, pos=QPoint(390, 12))
    assert not box.isChecked()
    qtbot.mouseClick(box, LEFT, pos=QPoint(60, 12))
    assert box.isChecked()
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, 12))
    assert not box.isChecked()


def test_a_segmented_control_is_one_stop_for_tab(qtbot: QtBot, dark: Theme) -> None:
    control = SegmentedControl("What to do", [("a", "One"), ("b", "Two"), ("c", "Three")])
    _shown(qtbot, control)
    stops = [key for key in "abc" if control.button(key).focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops == ["a"]
    with qtbot.waitSignal(control.chosen) as told:
        qtbot.mouseClick(control.button("c"), LEFT)
    assert told.args == ["c"]
    stops = [key for key in "abc" if control.button(key).focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops == ["c"]


def test_a_choice_set_from_outside_is_silent_and_a_barred_one_is_skipped(
    qtbot: QtBot, dark: Theme
) -> None:
    control = SegmentedControl("What to do", [("a", "One"), ("b", "Two"), ("c", "Three")])
    _shown(qtbot, control)
    with qtbot.assertNotEmitted(control.chosen):
        control.set_current("a")
    control.set_choice_enabled("b", False, "Not now.")
    qtbot.keyClick(control.button("a"), Qt.Key.Key_Right)
    assert control.current == "c"
    with pytest.raises(KeyError):
        control.set_current("d")


def test_a_shadow_follows_what_casts_it_and_lets_clicks_through(qtbot: QtBot, dark: Theme) -> None:
    window = QWidget()
    window.resize(300, 200)
    caster = QWidget(window)
    caster.setGeometry(60, 60, 100, 50)
    shadow = Shadow(caster, 12)
    _shown(qtbot, window)
    caster.move(90, 80)
    assert shadow.geometry().center().x() == caster.geometry().center().x()
    assert shadow.geometry().contains(caster.geometry())
    assert window.childAt(85, 75) is not shadow
    caster.hide()
    assert not shadow.isVisible()
