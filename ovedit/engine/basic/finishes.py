"""How to paint: finishes for materials and stuff, dyes for colour words.

The numbers are data, in `resources/vocabulary/finishes.toml` and `dyes.toml`. Lightness is CIE L*,
0 to 100; chroma is a*, b* under D65.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ovedit.engine.basic.raster import Floats, lab_of_colours
from ovedit.engine.language import vocabulary
from ovedit.engine.language.vocabulary import Material, NamedColour, Rgb, Stuff

Pattern = Literal[
    "none", "brushed", "fibre", "speckle", "mottle", "mortar", "weave", "twill", "veins",
    "pebble", "sparkle", "blades", "hammered",
]  # fmt: skip
_MOSTLY_KEPT = 0.5
"""A finish that keeps this share of the old chroma brings no colours of its own."""
_GIVE = 3.0
"""L* by which what is dyed may differ from a colour that names one place in colour space."""


@dataclass(frozen=True, eq=False)
class Ramp:
    """Chroma as a function of lightness: a* and b* at rising lightnesses `at`, shapes (n,)."""

    at: Floats
    a: Floats
    b: Floats

    @staticmethod
    def through(colours: Sequence[Rgb]) -> Ramp:
        """The ramp through these sRGB colours, fading towards black and white at its ends."""
        labs = np.array(sorted(lab_of_colours(colours), key=lambda lab: lab[0]))
        low, high = labs[0], labs[-1]
        dark = [[low[0] * 0.35, low[1] * 0.55, low[2] * 0.5], [0.0, 0.0, 0.0]]
        light = [[(high[0] + 100) / 2, high[1] * 0.55, high[2] * 0.55], [100.0, 0.0, 0.0]]
        rows = np.array([*dark[::-1], *labs, *light], np.float32)
        return Ramp(rows[:, 0], rows[:, 1], rows[:, 2])

    def chroma(self, lightness: Floats) -> tuple[Floats, Floats]:
        """a* and b* for an array of lightnesses."""
        table = np.linspace(0, 100, 512)
        index = np.clip(lightness * 5.11, 0, 511).astype(np.int32)
        a = np.interp(table, self.at, self.a).astype(np.float32)
        b = np.interp(table, self.at, self.b).astype(np.float32)
        return a[index], b[index]


@dataclass(frozen=True, eq=False)
class Finish:
    """A surface to paint.

    lightness: L* of the middle tones, or None to leave them where they are.
    pull: share of the way that the middle tones are moved there.
    ramp: chroma by lightness, or None to keep the old chroma.
    keep_chroma, keep_texture: shares of the old chroma and fine texture that stay.
    shade: gain on the old light and shade. polish: further contrast in L* between faces that are
    turned a little differently.
    reflect: strength in L* of a reflection of bright sky over dark ground.
    sheen: strength in L* of soft bands of light across the way the surface runs, and of the waves
    that a polished surface makes of soft shading.
    gloss: strength in L* of highlights; rim: of light caught by edges.
    tint: share of the surroundings' chroma in what is reflected.
    through: share of the background seen through it.
    pattern, size, strength: procedural grain, its size in pixels on an object 1000 px long, in L*.
    """

    name: str
    lightness: float | None = None
    pull: float = 0.75
    ramp: Ramp | None = None
    keep_chroma: float = 0.0
    keep_texture: float = 0.2
    shade: float = 1.0
    polish: float = 0.0
    reflect: float = 0.0
    sheen: float = 0.0
    gloss: float = 0.0
    rim: float = 0.0
    tint: float = 0.0
    through: float = 0.0
    pattern: Pattern = "none"
    size: float = 1.0
    strength: float = 0.0


def finish_of(material: Material) -> Finish:
    """The finish for a material of the vocabulary, and for the very word it was found by."""
    general = dict(vocabulary.entries("finishes.toml")[material.name])
    variants = general.pop("variants", ())
    special = next((dict(entry) for entry in variants if material.word in entry["words"]), {})
    named = material.word in special.pop("words", ()) or material.variant
    if material.variant:
        # What the word says of the colour counts more than what is usual for the material.
        general.pop("colours", None)
        general["lightness"] = float(lab_of_colours(material.colours)[:, 0].mean())
    values = general | special
    colours = values.pop("colours", None)
    if values.get("keep_chroma", 0.0) < _MOSTLY_KEPT:
        listed = material.colours if colours is None else map(vocabulary.rgb_of, colours)
        values["ramp"] = Ramp.through(tuple(listed))
    return Finish(name=material.word if named else material.name, **values)


def finish_of_stuff(stuff: Stuff) -> Finish | None:
    """The finish that turns something into snow, sand, grass or soil; None for other stuff."""
    entry = vocabulary.entries("finishes.toml").get(stuff.name)
    if entry is None:
        return None
    values = dict(entry)
    ramp = Ramp.through(tuple(map(vocabulary.rgb_of, values.pop("colours"))))
    return Finish(name=stuff.word, ramp=ramp, **values)


def without_surface(finish: Finish) -> Finish:
    """Only the colours of a finish, for what has no surface to polish: sky, water, leaves."""
    return Finish(finish.name, finish.lightness, 0.3, finish.ramp, keep_texture=1.0)


@dataclass(frozen=True)
class Dye:
    """A colour to dye something in: sRGB, and the lightnesses at which it still goes by its name.

    low, high: middle tones between these L* stay where they are.
    """

    name: str
    rgb: Rgb
    low: float
    high: float


def dye_of(colour: NamedColour) -> Dye:
    """The dye for a named colour.

    Basic colour terms name ranges: the tone within the range follows the thing that is dyed.
    """
    if colour.basic:
        entry = vocabulary.entries("dyes.toml")[colour.name]
        low, high = entry["lightness"]
        return Dye(colour.name, vocabulary.rgb_of(entry["rgb"]), low, high)
    lightness = float(lab_of_colours((colour.rgb,))[0, 0])
    return Dye(colour.name, colour.rgb, lightness - _GIVE, lightness + _GIVE)
