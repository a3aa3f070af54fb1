"""What went wrong on a worker's thread, as a value that may cross to another."""

from __future__ import annotations

import logging

from ovedit.errors import EngineError, OVEditError

log = logging.getLogger(__name__)


def as_value(error: BaseException, who: str) -> OVEditError:
    """The error as a value for a person, without the frames (and pixels) that it came from.

    who: what failed, as the sentence begins: "The engine basic".
    """
    if isinstance(error, OVEditError):
        log.info("%s: %s", who, error, exc_info=error)
        make, arguments = error.__reduce__()
        return make(*arguments)
    if isinstance(error, MemoryError):
        log.error("%s ran out of memory", who, exc_info=error)
        return EngineError(
            f"{who} ran out of memory.", "Close other programs, or use the preset 'fast'."
        )
    log.error("%s failed", who, exc_info=error)
    words = " ".join(str(error).split())
    kind = type(error).__name__
    return EngineError(
        f"{who} failed unexpectedly: {kind}{f': {words}' if words else ''}.".replace("..", "."),
        "The log has the details; nothing was changed.",
    )
