"""What a model did to pixels that it was to leave alone, and what undoes it in its new ones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.inpainting.grain import FINE, Floats, luma_of
from ovedit.engine.inpainting.values import Mask, Picture
from ovedit.geometry import Size

SIDE = 256
"""Longest side of the reduced picture in which colours are compared."""

_SOFT = 1.5
"""Deviation of the blur that leaves what is smooth there, in its pixels."""
_SHIFT = np.array([12, 10, 10], np.float32)
"""Most by which colours are shifted, in L*, a* and b*."""
_CONTRAST = (0.85, 1.2)
"""Limits of the factor on contrast."""
_UNSURE = np.array([25, 9, 9], np.float32)
"""Variance of a ring's colours at which it tells half of what there is to know of contrast."""
_FAITHFUL, _FOREIGN = 4.0, 10.0
"""Spread of the error of L* up to which a model is believed, and from which it is not."""
_LEFT = 6.0
"""Most of what the fit leaves over that is taken for the model's doing, in Lab."""
_FEWEST = 40
"""Fewest pixels, reduced or not, that tell anything."""
_MOST_SHARPER = (1.8, 1.4)
"""Most by which fine detail and the next coarser one are raised."""
_COHERENT = 0.6
"""Least correlation of painted with original detail that tells of sharpness."""
_BAND = 32
"""Rows that are looked at together for sharpness."""
_SAMPLES = 1 << 18
"""Pixels of a large picture that are looked at."""
_PAIRS = 4000
"""Pairs of colours that are fitted, at most."""


def colour_change(
    original: Picture,
    painted: Picture,
    repainted: Mask,
    ring: int,
    *,
    whole: bool = True,
    seam: bool = True,
) -> Floats | None:
    """What to add to `painted`, in levels: (h', w', 3), a reduced picture of the same view.

    original, painted: (h, w, 3). repainted: (h, w), above 0 where they need not be alike. ring:
    width in pixels of the border of that where they are compared. whole: whether to correct shift
    and contrast everywhere; seam: whether to follow the border. None where nothing can be known.
    """
    height, width = repainted.shape
    size = Size(width, height).within(SIDE)
    unknown = _reduced(repainted, size) > 0
    near = _near(unknown, max(3.0, ring * size.width / width))
    known = ~unknown & near
    if int(known.sum()) < _FEWEST:
        return None
    before, after = _lab(_reduced(original, size)), _lab(_reduced(painted, size))
    # Near the border of what is known, smooth is what the known pixels alone make so.
    weight = (~unknown).astype(np.float32)
    share = np.maximum(_blurred(weight), np.float32(1e-3))[..., None]
    weight = weight[..., None]
    target = np.asarray(_blurred(before * weight) / share, np.float32)
    base = np.asarray(_blurred(after * weight) / share, np.float32)
    base[unknown] = _blurred(after)[unknown]
    fitted = _fitted(target[known], base[known])
    if fitted is None:
        return None
    factor, shift, middle, trust = fitted
    new = base.copy()
    if whole:
        new += trust * ((factor - 1) * (base - middle) + shift)
    if seam:
        new += trust * _membrane(target - new, known, unknown)
    return _rgb(new) - _rgb(base)


