"""One phrase on its way to an answer: its dense map, SAM 2's mask, the proposals that fit it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.requests import MaskCandidate, PhraseAnswer, ScoreMap
from ovedit.engine.segmentation.hybrid import AGREE
from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.proposals import Named, painted
from ovedit.engine.segmentation.sam import THRESHOLD
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.values import RefinedMask
from ovedit.geometry import Rect, Size

DETAIL_SIDE = 1600
"""Longest side of the score maps, in pixels."""
_RIVALS = 3

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Findings:
    """All that was found out about one phrase.

    dense: (h, w) in [0, 1], its probability; presence in [0, 1]; rivals: the negatives that came
    nearest; cut: probability at which the dense map is cut. refined: SAM 2's drawing of it. named:
    the proposals that fit, best first, in pixels of `drawn_at`; () where none were asked for.
    """

    phrase: str
    dense: Floats
    presence: float
    rivals: tuple[str, ...]
    cut: float
    refined: RefinedMask | None = None
    named: tuple[Named, ...] = ()
    drawn_at: Size | None = None

    @property
    def best(self) -> float:
        """The phrase's highest probability anywhere."""
        return float(self.dense.max(initial=0))


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A mask that may be the answer: (h, w) in [0, 1], cut at `cut`."""

    values: Floats
    cut: float
    score: float
    reason: str

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.values >= self.cut


def answer(
    found: Findings,
    size: Size,
    settings: SegmentationSettings,
    top_k: int,
    notices: tuple[str, ...] = (),
) -> PhraseAnswer:
    """The answer to a phrase in a picture of this size, the likeliest mask first.

    Two masks of the same thing, one of the dense map and one of the proposals, become their mean,
    weighted by confidence; of two that disagree the surer one comes first and the other after it.
    Below them come the things one by one, where there are several, and the bare dense map.
    """
    drawings = _drawings(found, size.within(DETAIL_SIDE), settings)
    whole = size.rect
    candidates = [_candidate(found.phrase, one, whole) for one in drawings[:top_k]]
    message = ""
    present = _present(found, settings)
    if not present:
        message = f"“{found.phrase}” does not seem to be in this picture."
    return PhraseAnswer(
        found.phrase,
        present,
        tuple(candidates),
        used_words=tuple(found.phrase.split()),
        message=" ".join(filter(None, (message, *notices))),
    )


def _present(found: Findings, settings: SegmentationSettings) -> bool:
    if found.named:
        return True
    return found.presence >= settings.presence_threshold and found.best >= found.cut


def _drawings(found: Findings, size: Size, settings: SegmentationSettings) -> list[_Drawing]:
    nearest = ", ".join(found.rivals[:_RIVALS])
    near = f"; nearest to it: {nearest}" if nearest else ""
    seen = found.presence * found.best
    drawings: list[_Drawing] = []
    if found.refined is not None:
        drawn = found.refined.source == "sam2"
        how = "outlined by SAM 2" if drawn else "which SAM 2 has no outline for"
        reason = f"Found by CLIP ({settings.method}), {how}{near}."
        drawings.append(_Drawing(_sized(found.refined.alpha, size), THRESHOLD, seen, reason))
    if found.named and found.drawn_at is not None:
        masks = painted([one.proposal for one in found.named], found.drawn_at)
        count = len(found.named)
        things = "the thing" if count == 1 else f"{count} things"
        reason = f"Drawn by SAM 2, {things} named by CLIP{near}."
        score = max(one.score for one in found.named)
        values = _sized(masks.astype(np.float32), size)
        drawings.append(_Drawing(values, THRESHOLD, score, reason))
    if len(drawings) == 2 and iou(drawings[0].mask, drawings[1].mask) >= AGREE:
        drawings = [_merged(*drawings)]
    drawings.sort(key=lambda one: -one.score)
    drawings += _instances(found, size)
    reason = f"Where CLIP ({settings.method}) sees it{near}."
    drawings.append(_Drawing(_sized(found.dense, size), found.cut, seen, reason))
    return drawings


def _merged(first: _Drawing, second: _Drawing) -> _Drawing:
    total = max(first.score + second.score, 1e-6)
    values = (first.score * first.values + second.score * second.values) / total
    # Two that agree are surer together than either alone.
    score = 1 - (1 - first.score) * (1 - second.score)
    reason = f"{first.reason[:-1]}; what SAM 2 drew without words agrees."
    return _Drawing(values.astype(np.float32), THRESHOLD, score, reason)


def _instances(found: Findings, size: Size) -> list[_Drawing]:
    """The things one by one, where there are several."""
    if found.refined is None or len(found.refined.instances) < 2:
        return []
    seen = found.presence * found.best
    return [
        _Drawing(
            _sized(thing.astype(np.float32), size), THRESHOLD, seen, f"Number {number} of them."
        )
        for number, thing in enumerate(found.refined.instances, start=1)
    ]


def _candidate(phrase: str, drawing: _Drawing, whole: Rect) -> MaskCandidate:
    scores = ScoreMap(drawing.values.astype(np.float16), whole)
    score = min(1.0, max(0.0, drawing.score))
    return MaskCandidate(phrase, score, scores, drawing.cut, drawing.reason)


def _sized(values: Floats, size: Size) -> Floats:
    """A map (h, w) at another size."""
    if values.shape == (size.height, size.width):
        return values
    shrinks = values.shape[0] * values.shape[1] > size.width * size.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(values, (size.width, size.height), interpolation=how)
    return np.asarray(resized, np.float32).reshape(size.height, size.width)
