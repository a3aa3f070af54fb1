"""Paints strips of a surface: its finish or dye, then the adjustments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic.finishes import Dye, Finish, dye_of
from ovedit.engine.basic.grain import Grain, grain_of, sheen_of
from ovedit.engine.basic.raster import Floats, lab_of_colours
from ovedit.engine.basic.surface import Surface, analyse, surroundings
from ovedit.engine.basic.tones import (
    bend,
    chroma_room,
    kneed,
    shoulder,
    sky_over_ground,
    smoothstep,
    texture_gain,
)
from ovedit.engine.basic.variety import Variety
from ovedit.engine.basic.wish import Wish
from ovedit.engine.protocols import CancelToken


@dataclass(frozen=True, eq=False)
class Painter:
    """All that is needed to paint any strip of the crop.

    wish: what is asked for. surface: the light, edges and directions that were measured. dye: the
    colour asked for, if any. grain, sheen: textures in L*. around: (h, w, 3) Lab of what lies
    around, reduced, or None where the finish shows nothing of it. chroma: median a* and b* of the
    old surface. variety: departures that the seed asks for.
    """

    wish: Wish
    surface: Surface
    dye: Dye | None
    grain: Grain
    sheen: Grain
    around: Floats | None
    chroma: tuple[float, float]
    variety: Variety

    @staticmethod
    def of(
        wish: Wish, lab: Floats, mask: NDArray[np.uint8], seed: int, cancel: CancelToken
    ) -> Painter:
        """Look at the surface under `mask` (H, W) in `lab` (H, W, 3). Raises `Cancelled`."""
        finish = wish.finish
        flatten = finish is not None and finish.keep_texture < 0.3
        surface = analyse(lab[..., 0], mask, flatten, cancel)
        dye = None if wish.colour is None else dye_of(wish.colour)
        grain = sheen = Grain(np.zeros((1, 1, 1), np.float32))
        around = None
        if finish is not None:
            cancel.check()
            grain = grain_of(finish, surface.length, seed)
            cancel.check()
            sheen = sheen_of(finish, surface.length, seed)
            cancel.check()
            if finish.tint or finish.through:
                around = surroundings(lab, mask)
        step = max(1, int((mask.size / 200_000) ** 0.5))
        inside = mask[::step, ::step] > 127
        sample = lab[::step, ::step][inside] if inside.any() else lab[mask > 0]
        chroma = (float(np.median(sample[:, 1])), float(np.median(sample[:, 2])))
        variety = Variety.of(seed)
        return Painter(wish, surface, dye, grain, sheen, around, chroma, variety)

    def strip(self, lab: Floats, top: int, bottom: int) -> Floats:
        """New Lab (rows, W, 3) for the crop's rows `top` to `bottom`, `lab` being the old."""
        if self.wish.finish is not None:
            lab = self._finished(self.wish.finish, lab, top, bottom)
        elif self.dye is not None:
            lab = self._dyed(self.dye, lab, top, bottom)
        if self.wish.adjusts:
            lab = _adjusted(lab, self.wish, self.surface.middle, self.variety)
        return lab

    def _field(self, field: Floats, top: int, bottom: int) -> Floats:
        return self.surface.rows(field, top, bottom)

    def _base(self, light: Floats, top: int, bottom: int) -> Floats:
        s = self.surface
        return self._field(s.gain, top, bottom) * light + self._field(s.offset, top, bottom)

    def _dyed(self, dye: Dye, lab: Floats, top: int, bottom: int) -> Floats:
        middle = self.surface.middle
        wanted = float(np.clip(middle, dye.low, dye.high))
        wanted = self.variety.middle(wanted, dye.low, dye.high)
        light = lab[..., 0]
        base = self._base(light, top, bottom)
        new = bend(base, middle, wanted) + (light - base) * texture_gain(middle, wanted)
        new = self.variety.shaded(new, wanted)
        name = self.variety.pigment(lab_of_colours((dye.rgb,))[0])
        amount = chroma_room(new, float(name[0]))
        # Neutral dyes leave no trace of the old hues.
        spread = np.float32(0.25 * min(1.0, float(np.hypot(name[1], name[2])) / 40))
        old_a, old_b = self.chroma
        # Highlights mirror the lamp, not the dye: what is bright and colourless stays so.
        a = amount * (name[1] + spread * (lab[..., 1] - old_a))
        b = amount * (name[2] + spread * (lab[..., 2] - old_b))
        return np.stack([new, a, b], -1)

    def _finished(self, finish: Finish, lab: Floats, top: int, bottom: int) -> Floats:
        s = self.surface
        light = lab[..., 0]
        base = self._base(light, top, bottom)
        texture = light - base
        middle = s.middle
        wanted = middle
        if finish.lightness is not None:
            wanted = middle + finish.pull * (finish.lightness - middle)
        if self.dye is not None:
            wanted = float(np.clip(wanted, self.dye.low, self.dye.high))
            wanted = self.variety.middle(wanted, self.dye.low, self.dye.high)
        else:
            wanted = self.variety.middle(wanted)
        body = bend(base, middle, wanted)
        body = self.variety.shaded(wanted + finish.shade * (body - wanted), wanted)
        body = kneed(body, wanted + 14)
        if finish.polish:
            # A mirror shows a slight turn of a face as a large step of light.
            turn = np.tanh((base - middle) / np.float32(max(0.22 * (s.high - s.low), 5.0)))
            body = body + np.float32(finish.polish) * turn
        # Reflections are as bright as the light that falls there.
        lit = np.clip(0.35 + 0.65 * base / max(middle, 8.0), 0.15, 1.35)
        nx, ny = self._field(s.normal_x, top, bottom), self._field(s.normal_y, top, bottom)
        edge = self._field(s.edge, top, bottom)
        facing = nx * np.float32(s.light_x) + ny * np.float32(s.light_y)
        angle = 0.5 * np.arctan2(
            self._field(s.sine, top, bottom), self._field(s.cosine, top, bottom)
        )
        shine = np.zeros_like(light)
        if finish.reflect:
            shine += finish.reflect * sky_over_ground(ny + 0.25 * nx)
        if finish.sheen:
            turns = (base - middle) * np.float32(2 * np.pi / max(s.high - s.low, 24.0))
            wave = np.sin(turns + np.float32(self.variety.phase))
            shine += self.sheen.at(top, 0, angle) - np.float32(0.55 * finish.sheen) * wave
        if finish.rim:
            shine += finish.rim * edge * (np.clip(facing, 0, 1) * 1.5 - 0.2)
        if finish.gloss:
            bright = smoothstep(0.35, 1.0, (base - middle) / max(s.high - middle, 6.0))
            lobe = np.clip(facing, 0, 1) ** 5
            shine += finish.gloss * (0.75 * bright * bright + 0.8 * lobe)
        grain = self.grain.at(top, 0, angle) * np.clip(lit, 0.4, 1.1)
        body = body + finish.keep_texture * texture + grain
        return self._coloured(finish, lab, body, lit * shine, top, bottom)

    def _coloured(
        self, finish: Finish, lab: Floats, body: Floats, shine: Floats, top: int, bottom: int
    ) -> Floats:
        new = shoulder(body + shine)
        if self.dye is not None:
            name = self.variety.pigment(lab_of_colours((self.dye.rgb,))[0])
            amount = chroma_room(new, float(name[0]))
            a, b = amount * name[1], amount * name[2]
        elif finish.ramp is not None:
            a, b = self.variety.coloured(*finish.ramp.chroma(new))
            a = a + finish.keep_chroma * lab[..., 1]
            b = b + finish.keep_chroma * lab[..., 2]
        else:
            amount = finish.keep_chroma * chroma_room(new, self.surface.middle)
            a, b = self.variety.coloured(amount * self.chroma[0], amount * self.chroma[1])
        mortar = self.grain.mortar_at(top, 0, *new.shape)
        if mortar is not None:
            joint = shoulder(0.62 * new + 30)
            new = new + mortar * (joint - new)
            a, b = a * (1 - 0.85 * mortar), b * (1 - 0.7 * mortar)
        if self.around is not None:
            around = self.surface_rows(top, bottom)
            share = finish.tint * np.float32(0.5)
            a, b = a + share * around[..., 1], b + share * around[..., 2]
            if finish.through:
                seen = np.float32(finish.through)
                edge = self._field(self.surface.edge, top, bottom)
                # Thick edges of clear glass swallow light and look green.
                behind = around[..., 0] * (1.0 - 0.35 * edge) + 4
                new = shoulder((1 - seen) * body + seen * behind + shine)
                a = (1 - seen) * a + seen * 0.8 * around[..., 1] - 5 * edge
                b = (1 - seen) * b + seen * 0.8 * around[..., 2]
        return np.stack([new, a, b], -1)

    def surface_rows(self, top: int, bottom: int) -> Floats:
        """The surroundings at full resolution for these rows, Lab."""
        assert self.around is not None
        return np.stack(
            [self.surface.rows(np.ascontiguousarray(self.around[..., i]), top, bottom)
             for i in range(3)], -1)  # fmt: skip


def _adjusted(lab: Floats, wish: Wish, middle: float, variety: Variety) -> Floats:
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    amount = variety.amount
    if wish.brightness:
        change = amount * wish.brightness * (6 + 0.14 * middle)
        light = bend(light, middle, float(np.clip(middle + change, 4, 96)))
    if wish.contrast:
        light = shoulder(middle + (light - middle) * np.float32(1.35 ** (amount * wish.contrast)))
    if wish.saturation:
        change = amount * wish.saturation
        share = np.float32(1 + 0.4 * change if change > 0 else max(0.0, 1 + 0.55 * change))
        a, b = a * share, b * share
    if wish.warmth:
        room = chroma_room(light, 55.0) * np.float32(amount * wish.warmth)
        a, b = a + 4 * room, b + 15 * room
    if wish.finish is None and wish.colour is None:
        if not wish.brightness:
            light = bend(light, middle, middle + 0.5 * (variety.middle(middle) - middle))
        light = variety.shaded(light, middle)
    return np.stack([light, a, b], -1)
