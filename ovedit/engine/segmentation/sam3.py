"""The SAM 3 engine: a noun phrase to all the things that it names, each with its outline."""

from __future__ import annotations

import time
from dataclasses import replace

from ovedit.engine.library import Task
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, stage
from ovedit.engine.requests import PhraseAnswer, SegmentRequest, SegmentResult
from ovedit.engine.segmentation.sam3_answers import answer
from ovedit.engine.segmentation.sam3_info import INFO
from ovedit.engine.segmentation.sam3_network import Sam3Pictures, Things, find
from ovedit.engine.segmentation.sam3_settings import Sam3Settings, from_options
from ovedit.engine.segmentation.text import clean_phrase
from ovedit.errors import UsageError
from ovedit.geometry import Size


class Sam3Engine:
    """A `Segmenter`. Built where torch may be imported.

    It takes no clicks: the tracker that answers them is another model, and a box shown to SAM 3
    means all things that look like the one inside it.
    """

    def __init__(self, runtime: ModelRuntime) -> None:
        self._runtime = runtime
        self._pictures = Sam3Pictures()

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        """Answer every phrase, each on its own.

        Raises `UsageError` for an empty phrase or a setting that is wrong, `ModelError` for a
        model that is not here, `OutOfMemoryError`, `Cancelled`.
        """
        started = time.perf_counter()
        settings = from_options(request.preset, request.options)
        if request.threshold is not None:
            settings = replace(settings, mask_threshold=request.threshold)
        phrases = [clean_phrase(phrase) for phrase in request.phrases]
        self._check(settings.model)

        def work(plan: MemoryPlan) -> tuple[PhraseAnswer, ...]:
            return self._answers(request, phrases, settings, plan, progress, cancel)

        plans = self._runtime.plans(settings.model)
        answers = self._runtime.attempt(settings.model, plans, work, progress)
        progress(1.0, "")
        return SegmentResult(answers, INFO.name, time.perf_counter() - started)

    def _check(self, id: str) -> None:
        model = self._runtime.library.model(id)
        if model.task != Task.CONCEPTS:
            raise UsageError(
                f'The setting model is "{id}", and {model.title} is no SAM 3.',
                "Name one whose task is concepts: see `ovedit models list`.",
            )

    def _answers(
        self,
        request: SegmentRequest,
        phrases: list[str],
        settings: Sam3Settings,
        plan: MemoryPlan,
        progress: Progress,
        cancel: CancelToken,
    ) -> tuple[PhraseAnswer, ...]:
        name, loading = settings.model, stage(progress, 0, 0.4)
        size = Size(request.image.shape[1], request.image.shape[0])
        with self._runtime.use(name, loading, cancel, plan=plan) as sam:
            told = stage(progress, 0.4, 0.7, "Looking at the picture")
            seen = self._pictures.of(sam, name, request.image, told, cancel)

            def ask(text: str) -> Things:
                return find(sam, seen, text, cancel)

            answers = []
            for number, phrase in enumerate(phrases):
                progress(0.7 + 0.3 * number / len(phrases), f"Finding “{phrase}”")
                answers.append(answer(phrase, ask, size, settings, request.top_k))
        return tuple(answers)
