"""Where a model paints: what it gets to see of a photograph, and the way there and back.

The arithmetic, for one region of the mask whose bounds are the hole:

1. The crop is the hole with a margin of `PADDING` times its mean side, at least `MARGIN` pixels. At
   a border of the picture it is shifted inwards, not shrunk.
2. The model's picture has about the square of its native side in pixels, in the shape nearest to
   the crop's that is made of whole multiples and has no side under the least one.
3. The crop is extended to that very shape, so that nothing is stretched: the scales along x and y
   differ by less than a pixel over the whole crop. It is also extended until nothing is enlarged
   more than `ENLARGED` times: small things gain more from their surroundings than from blur.
4. Only where the picture ends before that is done, what is missing is mirrored.

Scaling is by areas downwards and by Lanczos upwards. Pixels are squares: the crop's edges fall on
the edges of its place in the model's picture, in both directions, so that nothing drifts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.crop import context_crop, context_crops
from ovedit.engine.inpainting.values import Mask, Picture
from ovedit.engine.requests import Coverage, Pixels
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect, Size

PADDING = 0.5
"""Margin around a hole, in mean sides of it."""
MARGIN = 32
"""Least margin around a hole, in pixels."""
ENLARGED = 2.0
"""Most that a crop is enlarged for a model, where the picture is large enough to extend it."""
COARSE = 1.5
"""Enlargement on the way back above which the loss of detail is seen."""

_GREY = 128
_STRIP = 256

_Array = TypeVar("_Array", bound=NDArray[np.uint8])


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of pictures that a model paints.

    sides: those that it was trained at, best first, or () where it takes any size; multiple: what
    both sides are whole multiples of; least: the shortest side it can do, half of the native one
    where 0; most_pixels: the most pixels of a picture that it takes at any size, 0 for no limit;
    fixed: it takes nothing but the square of its best side; cell: side in pixels of what its mask
    can tell apart, 8 for diffusion in latents.
    """

    sides: tuple[int, ...] = ()
    multiple: int = 8
    least: int = 0
    most_pixels: int = 0
    fixed: bool = False
    cell: int = 1

    @property
    def smaller(self) -> ModelShape | None:
        """The shape to try where memory is short: three quarters of each side, or None.

        A smaller side that the model was trained at is better than that.
        """
        if self.fixed:
            return None
        if not self.sides:
            half = (self.most_pixels or 2048 * 2048) * 9 // 16
            return replace(self, most_pixels=half) if half >= 256 * 256 else None
        lower = [side for side in self.sides if side < self.sides[0]]
        side = max(lower) if lower else self.sides[0] * 3 // 4 // self.multiple * self.multiple
        if side < max(256, self.least, self.multiple):
            return None
        return replace(self, sides=(side, *(other for other in lower if other < side)))


@dataclass(frozen=True, slots=True)
class WorkArea:
    """One run of a model.

    hole: bounds of what is new. crop: what the model sees of the picture, the hole inside it. size:
    of the model's picture. content: where the crop lies in the model's picture; what is around it
    there is mirrored. cell: see `ModelShape`. note: a sentence for the person, or empty.
    """

    hole: Rect
    crop: Rect
    size: Size
    content: Rect
    cell: int = 1
    note: str = ""

    @property
    def scale(self) -> float:
        """Pixels of the model's picture per pixel of the photograph."""
        return math.sqrt(self.content.size.area / self.crop.size.area)

    @property
    def coarse(self) -> bool:
        """Whether what is painted comes back enlarged so much that it lacks detail."""
        return self.scale * COARSE < 1

    @property
    def inside(self) -> Rect:
        """The hole in the crop's own pixels."""
        return self.hole.translated(-self.crop.x, -self.crop.y)

    def to_model(self, x: float, y: float) -> tuple[float, float]:
        """The place in the model's picture of a place in the photograph."""
        return (
            self.content.x + (x - self.crop.x) * self.content.width / self.crop.width,
            self.content.y + (y - self.crop.y) * self.content.height / self.crop.height,
        )

    def to_photo(self, x: float, y: float) -> tuple[float, float]:
        """The place in the photograph of a place in the model's picture."""
        return (
            self.crop.x + (x - self.content.x) * self.crop.width / self.content.width,
            self.crop.y + (y - self.content.y) * self.crop.height / self.content.height,
        )


def work_areas(
    alpha: Coverage, shape: ModelShape, padding: float = PADDING, crop: Rect | None = None
) -> tuple[WorkArea, ...]:
    """The runs that paint every pixel of `alpha` (H, W) above 0, from top to bottom.

    Regions far apart are painted one after the other, unless one picture of the model holds several
    without being reduced. crop: where to work in place of all that, in pixels of the photograph; it
    is taken as it is, and only extended to hold what is new. The crop of an only area, given again,
    makes the same area. Raises `CannotDoError` where nothing is selected.
    """
    photo = Size(alpha.shape[1], alpha.shape[0])
    regions = context_crops(alpha, padding, MARGIN)
    if not regions:
        raise CannotDoError("Nothing is selected to be changed.", "Select something first.")
    if crop is not None:
        hole = reduce(Rect.union, (region.hole for region in regions))
        return (_given(hole, crop.intersect(photo.rect), shape),)
    areas: list[WorkArea] = []
    for region in regions:
        area = _around(region.hole, region.crop, photo, shape)
        for number, other in enumerate(areas):
            together = _together(area, other, photo, shape, padding)
            if together is not None:
                areas[number] = together
                break
        else:
            areas.append(area)
    return tuple(areas)


