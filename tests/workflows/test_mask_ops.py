from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovedit.document import Document, Surface
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows import mask_ops, segment, threshold


def square(*rects: Rect) -> NDArray[np.uint8]:
    coverage = np.zeros((400, 600), np.uint8)
    for rect in rects:
        coverage[rect.slices] = 255
    return coverage


@pytest.fixture
def bench(document: Document) -> str:
    return mask_ops.add_mask(document, square(Rect(100, 100, 200, 100)), label="bench")


@pytest.fixture
def tree(document: Document, bench: str) -> str:
    return mask_ops.add_mask(document, square(Rect(200, 50, 200, 100)), label="tree")


def area(document: Document, mask_id: str) -> int:
    return int((document.state.coverage(mask_id) >= 128).sum())


def test_grow_and_shrink_move_the_edge(document: Document, bench: str, undoes) -> None:
    undoes(lambda: mask_ops.grow(document, [bench], pixels=10))
    grown = document.state.coverage(bench)
    assert grown[150, 91] >= 128 and grown[150, 89] < 128
    undoes(lambda: mask_ops.shrink(document, [bench], pixels=20))
    shrunk = document.state.coverage(bench)
    assert shrunk[150, 109] < 128 and shrunk[150, 112] >= 128
    assert document.history.steps[-1].name == "Shrink “bench” by 20 px"


def test_a_mask_at_the_border_grows_and_does_not_shrink_there(document: Document) -> None:
    mask_id = mask_ops.add_mask(document, square(Rect(0, 0, 600, 100)))
    mask_ops.shrink(document, [mask_id], pixels=10)
    coverage = document.state.coverage(mask_id)
    assert (coverage[:89] == 255).all() and not coverage[92:].any()
    mask_ops.grow(document, [mask_id], pixels=10)
    assert abs(area(document, mask_id) - 60_000) <= 1200


def test_feather_softens_both_sides(document: Document, bench: str, undoes) -> None:
    undoes(lambda: mask_ops.feather(document, [bench], pixels=8))
    row = document.state.coverage(bench)[150].astype(int)
    assert (np.diff(row[85:116]) >= 0).all()
    assert 0 < row[96] < 128 < row[104] < 255
    assert row[150] == 255 and row[60] == 0


def test_holes_are_filled_and_specks_removed(document: Document, undoes) -> None:
    ring = square(Rect(100, 100, 100, 100), Rect(400, 300, 3, 3))
    ring[140:160, 140:160] = 0
    mask_id = mask_ops.add_mask(document, ring)
    undoes(lambda: mask_ops.fill_holes(document, [mask_id]))
    assert document.state.coverage(mask_id)[150, 150] == 255
    undoes(lambda: mask_ops.remove_specks(document, [mask_id], area=20))
    assert np.array_equal(document.state.coverage(mask_id), square(Rect(100, 100, 100, 100)))


def test_invert_twice_is_nothing(document: Document, bench: str, undoes) -> None:
    undoes(lambda: mask_ops.invert(document, [bench]))
    assert np.array_equal(document.state.coverage(bench), 255 - square(Rect(100, 100, 200, 100)))
    mask_ops.invert(document, [bench])
    assert np.array_equal(document.state.coverage(bench), square(Rect(100, 100, 200, 100)))


def test_snapping_moves_to_the_edge_of_the_picture() -> None:
    picture = np.full((400, 600, 4), 255, np.uint8)
    picture[100:300, 150:450, :3] = (40, 90, 20)
    document = Document.from_pixels(picture, "green box")
    off = mask_ops.add_mask(document, square(Rect(154, 104, 292, 192)))
    mask_ops.snap_to_edges(document, [off], radius=8)
    truth = square(Rect(150, 100, 300, 200)) >= 128
    before = square(Rect(154, 104, 292, 192)) >= 128
    snapped = document.state.coverage(off) >= 128
    assert (snapped ^ truth).sum() < 0.6 * (before ^ truth).sum()


def test_the_first_of_united_masks_takes_the_others_in(document, bench, tree, undoes) -> None:
    undoes(lambda: mask_ops.union(document, [bench, tree]))
    (mask,) = document.masks
    assert (mask.id, mask.label) == (bench, "bench, tree")
    expected = square(Rect(100, 100, 200, 100), Rect(200, 50, 200, 100))
    assert np.array_equal(document.state.coverage(bench), expected)


def test_intersect_and_subtract(document: Document, bench: str, tree: str, undoes) -> None:
    undoes(lambda: mask_ops.subtract(document, [bench, tree]))
    assert [mask.id for mask in document.masks] == [bench, tree]
    assert area(document, bench) == 20_000 - 5_000
    document.undo()
    undoes(lambda: mask_ops.intersect(document, [tree, bench]))
    assert [mask.id for mask in document.masks] == [tree]
    assert np.array_equal(document.state.coverage(tree), square(Rect(200, 100, 100, 50)))


