from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ovedit.document import (
    SELECTION,
    BlendMode,
    Candidate,
    ClassMask,
    Document,
    DocumentState,
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
from ovedit.document.compositing import flatten_layers
from ovedit.errors import DamagedFileError, FileError, TooLargeError, UnsupportedFileError
from ovedit.geometry import Rect, Size
from ovedit.io.documents import open_document
from ovedit.io.openraster import LoadedProject, is_project, load_project, save_project

# -- documents to save -----------------------------------------------------------------------------

texts = st.text(max_size=12)
shares = st.floats(0, 1)


@st.composite
def surfaces(draw: st.DrawFn, size: Size, channels: int) -> Surface:
    """Sparse pixels, with colour where alpha is 0 as well."""
    surface = Surface(size, channels)
    for _ in range(draw(st.integers(0, 2))):
        x, y = draw(st.integers(0, size.width - 1)), draw(st.integers(0, size.height - 1))
        rect = Rect(x, y, draw(st.integers(1, 40)), draw(st.integers(1, 40)))
        shape = (rect.height, rect.width) + ((4,) if channels == 4 else ())
        seed = draw(st.integers(0, 1000))
        values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
        if draw(st.booleans()) and channels == 4:
            values[..., 3] = 255
        surface.write(rect, values)
    return surface


@st.composite
def recipes(draw: st.DrawFn, size: Size) -> EditRecipe:
    return EditRecipe(
        kind=draw(st.sampled_from(["remove", "replace", "restyle"])),
        mask=draw(surfaces(size, 1)),
        phrase=draw(texts),
        prompt=draw(texts),
        negative_prompt=draw(texts),
        seed=draw(st.integers(0, 2**63)),
        engine=draw(texts),
        preset=draw(st.sampled_from(["fast", "balanced", "quality"])),
        grow=draw(st.integers(0, 50)),
        feather=draw(st.integers(0, 50)),
        crop=draw(st.none() | st.builds(Rect, *[st.integers(0, 90)] * 4)),
        models=tuple(draw(st.lists(texts, max_size=2))),
        notes=tuple(draw(st.lists(texts, max_size=2))),
        options=draw(st.dictionaries(texts, texts, max_size=2)),
    )


@st.composite
def candidates(draw: st.DrawFn, size: Size) -> Candidate:
    dtype = draw(st.sampled_from([np.float16, np.float32]))
    values = np.random.default_rng(draw(st.integers(0, 99))).random((3, 5)).astype(dtype)
    scores = ScoreMap(values, size.rect)
    return Candidate(draw(texts), draw(shares), scores, draw(shares), draw(texts))


@st.composite
def states(draw: st.DrawFn) -> DocumentState:
    size = Size(draw(st.sampled_from([1, 37, 300])), draw(st.sampled_from([1, 29, 270])))
    layers: list[Layer] = []
    masks: list[ClassMask] = []
    found: dict[SurfaceRef, Surface] = {}
    for _ in range(draw(st.integers(1, 4))):
        common = {
            "name": draw(texts),
            "visible": draw(st.booleans()),
            "opacity": draw(shares),
            "locked": draw(st.booleans()),
            "blend": draw(st.sampled_from(BlendMode)),
            "offset": (draw(st.integers(-300, 300)), draw(st.integers(-300, 300))),
            "has_alpha_mask": draw(st.booleans()),
        }
        own = Size(draw(st.sampled_from([1, 40, 280])), draw(st.sampled_from([1, 31, 260])))
        if draw(st.booleans()):
            layer: Layer = EditLayer(**common, recipe=draw(st.none() | recipes(size)))
        else:
            layer = RasterLayer(**common)
        layers.append(layer)
        found[pixels_of(layer.id)] = draw(surfaces(own, 4))
        if layer.has_alpha_mask:
            found[alpha_mask_of(layer.id)] = draw(surfaces(own, 1))
    for _ in range(draw(st.integers(0, 2))):
        offered = tuple(draw(st.lists(candidates(size), max_size=2)))
        mask = ClassMask(
            label=draw(texts),
            colour=draw(st.tuples(*[st.integers(0, 255)] * 3)),
            phrase=draw(texts),
            group=draw(texts),
            visible=draw(st.booleans()),
            accepted=draw(st.booleans()),
            score=draw(st.none() | shares),
            threshold=draw(shares),
            candidates=offered,
            chosen=draw(st.integers(0, max(0, len(offered) - 1))),
        )
        masks.append(mask)
        found[coverage_of(mask.id)] = draw(surfaces(size, 1))
    if draw(st.booleans()):
        found[SELECTION] = draw(surfaces(size, 1))
    return DocumentState(size, Structure(tuple(layers), tuple(masks)), found)


def round_trip(state: DocumentState, **options: object) -> LoadedProject:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.ora"
        save_project(path, state, **options)
        return load_project(path)


def assert_same_values(first: object, second: object) -> None:
    """Deep equality of frozen values, pixels and scores too."""
    assert type(first) is type(second)
    if isinstance(first, Surface):
        assert isinstance(second, Surface) and first.equals(second)
    elif isinstance(first, np.ndarray):
        assert isinstance(second, np.ndarray)
        assert first.dtype == second.dtype and np.array_equal(first, second)
    elif isinstance(first, tuple) and isinstance(second, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same_values(one, other)
    elif isinstance(first, (Layer, ClassMask, Candidate, EditRecipe, ScoreMap)):
        for item in fields(first):
            assert_same_values(getattr(first, item.name), getattr(second, item.name))
    else:
        assert first == second


# -- our own files ---------------------------------------------------------------------------------


@given(states())
@settings(max_examples=60, deadline=None)
def test_everything_comes_back_bit_for_bit(state: DocumentState) -> None:
    loaded = round_trip(state)
    assert loaded.size == state.size
    assert loaded.notes == ()
    assert_same_values(loaded.structure.layers, state.layers)
    assert_same_values(loaded.structure.masks, state.masks)
    assert loaded.surfaces.keys() == state.surfaces.keys()
    for ref, surface in state.surfaces.items():
        assert surface.equals(loaded.surfaces[ref]), ref


def test_what_was_worked_on_and_camera_data_come_back() -> None:
    document = plain_document()
    mask = ClassMask("sky", (1, 2, 3))
    with document.transaction("Mask") as tx:
        tx.add_mask(mask, Surface(document.size, 1))
    lower = document.layers[0].id
    loaded = round_trip(
        document.snapshot(), exif=b"Exif\0\0abc", current_layer=lower, current_masks=(mask.id,)
    )
    assert loaded.current_layer == lower
    assert loaded.current_masks == (mask.id,)
    assert loaded.exif == b"Exif\0\0abc"


def plain_document() -> Document:
    """A red picture with a half clear, masked, green layer on it."""
    pixels = np.zeros((60, 80, 4), np.uint8)
    pixels[:] = (200, 10, 20, 255)
    document = Document.from_pixels(pixels, "Photo")
    green = np.zeros((60, 80, 4), np.uint8)
    green[10:50, 10:70] = (0, 220, 0, 180)
    half = np.zeros((60, 80), np.uint8)
    half[:, 40:] = 255
    half[:, 30:40] = 100
    layer = RasterLayer("Green & <odd> name\x07", opacity=0.7, blend=BlendMode.SCREEN)
    with document.transaction("Layer") as tx:
        tx.add_layer(layer, Surface.from_array(green))
        tx.set_alpha_mask(layer.id, Surface.from_array(half))
    return document


def test_the_file_is_laid_out_as_openraster_says(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, plain_document().snapshot())
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
        assert first.filename == "mimetype"
        assert first.compress_type == zipfile.ZIP_STORED
        # Programs tell the type by what stands at byte 38, so nothing may come between.
        assert path.read_bytes()[30:54] == b"mimetypeimage/openraster"
        image = ElementTree.fromstring(archive.read("stack.xml"))
        assert (image.get("w"), image.get("h")) == ("80", "60")
        upper, lower = image.findall("stack/layer")
        assert upper.get("name") == "Green & <odd> name"
        assert upper.get("composite-op") == "svg:screen"
        assert float(upper.get("opacity", "")) == 0.7
        assert lower.get("name") == "Photo"
        for layer in (upper, lower):
            assert layer.get("src") in archive.namelist()
        with Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png"))) as thumbnail:
            assert max(thumbnail.size) <= 256


def test_the_thumbnail_of_a_large_picture_is_small(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, Document.from_pixels(np.full((300, 900, 4), 255, np.uint8), "x").snapshot())
    with zipfile.ZipFile(path) as archive:
        thumbnail = Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png")))
    assert thumbnail.size == (256, 85)


def without_our_part(path: Path) -> None:
    """What is left when another program has saved the file."""
    rewrite(path, lambda entries: {k: v for k, v in entries.items() if k[:7] != "ovedit/"})


def rewrite(
    path: Path, change: Callable[[dict[str, bytes]], Mapping[str, bytes]], **options: int
) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in change(entries).items():
            archive.writestr(name, data)


@given(states())
@settings(max_examples=40, deadline=None)
def test_other_programs_see_the_same_picture(state: DocumentState) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.ora"
        save_project(path, state)
        with zipfile.ZipFile(path) as archive:
            merged = Image.open(io.BytesIO(archive.read("mergedimage.png"))).convert("RGBA")
        assert np.array_equal(np.asarray(merged), state.flattened())
        without_our_part(path)
        loaded = load_project(path)
    seen = DocumentState(loaded.size, loaded.structure, loaded.surfaces)
    assert [x.blend for x in seen.layers] == [x.blend for x in state.layers]
    # Others get the mask multiplied into the pixels, which rounds once more.
    if any(layer.has_alpha_mask for layer in state.layers):
        state = with_masks_applied(state)
    assert np.array_equal(seen.flattened(), state.flattened())


def with_masks_applied(state: DocumentState) -> DocumentState:
    found = dict(state.surfaces)
    layers = []
    for layer in state.layers:
        pixels, mask = state.layer_surfaces(layer)
        if mask is not None:
            shown = pixels.array()
            product = shown[..., 3].astype(int) * mask.array()
            shown[..., 3] = np.round(product / 255)
            found[pixels_of(layer.id)] = Surface.from_array(shown)
        layers.append(replace(layer, has_alpha_mask=False))
    return DocumentState(state.size, Structure(tuple(layers)), found)


def test_a_file_that_another_program_changed_opens_as_that_left_it(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, plain_document().snapshot())

    def hide(entries: dict[str, bytes]) -> dict[str, bytes]:
        xml = entries["stack.xml"].replace(b'visibility="visible"', b'visibility="hidden"')
        return entries | {"stack.xml": xml}

    rewrite(path, hide)
    loaded = load_project(path)
    assert [layer.visible for layer in loaded.structure.layers] == [False, False]
    assert any("Another program" in note for note in loaded.notes)


def test_a_file_of_a_newer_version_opens_as_plain_openraster(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, plain_document().snapshot())

    def newer(entries: dict[str, bytes]) -> dict[str, bytes]:
        document = json.loads(entries["ovedit/document.json"])
        return entries | {"ovedit/document.json": json.dumps(document | {"format": 99}).encode()}

    rewrite(path, newer)
    loaded = load_project(path)
    assert open_document(path).kind == "import", "saving must not drop the newer parts unasked"
    assert len(loaded.structure.layers) == 2
    assert any("newer" in note for note in loaded.notes)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.ora"
    document = plain_document()
    save_project(path, document.snapshot())
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(FileError, match="disk is full"):
        save_project(path, document.snapshot())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# -- files of others -------------------------------------------------------------------------------


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def foreign(path: Path, stack: str, entries: Mapping[str, bytes] | None = None) -> Path:
    """An OpenRaster file with the given inside of <image>."""
    dot = png(np.full((2, 3, 4), 255, np.uint8))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr("stack.xml", f'<image version="0.0.3" w="20" h="10">{stack}</image>')
        archive.writestr("data/dot.png", dot)
        for name, data in (entries or {}).items():
            archive.writestr(name, data)
    return path


def test_groups_are_dissolved_in_order(tmp_path: Path) -> None:
    path = foreign(
        tmp_path / "p.ora",
        """<stack>
          <layer name="top" src="data/dot.png" x="1.0" y="-2"/>
          <stack name="trees" visibility="hidden">
            <layer name="oak" src="data/dot.png" opacity="0.5"/>
            <stack name="dead" opacity="0.5">
              <layer src="data/dot.png" edit-locked="true" selected="true"/>
            </stack>
          </stack>
          <layer name="bottom" src="data/dot.png" composite-op="svg:multiply"/>
        </stack>""",
    )
    loaded = load_project(path)
    layers = loaded.structure.layers
    assert [x.name for x in layers] == ["bottom", "trees / dead / Layer", "trees / oak", "top"]
    assert [x.visible for x in layers] == [True, False, False, True]
    assert [x.opacity for x in layers] == [1, 0.5, 0.5, 1]
    assert layers[0].blend is BlendMode.MULTIPLY
    assert layers[1].locked
    assert loaded.current_layer == layers[1].id
    assert layers[3].offset == (1, -2)
    assert loaded.size == Size(20, 10)
    assert any("Groups" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("group", "inside", "whole"),
    [
        ("", "", False),
        ("", 'composite-op="svg:multiply"', False),
        ('isolation="isolate"', "", False),
        ('isolation="isolate"', 'composite-op="svg:multiply"', True),
        ('opacity="0.5"', "", True),
        ('composite-op="svg:screen"', "", True),
    ],
)
def test_a_group_that_blends_as_a_whole_is_made_one_layer(
    tmp_path: Path, group: str, inside: str, whole: bool
) -> None:
    rng = np.random.default_rng(5)
    base, low, high = (rng.integers(0, 256, (10, 20, 4)).astype(np.uint8) for _ in range(3))
    path = foreign(
        tmp_path / "p.ora",
        f"""<stack>
          <stack name="trees" x="2" y="1" {group}>
            <layer name="oak" src="data/high.png" x="3" {inside}/>
            <layer name="elm" src="data/low.png" opacity="0.75" selected="true"/>
          </stack>
          <layer name="base" src="data/base.png"/>
        </stack>""",
        {"data/base.png": png(base), "data/low.png": png(low), "data/high.png": png(high)},
    )
    loaded = load_project(path)
    layers = loaded.structure.layers
    names = ["base", "trees"] if whole else ["base", "trees / elm", "trees / oak"]
    assert [layer.name for layer in layers] == names
    assert loaded.current_layer == layers[1].id
    assert any("blends as a whole" in note for note in loaded.notes) == whole
    mode = BlendMode.MULTIPLY if inside else BlendMode.NORMAL
    trees = [
        (RasterLayer("elm", opacity=0.75, offset=(2, 1)), Surface.from_array(low), None),
        (RasterLayer("oak", blend=mode, offset=(5, 1)), Surface.from_array(high), None),
    ]
    bottom = (RasterLayer("base"), Surface.from_array(base), None)
    area = loaded.size.rect
    if whole:
        opacity = 0.5 if "opacity" in group else 1.0
        meeting = BlendMode.SCREEN if "screen" in group else BlendMode.NORMAL
        one = Surface.from_array(flatten_layers(trees, area))
        trees = [(RasterLayer("trees", opacity=opacity, blend=meeting), one, None)]
    wanted = flatten_layers([bottom, *trees], area)
    state = DocumentState(loaded.size, loaded.structure, loaded.surfaces)
    assert np.array_equal(state.flattened(), wanted)


def test_groups_that_would_take_too_much_memory(tmp_path: Path) -> None:
    one = '<stack opacity="0.5"><layer src="data/dot.png"/><layer src="data/dot.png"/></stack>'
    path = foreign(tmp_path / "p.ora", f"<stack>{one * 17}</stack>")
    assert len(load_project(path).structure.layers) == 17
    with pytest.raises(TooLargeError, match="together"):
        load_project(path, max_pixels=200)


def test_an_unknown_blend_mode_becomes_normal_with_a_note(tmp_path: Path) -> None:
    path = foreign(
        tmp_path / "p.ora",
        '<stack><layer name="x" src="data/dot.png" composite-op="krita:dissolve"/></stack>',
    )
    loaded = load_project(path)
    assert loaded.structure.layers[0].blend is BlendMode.NORMAL
    assert any("krita:dissolve" in note for note in loaded.notes)


def test_layers_without_a_picture_are_left_out_with_a_note(tmp_path: Path) -> None:
    path = foreign(
        tmp_path / "p.ora", '<stack><text name="hello"/><layer src="data/dot.png"/></stack>'
    )
    loaded = load_project(path)
    assert len(loaded.structure.layers) == 1
    assert any("hello" in note for note in loaded.notes)


def test_grey_and_palette_layers_of_others(tmp_path: Path) -> None:
    grey = png(np.full((2, 2), 77, np.uint8))
    path = foreign(
        tmp_path / "p.ora", '<stack><layer src="data/g.png"/></stack>', {"data/g.png": grey}
    )
    loaded = load_project(path)
    pixels = loaded.surfaces[pixels_of(loaded.structure.layers[0].id)].array()
    assert pixels[0, 0].tolist() == [77, 77, 77, 255]


# -- hostile and broken files ----------------------------------------------------------------------


def assert_damaged(path: Path, match: str | None = None) -> None:
    with pytest.raises(DamagedFileError, match=match) as caught:
        load_project(path)
    assert path.name in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


DOT = '<layer src="data/dot.png"/>'
LAYER = f"<stack>{DOT}</stack>"


@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/evil", "data/../../evil", "..\\evil", "C:/x"]
)
def test_paths_that_lead_outside(tmp_path: Path, name: str) -> None:
    assert_damaged(foreign(tmp_path / "p.ora", LAYER, {name: b"x"}), "outside")
    assert [path.name for path in tmp_path.iterdir()] == ["p.ora"]


def test_an_entity_bomb(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr(
            "stack.xml",
            f'<!DOCTYPE image [<!ENTITY e0 "ha">{entities}]><image w="1" h="1">&e9;</image>',
        )
    assert_damaged(path, "document type")


def test_an_entity_that_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr(
            "stack.xml",
            '<!DOCTYPE image [<!ENTITY x SYSTEM "file:///etc/passwd">]><image w="1" h="1">'
            '<stack><layer name="&x;" src="data/dot.png"/></stack></image>',
        )
    assert_damaged(path, "document type")


def test_a_zip_bomb_in_the_text(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr("stack.xml", b" " * (100 << 20), compresslevel=1)
    assert_damaged(path, "claims")


def test_layers_of_absurd_size(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    path = foreign(
        tmp_path / "p.ora", '<stack><layer src="b.png"/></stack>', {"b.png": out.getvalue()}
    )
    with pytest.raises(TooLargeError, match="20,000 × 20,000"):
        load_project(path)


def test_many_layers_of_one_allowed_size(tmp_path: Path) -> None:
    path = foreign(tmp_path / "p.ora", "<stack>" + DOT * 600 + "</stack>")
    assert len(load_project(path).structure.layers) == 600
    with pytest.raises(TooLargeError, match="together"):
        load_project(path, max_pixels=200)


def test_a_canvas_of_absurd_size(tmp_path: Path) -> None:
    path = foreign(tmp_path / "p.ora", LAYER)
    rewrite(
        path,
        lambda x: x | {"stack.xml": b'<image w="99999" h="99999">' + LAYER.encode() + b"</image>"},
    )
    with pytest.raises(TooLargeError, match="99,999"):
        load_project(path)


@pytest.mark.parametrize(
    "stack",
    [
        "",
        '<stack><layer name="no source"/></stack>',
        '<stack><layer src="data/missing.png"/></stack>',
        '<stack><layer src="stack.xml"/></stack>',
        '<stack><layer src="data/dot.png" x="far"/></stack>',
        '<stack><layer src="data/dot.png" x="1e99"/></stack>',
        '<stack><layer src="data/dot.png" opacity="nan"/></stack>',
        "<stack>" * 100 + "</stack>" * 100,
        "<stack>",
    ],
)
def test_a_stack_that_makes_no_sense(tmp_path: Path, stack: str) -> None:
    assert_damaged(foreign(tmp_path / "p.ora", stack))


def test_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, plain_document().snapshot())
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert_damaged(path)


def test_a_picture_with_broken_bytes(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, plain_document().snapshot())
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"IDAT") + 10] ^= 0xFF
    path.write_bytes(whole)
    assert_damaged(path)


def test_a_zip_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert not is_project(path)
    with pytest.raises(UnsupportedFileError, match=r"letter\.docx"):
        load_project(path)


def change_document(path: Path, change: Callable[[dict], None]) -> None:
    def changed(entries: dict[str, bytes]) -> dict[str, bytes]:
        document = json.loads(entries["ovedit/document.json"])
        change(document)
        return entries | {"ovedit/document.json": json.dumps(document).encode()}

    rewrite(path, changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("layers"),
        lambda d: d.update(layers={}),
        lambda d: d.update(size=[0, 5]),
        lambda d: d.update(size="big"),
        lambda d: d["layers"][0].update(opacity=7),
        lambda d: d["layers"][0].update(blend="dissolve"),
        lambda d: d["layers"][0].update(kind="video"),
        lambda d: d["layers"][0].update(offset=[1e300, 0]),
        lambda d: d["layers"][0].update(name=5),
        lambda d: d["layers"][0].update(id=d["layers"][1]["id"]),
        lambda d: d["layers"][0]["pixels"].update(file="data/none.png"),
        lambda d: d["layers"][0]["pixels"].update(file="stack.xml"),
        lambda d: d["layers"][0]["pixels"].update(at=[70, 0]),
        lambda d: d["layers"][1]["alpha_mask"].update(size=[256, 256]),
        lambda d: d["layers"][1].update(own_alpha="data/layer000.png"),
        lambda d: d["masks"][0].update(colour=[1]),
        lambda d: d["masks"][0].update(chosen=4),
        lambda d: d["masks"][0]["coverage"].update(size=[81, 60]),
        lambda d: d["masks"][0]["candidates"][0].update(scores="mimetype"),
        lambda d: d["masks"][0]["candidates"][0].update(rect=[0, 0, -5, 5]),
        lambda d: d["masks"][0]["candidates"][0].update(rect=[0, 0, True, 5]),
        lambda d: d["masks"][0]["candidates"][0].update(threshold=2.0),
        lambda d: d["masks"][0].update(chosen=float("inf")),
        lambda d: d["masks"][0].update(score=float("nan")),
        lambda d: d["masks"][0].update(candidates=None),
        lambda d: d.update(layers=[None]),
        lambda d: d.update(format=True),
    ],
)
def test_own_data_that_makes_no_sense(tmp_path: Path, change: Callable[[dict], None]) -> None:
    path = tmp_path / "p.ora"
    save_project(path, masked_document().snapshot())
    change_document(path, change)
    assert_damaged(path)


