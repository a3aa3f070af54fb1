"""Answers phrases with masks: evidence for the words, things it forms, edges of the picture.

What is measured on a picture is kept for the next phrases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ovedit.engine.basic import ENGINE, objects
from ovedit.engine.basic.evidence import evidence, stuff_likelihood
from ovedit.engine.basic.guesses import guesses
from ovedit.engine.basic.kept import KeptByPicture
from ovedit.engine.basic.objects import Thing
from ovedit.engine.basic.raster import Floats, Mask, components, dilated, otsu, square
from ovedit.engine.basic.refine import THRESHOLD, Detail, sharpen
from ovedit.engine.basic.regions import Scene, measure
from ovedit.engine.language import places, vocabulary
from ovedit.engine.language.grammar import Query, parse
from ovedit.engine.language.places import place_window
from ovedit.engine.language.wording import listed, quoted
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import (
    MaskCandidate,
    PhraseAnswer,
    Preset,
    ScoreMap,
    SegmentRequest,
    SegmentResult,
)
from ovedit.geometry import Rect

WORKING_SIDE: dict[Preset, int] = {"fast": 640, "balanced": 800, "quality": 1000}
"""Long side, in pixels, at which the picture is measured."""
DETAIL_SIDE: dict[Preset, int] = {"fast": 800, "balanced": 1200, "quality": 1800}
"""Long side of the score maps, in pixels."""
_FOUND = 0.25
"""Likelihood that the best places have to reach for the phrase to be found."""
_GUESS = 0.5
"""What the score of a guess is worth beside that of an answer."""
_RANKS = {1: "most", 2: "second most", 3: "third most"}
_LEAST_SHARE = 0.0004
"""Share of the picture that counts as its best places: less would be noise."""
_KEPT_SCENES = 4
_scenes: KeptByPicture[Scene] = KeptByPicture(_KEPT_SCENES)


def segment(request: SegmentRequest, progress: Progress, cancel: CancelToken) -> SegmentResult:
    """Answer every phrase of the request with masks. Raises `Cancelled` when asked to stop."""
    started = time.perf_counter()
    steps = len(request.phrases) + 1

    def report(part: float, step: str) -> None:
        cancel.check()
        progress(part / steps, step)

    whole = Rect(0, 0, request.image.shape[1], request.image.shape[0])
    scene = _scenes.value(
        request.image, WORKING_SIDE[request.preset], lambda small: measure(small, whole, report)
    )
    cancel.check()
    detail = Detail.of(request.image, DETAIL_SIDE[request.preset])
    answers = []
    for index, phrase in enumerate(request.phrases, start=1):
        job = _Job(scene, detail, request.top_k, request.threshold, cancel.check)
        report(index, f"Looking for {quoted(phrase)}")
        answers.append(job.answer(phrase))
    cancel.check()
    progress(1.0, "")
    return SegmentResult(tuple(answers), ENGINE, time.perf_counter() - started)


@dataclass(frozen=True, eq=False)
class _Job:
    scene: Scene
    detail: Detail
    top_k: int
    threshold: float | None
    check: Callable[[], None]

    def answer(self, phrase: str) -> PhraseAnswer:
        query = parse(phrase)
        if self.scene.visible.max() < 0.02:
            return _nothing(query, "The picture is fully transparent: there is nothing to select.")
        if not (query.describes or query.excluded.describes):
            return self._guess(query, _not_understood(query))
        score = self._score(query)
        top = float(np.quantile(score, 1 - _LEAST_SHARE))
        if top < _FOUND:
            return self._guess(query, f"Nothing in the picture looks like {quoted(query.phrase)}.")
        return self._found(query, score, top)

    def _score(self, query: Query) -> Floats:
        """Likelihood (h, w) in [0, 1] by looks, and for stuff without parts also by place."""
        score = evidence(self.scene, query)
        if query.stuff and _is_mass(query):
            score = _continued(score, evidence(self.scene, query, anywhere=True))
        if query.excluded.describes:
            unwanted = evidence(self.scene, query.excluded)
            score = score * (1 - np.clip(unwanted / max(0.6 * float(unwanted.max()), 0.2), 0, 1))
        if _is_mass(query):
            for position in query.positions:
                score = score * place_window(self.scene.shape, position.side)
        return score * self.scene.visible

    def _found(self, query: Query, score: Floats, top: float) -> PhraseAnswer:
        self.check()
        named = bool(query.noun) and not query.stuff
        cut = max(_cut(score, top), 0.52 * top) if named else _cut(score, top)
        trust = 0.2 if query.ground else 0.35
        likelihood = _likelihood(score, cut)
        label = sharpen(self.scene.rgb, self.scene.cells, likelihood, trust_colour=trust)
        label, attached = self._with_attached(query, label)
        self.check()

        mass = _is_mass(query)
        reach = round(0.01 * max(self.scene.shape))
        found = objects.things(
            label,
            score,
            self.scene.standing_out,
            gap=0 if query.stuff else 2 * reach,
            neck=reach if query.stuff and not mass else 0,
            least=0.002 if mass else 0.02,
            attached=attached,
        )
        if not found:
            return self._guess(query, f"Nothing in the picture looks like {quoted(query.phrase)}.")
        if mass:
            chosen, together = found, True
        else:
            left = places.drop(found, query.excluded.positions, query.excluded.sizes)
            chosen = places.choose(left, query.positions, query.sizes, query.plural)
            placed = bool(query.positions or query.sizes)
            together = query.plural or not (named or placed)
        if not chosen:
            message = f"There are only {len(found)} for {quoted(query.phrase)}."
            return self._guess(query, message)
        groups = self._groups(query, chosen, together)
        candidates = []
        for name, group in groups[: max(1, self.top_k)]:
            self.check()
            candidates.append(self._candidate(name, group, label, score, query))
        return PhraseAnswer(
            phrase=query.phrase,
            found=True,
            candidates=tuple(candidates),
            used_words=query.used_words,
            unused_words=query.unused_words,
            message=_explanation(query),
        )

    def _groups(
        self, query: Query, chosen: Sequence[Thing], together: bool
    ) -> list[tuple[str, list[Thing]]]:
        """Candidates as label and things, best first."""
        label = query.phrase.strip() or "selection"
        single = query.noun or label
        everything = list(chosen)
        if _is_mass(query) or len(chosen) == 1:
            return [(label, everything)]
        if together:
            ordered = sorted(chosen, key=lambda thing: -thing.mass)[: max(1, self.top_k - 1)]
            ordered.sort(key=lambda thing: thing.centre[0])
            instances = [(f"{single} {n}", [t]) for n, t in enumerate(ordered, start=1)]
            return [(label, everything), *instances]
        likely = [thing for thing in chosen if thing.merit >= 0.1 * chosen[0].merit]
        ranked = [(f"{label} {n}" if n > 1 else label, [t]) for n, t in enumerate(likely, start=1)]
        sure = bool(query.positions) or chosen[1].merit < 0.35 * chosen[0].merit
        return ranked if sure else [*ranked[: self.top_k - 1], (f"{label} (all)", everything)]

    def _with_attached(self, query: Query, label: Floats) -> tuple[Floats, Mask | None]:
        """The label with stuff that belongs to it where it hangs on (trunks), and where that is."""
        attached = None
        names = [name for stuff in query.stuff for name in stuff.attached]
        for name in names:
            score = stuff_likelihood(self.scene, vocabulary.stuff()[name]) * self.scene.visible
            free = score * (label < 0.5)
            top = float(np.quantile(free, 1 - _LEAST_SHARE))
            if top < _FOUND:
                continue
            likelihood = _likelihood(free, _cut(free, top))
            extra = sharpen(self.scene.rgb, self.scene.cells, likelihood) * (label < 0.5)
            near = dilated(label >= 0.5, square(9))
            hanging = np.zeros(label.shape, bool)
            for part in objects.things(extra, score, self.scene.standing_out, gap=2, least=0.0):
                touch = part.mask & near
                # A trunk hangs on with its end; what runs along the rim of a crown is not one.
                if touch.any() and touch.sum() < 0.5 * part.area and part.rim < 0.02:
                    hanging |= part.mask
            label = np.where(hanging, np.maximum(label, extra), label)
            attached = hanging if attached is None else attached | hanging
        return label, attached

    def _candidate(
        self, name: str, group: Sequence[Thing], label: Floats, score: Floats, query: Query
    ) -> MaskCandidate:
        own = np.logical_or.reduce([thing.mask for thing in group])
        reach = dilated(own, square(5))
        rough = np.where(reach, label, np.minimum(label, 0.05))
        rough = np.where(own, np.maximum(rough, 0.55), rough)
        order = np.where(own, np.maximum(score, 0.3 * label), score)
        values = self.detail.score_map(rough, reach, order, trust_colour=0.4)
        mean = float(score[own].mean())
        clear = float(label[own].mean())
        sure = _GUESS if _unknown_things(query) else 1.0
        return MaskCandidate(
            label=name,
            score=round(sure * min(0.99, 0.5 * clear + 0.5 * min(1.0, mean * 1.4)), 3),
            scores=ScoreMap(values, self.scene.rect),
            threshold=THRESHOLD if self.threshold is None else self.threshold,
            reason=_reason(query),
        )

    def _guess(self, query: Query, message: str) -> PhraseAnswer:
        """What stands out most, as guesses."""
        found = guesses(self.scene, max(1, self.top_k), self.check)
        things = places.choose([thing for thing, _ in found], query.positions, query.sizes, False)
        labels = {id(thing): label for thing, label in found}
        saliency = self.scene.saliency * self.scene.visible
        candidates = []
        for number, thing in enumerate(things, start=1):
            self.check()
            name = f"guess {number}"
            made = self._candidate(name, [thing], labels[id(thing)], saliency, query)
            reason = f"A guess: stands out {_RANKS.get(number, 'too')}."
            candidates.append(replace(made, score=round(_GUESS * made.score, 3), reason=reason))
        if not candidates:
            message = f"{message} Nothing stands out in the picture."
        return _nothing(query, message.strip(), tuple(candidates))


def _nothing(
    query: Query, message: str, candidates: tuple[MaskCandidate, ...] = ()
) -> PhraseAnswer:
    return PhraseAnswer(
        phrase=query.phrase,
        found=False,
        candidates=candidates,
        used_words=query.used_words,
        unused_words=query.unused_words,
        message=message,
    )


def _is_mass(query: Query) -> bool:
    """Whether the phrase names only what has no instances (sky, grass), or a ground."""
    if query.ground == "background" or not query.describes:
        return True
    return bool(query.stuff) and all(stuff.border for stuff in query.stuff)


def _cut(score: Floats, top: float) -> float:
    """The score that parts what fits from what does not (Otsu), within reason of the top."""
    return float(np.clip(otsu(score, top), 0.42, 0.62)) * top


def _continued(score: Floats, anywhere: Floats) -> Floats:
    """The score, carried on beyond the usual place into what looks alike and hangs together.

    Hysteresis as in Canny's edge detector (1986): weak evidence counts where strong evidence is
    part of the same connected area.
    """
    top = float(np.quantile(score, 1 - _LEAST_SHARE))
    cut = 0.4 * max(top, 1e-3)
    parts, count = components(anywhere >= cut)
    strong = np.bincount(parts.ravel(), (score >= 0.7 * top).ravel(), count)
    areas = np.bincount(parts.ravel(), minlength=count)
    kept = strong > 0.2 * areas
    kept[0] = False
    return np.where(kept[parts], np.maximum(score, 0.9 * anywhere), score)


def _likelihood(score: Floats, cut: float) -> Floats:
    """The score as a likelihood that is undecided at `cut`."""
    return score**2 / (score**2 + cut**2 + 1e-9)


def _not_understood(query: Query) -> str:
    if not query.unused_words:
        return "The phrase says nothing about what to look for."
    verb = "was" if len(query.unused_words) == 1 else "were"
    return f"{listed(query.unused_words)} {verb} not understood by the basic engine."


def _unknown_things(query: Query) -> tuple[str, ...]:
    """Names of things in the phrase that were understood as colours, where it says nothing else.

    "Coffee" is the drink before it is a brown; "coffee coloured" and "coffee table" are not.
    """
    said = vocabulary.tokens(query.phrase)
    if query.noun or query.materials or query.stuff or query.tones or query.ground:
        return ()
    if {"colour", "coloured", "color", "colored"} & set(said):
        return ()
    names = tuple(colour.name for colour in query.colours)
    return names if names and set(names) <= vocabulary.words().things else ()


def _explanation(query: Query) -> str:
    things = _unknown_things(query)
    if things:
        return f"The basic engine looked only for the colour of {listed(things)}."
    if not query.unused_words:
        return ""
    verb = "was" if len(query.unused_words) == 1 else "were"
    unknown = f"{listed(query.unused_words)} {verb} not understood by the basic engine"
    return f"Selected by {listed(query.used_words)}; {unknown}."


def _reason(query: Query) -> str:
    return f"Fits {listed(query.used_words)}." if query.used_words else "Stands out most."
