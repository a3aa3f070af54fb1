"""Projects as OpenRaster (`.ora`): a zip that GIMP and Krita open, with our own data in it too.

Other programs see layers, blend modes and the flattened picture. Entries under `ovedit/` hold the
rest: class masks with their candidates, alpha masks, recipes of edits, the selection, camera data.
They are used only while the entries that they describe are those that were written with them: a
file that another program has changed opens as that program left it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ovedit.atomic import atomic_write
from ovedit.document import (
    DocumentState,
    Layer,
    RasterLayer,
    Structure,
    Surface,
    SurfaceRef,
    pixels_of,
)
from ovedit.document.compositing import flatten_layers
from ovedit.errors import DamagedFileError, FileError, UnsupportedFileError
from ovedit.files import open_file
from ovedit.geometry import Size
from ovedit.io import layer_stack, project_describe, project_restore
from ovedit.io import xmp as xmp_data
from ovedit.io.archive import Archive
from ovedit.io.images import MAX_PIXELS, encode_png
from ovedit.io.layer_stack import StackGroup, StackLayer

MIMETYPE = b"image/openraster"
PROJECT_SUFFIX = ".ora"

_DOCUMENT = "ovedit/document.json"
_EXIF, _XMP = "ovedit/exif.bin", "ovedit/xmp.xml"
_MERGED = "mergedimage.png"
THUMBNAIL = "Thumbnails/thumbnail.png"
"""Entry with a small picture of the document."""

_THUMBNAIL_SIDE = 256
_TEXT_LIMIT = 1 << 26

Array = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LoadedProject:
    """The parts of a document, as saved.

    current_layer, current_masks: ids of what was worked on, or empty.
    exif, xmp: of the photograph it began with. notes: what could not be kept, for the person.
    """

    size: Size
    structure: Structure
    surfaces: Mapping[SurfaceRef, Surface]
    current_layer: str = ""
    current_masks: tuple[str, ...] = ()
    exif: bytes = b""
    notes: tuple[str, ...] = ()
    xmp: bytes = b""


def save_project(
    path: Path | str,
    state: DocumentState,
    *,
    exif: bytes = b"",
    xmp: bytes = b"",
    current_layer: str = "",
    current_masks: Sequence[str] = (),
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write all of a document, which must be a snapshot; the file is replaced when complete.

    extra: further entries of the zip, by name.
    Raises `FileError` where the system refuses.
    """
    parts = project_describe.describe(
        state, current_layer=current_layer, current_masks=current_masks
    )
    about = {entry: data for entry, data in ((_EXIF, exif), (_XMP, xmp)) if data}
    with atomic_write(Path(path)) as stream:
        _write(stream, state, parts, dict(extra or {}) | about)


def load_project(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> LoadedProject:
    """Read an OpenRaster file, ours or another program's.

    Raises `FileError` where it cannot be opened, `UnsupportedFileError` where it is not OpenRaster,
    `DamagedFileError` where it is broken or hostile, `TooLargeError` where the picture, or all
    layers together, have more pixels than the limit allows.
    """
    path = Path(path)
    with open_file(path) as stream, Archive(stream, path.name) as archive:
        if not _is_openraster(archive):
            raise UnsupportedFileError(
                f"{path.name} is a zip file, but not an OpenRaster project.",
                "Open a picture or an .ora file.",
            )
        with ThreadPoolExecutor(_threads()) as pool:
            loader = project_restore.Loader(archive, pool, max_pixels)
            try:
                return _with_xmp(_read(loader), archive)
            except ValueError as e:
                raise archive.damaged(str(e)) from e
            except (KeyError, TypeError, AttributeError, RecursionError) as e:
                raise archive.damaged(f"{_DOCUMENT} is not what OVEdit writes ({e!r})") from e
            finally:
                pool.shutdown(cancel_futures=True)


def is_project(path: Path | str) -> bool:
    """Whether a file is OpenRaster by its content. Raises `FileError` if it cannot be opened."""
    path = Path(path)
    with open_file(path) as stream:
        try:
            if stream.read(4) != b"PK\x03\x04":
                return False
            stream.seek(0)
            with Archive(stream, path.name) as archive:
                return _is_openraster(archive)
        except (FileError, OSError):
            # What cannot be read tells nothing; its name does.
            return path.suffix.lower() == PROJECT_SUFFIX


# -- writing ---------------------------------------------------------------------------------------


def _write(
    stream: BinaryIO,
    state: DocumentState,
    parts: project_describe.Description,
    extra: Mapping[str, bytes],
) -> None:
    with (
        ThreadPoolExecutor(_threads()) as pool,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as out,
    ):
        merged = pool.submit(_merged, state)
        pictures = {entry: pool.submit(make) for entry, make in parts.entries.items()}
        try:
            out.writestr("mimetype", MIMETYPE)
            out.writestr(
                "stack.xml",
                layer_stack.write_stack(state.size, parts.stack),
                zipfile.ZIP_DEFLATED,
            )
            for entry, data in pictures.items():
                packed = zipfile.ZIP_STORED if entry.endswith(".png") else zipfile.ZIP_DEFLATED
                out.writestr(entry, data.result(), packed, compresslevel=1)
            for entry, data in zip((_MERGED, THUMBNAIL), merged.result(), strict=True):
                out.writestr(entry, data)
            for entry, data in extra.items():
                out.writestr(entry, data)
            seen = ["stack.xml", *(layer.src for layer in parts.stack)]
            document = parts.document | {
                "made_with": {entry: out.getinfo(entry).CRC for entry in seen}
            }
            out.writestr(_DOCUMENT, json.dumps(document, indent=1), zipfile.ZIP_DEFLATED)
        finally:
            pool.shutdown(cancel_futures=True)


def _merged(state: DocumentState) -> tuple[bytes, bytes]:
    """The flattened picture and its thumbnail as PNG."""
    picture = state.flattened()
    small = Image.fromarray(picture)
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), reducing_gap=2.0)
    if picture[..., 3].min() == 255:
        picture = np.ascontiguousarray(picture[..., :3])
    return encode_png(picture), encode_png(np.asarray(small))


