"""The camera data that OVEdit keeps: what describes the photograph, not how its file is laid."""

from __future__ import annotations

from typing import Any

from PIL import ExifTags, Image

ORIENTATION = int(ExifTags.Base.Orientation)

_KEPT = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
}
_SUB_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_MAKER_NOTE = ExifTags.Base.MakerNote
_JPEG_LIMIT = 65_533
"""Bytes that an APP1 segment of a JPEG holds."""


def camera_data(source: Image.Exif) -> bytes:
    """The EXIF block (with its `Exif\\0\\0` head) to keep of a file's, or empty where it has none.

    The thumbnail is left out, because it would go on showing what has been edited away, and so is
    the orientation, because it has been applied.
    """
    kept = Image.Exif()
    for tag in _KEPT:
        if tag in source:
            kept[tag] = source[tag]
    for ifd in _SUB_IFDS:
        values = dict(source.get_ifd(ifd))
        if values:
            kept[ifd] = values
    return kept.tobytes() if len(kept) else b""


def for_picture(exif: bytes, width: int, height: int, *, jpeg: bool = False) -> bytes:
    """The block as it goes into a file of width × height pixels: upright, and with that size.

    A block too long for a JPEG loses the maker's note, which is the only part that gets so long.
    """
    if not exif:
        return b""
    data = Image.Exif()
    data.load(exif)
    data[ORIENTATION] = 1
    details = dict(data.get_ifd(ExifTags.IFD.Exif))
    if ExifTags.Base.ExifImageWidth in details or ExifTags.Base.ExifImageHeight in details:
        details[ExifTags.Base.ExifImageWidth] = width
        details[ExifTags.Base.ExifImageHeight] = height
    if details:
        data[ExifTags.IFD.Exif] = details
    block = data.tobytes()
    if jpeg and len(block) > _JPEG_LIMIT and _MAKER_NOTE in details:
        del details[_MAKER_NOTE]
        data[ExifTags.IFD.Exif] = details
        block = data.tobytes()
    return block if not jpeg or len(block) <= _JPEG_LIMIT else b""


def tags(exif: bytes) -> dict[int, Any]:
    """The block's tags by number; its EXIF and GPS parts are dictionaries."""
    data = Image.Exif()
    data.load(exif)
    found: dict[int, Any] = dict(data)
    for ifd in _SUB_IFDS:
        if ifd in found:
            found[ifd] = dict(data.get_ifd(ifd))
    return found
