from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.service.rate import SETTLE_SECONDS, RateEstimate


@given(st.floats(2.0, 1000.0), st.integers(4, 200))
def test_a_steady_job_is_estimated_exactly(total: float, steps: int) -> None:
    rate = RateEstimate()
    for n in range(steps + 1):
        now = 50.0 + total * n / steps
        left = rate.update(now, n / steps)
        if now - 50.0 < SETTLE_SECONDS:
            assert left is None
        elif n:
            assert left == pytest.approx(total * (1 - n / steps), abs=1e-6 * total)


def test_nothing_is_said_before_there_is_a_rate() -> None:
    rate = RateEstimate()
    assert rate.update(0.0, 0.0) is None
    assert rate.update(0.1, 0.5) is None
    still = RateEstimate()
    assert still.update(0.0, 0.0) is None
    assert still.update(60.0, 0.0) is None


def test_a_slow_start_is_forgotten() -> None:
    rate = RateEstimate()
    rate.update(0.0, 0.0)
    rate.update(20.0, 0.1)
    for second in range(1, 41):
        left = rate.update(20.0 + second, 0.1 + 0.02 * second)
    assert left == pytest.approx(5.0)


def test_a_new_phase_is_measured_anew() -> None:
    rate = RateEstimate()
    rate.update(0.0, 0.0)
    rate.update(10.0, 1.0)
    assert rate.update(11.0, 0.0) is None
    assert rate.update(13.0, 0.5) == pytest.approx(2.0)


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 1.0)), min_size=1, max_size=60))
def test_an_estimate_is_never_negative(reports: list[tuple[float, float]]) -> None:
    rate, now = RateEstimate(), 0.0
    for pause, fraction in reports:
        now += pause
        left = rate.update(now, fraction)
        assert left is None or left >= 0
