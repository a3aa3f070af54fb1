"""Keeps Python's cyclic garbage collector on the thread that owns the Qt objects."""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QObject, QTimer

from ovedit.heap import spare, spare_no_more

INTERVAL_MS = 100
_MANY_MODULES = 50
"""So many more than before, and a library was imported."""


class OwnThreadCollector(QObject):
    """Collects from a timer of its own thread, at the interpreter's thresholds, while running.

    The automatic collector runs on whatever thread happens to allocate. On the worker's thread it
    would destroy widgets and timers that were left in reference cycles, which Qt does not allow
    outside their own thread: it stops, or crashes the process.

    While libraries are imported on another thread, what they bring is spared: collecting half a
    million objects would hold the window up again and again.
    """

    _running: int = 0
    _was_enabled: bool = True

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._modules = 0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._collect)

    def start(self) -> None:
        """Turn the automatic collector off and collect here."""
        if self._timer.isActive():
            return
        if OwnThreadCollector._running == 0:
            OwnThreadCollector._was_enabled = gc.isenabled()
            gc.disable()
        OwnThreadCollector._running += 1
        self._modules = len(sys.modules)
        self._timer.start()

    def stop(self) -> None:
        """Give the work back to the automatic collector once the last of these has stopped."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        OwnThreadCollector._running -= 1
        if OwnThreadCollector._running == 0:
            spare_no_more()
            if OwnThreadCollector._was_enabled:
                gc.enable()

    def _collect(self) -> None:
        modules = len(sys.modules)
        if modules - self._modules > _MANY_MODULES:
            self._modules = modules
            spare()
            return
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if thresholds[generation] and counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return
