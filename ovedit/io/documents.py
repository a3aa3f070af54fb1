"""Opening and saving whatever a person names: a picture or a project.

What is opened is told apart by content, what is saved by the ending of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ovedit.document import Document, DocumentState
from ovedit.io.images import MAX_PIXELS, ExportOptions, options_for, read_image, write_image
from ovedit.io.openraster import PROJECT_SUFFIX, is_project, load_project, save_project
from ovedit.io.provenance import provenance_of
from ovedit.io.watermark import marked, painted
from ovedit.io.xmp import JPEG_LIMIT, source_type, with_provenance
from ovedit.settings import Settings

__all__ = ["OpenedDocument", "export_document", "is_project", "open_document", "save_document"]


@dataclass(frozen=True, eq=False)
class OpenedDocument:
    """A document and where it came from.

    kind: "image"; "project"; or "import", a project of which something could not be kept (see
    `notes`). Only a "project" may be saved back to `path`: nothing in the file is lost by that.
    notes: sentences for the person on what was changed in reading.
    exif, xmp: camera data and XMP packet, to be kept in what is saved and exported.
    """

    document: Document
    path: Path
    kind: Literal["image", "project", "import"]
    notes: tuple[str, ...] = ()
    exif: bytes = b""
    xmp: bytes = b""


def open_document(
    path: Path | str, *, max_pixels: int = MAX_PIXELS, history_bytes: int = 1 << 30
) -> OpenedDocument:
    """Open a picture as a document of one layer, or a project with all that was in it.

    The layer of a picture is locked, so that nobody paints over a photograph unawares.

    history_bytes: memory for undo. Raises `FileError` (see its children) in one clear sentence;
    nothing is half open then.
    """
    path = Path(path)
    if not is_project(path):
        image = read_image(path, max_pixels=max_pixels)
        document = Document.from_pixels(
            image.pixels, path.stem or image.name, locked=True, history_bytes=history_bytes
        )
        return OpenedDocument(document, path, "image", image.notes, image.exif, image.xmp)
    project = load_project(path, max_pixels=max_pixels)
    document = Document(
        project.size, project.structure, project.surfaces, history_bytes=history_bytes
    )
    known = {layer.id for layer in document.layers}
    masks = {mask.id for mask in document.masks}
    document.set_current(
        layer=project.current_layer if project.current_layer in known else None,
        masks=tuple(mask for mask in project.current_masks if mask in masks),
    )
    kind = "import" if project.notes else "project"
    return OpenedDocument(document, path, kind, project.notes, project.exif, project.xmp)


def save_document(
    path: Path | str,
    state: DocumentState,
    settings: Settings,
    *,
    exif: bytes = b"",
    xmp: bytes = b"",
    quality: int | None = None,
) -> None:
    """Write a project with all layers for a name that ends with .ora, else the flattened picture.

    quality: 1 to 100 for JPEG and WebP, None for what the settings say.
    Raises `FileError` where that cannot be done, `UsageError` for a quality out of range; an older
    file stays whole then.
    """
    path = Path(path)
    if path.suffix.lower() == PROJECT_SUFFIX:
        save_project(path, state, exif=exif, xmp=xmp)
    else:
        options = options_for(path, settings, quality=quality)
        export_document(path, state, settings, options, exif=exif, xmp=xmp)


def export_document(
    path: Path | str,
    state: DocumentState,
    settings: Settings,
    options: ExportOptions,
    *,
    exif: bytes = b"",
    xmp: bytes = b"",
) -> None:
    """Write the flattened picture, with what the settings want to be said of how it was made.

    That is XMP, and an invisible mark in what trained models painted.

    exif, xmp: of the photograph. Raises as `write_image`.
    """
    packet = _packet(state, settings, options, xmp)
    pixels = state.flattened()
    if settings.watermark and (coverage := painted(state)) is not None:
        pixels = marked(pixels, coverage)
    write_image(path, pixels, options, exif=exif, xmp=packet)


def _packet(
    state: DocumentState, settings: Settings, options: ExportOptions, source: bytes
) -> bytes:
    """The XMP to write: the photograph's, if it is to be kept, with the picture's provenance."""
    said = provenance_of(state, source_type(source)) if settings.provenance else None
    packet = source if options.keep_exif else b""
    if said is not None:
        packet = with_provenance(packet, said)
    if options.format == "jpeg" and len(packet) > JPEG_LIMIT:
        # What is said of the picture goes before what was said of the photograph.
        packet = b"" if said is None else with_provenance(b"", said)
    return packet
