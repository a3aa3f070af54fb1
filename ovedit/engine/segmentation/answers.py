"""From all that was found out about a phrase to its answer: masks with scores, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.language.wording import listed
from ovedit.engine.requests import MaskCandidate, PhraseAnswer, ScoreMap
from ovedit.engine.segmentation.choice import Choice, Offer
from ovedit.engine.segmentation.findings import DETAIL_SIDE, Findings, Floats, sized
from ovedit.engine.segmentation.hybrid import AGREE
from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.proposals import painted
from ovedit.engine.segmentation.sam import THRESHOLD
from ovedit.engine.segmentation.scaling import half_precision
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.geometry import Rect, Size

_RIVALS = 3


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A mask that may be the answer: (h, w) in [0, 1], cut at `cut`. reason: without full stop."""

    label: str
    values: Floats
    cut: float
    score: float
    reason: str

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.values >= self.cut


def answer(
    found: Findings,
    choice: Choice | None,
    size: Size,
    settings: SegmentationSettings,
    top_k: int,
    notices: Sequence[str] = (),
) -> PhraseAnswer:
    """The answer to a phrase in a picture of this size, the likeliest mask first.

    choice: which of the single things are meant; None where the phrase is about stuff, or nothing
    was found. Masks of everything that was found come before the chosen things where they are the
    answer, else after them, and the bare dense map comes last. Two masks of everything, one of the
    dense map and one of the proposals, become their mean, weighted by confidence, where they agree;
    of two that disagree the surer one comes first, and the message says so.
    """
    detail = size.within(DETAIL_SIDE)
    present = found.present(settings)
    bare = _bare(found, detail, settings)
    everything = _everything(found, bare, detail, settings)
    alone = choice is None or choice.whole
    offers = () if choice is None else choice.offers[:top_k]
    things = [_thing(offer, found, settings) for offer in offers]
    if alone:
        drawings = [*everything, *things]
    else:
        label = f"{found.question.phrase} (all)"
        drawings = [*things, *(replace(one, label=label) for one in everything)]
    if bare not in everything:
        drawings.append(bare)
    if not present:
        message = f"“{found.question.phrase}” does not seem to be in this picture."
    elif alone and len(everything) > 1:
        message = "The dense map and the proposals disagree: the surer mask comes first."
    else:
        message = "" if choice is None else choice.message
    return PhraseAnswer(
        found.question.phrase,
        present and (choice is None or choice.found),
        tuple(_candidate(one, size.rect) for one in drawings[:top_k]),
        used_words=found.question.used_words,
        unused_words=found.question.unused_words,
        message=" ".join(filter(None, (message, *notices))),
    )


def _bare(found: Findings, size: Size, settings: SegmentationSettings) -> _Drawing:
    seen = found.presence * float(found.dense.max(initial=0))
    reason = _all_but(found, settings) or f"Where CLIP ({settings.method}) sees it{_nearest(found)}"
    values = sized(found.dense, size)
    return _Drawing(found.question.phrase, values, found.cut, seen, reason)


def _everything(
    found: Findings, bare: _Drawing, size: Size, settings: SegmentationSettings
) -> list[_Drawing]:
    """Masks of all that was found, the surer first: one of the dense map, one of the proposals."""
    phrase = found.question.phrase
    drawings: list[_Drawing] = []
    if found.refined is not None:
        reason = f"{_outlined(found, settings)}{_nearest(found)}"
        if rest := _all_but(found, settings):
            reason = f"{rest}, with its edges on those of the picture"
        seen = found.presence * found.best
        values = sized(found.refined.alpha, size)
        drawings.append(_Drawing(phrase, values, THRESHOLD, seen, reason))
    elif settings.strategy != "proposals":
        drawings.append(bare)
    if found.named and found.drawn_at is not None:
        masks = painted([one.proposal for one in found.named], found.drawn_at)
        count = len(found.named)
        things = "the thing" if count == 1 else f"{count} things"
        reason = f"Drawn by SAM 2, {things} named by CLIP{_nearest(found)}"
        score = max(one.score for one in found.named)
        values = sized(masks.astype(np.float32), size)
        drawings.append(_Drawing(phrase, values, THRESHOLD, score, reason))
    if len(drawings) == 2 and iou(drawings[0].mask, drawings[1].mask) >= AGREE:
        return [_merged(*drawings)]
    return sorted(drawings, key=lambda one: -one.score)


def _merged(first: _Drawing, second: _Drawing) -> _Drawing:
    total = max(first.score + second.score, 1e-6)
    halves = [_at_half(first), _at_half(second)]
    values = (first.score * halves[0] + second.score * halves[1]) / total
    # Two that agree are surer together than either alone.
    score = 1 - (1 - first.score) * (1 - second.score)
    reason = f"{first.reason}; what SAM 2 drew without words, named by CLIP, agrees"
    return _Drawing(first.label, values.astype(np.float32), THRESHOLD, score, reason)


def _at_half(drawing: _Drawing) -> Floats:
    """The values with their cut moved to `THRESHOLD`."""
    if drawing.cut == THRESHOLD:
        return drawing.values
    ends, halves = (0.0, drawing.cut, 1.0), (0.0, THRESHOLD, 1.0)
    return np.interp(drawing.values, ends, halves).astype(np.float32)


def _thing(offer: Offer, found: Findings, settings: SegmentationSettings) -> _Drawing:
    size = offer.things[0].size
    source = offer.things[0].source
    how = {
        "named": "drawn by SAM 2 and named by CLIP",
        "refined": _outlined(found, settings)[:1].lower() + _outlined(found, settings)[1:],
        "dense": f"a part of where CLIP ({settings.method}) sees it",
    }[source]
    mask = painted([thing.drawn for thing in offer.things], size)
    score = max(thing.fit for thing in offer.things)
    reason = f"{offer.why}, {how}{_nearest(found)}"
    return _Drawing(offer.label, mask.astype(np.float32), THRESHOLD, score, reason)


def _outlined(found: Findings, settings: SegmentationSettings) -> str:
    drawn = found.refined is not None and found.refined.source == "sam2"
    how = "outlined by SAM 2" if drawn else "which SAM 2 has no outline for"
    return f"Found by CLIP ({settings.method}), {how}"


def _all_but(found: Findings, settings: SegmentationSettings) -> str:
    """What is said of a phrase that names only what is not meant; empty for others."""
    if found.question.asked:
        return ""
    taken = listed(found.question.all_excluded)
    return f"All but what CLIP ({settings.method}) takes for {taken}"


def _nearest(found: Findings) -> str:
    nearest = ", ".join(found.rivals[:_RIVALS])
    return f"; nearest to it: {nearest}" if nearest else ""


def _candidate(drawing: _Drawing, whole: Rect) -> MaskCandidate:
    scores = ScoreMap(half_precision(drawing.values), whole)
    score = min(1.0, max(0.0, drawing.score))
    return MaskCandidate(drawing.label, score, scores, drawing.cut, f"{drawing.reason}.")