def sharper(original: Picture, painted: Picture, repainted: Mask) -> tuple[float, float]:
    """Factors that make `painted` as sharp as `original`: on fine detail, and the next coarser one.

    Known pixels of both are compared: noise of the original is like nothing that was painted, and
    so does not count. 1 where they do not have their detail at the same places; never below.
    """
    height, width = repainted.shape
    step = _BAND * max(1, height * width // _SAMPLES)
    # Per kind of detail: products of painted and original, painted with itself, original alike.
    sums = np.zeros((2, 3))
    for top in range(0, height, step):
        rows = slice(top, top + _BAND)
        known = repainted[rows] == 0
        if not known.any():
            continue
        theirs = detail(luma_of(painted[rows].astype(np.float32)))
        ours = detail(luma_of(original[rows].astype(np.float32)))
        for kind in (0, 1):
            one, other = theirs[kind][known], ours[kind][known]
            sums[kind] += one @ other, one @ one, other @ other
    fine, coarser = _MOST_SHARPER
    return _gain(sums[0], fine), _gain(sums[1], coarser)


def detail(luma: Floats) -> tuple[Floats, Floats]:
    """The fine detail of luma (h, w), and that between once and twice its size."""
    soft = _blurred(luma, FINE)
    return luma - soft, soft - _blurred(soft, FINE * 3**0.5)


def _gain(sums: NDArray[np.float64], most: float) -> float:
    both, theirs, ours = sums.tolist()
    if theirs <= 0 or ours <= 0 or both < _COHERENT * (theirs * ours) ** 0.5:
        return 1.0
    return min(max(1.0, both / theirs), most)


# -- inside ----------------------------------------------------------------------------------------


def _reduced(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """By areas; of a mask, what is 0 has nothing in it but for a 500th."""
    if picture.shape[:2] == (size.height, size.width):
        return picture
    small = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _near(unknown: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    away = cv2.distanceTransform((~unknown).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(away) <= distance


def _lab(colours: NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _rgb(lab: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32) * 255


def _blurred(values: Floats, deviation: float = _SOFT) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation), np.float32)


def _fitted(before: Floats, after: Floats) -> tuple[Floats, Floats, Floats, float] | None:
    """From `after` to `before` (n, 3): factor on the contrast around a middle, and the shift of it.

    Factor, shift and middle, (3,) each, and how much to trust them, in (0, 1]; or None.
    """
    step = -(-len(before) // _PAIRS)
    before, after = before[::step], after[::step]
    error = before - after
    middle = np.median(error, axis=0)
    spread = 1.4826 * np.median(np.abs(error - middle), axis=0) + 0.25
    trust = float(np.clip((_FOREIGN - spread[0]) / (_FOREIGN - _FAITHFUL), 0, 1))
    if trust <= 0:
        return None
    like = (np.abs(error - middle) <= 3 * spread).all(axis=1)
    if int(like.sum()) < _FEWEST // 2:
        return None
    ours, theirs = before[like], after[like]
    shift = (ours - theirs).mean(axis=0)
    middle = theirs.mean(axis=0)
    away = theirs - middle
    slope = ((ours - ours.mean(axis=0)) * away).mean(axis=0)
    factor = (slope + _UNSURE) / ((away * away).mean(axis=0) + _UNSURE)
    return (
        np.clip(factor, *_CONTRAST).astype(np.float32),
        np.clip(shift, -_SHIFT, _SHIFT).astype(np.float32),
        middle,
        trust,
    )


def _membrane(left: Floats, known: NDArray[np.bool_], unknown: NDArray[np.bool_]) -> Floats:
    """What is left over on the ring, continued over the unknown, less with the way from there."""
    # What is far off is something else that was painted, not the same in another colour.
    strange = np.sqrt((left * left).sum(axis=2, keepdims=True)) / _LEFT
    weight = known[..., None] / (1 + strange**4)
    field = _pulled(np.clip(left, -_LEFT, _LEFT).astype(np.float32), weight.astype(np.float32))
    depth = cv2.distanceTransform(unknown.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    length = max(8.0, 0.5 * float(np.asarray(depth).max()))
    return _blurred(field) * np.exp(-np.asarray(depth, np.float32) / length)[..., None]


def _pulled(values: Floats, weight: Floats) -> Floats:
    """Values (h, w, 3) with those of low weight (h, w, 1) interpolated from all others.

    Pull-push (Gortler et al. 1996): halved until all is known, then filled in on the way back.
    """
    height, width = values.shape[:2]
    if max(height, width) <= 2:
        total = max(float(weight.sum()), 1e-6)
        mean = (values * weight).sum(axis=(0, 1)) / total
        return np.broadcast_to(mean, values.shape).astype(np.float32)
    half = (-(-width // 2), -(-height // 2))
    mass = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)[..., None]
    carried = cv2.resize(values * weight, half, interpolation=cv2.INTER_AREA)
    coarse = _pulled(
        np.asarray(carried / np.maximum(mass, 1e-6), np.float32),
        np.minimum(mass * 4, 1).astype(np.float32),
    )
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(weight * values + (1 - weight) * large, np.float32)
