"""Restyle: new colour, new material, old light and shadow.

Lightness is split into a base (light and shade) and texture. Both go through tone curves of the
finish; a reflection of sky over ground, highlights and procedural grain are added; chroma follows
the new lightness along the colours of the material (Lab statistics as in Reinhard et al. 2001).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import wish as wishes
from ovedit.engine.basic.grain import Grain, grain_of, sheen_of
from ovedit.engine.basic.materials import Finish, Paint, lab_of, paint_of
from ovedit.engine.basic.raster import disc
from ovedit.engine.basic.refine import colour_model
from ovedit.engine.basic.regions import colour_cells
from ovedit.engine.basic.surface import Surface, analyse, surroundings
from ovedit.engine.basic.variety import Variety
from ovedit.engine.basic.wish import Wish
from ovedit.engine.basic.wording import quoted
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import EditRequest, EditResult
from ovedit.errors import UsageError
from ovedit.geometry import Rect, Size

Floats = NDArray[np.floating]
STRIP = 192
_FRAYED = 5
_CLEARLY = 5.0
NAME = "basic"


def restyle(request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
    """Give the masked thing the colour or material that `request.prompt` names.

    options["strength"], above 0 to 1, blends between old and new. Works wherever alpha > 0; the
    result's alpha follows the mask closely, so that no background is dyed along with it.
    Raises `CannotDoError` where no word of the prompt is understood, `UsageError` for an empty
    mask or a strength out of range, `Cancelled`.
    """
    return paint(request, wishes.require(request.prompt, request.phrase), progress, cancel)


def paint(request: EditRequest, wish: Wish, progress: Progress, cancel: CancelToken) -> EditResult:
    """Like `restyle`, for a wish already understood."""
    start = time.perf_counter()
    strength = _strength(request)
    left, top, width, height = cv2.boundingRect(request.alpha)
    rect = Rect(left, top, width, height)
    if not rect:
        raise UsageError("The mask is empty.", "Select something first.")
    progress(0.0, "Looking at light and shadow")
    cancel.check()
    whole = Size(request.image.shape[1], request.image.shape[0]).rect
    area = rect.padded(max(24, max(width, height) // 8)).intersect(whole)
    image = request.image[area.slices]
    mask = request.mask[area.slices]
    if not mask.any():
        mask = request.alpha[area.slices]
    mask = _completed(image, mask, request.alpha[area.slices])
    lab = _to_lab(image, cancel)
    painter = _painter(wish, lab, mask, request.seed, cancel)
    progress(0.3, "Painting")

    pixels = np.empty((height, width, 4), np.uint8)
    dx, dy = rect.x - area.x, rect.y - area.y
    for first in range(0, height, STRIP):
        cancel.check()
        last = min(first + STRIP, height)
        rows = slice(dy + first, dy + last)
        strip = painter.strip(lab[rows], dy + first, dy + last)[:, dx : dx + width]
        old = image[rows, dx : dx + width]
        rgb = cv2.cvtColor(np.ascontiguousarray(strip, np.float32), cv2.COLOR_Lab2RGB)
        mixed = old[..., :3] + strength * (255 * np.clip(rgb, 0, 1) - old[..., :3])
        pixels[first:last, :, :3] = np.clip(mixed + 0.5, 0, 255)
        pixels[first:last, :, 3] = _coverage(old[..., 3], mask, rows, slice(dx, dx + width))
        progress(0.3 + 0.7 * last / height, "Painting")
    notes = (*_summary(wish, request.phrase), *wishes.notes(wish))
    seconds = time.perf_counter() - start
    return EditResult(pixels, rect, NAME, request.seed, seconds, notes)


def _strength(request: EditRequest) -> float:
    text = request.options.get("strength", "1")
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError(f"Strength {quoted(text)} is not a number.", "Use 0.1 to 1.") from error
    if not 0 < value <= 1:
        raise UsageError(f"Strength {text} is out of range.", "Use a number above 0, up to 1.")
    return value


def _to_lab(image: NDArray[np.uint8], cancel: CancelToken) -> Floats:
    lab = np.empty((*image.shape[:2], 3), np.float32)
    for top in range(0, len(image), STRIP):
        cancel.check()
        strip = image[top : top + STRIP, :, :3].astype(np.float32) / np.float32(255)
        lab[top : top + STRIP] = cv2.cvtColor(strip, cv2.COLOR_RGB2Lab)
    return lab


def _coverage(
    old: NDArray[np.uint8], mask: NDArray[np.uint8], rows: slice, columns: slice
) -> NDArray[np.uint8]:
    """The mask, softened over one pixel, and never more opaque than the picture was."""
    halo = slice(max(0, rows.start - 4), rows.stop + 4)
    grown = cv2.dilate(mask[halo], np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(grown, (0, 0), 0.9)
    soft = np.maximum(soft, mask[halo])[rows.start - halo.start :][: rows.stop - rows.start]
    return np.asarray(cv2.multiply(soft[:, columns], old, scale=1 / 255), np.uint8)


def _completed(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The mask with the pixels close to it that clearly have its colours and not its surroundings'.

    A mask from a smaller picture ends a little off frayed edges, such as feet in grass; what is
    left of the old colour there would be a rim. Only where alpha is above 0.
    """
    solid = (mask > 127).astype(np.uint8)
    beside = cv2.dilate(solid, disc(_FRAYED))
    around = (cv2.dilate(beside, disc(4 * _FRAYED)) > 0) & (beside == 0)
    rows, columns = np.nonzero((beside > 0) & (mask < 255) & (alpha > 0))
    if not (len(rows) and around.any() and solid.any()):
        return mask
    cells = colour_cells(image[..., :3])
    own, others = (
        colour_model(cells[part], np.ones(np.count_nonzero(part), np.float32))
        / np.count_nonzero(part)
        for part in (solid > 0, around)
    )
    there = cells[rows, columns]
    belongs = own[there] > _CLEARLY * others[there] + 1e-6
    completed = mask.copy()
    completed[rows[belongs], columns[belongs]] = 255
    return completed


