from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ovedit.document import (
    SELECTION,
    BlendMode,
    ClassMask,
    Document,
    DocumentState,
    RasterLayer,
    Surface,
    alpha_mask_of,
    coverage_of,
    pixels_of,
)
from ovedit.document.events import (
    CurrentChanged,
    Event,
    HistoryChanged,
    HistoryFilling,
    HistoryPruned,
    MaskChanged,
    PixelsChanged,
    SelectionChanged,
    StructureChanged,
)
from ovedit.document.history import SurfaceDelta
from ovedit.errors import DocumentError
from ovedit.geometry import Rect, Size
from ovedit.io.documents import open_document
from ovedit.io.openraster import save_project

SIZE = Size(300, 280)


def photo(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (SIZE.height, SIZE.width, 4)).astype(np.uint8)


@pytest.fixture
def document() -> Document:
    return Document.from_pixels(photo(), "Photo")


def assert_same(state: DocumentState, other: DocumentState) -> None:
    """Bit for bit the same, in structure and in every surface."""
    assert state.size == other.size
    assert state.structure == other.structure
    assert state.surfaces.keys() == other.surfaces.keys()
    for ref, surface in state.surfaces.items():
        assert surface.equals(other.surfaces[ref]), ref


def events_of(document: Document) -> list[Event]:
    seen: list[Event] = []
    document.subscribe(seen.append)
    return seen


# -- transactions ----------------------------------------------------------------------------------


def test_a_committed_transaction_is_one_step(document: Document) -> None:
    before = document.snapshot()
    ref = pixels_of(document.layers[0].id)
    with document.transaction("Two strokes") as tx:
        tx.write(ref, Rect(0, 0, 5, 5), np.zeros((5, 5, 4), np.uint8))
        tx.write(ref, Rect(100, 100, 5, 5), np.zeros((5, 5, 4), np.uint8))
    assert [step.name for step in document.history.steps] == ["Two strokes"]
    assert not document.state.flattened(Rect(100, 100, 5, 5)).any()
    document.undo()
    assert_same(document.state, before)


def test_an_exception_rolls_everything_back(document: Document) -> None:
    before = document.snapshot()
    layer = RasterLayer("upper")
    with pytest.raises(RuntimeError), document.transaction("Half") as tx:
        tx.add_layer(layer, Surface(SIZE, 4))
        tx.write(pixels_of(layer.id), Rect(0, 0, 5, 5), np.full((5, 5, 4), 9, np.uint8))
        tx.set_selection(Surface(SIZE, 1))
        tx.remove_layer(document.layers[0].id)
        raise RuntimeError("stop")
    assert_same(document.state, before)
    assert not document.can_undo
    assert not document.busy
    assert document.current_layer_id == document.layers[0].id


def test_nothing_changed_is_no_step(document: Document) -> None:
    pixels = photo()[:10, :10]
    with document.transaction("Same again") as tx:
        tx.write(pixels_of(document.layers[0].id), Rect(0, 0, 10, 10), pixels)
    assert not document.can_undo


def test_gestures_do_not_nest(document: Document) -> None:
    tx = document.begin("Stroke")
    with pytest.raises(DocumentError, match="Stroke"):
        document.begin("Other")
    assert not document.can_undo
    with pytest.raises(DocumentError, match="while “Stroke” is going on"):
        document.undo()
    ref, black = pixels_of(document.layers[0].id), np.zeros((1, 1, 4), np.uint8)
    tx.write(ref, Rect(0, 0, 1, 1), black)
    tx.commit()
    with pytest.raises(DocumentError, match="already finished"):
        tx.commit()
    with pytest.raises(DocumentError, match="already finished"):
        tx.update_layer(document.layers[0].id, name="late")
    before = document.snapshot()
    with pytest.raises(DocumentError, match="already finished"):
        tx.write(ref, Rect(5, 5, 1, 1), black)
    assert_same(document.state, before)


