from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ovedit.document import Document, EditLayer, EditRecipe, Surface
from ovedit.errors import DamagedFileError
from ovedit.io import documents, provenance, xmp
from ovedit.io.images import ExportOptions
from ovedit.settings import Settings
from ovedit.workflows import layers

SUFFIXES = (".png", ".jpg", ".webp", ".tif")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = f"{{{xmp.IPTC_EXTENSION}}}"
DC = "{http://purl.org/dc/elements/1.1/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
SD = "sd15-inpainting@abc"
PHOTO = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="A Camera 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
    tiff:Orientation="6" xmp:Rating="4" hdrgm:Version="1.0"
    Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture">
   <dc:creator><rdf:Seq><rdf:li>Ada &amp; Söhne</rdf:li></rdf:Seq></dc:creator>
   <xmp:Thumbnails><rdf:Alt><rdf:li>c2VlIG1l</rdf:li></rdf:Alt></xmp:Thumbnails>
   <xmpMM:History><rdf:Seq><rdf:li stEvt:action="created"/></rdf:Seq></xmpMM:History>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def edited(*edits: tuple[str, ...], visible: bool = True) -> Document:
    """A document with an edit layer for each, by these models."""
    pixels = np.full((24, 32, 4), 255, np.uint8)
    document = Document.from_pixels(pixels, "photo")
    for models in edits:
        recipe = EditRecipe("replace", Surface(document.size, 1), models=models)
        layer = EditLayer("bench", recipe=recipe, visible=visible)
        with document.transaction("Edit") as tx:
            tx.add_layer(layer, Surface(document.size, 4))
    return document


def read_back(path: Path) -> ET.Element | None:
    """The packet of a file as Pillow finds it, parsed by another parser than ours."""
    with Image.open(path) as image:
        packet = image.info.get("xmp")
    return None if packet is None else ET.fromstring(packet)


def value(packet: ET.Element | None, name: str) -> str | None:
    """A property, whether it is written as an element or as an attribute; not twice."""
    assert packet is not None
    found = [each.text for each in packet.iter(name)]
    found += [each.attrib[name] for each in packet.iter() if name in each.attrib]
    assert len(found) <= 1
    return found[0] if found else None


def source(packet: ET.Element | None) -> str | None:
    return value(packet, f"{IPTC}DigitalSourceType")


def photo_with_xmp(folder: Path, packet: bytes = PHOTO, suffix: str = ".jpg") -> Path:
    image, path = Image.new("RGB", (32, 24), "gray"), folder / f"photo{suffix}"
    extra: dict[str, Any] = {"xmp": packet}
    if suffix == ".png":
        notes = PngInfo()
        notes.add_itxt("XML:com.adobe.xmp", packet.decode())
        extra = {"pnginfo": notes}
    if suffix == ".tif":
        extra = {"tiffinfo": {700: packet}}
    image.save(path, **extra)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_says_that_generative_ai_made_parts_of_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    document = edited((SD, "lcm-sd15@def"), (SD,), ())
    documents.save_document(path, document.state, Settings())
    packet = read_back(path)
    assert source(packet) == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )
    system = value(packet, f"{IPTC}AISystemUsed")
    assert system is not None and system.endswith(f": {SD}, lcm-sd15@def")
    assert (value(packet, f"{EVENT}softwareAgent") or "").startswith("OVEdit ")
    assert value(packet, f"{EVENT}parameters") == f"replace by generative AI ({SD}, lcm-sd15@def)"
    with Image.open(path) as image:
        assert image.size == (32, 24) and image.info["icc_profile"]


def test_edits_without_a_model_are_edits_by_hand(tmp_path: Path) -> None:
    documents.save_document(tmp_path / "out.png", edited(()).state, Settings())
    packet = read_back(tmp_path / "out.png")
    assert source(packet) == "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"
    assert value(packet, f"{IPTC}AISystemUsed") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_said_of_what_does_not_show_or_if_not_wanted(suffix, tmp_path) -> None:
    path = tmp_path / f"out{suffix}"
    documents.save_document(path, edited((SD,), visible=False).state, Settings())
    assert read_back(path) is None
    documents.save_document(path, edited((SD,)).state, Settings(provenance=False))
    assert read_back(path) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("by_project", [False, True])
