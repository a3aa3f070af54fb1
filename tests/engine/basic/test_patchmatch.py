"""PatchMatch on one level: what search finds and votes make."""

from __future__ import annotations

import numpy as np
import pytest

from ovedit.engine.basic import patchmatch

RADIUS = 2
CHANNELS = 3


class Level:
    """A random picture whose window at (8, 8) is an exact copy of the place at (30, 20)."""

    def __init__(self, size: int = 48, window: int = 12) -> None:
        random = np.random.default_rng(1)
        picture = random.integers(0, 256, (size, size, CHANNELS), dtype=np.uint8)
        picture[8 : 8 + window, 8 : 8 + window] = picture[30 : 30 + window, 20 : 20 + window]
        self.picture = picture
        self.flat = picture.reshape(size, -1)
        self.top = self.left = 8
        self.active = np.zeros((window, window), np.bool_)
        self.active[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
        self.sources = np.zeros((size, size), np.bool_)
        self.sources[24 : size - RADIUS, RADIUS : size - RADIUS] = True
        self.weight = np.full((window, window * CHANNELS), 16, np.uint8)
        self.pull = np.zeros((window, window), np.float32)
        ys, xs = np.nonzero(self.sources)
        pick = random.integers(0, len(ys), self.active.shape)
        self.field_y, self.field_x = ys[pick].astype(np.int32), xs[pick].astype(np.int32)
        self.cost = np.zeros(self.active.shape, np.float32)

    def score(self) -> None:
        patchmatch.score(
            self.flat, self.weight, self.pull, self.active, self.field_y, self.field_x, self.cost,
            self.top, self.left, 0, len(self.active), RADIUS, RADIUS,
        )  # fmt: skip

    def sweep(self, turn: int, bands: tuple[tuple[int, int], ...] = ((0, 12),)) -> None:
        before = (self.field_y.copy(), self.field_x.copy())
        for first, last in bands:
            patchmatch.search(
                self.flat, self.weight, self.pull, self.sources, self.active,
                self.field_y, self.field_x, self.cost, *before,
                self.top, self.left, first, last, RADIUS, RADIUS,
                bool(turn % 2), 48, 100 + turn,
            )  # fmt: skip


def test_the_score_is_the_weighted_sum_of_squared_differences() -> None:
    level = Level()
    level.weight[3, :] = 5
    level.score()
    y, x = 4, 6
    sy, sx = level.field_y[y, x], level.field_x[y, x]
    steps = np.arange(RADIUS * 2 + 1) - RADIUS
    target = level.picture[np.ix_(8 + y + steps, 8 + x + steps)].astype(int)
    source = level.picture[np.ix_(sy + steps, sx + steps)].astype(int)
    weights = np.where(y + steps == 3, 5, 16)[:, None, None]
    assert level.cost[y, x] == pytest.approx(((target - source) ** 2 * weights).sum(), rel=1e-5)


def test_sources_at_another_height_cost_more_than_those_beside() -> None:
    level = Level()
    y, x = 4, 6
    level.field_y[y, x], level.field_x[y, x] = 8 + y + 20, 8 + x
    level.score()
    alike = level.cost[y, x]
    level.pull[y, x] = 100
    level.score()
    assert level.cost[y, x] == pytest.approx(alike + 100 * 20**2)
    level.field_y[y, x], level.field_x[y, x] = 8 + y, 8 + x + 20
    level.score()
    beside = level.cost[y, x]
    level.pull[y, x] = 0
    level.score()
    assert beside - level.cost[y, x] == pytest.approx(100 * 20**2 / 16)


def test_search_finds_the_copy_and_never_leaves_the_sources() -> None:
    level = Level()
    level.score()
    for turn in range(30):
        level.sweep(turn)
        fields = level.field_y[level.active], level.field_x[level.active]
        assert level.sources[fields].all()
    ys, xs = np.nonzero(level.active)
    assert (level.cost[level.active] == 0).all()
    assert (level.field_y[level.active] == ys + 30).all()
    assert (level.field_x[level.active] == xs + 20).all()


def test_a_sweep_never_makes_a_patch_worse_and_keeps_the_costs_true() -> None:
    level = Level()
    level.score()
    before = level.cost.copy()
    level.sweep(0)
    assert (level.cost <= before).all()
    kept = level.cost.copy()
    level.score()
    np.testing.assert_array_equal(level.cost, kept)


def test_bands_give_the_same_in_any_order() -> None:
    one, other = Level(), Level()
    for level, bands in ((one, ((0, 5), (5, 12))), (other, ((5, 12), (0, 5)))):
        level.score()
        for turn in range(4):
            level.sweep(turn, bands)
    np.testing.assert_array_equal(one.field_y, other.field_y)
    np.testing.assert_array_equal(one.field_x, other.field_x)


def test_votes_of_a_field_that_agrees_copy_the_pixels_themselves() -> None:
    level = Level()
    ys, xs = np.indices(level.active.shape)
    level.field_y, level.field_x = (ys + 30).astype(np.int32), (xs + 20).astype(np.int32)
    unknown = np.ones_like(level.active)
    unknown[0] = False
    out = np.zeros((*unknown.shape, CHANNELS), np.uint8)
    trust = np.random.default_rng(2).uniform(0.1, 1, unknown.shape).astype(np.float32)
    patchmatch.vote(
        level.flat, out, unknown, level.active, level.field_y, level.field_x, trust,
        0, len(unknown), RADIUS, RADIUS,
    )  # fmt: skip
    np.testing.assert_array_equal(out[1:], level.picture[31:42, 20:32])
    assert not out[0].any()
