from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.units import size_text, time_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (28_000_000, "28 MB"),
        (2_139_000_000, "2.1 GB"),
        (999_999_999, "1.0 GB"),
        (58_000_000_000, "58 GB"),
    ],
)
def test_sizes_are_written_as_disks_are_sold(size: int, text: str) -> None:
    assert size_text(size) == text


@given(st.integers(0, 10**14))
def test_a_size_is_never_more_than_half_a_digit_off(size: int) -> None:
    number, unit = size_text(size).split()
    scale = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    assert abs(float(number) * scale - size) <= (0.5 if "." not in number else 0.05001) * scale
    assert float(number) < 1000 or unit == "TB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (59.7, "1 min"), (180, "3 min"), (4800, "1 h 20 min")],
)
def test_times_are_rounded_as_one_says_them(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
