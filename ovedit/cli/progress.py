"""A progress bar on stderr, drawn only where someone is looking: on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TextIO

from ovedit.engine.protocols import Preview, Progress

_BAR = 24
_EVERY_SECONDS = 0.05


class ProgressBar:
    """Shows how far several stages of work are; use as a context manager, which clears it.

    stream: where to draw; nothing is drawn unless it is a terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._on = not quiet and self._stream.isatty()
        self._drawn_at = 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away, for a line to be printed in its place; the next report draws it."""
        if self._on and self._drawn_at:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn_at = 0.0

    def stage(self, first: float, last: float) -> Progress:
        """A `Progress` for work that takes the bar from `first` to `last`, both in [0, 1]."""

        def report(fraction: float, step: str = "", preview: Preview | None = None) -> None:
            self._draw(first + (last - first) * min(max(fraction, 0.0), 1.0), step)

        return report

    def _draw(self, fraction: float, step: str) -> None:
        now = time.monotonic()
        if not self._on or now - self._drawn_at < _EVERY_SECONDS:
            return
        self._drawn_at = now
        full = round(fraction * _BAR)
        line = f"[{'#' * full}{'-' * (_BAR - full)}] {fraction:4.0%}  {step}"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{line[:width]}\x1b[K")
        self._stream.flush()
