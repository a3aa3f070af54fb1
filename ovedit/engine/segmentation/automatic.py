"""Masks of everything in a picture, without words: SAM 2 asked at every point of a grid.

The answers are those of `SAM2AutomaticMaskGenerator` (Ravi et al. 2024; Kirillov et al., "Segment
Anything", 2023, app. B) with the same settings. They come sooner, because a mask that SAM 2 itself
does not trust is never stretched to the picture, and points are asked one by one on a CPU.

A second grid looks closer at what is rich in detail: a thing of 32 px covers 8 cells of what SAM 2
draws, too few for an outline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from ovedit.engine.protocols import CancelToken, Progress, silent, stage
from ovedit.engine.requests import Pixels, Point
from ovedit.engine.segmentation.sam import Masks, Prompt, SamImage, embed, opaque, upsampled
from ovedit.engine.segmentation.values import Proposal
from ovedit.geometry import Rect, Size

WORKING_SIDE = 1536
"""Longest side that masks are worth drawing at, six times what SAM 2 draws; see `SamImage.resized`.
"""
_STABILITY_OFFSET = 1.0
"""Distance in logits of the two cuts whose IoU is the stability, as in SAM 2's generator."""
_ROOM = 1 << 26
"""Pixels of masks stretched at once."""
_WINDOW_SHARE = 1 / 16
"""Of a window, the most that a small thing covers: the grid over the whole picture found larger."""
_EDGE = 0.02
"""Of a window's side: what comes this near to its edge is cut off by it. SAM 2 takes 20 px."""
SMALLER = 1 / 16
"""Of the least area of a mask, that of a small one."""
_DETAIL_SIDE = 1024
_FINE, _ROUGH = 3.0, 10.0
"""Sigmas, in pixels at that side, between which things of 8 to 32 px stand out."""
_LEAST_DETAIL = 4.0
"""Mean grey levels between these blurs under which there is nothing to look at."""


@dataclass(frozen=True)
class Filters:
    """Which masks are kept, as SAM 2's generator names it.

    pred_iou: SAM 2's own expectation is above this. stability: IoU of the mask with its logits cut
    1 higher and 1 lower. nms: of masks whose boxes overlap more than this only the one that SAM 2
    trusts the most. min_area: share of the picture. several: three masks at a point, or one.
    """

    pred_iou: float = 0.88
    stability: float = 0.95
    nms: float = 0.7
    min_area: float = 0.0
    several: bool = True


@dataclass(frozen=True, eq=False)
class _Found:
    """A mask on the way: its box, its pixels in there packed to bits."""

    rect: Rect
    bits: NDArray[np.uint8]
    area: int
    iou: float
    stability: float
    zoomed: bool = False

    def proposal(self) -> Proposal:
        width, height = self.rect.width, self.rect.height
        mask = np.unpackbits(self.bits, count=width * height).reshape(height, width)
        return Proposal(mask.astype(bool), self.rect, self.iou, self.stability)

    def moved(self, dx: int, dy: int) -> _Found:
        rect = self.rect.translated(dx, dy)
        return _Found(rect, self.bits, self.area, self.iou, self.stability, True)


