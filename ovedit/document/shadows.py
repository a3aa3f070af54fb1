"""The shadow that a thing casts, and its reflection: what has to go with it when it is removed.

Both are looked for near the thing only, at a reduced size, and reported only where several measures
agree: a mask of what is no shadow does more harm than none.

A shadow takes a share of the light of each colour away, so in logarithms of linear light it
subtracts something from the lit ground and leaves its texture as it is (Finlayson et al., "On the
Removal of Shadows from Images", 2006). The lit ground is a smooth surface fitted to what lies
around the lower part of the thing; what is darker than that by a shadow's amount, without another
colour, and touches the thing, may be its shadow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document.masks import Coverage
from ovedit.document.nearby import SURE, Flags, Floats, View, between, disc, ramp
from ovedit.document.reflections import mirrored

_GAMMA = 2.2
_DARK = 0.004
"""Linear light below which a pixel says nothing of its colour."""
_LEAST_DEPTH, _MOST_DEPTH = 0.22, 2.4
"""Of a shadow, in natural logarithms: a fifth of the light gone, and nine tenths."""
_SMOOTHINGS = (0.01, 0.028)
"""Radii, of the small picture's longer side: for fine grass, and for coarse gravel."""
_KINDS = 5
"""Kinds of ground that are tried: the thing may stand on the one or the other."""


@dataclass(frozen=True, eq=False)
class Attached:
    """What belongs to a thing without being it.

    coverage: (H, W) uint8, 0 where the thing itself is. score: in [0, 1], how sure.
    """

    kind: Literal["shadow", "reflection"]
    coverage: Coverage
    score: float


def find_attached(image: NDArray[np.uint8], mask: Coverage) -> Attached | None:
    """The shadow or reflection of the thing under `mask`, the surer one; None where none is sure.

    image: (H, W, 3 or 4) uint8 sRGB. mask: (H, W) uint8.
    """
    view = View.of(image, mask)
    found = [] if view is None else [_shadow(view, mask), _reflection(view, mask)]
    return max(filter(None, found), key=lambda each: each.score, default=None)


def find_shadow(image: NDArray[np.uint8], mask: Coverage) -> Attached | None:
    """The cast shadow that touches the thing's lower part, with its soft edge; None if not sure."""
    view = View.of(image, mask)
    return None if view is None else _shadow(view, mask)


def find_reflection(image: NDArray[np.uint8], mask: Coverage) -> Attached | None:
    """The thing's mirror image on water or a floor below it; None if not sure."""
    view = View.of(image, mask)
    return None if view is None else _reflection(view, mask)


# -- inside ----------------------------------------------------------------------------------------


def _shadow(view: View, mask: Coverage) -> Attached | None:
    found = [shadow for ground in _Ground.around(view) if (shadow := ground.shadow()) is not None]
    if not found:
        return None
    coverage, score = max(found, key=lambda shadow: round(shadow[1], 1))
    return Attached("shadow", view.back(coverage, mask), score)


def _reflection(view: View, mask: Coverage) -> Attached | None:
    found = mirrored(view)
    if found is None:
        return None
    coverage, score = found
    return Attached("reflection", view.back(coverage, mask), score)


