from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image, ImageCms

from ovedit.errors import DamagedFileError, FileError, TooLargeError, UnsupportedFileError
from ovedit.io.colour import srgb_profile
from ovedit.io.images import (
    EXPORT_FORMATS,
    ExportOptions,
    encode_image,
    export_format,
    read_image,
    read_stream,
    write_image,
)

pictures = hnp.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(4)))
ORIENTATION = ExifTags.Base.Orientation


def read_bytes(data: bytes, name: str = "picture.png"):
    return read_stream(io.BytesIO(data), name)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    skimage_data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(skimage_data.coffee()[:200, :300])


# -- what can be read ------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_lossless_files_keep_every_pixel(format: str, mode: str) -> None:
    image = Image.fromarray(noise(9, 14, 3)).convert(mode)
    loaded = read_bytes(saved(image, format), f"x.{format.lower()}")
    assert np.array_equal(loaded.pixels, np.asarray(image.convert("RGBA")))
    assert loaded.format == format
    assert loaded.notes == ()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_kept_straight(format: str, mode: str) -> None:
    image = Image.fromarray(noise(9, 14, 4)).convert(mode)
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    loaded = read_bytes(saved(image, format, **options), f"x.{format.lower()}")
    assert np.array_equal(loaded.pixels, np.asarray(image.convert("RGBA")))


def test_jpeg_is_read_as_it_looks(coffee: np.ndarray) -> None:
    loaded = read_bytes(saved(Image.fromarray(coffee), "JPEG", quality=95), "x.jpg")
    assert np.abs(loaded.pixels[..., :3].astype(int) - coffee).mean() < 3
    assert (loaded.pixels[..., 3] == 255).all()


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    for format in ("PNG", "GIF"):
        pixels = read_bytes(saved(image, format, transparency=1), f"x.{format.lower()}").pixels
        assert pixels[0, 0].tolist() == [10, 20, 30, 255]
        assert pixels[0, 1, 3] == 0


def test_rgb_png_with_a_transparent_colour() -> None:
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    pixels = read_bytes(saved(image, "PNG", transparency=(4, 5, 6))).pixels
    assert pixels[0, :, 3].tolist() == [255, 0]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix: str, channels: int) -> None:
    eight = noise(7, 11, channels)
    path = tmp_path / f"deep{suffix}"
    # 257 · v is what 8 bits look like in 16: the way back must be exact.
    order = [0] if channels == 1 else [2, 1, 0, 3][:channels]
    assert cv2.imwrite(str(path), eight[..., order].astype(np.uint16) * 257)
    loaded = read_image(path)
    assert np.array_equal(loaded.pixels[..., :channels], eight)
    assert any("16 bits" in note for note in loaded.notes)


def test_sixteen_bit_white_and_black_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.array([[0, 32768, 65535]], np.uint16))
    assert read_image(path).pixels[0, :, 0].tolist() == [0, 128, 255]


def test_floating_point_tiff_is_put_on_eight_bits(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 0.5, 1.0]], np.float32))
    loaded = read_bytes(saved(image, "TIFF"), "x.tif")
    assert loaded.pixels[0, :, 0].tolist() == [0, 128, 255]
    wide = Image.fromarray(np.array([[-10, 0, 10]], np.float32))
    loaded = read_bytes(saved(wide, "TIFF"), "x.tif")
    assert loaded.pixels[0, :, 0].tolist() == [0, 128, 255]
    assert "-10 to 10" in loaded.notes[0]


def test_cmyk_looks_right_and_says_that_it_is_approximate() -> None:
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    loaded = read_bytes(saved(image, "TIFF"), "x.tif")
    red, green, blue, alpha = loaded.pixels[0, 0].tolist()
    assert red > 200 and green < 60 and blue < 60 and alpha == 255
    assert any("approximate" in note for note in loaded.notes)


