from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ovedit.cli import main
from ovedit.document import BlendMode, Document, EditLayer, EditRecipe, RasterLayer, Surface
from ovedit.io import documents, watermark
from ovedit.settings import Settings
from ovedit.workflows import layers

Pixels = NDArray[np.uint8]
PHOTOS = ("coffee", "astronaut", "chelsea", "rocket")


def photograph(name: str) -> Pixels:
    rgb = getattr(skimage.data, name)()
    return np.dstack([rgb, np.full(rgb.shape[:2], 255)]).astype(np.uint8)


def square(shape: tuple[int, ...], side: int, at: tuple[int, int] = (101, 117)) -> Pixels:
    coverage = np.zeros(shape[:2], np.uint8)
    coverage[at[0] : at[0] + side, at[1] : at[1] + side] = 255
    return coverage


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    out = BytesIO()
    Image.fromarray(pixels[..., :3]).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out))


@pytest.mark.parametrize("name", PHOTOS)
def test_no_photograph_is_marked(name: str) -> None:
    pixels = photograph(name)
    assert not watermark.find_mark(pixels).found
    assert not watermark.find_mark(as_jpeg(pixels, 80)).found


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [95, 80, 70])
def test_the_mark_outlives_jpeg_and_is_not_seen(name: str, quality: int) -> None:
    pixels = photograph(name)
    coverage = square(pixels.shape, 160)
    out = watermark.marked(pixels, coverage)
    found = watermark.find_mark(as_jpeg(out, quality))
    assert found.found
    middle = (found.rect.x + found.rect.width / 2, found.rect.y + found.rect.height / 2)
    assert all(100 < value < 320 for value in middle), "it tells where"
    error = out[coverage > 0].astype(float) - pixels[coverage > 0]
    assert 10 * np.log10(255**2 / (error[:, :3] ** 2).mean()) > 43


def test_plain_colour_is_marked_too() -> None:
    pixels = np.full((256, 256, 4), 200, np.uint8)
    out = watermark.marked(pixels, square(pixels.shape, 100))
    assert watermark.find_mark(as_jpeg(out, 80)).found
    assert not watermark.find_mark(pixels).found


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_no_pixel_outside_changes_nor_any_alpha(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
    coverage = rng.integers(0, 256, (height, width), np.uint8) * (rng.random((height, width)) > 0.5)
    out = watermark.marked(pixels, coverage.astype(np.uint8))
    assert np.array_equal(out[coverage == 0], pixels[coverage == 0])
    assert np.array_equal(out[..., 3], pixels[..., 3])
    assert watermark.find_mark(out).rect.width >= 1


def edited(models: tuple[str, ...] = ("sd15-inpainting",)) -> tuple[Document, Pixels]:
    """A photograph with a grey square by these models, and where it is."""
    pixels = photograph("coffee")
    document = Document.from_pixels(pixels, "photo")
    coverage = square(pixels.shape, 160)
    painted = np.zeros_like(pixels)
    painted[coverage > 0] = (120, 110, 100, 255)
    recipe = EditRecipe("replace", Surface.from_array(coverage), models=models)
    with document.transaction("Edit") as tx:
        tx.add_layer(EditLayer("bench", recipe=recipe), Surface.from_array(painted))
    return document, coverage


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_an_export_is_marked_where_the_person_wants_it(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, coverage = edited()
    path = tmp_path / f"out{suffix}"
    documents.save_document(path, document.state, Settings())
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "watermark   not found" in said and "edited using generative AI" in said
    documents.save_document(path, document.state, Settings(watermark=True))
    assert main(["info", str(path)]) == 0
    assert "watermark   found" in capsys.readouterr().out
    if suffix == ".png":
        seen = np.asarray(Image.open(path))
        assert np.array_equal(seen[coverage == 0], photograph("coffee")[coverage == 0][:, :3])


def test_what_no_model_painted_is_not_marked() -> None:
    document, _ = edited(())
    assert watermark.painted(document.state) is None


def seen(document: Document) -> Pixels:
    found = watermark.painted(document.state)
    assert found is not None
    return found


def test_what_lies_above_an_edit_is_not_marked() -> None:
    document, coverage = edited()
    assert np.array_equal(seen(document), coverage)
    above = np.zeros((*coverage.shape, 4), np.uint8)
    above[:150] = (1, 2, 3, 255)
    layer = RasterLayer("above", blend=BlendMode.NORMAL)
    with document.transaction("Cover") as tx:
        tx.add_layer(layer, Surface.from_array(above))
    covered = seen(document)
    assert not covered[:150].any() and np.array_equal(covered[150:], coverage[150:])
    layers.rename(document, layer.id, name="hidden")
    with document.transaction("Hide") as tx:
        tx.update_layer(layer.id, visible=False)
    assert np.array_equal(seen(document), coverage)
