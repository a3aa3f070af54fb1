"""Back from the entries of a project file to the document that `project_describe` was given.

What is in the file is not trusted: sizes are checked before anything is decoded, types as they are
used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from io import BytesIO
from reprlib import repr
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ovedit.document import (
    SELECTION,
    BlendMode,
    Candidate,
    ClassMask,
    EditLayer,
    EditRecipe,
    Layer,
    RasterLayer,
    ScoreMap,
    Structure,
    Surface,
    SurfaceRef,
    alpha_mask_of,
    coverage_of,
    pixels_of,
)
from ovedit.errors import TooLargeError
from ovedit.geometry import Rect, Size
from ovedit.io.archive import Archive
from ovedit.io.images import read_stream

_SURFACES_AT_MOST = 16
"""A project may hold this many times the pixels that one picture may have."""

Array = NDArray[np.uint8]
Record = dict[str, Any]


class Loader:
    """Decodes pictures of an archive on the threads of `pool`, within limits on their size."""

    def __init__(self, archive: Archive, pool: Executor, max_pixels: int) -> None:
        self.archive = archive
        self.max_pixels = max_pixels
        self.notes: dict[str, None] = {}
        self._pool = pool
        self._pixels_left = max_pixels * _SURFACES_AT_MOST
        self._scores: dict[str, NDArray[np.floating]] = {}

    def rgba(self, entry: str) -> Future[Array]:
        """(h, w, 4) sRGB pixels of a PNG."""
        self._claim(entry)
        return self._pool.submit(self._decode, entry)

    def grey(self, entry: str) -> Future[Array]:
        """(h, w) values of an 8-bit grey PNG."""
        self._claim(entry)
        return self._pool.submit(self._decode_grey, entry)

    def scores(self, entry: str) -> NDArray[np.floating]:
        """The array of a NumPy file with (h, w) floats."""
        if entry not in self._scores:
            data = self.archive.read(entry, 8 * self.max_pixels)
            self._scores[entry] = _scores_from(data, entry)
        return self._scores[entry]

    def check(self, size: Size) -> Size:
        """The size, if a picture may have it."""
        if size.width <= 0 or size.height <= 0:
            raise ValueError(f"a size of {size.width} × {size.height}")
        if size.area > self.max_pixels:
            raise TooLargeError(
                f"{self.archive.name} has pictures of {size.width:,} × {size.height:,} pixels, "
                f"more than the limit of {self.max_pixels:,}.",
                "Raise max_pixels in the settings if you trust the file.",
            )
        return size

    def _claim(self, entry: str) -> None:
        """Check a picture's size before anything of it is decoded."""
        head = self.archive.head(entry, 24)
        if len(head) < 24 or not head.startswith(b"\x89PNG\r\n\x1a\n"):
            raise self.archive.damaged(f"its entry {entry!r} is not a PNG")
        width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        self.reserve(self.check(Size(width, height)))

    def reserve(self, size: Size) -> None:
        """Count a surface among those that the project may hold together."""
        self._pixels_left -= size.area
        if self._pixels_left < 0:
            raise TooLargeError(
                f"{self.archive.name} has layers and masks of more than "
                f"{self.max_pixels * _SURFACES_AT_MOST:,} pixels together.",
                "Raise max_pixels in the settings if you trust the file.",
            )

    def _bytes(self, entry: str) -> bytes:
        # 16 bits in four channels that do not compress, and something for the chunks around them.
        return self.archive.read(entry, 8 * self.max_pixels + (1 << 24))

    def _decode(self, entry: str) -> Array:
        loaded = read_stream(BytesIO(self._bytes(entry)), entry, max_pixels=self.max_pixels)
        self.notes.update(dict.fromkeys(f"{entry}: {note}" for note in loaded.notes))
        return loaded.pixels

    def _decode_grey(self, entry: str) -> Array:
        data = self._bytes(entry)
        try:
            with Image.open(BytesIO(data), formats=["PNG"]) as image:
                if image.mode != "L":
                    raise ValueError(f"of mode {image.mode}")
                return np.asarray(image)
        except Exception as e:  # As in `images`: a broken picture may raise anything.
            raise self.archive.damaged(f"its entry {entry!r} is not a grey PNG ({e})") from e