def _summary(wish: Wish, phrase: str) -> tuple[str, ...]:
    thing = quoted(phrase) if phrase.strip() else "The selection"
    said: list[str] = []
    if wish.finish is not None:
        colour = f"{wish.colour.name} " if wish.colour else ""
        said.append(f"{thing} got the look of {colour}{wish.finish.name} and kept its shape.")
        if wish.finish.through:
            said.append("What is seen through it is guessed from what lies around it.")
    elif wish.colour is not None:
        said.append(f"{thing} was dyed {wish.colour.name} and kept its shape.")
    names = {
        "brightness": wish.brightness,
        "saturation": wish.saturation,
        "warmth": wish.warmth,
        "contrast": wish.contrast,
    }
    changes = [
        f"{'more' if value > 0 else 'less'} {name}" for name, value in names.items() if value
    ]
    if changes:
        said.append(f"{thing} got {' and '.join(changes)}.")
    return tuple(said)


@dataclass(frozen=True, eq=False)
class _Painter:
    """All that is needed to paint any strip of the crop."""

    wish: Wish
    surface: Surface
    paint: Paint | None
    grain: Grain
    sheen: Grain
    around: Floats | None
    chroma: tuple[float, float]
    variety: Variety

    def strip(self, lab: Floats, top: int, bottom: int) -> Floats:
        """New Lab (rows, W, 3) for the crop's rows `top` to `bottom`, `lab` being the old."""
        if self.wish.finish is not None:
            lab = self._finished(self.wish.finish, lab, top, bottom)
        elif self.paint is not None:
            lab = self._dyed(self.paint, lab, top, bottom)
        if self.wish.adjusts:
            lab = _adjusted(lab, self.wish, self.surface.middle, self.variety)
        return lab

    def _field(self, field: Floats, top: int, bottom: int) -> Floats:
        return self.surface.rows(field, top, bottom)

    def _base(self, light: Floats, top: int, bottom: int) -> Floats:
        s = self.surface
        return self._field(s.gain, top, bottom) * light + self._field(s.offset, top, bottom)

    def _dyed(self, paint: Paint, lab: Floats, top: int, bottom: int) -> Floats:
        middle = self.surface.middle
        wanted = float(np.clip(middle, paint.low, paint.high))
        wanted = self.variety.middle(wanted, paint.low, paint.high)
        light = lab[..., 0]
        base = self._base(light, top, bottom)
        new = _bend(base, middle, wanted) + (light - base) * _slope(middle, wanted)
        new = self.variety.shaded(new, wanted)
        name = self.variety.pigment(lab_of(paint.rgb))
        amount = _room(new, float(name[0]))
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
        if self.paint is not None:
            wanted = float(np.clip(wanted, self.paint.low, self.paint.high))
            wanted = self.variety.middle(wanted, self.paint.low, self.paint.high)
        else:
            wanted = self.variety.middle(wanted)
        body = _bend(base, middle, wanted)
        body = self.variety.shaded(wanted + finish.shade * (body - wanted), wanted)
        body = _kneed(body, wanted + 14)
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
            shine += finish.reflect * _sky_over_ground(ny + 0.25 * nx)
        if finish.sheen:
            turns = (base - middle) * np.float32(2 * np.pi / max(s.high - s.low, 24.0))
            wave = np.sin(turns + np.float32(self.variety.phase))
            shine += self.sheen.at(top, 0, angle) - np.float32(0.55 * finish.sheen) * wave
        if finish.rim:
            shine += finish.rim * edge * (np.clip(facing, 0, 1) * 1.5 - 0.2)
        if finish.gloss:
            bright = _smooth(0.35, 1.0, (base - middle) / max(s.high - middle, 6.0))
            lobe = np.clip(facing, 0, 1) ** 5
            shine += finish.gloss * (0.75 * bright * bright + 0.8 * lobe)
        grain = self.grain.at(top, 0, angle) * np.clip(lit, 0.4, 1.1)
        body = body + finish.keep_texture * texture + grain
        return self._coloured(finish, lab, body, lit * shine, top, bottom)

    def _coloured(
        self, finish: Finish, lab: Floats, body: Floats, shine: Floats, top: int, bottom: int
    ) -> Floats:
        new = _shoulder(body + shine)
        if self.paint is not None:
            name = self.variety.pigment(lab_of(self.paint.rgb))
            amount = _room(new, float(name[0]))
            a, b = amount * name[1], amount * name[2]
        elif finish.ramp is not None:
            a, b = self.variety.coloured(*finish.ramp.chroma(new))
            a = a + finish.keep_chroma * lab[..., 1]
            b = b + finish.keep_chroma * lab[..., 2]
        else:
            amount = finish.keep_chroma * _room(new, self.surface.middle)
            a, b = self.variety.coloured(amount * self.chroma[0], amount * self.chroma[1])
        mortar = self.grain.mortar_at(top, 0, *new.shape)
        if mortar is not None:
            joint = _shoulder(0.62 * new + 30)
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
                new = _shoulder((1 - seen) * body + seen * behind + shine)
                a = (1 - seen) * a + seen * 0.8 * around[..., 1] - 5 * edge
                b = (1 - seen) * b + seen * 0.8 * around[..., 2]
        return np.stack([new, a, b], -1)

    def surface_rows(self, top: int, bottom: int) -> Floats:
        """The surroundings at full resolution for these rows, Lab."""
        assert self.around is not None
        return np.stack(
            [self.surface.rows(np.ascontiguousarray(self.around[..., i]), top, bottom)
             for i in range(3)], -1)  # fmt: skip


