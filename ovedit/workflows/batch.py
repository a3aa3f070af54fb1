"""Following a recipe on one document: find, judge, edit, step by step."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ovedit.document import Document
from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    EngineProvider,
    Progress,
    silent,
    stage,
)
from ovedit.settings import Settings
from ovedit.workflows import edit, segment
from ovedit.workflows.ask import ask, engine_named, engine_to_edit, engine_to_select
from ovedit.workflows.recipe import EngineUse, Recipe, Step

_LOOKING = 0.3
"""The share of a step that finding takes, for the progress bar."""


class Verdict(enum.StrEnum):
    """What became of a document.

    DONE: every step was made. FOUND: everything was found, and nothing was to be edited.
    REVIEW: something was found with too little confidence. NOT_FOUND: something was not found.
    """

    DONE = "done"
    FOUND = "found"
    REVIEW = "review"
    NOT_FOUND = "not found"


@dataclass(frozen=True)
class Followed:
    """How far a recipe was followed; the document holds the masks and layers made until then.

    confidence: of what was found least surely, or None where nothing was.
    message: why it ended early, or empty. notes: what the engines remarked.
    """

    verdict: Verdict
    confidence: float | None
    message: str = ""
    notes: tuple[str, ...] = ()


def resolved(recipe: Recipe, engines: Sequence[EngineInfo], settings: Settings) -> Recipe:
    """The recipe with engines, presets and options filled in from the settings.

    Raises `EngineMissingError` for an engine that is not known, `CannotDoError` for one that cannot
    do its part.
    """
    kinds = sorted({step.kind for step in recipe.steps})
    selector = engine_to_select(engines, settings.select_engine, named=recipe.select.engine)
    editor = engine_to_edit(engines, settings.edit_engine, *kinds, named=recipe.edit.engine)
    return replace(
        recipe,
        select=_filled(recipe.select, selector, settings),
        edit=_filled(recipe.edit, editor, settings),
    )


def follow(
    document: Document,
    recipe: Recipe,
    provider: EngineProvider,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    *,
    select_only: bool = False,
) -> Followed:
    """Do to the document what the recipe says, which must be `resolved`.

    A step whose phrase is not found, or with less confidence than it asks for, is not made and ends
    the work: its masks or guesses are in the document, for a person to judge.
    select_only: look for what all steps name and edit nothing.
    Raises `EngineError` where an engine fails, `Cancelled` when the token is set.
    """
    lowest: float | None = None
    notes: list[str] = []
    count = len(recipe.steps)
    for number, step in enumerate(recipe.steps):
        part = stage(progress, number / count, (number + 1) / count)
        looking = stage(part, 0, 1 if select_only else _LOOKING, f"Looking for {step.phrase}")
        found = _find(document, recipe, step, provider, looking, cancel)
        confidence = _confidence(document, found)
        lowest = _least(lowest, confidence)
        notes += found.messages
        missing = [phrase for phrase in found.phrases if not phrase.found]
        if missing:
            for phrase in missing:
                if phrase.guesses:
                    segment.apply_guess(document, phrase)
            why = " ".join(phrase.message for phrase in missing)
            return Followed(Verdict.NOT_FOUND, lowest, why, tuple(notes))
        if confidence is not None and confidence < step.least_confidence:
            why = (
                f"“{step.phrase}” was found with confidence {confidence:.2f}; "
                f"the recipe asks for {step.least_confidence:.2f}."
            )
            return Followed(Verdict.REVIEW, lowest, why, tuple(notes))
        if select_only:
            continue
        segment.accept(document, found.mask_ids)
        painting = stage(part, _LOOKING, 1, step.title)
        notes += _change(document, recipe, step, found.mask_ids, provider, painting, cancel)
    verdict = Verdict.FOUND if select_only else Verdict.DONE
    return Followed(verdict, lowest, notes=tuple(dict.fromkeys(notes)))


# -- inside ----------------------------------------------------------------------------------------


def _filled(use: EngineUse, info: EngineInfo, settings: Settings) -> EngineUse:
    options = {**settings.engine_options.get(info.name, {}), **use.options}
    return EngineUse(info.name, use.preset or settings.preset, options)


def _find(
    document: Document,
    recipe: Recipe,
    step: Step,
    provider: EngineProvider,
    progress: Progress,
    cancel: CancelToken | None,
) -> segment.SegmentOutcome:
    request = segment.segment_request(
        document.state,
        step.phrase,
        preset=recipe.select.preset or "balanced",
        threshold=step.threshold,
        options=recipe.select.options,
    )
    result = ask(provider, recipe.select.engine, request, progress, cancel)
    return segment.apply_segmentation(document, result)


def _change(
    document: Document,
    recipe: Recipe,
    step: Step,
    mask_ids: Sequence[str],
    provider: EngineProvider,
    progress: Progress,
    cancel: CancelToken | None,
) -> tuple[str, ...]:
    plan = edit.plan_edit(
        document.state,
        mask_ids,
        step.kind,
        engine_named(provider, recipe.edit.engine),
        prompt=step.prompt,
        negative_prompt=step.negative,
        seed=step.seed,
        preset=recipe.edit.preset or "balanced",
        grow=step.grow,
        feather=step.feather,
        options=recipe.edit.options,
    )
    result = ask(provider, recipe.edit.engine, plan.request, progress, cancel)
    edit.apply_edit(document, plan, result)
    return result.notes


def _confidence(document: Document, found: segment.SegmentOutcome) -> float | None:
    scores = [document.state.mask(mask_id).score for mask_id in found.mask_ids]
    return min((score for score in scores if score is not None), default=None)


def _least(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
