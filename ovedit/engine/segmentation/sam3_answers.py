"""Which of the things that SAM 3 finds a phrase means.

SAM 3 is asked for looks alone: "bench" for "the second bench from the left, not the red one". What
places, sizes and exclusions mean among the things found is the business of `engine.language`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ovedit.engine.language.grammar import parse
from ovedit.engine.language.places import choose, drop
from ovedit.engine.language.texts import Excluded, texts
from ovedit.engine.requests import MaskCandidate, PhraseAnswer, ScoreMap
from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.sam import SCORE_SIDE, soft_mask
from ovedit.engine.segmentation.sam3_network import Things
from ovedit.engine.segmentation.sam3_settings import Sam3Settings
from ovedit.engine.segmentation.scaling import half_precision
from ovedit.engine.segmentation.text import too_long
from ovedit.geometry import Size

Ask = Callable[[str], Things]
_SAME = 0.5
"""IoU from which the masks of two phrases are taken for the same thing."""


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing that SAM 3 found; has a place, as `language.places` wants it.

    logits: (s, s), above 0 `inside` of it; area, box, centre: see `places.Placed`.
    """

    merit: float
    logits: torch.Tensor
    inside: NDArray[np.bool_]
    area: int
    box: tuple[int, int, int, int]
    centre: tuple[float, float]


def answer(phrase: str, ask: Ask, size: Size, settings: Sam3Settings, top_k: int) -> PhraseAnswer:
    """The answer to a phrase in a picture of this size.

    All things together come first, then one by one where there are several; where the phrase means
    one of them by its place or size, that one comes first and the others after it. Things that are
    not sure enough are only guesses. ask: gives what SAM 3 finds for a text.
    """
    said, query = texts(phrase), parse(phrase)
    drawn = _Drawn(size, settings)
    empty = PhraseAnswer(
        phrase, False, (), used_words=said.used_words, unused_words=said.unused_words
    )
    if not said.looks:
        return _all_but(empty, said.excluded, ask, drawn)
    seen = ask(said.looks)
    notice = too_long(said.looks) if seen.cut else ""

    def answered(found: bool, candidates: Iterable[MaskCandidate], told: str = "") -> PhraseAnswer:
        message = " ".join(filter(None, (told, notice)))
        return replace(empty, found=found, candidates=tuple(candidates)[:top_k], message=message)

    things = drawn.things(seen)
    if not things:
        reason = "A guess: SAM 3 is not sure enough of it."
        scores = seen.scores[:top_k].tolist()
        guesses = zip(scores, seen.logits, strict=False)
        candidates = [drawn.candidate(phrase, *guess, reason) for guess in guesses]
        return answered(False, candidates, f"“{phrase}” does not seem to be in this picture.")
    left = _without(things, said.excluded, ask, drawn)
    if not said.excluded:
        left = drop(left, query.excluded.positions, query.excluded.sizes)
    chosen = choose(left, query.positions, query.sizes, query.plural)
    if not chosen:
        message = f"“{phrase}” is none of the {len(things)} that SAM 3 found of “{said.looks}”."
        return answered(False, drawn.each(said.looks, things[:top_k]), message)
    each = drawn.each(said.looks, chosen[:top_k])
    if (query.positions or query.sizes) and not query.plural:
        reason = f"Chosen by place or size among {len(left)} that SAM 3 found."
        return answered(True, [replace(each[0], label=phrase, reason=reason), *each[1:]])
    what = "the only one" if len(chosen) == 1 else f"all {len(chosen)} of them"
    score = max(thing.merit for thing in chosen)
    first = drawn.candidate(phrase, score, _together(chosen), f"Found by SAM 3, {what}.")
    return answered(True, [first, *(each if len(chosen) > 1 else ())])


def _all_but(
    empty: PhraseAnswer, excluded: Sequence[Excluded], ask: Ask, drawn: _Drawn
) -> PhraseAnswer:
    """The answer to "everything except the car", or to a phrase that names nothing at all."""
    if not excluded:
        message = f"“{empty.phrase}” names no thing. Say what to look for, such as bench."
        return replace(empty, message=message)
    things = [thing for each in excluded for thing in drawn.things(ask(each.text))]
    names = " and ".join(f"“{each.text}”" for each in excluded)
    if not things:
        return replace(empty, message=f"{names} does not seem to be in this picture.")
    score = min(thing.merit for thing in things)
    reason = f"All but what SAM 3 found of {names}."
    candidate = drawn.candidate(empty.phrase, score, -_together(things), reason)
    return replace(empty, found=True, candidates=(candidate,))


def _without(
    things: list[Thing], excluded: Sequence[Excluded], ask: Ask, drawn: _Drawn
) -> list[Thing]:
    """The things that are not excluded, without the parts that are."""
    for each in excluded:
        others = drawn.things(ask(each.text))
        if each.alike:
            things = [one for one in things if not any(_same(one, other) for other in others)]
        elif others:
            outside = -_together(others)
            cut = (drawn.thing(one.merit, torch.minimum(one.logits, outside)) for one in things)
            things = [one for one in cut if one is not None]
    return things


def _same(one: Thing, other: Thing) -> bool:
    return iou(one.inside, other.inside) >= _SAME


def _together(things: Sequence[Thing]) -> torch.Tensor:
    return torch.stack([thing.logits for thing in things]).amax(dim=0)


class _Drawn:
    """Makes things and candidates of what SAM 3 draws in a picture of this size."""

    def __init__(self, size: Size, settings: Sam3Settings) -> None:
        self._size, self._settings = size, settings

    def things(self, seen: Things) -> list[Thing]:
        """Those that are sure enough, the surest first."""
        sure = [score for score in seen.scores.tolist() if score >= self._settings.score_threshold]
        found = (self.thing(*one) for one in zip(sure, seen.logits, strict=False))
        return [one for one in found if one is not None]

    def thing(self, score: float, logits: torch.Tensor) -> Thing | None:
        """A thing with its place, or None where nothing is inside of it."""
        inside = (logits > 0).cpu().numpy()
        rows, columns = np.nonzero(inside)
        if not rows.size:
            return None
        width, height = self._size.width / inside.shape[1], self._size.height / inside.shape[0]
        box = (
            math.floor(columns.min() * width),
            math.floor(rows.min() * height),
            math.ceil((columns.max() + 1) * width),
            math.ceil((rows.max() + 1) * height),
        )
        centre = (
            float(columns.mean() + 0.5) / inside.shape[1],
            float(rows.mean() + 0.5) / inside.shape[0],
        )
        area = max(1, round(rows.size * width * height))
        return Thing(score, logits, inside, area, box, centre)

    def each(self, name: str, things: Sequence[Thing]) -> list[MaskCandidate]:
        """The things one by one."""
        return [
            self.candidate(f"{name} {number}", one.merit, one.logits, f"Number {number} of them.")
            for number, one in enumerate(things, start=1)
        ]

    def candidate(
        self, label: str, score: float, logits: torch.Tensor, reason: str
    ) -> MaskCandidate:
        """A candidate with soft edges, cut where the settings say."""
        values = half_precision(soft_mask(logits, self._size.within(SCORE_SIDE)))
        scores = ScoreMap(values, self._size.rect)
        return MaskCandidate(label, score, scores, self._settings.mask_threshold, reason)
