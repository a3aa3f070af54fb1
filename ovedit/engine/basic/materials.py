"""How to paint: finishes for materials, colours for plain colour words, and adjustments.

What a material looks like comes from the vocabulary (`Look`); here is what only painting needs.
Lightness is CIE L*, 0 to 100; chroma is a*, b* under D65.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.vocabulary import Material, NamedColour, Stuff

Floats = NDArray[np.floating]
Pattern = Literal[
    "none", "brushed", "fibre", "speckle", "mottle", "mortar", "weave", "twill", "veins",
    "pebble", "sparkle", "blades", "hammered",
]  # fmt: skip


def lab_of(rgb: Sequence[int]) -> Floats:
    """CIE Lab (3,) of one sRGB colour."""
    pixel = np.array(rgb, np.float32).reshape(1, 1, 3) / 255
    return cv2.cvtColor(pixel, cv2.COLOR_RGB2Lab)[0, 0]


@dataclass(frozen=True, eq=False)
class Ramp:
    """Chroma as a function of lightness: a* and b* at rising lightnesses `at`, shapes (n,)."""

    at: Floats
    a: Floats
    b: Floats

    @staticmethod
    def through(colours: Sequence[Sequence[int]]) -> Ramp:
        """The ramp through these sRGB colours, fading towards black and white at its ends."""
        labs = np.array(sorted((lab_of(colour) for colour in colours), key=lambda lab: lab[0]))
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
    pull: float = 0.7
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


# What the vocabulary's `Look` leaves open: by material, then by the word that named it.
_EXTRAS: dict[str, dict[str, object]] = {
    "metal": {
        "polish": 13.0,
        "lightness": 57.0,
        "gloss": 15.0,
        "shade": 1.2,
        "pull": 0.85,
        "reflect": 17.0,
        "sheen": 13.0,
        "rim": 26.0,
        "tint": 0.12,
        "keep_texture": 0.08,
    },
    "gold": {
        "polish": 11.0,
        "gloss": 14.0,
        "pull": 0.8,
        "reflect": 15.0,
        "sheen": 13.0,
        "rim": 20.0,
        "keep_texture": 0.08,
    },
    "silver": {
        "polish": 12.0,
        "gloss": 16.0,
        "pull": 0.85,
        "reflect": 18.0,
        "sheen": 13.0,
        "rim": 24.0,
        "tint": 0.12,
        "keep_texture": 0.08,
    },
    "copper": {
        "polish": 11.0,
        "gloss": 14.0,
        "pull": 0.8,
        "reflect": 14.0,
        "sheen": 8.0,
        "rim": 20.0,
        "keep_texture": 0.08,
    },
    "bronze": {
        "polish": 7.0,
        "pull": 0.8,
        "reflect": 12.0,
        "sheen": 6.0,
        "rim": 15.0,
        "keep_texture": 0.08,
    },
    "rust": {"keep_texture": 0.25},
    "glass": {
        "through": 0.72,
        "reflect": 15.0,
        "rim": 34.0,
        "gloss": 22.0,
        "sheen": 4.0,
        "tint": 0.5,
        "keep_texture": 0.05,
    },
    "porcelain": {"polish": 2.0, "pull": 0.9, "reflect": 5.0, "rim": 6.0, "keep_texture": 0.08},
    "plastic": {"polish": 3.0, "reflect": 7.0, "rim": 10.0, "keep_texture": 0.03},
    "leather": {"pattern": "pebble", "size": 6.0, "strength": 5.0, "rim": 5.0, "keep_texture": 0.1},
    "fabric": {"keep_texture": 0.15},
    "paper": {"pull": 0.9, "keep_texture": 0.05},
    "stone": {"keep_texture": 0.08, "strength": 7.0},
    "concrete": {"keep_texture": 0.08},
    "brick": {"keep_texture": 0.08, "pull": 0.85},
    "wood": {"keep_texture": 0.15, "rim": 3.0, "strength": 7.0},
}
_BY_WORD: dict[str, dict[str, object]] = {
    "chrome": {
        "polish": 22.0,
        "reflect": 34.0,
        "sheen": 17.0,
        "pattern": "none",
        "gloss": 40.0,
        "tint": 0.35,
    },
    "chromed": {
        "polish": 22.0,
        "reflect": 34.0,
        "sheen": 17.0,
        "pattern": "none",
        "gloss": 40.0,
        "tint": 0.35,
    },
    "wrought iron": {
        "pattern": "hammered",
        "size": 9.0,
        "strength": 3.5,
        "reflect": 10.0,
        "sheen": 3.0,
    },
    "cast iron": {
        "pattern": "mottle",
        "size": 3.0,
        "strength": 3.0,
        "reflect": 6.0,
        "sheen": 1.5,
        "rim": 10.0,
    },
    "iron": {"reflect": 10.0, "sheen": 5.0},
    "marble": {"pattern": "veins", "size": 150.0, "strength": 9.0, "gloss": 14.0, "pull": 0.9},
    "slate": {"pattern": "mottle", "size": 9.0, "strength": 4.0},
    "terracotta": {"pattern": "mottle", "size": 14.0, "strength": 3.5},
    "terra cotta": {"pattern": "mottle", "size": 14.0, "strength": 3.5},
    "clay": {"pattern": "mottle", "size": 14.0, "strength": 3.5},
    "denim": {"pattern": "twill", "size": 2.2, "strength": 6.0, "keep_chroma": 0.05, "pull": 0.8},
    "silk": {"pattern": "none", "gloss": 22.0, "shade": 1.25},
    "velvet": {"pattern": "speckle", "strength": 2.0, "shade": 1.35, "keep_chroma": 0.1},
    "suede": {"pattern": "mottle", "size": 3.0, "gloss": 0.0, "rim": 0.0},
}


def finish_of(material: Material) -> Finish:
    """The finish for a material of the vocabulary."""
    look = material.look
    lightness = look.lab[0]
    variant = material.word in _VARIANT_WORDS.get(material.name, ())
    specific = variant or material.word in _BY_WORD
    if variant:
        lightness = float(np.mean([lab_of(colour)[0] for colour in material.colours]))
    keep = look.chroma_keep
    finish = Finish(
        name=material.word if specific else material.name,
        lightness=None if keep >= 1 else lightness,
        pull=0.75 if keep < 0.5 else 0.2,
        ramp=Ramp.through(_COLOURS.get(material.word, material.colours)) if keep < 0.5 else None,
        keep_chroma=keep,
        shade=look.contrast,
        gloss=34 * look.specular,
        pattern=look.grain,
        size=look.grain_scale,
        strength=look.grain_strength,
    )
    finish = replace(finish, **_EXTRAS.get(material.name, {}))  # type: ignore[arg-type]
    finish = replace(finish, **_BY_WORD.get(material.word, {}))  # type: ignore[arg-type]
    if finish.keep_chroma < 0.5 and finish.ramp is None:
        finish = replace(finish, ramp=Ramp.through(material.colours), lightness=lightness)
    return finish


def without_surface(finish: Finish) -> Finish:
    """Only the colours of a finish, for what has no surface to polish: sky, water, leaves."""
    return Finish(finish.name, finish.lightness, 0.3, finish.ramp, keep_texture=1.0)


# Words whose own colours, not the material's, set the lightness.
_VARIANT_WORDS: dict[str, tuple[str, ...]] = {
    "wood": ("oak", "pine", "walnut", "mahogany", "teak", "ebony", "birch", "beech", "cherry",
             "maple"),
    "metal": ("steel", "stainless steel", "iron", "wrought iron", "cast iron", "chrome", "chromed",
              "aluminium", "aluminum"),
    "gold": ("brass",),
    "stone": ("marble", "granite", "slate", "sandstone", "limestone"),
    "brick": ("terracotta", "terra cotta"),
    "fabric": ("denim", "velvet"),
    "paper": ("cardboard", "carton"),
}  # fmt: skip

# Outdoors and by windows bare metal mirrors the sky, which makes it cooler than its own grey.
_COLOURS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "metal": ((38, 43, 50), (94, 102, 112), (158, 167, 177), (222, 228, 234)),
    "metallic": ((38, 43, 50), (94, 102, 112), (158, 167, 177), (222, 228, 234)),
}

_STUFF: dict[str, Finish] = {
    "snow": Finish("snow", 92.0, 0.92, keep_texture=0.35, shade=0.7, pattern="sparkle", size=2.0,
                   strength=2.5, rim=3.0),
    "sand": Finish("sand", 72.0, 0.8, keep_texture=0.3, shade=0.8, pattern="speckle", size=1.6,
                   strength=4.5),
    "grass": Finish("grass", 45.0, 0.7, keep_texture=0.5, pattern="blades", size=3.0, strength=9.0),
    "soil": Finish("soil", 34.0, 0.8, keep_texture=0.5, pattern="mottle", size=5.0, strength=5.0),
}  # fmt: skip
_STUFF_RAMPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "snow": ((128, 150, 186), (214, 224, 238), (246, 248, 252)),
    "sand": ((148, 118, 82), (201, 176, 132), (232, 214, 176)),
    "grass": ((38, 58, 22), (92, 128, 48), (158, 184, 88)),
    "soil": ((52, 38, 28), (98, 74, 54), (140, 112, 86)),
}


def finish_of_stuff(stuff: Stuff) -> Finish | None:
    """The finish that turns something into snow, sand, grass or soil; None for other stuff."""
    finish = _STUFF.get(stuff.name)
    if finish is None:
        return None
    return replace(finish, name=stuff.word, ramp=Ramp.through(_STUFF_RAMPS[stuff.name]))


@dataclass(frozen=True)
class Paint:
    """A colour to dye something in: sRGB, and the lightnesses at which it still goes by its name.

    low, high: middle tones between these L* stay where they are.
    """

    name: str
    rgb: tuple[int, int, int]
    low: float
    high: float


# Basic colour terms name ranges: the tone within the range follows the thing that is dyed.
_BASIC: dict[str, tuple[tuple[int, int, int], float, float]] = {
    "red": ((200, 30, 32), 30, 52),
    "orange": ((236, 124, 24), 56, 72),
    "yellow": ((242, 204, 30), 74, 90),
    "green": ((44, 142, 58), 34, 66),
    "blue": ((32, 104, 204), 28, 62),
    "purple": ((126, 54, 170), 28, 52),
    "pink": ((240, 128, 168), 62, 80),
    "brown": ((118, 78, 42), 24, 44),
    "black": ((22, 22, 24), 8, 13),
    "white": ((246, 246, 244), 90, 95),
    "grey": ((138, 139, 142), 38, 72),
}


def paint_of(colour: NamedColour, old_lightness: float) -> Paint:
    """How to dye something whose middle tone is at `old_lightness` in a named colour."""
    if colour.basic and colour.name in _BASIC:
        rgb, low, high = _BASIC[colour.name]
        return Paint(colour.name, rgb, low, high)
    lightness = float(lab_of(colour.rgb)[0])
    give = 3.0
    return Paint(colour.name, colour.rgb, lightness - give, lightness + give)
