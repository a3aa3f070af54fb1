"""Filling a hole from its surroundings, coarse to fine.

On every level (see `pyramid`) the hole is filled by searching and voting (see `levelfill`). The
field found on a level is carried to the next finer one, where it copies that level's own pixels:
the full picture is made of pixels of the full picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import pyramid
from ovedit.engine.basic.levelfill import FINE_RADIUS, Effort, Estimate, LevelFill, Plan
from ovedit.engine.basic.pyramid import COLOURS
from ovedit.engine.requests import Preset

Report = Callable[[float, NDArray[np.uint8] | None], None]

EFFORTS: dict[Preset, Effort] = {
    "fast": Effort(radii=(3, 4, 5), rounds=(8, 5, 3, 2), working_size=384),
    "balanced": Effort(radii=(3, 4, 5, 6, 7), rounds=(12, 8, 6, 4), working_size=768),
    "quality": Effort(radii=(3, 4, 5, 6, 7), rounds=(16, 12, 8, 6), working_size=1024, sweeps=4),
}
"""Larger patches copy larger pieces of structure whole, smaller ones follow finer detail."""
_MOST_THREADS = 4
"""More of them wait for each other at the end of each sweep."""
_PREPARING = 3.0
"""Work of preparing a pixel of the crop, as measured, in patch pixels compared."""
_STEP_SEEN = 0.004
"""Share of the work after which progress is worth a report."""


def fill(
    colours: NDArray[np.uint8],
    known: NDArray[np.bool_],
    hole: NDArray[np.bool_],
    effort: Effort,
    seed: int,
    extent: float,
    check: Callable[[], None],
    report: Report,
) -> NDArray[np.uint8]:
    """The picture `colours` (H, W, 3) with every pixel of `hole` (H, W) made from `known` ones.

    `known` must hold a pixel, and none of the hole. extent: the longer side, in pixels, of the
    picture that this is a crop of; sources are the less likely the farther above or below they lie,
    as a share of it. The same seed gives the same picture, on any number of processors. `check` is
    called between short pieces of work, from any thread, and stops all by raising; `report` gets
    the fraction done and the picture so far, at the size of a level, or None before there is one,
    and is called in the caller's thread.
    """
    ledger = _Ledger(report, _PREPARING * known.size, int(np.count_nonzero(hole)))

    def prepare() -> None:
        check()
        ledger.prepare()

    levels = pyramid.build(colours, known, hole, prepare)
    check()
    plans = [Plan.of(levels, index, effort, extent / 2**index) for index in range(len(levels))]
    ledger.total = ledger.prepared + sum(plan.work for plan in plans)
    estimate: Estimate | None = None
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), "fill") as threads:
        try:
            for index in reversed(range(len(levels))):
                plan = plans[index]
                filling = LevelFill(
                    levels[index], plan, effort, [seed, index], threads, check, ledger.advance
                )
                if estimate is None:
                    filling.start()
                else:
                    filling.carry(estimate)
                for turn in range(plan.rounds):
                    filling.round(turn, last=index == 0 and turn == plan.rounds - 1)
                    ledger.close(plan.work / plan.rounds, filling.picture[..., :COLOURS])
                estimate = filling.estimate
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    assert estimate is not None
    result = colours.copy()
    result[hole] = estimate.picture[..., :COLOURS][hole]
    return result


class _Ledger:
    """How much of the work is done, in patch pixels compared, reported in steps that are seen."""

    def __init__(self, report: Report, prepared: float, hole: int) -> None:
        self.prepared = prepared
        # Until the levels are planned: the finest one and about as much again for the others.
        self.total = prepared + 2.0 * hole * (2 * FINE_RADIUS + 1) ** 2
        self._report = report
        self._done = 0.0
        self._shown = -1.0
        self._steps = 0

    def prepare(self) -> None:
        """A step of the preparation, whose number nobody knows, is done."""
        self._steps += 1
        self._show(self.prepared * self._steps / (self._steps + 3), None)

    def advance(self, work: float, picture: NDArray[np.uint8]) -> None:
        """So much of the round under way is done."""
        self._show(self.prepared + self._done + work, picture)

    def close(self, work: float, picture: NDArray[np.uint8]) -> None:
        """A round is done."""
        self._done += work
        self.advance(0.0, picture)

    def _show(self, done: float, picture: NDArray[np.uint8] | None) -> None:
        fraction = min(1.0, float(done / self.total))
        if fraction >= self._shown + _STEP_SEEN:
            self._shown = fraction
            self._report(fraction, picture)