def test_lab_tiff_is_converted() -> None:
    lab = Image.new("LAB", (2, 2), (128, 128, 128))
    pixels = read_bytes(saved(lab, "TIFF"), "x.tif").pixels
    assert np.ptp(pixels[0, 0, :3].astype(int)) <= 3
    assert 90 < pixels[0, 0, 0] < 150


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_is_opened_and_the_rest_mentioned(format: str) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    loaded = read_bytes(data, f"x.{format.lower()}")
    assert loaded.pixels[0, 0].tolist() == [255, 0, 0, 255]
    assert any("first of 3" in note for note in loaded.notes)


def test_content_counts_and_not_the_name() -> None:
    loaded = read_bytes(saved(Image.new("RGB", (3, 2), "red"), "PNG"), "holiday.jpg")
    assert loaded.format == "PNG"
    assert loaded.notes == ("holiday.jpg is a PNG file in spite of its name.",)


def test_resolution_is_told() -> None:
    image = Image.new("RGB", (3, 2))
    assert read_bytes(saved(image, "JPEG", dpi=(300, 150)), "x.jpg").dpi == (300, 150)
    assert read_bytes(saved(image, "BMP"), "x.bmp").dpi is not None
    assert read_bytes(saved(image, "PNG")).dpi is None


# -- orientation, camera data, colour --------------------------------------------------------------

# Where the first rows and columns of an upright picture are in the file (EXIF 2.3, tag 274).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_and_forgotten(format: str, orientation: int) -> None:
    upright = noise(4, 6, 4)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    loaded = read_bytes(saved(stored, format, exif=exif.tobytes(), **options), "x")
    assert np.array_equal(loaded.pixels, upright)
    kept = Image.Exif()
    kept.load(loaded.exif)
    assert ORIENTATION not in kept


def camera_exif() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Copyright] = "Somebody"
    exif[ORIENTATION] = 6
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.FNumber: 2.8,
        ExifTags.Base.ExifImageWidth: 6,
        ExifTags.Base.ExifImageHeight: 4,
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return exif.tobytes()


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_camera_data_goes_from_file_to_file(tmp_path: Path, format: str) -> None:
    original = read_bytes(saved(Image.new("RGB", (6, 4)), "JPEG", exif=camera_exif()), "x.jpg")
    assert original.pixels.shape == (6, 4, 4)
    path = tmp_path / f"out.{format}"
    write_image(path, original.pixels, ExportOptions(format), exif=original.exif)
    with Image.open(path) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.Make] == "Maker"
        assert exif[ExifTags.Base.Copyright] == "Somebody"
        assert exif.get(ORIENTATION, 1) == 1
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.FNumber] == pytest.approx(2.8)
        size = details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]
        assert size == (4, 6)
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    again = read_image(path)
    assert again.pixels.shape == original.pixels.shape
    assert again.exif


def test_camera_data_can_be_left_out(tmp_path: Path) -> None:
    for format in EXPORT_FORMATS:
        path = tmp_path / f"out.{format}"
        write_image(
            path, noise(5, 5, 4), ExportOptions(format, keep_exif=False), exif=camera_exif()
        )
        assert b"Maker" not in path.read_bytes()


