from __future__ import annotations

import numpy as np
import pytest

from ovedit.document import ClassMask, Document, Surface, overlay_colour
from ovedit.workflows.colours import next_colour

PALETTE = [overlay_colour(number) for number in range(7)]
ORANGE, GREEN = PALETTE[0], PALETTE[2]


def picture(left: tuple[int, int, int], right: tuple[int, int, int]) -> Document:
    pixels = np.full((900, 1400, 4), 255, np.uint8)
    pixels[:, :700, :3], pixels[:, 700:, :3] = left, right
    return Document.from_pixels(pixels, "two halves")


def half(document: Document, where: slice) -> np.ndarray:
    coverage = np.zeros((document.size.height, document.size.width), np.uint8)
    coverage[:, where] = 255
    return coverage


@pytest.mark.parametrize("own", PALETTE)
def test_a_mask_never_gets_the_colour_of_what_it_covers(own: tuple[int, int, int]) -> None:
    document = picture(own, (128, 128, 128))
    assert next_colour(document.state, half(document, slice(0, 700))) != own


def test_only_what_lies_under_the_mask_counts() -> None:
    document = picture(ORANGE, (0, 60, 140))
    left = next_colour(document.state, half(document, slice(0, 700)))
    right = next_colour(document.state, half(document, slice(700, None)))
    assert left[2] > left[0]  # bluish on orange
    assert right[0] > right[2]  # yellowish on blue


def test_masks_differ_in_colour_beyond_the_palette() -> None:
    document = picture(ORANGE, GREEN)
    coverage = half(document, slice(0, 700))
    colours = []
    for number in range(16):
        colours.append(next_colour(document.state, coverage))
        with document.transaction("New mask") as tx:
            tx.add_mask(ClassMask(f"mask {number}", colours[-1]), Surface.from_array(coverage))
    assert len(set(colours)) == 16
    assert set(colours[:7]) == set(PALETTE)


def test_an_empty_mask_gets_the_first_free_colour() -> None:
    document = picture(ORANGE, GREEN)
    assert next_colour(document.state, half(document, slice(0, 0))) == ORANGE