@dataclass(frozen=True, eq=False)
class _Ground:
    """The ground around the thing, and how it would look in the light.

    depth: (h, w) how much darker it is than in the light, in logarithms, smoothed; tint: (h, w, 2)
    how much its red and blue differ from the lit ground's, each against green. light: (h, w) in
    logarithms, not smoothed; bands: (h, w) its texture, fine and coarser. open: (h, w) what is
    looked at; lit: the part of it that the light was measured at; spread, hues: how much its light
    and its tints vary.
    """

    view: View
    open: Flags
    light: Floats
    depth: Floats
    tint: Floats
    bands: tuple[Floats, Floats]
    lit: Flags
    spread: float
    hues: tuple[float, float]

    @staticmethod
    def around(view: View) -> list[_Ground]:
        """One for each common kind of ground around the lower part of the thing."""
        box, shape = view.box, view.thing.shape
        rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        thing = view.thing
        linear = np.maximum(view.rgb, 1e-3) ** np.float32(_GAMMA)
        logs = np.log(linear + np.float32(_DARK))
        outside = (~cv2.dilate(thing.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)) & (
            rows >= box.y + 0.3 * box.height
        )
        away = cv2.distanceTransform((~thing).astype(np.uint8), cv2.DIST_L2, 3)
        near = outside & (away <= 0.5 * view.reach)
        if np.count_nonzero(near) < 200:
            return []
        basis = np.stack(
            [
                np.ones(shape, np.float32),
                (columns - box.x) / view.reach,
                (rows - box.bottom) / view.reach,
            ],
            axis=-1,
        )
        # What is nearest tells most of what it stands on.
        nearness = np.exp(-away / np.float32(0.15 * view.reach))
        whole = logs.mean(axis=2)
        first, second = (cv2.GaussianBlur(whole, (0, 0), each) for each in (1.5, 4.0))
        bands = (whole - first, first - second)
        grounds: list[_Ground] = []
        for share in _SMOOTHINGS:
            smooth = _smoothed(logs, outside, max(1.5, share * max(shape)))
            light = smooth.mean(axis=2)
            tint = smooth[..., [0, 2]] - smooth[..., 1:2]
            tried: list[Flags] = []
            for start in _commonest(np.dstack([light, tint])[near], nearness[near]):
                fitted = _lit_surface(basis, light, tint, near, start)
                if fitted is None:
                    continue
                plane, hue, lit = fitted
                if any(np.mean(lit == other) > 0.98 for other in tried):
                    continue
                tried.append(lit)
                depth, apart = plane - light, tint - hue
                red, blue = (_spread(apart[..., each][lit]) for each in (0, 1))
                spread = _spread(depth[lit])
                grounds.append(
                    _Ground(view, outside, whole, depth, apart, bands, lit, spread, (red, blue))
                )
        return grounds

    def shadow(self) -> tuple[Floats, float] | None:
        """Coverage (h, w) in [0, 1] of the shadow and its score, or None."""
        view = self.view
        alike = self._same_colour()
        dim = self.open & alike & (self.depth > 0.6 * self._least) & (self.depth < _MOST_DEPTH)
        coverage = np.zeros(dim.shape, np.float32)
        scores: list[tuple[int, float]] = []
        parts = self._touching(dim)
        together = np.logical_or.reduce(parts) if parts else dim
        for part in parts:
            depth = float(np.median(self.depth[part]))
            reach = self.reach_of(part)
            score = min(self.measures(part, together).values())
            if score < SURE:
                continue
            scores.append((int(np.count_nonzero(part)), score))
            share = ramp(self.depth / np.float32(depth), 0.2, 0.5)
            np.maximum(coverage, share, out=coverage, where=reach & self.open & alike)
        if not scores:
            return None
        coverage = cv2.morphologyEx(coverage, cv2.MORPH_CLOSE, disc(5))
        # Up to the thing: what lies between the two belongs to neither, and is as dark.
        gap = ~self.open & ~view.thing
        coverage = np.where(gap, cv2.dilate(coverage, disc(7)), coverage)
        sizes, values = zip(*scores, strict=True)
        soft = np.asarray(cv2.GaussianBlur(coverage, (0, 0), 1.0), np.float32)
        return soft, float(np.average(values, weights=sizes))

    @property
    def lit_area(self) -> Flags:
        """(h, w) the ground around the thing that is of the lit ground's kind."""
        return self.open & self._same_colour()

    @property
    def _least(self) -> float:
        return max(_LEAST_DEPTH, 2.5 * self.spread)

    def _same_colour(self) -> Flags:
        """(h, w) where the ground has the lit ground's colour, or a bluer one: skylight is."""
        red, blue = self.tint[..., 0], self.tint[..., 1]
        more = np.float32(0.22) * np.clip(self.depth, 0, 2)
        red_room, blue_room = (np.float32(max(0.1, 2.5 * each)) + more for each in self.hues)
        return (np.abs(red) < red_room) & (blue > -blue_room) & (blue < blue_room + more)

    def _touching(self, dim: Flags) -> list[Flags]:
        """The parts of `dim` that begin at the thing's lower part and are dark in their middle."""
        view, box = self.view, self.view.box
        opened = cv2.morphologyEx(dim.astype(np.uint8), cv2.MORPH_OPEN, disc(3))
        count, labels = cv2.connectedComponents(opened, connectivity=8)
        labels = np.asarray(labels)
        feet = np.zeros(dim.shape, np.uint8)
        start = box.y + round(0.55 * box.height)
        feet[start:] = view.thing[start:]
        ring = cv2.dilate(feet, disc(2 * max(3, round(0.012 * max(dim.shape))) + 1)) > 0
        contacts = np.bincount(labels[ring & dim], minlength=count)
        sizes = np.bincount(labels.ravel(), minlength=count)
        darks = np.bincount(labels[self.depth > self._least], minlength=count)
        least = 0.01 * np.count_nonzero(view.thing) + 12
        wanted = [
            number
            for number in range(1, count)
            if contacts[number] >= 5
            and sizes[number] >= least
            and 3 * darks[number] >= sizes[number]
        ]
        return [labels == number for number in wanted]

    def reach_of(self, core: Flags) -> Flags:
        """(h, w) the core of a shadow and as far around it as it may fade."""
        side = 2 * round(0.03 * max(core.shape)) + 1
        return cv2.dilate(core.astype(np.uint8), disc(side)) > 0

    def measures(self, core: Flags, together: Flags) -> dict[str, float]:
        """All that speaks for the core (h, w) being a shadow, each in [0, 1].

        together: (h, w) all that may be shadow of the thing.
        """
        depth, reach = float(np.median(self.depth[core])), self.reach_of(core)
        area = np.count_nonzero(core) / max(1, np.count_nonzero(self.view.thing))
        # Around it, the ground is lit again, and it is the same ground; what cannot be seen is not.
        again = np.abs(self.depth) < max(0.5 * depth, 2 * self.spread)
        again &= self.lit_area
        whole = np.pad(reach, 4)
        outer = (cv2.dilate(whole.astype(np.uint8), disc(7)) > 0) & ~whole
        outer &= ~np.pad(cv2.dilate(self.view.thing.astype(np.uint8), disc(7)) > 0, 4)
        if np.count_nonzero(outer) < 20:
            return {"enclosed": 0.0}
        enclosed = float(np.mean(np.pad(again, 4)[outer]))
        quarter, three = np.percentile(self.depth[core], (25, 75))
        even = 1 - float(three - quarter) / depth
        # A ground that is as dark in many other places needs no shadow to be so here.
        others = self.lit_area & (self.depth > 0.7 * depth) & ~self.reach_of(together)
        alone = np.count_nonzero(together) / max(1, np.count_nonzero(others))
        return {
            "enclosed": between(enclosed, 0.45, 0.75),
            "even": between(even, -0.1, 0.3),
            "alone": between(alone, 0.5, 1.5),
            "large": between(area, 0.02, 0.05),
            "small": between(-area, -3.0, -1.5),
            "hue": self._hue(core),
            "texture": self._texture(core),
        }

    def _hue(self, core: Flags) -> float:
        """How much the shadow's tint is that of the ground under a bluer light, in [0, 1]."""
        depth = float(np.median(self.depth[core]))
        red, blue = (float(np.median(self.tint[..., each][core])) for each in (0, 1))
        red_room, blue_room = (max(0.06, 0.8 * each) for each in self.hues)
        beyond = max(
            red - red_room - 0.05 * depth,
            -red - red_room - 0.2 * depth,
            blue - blue_room - 0.25 * depth,
            -blue - blue_room - 0.05 * depth,
        )
        return between(-beyond, -0.08, 0.0)

    def _texture(self, core: Flags) -> float:
        """How much the texture in the shadow is that of the lit ground, in [0, 1]."""
        found = []
        for band, margin, least in zip(self.bands, (3, 9), (0.01, 0.02), strict=True):
            inside = cv2.erode(core.astype(np.uint8), disc(margin)) > 0
            if np.count_nonzero(inside) < 12:
                inside = core
            lit, here = _spread(band[self.lit]), _spread(band[inside])
            if lit >= least:
                apart = abs(np.log((here + 0.003) / (lit + 0.003)))
                found.append(between(-apart, -0.85, -0.45))
        # A smooth ground has no texture to tell by: a soft edge has to.
        return min(found, default=self._softness(core))

    def _softness(self, core: Flags) -> float:
        """How gradual the way from the shadow to the light is, in [0, 1]."""
        across = cv2.Sobel(self.light, cv2.CV_32F, 1, 0)
        along = cv2.Sobel(self.light, cv2.CV_32F, 0, 1)
        steep = np.hypot(across, along) / 8
        rim = cv2.morphologyEx(core.astype(np.uint8), cv2.MORPH_GRADIENT, disc(9)) > 0
        rim &= self.open
        if not rim.any():
            return 0.0
        depth = float(np.median(self.depth[core]))
        width = depth / max(float(np.percentile(steep[rim], 80)), 1e-4)
        return between(width, 4.0, 8.0)


