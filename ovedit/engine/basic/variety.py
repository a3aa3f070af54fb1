"""How a seed varies the painting of the same wish, as two painters would mix the same colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ovedit.engine.basic.raster import Floats

# The most that a seed changes; each by eye, so that it is seen and still goes by the same name.
_LIGHT = 8.0
_CONTRAST = 0.2
_CHROMA = 0.16
_TURN = np.radians(7.0)
_AMOUNT = 0.35
_CAST = 7.0
_LEAST = 0.35
"""Share of the most that a seed changes at least: a variation has to be seen."""
_BEYOND = 3.0
"""L* by which a middle tone may leave the range of its colour's name."""
_NEUTRAL = 12.0
"""Chroma below which a colour is a white, grey or black."""


@dataclass(frozen=True)
class Variety:
    """Departures from the best guess, which the defaults are.

    light: L* added to the middle tones. contrast, chroma: gains on light and shade and on the
    colour. turn: of the hue, radians. phase: of waves of light, radians. amount: gain on what an
    adjustment asks for ("brighter"). cast: b* added to whites, greys and blacks.
    """

    light: float = 0.0
    contrast: float = 1.0
    chroma: float = 1.0
    turn: float = 0.0
    phase: float = 0.0
    amount: float = 1.0
    cast: float = 0.0

    @staticmethod
    def of(seed: int) -> Variety:
        """The variety of a seed: none for 0, else one that is seen."""
        if seed == 0:
            return Variety()
        random = np.random.default_rng([seed, 0x7661])

        def either_way(most: float) -> float:
            return float(random.choice((-1.0, 1.0)) * random.uniform(_LEAST, 1.0) * most)

        return Variety(
            light=either_way(_LIGHT),
            contrast=1 + either_way(_CONTRAST),
            chroma=1 + either_way(_CHROMA),
            turn=either_way(float(_TURN)),
            phase=float(random.uniform(0, 2 * np.pi)),
            amount=1 + either_way(_AMOUNT),
            cast=float(random.uniform(-_CAST, _CAST)),
        )

    def middle(self, wanted: float, low: float = 10.0, high: float = 90.0) -> float:
        """The middle tone `wanted` moved up or down, hardly beyond [low, high]."""
        room_up, room_down = high + _BEYOND - wanted, wanted - low + _BEYOND
        up = room_up > 0.5 * _LIGHT if self.light > 0 else room_down < 0.5 * _LIGHT
        share = abs(self.light) / _LIGHT
        if up:
            return wanted + share * float(np.clip(room_up, 0, _LIGHT))
        return wanted - share * float(np.clip(room_down, 0, _LIGHT))

    def shaded(self, light: Floats, middle: float) -> Floats:
        """L* with more or less contrast about the middle tone."""
        if self.contrast == 1.0:
            return light
        return np.clip(middle + np.float32(self.contrast) * (light - middle), 0, 100)

    def pigment(self, lab: Floats) -> Floats:
        """The shade of a colour, both L*, a*, b* (3,): a neutral one turns warmer or cooler."""
        light, a, b = lab
        a, b = self.coloured(a, b)
        if float(np.hypot(a, b)) < _NEUTRAL:
            b = b + self.cast
        return np.array([light, a, b], np.float32)

    def coloured(self, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        """a* and b* with the hue turned and the chroma raised or lowered."""
        cosine = np.float32(self.chroma * np.cos(self.turn))
        sine = np.float32(self.chroma * np.sin(self.turn))
        return cosine * a - sine * b, sine * a + cosine * b