def test_a_long_makers_note_gives_way_in_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: b"\1" * 70_000}
    path = tmp_path / "out.jpg"
    write_image(path, noise(5, 5, 4), exif=exif.tobytes())
    with Image.open(path) as image:
        assert image.getexif()[ExifTags.Base.Make] == "Maker"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_a_picture_that_the_decoder_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    assert cv2.imwrite(str(path), np.zeros((4, 5, 3), np.float32))
    with pytest.raises(
        DamagedFileError, match="a kind of TIFF that OVEdit does not read"
    ) as caught:
        read_image(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_camera_data_does_not_keep_a_picture_closed() -> None:
    exif = bytearray(camera_exif())
    exif[14:40] = b"\xff" * 26
    loaded = read_bytes(saved(Image.new("RGB", (6, 4), "red"), "JPEG", exif=bytes(exif)), "x.jpg")
    assert loaded.pixels[0, 0, 0] > 250


def swapped_profile() -> bytes:
    """sRGB with the colourants of red and blue in each other's place, so that an error shows."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(profile[entry : entry + 4])
        swap = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(name)
        if swap is not None:
            profile[entry : entry + 4] = swap
    return bytes(profile)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_an_embedded_profile_is_converted_to_srgb(format: str) -> None:
    image = Image.new("RGB", (8, 8), (250, 10, 10))
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(image, format, icc_profile=swapped_profile(), **options)
    loaded = read_bytes(data, f"x.{format.lower()}")
    assert loaded.pixels[4, 4, 2] > 240 and loaded.pixels[4, 4, 0] < 40
    assert loaded.profile
    assert any("to sRGB" in note for note in loaded.notes)


def test_alpha_is_not_touched_by_colour_conversion() -> None:
    pixels = noise(6, 7, 4)
    loaded = read_bytes(saved(Image.fromarray(pixels), "PNG", icc_profile=swapped_profile()))
    assert np.array_equal(loaded.pixels[..., 3], pixels[..., 3])
    assert not np.array_equal(loaded.pixels, pixels)


def test_the_profile_that_is_written_does_not_tell_the_time() -> None:
    srgb_profile.cache_clear()
    first = srgb_profile()
    header = ImageCms.ImageCmsProfile(io.BytesIO(first)).profile
    assert header.creation_date is not None and header.creation_date.year == 2026
    assert header.creation_date.timetuple()[1:6] == (1, 1, 0, 0, 0)
    written = ImageCms.ImageCmsProfile(io.BytesIO(first))
    transform = ImageCms.buildTransform(written, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    assert (np.asarray(transform.apply(Image.fromarray(pixels))) == pixels).all()


def test_srgb_by_its_own_profile_stays_bit_for_bit() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = noise(6, 7, 4)
    loaded = read_bytes(saved(Image.fromarray(pixels), "PNG", icc_profile=profile))
    assert np.array_equal(loaded.pixels, pixels)
    assert loaded.notes == ()
    assert "sRGB" in loaded.profile


@pytest.mark.parametrize("profile", [b"not a profile at all", swapped_profile()[:200]])
def test_a_damaged_profile_is_mentioned_and_not_used(profile: bytes) -> None:
    pixels = noise(6, 7, 3)
    loaded = read_bytes(saved(Image.fromarray(pixels), "TIFF", icc_profile=profile), "x.tif")
    assert np.array_equal(loaded.pixels[..., :3], pixels)
    assert any("profile" in note for note in loaded.notes)


def test_a_profile_for_other_channels_is_mentioned_and_not_used() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = noise(6, 7)
    loaded = read_bytes(saved(Image.fromarray(grey), "PNG", icc_profile=profile))
    assert np.array_equal(loaded.pixels[..., 0], grey)
    assert any("does not fit" in note for note in loaded.notes)


# -- bad input -------------------------------------------------------------------------------------


def assert_clear(error: FileError, name: str) -> None:
    """One sentence with the file's name, and the next step."""
    assert name in error.message
    assert error.hint
    assert "\n" not in str(error)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_off_file_is_refused(format: str, share: float) -> None:
    data = saved(Image.fromarray(noise(64, 64, 3)), format)
    with pytest.raises(DamagedFileError) as caught:
        read_bytes(data[: int(len(data) * share)], f"cut.{format.lower()}")
    assert_clear(caught.value, f"cut.{format.lower()}")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_are_refused_or_read_but_never_crash(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF"]))
    content = bytearray(saved(Image.fromarray(noise(16, 16, 3)), format))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    try:
        loaded = read_stream(io.BytesIO(bytes(content)), "x", max_pixels=1_000_000)
    except FileError as error:
        assert_clear(error, "x")
    else:
        assert loaded.pixels.ndim == 3 and loaded.pixels.shape[2] == 4


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(DamagedFileError, match="0 bytes") as caught:
        read_image(path)
    assert_clear(caught.value, "empty.jpg")


def test_a_text_that_calls_itself_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear all")
    with pytest.raises(DamagedFileError) as caught:
        read_image(path)
    assert_clear(caught.value, "letter.jpg")


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all")
    with pytest.raises(UnsupportedFileError) as caught:
        read_image(path)
    assert_clear(caught.value, "letter.txt")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file") as caught:
        read_image(tmp_path / "gone.png")
    assert_clear(caught.value, "gone.png")
    with pytest.raises(FileError, match="folder") as caught:
        read_image(tmp_path)
    assert_clear(caught.value, tmp_path.name)
    with pytest.raises(FileError, match="not a path"):
        read_image("a\0b.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    with pytest.raises(FileError, match="regular file"):
        read_image(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(saved(Image.new("RGB", (2, 2)), "PNG"))
    path.chmod(0)
    with pytest.raises(FileError, match="permission"):
        read_image(path)


def png_of_size(width: int, height: int) -> bytes:
    """A small file that claims to be large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(bytes(1000))),
            chunk(b"IEND", b""),
        )
    )


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(TooLargeError, match="60,000 × 60,000") as caught:
        read_bytes(png_of_size(60_000, 60_000), "bomb.png")
    assert_clear(caught.value, "bomb.png")


def test_the_limit_is_the_callers() -> None:
    data = saved(Image.new("RGB", (10, 10)), "PNG")
    assert read_stream(io.BytesIO(data), "x", max_pixels=100).pixels.shape == (10, 10, 4)
    with pytest.raises(TooLargeError, match="99"):
        read_stream(io.BytesIO(data), "x", max_pixels=99)


# -- writing ---------------------------------------------------------------------------------------


@given(pictures)
@settings(max_examples=40, deadline=None)
def test_png_and_tiff_give_back_every_pixel(pixels: np.ndarray) -> None:
    for format in ("png", "tiff"):
        data = encode_image(pixels, ExportOptions(format))
        loaded = read_bytes(data, f"x.{format}")
        assert np.array_equal(loaded.pixels, pixels)
        assert "sRGB" in loaded.profile


def test_an_opaque_picture_is_written_without_alpha() -> None:
    pixels = noise(5, 6, 4)
    pixels[..., 3] = 255
    for format in EXPORT_FORMATS:
        with Image.open(io.BytesIO(encode_image(pixels, ExportOptions(format)))) as image:
            assert image.mode == "RGB"


def test_webp_keeps_transparency_and_jpeg_puts_it_on_white() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[8:] = (200, 0, 0, 255)
    webp = read_bytes(encode_image(pixels, ExportOptions("webp")), "x.webp").pixels
    assert (webp[:8, :, 3] == 0).all() and (webp[8:, :, 3] == 255).all()
    jpeg = read_bytes(encode_image(pixels, ExportOptions("jpeg", 100)), "x.jpg").pixels
    assert (jpeg[0, 0, :3] > 250).all()
    assert np.abs(jpeg[15, 15, :3].astype(int) - (200, 0, 0)).max() < 8


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_costs_bytes_and_gains_likeness(coffee: np.ndarray, format: str) -> None:
    pixels = np.dstack([coffee, np.full(coffee.shape[:2], 255, np.uint8)])
    low, high = (encode_image(pixels, ExportOptions(format, quality)) for quality in (40, 95))
    assert len(low) < len(high)

    def difference(data: bytes) -> float:
        found = read_bytes(data, f"x.{format}").pixels
        return float(np.abs(found.astype(int) - pixels).mean())

    assert difference(high) < difference(low)


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_resolution_is_written(format: str) -> None:
    data = encode_image(noise(4, 4, 4), ExportOptions(format, dpi=(300, 300)))
    if format != "webp":  # The format has no place for it.
        assert read_bytes(data, f"x.{format}").dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.png", "png"),
        ("a.JPG", "jpeg"),
        ("a.jpeg", "jpeg"),
        ("a.webp", "webp"),
        ("a.tif", "tiff"),
    ],
)
def test_the_ending_chooses_the_format(tmp_path: Path, name: str, format: str) -> None:
    assert export_format(name) == format
    write_image(tmp_path / name, noise(4, 4, 4))
    assert read_image(tmp_path / name).notes == ()


@pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a", "a.xyz"])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedFileError) as caught:
        export_format(name)
    assert_clear(caught.value, name)


def test_webp_says_that_it_cannot_hold_a_wide_picture() -> None:
    with pytest.raises(FileError, match="16,383"):
        encode_image(np.zeros((1, 16_384, 4), np.uint8), ExportOptions("webp"))
