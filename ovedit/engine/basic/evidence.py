"""How well each pixel fits what a phrase says: colour, material, stuff, tone, place.

Every kind of word gives a likelihood in [0, 1] for each pixel. Colours are looked up in a table
over sRGB cells; texture and place multiply in. Words of one kind add to each other ("red and
white"), words of different kinds restrict each other ("blue sky"). Weights and widths for which no
source is named were set by hand, on the photographs that the tests of `select` use.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np

from ovedit.engine.basic.raster import Floats, blurred, lab_of_colours
from ovedit.engine.basic.regions import Scene, cell_lab
from ovedit.engine.language import vocabulary
from ovedit.engine.language.grammar import Attributes, Tone
from ovedit.engine.language.vocabulary import BASIC_COLOURS, Material, NamedColour, Rgb, Stuff

_FLOOR = 0.02
"""What a word leaves of a place that does not fit it at all, when other words fit."""


def evidence(scene: Scene, said: Attributes, *, anywhere: bool = False) -> Floats:
    """Likelihood (h, w) in [0, 1] that each pixel is what the attributes describe by looks.

    Ones where they say nothing about looks; positions and sizes are not considered here.
    anywhere: leave out where in the picture stuff usually is.
    """
    kinds = [
        _union(colour_likelihood(scene, colour) for colour in said.colours),
        _union(material_likelihood(scene, material) for material in said.materials),
        _union(stuff_likelihood(scene, stuff, anywhere=anywhere) for stuff in said.stuff),
        _union(tone_likelihood(scene, tone) for tone in said.tones),
    ]
    if said.ground is not None:
        kinds.append(scene.saliency if said.ground == "foreground" else scene.background)
    present = [kind for kind in kinds if kind is not None]
    if not present:
        return np.ones(scene.shape, np.float32)
    total = np.prod([np.maximum(kind, _FLOOR) for kind in present], axis=0)
    return total ** np.float32(1 / (1 + 0.5 * (len(present) - 1)))


def _union(parts: Iterable[Floats]) -> Floats | None:
    collected = list(parts)
    return np.maximum.reduce(collected) if collected else None


def colour_likelihood(scene: Scene, colour: NamedColour) -> Floats:
    """How likely each pixel would be called by this colour name, (h, w) in [0, 1]."""
    if colour.basic:
        table = _naming_table()[:, BASIC_COLOURS.index(colour.name)]
    else:
        table = np.exp(-0.5 * _nearest((colour.rgb,), 1.0))
    return _smooth(scene, table[scene.cells])


def material_likelihood(scene: Scene, material: Material) -> Floats:
    """How likely each pixel shows this material, by colour and texture, (h, w) in [0, 1]."""
    table = np.exp(-0.5 * _nearest(material.colours, material.spread / 11))
    colour = _smooth(scene, table[scene.cells])
    contrast = _texture_fit(scene, *material.contrast)
    coherence = within(scene.averaged(scene.coherence), *material.coherence)
    return colour * (0.6 + 0.4 * contrast * coherence)


def stuff_likelihood(scene: Scene, stuff: Stuff, *, anywhere: bool = False) -> Floats:
    """How likely each pixel belongs to this stuff rather than to its rivals, (h, w) in [0, 1].

    anywhere: leave out where in the picture it usually is; its rivals keep to their places.
    """
    own = _stuff_score(scene, stuff, anywhere)
    by_name = vocabulary.stuff()
    rivals = [_stuff_score(scene, by_name[name], anywhere=False) for name in stuff.rivals]
    if not rivals:
        return own
    strongest = np.maximum.reduce(rivals) * (0.6 if anywhere else 1.0)
    return own * own**2 / (own**2 + strongest**2 + 1e-3)


def _stuff_score(scene: Scene, stuff: Stuff, anywhere: bool) -> Floats:
    table = np.exp(-0.5 * _nearest(stuff.colours, stuff.spread / 11))
    score = _smooth(scene, table[scene.cells])
    score = score * (0.35 + 0.65 * _texture_fit(scene, *stuff.contrast))
    if stuff.height is not None and not anywhere:
        highest, lowest = stuff.height
        rows = np.linspace(0, 1, scene.shape[0], dtype=np.float32)[:, None]
        off = np.maximum(highest - rows, 0) + np.maximum(rows - lowest, 0)
        score = score * np.exp(-0.5 * (off / 0.18) ** 2)
    return score


def tone_likelihood(scene: Scene, tone: Tone) -> Floats:
    """How dark, light, vivid or dull each pixel is for this picture, (h, w) in [0, 1]."""
    lab = cell_lab()[scene.cells]
    vivid = tone in ("vivid", "dull")
    values = np.hypot(lab[..., 1], lab[..., 2]) if vivid else lab[..., 0]
    low, high = (10.0, 45.0) if vivid else (25.0, 75.0)
    share = _smooth(scene, np.clip((values - low) / (high - low), 0, 1).astype(np.float32))
    return share if tone in ("vivid", "light") else 1 - share


def within(values: Floats, low: float, high: float) -> Floats:
    """1 between low and high, falling softly to 0 outside."""
    below = np.maximum(low - values, 0) / (0.5 * low + 0.3)
    above = np.maximum(values - high, 0) / (0.4 * high + 0.3) if np.isfinite(high) else 0.0
    return np.exp(-0.5 * (below + above) ** 2)


def _texture_fit(scene: Scene, low: float, high: float) -> Floats:
    """How well the local contrast fits the usual range, (h, w) in [0, 1].

    The edge of something else raises the contrast beside it: what should be smooth is judged by
    the smoothest place nearby, what should be rough by its mean.
    """
    mean = scene.averaged(scene.contrast)
    least = np.asarray(cv2.erode(scene.contrast, np.ones((11, 11), np.uint8)), np.float32)
    return within(mean, low, np.inf) * within(np.minimum(least, mean), 0.0, high)


def _smooth(scene: Scene, values: Floats) -> Floats:
    """The pixel's own surroundings and its superpixel's mean: detail without noise."""
    return 0.6 * blurred(values, 3) + 0.4 * scene.averaged(values)


def _nearest(colours: tuple[Rgb, ...], scale: float) -> Floats:
    """Squared distance of every colour cell to the nearest of the colours, (32768,).

    In units of about 11 Lab units times `scale`. Light and shade move a surface's colour along
    lightness and chroma more than across hue, so the three are weighed apart.
    """
    lab = cell_lab()
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    result = np.full(len(lab), np.inf, np.float32)
    for target in lab_of_colours(colours):
        own = float(np.hypot(target[1], target[2]))
        light = (lab[:, 0] - target[0]) / 18
        saturation = (chroma - own) / 13
        across = np.sum((lab[:, 1:] - target[1:]) ** 2, axis=1) - (chroma - own) ** 2
        squared = light**2 + saturation**2 + np.maximum(across, 0) / 8.0**2
        np.minimum(result, squared / scale**2, out=result)
    return result


@cache
def _naming_table() -> Floats:
    """Probability of each basic colour term for every colour cell, (32768, 11 and more).

    The survey's names that end in a basic term ("forest green") are samples of it; a cell asks
    the samples near it, nearer ones more.
    """
    lab = cell_lab()
    # Beige and tan are no basic terms, but without them everything pale would be white or grey.
    terms = (*BASIC_COLOURS, "beige", "tan", "cream")
    table = np.full((len(lab), len(terms)), 1e-6, np.float32)
    samples = vocabulary.xkcd_colours()
    for column, term in enumerate(terms):
        rgbs = [rgb for name, rgb in samples.items() if name.split()[-1] == term]
        targets = lab_of_colours(rgbs)
        squared = (lab**2).sum(1)[:, None] - 2 * lab @ targets.T + (targets**2).sum(1)[None]
        near = np.exp(-np.maximum(squared, 0) / (2 * 9.0**2)).sum(1)
        # People invent many names for greens and few for white: that is no reason to see green.
        table[:, column] += near / np.sqrt(len(rgbs))
    return table / table.sum(axis=1, keepdims=True)
