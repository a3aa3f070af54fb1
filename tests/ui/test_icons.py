from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon

from ovedit.resources import resource_path
from ovedit.ui.icons import ICON_ROLES, app_icon, icon, icon_names
from ovedit.ui.qimage import to_array
from ovedit.ui.theme import Theme
from ovedit.ui.tokens import DARK, LIGHT

SIZE = QSize(18, 18)


def _pixels(
    shown: QIcon,
    ratio: float = 1.0,
    mode: QIcon.Mode = QIcon.Mode.Normal,
    state: QIcon.State = QIcon.State.Off,
) -> np.ndarray:
    return to_array(shown.pixmap(SIZE, ratio, mode, state).toImage())


def _ink(pixels: np.ndarray) -> str:
    """The colour of the most opaque pixel."""
    y, x = np.unravel_index(pixels[..., 3].argmax(), pixels.shape[:2])
    return QColor(*(int(v) for v in pixels[y, x, :3])).name()


def test_what_the_window_needs_is_there() -> None:
    needed = {
        "move",
        "pan",
        "zoom",
        "brush",
        "eraser",
        "lasso",
        "rect-select",
        "wand",
        "point-add",
        "point-subtract",
        "box",
        "picker",
        "quick-mask",
        "eye",
        "eye-off",
        "lock",
        "plus",
        "duplicate",
        "trash",
        "more",
        "check",
        "cross",
        "rerun",
        "vary",
        "undo",
        "redo",
        "open",
        "save",
        "export",
        "invert",
        "grow",
        "shrink",
        "feather",
        "fill-holes",
        "specks",
        "union",
        "intersect",
        "subtract",
        "snap",
        "heat-map",
        "solo",
        "settings",
        "pin",
        "warning",
        "info",
        "error",
        "chevron-down",
        "chevron-up",
        "chevron-left",
        "chevron-right",
        "download",
        "engine",
        "fit",
    }
    assert needed <= set(icon_names())


@pytest.mark.parametrize("name", icon_names())
def test_every_icon_is_an_18_px_line_drawing_without_a_colour_of_its_own(name: str) -> None:
    svg = resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")
    assert 'viewBox="0 0 18 18"' in svg
    assert 'stroke-width="1.5"' in svg
    assert "#" not in svg


@pytest.mark.parametrize("name", icon_names())
def test_every_icon_draws_something_within_its_frame(name: str, dark: Theme) -> None:
    alpha = _pixels(icon(name), 4.0)[..., 3]
    assert alpha.shape == (72, 72)
    assert alpha.any()
    edges = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert not edges.any()


def test_an_icon_takes_the_colour_of_the_theme_in_use(dark: Theme) -> None:
    shown = icon("plus")
    assert _ink(_pixels(shown)) == DARK.text
    dark.set_choice("light")
    assert _ink(_pixels(shown)) == LIGHT.text


def test_modes_and_states_have_their_colours(dark: Theme) -> None:
    tool = icon("brush", "tool")
    assert _ink(_pixels(tool, 2.0)) == DARK.dim
    assert _ink(_pixels(tool, 2.0, mode=QIcon.Mode.Active)) == DARK.text
    assert _ink(_pixels(tool, 2.0, state=QIcon.State.On)) == DARK.on_accent
    for role in ICON_ROLES:
        assert _ink(_pixels(icon("brush", role), 2.0, QIcon.Mode.Disabled)) == DARK.disabled


def test_a_checked_button_can_show_another_drawing(dark: Theme) -> None:
    both = icon("eye-off", "text", on="eye")
    assert np.array_equal(_pixels(both, state=QIcon.State.On), _pixels(icon("eye")))
    assert np.array_equal(_pixels(both), _pixels(icon("eye-off")))


def test_an_icon_is_drawn_anew_for_a_finer_screen(dark: Theme) -> None:
    once, twice = _pixels(icon("settings")), _pixels(icon("settings"), 2.0)
    assert twice.shape == (36, 36, 4)
    assert not np.array_equal(twice, once.repeat(2, axis=0).repeat(2, axis=1))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="no icon named 'sparkel'"):
        icon("sparkel")
    with pytest.raises(KeyError, match="no icon named 'ey'"):
        icon("eye-off", on="ey")


def test_the_application_icon_comes_in_several_sizes(dark: Theme) -> None:
    assert {size.width() for size in app_icon().availableSizes()} >= {16, 32, 64, 256}
