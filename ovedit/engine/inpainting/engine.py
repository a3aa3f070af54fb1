"""The diffusion engine: an edit is settled, its models loaded, area by area painted and checked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import reduce

import numpy as np

from ovedit.engine.inpainting.area import WorkArea
from ovedit.engine.inpainting.encodings import Encodings
from ovedit.engine.inpainting.erasers import eraser
from ovedit.engine.inpainting.families import family_of
from ovedit.engine.inpainting.forecast import learn_weights
from ovedit.engine.inpainting.guard import Guard, Verdict, best_try
from ovedit.engine.inpainting.info import INFO
from ovedit.engine.inpainting.painting import AreaPainting, Tools
from ovedit.engine.inpainting.pipelines import DiffusionPainter
from ovedit.engine.inpainting.plan import EditPlan, areas_of, plan_edit
from ovedit.engine.inpainting.prefill import FILL, NONE, FillPainter
from ovedit.engine.inpainting.preview import Decoder, LinearDecoder, TinyDecoder
from ovedit.engine.inpainting.schedulers import Schedulers
from ovedit.engine.inpainting.values import Picture
from ovedit.engine.library import Model
from ovedit.engine.models.runtime.ladder import MemoryPlan, step_text
from ovedit.engine.models.runtime.loading import Offload
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, stage
from ovedit.engine.requests import EditKind, EditRequest, EditResult, Pixels
from ovedit.errors import Cancelled, OVEditError
from ovedit.geometry import Rect

QUANTISED = "quantised"
"""The capability of weights that cannot be moved layer by layer."""

_LOADING = 0.1
"""Of the progress, what loading takes where it is needed."""
_FIRST_TRY = 0.8
"""Of an area's progress, what the first try takes where there may be more."""
_NEXT_SEED = 1_000_003
_SEEDS = 2**31


