"""From what a model painted to what is pasted: in the colours, sharpness and grain of the photo.

Around what it was asked to paint, a model gives back what it was shown as well as it can: through
its autoencoder, enlarged or reduced. There the photograph tells what that did: in the ring of known
pixels around the new ones. What is found there is undone in the new ones, within limits:

- Colours, in CIE Lab: shift and contrast of the smooth part of the picture, by a robust fit over
  the ring (Reinhard et al. 2001 match means and deviations of unrelated pixels; here they belong
  together). Only what is smooth is changed, so that no noise is amplified.
- The seam: what that leaves over along the border is continued inwards and fades (Poisson blending,
  Pérez et al. 2003, of the smooth part only: textures stay as they are).
- Sharpness: fine detail is raised as far as the model has lowered it around.
- Grain: smooth places get the noise that the smoothest places of the photograph have.

A model that is unfaithful around its mask tells nothing there, and one that leaves everything
around as it was has nothing to undo but its lack of grain. Comparing is done in a reduced picture,
and the last step in strips, so that a large crop takes little memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ovedit.engine.crop import mask_bounds
from ovedit.engine.inpainting.grain import Floats, Grain, grain_of, luma_of
from ovedit.engine.inpainting.matching import colour_change, detail, sharper
from ovedit.engine.inpainting.values import Mask, Picture
from ovedit.engine.requests import Coverage
from ovedit.geometry import Rect, Size

_RING = 0.2
"""Width of the ring, in mean sides of the hole."""
_LEAST_RING = 12
"""Its least width, in pixels."""
_STRIP = 256
_REACH = 16
"""Rows that a strip has to see above and below itself."""
_FEATHERED = 1.7
"""Most by which grain is raised where it will be blended with other grain, which lowers it."""


@dataclass(frozen=True)
class PasteSettings:
    """What is matched to the photograph, see above. All off pastes what was painted as it is."""

    colour: bool = True
    seam: bool = True
    detail: bool = True
    grain: bool = True


AS_IT_IS = PasteSettings(colour=False, seam=False, detail=False, grain=False)


def paste(
    original: Picture,
    painted: Picture,
    alpha: Coverage,
    repainted: Mask,
    settings: PasteSettings = PasteSettings(),
    seed: int = 0,
) -> Picture:
    """The crop (h, w, 3) with new pixels wherever alpha is above 0, and the original's elsewhere.

    The new pixels are not yet blended with the old ones: that is for alpha to do, later. original,
    painted: (h, w, 3), the same crop before and after. alpha: (h, w). repainted: (h, w), above 0
    wherever the model did not see the original. The same arguments give the same pixels.
    """
    result = original.copy()
    hole = mask_bounds(alpha)
    if not hole:
        return result
    ring = max(_LEAST_RING, round(_RING * hole.size.area**0.5))
    whole = Size(alpha.shape[1], alpha.shape[0]).rect
    around = hole.union(mask_bounds(repainted)).padded(ring).intersect(whole)
    seen = original[around.slices], painted[around.slices], repainted[around.slices]
    change = None
    if settings.colour or settings.seam:
        change = colour_change(*seen, ring, whole=settings.colour, seam=settings.seam)
    gains = sharper(*seen) if settings.detail else (1.0, 1.0)
    grain = grain_of(original, repainted, seed) if settings.grain else None
    for top in range(hole.y, hole.bottom, _STRIP):
        inside = alpha[top : min(top + _STRIP, hole.bottom)]
        strip = mask_bounds(inside).translated(0, top)
        if not strip:
            continue
        new = _detailed(painted, alpha, strip, gains, grain)
        if change is not None:
            new += _part_of(change, around, strip)
        pixels = np.clip(np.rint(new, out=new), 0, 255, out=new).astype(np.uint8)
        np.copyto(result[strip.slices], pixels, where=alpha[strip.slices][..., None] > 0)
    return result


def _detailed(
    painted: Picture,
    alpha: Coverage,
    strip: Rect,
    gains: tuple[float, float],
    grain: Grain | None,
) -> Floats:
    """A strip (h, w, 3) of what was painted, with its detail raised and grain added, in levels."""
    if max(gains) == 1 and grain is None:
        return painted[strip.slices].astype(np.float32)
    seen = strip.padded(_REACH).intersect(Rect(0, 0, painted.shape[1], painted.shape[0]))
    colours = painted[seen.slices].astype(np.float32)
    luma = luma_of(colours)
    fine, coarser = detail(luma)
    if max(gains) > 1:
        colours += ((gains[0] - 1) * fine + (gains[1] - 1) * coarser)[..., None]
        fine *= np.float32(gains[0])
    if grain is not None:
        share = alpha[seen.slices].astype(np.float32) / 255
        # Blended in the share a with other grain of the same variance v, it keeps v where its own
        # is v (2 - a) / a.
        more = np.minimum(np.sqrt((2 - share) / np.maximum(share, 0.1)), _FEATHERED)
        colours += grain.over(fine, luma, seen.y, seen.x) * more[..., None]
    return colours[strip.translated(-seen.x, -seen.y).slices]


def _part_of(change: Floats, around: Rect, strip: Rect) -> Floats:
    """The part (h, w, 3) over `strip` of a reduced picture that covers `around`, enlarged."""
    scale_x, scale_y = change.shape[1] / around.width, change.shape[0] / around.height
    # Centres of pixels are at half ones: hence the shift.
    there = np.array(
        [
            [scale_x, 0, (strip.x - around.x + 0.5) * scale_x - 0.5],
            [0, scale_y, (strip.y - around.y + 0.5) * scale_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (strip.width, strip.height)
    part = cv2.warpAffine(change, there, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(part, np.float32)
