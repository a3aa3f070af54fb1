"""A picture in windows that overlap, and the map that their features are blended into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ovedit.geometry import Rect

LONGEST = 8
"""Times the short side that the long side may be; a longer picture is squeezed to it."""
MOST_PATCHES = 4096
"""Patches of a picture seen as a whole; a larger one is shrunk."""
FINEST = 4
"""Cells of a map along one patch, at most."""
MOST_CELLS = 40_000
"""Cells of a map that is finer than the features, at most."""


@dataclass(frozen=True)
class WindowPlan:
    """Where to look.

    width, height: of the picture in the pixels of the windows; they are multiples of the patch, and
    so are those of the windows, which are all of one size.
    """

    width: int
    height: int
    windows: tuple[Rect, ...]

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of each window."""
        return self.windows[0].height, self.windows[0].width


def sliding(
    width: int, height: int, patch: int, short_side: int, crop: int, stride: int
) -> WindowPlan:
    """Windows of `crop` px every `stride` px; the last ones end at the picture's edges.

    The picture of `width` times `height` px is resized so that its short side is `short_side`. All
    lengths but the stride are rounded to multiples of the patch.
    """
    short = _rounded(short_side, patch)
    width, height = _resized(width, height, patch, short)
    rows, tall = _steps(height, _rounded(crop, patch), stride)
    columns, wide = _steps(width, _rounded(crop, patch), stride)
    windows = tuple(Rect(x, y, wide, tall) for y in rows for x in columns)
    return WindowPlan(width, height, windows)


def whole(width: int, height: int, patch: int, short_side: int) -> WindowPlan:
    """One window over all of the picture, resized so that its short side is `short_side`."""
    aspect = min(LONGEST, max(width, height) / min(width, height))
    most = math.floor(math.sqrt(MOST_PATCHES / aspect)) * patch
    width, height = _resized(width, height, patch, _rounded(min(short_side, most), patch))
    return WindowPlan(width, height, (Rect(0, 0, width, height),))


class Canvas:
    """The blend of the features of all windows, over the whole picture edge to edge.

    Windows fade towards their edges, so that the blend has no seams. Each cell is a weighted mean
    of features: all of it is linear, so a product with a text embedding may come before or after.

    Cells are as large as those of the features wherever the windows' cells lie on each other, and
    nothing is resampled; elsewhere smaller, and features are interpolated linearly.
    """

    def __init__(self, plan: WindowPlan, grid: tuple[int, int], channels: int) -> None:
        """grid: cells (h, w) of the features of one window; channels: their length."""
        tall, wide = plan.window
        tops = sorted({window.y for window in plan.windows})
        lefts = sorted({window.x for window in plan.windows})
        finer = _finer(plan, grid, tops, lefts)
        self._rows = _Axis(plan.height, tall, grid[0], finer)
        self._columns = _Axis(plan.width, wide, grid[1], finer)
        self._shape = self._rows.cells, self._columns.cells, channels
        self._sum: Tensor | None = None
        self._weight = torch.zeros(self._shape[:2])

    def add(self, window: Rect, features: Tensor) -> None:
        """Blend in the features (h, w, c) of one window."""
        rows, take_rows, weigh_rows = self._rows.place(window.y)
        columns, take_columns, weigh_columns = self._columns.place(window.x)
        weight = weigh_rows[:, None] * weigh_columns
        if self._sum is None:
            self._sum = torch.zeros(self._shape, device=features.device)
        values = features.float()
        if take_rows is not None:
            values = torch.einsum("ih,hwc->iwc", take_rows.to(values), values)
        if take_columns is not None:
            values = torch.einsum("jw,iwc->ijc", take_columns.to(values), values)
        self._sum[rows, columns] += weight.to(values)[..., None] * values
        self._weight[rows, columns] += weight

    def blended(self) -> Tensor:
        """The blend (h, w, c) in float32. Raises `ValueError` where no window has been yet."""
        if self._sum is None or not bool(self._weight.all()):
            raise ValueError("some of the picture has not been looked at")
        return self._sum / self._weight.to(self._sum)[..., None]


class _Axis:
    """One direction of a canvas. Places are in pixels, cells are counted from 0."""

    def __init__(self, length: int, window: int, count: int, finer: int) -> None:
        """length: of the picture; window: of a window, which has `count` features."""
        self._window, self._count = window, count
        self.cells = max(1, round(length * count * finer / window))
        self._size = length / self.cells

    def place(self, start: int) -> tuple[slice, Tensor | None, Tensor]:
        """The cells whose centres are in the window at `start`.

        With them the matrix (cells, features) that interpolates there, or None where cells and
        features are the same, and how much the window counts in each of the cells.
        """
        centres = (self._centres - start) / self._window
        inside = ((centres > 0) & (centres < 1)).nonzero().flatten()
        cells = slice(int(inside[0]), int(inside[-1]) + 1)
        at = centres[cells]
        fade = torch.minimum(at, 1 - at).float()
        position = at * self._count - 0.5
        if len(at) == self._count and bool((position - position.round()).abs().max() < 1e-6):
            return cells, None, fade
        return cells, _interpolation(position, self._count), fade

    @cached_property
    def _centres(self) -> Tensor:
        return (torch.arange(self.cells, dtype=torch.float64) + 0.5) * self._size


def _interpolation(position: Tensor, count: int) -> Tensor:
    """The matrix (n, count) that takes n values linearly between `count`, edges held."""
    position = position.clamp(0, count - 1)
    low = position.floor().long().clamp(max=max(0, count - 2))
    share = (position - low).float()
    matrix = torch.zeros(len(position), count)
    lines = torch.arange(len(position))
    matrix[lines, low] = 1 - share
    matrix[lines, (low + 1).clamp(max=count - 1)] += share
    return matrix


def _finer(plan: WindowPlan, grid: tuple[int, int], tops: list[int], lefts: list[int]) -> int:
    """Into how many cells each feature is split so that those of all windows meet, if possible."""
    tall, wide = plan.window
    meeting = (
        finer
        for finer in range(1, FINEST)
        if _meet(grid[0] * finer, tall, [*tops, plan.height])
        and _meet(grid[1] * finer, wide, [*lefts, plan.width])
    )
    cells = plan.height * grid[0] / tall * plan.width * grid[1] / wide
    return max(1, min(next(meeting, FINEST), math.floor(math.sqrt(MOST_CELLS / cells))))


def _meet(count: int, window: int, places: list[int]) -> bool:
    return all(place * count % window == 0 for place in places)


def _resized(width: int, height: int, patch: int, short: int) -> tuple[int, int]:
    shorter = min(width, height)
    longest = LONGEST * short
    return tuple(  # type: ignore[return-value]
        _rounded(min(side * short / shorter, longest), patch) for side in (width, height)
    )


def _rounded(length: float, patch: int) -> int:
    return max(1, round(length / patch)) * patch


def _steps(length: int, crop: int, stride: int) -> tuple[list[int], int]:
    """Where windows begin, and how long they are."""
    crop = min(crop, length)
    return [*range(0, length - crop, stride), length - crop], crop