def automatic_masks(
    sam: SamImage,
    image: Pixels | None = None,
    *,
    points_per_side: int = 32,
    small_grid: int = 0,
    windows: int = 4,
    filters: Filters | None = None,
    batch: int = 64,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[Proposal, ...]:
    """Masks of all things in the picture, in pixels of `sam.size`, best first.

    small_grid: points a side of the second grid, in each of at most so many `windows` of half the
    picture's width and height; 0 for none. It needs the image (H, W, 3 or 4), of any size. batch:
    points at once on an accelerator. progress goes from 0 to 1. Raises `Cancelled` when asked to,
    before a batch, and `ValueError` where the second grid is wanted without the image.
    """
    filters = filters or Filters()
    cancel = cancel or CancelToken()
    jobs = [_Job(sam.size.rect, lattice(points_per_side))]
    if small_grid:
        if image is None:
            raise ValueError("the second grid needs the picture")
        jobs += _windows(image, sam.size, small_grid, windows)
    total, done = sum(len(job.points) for job in jobs), 0
    found: list[_Found] = []
    for index, job in enumerate(jobs):
        asked = done + len(job.points)
        told = stage(progress, done / total, asked / total, "Looking for things")
        if index == 0 or image is None:
            found += _survivors(sam, job, filters, batch, told, cancel)
        else:
            cancel.check()
            found += _zoomed(sam, image, job, filters, batch, told, cancel)
        done = asked
    progress(1.0)
    return tuple(item.proposal() for item in _distinct(found, filters.nms))


def lattice(side: int) -> NDArray[np.float64]:
    """Points (n, 2) in [0, 1] at the centres of side × side cells, row by row."""
    centres = (np.arange(side) + 0.5) / side
    across, down = np.meshgrid(centres, centres)
    return np.stack([across.ravel(), down.ravel()], axis=1)


def regions(proposals: Iterable[Proposal], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Which mask each pixel belongs to, (H, W): 1 for the smallest mask and up, 0 for none.

    Where masks overlap the largest wins, as in CorrCLIP's reference: its regions are whole things
    rather than their parts.
    """
    labels = np.zeros(shape, np.int32)
    for number, item in enumerate(sorted(proposals, key=lambda item: item.area), start=1):
        labels[item.rect.slices][item.mask] = number
    return labels


@dataclass(frozen=True, eq=False)
class _Job:
    """Points (n, 2) in [0, 1] to ask at, across a window of the picture."""

    window: Rect
    points: NDArray[np.float64]


def _survivors(
    sam: SamImage,
    job: _Job,
    filters: Filters,
    batch: int,
    progress: Progress,
    cancel: CancelToken,
) -> Iterator[_Found]:
    """Masks that pass SAM 2's own judgement, in the order of their points."""
    width, height = sam.size.width, sam.size.height
    prompts = [Prompt((Point(x * width, y * height),)) for x, y in job.points]
    least = filters.min_area * sam.size.area
    for masks in sam.batches(
        prompts, several=filters.several, batch=batch, progress=progress, cancel=cancel
    ):
        logits, iou = masks.logits.flatten(0, 1), masks.iou.flatten()
        trusted = iou > filters.pred_iou if filters.pred_iou > 0 else iou >= 0
        if not bool(trusted.any()):
            continue
        logits, iou = logits[trusted], iou[trusted]
        some = max(1, _ROOM // sam.size.area)
        for start in range(0, len(logits), some):
            part = Masks(logits[start : start + some], iou[start : start + some])
            yield from (item for item in _stable(part, sam.size, filters) if item.area >= least)


def _stable(masks: Masks, size: Size, filters: Filters) -> Iterator[_Found]:
    """Those whose outline does not depend on where exactly the logits are cut; (m, s, s) in."""
    stretched = upsampled(masks.logits, size)
    inner = _count(stretched > _STABILITY_OFFSET)
    outer = _count(stretched > -_STABILITY_OFFSET)
    insides = stretched > 0
    for index, (inside, iou) in enumerate(zip(insides, masks.iou.tolist(), strict=True)):
        if not outer[index]:
            continue
        # In float32, as SAM 2 compares it.
        stability = np.float32(inner[index]) / np.float32(outer[index])
        if stability < np.float32(filters.stability):
            continue
        rect = _box(inside)
        if rect:
            mask = inside[rect.slices].cpu().numpy()
            bits = np.packbits(mask)
            yield _Found(rect, bits, int(np.count_nonzero(mask)), iou, float(stability))


def _count(masks: torch.Tensor) -> list[int]:
    """Pixels in each mask (m, H, W)."""
    if masks.device.type == "cpu":
        # Several times faster there than torch.
        return [int(np.count_nonzero(mask)) for mask in masks.numpy()]
    return masks.flatten(1).count_nonzero(dim=1).tolist()


def _box(mask: torch.Tensor) -> Rect:
    """Around all that is True in (H, W)."""
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    if not len(rows):
        return Rect(0, 0, 0, 0)
    return Rect.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _distinct(found: Sequence[_Found], overlap: float) -> list[_Found]:
    """Without those whose box is nearly that of a better one; best first.

    What was seen in a window is drawn finer, so it comes before the same seen from afar.
    """
    if not found:
        return []
    # Corners are those of the first and the last pixel, as in SAM 2's generator.
    corners = [
        (item.rect.x, item.rect.y, item.rect.right - 1, item.rect.bottom - 1) for item in found
    ]
    scores = torch.tensor([item.iou for item in found])
    first = torch.tensor([item.zoomed for item in found])
    kept = nms(torch.tensor(corners, dtype=torch.float32), scores + first, overlap).tolist()
    return sorted((found[index] for index in kept), key=lambda item: -item.iou)


def _windows(image: Pixels, size: Size, side: int, most: int) -> list[_Job]:
    """Windows of half the picture with the most detail, and the points of each on detail.

    They overlap by half; one is taken for the detail in it that none before it holds.
    """
    detail = _detail(image, 4 * side)
    rich = detail > max(_LEAST_DETAIL, float(detail.mean()))
    left = np.where(rich, detail, 0)
    jobs: list[_Job] = []
    half = 2 * side
    corners = [(row, column) for row in (0, side, half) for column in (0, side, half)]
    while len(jobs) < most and size.width >= 2 and size.height >= 2:
        sums = [left[row : row + half, column : column + half].sum() for row, column in corners]
        best = int(np.argmax(sums))
        row, column = corners[best]
        # Two cells of the detail map for a point, in each direction.
        cells = left[row : row + half, column : column + half].reshape(side, 2, side, 2)
        wanted = cells.sum(axis=(1, 3)) > 0
        # Less than a twentieth of its points: not worth another embedding.
        if wanted.mean() < 0.05:
            break
        left[row : row + half, column : column + half] = 0
        x, y = column * size.width // (4 * side), row * size.height // (4 * side)
        window = Rect(x, y, size.width // 2, size.height // 2)
        jobs.append(_Job(window, lattice(side)[wanted.ravel()]))
    return jobs


def _detail(image: Pixels, side: int) -> NDArray[np.float32]:
    """How much of the size of small things there is in side × side cells of the picture."""
    small = Size(image.shape[1], image.shape[0]).within(_DETAIL_SIDE)
    shape = small.width, small.height
    rgb = cv2.resize(np.ascontiguousarray(opaque(image)), shape, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # As large as they would be in a picture of full size, however small this one is.
    zoom = max(shape) / _DETAIL_SIDE
    between = cv2.GaussianBlur(grey, (0, 0), max(0.3, _FINE * zoom))
    between -= cv2.GaussianBlur(grey, (0, 0), max(0.6, _ROUGH * zoom))
    cells = cv2.resize(np.abs(between), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _zoomed(
    sam: SamImage,
    image: Pixels,
    job: _Job,
    filters: Filters,
    batch: int,
    progress: Progress,
    cancel: CancelToken,
) -> Iterator[_Found]:
    """Small things in a window, which is embedded by itself."""
    high, wide = image.shape[0] / sam.size.height, image.shape[1] / sam.size.width
    window = job.window
    rows = slice(round(window.y * high), max(1, round(window.bottom * high)))
    columns = slice(round(window.x * wide), max(1, round(window.right * wide)))
    crop = np.ascontiguousarray(image[rows, columns])
    closer = SamImage(sam.model, embed(sam.model, crop, sam.half), window.size, sam.half)
    least = filters.min_area * SMALLER * sam.size.area
    relaxed = Filters(filters.pred_iou, filters.stability, filters.nms, 0.0, filters.several)
    for item in _survivors(closer, job, relaxed, batch, progress, cancel):
        if not least <= item.area <= _WINDOW_SHARE * window.size.area:
            continue
        moved = item.moved(window.x, window.y)
        if not _cut_off(moved.rect, window, sam.size.rect):
            yield moved


def _cut_off(rect: Rect, window: Rect, picture: Rect) -> bool:
    """Whether it comes near an edge of the window that is not one of the picture."""
    dx, dy = _EDGE * window.width, _EDGE * window.height
    return (
        (window.x > picture.x and rect.x < window.x + dx)
        or (window.y > picture.y and rect.y < window.y + dy)
        or (window.right < picture.right and rect.right > window.right - dx)
        or (window.bottom < picture.bottom and rect.bottom > window.bottom - dy)
    )