def test_what_cannot_become_a_step_is_rolled_back(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = document.snapshot()

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(SurfaceDelta, "between", no_memory)
    with pytest.raises(MemoryError), document.transaction("Paint") as tx:
        tx.write(pixels_of(document.layers[0].id), Rect(0, 0, 1, 1), np.zeros((1, 1, 4), np.uint8))
    assert_same(document.state, before)
    assert not document.busy and not document.can_undo


def test_a_place_that_is_not_in_the_history(document: Document) -> None:
    with pytest.raises(DocumentError, match="no step 3"):
        document.jump(3)


def test_a_locked_layer_keeps_its_pixels(document: Document) -> None:
    layer = document.layers[0]
    ref = pixels_of(layer.id)
    with document.transaction("Lock") as tx:
        tx.update_layer(layer.id, locked=True)
    before = document.snapshot()
    changes = [
        lambda tx: tx.write(ref, Rect(0, 0, 1, 1), np.zeros((1, 1, 4), np.uint8)),
        lambda tx: tx.replace_surface(ref, Surface(SIZE, 4)),
        lambda tx: tx.set_alpha_mask(layer.id, Surface(SIZE, 1)),
        lambda tx: tx.update_layer(layer.id, opacity=0.5),
        lambda tx: tx.remove_layer(layer.id),
    ]
    for change in changes:
        with pytest.raises(DocumentError, match="locked"), document.transaction("x") as tx:
            change(tx)
    assert_same(document.state, before)
    with document.transaction("Show and unlock") as tx:
        tx.update_layer(layer.id, visible=False, name="still mine")
        tx.update_layer(layer.id, locked=False)
        tx.update_layer(layer.id, opacity=0.5)
    assert document.layers[0].opacity == 0.5


def test_what_is_gone_is_said_to_be_gone(document: Document) -> None:
    state = document.state
    with pytest.raises(DocumentError, match="nothing"):
        state.layer("nothing")
    with pytest.raises(DocumentError, match="nothing"):
        state.mask("nothing")
    with pytest.raises(DocumentError, match="nothing"):
        state.surface(pixels_of("nothing"))


def test_a_snapshot_outlives_later_changes(document: Document) -> None:
    ref = pixels_of(document.layers[0].id)
    snapshot = document.snapshot()
    with document.transaction("Clear") as tx:
        for _ in range(2):
            tx.write(ref, Rect(3, 3, 50, 50), np.zeros((50, 50, 4), np.uint8))
    assert np.array_equal(snapshot.flattened(), photo())


def test_a_snapshot_in_the_middle_of_a_stroke_stays_as_it_was(document: Document) -> None:
    ref = pixels_of(document.layers[0].id)
    tx = document.begin("Stroke")
    tx.write(ref, Rect(0, 0, 9, 9), np.zeros((9, 9, 4), np.uint8))
    snapshot = document.snapshot()
    seen = snapshot.flattened()
    tx.write(ref, Rect(20, 20, 9, 9), np.zeros((9, 9, 4), np.uint8))
    assert np.array_equal(snapshot.flattened(), seen)
    tx.commit()


def test_a_surface_may_be_replaced_by_one_of_another_size(document: Document) -> None:
    small = RasterLayer("small")
    with document.transaction("Paste") as tx:
        tx.add_layer(small, Surface.from_array(photo(1)[:40, :50]))
    before = document.snapshot()
    with document.transaction("Merge") as tx:
        tx.replace_surface(pixels_of(small.id), Surface.from_array(photo(2)))
    after = document.snapshot()
    document.undo()
    assert_same(document.state, before)
    document.redo()
    assert_same(document.state, after)


# -- structure -------------------------------------------------------------------------------------


def test_layers_are_added_moved_and_removed(document: Document) -> None:
    bottom = document.layers[0]
    layers = [RasterLayer(name) for name in ("a", "b")]
    with document.transaction("Add") as tx:
        tx.add_layer(layers[0], Surface(SIZE, 4))
        tx.add_layer(layers[1], Surface(SIZE, 4), index=0)
    assert [x.name for x in document.layers] == ["b", "Photo", "a"]
    assert document.current_layer == layers[1]
    with document.transaction("Move") as tx:
        tx.move_layer(layers[1].id, 2)
    assert [x.name for x in document.layers] == ["Photo", "a", "b"]
    with document.transaction("Remove") as tx:
        tx.remove_layer(layers[1].id)
    assert [x.name for x in document.layers] == ["Photo", "a"]
    assert pixels_of(layers[1].id) not in document.state.surfaces
    assert document.current_layer is not None
    with document.transaction("Remove") as tx:
        tx.remove_layer(bottom.id)
        tx.remove_layer(layers[0].id)
    assert document.current_layer is None
    assert not document.state.flattened().any()


def test_the_alpha_mask_belongs_to_its_layer(document: Document) -> None:
    layer = document.layers[0]
    with document.transaction("Mask") as tx:
        tx.set_alpha_mask(layer.id, Surface(SIZE, 1))
    assert document.layers[0].has_alpha_mask
    assert not document.state.flattened()[..., 3].any()
    with document.transaction("Remove") as tx:
        tx.remove_layer(layer.id)
    assert alpha_mask_of(layer.id) not in document.state.surfaces
    document.undo()
    assert alpha_mask_of(layer.id) in document.state.surfaces


def test_the_current_mask_goes_with_its_mask(document: Document) -> None:
    masks = [ClassMask(label, (0, 0, 0)) for label in ("a", "b")]
    with document.transaction("Add") as tx:
        for mask in masks:
            tx.add_mask(mask, Surface(SIZE, 1), index=0)
    assert [x.label for x in document.masks] == ["b", "a"]
    document.set_current(masks=(masks[0].id, masks[1].id))
    with document.transaction("Remove") as tx:
        tx.remove_mask(masks[0].id)
    assert document.current_masks == (masks[1],)
    assert coverage_of(masks[0].id) not in document.state.surfaces


# -- events ----------------------------------------------------------------------------------------


def test_observers_hear_where_something_changed(document: Document) -> None:
    layer = document.layers[0]
    mask = ClassMask("sky", (0, 0, 0))
    with document.transaction("Move") as tx:
        tx.update_layer(layer.id, offset=(7, 8))
        tx.add_mask(mask, Surface(SIZE, 1))
    seen = events_of(document)
    with document.transaction("Write") as tx:
        tx.write(pixels_of(layer.id), Rect(1, 2, 3, 4), np.full((4, 3, 4), 5, np.uint8))
        tx.write(coverage_of(mask.id), Rect(5, 6, 7, 8), np.full((8, 7), 5, np.uint8))
        tx.set_selection(Surface(SIZE, 1))
        assert PixelsChanged(Rect(8, 10, 3, 4)) in seen
        assert MaskChanged(mask.id, Rect(5, 6, 7, 8)) in seen
        assert SelectionChanged(SIZE.rect) in seen
        assert HistoryChanged() not in seen
    assert seen[-1] == HistoryChanged()


def covered(seen: list[Event], kind: type, rect: Rect) -> bool:
    return any(isinstance(event, kind) and event.rect.contains(rect) for event in seen)


def test_undo_and_rollback_tell_all_that_went_back(document: Document) -> None:
    layer = document.layers[0]
    with document.transaction("Select") as tx:
        tx.set_selection(Surface.from_array(np.full((280, 300), 9, np.uint8)))
    seen = events_of(document)
    tx = document.begin("Gesture")
    tx.write(pixels_of(layer.id), Rect(260, 3, 5, 5), np.zeros((5, 5, 4), np.uint8))
    tx.set_selection(None)
    seen.clear()
    tx.rollback()
    assert covered(seen, PixelsChanged, Rect(260, 3, 5, 5))
    assert covered(seen, SelectionChanged, SIZE.rect)
    assert SELECTION in document.state.surfaces
    seen.clear()
    document.undo()
    assert covered(seen, SelectionChanged, SIZE.rect)
    assert document.state.selection is None


def test_names_and_locks_do_not_repaint_the_picture(document: Document) -> None:
    seen = events_of(document)
    with document.transaction("Rename") as tx:
        tx.update_layer(document.layers[0].id, name="other", locked=True)
    assert StructureChanged() in seen
    assert not any(isinstance(event, PixelsChanged) for event in seen)
    with document.transaction("Hide") as tx:
        tx.update_layer(document.layers[0].id, visible=False)
    assert PixelsChanged(SIZE.rect) in seen


def test_an_observer_can_leave(document: Document) -> None:
    seen: list[Event] = []
    leave = document.subscribe(seen.append)
    leave()
    document.set_current(layer="")
    assert seen == []
    seen = events_of(document)
    document.set_current(layer=document.layers[0].id)
    document.set_current(layer=document.layers[0].id)
    assert seen == [CurrentChanged()]


def test_revision_grows_with_every_change(document: Document) -> None:
    revisions = [document.revision]
    tx = document.begin("Stroke")
    for _ in range(2):
        tx.write(pixels_of(document.layers[0].id), Rect(0, 0, 2, 2), photo(3)[:2, :2])
        revisions.append(document.revision)
    tx.rollback()
    revisions.append(document.revision)
    assert revisions == sorted(set(revisions))


# -- saved or not ----------------------------------------------------------------------------------


def clear_at(document: Document, x: int) -> None:
    with document.transaction(f"Clear {x}") as tx:
        rect = Rect(x, 0, 10, 10)
        tx.write(pixels_of(document.layers[0].id), rect, np.zeros((10, 10, 4), np.uint8))


def test_modified_follows_the_history(document: Document) -> None:
    document.mark_saved()
    assert not document.modified
    clear_at(document, 0)
    assert document.modified
    document.undo()
    assert not document.modified
    document.redo()
    document.mark_saved()
    assert not document.modified
    document.undo()
    assert document.modified


def test_what_was_saved_in_the_background_is_what_counts(document: Document) -> None:
    clear_at(document, 0)
    marker = document.marker
    clear_at(document, 20)
    document.mark_saved(marker)
    assert document.modified
    document.undo()
    assert not document.modified


def test_the_oldest_state_left_is_not_the_saved_one_once_steps_are_gone(
    document: Document,
) -> None:
    document.mark_saved()
    for x in (0, 20, 40):
        clear_at(document, x)
    document.set_history_budget(1)
    assert len(document.history.steps) == 1
    document.undo()
    assert document.modified


def test_a_saved_state_is_known_at_the_start_of_a_pruned_history(document: Document) -> None:
    clear_at(document, 0)
    clear_at(document, 20)
    document.mark_saved()
    clear_at(document, 40)
    document.set_history_budget(1)
    assert document.modified
    document.undo()
    assert not document.modified


# -- the byte budget -------------------------------------------------------------------------------


def test_observers_hear_before_and_when_steps_are_dropped() -> None:
    document = Document.from_pixels(photo(), "x", history_bytes=60_000)
    seen = events_of(document)
    for seed in range(30):
        with document.transaction(f"Noise {seed}") as tx:
            pixels = photo(seed + 1)[:40, :40]
            tx.write(pixels_of(document.layers[0].id), Rect(0, 0, 40, 40), pixels)
        if any(isinstance(event, HistoryPruned) for event in seen):
            break
    kinds = [type(event) for event in seen if isinstance(event, (HistoryFilling, HistoryPruned))]
    assert kinds[0] is HistoryFilling
    assert kinds[-1] is HistoryPruned
    pruned = [event for event in seen if isinstance(event, HistoryPruned)]
    assert pruned[0].names == ("Noise 0",)
    assert document.history.nbytes <= 60_000


# -- everything together ---------------------------------------------------------------------------

rects = st.builds(
    Rect, st.integers(-20, 290), st.integers(-20, 270), st.integers(1, 90), st.integers(1, 90)
)


class Editing(RuleBasedStateMachine):
    """Any order of edits, undo, redo, jumps, roll backs, saving and opening again.

    `states[i]` is what the document must be after i steps of its history.
    """

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.document = Document.from_pixels(photo(seed), "Photo")
        self.states = [self.document.snapshot()]

    def done(self, before: int) -> None:
        if self.document.history.position == before + 1:
            del self.states[before + 1 :]
            self.states.append(self.document.snapshot())

    @staticmethod
    def pick(items: tuple, number: int):
        return items[number % len(items)]

    @rule(rect=rects, seed=st.integers(0, 9), number=st.integers(0, 9), what=st.integers(0, 3))
    def write(self, rect: Rect, seed: int, number: int, what: int) -> None:
        refs = sorted(self.document.state.surfaces, key=lambda ref: (ref.kind, ref.id))
        if not refs:
            return
        ref = refs[number % len(refs)]
        channels = self.document.state.surfaces[ref].channels
        shape = (rect.height, rect.width) + ((4,) if channels == 4 else ())
        pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
        pixels = pixels if what else np.zeros_like(pixels)
        before = self.document.history.position
        with self.document.transaction("Write") as tx:
            tx.write(ref, rect, pixels)
            if what == 2:
                tx.write(ref, rect.translated(30, 10), pixels)
        self.done(before)

    @rule(seed=st.integers(0, 3), index=st.integers(0, 3), small=st.booleans())
    def add_layer(self, seed: int, index: int, small: bool) -> None:
        pixels = photo(seed)[:40, :30] if small else photo(seed)
        before = self.document.history.position
        with self.document.transaction("Add layer") as tx:
            layer = RasterLayer("More", offset=(3, -5))
            tx.add_layer(
                layer, Surface.from_array(pixels), index=min(index, len(self.document.layers))
            )
        self.done(before)

    @precondition(lambda self: self.document.layers)
    @rule(number=st.integers(0, 9), what=st.integers(0, 6))
    def change_layer(self, number: int, what: int) -> None:
        layer = self.pick(self.document.layers, number)
        size = self.document.state.surfaces[pixels_of(layer.id)].size
        before = self.document.history.position
        with self.document.transaction("Change layer") as tx:
            if what == 0:
                tx.remove_layer(layer.id)
            elif what == 1:
                tx.move_layer(layer.id, number % len(self.document.layers))
            elif what == 2:
                tx.update_layer(layer.id, opacity=number / 10, blend=BlendMode.MULTIPLY)
            elif what == 3:
                tx.set_alpha_mask(layer.id, Surface(size, 1))
            elif what == 4:
                tx.set_alpha_mask(layer.id, None)
            elif what == 5:
                tx.set_alpha_mask(layer.id, None)
                tx.replace_surface(pixels_of(layer.id), Surface.from_array(photo(number)))
            else:
                tx.update_layer(layer.id, name=f"Layer {number}", visible=bool(number % 2))
        self.done(before)

    @rule(number=st.integers(0, 9))
    def add_mask(self, number: int) -> None:
        coverage = np.zeros((SIZE.height, SIZE.width), np.uint8)
        coverage[number : number * 20, :50] = 200
        before = self.document.history.position
        with self.document.transaction("Add mask") as tx:
            tx.add_mask(ClassMask(f"mask {number}", (1, 2, 3)), Surface.from_array(coverage))
        self.done(before)

    @precondition(lambda self: self.document.masks)
    @rule(number=st.integers(0, 9))
    def change_mask(self, number: int) -> None:
        mask = self.pick(self.document.masks, number)
        before = self.document.history.position
        with self.document.transaction("Change mask") as tx:
            if number % 3:
                tx.update_mask(mask.id, accepted=bool(number % 2), threshold=number / 10)
            else:
                tx.remove_mask(mask.id)
        self.done(before)

    @rule(full=st.booleans())
    def select(self, full: bool) -> None:
        coverage = np.full((SIZE.height, SIZE.width), 100, np.uint8)
        before = self.document.history.position
        with self.document.transaction("Select") as tx:
            tx.set_selection(Surface.from_array(coverage) if full else None)
        self.done(before)

    @precondition(lambda self: self.document.layers)
    @rule(rect=rects, number=st.integers(0, 9))
    def change_ones_mind(self, rect: Rect, number: int) -> None:
        layer = self.pick(self.document.layers, number)
        tx = self.document.begin("Never mind")
        pixels = np.zeros((rect.height, rect.width, 4), np.uint8)
        tx.write(pixels_of(layer.id), rect, pixels)
        tx.add_layer(RasterLayer("never"), Surface(SIZE, 4))
        tx.set_selection(None)
        tx.remove_layer(layer.id)
        tx.rollback()

    @precondition(lambda self: self.document.can_undo)
    @rule()
    def undo(self) -> None:
        self.document.undo()

    @precondition(lambda self: self.document.can_redo)
    @rule()
    def redo(self) -> None:
        self.document.redo()

    @rule(number=st.integers(0, 50))
    def jump(self, number: int) -> None:
        self.document.jump(number % len(self.states))

    @rule()
    def save_and_open_again(self) -> None:
        current, expected = self.document.current_layer_id, self.states[self.position]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "project.ora"
            save_project(path, self.document.snapshot(), current_layer=current)
            self.document = open_document(path).document
        assert self.document.current_layer_id == current
        assert_same(self.document.state, expected)
        self.states = [self.document.snapshot()]

    @property
    def position(self) -> int:
        return self.document.history.position

    @invariant()
    def the_document_is_what_its_history_says(self) -> None:
        assert len(self.document.history.steps) == len(self.states) - 1
        assert_same(self.document.state, self.states[self.position])
        layer = self.document.current_layer
        assert (layer is None) == (not self.document.layers)

    def teardown(self) -> None:
        if not hasattr(self, "document"):
            return
        last = len(self.states) - 1
        self.document.jump(last)
        assert_same(self.document.state, self.states[last])
        while self.document.can_undo:
            self.document.undo()
            assert_same(self.document.state, self.states[self.position])
        assert self.position == 0


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
