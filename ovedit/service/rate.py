"""Time left, from how fast the fraction done has been growing."""

from __future__ import annotations

from collections import deque

SETTLE_SECONDS = 0.5


class RateEstimate:
    """Estimates the seconds left from the rate over the more recent half of the time.

    The recent half, because steps differ: loading a model says nothing about denoising steps. A
    fraction that falls back starts the measurement anew.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._start = 0.0

    def update(self, now: float, fraction: float) -> float | None:
        """Note the fraction done at a time in seconds; the seconds left, or None if not known."""
        samples = self._samples
        if samples and fraction < samples[-1][1]:
            samples.clear()
        if not samples:
            self._start = now
        samples.append((now, fraction))
        half = self._start + (now - self._start) / 2
        while len(samples) > 2 and samples[1][0] <= half:
            samples.popleft()
        then, before = samples[0]
        if now - self._start < SETTLE_SECONDS or fraction <= before:
            return None
        return (1.0 - fraction) * (now - then) / (fraction - before)