@pytest.mark.parametrize("verb", [mask_ops.union, mask_ops.intersect, mask_ops.subtract])
def test_one_mask_cannot_be_combined(document: Document, bench: str, verb) -> None:
    with pytest.raises(UsageError, match="two masks"):
        verb(document, [bench])


@pytest.mark.parametrize(
    "verb",
    [
        lambda document: mask_ops.fill_holes(document, []),
        lambda document: mask_ops.mask_to_selection(document, []),
        lambda document: mask_ops.invert(document, []),
    ],
)
def test_no_mask_is_refused(document: Document, verb: Callable[[Document], None]) -> None:
    with pytest.raises(UsageError, match="No mask"):
        verb(document)


@pytest.mark.parametrize("pixels", [0, -3])
def test_growing_by_nothing_is_refused(document: Document, bench: str, pixels: float) -> None:
    for verb in (mask_ops.grow, mask_ops.shrink, mask_ops.feather):
        with pytest.raises(UsageError, match="above 0"):
            verb(document, [bench], pixels=pixels)


def test_an_empty_mask_survives_every_operation(document: Document) -> None:
    mask_id = mask_ops.add_mask(document, square())
    mask_ops.grow(document, [mask_id], pixels=5)
    mask_ops.shrink(document, [mask_id], pixels=5)
    mask_ops.feather(document, [mask_id], pixels=5)
    mask_ops.fill_holes(document, [mask_id])
    mask_ops.remove_specks(document, [mask_id])
    mask_ops.snap_to_edges(document, [mask_id])
    assert area(document, mask_id) == 0
    assert len(document.history.steps) == 1


def test_from_mask_to_selection_and_back(document, bench, tree, undoes) -> None:
    undoes(lambda: mask_ops.mask_to_selection(document, [bench]))
    selection = document.state.selection
    assert selection is not None
    assert np.array_equal(selection.array(), square(Rect(100, 100, 200, 100)))
    mask_ops.mask_to_selection(document, [bench, tree])
    undoes(lambda: mask_ops.new_mask_from_selection(document, label="both"))
    both = document.masks[-1]
    assert both.label == "both" and both.candidates == ()
    together = np.maximum(document.state.coverage(bench), document.state.coverage(tree))
    assert np.array_equal(document.state.coverage(both.id), together)


def test_without_a_selection_there_is_nothing_to_add(document: Document) -> None:
    with pytest.raises(DocumentError, match="Nothing is selected"):
        mask_ops.new_mask_from_selection(document)


def test_a_duplicate_is_a_mask_of_its_own(document, bench, tree, undoes) -> None:
    undoes(lambda: mask_ops.duplicate(document, [bench]))
    original, copy, _ = document.masks
    assert copy.label == "bench copy" and copy.colour != original.colour
    mask_ops.invert(document, [copy.id])
    assert area(document, bench) == 20_000


def test_rename_and_show(document: Document, bench: str, tree: str, undoes) -> None:
    undoes(lambda: mask_ops.rename(document, bench, label=" seat "))
    assert document.masks[0].label == "seat"
    with pytest.raises(UsageError, match="needs a name"):
        mask_ops.rename(document, bench, label=" ")
    undoes(lambda: mask_ops.show(document, [bench], visible=False))
    assert [mask.visible for mask in document.masks] == [False, True]
    undoes(lambda: mask_ops.show(document, [bench], visible=True))
    assert all(mask.visible for mask in document.masks)


def test_a_mask_of_another_size_is_refused(document: Document) -> None:
    with pytest.raises(UsageError, match="3 × 2 pixels, the picture 600 × 400"):
        mask_ops.add_mask(document, np.zeros((2, 3), np.uint8))
    with pytest.raises(UsageError, match="type float64 is no mask"):
        mask_ops.add_mask(document, np.zeros((400, 600)))


def test_what_was_grown_survives_the_threshold(document: Document, make) -> None:
    result = make.segmented(make.answer("b", make.candidate("b", 300, 200, 60)))
    segment.apply_segmentation(document, result)
    mask_id = document.masks[0].id
    coverage = document.state.coverage(mask_id)
    mask_ops.grow(document, [mask_id], pixels=12)
    ring = (document.state.coverage(mask_id) == 255) & (coverage == 0)
    assert ring.sum() > 500
    threshold.set_threshold(document, mask_id, 0.8)
    assert (document.state.coverage(mask_id)[ring] == 255).all()


def test_only_touched_tiles_are_kept_in_the_history(document: Document, bench: str) -> None:
    document.set_history_budget(1 << 30)
    mask_ops.grow(document, [bench], pixels=2)
    assert document.history.steps[-1].nbytes < 20_000
    assert isinstance(document.state.surfaces, dict)
    assert all(isinstance(surface, Surface) for surface in document.state.surfaces.values())
