"""Choosing by place, order and size: plain geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.language.grammar import Position, Side
from ovedit.engine.language.places import choose, drop, place_window

_MIRRORED: dict[Side, Side] = {
    "left": "right", "top left": "top right", "bottom left": "bottom right", "top": "top",
}  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A square of 100 by 100 pixels and what is in it."""

    centre: tuple[float, float]
    area: int = 100
    merit: float = 1.0

    @property
    def box(self) -> tuple[int, int, int, int]:
        half = self.area**0.5 / 2
        x, y = (round(100 * part) for part in self.centre)
        return round(x - half), round(y - half), round(x + half), round(y + half)


places = st.lists(
    st.tuples(st.integers(1, 99), st.integers(1, 99)),
    min_size=1,
    max_size=6,
    unique_by=lambda p: p[0],
)


def spots(*places: tuple[int, int]) -> list[Spot]:
    return [Spot((x / 100, y / 100)) for x, y in places]


def mirrored(spot: Spot) -> Spot:
    return replace(spot, centre=(1 - spot.centre[0], spot.centre[1]))


@given(places, st.integers(1, 7))
def test_ranks_from_left_and_right_mirror_each_other(
    places: list[tuple[int, int]], rank: int
) -> None:
    found = spots(*places)
    chosen = choose(found, [Position("left", rank)], (), False)
    other = choose([mirrored(spot) for spot in found], [Position("right", rank)], (), False)
    assert [spot.centre[1] for spot in chosen] == [spot.centre[1] for spot in other]
    assert len(chosen) == (rank <= len(found)), "one that does not exist is nobody"
    if chosen:
        opposite = Position("right", len(found) + 1 - rank)
        assert choose(found, [opposite], (), False) == chosen


@given(places, st.sampled_from(list(_MIRRORED)))
def test_sides_mirror_each_other(places: list[tuple[int, int]], side: Side) -> None:
    found = spots(*places)
    first = choose(found, [Position(side)], (), False)[0]
    turned = choose([mirrored(s) for s in found], [Position(_MIRRORED[side])], (), False)[0]
    assert turned.centre[1] == first.centre[1]
    window = place_window((7, 9), side)
    np.testing.assert_allclose(window[:, ::-1], place_window((7, 9), _MIRRORED[side]), atol=1e-6)


@given(places)
def test_a_singular_keeps_all_and_a_plural_only_what_fits(places: list[tuple[int, int]]) -> None:
    found = spots(*places)
    assert set(choose(found, [Position("left")], (), False)) == set(found)
    few = choose(found, [Position("left")], (), True)
    assert all(spot.centre[0] < 0.6 for spot in few)


@given(places)
def test_what_is_dropped_is_what_would_be_chosen(places: list[tuple[int, int]]) -> None:
    found = spots(*places)
    left = drop(found, [Position("left", 1)], ())
    assert set(found) - set(left) == set(choose(found, [Position("left", 1)], (), False))
    assert drop(found, (), ()) == found


def test_sizes_and_crumbs() -> None:
    large, small, crumb = Spot((0.8, 0.5), 400), Spot((0.5, 0.5), 100), Spot((0.1, 0.5), 4)
    found = [small, crumb, large]
    assert choose(found, (), ["large"], False)[0] is large
    assert choose(found, (), ["small"], False)[0] is crumb
    assert choose(found, (), ["large"], True) == [large]
    assert choose(found, [Position("left", 1)], (), False) == [small], "crumbs are not counted"
    assert choose(found, [Position("left", 3)], (), False) == []


@pytest.mark.parametrize("side", ["left", "top right", "middle", "corner"])
def test_a_window_is_one_at_its_side_and_nothing_far_from_it(side: Side) -> None:
    window = place_window((50, 80), side)
    assert window.shape == (50, 80)
    assert window.max() == 1 and window.min() < 0.3
