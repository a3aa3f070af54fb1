"""What large libraries leave on the heap, kept out of the sight of the garbage collector.

A full collection looks at every object that there is: with torch and what comes with it, half a
million, for a third of a second in which no other thread runs. They are not garbage.
"""

from __future__ import annotations

import gc

_spared = False


def spare() -> None:
    """Let later collections pass over all that is here now, until `collect_all`."""
    global _spared
    gc.freeze()
    _spared = True


def collect_all() -> None:
    """Collect everything, what was spared too; what is left of that is spared again."""
    if _spared:
        gc.unfreeze()
    gc.collect()
    if _spared:
        gc.freeze()


def spare_no_more() -> None:
    """Let the collector look at everything again."""
    global _spared
    if _spared:
        gc.unfreeze()
    _spared = False