class DiffusionEngine:
    """`Inpainter` on diffusion pipelines and erasers. Built where torch may be imported."""

    def __init__(self, runtime: ModelRuntime) -> None:
        self._runtime = runtime
        self._schedulers, self._encodings = Schedulers(), Encodings()
        self._guard = Guard(runtime)

    def edit(self, request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
        """New pixels wherever the request's alpha is above 0.

        The same seed gives the same pixels on one machine. Raises `UsageError` for a wrong setting
        or an empty mask, `CannotDoError` for what the model is not able to or refuses, `ModelError`
        for a model that is damaged or not here, `EngineMissingError` where none is here that can do
        it, `OutOfMemoryError`, `Cancelled`.
        """
        began = time.perf_counter()
        cancel.check()
        progress(0.0, "Looking around the selection")
        plan = plan_edit(request, self._runtime.library)
        kept = self._schedulers, self._encodings
        work = _Work(self._runtime, *kept, self._guard, request, plan, progress, cancel)
        pixels, rect = self._painted(plan, work, progress)
        cancel.check()
        progress(1.0, "Done")
        return EditResult(
            pixels,
            rect,
            INFO.name,
            request.seed,
            time.perf_counter() - began,
            notes=tuple(dict.fromkeys((*plan.notes, *work.notes))),
            models=tuple(map(self._named, plan.choice.ids)),
            crop=request.crop,
        )

    def _painted(self, plan: EditPlan, work: _Work, progress: Progress) -> tuple[Pixels, Rect]:
        model = plan.choice.model
        id = plan.choice.eraser if model is None else model.id
        if id == FILL:
            with ExitStack() as models:
                return work.paint(work.tools_to_erase(models, None), plan.areas)
        plans = self._runtime.plans(
            id,
            tiles=model is not None,
            offloads=() if model is None else _offloads(model),
            smaller=plan.shape.smaller is not None,
        )
        found = self._runtime.attempt(id, plans, work.under, progress)
        for resident in self._runtime.memory().residents:
            if model is not None and resident.id == model.id:
                learn_weights(model.id, resident.size)
        return found

    def _named(self, id: str) -> str:
        """The id with the revision that is here."""
        revision = self._runtime.library.model(id).revision
        return f"{id}@{revision}" if revision else id


class _Work:
    """The work of one edit. notes: sentences for the person, gathered under way."""

    def __init__(
        self,
        runtime: ModelRuntime,
        schedulers: Schedulers,
        encodings: Encodings,
        guard: Guard,
        request: EditRequest,
        plan: EditPlan,
        progress: Progress,
        cancel: CancelToken,
    ) -> None:
        self._runtime, self._guard = runtime, guard
        self._schedulers, self._encodings = schedulers, encodings
        self._request, self._plan = request, plan
        self._progress, self._cancel = progress, cancel
        self.notes: list[str] = []

    def under(self, memory: MemoryPlan) -> tuple[Pixels, Rect]:
        """Load and paint as the memory plan has it."""
        plan, model = self._plan, self._plan.choice.model
        self.notes = []
        areas = plan.areas
        if memory.smaller:
            shape = plan.shape.smaller or plan.shape
            areas = areas_of(self._request, shape, _alone(plan), plan.settings)
        with ExitStack() as models:
            if model is None:
                tools = self.tools_to_erase(models, memory)
            else:
                tools = self._tools_to_paint(models, model, memory)
            found = self.paint(tools, areas)
            if isinstance(tools.painter, DiffusionPainter):
                self.notes += tools.painter.notes
        first = self._runtime.plan(plan.choice.eraser if model is None else model.id)
        if memory != first:
            self.notes.append(f"Memory was short: painted {step_text(first, memory)}.")
        return found

    def tools_to_erase(self, models: ExitStack, memory: MemoryPlan | None) -> Tools:
        """An eraser alone."""
        return Tools(self._eraser(models, memory), None, self._runtime.library)

    def paint(self, tools: Tools, areas: Sequence[WorkArea]) -> tuple[Pixels, Rect]:
        """The bounds of all that is new, and its pixels, opaque."""
        rect = reduce(Rect.union, (area.hole for area in areas))
        pixels = self._request.image[rect.slices].copy()
        pixels[..., 3] = 255
        alpha = self._request.alpha
        whole = sum(area.size.area for area in areas)
        done = 0
        for number, area in enumerate(areas):
            first, done = done / whole, done + area.size.area
            told = stage(self._progress, _LOADING + (1 - _LOADING) * first, _end(done / whole))
            which = f"{number + 1} of {len(areas)}" if len(areas) > 1 else ""
            crop = self._area(area, tools, number, _numbered(told, which))
            new = alpha[area.hole.slices][..., None] > 0
            place = area.hole.translated(-rect.x, -rect.y).slices
            np.copyto(pixels[place][..., :3], crop[area.inside.slices], where=new)
        return pixels, rect

    def _area(self, area: WorkArea, tools: Tools, number: int, progress: Progress) -> Picture:
        """The crop with new pixels; of a removal the best of several tries, if it can be judged."""
        request, settings = self._request, self._plan.settings
        painting = AreaPainting(area, request, self._plan, tools, self._cancel)
        first = (request.seed + number) % _SEEDS
        if request.kind is not EditKind.REMOVE or not settings.tries or not request.phrase:
            return painting.paint(first, progress)
        # An eraser makes the same of every seed.
        tries = settings.tries if self._plan.recipe is not None else 1
        stages = _tries(progress, tries)

        def judge(picture: Picture) -> Verdict | None:
            before, alpha = painting.original, painting.alpha
            try:
                return self._guard.judge(
                    before, picture, alpha, request.phrase, cancel=self._cancel
                )
            except Cancelled:
                raise
            except OVEditError as e:
                # What took minutes to paint is not lost with the look at it.
                self.notes.append(f"The removal was not checked. {e}")
                return None

        tried = best_try(
            lambda seed: painting.paint(seed, next(stages)),
            judge,
            ((first + index * _NEXT_SEED) % _SEEDS for index in range(tries)),
        )
        if tried.note:
            self.notes.append(tried.note)
        return tried.picture

    def _tools_to_paint(self, models: ExitStack, model: Model, memory: MemoryPlan) -> Tools:
        plan, recipe = self._plan, self._plan.recipe
        assert recipe is not None
        told = stage(self._progress, 0.0, _LOADING)
        filler = None
        if plan.choice.eraser != NONE and plan.strength < recipe.strength(1.0):
            filler = self._eraser(models, None)
        adapter = plan.choice.adapter
        adapters = () if adapter is None else (adapter.id,)
        opened = self._runtime.use(model.id, told, self._cancel, plan=memory, adapters=adapters)
        pipeline = models.enter_context(opened)
        decoder = self._decoder(models)
        kept = self._schedulers, self._encodings
        painter = DiffusionPainter(
            pipeline, model.id, model.title, recipe, *kept, decoder, adapters=adapters
        )
        return Tools(painter, filler, self._runtime.library)

    def _eraser(self, models: ExitStack, memory: MemoryPlan | None):
        id, preset = self._plan.choice.eraser, self._request.preset
        if id == FILL:
            return FillPainter(preset)
        told = stage(self._progress, 0.0, _LOADING)
        opened = eraser(self._runtime, id, told, self._cancel, preset=preset, plan=memory)
        return models.enter_context(opened)

    def _decoder(self, models: ExitStack) -> Decoder | None:
        plan = self._plan
        model, tiny = plan.choice.model, plan.choice.decoder
        if plan.settings.preview == "none" or model is None:
            return None
        if tiny is not None:
            return TinyDecoder(models.enter_context(self._runtime.use(tiny.id)))
        colours = family_of(model).colours
        return None if colours is None else LinearDecoder(colours)


def _alone(plan: EditPlan) -> str:
    return plan.choice.eraser if plan.recipe is None else NONE


def _offloads(model: Model) -> tuple[Offload, ...]:
    if QUANTISED in model.capabilities:
        return (Offload.MODEL,)
    return Offload.MODEL, Offload.SEQUENTIAL


def _end(share: float) -> float:
    return _LOADING + (1 - _LOADING) * share


def _numbered(progress: Progress, which: str) -> Progress:
    """A progress that says which of several areas it is of."""
    if not which:
        return progress

    def report(fraction: float, step: str = "", preview=None) -> None:
        progress(fraction, f"{step} (area {which})" if step else "", preview)

    return report


def _tries(progress: Progress, count: int) -> Iterator[Progress]:
    """A progress for each try; most edits need only the first."""
    if count == 1:
        yield progress
        return
    yield stage(progress, 0.0, _FIRST_TRY)
    for index in range(count - 1):
        width = (1 - _FIRST_TRY) / (count - 1)
        yield stage(progress, _FIRST_TRY + index * width, _FIRST_TRY + (index + 1) * width)
