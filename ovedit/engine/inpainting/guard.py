"""Did the thing that was to go come back? CLIP compares the picture before and after with words.

Each word competes alone with words for plain background: its share is what a softmax over those
gives it (Radford et al. 2021, section 3.1.2). So a synonym does not halve the share of a phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ovedit.engine.crop import mask_bounds
from ovedit.engine.inpainting.values import Mask, Picture
from ovedit.engine.library import ModelLibrary, Presence, Task
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.errors import EngineError
from ovedit.geometry import Rect, Size

Shares = NDArray[np.float64]

BACKGROUND = (
    "an empty background",
    "a wall",
    "a floor",
    "the ground",
    "a road",
    "grass",
    "leaves and trees",
    "the sky",
    "water",
    "sand and stones",
    "a blurred surface",
)
"""What a good removal leaves."""
THINGS = (
    "a person",
    "a face",
    "an animal",
    "a car",
    "furniture",
    "a sign with text",
    "a bag",
    "a bottle",
    "a statue",
    "food",
)
"""What models like to put into an empty place."""

_SENTENCE = "a photo of {}."
_MARGIN = 0.15
"""Room around the hole, of its longer side: as much of the surroundings as tells what it is."""
_SEEN = 0.3
"""Share from which the thing counts as recognised."""
_CERTAIN = 0.6
"""Share from which it is there, whatever it was before."""
_KEPT = 0.75
"""Of its share before, what it must not keep."""
_NEW = 0.9
"""Share from which another thing counts as new; there are many of them, so it is higher."""


@dataclass(frozen=True)
class Verdict:
    """What is to be seen where something was taken away.

    back: the thing is there again, or another one that was not. before, after: share of the thing
    in [0, 1]. sentence: for the person, with both in it.
    """

    back: bool
    before: float
    after: float
    sentence: str


@dataclass(frozen=True, eq=False)
class Tried:
    """The best of several tries: its seed, its verdict if there was one, how many there were."""

    picture: Picture
    seed: int
    verdict: Verdict | None
    count: int

    @property
    def note(self) -> str:
        """One sentence on what was tried, empty where the first try was good or not checked."""
        if self.verdict is None or (self.count == 1 and not self.verdict.back):
            return ""
        if self.count == 1:
            return self.verdict.sentence
        if self.verdict.back:
            return f"The best of {self.count} tries was kept. {self.verdict.sentence}"
        return f"Something had come back; try {self.count}, with seed {self.seed}, is free of it."


def best_try(
    paint: Callable[[int], Picture],
    judge: Callable[[Picture], Verdict | None],
    seeds: Iterable[int],
) -> Tried:
    """Paint with one seed after the other until nothing is back; the best of them otherwise.

    seeds: at least one. judge: None where nothing can be said, which ends the tries.
    """
    best: Tried | None = None
    count = 0
    for count, seed in enumerate(seeds, 1):
        picture = paint(seed)
        verdict = judge(picture)
        better = (
            best is None
            or verdict is None
            or best.verdict is None
            or (verdict.back, verdict.after) < (best.verdict.back, best.verdict.after)
        )
        if better:
            best = Tried(picture, seed, verdict, count)
        if verdict is None or not verdict.back:
            break
    if best is None:
        raise ValueError("no seed to try")
    return Tried(best.picture, best.seed, best.verdict, count)


def decide(
    phrase: str, before: float, after: float, others: Sequence[tuple[str, float, float]] = ()
) -> Verdict:
    """The verdict on the shares of the phrase before and after.

    others: names of other things with their shares, which must not be new.
    """
    shown = f"({before:.0%} before, {after:.0%} now)"
    if after >= _CERTAIN or (before >= _SEEN and after >= _KEPT * before):
        return Verdict(True, before, after, f"There still seems to be “{phrase}” {shown}.")
    grown = [(now, name) for name, then, now in others if now >= _NEW and then < _SEEN]
    if grown:
        name = max(grown)[1]
        return Verdict(True, before, after, f"Something like {name} seems to have appeared.")
    if before < _SEEN:
        sentence = f"“{phrase}” was not recognised before either, so its removal is not checked."
        return Verdict(False, before, after, sentence)
    return Verdict(False, before, after, f"No “{phrase}” is seen there any more {shown}.")


def installed_clip(library: ModelLibrary) -> str | None:
    """The first model of the catalogue on this computer that compares pictures with words."""
    for model in library.models():
        if model.task is Task.TEXT_IMAGE and library.state(model.id).presence is Presence.READY:
            return model.id
    return None


class Guard:
    """Judges removals with the CLIP model that is here; remembers what words mean to it."""

    def __init__(self, runtime: ModelRuntime) -> None:
        self._runtime = runtime
        self._known: dict[tuple[str, str], torch.Tensor] = {}

    def judge(
        self,
        before: Picture,
        after: Picture,
        mask: Mask,
        phrase: str,
        wanted: str = "",
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Verdict | None:
        """What is to be seen in the hole; None where no CLIP model is here or no phrase is given.

        before, after: (h, w, 3) of the same part of the picture. mask: (h, w), above 0 in the hole.
        phrase: what was to go. wanted: what was to come instead, which then may be there and
        competes with the phrase; without it nothing may be there. Raises `EngineError` where the
        model gives no numbers, `OutOfMemoryError`, `ModelError`, `Cancelled`.
        """
        id = installed_clip(self._runtime.library)
        phrase = " ".join(phrase.split())
        hole = mask_bounds(mask)
        if id is None or not phrase or not hole:
            return None
        cancel = cancel or CancelToken()
        part = look_at(hole, Size(mask.shape[1], mask.shape[0])).slices
        rivals = (*BACKGROUND, wanted) if wanted.strip() else BACKGROUND
        things = (phrase,) if wanted.strip() else (phrase, *_unlike(phrase))

        def work(plan: MemoryPlan) -> Shares:
            with self._runtime.use(id, progress, cancel, plan=plan) as clip:
                return self._shares(id, clip, (before[part], after[part]), things, rivals, cancel)

        shares = self._runtime.attempt(id, self._runtime.plans(id), work, progress)
        others = [
            (name, float(then), float(now))
            for name, then, now in zip(things[1:], *shares[:, 1:].tolist(), strict=True)
        ]
        return decide(phrase, float(shares[0, 0]), float(shares[1, 0]), others)

    def _shares(
        self,
        id: str,
        clip: ClipModel,
        pictures: Sequence[Picture],
        things: Sequence[str],
        rivals: Sequence[str],
        cancel: CancelToken,
    ) -> Shares:
        """(pictures, things) share of each thing against all rivals, in [0, 1]."""
        new = [word for word in dict.fromkeys((*things, *rivals)) if (id, word) not in self._known]
        for word, row in zip(new, embed_words(clip, new, cancel), strict=True):
            self._known[id, word] = row
        seen = embed_pictures(clip, pictures, cancel)
        scale = float(clip.model.logit_scale.exp())

        def likeness(words: Sequence[str]) -> torch.Tensor:
            return scale * seen @ torch.stack([self._known[id, word] for word in words]).T

        return shares(likeness(things).numpy(), likeness(rivals).numpy())


def shares(things: NDArray[np.floating], rivals: NDArray[np.floating]) -> Shares:
    """What a softmax gives each thing alone against all rivals.

    things: (n, t) and rivals: (n, r), the scaled similarities of n pictures. Returns (n, t).
    """
    against = np.logaddexp.reduce(rivals.astype(np.float64), axis=1, keepdims=True)
    return 1.0 / (1.0 + np.exp(np.clip(against - things, -500.0, 500.0)))


def look_at(hole: Rect, picture: Size) -> Rect:
    """A square around the hole with a little room, as far as the picture reaches."""
    side = round(max(hole.width, hole.height) * (1 + 2 * _MARGIN)) + 2
    width, height = min(side, picture.width), min(side, picture.height)
    x = hole.x + (hole.width - width) // 2
    y = hole.y + (hole.height - height) // 2
    return Rect(
        min(max(0, x), picture.width - width),
        min(max(0, y), picture.height - height),
        width,
        height,
    )


@torch.no_grad()
def embed_words(clip: ClipModel, words: Sequence[str], cancel: CancelToken) -> torch.Tensor:
    """(n, c) what CLIP makes of a photo of each, float32 on the CPU, L2-normalised.

    Raises `EngineError` where that is no number, and `Cancelled`.
    """
    device = clip.model.logit_scale.device
    rows = []
    for word in words:
        cancel.check()
        tokens = clip.tokenizer([_SENTENCE.format(word)]).to(device)
        rows.append(clip.model.encode_text(tokens).float().cpu())
    return _normalised(torch.cat(rows)) if rows else torch.empty(0, 0)


@torch.no_grad()
def embed_pictures(
    clip: ClipModel, pictures: Sequence[Picture], cancel: CancelToken
) -> torch.Tensor:
    """(n, c) what CLIP makes of pictures (h, w, 3), float32 on the CPU, L2-normalised.

    All of a picture is seen, brought to the model's own size. Raises like `embed_words`.
    """
    height, width = clip.image_size
    scale = clip.model.logit_scale
    dtype = next(clip.model.visual.parameters()).dtype
    mean, std = np.array(clip.mean, np.float32), np.array(clip.std, np.float32)
    rows = []
    for picture in pictures:
        cancel.check()
        smaller = picture.shape[0] > height or picture.shape[1] > width
        way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        sized = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=way)
        values = (sized.astype(np.float32) / 255 - mean) / std
        pixels = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]
        rows.append(clip.model.encode_image(pixels.to(scale.device, dtype)).float().cpu())
    return _normalised(torch.cat(rows))


def _normalised(values: torch.Tensor) -> torch.Tensor:
    if not bool(torch.isfinite(values).all()):
        raise EngineError(
            "The model that checks removals gives no numbers (NaN).",
            "Check its files with `ovedit models verify`, or switch the check off.",
        )
    return functional.normalize(values, dim=-1)


def _unlike(phrase: str) -> tuple[str, ...]:
    """The things that the phrase does not name itself."""
    words = set(phrase.casefold().split())
    return tuple(thing for thing in THINGS if not words & set(thing.split()[1:] or [thing]))