def _scores_from(data: bytes, entry: str) -> NDArray[np.floating]:
    """The array, checked before memory is taken for it; pickled objects are refused."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"{entry!r} is of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind != "f" or len(shape) != 2 or fortran or 0 in shape:
        raise ValueError(f"{entry!r} holds {dtype} of shape {shape}")
    rest = data[stream.tell() :]
    if len(rest) != shape[0] * shape[1] * dtype.itemsize:
        raise ValueError(f"{entry!r} has {len(rest):,} bytes for a shape of {shape}")
    return np.frombuffer(rest, dtype).reshape(shape)


@dataclass(frozen=True, eq=False)
class Restored:
    """A document's parts, and what was being worked on."""

    size: Size
    structure: Structure
    surfaces: Mapping[SurfaceRef, Surface]
    current_layer: str
    current_masks: tuple[str, ...]


def restore(loader: Loader, document: Record) -> Restored:
    """The state that `describe` was given.

    Raises `FileError` for entries that cannot be read or are too large, and KeyError, TypeError,
    AttributeError or ValueError for JSON that does not hold what it should.
    """
    size = loader.check(_size(document["size"]))
    pending: dict[SurfaceRef, Callable[[], Surface]] = {}
    layers = tuple(_restore_layer(loader, x, pending) for x in _list(document["layers"]))
    masks = tuple(_restore_mask(loader, x, pending) for x in _list(document["masks"]))
    if document["selection"] is not None:
        pending[SELECTION] = _restore_surface(loader, document["selection"], 1)
    if len({x.id for x in layers}) < len(layers) or len({x.id for x in masks}) < len(masks):
        raise ValueError("two layers or masks have the same id")
    surfaces = {ref: wait() for ref, wait in pending.items()}
    for ref, surface in surfaces.items():
        if ref == SELECTION or ref == coverage_of(ref.id):
            wanted = size
        else:
            wanted = surfaces[pixels_of(ref.id)].size
        if surface.size != wanted:
            raise ValueError(f"the {ref.kind} {ref.id!r} has another size than the picture")
    return Restored(
        size,
        Structure(layers, masks),
        surfaces,
        str(document["current_layer"]),
        tuple(str(x) for x in _list(document["current_masks"])),
    )


def _restore_layer(
    loader: Loader, record: Record, pending: dict[SurfaceRef, Callable[[], Surface]]
) -> Layer:
    x, y = _whole_numbers(record["offset"], 2)
    common: Record = {
        "name": _text(record["name"]),
        "id": _text(record["id"]),
        "visible": bool(record["visible"]),
        "opacity": _share(record["opacity"]),
        "locked": bool(record["locked"]),
        "blend": _blend_mode(record["blend"]),
        "offset": (x, y),
        "has_alpha_mask": record["alpha_mask"] is not None,
    }
    ref = pixels_of(common["id"])
    pending[ref] = _restore_surface(loader, record["pixels"], 4, record["own_alpha"])
    if record["alpha_mask"] is not None:
        pending[alpha_mask_of(ref.id)] = _restore_surface(loader, record["alpha_mask"], 1)
    if record["kind"] == "raster":
        # Files of older versions have none.
        models = tuple(_text(x) for x in _list(record.get("models", [])))
        return RasterLayer(**common, models=models)
    if record["kind"] != "edit":
        raise ValueError(f"a layer of kind {repr(record['kind'])}")
    recipe = record["recipe"]
    return EditLayer(**common, recipe=recipe and _restore_recipe(loader, recipe))


