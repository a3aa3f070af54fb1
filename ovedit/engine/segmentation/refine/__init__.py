"""From a phrase's probability map to a mask with sharp edges, by SAM 2 or by the picture's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.refine.canvas import Canvas, Floats
from ovedit.engine.segmentation.refine.drawing import Drawing, Thing
from ovedit.engine.segmentation.refine.edges import enlarged, guide, snapped
from ovedit.engine.segmentation.refine.instances import instances, split
from ovedit.engine.segmentation.refine.pseudo import pseudo
from ovedit.engine.segmentation.refine.trident import trident
from ovedit.engine.segmentation.refine.vote import vote
from ovedit.engine.segmentation.sam import SamImage
from ovedit.engine.segmentation.setting_groups import RefineSettings
from ovedit.engine.segmentation.values import RefinedMask
from ovedit.geometry import Size

__all__ = ["refine"]

Strategy = Callable[[SamImage, Canvas, RefineSettings, Progress, CancelToken], Drawing]
_STRATEGIES: dict[str, Strategy] = {
    "sam2-vote": vote,
    "sam2-pseudo": pseudo,
    "sam2-trident": trident,
}


def refine(
    sam: SamImage | None,
    image: Pixels,
    probability: NDArray[np.floating],
    *,
    strategy: str,
    threshold: float,
    settings: RefineSettings | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> RefinedMask:
    """The mask of a phrase, from how probable it is in each cell (h, w) of a grid over the picture.

    sam: the same picture as `image` (H, W, 3 or 4) in SAM 2; None will do for the strategy "none".
    strategy: a name of `settings.Refine`. threshold: probability at which the dense map's own mask
    is cut. Where SAM 2 has no answer that agrees with that mask (sky, grass), it is kept, with its
    edges on those of the picture. progress goes from 0 to 1, a step for each prompt. Raises
    `Cancelled` when asked to, `ValueError` for an unknown strategy, one without `sam`, or a map
    without cells.
    """
    settings, cancel = settings or RefineSettings(), cancel or CancelToken()
    if strategy not in ("none", *_STRATEGIES):
        raise ValueError(f"no refinement is called {strategy!r}")
    if sam is None and strategy != "none":
        raise ValueError(f"{strategy} needs the picture in SAM 2")
    canvas = Canvas.of(Size(image.shape[1], image.shape[0]), probability, threshold)
    dense = canvas.mask
    if not dense.any():
        return RefinedMask(np.zeros(image.shape[:2], np.float32), (), 0.0, "dense")
    things: tuple[Thing, ...] = ()
    kept, drawn, agreement = dense, np.zeros_like(canvas.probability), 0.0
    if sam is not None and strategy != "none":
        asked = sam.resized(canvas.size)
        drawing = _STRATEGIES[strategy](asked, canvas, settings, progress, cancel)
        cancel.check()
        agreement = iou(drawing.mask, dense) if drawing.things else 0.0
        if agreement >= settings.agreement and drawing.things:
            things, kept, drawn = drawing.things, drawing.kept, drawing.alpha
    alpha = _with_edges(image, canvas, drawn, kept)
    labels = split(alpha >= 0.5, things)
    whole = enlarged(image, alpha)
    progress(1.0)
    source = "sam2" if things else "dense"
    return RefinedMask(whole, instances(whole, labels), agreement, source)


def _with_edges(image: Pixels, canvas: Canvas, drawn: Floats, kept: NDArray[np.bool_]) -> Floats:
    """What SAM 2 drew (h, w) and what was kept of the dense map, together."""
    if not kept.any():
        return drawn
    return np.maximum(drawn, snapped(guide(image, canvas.size), kept, canvas.grain / 2))
