from __future__ import annotations

import numpy as np
import pytest

from ovedit.document import (
    Candidate,
    ClassMask,
    Document,
    ScoreMap,
    Surface,
)
from ovedit.geometry import Size
from ovedit.ui.canvas.canvas import Canvas
from tests.ui.canvas.scenes import disc, document_of, picture

SIZE = Size(300, 200)


@pytest.fixture
def shown(canvas: Canvas) -> Canvas:
    document = document_of(SIZE, masks=2)
    canvas.set_document(document)
    canvas.zoom_to(1.0)
    return canvas


def ids(canvas: Canvas) -> list[str]:
    return [mask.id for mask in canvas.document.masks]


def at(canvas: Canvas, x: float, y: float) -> tuple[int, int]:
    point = canvas.widget_point(x, y).toPoint()
    return point.y(), point.x()


def test_the_mask_under_a_pixel(shown: Canvas) -> None:
    first, second = ids(shown)
    assert shown.overlays.mask_at(100, 100) == first
    assert shown.overlays.mask_at(200, 100) == second
    assert shown.overlays.mask_at(5, 5) == ""
    assert shown.overlays.mask_at(-5, 500) == ""


def test_hidden_masks_are_not_under_the_pointer(shown: Canvas) -> None:
    with shown.document.transaction("Hide") as tx:
        tx.update_mask(ids(shown)[0], visible=False)
    assert shown.overlays.mask_at(100, 100) == ""
    shown.overlays.show(shown=False)
    assert shown.overlays.mask_at(200, 100) == ""


def test_of_two_masks_the_selected_one_is_on_top(shown: Canvas) -> None:
    document = shown.document
    with document.transaction("Add") as tx:
        tx.add_mask(ClassMask("over", (0, 0, 255)), Surface.from_array(disc(SIZE, 100, 100, 90)))
    first, _, over = ids(shown)
    assert shown.overlays.mask_at(100, 100) == over
    document.set_current(masks=(first,))
    assert shown.overlays.mask_at(100, 100) == first


def test_solo_shows_one_mask_alone(shown: Canvas) -> None:
    with_both = picture(shown)
    shown.overlays.show(solo=ids(shown)[1])
    alone = picture(shown)
    assert not np.array_equal(alone[at(shown, 100, 100)], with_both[at(shown, 100, 100)])
    flat = shown.document.state.flattened()
    assert alone[at(shown, 100, 100)].tolist()[:3] == flat[100, 100, :3].tolist()


def test_hovering_brings_one_forward_and_dims_the_others(shown: Canvas) -> None:
    before = [(one.colour, one.strength) for one in shown.overlays.tints()]
    shown.overlays.show(hovered=ids(shown)[0])
    first, second = shown.overlays.tints()
    assert first.strength > before[0][1]
    assert second.strength < before[1][1]
    bright, dim = shown.overlays.outlines()
    assert bright.opacity == 1
    assert dim.opacity < 1


def test_selected_masks_have_dashes_and_others_a_line(shown: Canvas) -> None:
    shown.document.set_current(masks=(ids(shown)[0],))
    dashed = [outline.dashed for outline in shown.overlays.outlines()]
    assert dashed == [False, True]


def test_overlays_off_is_the_picture_alone(shown: Canvas) -> None:
    shown.overlays.show(shown=False)
    seen = picture(shown)
    y, x = at(shown, 0, 0)
    top = max(0, -y)
    expected = shown.document.state.flattened()[..., :3]
    part = seen[max(0, y) : y + 200, max(0, x) : x + 300, :3]
    left = max(0, -x)
    assert np.array_equal(part, expected[top : top + part.shape[0], left : left + part.shape[1]])


def test_quick_mask_shows_the_selection_in_red(shown: Canvas) -> None:
    shown.overlays.show(shown=False)
    with shown.document.transaction("Select") as tx:
        tx.set_selection(Surface.from_array(disc(SIZE, 150, 100, 40)))
    plain = picture(shown)
    shown.overlays.show(quick_mask=True)
    red = picture(shown)
    inside, outside = at(shown, 150, 100), at(shown, 20, 20)
    assert red[inside][0] >= plain[inside][0] // 2 + 100
    assert np.array_equal(red[outside], plain[outside])
    # Red takes the place of the moving outline.
    assert shown.overlays.outlines() == []


def test_a_tag_with_name_and_score_stands_at_the_top_of_a_mask(canvas: Canvas) -> None:
    # One mask: whether the tags of two make room for each other depends on the font.
    canvas.set_document(document_of(SIZE, masks=1))
    canvas.zoom_to(1.0)
    tagged = picture(canvas)
    with canvas.document.transaction("Rename") as tx:
        tx.update_mask(ids(canvas)[0], label="desk")
    renamed = picture(canvas)
    rows, columns = np.nonzero((tagged != renamed).any(-1))
    y, x = at(canvas, 150, 50)
    assert rows.max() <= y + 2
    assert rows.min() >= y - 45
    assert abs((columns.min() + columns.max()) / 2 - x) < 25


def test_far_away_only_selected_masks_have_tags(canvas: Canvas) -> None:
    document = document_of(Size(3000, 2000), masks=1)
    canvas.set_document(document)
    canvas.zoom_to(0.2)
    untagged = picture(canvas)
    document.set_current(masks=(document.masks[0].id,))
    tagged = picture(canvas)
    y, x = at(canvas, 1500, 500)
    above = (slice(max(0, y - 20), y - 4), slice(x - 20, x + 20))
    assert not np.array_equal(untagged[above], tagged[above])


def test_the_heat_map_shows_the_scores_of_the_current_mask(canvas: Canvas) -> None:
    document = document_of(SIZE)
    values = np.zeros((20, 30), np.float16)
    values[:, 15:] = 0.9
    scores = ScoreMap(values, SIZE.rect)
    mask = ClassMask("hot", (200, 0, 0), candidates=(Candidate("hot", 0.9, scores, 0.5),))
    with document.transaction("Add") as tx:
        tx.add_mask(mask, Surface(SIZE, 1))
    document.set_current(masks=(mask.id,))
    canvas.set_document(document)
    canvas.zoom_to(1.0)
    plain = picture(canvas)
    canvas.overlays.show(heat_map=True)
    heat = picture(canvas).astype(int)
    cold, hot = at(canvas, 75, 100), at(canvas, 225, 100)
    assert heat[hot][:3].sum() > heat[cold][:3].sum() + 150
    assert not np.array_equal(heat[cold], plain[cold])


def test_a_preview_shows_other_coverage_until_it_ends(shown: Canvas) -> None:
    before = picture(shown)
    first = ids(shown)[0]
    everywhere = np.full((SIZE.height, SIZE.width), 255, np.uint8)
    shown.overlays.preview(first, (0, everywhere))
    preview = picture(shown)
    spot = at(shown, 150, 180)
    assert not np.array_equal(preview[spot], before[spot])
    shown.overlays.preview(first, None)
    assert np.array_equal(picture(shown), before)


def test_nothing_is_shown_of_a_document_without_masks(canvas: Canvas) -> None:
    canvas.set_document(Document(SIZE))
    assert canvas.overlays.tints() == []
    assert canvas.overlays.outlines() == []
    assert canvas.overlays.mask_at(3, 3) == ""
