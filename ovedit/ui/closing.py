"""The end: cancel everything, keep what must not be lost, wait no longer than a person would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ovedit.ui.background import Background
from ovedit.ui.batch_runner import BatchRunner

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

WAIT_SECONDS = 2.0
"""For all that was cancelled together. Saves take as long as they take."""


def stop(window: MainWindow) -> bool:
    """Close the document and stop all that works for the window; whether every thread ended.

    All of it is told before any of it is waited for.
    """
    for runner in window.findChildren(BatchRunner):
        runner.stop()
    window.errands.close()
    window.model_desk.close()
    window.session.close()
    backgrounds = [
        background
        for owner in (window, window.session)
        for background in owner.findChildren(Background)
    ]
    for background in backgrounds:
        background.abandon()
    for background in backgrounds:
        background.finish()
    end = time.monotonic() + WAIT_SECONDS

    def left() -> int:
        return max(0, round(1000 * (end - time.monotonic())))

    waits = [background.wait for background in backgrounds]
    waits += [window.model_desk.downloads.shutdown, window.service.shutdown]
    return all([wait(left()) for wait in waits])
