"""Sentences that a word is put into before CLIP reads it (prompt ensembling; Radford et al. 2021).

CLIP learned from captions, and a mean over many captions is a better classifier than the bare word.
The sets are ours: photographs under many conditions, other kinds of pictures, and few plain ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PLAIN = ("a photo of a {}.",)

_FEW = (
    *_PLAIN,
    "a photo of the {}.",
    "a close-up of a {}.",
    "there is a {} in this picture.",
)

_SEVEN = (
    *_FEW,
    "a photo of a small {} in the distance.",
    "a photo of a large {}.",
    "a photo of part of a {}.",
)

_EIGHTY = (
    *_SEVEN,
    # How it was taken.
    "a photo of many {}.",
    "a snapshot of a {}.",
    "a holiday snap with a {} in it.",
    "a photo of a {} taken with a phone.",
    "a professional photograph of a {}.",
    "a studio photo of a {}.",
    "a photo of a {} on a plain background.",
    "a wide-angle photo of a {}.",
    "a telephoto shot of a {}.",
    "a macro photo of a {}.",
    "an aerial photo of a {}.",
    "a photo of a {} from above.",
    "a photo of a {} from below.",
    "a photo of a {} from the side.",
    "a photo of a {} from behind.",
    "a view of a {} from far away.",
    "a photo of a {} through a window.",
    "a photo of a {} in a mirror.",
    "a still from a film showing a {}.",
    "a frame of a video of a {}.",
    # How well it came out.
    "a good photo of a {}.",
    "a poor photo of a {}.",
    "a sharp photo of a {}.",
    "a blurred photo of a {}.",
    "a photo of a moving {}.",
    "an out-of-focus {}.",
    "a noisy photo of a {}.",
    "a photo of a {} in low resolution.",
    "a heavily compressed photo of the {}.",
    "an overexposed photo of a {}.",
    "a dark photo of the {}.",
    "a tilted photo of a {}.",
    "a cropped photo of the {}.",
    "a black and white photo of a {}.",
    "an old, faded photo of a {}.",
    "a photo of a {} in bright colours.",
    # Light and weather.
    "a photo of a {} in the sun.",
    "a photo of a {} in the shade.",
    "a photo of a {} at night.",
    "a photo of a {} at sunset.",
    "a {} against the light.",
    "a photo of a {} lit by a flash.",
    "a photo of a {} in the rain.",
    "a photo of a {} in the snow.",
    "a photo of a {} in fog.",
    # Where it is, and how much of it shows.
    "a {} in a room.",
    "a {} outdoors.",
    "a {} in the street.",
    "a {} in a garden.",
    "a {} in a landscape.",
    "a {} in the foreground.",
    "a {} in the background.",
    "a {} in the middle of the picture.",
    "a {} at the edge of the picture.",
    "a photo of a hidden {}.",
    "a {} behind other things.",
    "a crowded scene with a {}.",
    "a photo of one {}.",
    "a photo of two {}.",
    "a photo of the whole {}.",
    # What it is like.
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a photo of a new {}.",
    "a photo of an old {}.",
    "a photo of a beautiful {}.",
    "a photo of a strange {}.",
    "a photo of my {}.",
    # Not photographs.
    "a painting of a {}.",
    "a drawing of a {}.",
    "a computer rendering of a {}.",
    "a toy {}.",
    "a sculpture of a {}.",
    "a picture of the {} on a poster.",
)

PLAIN = "1"
"""The smallest set: ranking a thousand words wants no finer one."""
BARE = "bare"
"""The set that leaves a text as it is, for what is a sentence already."""

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"1": _PLAIN, "4": _FEW, "7": _SEVEN, "80": _EIGHTY, BARE: ("{}",)}
)
"""The sentences by the name of their set; the word goes where the braces are."""


def fill(name: str, word: str) -> tuple[str, ...]:
    """The sentences of a set with the word in them; braces of the word's own are left alone."""
    return tuple(template.replace("{}", word) for template in TEMPLATES[name])
