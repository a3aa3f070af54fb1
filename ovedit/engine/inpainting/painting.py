"""One area from the photograph and back: filled in, painted, refined, pasted."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from ovedit.engine.inpainting.area import (
    WorkArea,
    back,
    colours_of,
    glimpse,
    mask_back,
    mask_for,
    picture_for,
)
from ovedit.engine.inpainting.forecast import Timing, learn, run_of
from ovedit.engine.inpainting.paste import PasteSettings, paste
from ovedit.engine.inpainting.plan import EditPlan, areas_to_fill, refining_area
from ovedit.engine.inpainting.settings import FinishSettings
from ovedit.engine.inpainting.values import Painter, PaintJob, Picture, Watcher
from ovedit.engine.library import ModelLibrary
from ovedit.engine.protocols import CancelToken, Preview, Progress, stage
from ovedit.engine.requests import Coverage, EditRequest

_FILLING = 0.1
"""Of an area's time, what filling in before takes."""
_PREVIEW_SIDE = 1024
"""Longest side of a preview: more is not seen of something so coarse."""
_PREVIEW_SECONDS = 0.2
"""Least time between previews: the window has to keep up with them."""


@dataclass(frozen=True, eq=False)
class Tools:
    """What an edit works with, loaded and ready.

    filler: what fills in a removal before the painter paints it, or None.
    """

    painter: Painter
    filler: Painter | None
    library: ModelLibrary


class AreaPainting:
    """The painting of one area of an edit; every call of `paint` is a new try.

    original: (h, w, 3) and alpha: (h, w), the crop as it was.
    """

    def __init__(
        self,
        area: WorkArea,
        request: EditRequest,
        plan: EditPlan,
        tools: Tools,
        cancel: CancelToken,
    ) -> None:
        self._area, self._request, self._plan = area, request, plan
        self._tools, self._cancel = tools, cancel
        self.original: Picture = colours_of(area, request.image)
        self.alpha: Coverage = request.alpha[area.crop.slices]

    def paint(self, seed: int, progress: Progress) -> Picture:
        """The crop (h, w, 3), new wherever alpha is above 0. Raises what the painters raise."""
        area, plan = self._area, self._plan
        base, began = self.original, 0.0
        if self._tools.filler is not None:
            base, began = self._filled(seed, stage(progress, 0.0, _FILLING)), _FILLING
        larger = refining_area(area, self.alpha, plan)
        ended = 1.0 if larger is None else _share(area, larger)
        told = stage(progress, began, max(began, ended))
        picture, mask = picture_for(area, base), mask_for(area, self._request.alpha)
        kind, words = self._request.kind, plan.words
        job = PaintJob(kind, picture, mask, words, seed, plan.strength)
        painted = back(area, self._run(area, job, told))
        repainted = mask_back(area, mask)
        if larger is not None:
            strength = plan.settings.finish.refine_strength
            first = np.where(repainted[..., None] > 0, painted, self.original)
            mask = mask_for(larger, self.alpha)
            job = PaintJob(kind, picture_for(larger, first), mask, words, seed, strength)
            painted = back(larger, self._run(larger, job, stage(progress, ended, 1.0)))
            repainted = np.maximum(repainted, mask_back(larger, mask))
        settings = _paste_settings(plan.settings.finish)
        return paste(self.original, painted, self.alpha, repainted, settings, seed)

    def _filled(self, seed: int, progress: Progress) -> Picture:
        """The crop with background wherever alpha is above 0."""
        filler = self._tools.filler
        assert filler is not None
        filled = self.original.copy()
        plan = self._plan
        areas = areas_to_fill(self.alpha, plan.choice.eraser, self._tools.library, plan.settings)
        hole = self.alpha > 0
        opaque = np.dstack([self.original, np.full_like(self.alpha, 255)])
        for number, area in enumerate(areas):
            told = stage(progress, number / len(areas), (number + 1) / len(areas))
            picture = picture_for(area, colours_of(area, opaque))
            job = PaintJob(
                self._request.kind, picture, mask_for(area, self.alpha), plan.words, seed
            )
            made = back(area, filler.paint(job, self._watch(area, told), self._cancel))
            place, inside = area.hole.slices, area.inside.slices
            filled[place][hole[place]] = made[inside][hole[place]]
        return filled

    def _run(self, area: WorkArea, job: PaintJob, progress: Progress) -> Picture:
        """Paint, and learn how long that takes."""
        watch = self._watch(area, progress)
        marks = [time.perf_counter()]

        def timed(fraction: float, step: str = "", picture: Picture | None = None) -> None:
            marks.append(time.perf_counter())
            watch(fraction, step, picture)

        painted = self._tools.painter.paint(job, timed, self._cancel)
        marks.append(time.perf_counter())
        numbers = self._plan.recipe
        steps = 0 if numbers is None else numbers.runs(numbers.strength(job.strength))
        learn(run_of(self._plan, area.size), timing_of(marks, steps))
        return painted

    def _watch(self, area: WorkArea, progress: Progress) -> Watcher:
        """What turns coarse looks at the area's picture into previews over the photograph."""
        # A refining area, or one to be filled, is in the pixels of the crop.
        inner = area is not self._area
        crop = self._area.crop
        rect = area.hole.translated(crop.x, crop.y) if inner else area.hole
        size = rect.size.within(_PREVIEW_SIDE)
        pixels = np.empty((size.height, size.width, 4), np.uint8)
        alpha = self._request.alpha[rect.slices]
        shape = (size.width, size.height)
        pixels[..., 3] = cv2.resize(alpha, shape, interpolation=cv2.INTER_AREA)
        shown = float("-inf")

        def watch(fraction: float, step: str = "", picture: Picture | None = None) -> None:
            nonlocal shown
            preview = None
            if picture is not None and time.perf_counter() - shown >= _PREVIEW_SECONDS:
                pixels[..., :3] = glimpse(area, picture, size)
                preview = Preview(pixels.copy(), rect)
                shown = time.perf_counter()
            progress(min(1.0, fraction), step, preview)

        return watch


def timing_of(marks: list[float], steps: int) -> Timing:
    """What a run took, from the times of its beginning, of its reports and of its end.

    The reports are one before the first step and one after each. steps: how many there were, 0 for
    a painter without steps.
    """
    total = marks[-1] - marks[0]
    between = [after - before for before, after in pairwise(marks[1:-1])]
    if not steps or not between:
        return Timing(total, 0.0)
    step = min(statistics.median(between), total / steps)
    return Timing(step, total - steps * step)


def _share(first: WorkArea, larger: WorkArea) -> float:
    """Of the time of both runs, that of the first."""
    return first.size.area / (first.size.area + larger.size.area)


def _paste_settings(finish: FinishSettings) -> PasteSettings:
    return PasteSettings(
        colour=finish.colour_match,
        seam=finish.poisson,
        detail=finish.sharpness_match,
        grain=finish.grain,
    )