def _spread(values: NDArray[np.floating]) -> float:
    """The standard deviation, as the median absolute deviation tells it: single edges count not."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _lit_surface(
    basis: Floats, light: Floats, tint: Floats, near: Flags, start: NDArray[np.float64]
) -> tuple[Floats, Floats, Flags] | None:
    """The lit ground fitted around the thing: its light (h, w) and tint (h, w, 2) everywhere.

    Also the pixels that it was fitted to in the end. Begins with what is like `start` (light and
    tints), and leaves out more and more of what is unlike.
    """
    rows = basis[near].astype(np.float64)
    values = np.concatenate([light[near][:, None], tint[near]], axis=1).astype(np.float64)
    unlike = np.abs(values - start) / (0.35, 0.2, 0.25)
    chosen = (unlike < 1).all(axis=1)
    solution = np.zeros((rows.shape[1], 3))
    for turn in range(6):
        if np.count_nonzero(chosen) < max(60, 0.12 * len(rows)):
            return None
        # A plane for the light; one tint for all.
        solution[:, 0] = np.linalg.lstsq(rows[chosen], values[chosen, 0], rcond=None)[0]
        solution[0, 1:] = np.median(values[chosen, 1:], axis=0)
        apart = values - rows @ solution
        spread = _spread(apart[chosen, 0])
        room = min(max(0.08, (3.0 if turn < 3 else 2.2) * spread), 0.45)
        # Shadows lie on one side only: that one is cut nearer.
        chosen = (apart[:, 0] > -room) & (apart[:, 0] < 1.5 * room)
        chosen &= (np.abs(apart[:, 1:]) < 0.2).all(axis=1)
    whole = (basis @ solution.astype(np.float32)).astype(np.float32)
    lit = np.zeros(near.shape, bool)
    lit[near] = chosen
    return whole[..., 0], whole[..., 1:], lit


def _commonest(values: Floats, nearness: Floats) -> list[NDArray[np.float64]]:
    """The kinds of ground (light and two tints) that there is most of, up to `_KINDS`."""
    cells = np.round(values / np.array([0.3, 0.2, 0.25], np.float32)).astype(int)
    kinds, inverse = np.unique(cells, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    weights = np.bincount(inverse, weights=nearness, minlength=len(kinds))
    found: list[NDArray[np.float64]] = []
    for kind in np.argsort(-weights, kind="stable"):
        # A neighbour of one that was taken is the same ground.
        taken = any(np.abs(kinds[kind] - other).max() <= 1 for other in found)
        if len(found) < _KINDS and not taken and weights[kind] >= 0.02 * weights.sum():
            found.append(kinds[kind].astype(np.float64))
    return [kind * (0.3, 0.2, 0.25) for kind in found]


def _smoothed(values: Floats, where: Flags, sigma: float) -> Floats:
    """Gaussian mean of (h, w, 3) over the pixels of `where` alone."""
    weight = where.astype(np.float32)
    total = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma)
    amount = cv2.GaussianBlur(weight, (0, 0), sigma)
    return (total / np.maximum(amount, 1e-4)[..., None]).astype(np.float32)
