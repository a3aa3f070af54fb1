"""Reading and writing pictures: PNG, JPEG, WebP, TIFF; reading also BMP and GIF."""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ovedit.atomic import atomic_write
from ovedit.errors import (
    DamagedFileError,
    FileError,
    TooLargeError,
    UnsupportedFileError,
    UsageError,
)
from ovedit.files import file_error, open_file
from ovedit.io import exif as exif_data
from ovedit.io import xmp as xmp_data
from ovedit.io.channels import bits_per_sample, colour_and_alpha
from ovedit.io.colour import srgb_profile, to_rgba
from ovedit.io.tiff import encode_tiff
from ovedit.settings import Settings

Array = NDArray[np.uint8]

# The limit here is the person's own, passed in with each call; Pillow's would cut in before it.
Image.MAX_IMAGE_PIXELS = None
# What Pillow finds odd in a file is for its developers; a person gets a note or an error.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

MAX_PIXELS = Settings().max_pixels
"""Pictures with more pixels are refused unless a caller says otherwise."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)
_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".gif": "GIF",
}
READABLE = frozenset(_SUFFIXES)
"""What the names of pictures end with, in lower case."""

_TITLES = {"WEBP": "WebP"}
_READ = "PNG, JPEG, WebP, TIFF, BMP or GIF"

ExportFormat = Literal["png", "jpeg", "webp", "tiff"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_XMP_TAG = 700
_LONGEST_SIDE = {"jpeg": 65_500, "webp": 16_383}


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A picture that was read.

    pixels: (H, W, 4) uint8, sRGB, straight alpha, upright.
    name: the file's name. format: "PNG", "JPEG", "WebP", "TIFF", "BMP" or "GIF".
    exif, xmp: camera data and XMP packet, as far as they are kept, or empty.
    profile: what the embedded ICC profile calls itself, or empty.
    dpi: horizontal and vertical, or None where the file does not say.
    notes: sentences for the person about what was changed in reading.
    """

    pixels: Array
    name: str
    format: str
    exif: bytes = b""
    profile: str = ""
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    xmp: bytes = b""


@dataclass(frozen=True)
class ExportOptions:
    """How to write a picture.

    quality: 1 to 100, counts for JPEG and WebP only. keep_exif: write camera data and XMP of the
    photograph too.
    dpi: pixels per inch to note in the file, or None.
    """

    format: ExportFormat = "jpeg"
    quality: int = 92
    keep_exif: bool = True
    dpi: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Raises `UsageError` for a quality out of range."""
        if not 1 <= self.quality <= 100:
            raise UsageError(f"The quality {self.quality} is out of range.", "Use 1 to 100.")


# -- reading ---------------------------------------------------------------------------------------


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Read a picture, whatever its name ends with.

    Raises `FileError` where the file cannot be opened, `UnsupportedFileError` where it is no
    picture, `DamagedFileError` where it is cut off or broken, `TooLargeError` above `max_pixels`.
    """
    path = Path(path)
    with open_file(path) as stream:
        return read_stream(stream, path.name, max_pixels=max_pixels)