def _threads() -> int:
    return min(4, os.cpu_count() or 1)


# -- reading ---------------------------------------------------------------------------------------


def _is_openraster(archive: Archive) -> bool:
    if "mimetype" in archive:
        return archive.read("mimetype", 1024).strip() == MIMETYPE
    return "stack.xml" in archive


def _read(loader: project_restore.Loader) -> LoadedProject:
    archive = loader.archive
    stack = layer_stack.read_stack(archive.read("stack.xml", _TEXT_LIMIT))
    exif = archive.read(_EXIF, _TEXT_LIMIT) if _EXIF in archive else b""
    document, note = _own_data(archive)
    if document is None:
        return _read_foreign(loader, stack, exif, (note,) if note else ())
    restored = project_restore.restore(loader, document)
    return LoadedProject(
        restored.size,
        restored.structure,
        restored.surfaces,
        restored.current_layer,
        restored.current_masks,
        exif,
    )


def _with_xmp(project: LoadedProject, archive: Archive) -> LoadedProject:
    if _XMP not in archive:
        return project
    try:
        return replace(project, xmp=xmp_data.kept(archive.read(_XMP, _TEXT_LIMIT)))
    except DamagedFileError as e:
        return replace(project, notes=(*project.notes, f"{e.message} It was left out."))


def _own_data(archive: Archive) -> tuple[dict[str, Any] | None, str]:
    """Our JSON if it belongs to the rest of the file, else None and what to tell about it."""
    if _DOCUMENT not in archive:
        return None, ""
    document = json.loads(archive.read(_DOCUMENT, _TEXT_LIMIT))
    if not isinstance(document, dict) or type(document["format"]) is not int:
        raise ValueError(f"{_DOCUMENT} is not what OVEdit writes")
    if document["format"] > project_describe.FORMAT:
        return None, "A newer OVEdit made this file: masks and recipes were left out."
    made_with: dict[str, int] = document["made_with"]
    if any(archive.checksum(entry) != made for entry, made in made_with.items()):
        return None, "Another program has changed this file: masks and recipes were left out."
    return document, ""


def _read_foreign(
    loader: project_restore.Loader, stack: layer_stack.Stack, exif: bytes, notes: tuple[str, ...]
) -> LoadedProject:
    size = loader.check(stack.size)
    pending = [_pending(loader, found, size) for found in stack.layers]
    layers: list[Layer] = []
    surfaces: dict[SurfaceRef, Surface] = {}
    current = ""
    for found, (layer, pixels) in zip(stack.layers, pending, strict=True):
        layers.append(layer)
        surfaces[pixels_of(layer.id)] = pixels()
        if _is_selected(found):
            current = layer.id
    notes = (*notes, *stack.notes, *loader.notes)
    return LoadedProject(size, Structure(tuple(layers)), surfaces, current, exif=exif, notes=notes)


def _pending(
    loader: project_restore.Loader, found: StackLayer | StackGroup, size: Size
) -> tuple[Layer, Callable[[], Surface]]:
    """A layer, and what waits for its pixels, which are being decoded meanwhile."""
    layer = RasterLayer(
        name=found.name,
        visible=found.visible,
        opacity=found.opacity,
        locked=found.locked,
        blend=found.blend,
    )
    if isinstance(found, StackLayer):
        pixels = loader.rgba(found.src)
        return replace(layer, offset=found.offset), lambda: Surface.from_array(pixels.result())
    loader.reserve(size)
    inside = [_pending(loader, each, size) for each in found.layers]

    def composed() -> Surface:
        shown = [(each, wait(), None) for each, wait in inside if each.visible]
        return Surface.from_array(flatten_layers(shown, size.rect))

    return layer, composed


def _is_selected(found: StackLayer | StackGroup) -> bool:
    if isinstance(found, StackLayer):
        return found.selected
    return any(map(_is_selected, found.layers))
