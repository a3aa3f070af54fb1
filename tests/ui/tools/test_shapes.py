from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt

from ovedit.document import Document
from ovedit.geometry import Rect, Size
from ovedit.ui.tools import Tool
from ovedit.ui.tools.shapes import LassoTool, RectangleTool, WandTool
from tests.ui.canvas.scenes import ALT, CTRL, NO_KEYS, SHIFT, coverage, document_of, picture
from tests.ui.tools.conftest import Bench

SIZE = Size(200, 160)
Make = Callable[[type[Tool], Document], Bench]
FIRST, SECOND = Rect(20, 20, 60, 60), Rect(50, 50, 60, 60)


def solid(rect: Rect) -> np.ndarray:
    out = np.zeros((SIZE.height, SIZE.width), bool)
    out[rect.slices] = True
    return out


def selection(document: Document) -> np.ndarray:
    surface = document.state.selection
    assert surface is not None
    return surface.array()


def drag_rect(b: Bench, rect: Rect, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
    b.hands.drag((rect.x, rect.y), (rect.right, rect.bottom), keys=keys)


def drag_lasso(b: Bench, rect: Rect, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
    corners = [
        (rect.x, rect.y),
        (rect.right, rect.y),
        (rect.right, rect.bottom),
        (rect.x, rect.bottom),
    ]
    b.hands.drag(*corners, keys=keys)


CASES = [
    (NO_KEYS, solid(SECOND), solid(FIRST) | solid(SECOND)),
    (SHIFT, solid(FIRST) | solid(SECOND), solid(FIRST) | solid(SECOND)),
    (ALT, solid(FIRST) & ~solid(SECOND), solid(FIRST) & ~solid(SECOND)),
    (CTRL, solid(FIRST) & ~solid(SECOND), solid(FIRST) & ~solid(SECOND)),
    (SHIFT | ALT, solid(FIRST) & solid(SECOND), solid(FIRST) & solid(SECOND)),
    (SHIFT | CTRL, solid(FIRST) & solid(SECOND), solid(FIRST) & solid(SECOND)),
]


@pytest.mark.parametrize(("keys", "expected", "_on_mask"), CASES)
def test_rectangles_change_the_selection(
    bench: Make, keys: Qt.KeyboardModifier, expected: np.ndarray, _on_mask: np.ndarray
) -> None:
    b = bench(RectangleTool, document_of(SIZE))
    drag_rect(b, FIRST)
    drag_rect(b, SECOND, keys)
    assert np.array_equal(selection(b.document), expected * 255)


@pytest.mark.parametrize(("keys", "_on_selection", "expected"), CASES)
def test_rectangles_change_the_current_mask(
    bench: Make, keys: Qt.KeyboardModifier, _on_selection: np.ndarray, expected: np.ndarray
) -> None:
    document = document_of(SIZE, masks=1)
    document.set_current(masks=(document.masks[0].id,))
    b = bench(RectangleTool, document)
    drag_rect(b, SIZE.rect.padded(3), ALT)
    assert not coverage(document).any()
    drag_rect(b, FIRST)
    drag_rect(b, SECOND, keys)
    assert np.array_equal(coverage(document), expected * 255)
    assert document.state.selection is None


@pytest.mark.parametrize(("keys", "expected", "_on_mask"), CASES)
def test_lassos_change_the_selection(
    bench: Make, keys: Qt.KeyboardModifier, expected: np.ndarray, _on_mask: np.ndarray
) -> None:
    b = bench(LassoTool, document_of(SIZE))
    drag_lasso(b, FIRST)
    drag_lasso(b, SECOND, keys)
    # The rim of a polygon is soft, one pixel wide.
    differs = (selection(b.document) >= 128) != expected
    assert differs.sum() < 400
    assert not differs[55:75, 55:75].any()
    assert not differs[25:45, 25:45].any()
    assert not differs[85:105, 85:105].any()


def test_a_lasso_is_one_step_and_undo_restores_the_mask(bench: Make) -> None:
    document = document_of(SIZE, masks=1)
    document.set_current(masks=(document.masks[0].id,))
    b = bench(LassoTool, document)
    before, steps = coverage(document), len(document.history.steps)
    drag_lasso(b, FIRST)
    assert len(document.history.steps) == steps + 1
    assert not np.array_equal(coverage(document), before)
    document.undo()
    assert np.array_equal(coverage(document), before)


def test_a_click_deselects(bench: Make) -> None:
    b = bench(RectangleTool, document_of(SIZE))
    drag_rect(b, FIRST)
    b.hands.click(100, 100)
    assert b.document.state.selection is None
    b.document.undo()
    assert np.array_equal(selection(b.document), solid(FIRST) * 255)


def test_subtracting_everything_leaves_no_selection(bench: Make) -> None:
    b = bench(RectangleTool, document_of(SIZE))
    drag_rect(b, FIRST)
    drag_rect(b, SIZE.rect, ALT)
    assert b.document.state.selection is None


def test_the_subtract_option_is_as_alt_and_shift_overrides_it(bench: Make) -> None:
    b = bench(RectangleTool, document_of(SIZE))
    drag_rect(b, FIRST)
    b.host.options.subtract = True
    drag_rect(b, SECOND)
    assert np.array_equal(selection(b.document), (solid(FIRST) & ~solid(SECOND)) * 255)
    drag_rect(b, SECOND, SHIFT)
    assert np.array_equal(selection(b.document), (solid(FIRST) | solid(SECOND)) * 255)


def test_escape_forgets_the_outline(bench: Make) -> None:
    b = bench(LassoTool, document_of(SIZE))
    bare = picture(b.canvas)
    b.hands.press(20, 20)
    b.hands.move(80, 20)
    b.hands.move(80, 80)
    assert not np.array_equal(picture(b.canvas), bare), "the outline is not seen"
    b.hands.key(Qt.Key.Key_Escape)
    assert np.array_equal(picture(b.canvas), bare)
    b.hands.release(80, 80)
    assert b.document.state.selection is None


def test_a_rectangle_beyond_the_picture_ends_at_its_edge(bench: Make) -> None:
    b = bench(RectangleTool, document_of(SIZE))
    b.hands.drag((150, 120), (230, 190))
    expected = solid(Rect(150, 120, 50, 40)) * 255
    assert np.array_equal(selection(b.document), expected)


def patches() -> Document:
    """Two red patches, apart, on grey."""
    pixels = np.full((SIZE.height, SIZE.width, 4), 128, np.uint8)
    pixels[..., 3] = 255
    for rect in (FIRST, Rect(130, 90, 40, 40)):
        pixels[rect.slices] = (200, 20, 20, 255)
    pixels[30:40, 30:40, 0] = 215
    return Document.from_pixels(pixels, "Patches")


def test_the_wand_takes_what_hangs_together(bench: Make) -> None:
    b = bench(WandTool, patches())
    b.hands.click(60, 60)
    assert np.array_equal(selection(b.document), solid(FIRST) * 255)


def test_the_wand_takes_the_colour_everywhere(bench: Make) -> None:
    b = bench(WandTool, patches())
    b.host.options.contiguous = False
    b.hands.click(60, 60)
    expected = solid(FIRST) | solid(Rect(130, 90, 40, 40))
    assert np.array_equal(selection(b.document), expected * 255)


def test_the_wands_tolerance(bench: Make) -> None:
    b = bench(WandTool, patches())
    b.host.options.tolerance = 10
    b.hands.click(60, 60)
    assert np.array_equal(
        selection(b.document), (solid(FIRST) & ~solid(Rect(30, 30, 10, 10))) * 255
    )


@pytest.mark.parametrize("keys", [SHIFT, ALT])
def test_the_wand_adds_and_takes_away(bench: Make, keys: Qt.KeyboardModifier) -> None:
    b = bench(WandTool, patches())
    b.hands.click(60, 60)
    b.hands.click(150, 110, keys)
    both = solid(FIRST) | solid(Rect(130, 90, 40, 40))
    expected = both if keys == SHIFT else solid(FIRST)
    assert np.array_equal(selection(b.document), expected * 255)


def test_the_wand_off_the_picture_does_nothing(bench: Make) -> None:
    b = bench(WandTool, patches())
    b.hands.click(-20, -20)
    assert b.document.state.selection is None


def test_the_heading_says_what_is_changed(bench: Make) -> None:
    b = bench(LassoTool, document_of(SIZE, masks=1))
    assert b.tool.heading == "Lasso"
    b.document.set_current(masks=(b.document.masks[0].id,))
    assert b.tool.heading == "Mask lasso"