def read_stream(stream: BinaryIO, name: str, *, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Read a picture from an open file that errors call `name`. Raises as `read_image` does."""
    try:
        head = stream.read(16)
        stream.seek(0)
    except OSError as e:
        raise file_error(Path(name), "read", e) from e
    kind = _kind_of(head, name)
    notes: list[str] = []
    claimed = _SUFFIXES.get(Path(name).suffix.lower())
    if claimed not in (None, kind):
        notes.append(f"{name} is a {_title(kind)} file in spite of its name.")
    try:
        with Image.open(stream, formats=[kind]) as image:
            _check_size(image.size, name, max_pixels)
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            depth = bits_per_sample(image, stream)
            image.load()
            info = image.info
            colour, alpha = colour_and_alpha(image, depth, notes)
            exif, orientation = _exif_of(image, notes)
            xmp = _xmp_of(image, notes)
            turn = _TURNS.get(orientation)
            if turn is not None:
                colour = colour.transpose(turn)
                alpha = alpha.transpose(turn) if alpha is not None else None
            pixels, profile, colour_notes = to_rgba(colour, alpha, info.get("icc_profile") or b"")
            dpi = info.get("dpi")
    except FileError:
        raise
    except MemoryError as e:
        raise TooLargeError(
            f"{name} does not fit into memory.", "Close other programs, or open a smaller one."
        ) from e
    except UnidentifiedImageError as e:
        raise DamagedFileError(
            f"{name} is damaged, or a kind of {_title(kind)} that OVEdit does not read.",
            "Get the file again, or save it as an 8-bit PNG in the program that made it.",
        ) from e
    # Pillow's decoders meet broken files with nearly every kind of exception there is.
    except Exception as e:
        raise DamagedFileError(
            f"{name} is damaged or cut off and cannot be read as {_title(kind)} ({e}).",
            "Get the file again, or open another copy.",
        ) from e
    if frames > 1:
        notes.append(f"Opened the first of {frames} {'pages' if kind == 'TIFF' else 'frames'}.")
    return LoadedImage(
        pixels,
        name,
        _title(kind),
        exif,
        profile,
        (float(dpi[0]), float(dpi[1])) if dpi else None,
        (*notes, *colour_notes),
        xmp,
    )


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of an EXIF orientation upright."""


def _title(kind: str) -> str:
    return _TITLES.get(kind, kind)


def _kind_of(head: bytes, name: str) -> str:
    """Pillow's name of the format that the first bytes tell."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if not head:
        raise DamagedFileError(f"{name} is empty (0 bytes).", "Get the file again.")
    claimed = _SUFFIXES.get(Path(name).suffix.lower())
    if claimed is not None:
        raise DamagedFileError(
            f"{name} is not a {_title(claimed)} file, nor any other picture that can be read.",
            "Get the file again, or open another copy.",
        )
    raise UnsupportedFileError(
        f"{name} is not a picture of a kind that OVEdit reads.", f"Convert it to {_READ}."
    )


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooLargeError(
            f"{name} has {width:,} × {height:,} pixels, more than the limit of {max_pixels:,}.",
            "Raise max_pixels in the settings if you trust the file.",
        )


def _exif_of(image: Image.Image, notes: list[str]) -> tuple[bytes, int]:
    """The camera data to keep and the orientation still to be applied."""
    try:
        data = image.getexif()
        return exif_data.camera_data(data), int(data.get(exif_data.ORIENTATION, 1))
    # As with the decoders: the parser of a broken block may raise anything.
    except Exception as e:
        notes.append(f"The camera data (EXIF) is damaged and was left out ({e}).")
        return b"", 1


def _xmp_of(image: Image.Image, notes: list[str]) -> bytes:
    packet = image.info.get("xmp") or b""
    try:
        return xmp_data.kept(packet.encode() if isinstance(packet, str) else packet)
    except DamagedFileError as e:
        notes.append(f"{e.message} It was left out.")
        return b""


# -- writing ---------------------------------------------------------------------------------------


def export_format(path: Path | str) -> ExportFormat:
    """The format that a file name asks for. Raises `UnsupportedFileError` for any other ending."""
    suffix = Path(path).suffix.lower()
    wanted = _SUFFIXES.get(suffix, "").lower()
    for known in EXPORT_FORMATS:
        if wanted == known:
            return known
    raise UnsupportedFileError(
        f"OVEdit does not write {suffix or 'files without an ending'}"
        f"{' files' if suffix else ''} ({Path(path).name}).",
        "Use .png, .jpg, .webp or .tif.",
    )


def options_for(
    path: Path | str, settings: Settings, *, quality: int | None = None
) -> ExportOptions:
    """How to write a picture under this name, with the quality that the settings say unless given.

    Raises `UnsupportedFileError` as `export_format` does, `UsageError` for a quality out of range.
    """
    kind = export_format(path)
    if quality is None:
        quality = {"jpeg": settings.jpeg_quality, "webp": settings.webp_quality}.get(kind, 100)
    return ExportOptions(kind, quality)


def write_image(
    path: Path | str,
    pixels: Array,
    options: ExportOptions | None = None,
    *,
    exif: bytes = b"",
    xmp: bytes = b"",
) -> None:
    """Write (H, W, 4) sRGB pixels; the file is replaced only when all of it is written.

    options: None takes the format from the name's ending, and the usual quality.
    exif: camera data from `LoadedImage.exif`; the orientation written is upright. xmp: a packet.
    Raises `FileError` where the system refuses or the format cannot hold the picture.
    """
    if options is None:
        options = ExportOptions(export_format(path))
    data = encode_image(pixels, options, exif=exif, xmp=xmp)
    with atomic_write(Path(path)) as stream:
        stream.write(data)


def encode_image(
    pixels: Array, options: ExportOptions, *, exif: bytes = b"", xmp: bytes = b""
) -> bytes:
    """The bytes of the file that `write_image` would write. Raises `FileError` as it does.

    A picture without any transparency is written without alpha; JPEG gets a white background.
    """
    height, width = pixels.shape[:2]
    longest = _LONGEST_SIDE.get(options.format)
    if longest is not None and max(width, height) > longest:
        raise FileError(
            f"{options.format.upper()} holds at most {longest:,} pixels a side; "
            f"the picture has {width:,} × {height:,}.",
            "Choose PNG or TIFF.",
        )
    block = b""
    if options.keep_exif:
        block = exif_data.for_picture(exif, width, height, jpeg=options.format == "jpeg")
    if pixels[..., 3].min() == 255:
        pixels = np.ascontiguousarray(pixels[..., :3])
    if options.format == "png":
        return _png(pixels, block, xmp, options.dpi)
    if options.format == "tiff":
        tags = exif_data.tags(block) | ({_XMP_TAG: xmp} if xmp else {})
        return encode_tiff(pixels, srgb_profile(), tags, options.dpi)
    image = Image.fromarray(pixels)
    extra: dict[str, object] = {"icc_profile": srgb_profile()}
    if block:
        extra["exif"] = block
    if xmp:
        extra["xmp"] = xmp
    if options.dpi is not None:
        extra["dpi"] = options.dpi
    out = BytesIO()
    try:
        if options.format == "jpeg":
            if image.mode == "RGBA":
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image).convert("RGB")
            # Full colour resolution where the quality asked for would show the difference.
            extra["subsampling"] = "4:4:4" if options.quality >= 90 else "4:2:0"
            image.save(out, "JPEG", quality=options.quality, **extra)
        else:
            image.save(out, "WEBP", quality=options.quality, **extra)
    except (OSError, ValueError) as e:
        raise FileError(
            f"The picture cannot be written as {options.format.upper()}: {e}.",
            "Choose another format.",
        ) from e
    return out.getvalue()


def encode_png(pixels: Array, *, level: int = 1) -> bytes:
    """(H, W), (H, W, 3) or (H, W, 4) uint8 as a plain PNG, quickly; other threads go on running."""
    if pixels.ndim == 3:
        swap = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, swap), np.uint8)
    # One filter for all rows: on photographs as small as choosing by row, in a third of the time.
    how = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    done, data = cv2.imencode(".png", pixels, how)
    if not done:
        raise FileError("The picture cannot be written as PNG.", "Choose another format.")
    return data.tobytes()


def _png(pixels: Array, exif: bytes, xmp: bytes, dpi: tuple[float, float] | None) -> bytes:
    plain = encode_png(pixels, level=4)
    start = 8 + 25  # Signature and IHDR: the chunks that describe the pixels come next.
    chunks = [_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))]
    if dpi is not None:
        x, y = (round(value / 0.0254) for value in dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if xmp:
        # Keyword, not compressed, and neither language nor translation.
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    return b"".join((plain[:start], *chunks, plain[start:]))


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