def _painter(wish: Wish, lab: Floats, mask: NDArray[np.uint8], seed: int,
             cancel: CancelToken) -> _Painter:  # fmt: skip
    finish = wish.finish
    flatten = finish is not None and finish.keep_texture < 0.3
    surface = analyse(lab[..., 0], mask, flatten, cancel)
    paint_ = None if wish.colour is None else paint_of(wish.colour, surface.middle)
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
    return _Painter(wish, surface, paint_, grain, sheen, around, chroma, variety)


def _bend(light: Floats, old: float, new: float) -> Floats:
    """A smooth tone curve through black, white and (old, new), after Schlick's bias (1994)."""
    t = np.clip(light, 0, 100) / np.float32(100)
    m = float(np.clip(old / 100, 0.03, 0.97))
    n = float(np.clip(new / 100, 0.02, 0.98))
    k = m * (1 - n) / (n * (1 - m))
    return 100 * t / (t + k * (1 - t))


def _slope(old: float, new: float) -> float:
    """How much fine texture grows with the tone curve; bounded so that noise does not."""
    return float(np.clip(new / max(old, 4.0), 0.35, 1.25))


def _room(light: Floats, full: float) -> Floats:
    """Share of a colour's chroma that fits at other lightnesses: none at black and white."""
    full = float(np.clip(full, 12, 88))
    return np.clip(np.minimum(light / full, (100 - light) / (100 - full)), 0, 1) ** np.float32(0.8)


def _shoulder(light: Floats) -> Floats:
    """L* with soft ends, so that highlights and shadows keep their shape."""
    high = np.where(light > 80, 80 + 18 * np.tanh((light - 80) / 18), light)
    return np.where(high < 16, 16 * np.exp(np.minimum(high - 16, 0) / 16), high).astype(np.float32)


def _kneed(light: Floats, knee: float) -> Floats:
    """Compress above `knee`, so that what was white takes on the new colour."""
    knee = float(np.clip(knee, 50, 82))
    span = np.float32(98 - knee)
    return np.where(light > knee, knee + 0.62 * span * np.tanh((light - knee) / span), light)


def _smooth(low: float, high: float, x: Floats) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _sky_over_ground(down: Floats) -> Floats:
    """A polished surface's view by how far it leans down, -1 to 1: sky, dark horizon, ground."""
    sky = _smooth(0.12, -0.35, down) * (0.75 + 0.35 * np.clip(-down, 0, 1))
    horizon = np.exp(-(((down - 0.22) / 0.20) ** 2))
    ground = 0.35 * _smooth(0.45, 0.95, down)
    return (sky - 0.6 * horizon + ground).astype(np.float32)


def _adjusted(lab: Floats, wish: Wish, middle: float, variety: Variety) -> Floats:
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    amount = variety.amount
    if wish.brightness:
        change = amount * wish.brightness * (6 + 0.14 * middle)
        light = _bend(light, middle, float(np.clip(middle + change, 4, 96)))
    if wish.contrast:
        light = _shoulder(middle + (light - middle) * np.float32(1.35 ** (amount * wish.contrast)))
    if wish.saturation:
        change = amount * wish.saturation
        share = np.float32(1 + 0.4 * change if change > 0 else max(0.0, 1 + 0.55 * change))
        a, b = a * share, b * share
    if wish.warmth:
        room = _room(light, 55.0) * np.float32(amount * wish.warmth)
        a, b = a + 4 * room, b + 15 * room
    if wish.finish is None and wish.colour is None:
        if not wish.brightness:
            light = _bend(light, middle, middle + 0.5 * (variety.middle(middle) - middle))
        light = variety.shaded(light, middle)
    return np.stack([light, a, b], -1)