def masked_document() -> Document:
    document = plain_document()
    scores = ScoreMap(np.ones((4, 5), np.float32), document.size.rect)
    mask = ClassMask("sky", (1, 2, 3), candidates=(Candidate("sky", 0.9, scores, 0.5),))
    with document.transaction("Mask") as tx:
        tx.add_mask(mask, Surface.from_array(np.full((60, 80), 200, np.uint8)))
    return document


def test_own_data_of_absurd_size(tmp_path: Path) -> None:
    path = tmp_path / "p.ora"
    save_project(path, masked_document().snapshot())
    change_document(
        path, lambda d: d["masks"][0]["candidates"][0].update(rect=[0, 0, 99999, 99999])
    )
    with pytest.raises(TooLargeError):
        load_project(path)


def scores_file(array: np.ndarray, *, pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=pickle)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        scores_file(np.array([[object()]], dtype=object), pickle=True),
        scores_file(np.zeros((3, 3, 3))),
        scores_file(np.zeros((3, 3), np.int32)),
        scores_file(np.zeros((3, 3)))[:-1],
        scores_file(np.zeros((2, 2))).replace(b"(2, 2)", b"(9, 9)"),
    ],
    ids=["empty", "head", "pickle", "cube", "whole", "short", "lie"],
)
def test_scores_that_are_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "p.ora"
    save_project(path, masked_document().snapshot())
    rewrite(path, lambda entries: entries | {"ovedit/scores/000.npy": data})
    assert_damaged(path)


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1))
@settings(max_examples=120, deadline=None)
def test_broken_bytes_never_crash(changes: list[tuple[float, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.ora"
        save_project(path, masked_document().snapshot())
        content = bytearray(path.read_bytes())
        for share, value in changes:
            content[int(share * len(content))] = value
        path.write_bytes(content)
        try:
            loaded = load_project(path)
        except FileError as error:
            assert error.message and "\n" not in str(error)
        else:
            assert loaded.structure.layers