def _restore_recipe(loader: Loader, record: Record) -> EditRecipe:
    crop = record["crop"]
    return EditRecipe(
        kind=_text(record["kind"]),
        mask=_restore_surface(loader, record["mask"], 1)(),
        phrase=_text(record["phrase"]),
        prompt=_text(record["prompt"]),
        negative_prompt=_text(record["negative_prompt"]),
        seed=_whole_number(record["seed"]),
        engine=_text(record["engine"]),
        preset=_text(record["preset"]),
        grow=_whole_number(record["grow"]),
        feather=_whole_number(record["feather"]),
        crop=None if crop is None else Rect(*_whole_numbers(crop, 4)),
        models=tuple(_text(x) for x in _list(record["models"])),
        notes=tuple(_text(x) for x in _list(record["notes"])),
        options={_text(key): _text(value) for key, value in record["options"].items()},
    )


def _restore_mask(
    loader: Loader, record: Record, pending: dict[SurfaceRef, Callable[[], Surface]]
) -> ClassMask:
    red, green, blue = (min(max(x, 0), 255) for x in _whole_numbers(record["colour"], 3))
    candidates = tuple(_restore_candidate(loader, x) for x in _list(record["candidates"]))
    chosen = _whole_number(record["chosen"])
    if candidates and not 0 <= chosen < len(candidates):
        raise ValueError(f"candidate {chosen} of {len(candidates)} is chosen")
    mask = ClassMask(
        label=_text(record["label"]),
        colour=(red, green, blue),
        id=_text(record["id"]),
        phrase=_text(record["phrase"]),
        group=_text(record["group"]),
        visible=bool(record["visible"]),
        accepted=bool(record["accepted"]),
        score=None if record["score"] is None else _share(record["score"]),
        threshold=_share(record["threshold"]),
        candidates=candidates,
        chosen=chosen,
    )
    pending[coverage_of(mask.id)] = _restore_surface(loader, record["coverage"], 1)
    return mask


def _restore_candidate(loader: Loader, record: Record) -> Candidate:
    rect = Rect(*_whole_numbers(record["rect"], 4))
    loader.check(rect.size)
    return Candidate(
        label=_text(record["label"]),
        score=_share(record["score"]),
        scores=ScoreMap(loader.scores(_text(record["scores"])), rect),
        threshold=_share(record["threshold"]),
        reason=_text(record["reason"]),
    )


def _restore_surface(
    loader: Loader, record: Record, channels: int, own_alpha: str | None = None
) -> Callable[[], Surface]:
    """Start decoding; the function returned waits for the surface."""
    surface = Surface(loader.check(_size(record["size"])), channels)
    entry = record["file"]
    if entry is None:
        return lambda: surface
    x, y = _whole_numbers(record["at"], 2)
    pixels = loader.rgba(_text(entry)) if channels == 4 else loader.grey(_text(entry))
    alpha = loader.grey(_text(own_alpha)) if own_alpha is not None else None

    def wait() -> Surface:
        found = pixels.result()
        area = Rect(x, y, found.shape[1], found.shape[0])
        if not surface.size.rect.contains(area):
            raise ValueError(f"{repr(entry)} reaches out of its surface")
        if alpha is not None:
            found[..., 3] = alpha.result()
        surface.write(area, found)
        surface.share()
        return surface

    return wait


def _blend_mode(value: Any) -> BlendMode:
    if value not in list(BlendMode):
        raise ValueError(f"{repr(value)} where a blend mode belongs")
    return BlendMode(value)


def _size(value: Any) -> Size:
    return Size(*_whole_numbers(value, 2))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{repr(value)} where a list belongs")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{repr(value)} where a text belongs")
    return value


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{repr(value)} where a number from 0 to 1 belongs")
    return float(value)


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{repr(value)} where a whole number belongs")
    return value


def _whole_numbers(value: Any, count: int) -> list[int]:
    numbers = [_whole_number(x) for x in _list(value)]
    if len(numbers) != count or any(abs(x) >= 2**31 for x in numbers):
        raise ValueError(f"{repr(value)} where {count} whole numbers belong")
    return numbers
