from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt

from ovedit.document import SELECTION, Document, Surface, pixels_of
from ovedit.geometry import Size
from ovedit.ui.tools import Tool
from ovedit.ui.tools.brushes import BrushTool, EraserTool
from tests.ui.canvas.scenes import ALT, CTRL, SHIFT, coverage, document_of, picture
from tests.ui.tools.conftest import Bench

SIZE = Size(300, 240)
Make = Callable[[type[Tool], Document], Bench]


def with_mask(document: Document, number: int = 0) -> Document:
    document.set_current(masks=(document.masks[number].id,))
    return document


def layer_pixels(document: Document) -> np.ndarray:
    return document.state.surface(pixels_of(document.current_layer_id)).array()


def changed_box(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    different = before != after
    if different.ndim == 3:
        different = different.any(-1)
    rows, columns = np.nonzero(different)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_a_stroke_on_a_mask_is_one_step_and_undo_restores_every_bit(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    before, steps = coverage(b.document), len(b.document.history.steps)
    seen = picture(b.canvas)
    b.hands.drag((30, 40), (60, 40), (90, 45))
    after = coverage(b.document)
    assert (after[40, 30:90] == 255).all()
    left, top, right, bottom = changed_box(before, after)
    assert (left, right) == pytest.approx((24, 96), abs=1)
    assert (top, bottom) == pytest.approx((34, 51), abs=1)
    assert len(b.document.history.steps) == steps + 1
    assert b.document.history.steps[-1].name == "Mask brush"
    assert not np.array_equal(picture(b.canvas), seen)
    b.document.undo()
    assert np.array_equal(coverage(b.document), before)
    assert np.array_equal(picture(b.canvas)[:30], seen[:30])


def test_a_stroke_on_a_layer_paints_the_colour_and_undo_restores_every_bit(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    b.host.options.colour = (10, 200, 30)
    before = layer_pixels(b.document)
    b.hands.drag((50, 60), (80, 90))
    after = layer_pixels(b.document)
    assert after[60, 50].tolist() == [10, 200, 30, 255]
    assert after[75, 65].tolist() == [10, 200, 30, 255]
    assert np.array_equal(after[120:], before[120:])
    b.document.undo()
    assert np.array_equal(layer_pixels(b.document), before)


def test_shift_draws_a_line_from_the_last_strokes_end(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    b.hands.click(20, 20)
    b.hands.click(20, 200, SHIFT)
    assert (coverage(b.document)[20:200, 20] == 255).all()


def test_without_shift_there_is_no_line(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    b.hands.click(20, 20)
    b.hands.click(20, 200)
    assert not coverage(b.document)[60:160, 20].any()


def test_a_shift_line_does_not_come_from_another_mask(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=2)))
    b.hands.click(20, 20)
    with_mask(b.document, 1)
    b.hands.click(20, 200, SHIFT)
    assert not coverage(b.document, 1)[60:160, 20].any()


@pytest.mark.parametrize("key", [ALT, CTRL], ids=["alt", "ctrl"])
def test_a_key_takes_away(bench: Make, key: Qt.KeyboardModifier) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    assert coverage(b.document)[120, 150] == 255
    b.hands.click(150, 120, key)
    assert coverage(b.document)[120, 150] == 0
    assert b.document.history.steps[-1].name == "Mask eraser"


def test_the_eraser_makes_a_layer_transparent_and_keeps_its_colour(bench: Make) -> None:
    b = bench(EraserTool, document_of(SIZE))
    before = layer_pixels(b.document)
    b.hands.click(150, 120)
    after = layer_pixels(b.document)
    assert after[120, 150, 3] == 0
    assert np.array_equal(after[..., :3], before[..., :3])


def test_a_locked_layer_says_so_and_stays_as_it_is(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    with b.document.transaction("Lock") as tx:
        tx.update_layer(b.document.current_layer_id, locked=True)
    before, steps = layer_pixels(b.document), len(b.document.history.steps)
    b.hands.drag((50, 60), (80, 90))
    assert len(b.host.said) == 1
    assert "locked" in str(b.host.said[0])
    assert np.array_equal(layer_pixels(b.document), before)
    assert len(b.document.history.steps) == steps
    assert not b.document.busy


def test_without_a_layer_the_brush_says_what_to_do(bench: Make) -> None:
    b = bench(BrushTool, Document(SIZE))
    b.hands.click(50, 60)
    assert "no layer" in str(b.host.said[0])
    assert not b.document.busy


def test_escape_takes_the_stroke_back(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    before, seen = coverage(b.document), picture(b.canvas)
    steps = len(b.document.history.steps)
    b.hands.press(30, 40)
    b.hands.move(90, 40)
    assert not np.array_equal(coverage(b.document), before)
    b.hands.key(Qt.Key.Key_Escape)
    b.hands.move(90, 90)
    b.hands.release(90, 90)
    assert np.array_equal(coverage(b.document), before)
    assert len(b.document.history.steps) == steps
    assert np.array_equal(picture(b.canvas)[:30], seen[:30])


def test_another_tool_takes_the_stroke_back(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    before = coverage(b.document)
    b.hands.press(30, 40)
    b.canvas.set_tool(EraserTool(b.host))
    assert not b.document.busy
    b.hands.release(30, 40)
    assert np.array_equal(coverage(b.document), before)


def test_a_stroke_does_not_build_up_on_itself(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    b.host.options.opacity = 0.5
    b.hands.drag((20, 30), (80, 30), (20, 30), (80, 30))
    assert coverage(b.document)[30, 25:75].max() <= 128
    b.hands.drag((20, 30), (80, 30))
    assert int(coverage(b.document)[30, 50]) == pytest.approx(191, abs=2)


def test_a_stroke_stays_within_the_selection(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(SIZE, masks=1)))
    selected = np.zeros((SIZE.height, SIZE.width), np.uint8)
    selected[:, :50] = 255
    with b.document.transaction("Select") as tx:
        tx.set_selection(Surface.from_array(selected))
    b.hands.drag((20, 30), (90, 30))
    assert (coverage(b.document)[30, 20:50] == 255).all()
    assert not coverage(b.document)[30, 50:90].any()
    assert SELECTION in b.document.state.surfaces


def test_on_a_moved_layer_paint_lands_under_the_pen(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    b.host.options.colour = (1, 2, 3)
    with b.document.transaction("Move") as tx:
        tx.update_layer(b.document.current_layer_id, offset=(40, 25))
    b.hands.click(100, 80)
    assert layer_pixels(b.document)[55, 60].tolist() == [1, 2, 3, 255]
    flat = b.document.state.flattened()
    assert flat[80, 100].tolist() == [1, 2, 3, 255]


def test_strokes_off_the_picture_change_nothing(bench: Make) -> None:
    b = bench(BrushTool, with_mask(document_of(Size(100, 80), masks=1)))
    before, steps = coverage(b.document), len(b.document.history.steps)
    b.hands.drag((-60, -40), (-50, -60))
    assert np.array_equal(coverage(b.document), before)
    assert len(b.document.history.steps) == steps


def test_the_heading_says_what_is_painted_on(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE, masks=1))
    assert b.tool.heading == "Brush"
    with_mask(b.document)
    assert b.tool.heading == "Mask brush"


def test_the_brushes_outline_is_seen_where_the_pen_is(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    b.host.options.size = 60
    bare = picture(b.canvas)
    b.hands.move(150, 120)
    seen = picture(b.canvas)
    at = b.hands.at(150, 120)
    left, top, right, bottom = changed_box(bare, seen)
    assert (left + right) / 2 == pytest.approx(at.x(), abs=1)
    assert (top + bottom) / 2 == pytest.approx(at.y(), abs=1)
    assert right - left == pytest.approx(63, abs=2)


def test_in_quick_mask_the_brush_paints_the_selection(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    document = b.canvas.document
    before = document.state.flattened()
    b.host.quick_mask = True
    b.hands.drag((60, 60), (90, 60))
    selection = document.state.selection
    assert selection is not None
    assert selection.array()[60, 75] == 255
    assert np.array_equal(document.state.flattened(), before)
    assert [step.name for step in document.history.steps] == ["Quick mask brush"]
    document.undo()
    assert document.state.selection is None


def test_a_hidden_layer_is_not_painted_unseen(bench: Make) -> None:
    b = bench(BrushTool, document_of(SIZE))
    document = b.canvas.document
    with document.transaction("Hide layer") as tx:
        tx.update_layer(document.current_layer_id, visible=False)
    b.hands.drag((60, 60), (90, 60))
    assert "hidden" in str(b.host.said[-1])
    assert len(document.history.steps) == 1
    assert not document.busy
