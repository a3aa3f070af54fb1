"""All that was found out about one phrase, before it becomes an answer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.segmentation.proposals import Named
from ovedit.engine.segmentation.query import Question
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.values import RefinedMask
from ovedit.geometry import Size

DETAIL_SIDE = 1600
"""Longest side of the score maps, in pixels."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found out about a question.

    dense: (h, w) in [0, 1], probability of what was asked; kin: that of all things of the kind,
    where it is another ("car" for "red car"). presence in [0, 1]; rivals: the negatives that came
    nearest; cut: probability at which a dense map is cut. whole: whether it is about stuff, which
    has no instances. refined: SAM 2's drawing of the map. named: the proposals that fit, best
    first, in pixels of `drawn_at`; () where none were asked for.
    """

    question: Question
    dense: Floats
    presence: float
    rivals: tuple[str, ...]
    cut: float
    kin: Floats | None = None
    whole: bool = False
    refined: RefinedMask | None = None
    named: tuple[Named, ...] = ()
    drawn_at: Size | None = None

    @property
    def searched(self) -> Floats:
        """The map in which instances are looked for."""
        return self.dense if self.kin is None else self.kin

    @property
    def best(self) -> float:
        """The highest probability anywhere in it."""
        return float(self.searched.max(initial=0))

    def present(self, settings: SegmentationSettings) -> bool:
        """Whether the thing is in the picture at all."""
        if self.named:
            return True
        return self.presence >= settings.presence_threshold and self.best >= self.cut


def sized(values: Floats, size: Size) -> Floats:
    """A map (h, w) at another size."""
    if values.shape == (size.height, size.width):
        return values
    shrinks = values.shape[0] * values.shape[1] > size.width * size.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(values, (size.width, size.height), interpolation=how)
    return np.asarray(resized, np.float32).reshape(size.height, size.width)
