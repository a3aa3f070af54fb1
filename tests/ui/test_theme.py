from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QFileDialog, QToolButton
from pytestqt.qtbot import QtBot

from ovedit.ui import theme as themes
from ovedit.ui.stylesheet import stylesheet
from ovedit.ui.theme import Theme
from ovedit.ui.tokens import DARK, LIGHT, Tokens, contrast, mix

BOTH = pytest.mark.parametrize("t", [DARK, LIGHT], ids=lambda t: t.name)

# (text, background) as they meet in the window.
TEXT_PAIRS = [
    *[("text", back) for back in ("window", "panel", "raised", "canvas", "selected", "hover")],
    *[("text", back) for back in ("raised_hover", "chosen", "line")],
    *[("dim", back) for back in ("window", "panel", "raised", "hover")],
    *[("selected_dim", back) for back in ("selected", "canvas")],
    *[("on_accent", back) for back in ("accent", "accent_hover")],
]
# (line or icon, background): 3:1 is what WCAG asks of graphics.
GRAPHIC_PAIRS = [
    (mark, back)
    for mark in ("accent", "good", "warning", "bad")
    for back in ("panel", "raised", "selected")
] + [("border_strong", "panel"), ("border_strong", "raised"), ("border_strong", "canvas")]


@BOTH
@pytest.mark.parametrize(("text", "back"), TEXT_PAIRS)
def test_text_can_be_read(t: Tokens, text: str, back: str) -> None:
    assert contrast(getattr(t, text), getattr(t, back)) >= 4.5


@BOTH
@pytest.mark.parametrize(("mark", "back"), GRAPHIC_PAIRS)
def test_lines_and_icons_can_be_seen(t: Tokens, mark: str, back: str) -> None:
    assert contrast(getattr(t, mark), getattr(t, back)) >= 3.0


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#123456", "#123456") == 1.0


def test_mix_goes_from_one_colour_to_the_other() -> None:
    assert mix("#102030", "#ffffff", 0.0) == "#102030"
    assert mix("#102030", "#ffffff", 1.0) == "#ffffff"
    assert mix("#000000", "#ffffff", 0.5) == "#808080"


@BOTH
def test_the_style_sheet_has_every_colour_filled_in(t: Tokens) -> None:
    sheet = stylesheet(t)
    assert "$" not in sheet
    assert t.accent in sheet
    other = LIGHT if t is DARK else DARK
    assert other.panel not in sheet


def test_a_choice_overrides_the_system_and_is_told(
    qapp: QApplication, dark: Theme, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(dark.changed) as told:
        dark.set_choice("light")
    assert told.args == [LIGHT]
    assert themes.tokens() is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == LIGHT.panel


# The offscreen platform has no colour scheme to set, so these tests speak in the system's place.


def test_following_the_system_changes_with_it(qapp: QApplication, dark: Theme) -> None:
    dark.set_choice("system")
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert themes.tokens() is LIGHT
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert themes.tokens() is DARK


def test_a_choice_does_not_follow_the_system(qapp: QApplication, dark: Theme) -> None:
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert themes.tokens() is DARK


def test_applying_twice_keeps_one_theme(qapp: QApplication, dark: Theme) -> None:
    assert themes.apply(qapp, "light") is dark
    assert dark.choice == "light"


def test_text_is_13_px_with_figures_of_one_width(qapp: QApplication, dark: Theme) -> None:
    font = themes.text_font(qapp.font())
    assert font.pixelSize() == 13
    assert font.featureValue(themes.QFont.Tag("tnum")) == 1


@BOTH
def test_the_arrows_of_qts_own_file_dialog_are_legible(
    qapp: QApplication, qtbot: QtBot, dark: Theme, t: Tokens
) -> None:
    themes.apply(qapp, t.name)
    dialog = QFileDialog()
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.ensurePolished()
    for name in ("backButton", "forwardButton", "toParentButton"):
        button = dialog.findChild(QToolButton, name)
        assert isinstance(button, QToolButton)
        button.ensurePolished()
        image = button.icon().pixmap(32, 32).toImage()
        colours = [image.pixelColor(x, y) for x in range(32) for y in range(32)]
        drawn = {colour.name() for colour in colours if colour.alpha() == 255}
        assert drawn
        for colour in drawn:
            assert min(contrast(colour, back) for back in (t.panel, t.hover)) >= 3.0
