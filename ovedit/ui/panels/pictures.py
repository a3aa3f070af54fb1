"""Small pictures of what an engine offers, to choose by."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PySide6.QtGui import QImage

from ovedit.document import Candidate, DocumentState
from ovedit.ui.qimage import to_qimage

_SIDE = 192
"""Least length of the longer side: sharp at twice the size that they are shown at."""
_DARKER = 0.22


def candidate_pictures(state: DocumentState, candidates: Sequence[Candidate]) -> tuple[QImage, ...]:
    """The picture, small, for each candidate: dark outside of its mask."""
    level = 0
    while max(state.size.width, state.size.height) >> (level + 1) >= _SIDE:
        level += 1
    picture = state.flattened(level=level)
    return tuple(to_qimage(_lit(picture, each, state)) for each in candidates)


def _lit(picture: np.ndarray, candidate: Candidate, state: DocumentState) -> np.ndarray:
    height, width = picture.shape[:2]
    area, values = candidate.scores.rect, candidate.scores.values
    across, down = width / state.size.width, height / state.size.height
    # Where each pixel's middle is in the score map.
    columns = ((np.arange(width) + 0.5) / across - area.x) / area.width * values.shape[1]
    rows = ((np.arange(height) + 0.5) / down - area.y) / area.height * values.shape[0]
    map_x, map_y = np.meshgrid((columns - 0.5).astype(np.float32), (rows - 0.5).astype(np.float32))
    scores = cv2.remap(
        values.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    lit = np.where(scores >= candidate.threshold, 1.0, _DARKER)[..., None]
    shown = picture.copy()
    shown[..., :3] = (picture[..., :3] * lit).astype(np.uint8)
    return shown
