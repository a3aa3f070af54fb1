"""Filling holes without words: which eraser to take, and the basic engine's fill as one of them.

Needs no torch: what an edit will take is told before that is loaded.
"""

from __future__ import annotations

import cv2
import numpy as np

from ovedit.engine.inpainting.values import PaintJob, Picture, Watcher
from ovedit.engine.library import Model, ModelLibrary, Presence, Task
from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import Preset
from ovedit.errors import CannotDoError, ModelError

AUTO, FILL, NONE = "auto", "fill", "none"
"""Settings besides the ids of models: the best eraser here, the basic engine's fill, nothing."""
_BEST_FIRST = ("lama", "migan")
"""Of the catalogue, by their published scores of removals; a person's own come after them."""


def choose_eraser(library: ModelLibrary, wanted: str = AUTO) -> str:
    """The id of the model that erases, or `FILL` or `NONE`.

    wanted: one of those, or `AUTO` for the best model on this computer, else `FILL`. Whether a
    model named by its id is here is not looked at. Raises `ModelError` for an id that is not known
    or not that of an eraser.
    """
    if wanted in (FILL, NONE):
        return wanted
    if wanted == AUTO:
        here = [
            model.id
            for model in erasers_known(library)
            if library.state(model.id).presence is Presence.READY
        ]
        return here[0] if here else FILL
    model = library.model(wanted)
    if model.task is not Task.ERASE:
        names = [AUTO, *(other.id for other in erasers_known(library)), FILL]
        raise ModelError(
            f"{model.title} is no eraser.", f"Use one of these: {', '.join(names)} or {NONE}."
        )
    return wanted


def erasers_known(library: ModelLibrary) -> list[Model]:
    """The models that fill holes with background, best first."""
    found = [model for model in library.models() if model.task is Task.ERASE]
    places = {id: place for place, id in enumerate(_BEST_FIRST)}
    return sorted(found, key=lambda model: places.get(model.id, len(places)))


class FillPainter:
    """`Painter` that grows the surroundings over the hole, as the basic engine does; no model."""

    def __init__(self, preset: Preset = "balanced") -> None:
        self._preset: Preset = preset

    def paint(self, job: PaintJob, watch: Watcher, cancel: CancelToken) -> Picture:
        """The picture with its hole filled; all outside of it stays as it is, bit for bit.

        Raises `CannotDoError` where the mask leaves nothing to copy, and `Cancelled`.
        """
        # A forecast needs none of what this imports, which takes half a second.
        from ovedit.engine.basic.fill import EFFORTS, fill

        cancel.check()
        hole = job.mask > 0
        if not hole.any():
            return job.picture.copy()
        if hole.all():
            raise CannotDoError(
                "The selection leaves no pixel of the picture to copy from.",
                "Select a smaller part of it.",
            )

        def report(fraction: float, picture: Picture | None) -> None:
            watch(fraction, "Filling", picture)

        colours = np.ascontiguousarray(job.picture)
        extent = max(hole.shape)
        effort = EFFORTS[self._preset]
        return fill(colours, ~hole, hole, effort, job.seed, extent, cancel.check, report)


def grown(mask: Picture, pixels: int) -> Picture:
    """`mask` (h, w) grown by so many pixels to all sides, corners included."""
    side = 2 * pixels + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.uint8)