def colours_of(area: WorkArea, image: Pixels) -> Picture:
    """The crop (h, w, 3) out of the photograph (H, W, 4); grey shines through what is not opaque.

    Whatever colour invisible pixels have, it must not leak into what is painted beside them.
    """
    cut = image[area.crop.slices]
    colours = np.empty((*cut.shape[:2], 3), np.uint8)
    opaque = cut[..., 3].min() == 255
    for top in range(0, len(cut), _STRIP):
        rows = slice(top, top + _STRIP)
        # Twenty times as fast as numpy's copy of three channels.
        colours[rows] = cv2.cvtColor(cut[rows], cv2.COLOR_RGBA2RGB)
        if opaque:
            continue
        share = cut[rows, :, 3:].astype(np.uint16)
        mixed = colours[rows] * share + np.uint16(_GREY) * (255 - share)
        colours[rows] = (mixed + 127) // 255
    return colours


def picture_for(area: WorkArea, colours: Picture) -> Picture:
    """The model's picture (H, W, 3) of the crop's colours (h, w, 3)."""
    return _mirrored(area, _resized(colours, area.content.size))


def mask_for(area: WorkArea, alpha: Coverage) -> Mask:
    """The model's mask (H, W), 0 or 255, of the photograph's alpha (H, W).

    Every pixel that any of alpha above 0 falls into is to be painted, and with it all of its cell:
    a latent mask is one sample of each cell, which would else miss what is thin.
    """
    cut = alpha[area.crop.slices]
    mask = _mirrored(area, _pooled(cut, area.content.size))
    if area.cell == 1:
        return mask
    cells = Size(-(-area.size.width // area.cell), -(-area.size.height // area.cell))
    whole = np.zeros((cells.height * area.cell, cells.width * area.cell), np.uint8)
    whole[: area.size.height, : area.size.width] = mask
    blocks = whole.reshape(cells.height, area.cell, -1).max(axis=1)
    blocks = blocks.reshape(cells.height, cells.width, area.cell).max(axis=2)
    whole = blocks.repeat(area.cell, axis=0).repeat(area.cell, axis=1)
    return np.ascontiguousarray(whole[: area.size.height, : area.size.width])


def back(area: WorkArea, picture: Picture) -> Picture:
    """The crop (h, w, 3) of a model's picture: the way back from `picture_for`."""
    return _resized(_content(area, picture), area.crop.size)


def mask_back(area: WorkArea, mask: Mask) -> Mask:
    """The crop's pixels (h, w), 0 or 255, that any painted pixel of a model's mask falls into."""
    return _pooled(mask[area.content.slices], area.crop.size)


def glimpse(area: WorkArea, picture: Picture, size: Size | None = None) -> Picture:
    """The hole (h, w, 3) of a coarse picture of any size, quickly: for previews.

    size: of what is wanted, in place of the hole's own.
    """
    part = _content(area, picture)
    size = size or area.hole.size
    scale_x, scale_y = part.shape[1] / area.crop.width, part.shape[0] / area.crop.height
    step_x, step_y = (
        area.hole.width * scale_x / size.width,
        area.hole.height * scale_y / size.height,
    )
    # Centres of pixels are at half ones: hence the shift.
    shift_x = area.inside.x * scale_x + 0.5 * step_x - 0.5
    shift_y = area.inside.y * scale_y + 0.5 * step_y - 0.5
    there = np.array([[step_x, 0, shift_x], [0, step_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shape = (size.width, size.height)
    seen = cv2.warpAffine(part, there, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


# -- inside ----------------------------------------------------------------------------------------


def _around(hole: Rect, crop: Rect, photo: Size, shape: ModelShape) -> WorkArea:
    """The area of a hole with its margin, extended to a shape that the model takes."""
    # A crop that the photo's border keeps from a shape gets another one, a little longer: it only
    # grows, and so there is an end to it.
    while (wanted := _extended(crop, photo, shape)) != crop:
        crop = wanted
    size = _size_for(crop.size, shape)
    return WorkArea(hole, crop, size, _content_of(crop.size, size), shape.cell)


def _extended(crop: Rect, photo: Size, shape: ModelShape) -> Rect:
    if not shape.sides:
        return crop
    size = _size_for(crop.size, shape)
    scale = min(size.width / crop.width, size.height / crop.height, ENLARGED)
    width = min(max(crop.width, round(size.width / scale)), photo.width)
    height = min(max(crop.height, round(size.height / scale)), photo.height)
    x = crop.x - (width - crop.width) // 2
    y = crop.y - (height - crop.height) // 2
    return Rect(
        min(max(0, x), photo.width - width), min(max(0, y), photo.height - height), width, height
    )


def _given(hole: Rect, crop: Rect, shape: ModelShape) -> WorkArea:
    """The area of the crop that a person drew."""
    note = ""
    if not crop.contains(hole):
        crop = crop.union(hole)
        note = "The crop was extended: it has to hold all that is selected."
    size = _size_for(crop.size, shape)
    return WorkArea(hole, crop, size, _content_of(crop.size, size), shape.cell, note)


def _together(
    one: WorkArea, other: WorkArea, photo: Size, shape: ModelShape, padding: float
) -> WorkArea | None:
    """Both holes in one area, or None where that would cost sharpness."""
    if not shape.sides:
        return None
    hole = one.hole.union(other.hole)
    area = _around(hole, context_crop(hole, photo, padding, MARGIN), photo, shape)
    return area if area.scale >= 1 else None


def _size_for(crop: Size, shape: ModelShape) -> Size:
    """The size of the model's picture whose shape is nearest to that of the crop."""
    if not shape.sides:
        most = shape.most_pixels or crop.area
        scale = min(1.0, math.sqrt(most / crop.area))
        return Size(
            _multiple_above(crop.width * scale, shape), _multiple_above(crop.height * scale, shape)
        )
    side = shape.sides[0]
    if shape.fixed:
        return Size(side, side)
    wanted = math.log(crop.width / crop.height)
    return min(
        _sizes(side, shape),
        key=lambda size: (abs(math.log(size.width / size.height) - wanted), -size.area),
    )


def _sizes(side: int, shape: ModelShape) -> list[Size]:
    """The sizes of about `side` squared pixels that a model takes."""
    multiple = shape.multiple
    least = max(1, round((shape.least or side / 2) / multiple))
    pixels = side * side
    if shape.most_pixels:
        pixels = min(pixels, shape.most_pixels)
    units = pixels / multiple**2
    most = max(least, int(units / least))
    found = []
    for columns in range(least, most + 1):
        rows = max(least, round(units / columns))
        found.append(Size(columns * multiple, rows * multiple))
    return found


def _multiple_above(side: float, shape: ModelShape) -> int:
    # Less a hair, or what is whole but for rounding would get another multiple.
    units = math.ceil(side / shape.multiple - 1e-6)
    return max(units * shape.multiple, shape.least, 1)


def _content_of(crop: Size, size: Size) -> Rect:
    """Where the crop lies in the model's picture: in its middle, as large as it gets."""
    scale = min(size.width / crop.width, size.height / crop.height)
    width, height = _side(crop.width, scale, size.width), _side(crop.height, scale, size.height)
    return Rect((size.width - width) // 2, (size.height - height) // 2, width, height)


def _side(crop: int, scale: float, full: int) -> int:
    """The scaled side, or all there is where that is within a pixel of the crop."""
    if abs(full / scale - crop) < 1:
        return full
    return min(full, max(1, round(crop * scale)))


def _resized(picture: Picture, size: Size) -> Picture:
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    grows = size.area > width * height
    how = cv2.INTER_LANCZOS4 if grows else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (size.width, size.height), interpolation=how), np.uint8)


def _mirrored(area: WorkArea, content: _Array) -> _Array:
    """The content, and around it its mirror image until the model's size is full."""
    place, size = area.content, area.size
    if place.size == size:
        return content
    pads = (
        (place.y, size.height - place.bottom),
        (place.x, size.width - place.right),
        *((0, 0),) * (content.ndim - 2),
    )
    return np.pad(content, pads, mode="symmetric")  # pyright: ignore[reportReturnType]


def _content(area: WorkArea, picture: Picture) -> Picture:
    """The crop's place in a picture of the model's size, or of any other that shows the same."""
    height, width = picture.shape[:2]
    if (width, height) != (area.size.width, area.size.height):
        size = (area.size.width, area.size.height)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return picture[area.content.slices]


def _pooled(values: NDArray[np.uint8], size: Size) -> Mask:
    """255 in every pixel of the new size that a value above 0 falls into, however little."""
    tall = _pooled_rows(values, size.height)
    wide = _pooled_rows(np.ascontiguousarray(tall.T), size.width).T
    return np.where(wide > 0, np.uint8(255), np.uint8(0))


def _pooled_rows(values: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The highest of all rows that each of `count` rows overlaps."""
    if count == len(values):
        return values
    first, last = _overlapped(len(values), count)
    if count > len(values):
        # No more than two of the old ones each.
        return np.maximum(values[first], values[last - 1])
    out = np.empty((count, values.shape[1]), np.uint8)
    for row, (start, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        values[start:end].max(axis=0, out=out[row])
    return out


def _overlapped(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of `old` pixels each of `new` ones overlaps: the first, and the one after the last."""
    edges = np.arange(new + 1, dtype=np.int64) * old
    return edges[:-1] // new, -(-edges[1:] // new)
