from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.geometry import Size

sides = st.integers(1, 20_000)
sizes = st.builds(Size, sides, sides)


@given(sizes, sides)
def test_a_size_within_a_side_is_the_largest_of_the_same_shape(size: Size, side: int) -> None:
    small = size.within(side)
    longer = max(size.width, size.height)
    assert max(small.width, small.height) == min(side, longer)
    scale = min(1.0, side / longer)
    for length, was in ((small.width, size.width), (small.height, size.height)):
        assert 1 <= length <= was
        assert length == 1 or abs(length - was * scale) <= 0.5 + 1e-9


@given(sizes, sides)
def test_what_fits_stays_as_it_is(size: Size, side: int) -> None:
    small = size.within(side)
    assert small.within(side) == small
    assert size.within(max(size.width, size.height)) == size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(6400, 3200), Size(640, 320)),
        (Size(640, 480), Size(640, 480)),
        (Size(10_000, 1), Size(640, 1)),
        (Size(1, 1), Size(1, 1)),
    ],
)
def test_sizes_within_640_pixels(size: Size, expected: Size) -> None:
    assert size.within(640) == expected
