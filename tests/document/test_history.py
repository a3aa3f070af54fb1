from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import Document, Structure, Surface, SurfaceRef, pixels_of
from ovedit.document.history import History, Step, SurfaceDelta
from ovedit.geometry import Rect, Size

SIZE = Size(520, 300)
rects = st.builds(
    Rect, st.integers(0, 519), st.integers(0, 299), st.integers(1, 300), st.integers(1, 300)
)


def noise(rect: Rect, seed: int) -> np.ndarray:
    shape = (rect.height, rect.width)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@st.composite
def surfaces(draw: st.DrawFn, size: Size = SIZE) -> Surface:
    surface = Surface(size, 1)
    for rect in draw(st.lists(rects, max_size=3)):
        surface.write(rect, noise(rect, draw(st.integers(0, 9))))
    return surface


@given(st.none() | surfaces(), st.none() | surfaces() | surfaces(Size(300, 520)))
@settings(max_examples=60, deadline=None)
def test_a_delta_leads_there_and_back(before: Surface | None, after: Surface | None) -> None:
    delta = SurfaceDelta.between(before, after)
    if delta is None:
        assert before is after or (before and after and before.equals(after))
        return
    there, back = delta.apply(before, forward=True), delta.apply(after, forward=False)
    assert (there is None) == (after is None)
    assert (back is None) == (before is None)
    assert there is None or (after is not None and there.equals(after))
    assert back is None or (before is not None and back.equals(before))


def test_a_delta_touches_no_tile_that_did_not_change() -> None:
    before = Surface(SIZE, 1)
    after = before.copy()
    after.write(Rect(300, 10, 5, 5), np.full((5, 5), 9, np.uint8))
    delta = SurfaceDelta.between(before, after)
    assert delta is not None
    assert delta.rect().contains(Rect(300, 10, 5, 5))
    assert Rect(256, 0, 256, 256).contains(delta.rect())


def step(name: str, nbytes: int) -> Step:
    """A step that holds so many bytes (a multiple of 100)."""
    after = Surface.from_array(np.ones((nbytes // 100, 100), np.uint8))
    delta = SurfaceDelta.between(None, after)
    assert delta is not None
    ref: SurfaceRef = pixels_of(name)
    return Step(name, Structure(), Structure(), {ref: delta})


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 30))
def test_the_budget_holds_except_for_the_newest_step(sizes: list[int], budget: int) -> None:
    history = History(budget * 100)
    dropped: list[str] = []
    for number, size in enumerate(sizes):
        dropped += history.push(step(str(number), size * 100))
        kept = [int(x.name) for x in history.steps]
        assert kept == list(range(len(dropped), number + 1))
        assert dropped == [str(x) for x in range(len(dropped))]
        assert history.nbytes == sum(sizes[x] for x in kept) * 100
        assert history.nbytes <= history.budget or len(kept) == 1
        assert history.position == len(kept)


def test_a_new_step_drops_the_undone_ones() -> None:
    history = History()
    for name in "abc":
        history.push(step(name, 100))
    history.position = 1
    history.push(step("d", 200))
    assert [x.name for x in history.steps] == ["a", "d"]
    assert history.nbytes == 300


def test_a_smaller_budget_drops_the_farthest_steps() -> None:
    history = History()
    for name in "abc":
        history.push(step(name, 100))
    history.position = 2
    assert history.set_budget(200) == ("a",)
    assert (history.position, [x.name for x in history.steps]) == (1, ["b", "c"])
    history.position = 0
    assert history.set_budget(100) == ("c",)
    assert (history.position, [x.name for x in history.steps]) == (0, ["b"])


def test_bytes_grow_with_what_is_touched_and_not_with_the_picture() -> None:
    """A thousand strokes of 200 px on 24 megapixels stay under 256 MB; here are 40 of them."""
    document = Document.from_pixels(np.full((4000, 6000, 4), 128, np.uint8), "large")
    ref = pixels_of(document.layers[0].id)
    rng = np.random.default_rng(0)
    for number in range(40):
        x, y = int(rng.integers(0, 5800)), int(rng.integers(0, 3980))
        with document.transaction(f"Stroke {number}") as tx:
            stroke = rng.integers(0, 256, (20, 200, 4)).astype(np.uint8)
            tx.write(ref, Rect(x, y, 200, 20), stroke)
    assert document.history.nbytes * 1000 / 40 < 256e6
