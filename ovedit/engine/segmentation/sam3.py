"""The SAM 3 engine: a noun phrase to all the things that it names, each with its outline."""

from __future__ import annotations

import time

import torch

from ovedit.engine.library import Task
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, stage
from ovedit.engine.requests import (
    MaskCandidate,
    PhraseAnswer,
    ScoreMap,
    SegmentRequest,
    SegmentResult,
)
from ovedit.engine.segmentation.sam import SCORE_SIDE, soft_mask
from ovedit.engine.segmentation.sam3_info import INFO
from ovedit.engine.segmentation.sam3_network import Sam3Pictures, Things, find
from ovedit.engine.segmentation.sam3_settings import Sam3Settings, from_options
from ovedit.engine.segmentation.text import clean_phrase, too_long
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
        with self._runtime.use(name, loading, cancel, plan=plan) as sam:
            progress(0.4, "Looking at the picture")
            cancel.check()
            seen = self._pictures.of(sam, name, request.image)
            answers = []
            for number, phrase in enumerate(phrases):
                progress(0.7 + 0.3 * number / len(phrases), f"Finding “{phrase}”")
                cancel.check()
                answers.append(_answer(phrase, find(sam, seen, phrase), request, settings))
        return tuple(answers)


def _answer(
    phrase: str, things: Things, request: SegmentRequest, settings: Sam3Settings
) -> PhraseAnswer:
    """All things together first, then one by one where there are several; or only guesses."""
    count = int((things.scores >= settings.score_threshold).sum())
    size = Size(request.image.shape[1], request.image.shape[0])
    cut = settings.mask_threshold if request.threshold is None else request.threshold

    def candidate(label: str, score: float, logits: torch.Tensor, reason: str) -> MaskCandidate:
        values = soft_mask(logits, size.within(SCORE_SIDE)).astype("float16")
        return MaskCandidate(label, score, ScoreMap(values, size.rect), cut, reason)

    scores, logits = things.scores.tolist(), things.logits
    candidates: list[MaskCandidate] = []
    if count:
        what = "the only one" if count == 1 else f"all {count} of them"
        together = logits[:count].amax(dim=0)
        candidates.append(candidate(phrase, scores[0], together, f"Found by SAM 3, {what}."))
    if count > 1:
        for number in range(min(count, request.top_k - 1)):
            label, reason = f"{phrase} {number + 1}", f"Number {number + 1} of them."
            candidates.append(candidate(label, scores[number], logits[number], reason))
    if not count:
        reason = "A guess: SAM 3 is not sure enough of it."
        guesses = zip(scores[: request.top_k], logits, strict=False)
        candidates += [candidate(phrase, score, drawn, reason) for score, drawn in guesses]
    missing = f"“{phrase}” does not seem to be in this picture." if not count else ""
    return PhraseAnswer(
        phrase,
        bool(count),
        tuple(candidates),
        used_words=tuple(phrase.split()),
        message=" ".join(filter(None, (missing, too_long(phrase) if things.cut else ""))),
    )
