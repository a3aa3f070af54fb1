"""How fast bytes come and how long the rest will take, told a few times a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ovedit.engine.library import TransferListener, TransferProgress

REPORT_SECONDS = 0.1
SMOOTHING_SECONDS = 4.0
"""Time constant of the exponentially weighted speed."""
SETTLE_SECONDS = 0.5
"""How long to measure before saying a speed."""


class Meter:
    """Counts bytes towards a total and reports to a listener.

    total: bytes; done: those that were there before, which say nothing about the speed.
    """

    def __init__(
        self,
        listener: TransferListener,
        total: int,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.done = done
        self.file = ""
        self._listener = listener
        self._clock = clock
        self._began = self._measured_at = clock()
        self._measured = 0
        self._reported_at = -math.inf
        self._speed = 0.0

    def begin(self, file: str) -> None:
        """The next bytes are those of this file."""
        self.file = file
        self.report()

    def move(self, done: int) -> None:
        """So many bytes are here, as it turns out; they did not come now."""
        self.done = done

    def add(self, count: int) -> None:
        """So many bytes came."""
        self.done += count
        self._measured += count
        now = self._clock()
        if now - self._reported_at >= REPORT_SECONDS:
            self.report()

    def idle(self) -> None:
        """No bytes came for a moment; the speed sinks."""
        self.add(0)

    def report(self) -> None:
        """Tell the listener how things stand."""
        now = self._clock()
        self._reported_at = now
        self._measure(now)
        left = max(0, self.total - self.done)
        known = self._speed > 0 and now - self._began >= SETTLE_SECONDS
        self._listener(
            TransferProgress(
                min(self.done, self.total),
                self.total,
                self._speed if known else 0.0,
                left / self._speed if known else None,
                self.file,
            )
        )

    def _measure(self, now: float) -> None:
        passed = now - self._measured_at
        if passed < REPORT_SECONDS / 2:
            return
        # At first the mean of all that came, so that one burst does not linger.
        weight = 1 - math.exp(-passed / min(SMOOTHING_SECONDS, max(now - self._began, passed)))
        if self._measured_at == self._began:
            weight = 1.0
        self._speed += weight * (self._measured / passed - self._speed)
        self._measured_at, self._measured = now, 0
