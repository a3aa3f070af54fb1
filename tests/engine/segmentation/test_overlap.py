from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from ovedit.engine.segmentation.overlap import iou, share

masks = arrays(bool, (5, 7))


@given(masks, masks)
def test_both_are_shares_of_what_the_masks_have_in_common(
    first: np.ndarray, second: np.ndarray
) -> None:
    both = sum(map(bool, (first & second).ravel()))
    either = first.sum() + second.sum() - both
    assert iou(first, second) == iou(second, first)
    assert iou(first, second) * either == pytest.approx(both)
    assert share(first, second) * first.sum() == pytest.approx(both)


def test_nothing_has_nothing_in_common_with_nothing() -> None:
    empty = np.zeros((5, 7), bool)
    assert iou(empty, empty) == share(empty, empty) == 0