def test_the_photographs_own_xmp_stays(suffix: str, by_project: bool, tmp_path: Path) -> None:
    opened = documents.open_document(photo_with_xmp(tmp_path, suffix=suffix))
    assert opened.notes == ()
    if by_project:
        project = tmp_path / "kept.ora"
        documents.save_document(project, opened.document.state, Settings(), xmp=opened.xmp)
        opened = documents.open_document(project)
    state = edited((SD,)).state
    path = tmp_path / f"out{suffix}"
    documents.save_document(path, state, Settings(), xmp=opened.xmp)
    packet = read_back(path)
    assert source(packet) == provenance.WITH_GENERATIVE_AI
    assert packet is not None
    assert [each.text for each in packet.iterfind(f".//{DC}creator//{RDF}li")] == ["Ada & Söhne"]
    assert value(packet, "{http://ns.adobe.com/xap/1.0/}Rating") == "4"
    actions = [each.attrib.get(f"{EVENT}action") for each in packet.iter(f"{RDF}li")]
    assert "created" in actions and value(packet, f"{EVENT}softwareAgent")
    assert {each.attrib[f"{RDF}about"] for each in packet.iter(f"{RDF}Description")} == {"uuid:1"}
    for gone in (b"Orientation=", b"Thumbnails>", b"hdrgm:Version"):
        assert gone not in ET.tostring(packet)
    # Without the provenance it is as it came, but for what was of its file.
    documents.save_document(path, state, Settings(provenance=False), xmp=opened.xmp)
    assert (source(read_back(path)) or "").endswith("/digitalCapture")


def test_an_export_without_camera_data_says_only_how_it_was_made(tmp_path: Path) -> None:
    opened = documents.open_document(photo_with_xmp(tmp_path))
    options = ExportOptions("jpeg", keep_exif=False)
    path = tmp_path / "out.jpg"
    documents.export_document(path, edited((SD,)).state, Settings(), options, xmp=opened.xmp)
    packet = read_back(path)
    assert source(packet) == provenance.WITH_GENERATIVE_AI
    assert "Söhne" not in ET.tostring(packet, "unicode")  # type: ignore[arg-type]


def test_what_is_said_again_is_said_once(tmp_path: Path) -> None:
    state, packet = edited((SD,)).state, b""
    for _ in range(3):
        documents.save_document(tmp_path / "out.webp", state, Settings(), xmp=packet)
        packet = documents.open_document(tmp_path / "out.webp").xmp
    assert source(read_back(tmp_path / "out.webp")) == provenance.WITH_GENERATIVE_AI


@pytest.mark.parametrize(
    ("before", "models", "after"),
    [
        ("trainedAlgorithmicMedia", (SD,), "trainedAlgorithmicMedia"),
        ("trainedAlgorithmicMedia", (), "trainedAlgorithmicMedia"),
        ("compositeWithTrainedAlgorithmicMedia", (), "compositeWithTrainedAlgorithmicMedia"),
        ("digitalArt", (), "digitalArt"),
        ("digitalCapture", (), "humanEdits"),
        ("humanEdits", (SD,), "compositeWithTrainedAlgorithmicMedia"),
    ],
)
def test_a_generated_picture_remains_one(before: str, models: tuple[str, ...], after: str) -> None:
    codes = "http://cv.iptc.org/newscodes/digitalsourcetype/"
    said = provenance.provenance_of(edited(models).state, codes + before)
    assert said is not None and said.source_type == codes + after


@pytest.mark.parametrize("merge", [layers.flatten, None])
def test_merging_layers_does_not_hide_who_painted(merge, tmp_path: Path) -> None:
    document = edited((SD,))
    if merge is None:
        with document.transaction("Unlock") as tx:
            tx.update_layer(document.layers[0].id, locked=False)
        layers.merge_down(document, document.layers[1].id)
    else:
        merge(document)
    assert len(document.layers) == 1
    documents.save_document(tmp_path / "a.ora", document.state, Settings())
    again = documents.open_document(tmp_path / "a.ora").document
    said = provenance.provenance_of(again.state)
    assert said is not None and said.models == (SD,)
    assert said.source_type == provenance.WITH_GENERATIVE_AI


def test_a_packet_too_long_for_a_jpeg_gives_way_to_what_is_said(tmp_path: Path) -> None:
    long = PHOTO.replace(b"Ada", b"A" * 70_000)
    documents.save_document(tmp_path / "out.jpg", edited((SD,)).state, Settings(), xmp=long)
    packet = read_back(tmp_path / "out.jpg")
    assert source(packet) == provenance.WITH_GENERATIVE_AI
    documents.save_document(tmp_path / "out.png", edited((SD,)).state, Settings(), xmp=long)
    assert b"AAAA" in ET.tostring(read_back(tmp_path / "out.png"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "packet",
    [
        b"nothing",
        b"<a>",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        PHOTO[: len(PHOTO) // 2],
        PHOTO.replace(b"utf", b"")[:-40].replace(b"<rdf:RDF", b"<!ENTITY x 'y'><rdf:RDF"),
    ],
)
def test_a_damaged_packet_is_left_out_and_said(packet: bytes, tmp_path: Path) -> None:
    opened = documents.open_document(photo_with_xmp(tmp_path, packet))
    assert opened.xmp == b"" and len(opened.notes) == 1 and "XMP" in opened.notes[0]
    with pytest.raises(DamagedFileError):
        xmp.kept(packet)


def test_pictures_without_xmp_say_nothing() -> None:
    out = BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    assert xmp.kept(b"") == b"" and xmp.source_type(b"") == ""
    assert provenance.provenance_of(edited().state) is None
