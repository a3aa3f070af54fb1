"""Filling a hole on one level of the pyramid.

The loop of Wexler et al. ("Space-Time Completion of Video", PAMI 2007) alternates between finding
for each patch over the hole the nearest patch of the surroundings (PatchMatch) and letting these
vote for the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import patchmatch, pyramid
from ovedit.engine.basic.pyramid import COLOURS, Level

Advance = Callable[[float, NDArray[np.uint8]], None]

FINE_RADIUS = 4
"""Patch radius, in pixels, on levels beyond the working size."""
_FINE_ROUNDS = 1
_FINE_REACH = 8
"""What is carried to such a level is searched once, within this many pixels: it is nearly right."""
_FINAL_VOTE_RADIUS = 0
"""In the last vote each patch gives its centre pixel alone: a mean of several would be soft."""
_BORDER = 1
_BORDER_SIGMA = 1.5
_BORDER_FADE = 8.0
"""Pixels beside the hole that its brightness is matched to, those over which the difference is
averaged, and the depth at which a third of the correction is left."""
_BAND_WORK = 1e8
"""Channel differences in a band: about 50 ms between two looks at whether to stop."""
_DEEPEST = 40
_TRUST_STEP = 1.3
"""Trust in a vote falls by this factor with each pixel of depth, down to `_DEEPEST`."""
_GUESSED_ROWS = 256
"""Rows of sources from which the first field is drawn: enough for chance, and little memory."""
_FULL_WEIGHT = 16
_LEAST_WEIGHT = 4
_WEIGHT_STEP = 1.1
"""Weight of a known pixel in a comparison; of one in the hole, falling by this factor a pixel."""
_PULL = 20_000.0
"""Squared grey levels that a source a whole picture above or below costs."""


@dataclass(frozen=True)
class Effort:
    """How much work a preset spends.

    radii: patch radius in pixels on each level from the coarsest on, the last one for all others.
    rounds: search-and-vote rounds in the same way. working_size: levels with a longer side only
    refine the field carried to them. sweeps: sweeps of the search in a round.
    """

    radii: tuple[int, ...]
    rounds: tuple[int, ...]
    working_size: int
    sweeps: int = 2


@dataclass(frozen=True)
class Plan:
    """What is done on one level: patch radii (rows, columns), rounds, reach of the search.

    extent: the whole picture's longer side, in pixels of the level.
    """

    radius_y: int
    radius_x: int
    rounds: int
    reach: int
    work: float
    extent: float
    sources: NDArray[np.bool_]

    @staticmethod
    def of(levels: list[Level], index: int, effort: Effort, extent: float) -> Plan:
        """The plan for `levels[index]`; `extent` in pixels of that level."""
        level = levels[index]
        height, width = level.known.shape
        from_top = len(levels) - 1 - index
        fine = from_top > 0 and max(height, width) > effort.working_size
        radius = FINE_RADIUS if fine else effort.radii[min(from_top, len(effort.radii) - 1)]
        rounds = _FINE_ROUNDS if fine else effort.rounds[min(from_top, len(effort.rounds) - 1)]
        while True:
            radius_y, radius_x = min(radius, (height - 1) // 2), min(radius, (width - 1) // 2)
            sources = _eroded(level.known, radius_y, radius_x)
            if sources.any():
                break
            # A frame thinner than a patch: the largest patch that still fits somewhere.
            radius -= 1
        area = (2 * radius_y + 1) * (2 * radius_x + 1)
        work = rounds * float(np.count_nonzero(level.hole) + 100) * area
        reach = _FINE_REACH if fine else max(height, width)
        return Plan(radius_y, radius_x, rounds, reach, work, extent, sources)


def _eroded(inside: NDArray[np.bool_], radius_y: int, radius_x: int) -> NDArray[np.bool_]:
    """The centres (H, W) of all patches that lie wholly in `inside` and in the picture."""
    kernel = np.ones((2 * radius_y + 1, 2 * radius_x + 1), np.uint8)
    return cv2.erode(
        inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    ).astype(np.bool_)


def _nearest(places: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column, (H, W) each, of the place nearest to each pixel; there must be one."""
    away = (~places).astype(np.uint8)
    _, found = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found, np.intp)
    rows, columns = np.nonzero(places)
    order = np.zeros(len(rows) + 1, np.intp)
    order[labels[rows, columns]] = np.arange(len(rows))
    return rows[order[labels]], columns[order[labels]]


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a level hands to the next finer one: its picture, and its field over a window."""

    picture: NDArray[np.uint8]
    field_y: NDArray[np.int32]
    field_x: NDArray[np.int32]
    active: NDArray[np.bool_]
    top: int
    left: int


class LevelFill:
    """Search and vote on one level, over the window that the patches touching the hole cover.

    Call `start` or `carry` first, then `round` as often as planned. picture: (H, W, 7) uint8, the
    level's features with what was reached so far in the hole. `check` is called by the threads
    before each band, `advance` by the caller's thread after it, with the work of the round so far.
    """

    def __init__(
        self,
        level: Level,
        plan: Plan,
        effort: Effort,
        seed: list[int],
        threads: ThreadPoolExecutor,
        check: Callable[[], None],
        advance: Advance,
    ) -> None:
        self._level, self._plan, self._effort = level, plan, effort
        self._threads, self._check, self._advance = threads, check, advance
        self._in_round = 0.0
        ry, rx = plan.radius_y, plan.radius_x
        height, width = level.hole.shape
        kernel = np.ones((2 * ry + 1, 2 * rx + 1), np.uint8)
        centres = cv2.dilate(level.hole.astype(np.uint8), kernel).astype(np.bool_)
        centres[:ry] = centres[height - ry :] = False
        centres[:, :rx] = centres[:, width - rx :] = False
        rows, columns = np.flatnonzero(centres.any(1)), np.flatnonzero(centres.any(0))
        self._top, self._left = int(rows[0]) - ry, int(columns[0]) - rx
        self._window = np.s_[self._top : rows[-1] + ry + 1, self._left : columns[-1] + rx + 1]
        self._active = np.ascontiguousarray(centres[self._window])
        self._unknown = np.ascontiguousarray(~level.known[self._window])
        self._random = np.random.default_rng(seed)
        self.picture = level.features.copy()
        self._flat = self.picture.reshape(height, -1)
        self._cost = np.zeros(self._active.shape, np.float32)
        self._field_y = np.zeros(self._active.shape, np.int32)
        self._field_x = np.zeros(self._active.shape, np.int32)
        depth = pyramid.depth(self._unknown)
        inside = np.minimum(depth, _DEEPEST)
        # Votes from deep inside rest on guesses: let the border's evidence grow inwards.
        self._confidence = (_TRUST_STEP**-inside).astype(np.float32)
        weight = np.maximum(_FULL_WEIGHT * _WEIGHT_STEP**-depth, _LEAST_WEIGHT)
        weight = np.where(self._unknown, weight, _FULL_WEIGHT).astype(np.uint8)
        size = (2 * rx + 1, 2 * ry + 1)
        self._weight_sum = cv2.boxFilter(weight, cv2.CV_32F, size, normalize=False)
        # In shares of the picture's size: small holes in large pictures choose freely.
        self._pull = np.asarray(self._weight_sum * np.float32(_PULL / plan.extent**2), np.float32)
        self._weight = np.repeat(weight, self.picture.shape[2], axis=1)
        # Bands of equal work, whatever the machine: their edges are part of the result.
        evaluations = 2 + np.log2(plan.reach + 1)
        work = self._active.sum() * kernel.size * self.picture.shape[2] * evaluations
        self._bands = int(np.clip(work / _BAND_WORK, 4, max(4, self._active.shape[0] // 8)))

    @property
    def estimate(self) -> Estimate:
        """What was reached so far."""
        return Estimate(
            self.picture, self._field_y, self._field_x, self._active, self._top, self._left
        )

    def start(self) -> None:
        """Begin from colours drawn smoothly in from the border, and a random field."""
        rows = np.flatnonzero(self._plan.sources.any(axis=1))
        rows = self._random.permutation(rows)[:_GUESSED_ROWS]
        at, columns = np.nonzero(self._plan.sources[rows])
        pick = self._random.integers(0, len(at), self._active.shape)
        self._field_y[:], self._field_x[:] = rows[at[pick]], columns[pick]
        # OpenCV leaves the outermost pixels as they are: they get a frame that is cut off again.
        unknown = np.pad(~self._level.known, 2, constant_values=True).astype(np.uint8)
        framed = np.pad(self._level.features, ((2, 2), (2, 2), (0, 0)))
        for channels in (np.s_[..., 0:3], np.s_[..., 3:6], np.s_[..., 4:7]):
            plane = np.ascontiguousarray(framed[channels])
            drawn = cv2.inpaint(plane, unknown, 3, cv2.INPAINT_TELEA)
            self.picture[channels] = drawn[2:-2, 2:-2]

    def carry(self, coarser: Estimate) -> None:
        """Begin from a coarser level's field, which now copies this level's pixels."""
        height, width = self._level.known.shape
        h, w = self._active.shape
        ys, xs = np.arange(h) + self._top, np.arange(w) + self._left
        coarse_y = np.clip(ys // 2 - coarser.top, 0, coarser.active.shape[0] - 1)
        coarse_x = np.clip(xs // 2 - coarser.left, 0, coarser.active.shape[1] - 1)
        near_y, near_x = (near[np.ix_(coarse_y, coarse_x)] for near in _nearest(coarser.active))
        field_y = 2 * coarser.field_y[near_y, near_x] + ys[:, None] - 2 * (near_y + coarser.top)
        field_x = 2 * coarser.field_x[near_y, near_x] + xs - 2 * (near_x + coarser.left)
        field_y, field_x = np.clip(field_y, 0, height - 1), np.clip(field_x, 0, width - 1)
        source_y, source_x = _nearest(self._plan.sources)
        self._field_y = source_y[field_y, field_x].astype(np.int32)
        self._field_x = source_x[field_y, field_x].astype(np.int32)
        self._vote(self._confidence)

    def round(self, turn: int, last: bool) -> None:
        """Search, then vote; in the last vote of all each patch copies its centre alone."""
        plan = self._plan
        ry, rx = plan.radius_y, plan.radius_x
        self._in_round = 0.0
        shared = (self._flat, self._weight, self._pull)
        field = (self._active, self._field_y, self._field_x, self._cost)
        place = (self._top, self._left)
        self._run(lambda a, b: patchmatch.score(*shared, *field, *place, a, b, ry, rx), 0)
        for sweep in range(self._effort.sweeps):
            before = (self._field_y.copy(), self._field_x.copy())
            seed = int(self._random.integers(1 << 32))
            backwards = bool(sweep % 2)
            search = (*shared, plan.sources, *field, *before, *place)
            rest = (ry, rx, backwards, plan.reach, seed)
            self._run(
                lambda a, b, search=search, rest=rest: patchmatch.search(*search, a, b, *rest), turn
            )
        distance = self._cost / np.maximum(self._weight_sum, 1)
        typical = float(np.percentile(distance[self._active], 75)) + 1e-3
        trust = np.exp(-distance / (2 * typical)) * self._confidence + 1e-8
        self._vote(trust.astype(np.float32), _FINAL_VOTE_RADIUS if last else None)

    def _vote(self, trust: NDArray[np.float32], most: int | None = None) -> None:
        out = np.ascontiguousarray(self.picture[self._window])
        self._votes(self._unknown, trust, most, out)
        if most is not None:
            self._match_border(trust, most, out)
        self.picture[self._window] = out

    def _votes(
        self,
        where: NDArray[np.bool_],
        trust: NDArray[np.float32],
        most: int | None,
        out: NDArray[np.uint8],
    ) -> None:
        """Write what the patches vote for the pixels of `where` into `out`, both of the window."""
        ry, rx = self._plan.radius_y, self._plan.radius_x
        if most is not None:
            ry, rx = min(ry, most), min(rx, most)
        field = (self._active, self._field_y, self._field_x)
        self._run(
            lambda a, b: patchmatch.vote(self._flat, out, where, *field, trust, a, b, ry, rx), 0
        )

    def _match_border(self, trust: NDArray[np.float32], most: int, out: NDArray[np.uint8]) -> None:
        """Take off `out`'s colours, fading inwards, what the same votes miss on the known border.

        The patches over the border also say what the known pixels beside it would be: where that is
        too light or too dark, so is the fill next to them, and the eye sees the edge.
        """
        known = ~self._unknown
        kernel = np.ones((2 * _BORDER + 1, 2 * _BORDER + 1), np.uint8)
        ring = (cv2.dilate(self._unknown.astype(np.uint8), kernel) > 0) & known
        voted = np.ascontiguousarray(self.picture[self._window])
        self._votes(ring, trust, most, voted)
        missed = self.picture[self._window][..., :COLOURS].astype(np.float32)
        missed = (missed - voted[..., :COLOURS]) * ring[..., None]
        total = cv2.GaussianBlur(missed, (0, 0), _BORDER_SIGMA)
        share = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), _BORDER_SIGMA)
        fade = np.exp(-pyramid.depth(self._unknown) / _BORDER_FADE)
        correction = total * (fade / np.maximum(share, 1e-3))[..., None]
        colours = self.picture[self._window][known][:, :COLOURS]
        darkest, lightest = (colours.min(0), colours.max(0)) if colours.size else (0, 255)
        corrected = np.clip(np.rint(out[..., :COLOURS] + correction), darkest, lightest)
        corrected = corrected.astype(np.uint8)
        out[..., :COLOURS][self._unknown] = corrected[self._unknown]

    def _run(self, kernel: Callable[[int, int], object], turn: int) -> None:
        """Let the threads work on the bands; their edges differ from turn to turn."""
        height = self._active.shape[0]
        shift = (turn * 7) % 13 - 6
        edges = [
            int(np.clip(height * i // self._bands + shift, 0, height))
            for i in range(1, self._bands)
        ]
        edges = [0, *edges, height]

        def work(band: tuple[int, int]) -> None:
            self._check()
            kernel(*band)

        bands = [(a, b) for a, b in pairwise(edges) if b > a]
        for _ in self._threads.map(work, bands):
            # A round is a score, some sweeps and a vote; nearly all of its time goes into sweeps.
            self._in_round += 1 / (len(bands) * (self._effort.sweeps + 2))
            work_done = self._plan.work / self._plan.rounds * min(1.0, self._in_round)
            self._advance(work_done, self.picture[..., :COLOURS])
