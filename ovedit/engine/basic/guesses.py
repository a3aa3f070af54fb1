"""What might be meant when a phrase is not understood: the objects that stand out most."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ovedit.engine.basic import objects
from ovedit.engine.basic.objects import Thing
from ovedit.engine.basic.raster import Floats, Mask, dilated, disc, eroded, otsu, square
from ovedit.engine.basic.refine import sharpen
from ovedit.engine.basic.regions import Scene

Guess = tuple[Thing, Floats]
_FAINT = 0.1
"""Saliency below which nothing stands out."""
_USUAL_SHARE = 0.02
_TOO_LARGE = 0.6
"""Shares of the picture between which a thing has a usual size."""
_ALIKE = 0.4
"""Intersection over union at which two guesses are the same."""
_LEAST_AREA = 0.0015
"""Share of the picture under which a thing is a speck."""
_LEAST_MERIT = 0.15
"""Share of the best guess's merit under which a guess is not worth showing."""


def guesses(scene: Scene, most: int, check: Callable[[], None]) -> list[Guess]:
    """Up to `most` distinct things with the labels (h, w) they were cut from, best first.

    Found by how much they stand out, and then in what is left without those already found; ranked
    by `_merit`. `check` may raise to cancel.
    """
    visible = scene.saliency * scene.visible
    faintest = max(_FAINT, 0.25 * _top(visible))
    offered: list[Guess] = []
    left = visible
    for _ in range(most + 1):
        check()
        if _top(left) <= faintest:
            break
        found = list(_cut_out(scene, left))
        offered += found
        taken = np.logical_or.reduce([thing.mask for thing, _ in found] or [left > left.max()])
        left = left * ~dilated(taken, square(9))
        if not found:
            break
    offered.sort(key=lambda guess: -_merit(scene, guess[0]))
    chosen: list[Guess] = []
    for guess in offered:
        if all(_overlap(guess[0].mask, other.mask) < _ALIKE for other, _ in chosen):
            chosen.append(guess)
    least = _LEAST_MERIT * _merit(scene, chosen[0][0]) if chosen else 0.0
    return [guess for guess in chosen if _merit(scene, guess[0]) >= least][:most]


def _top(saliency: Floats) -> float:
    return float(np.quantile(saliency, 0.9996))


def _cut_out(scene: Scene, saliency: Floats) -> Iterator[Guess]:
    """Things cut from a saliency map, loosely and, by their colours, more strictly."""
    top = _top(saliency)
    cut = max(float(np.clip(otsu(saliency, top), 0.42, 0.62)), 0.62) * top
    likelihood = saliency**2 / (saliency**2 + cut**2 + 1e-9)
    gap = round(0.01 * max(scene.shape))
    for trust, apart in ((0.15, gap), (0.6, gap // 2)):
        label = sharpen(scene.rgb, scene.cells, likelihood, trust_colour=trust)
        for thing in objects.things(label, saliency, scene.standing_out, gap=apart, least=0.05):
            if thing.area >= _LEAST_AREA * label.size:
                yield thing, label


def _merit(scene: Scene, thing: Thing) -> float:
    """How much a thing looks like an object: it stands out, has a usual size and a body."""
    share = thing.area / scene.labels.size
    usual = min(1.0, (share / _USUAL_SHARE) ** 0.5) * min(1.0, (1 - share) / (1 - _TOO_LARGE))
    left, top, right, bottom = thing.box
    wide, high = right - left, bottom - top
    filled = thing.area / (wide * high)
    body = max(1, round(0.06 * (wide * high) ** 0.5))
    solid = float(eroded(np.pad(thing.mask, body), disc(body)).any())
    return (
        thing.salience * usual * (0.35 + filled) * (0.4 + 0.6 * solid) * (1 - min(0.6, thing.rim))
    )


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
