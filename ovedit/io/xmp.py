"""XMP packets: what of a photograph's is kept, and what is said of an edited picture in them.

Adobe's Extensible Metadata Platform (ISO 16684-1), an RDF document inside of the picture's file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ovedit.errors import DamagedFileError
from ovedit.io.provenance import Provenance

if TYPE_CHECKING:
    from xml.dom.minidom import Document, Element

IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_MEDIA = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"

_OF_THE_FILE = {
    (_XMP, "Thumbnails"),
    (_NOTE, "HasExtendedXMP"),
    (_TIFF, "Orientation"),
    (_TIFF, "ImageWidth"),
    (_TIFF, "ImageLength"),
    (_EXIF, "PixelXDimension"),
    (_EXIF, "PixelYDimension"),
}
_OF_ITS_PARTS = (
    "http://ns.google.com/photos/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
)
_SAID = ((IPTC_EXTENSION, "DigitalSourceType"), (IPTC_EXTENSION, "AISystemUsed"))
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="w"?>'
JPEG_LIMIT = 65_502
"""Bytes that a packet may have in an APP1 segment of a JPEG."""


def kept(packet: bytes) -> bytes:
    """The packet without what describes its file, not the photograph; empty where nothing is left.

    Left out are the thumbnail, which would go on showing what has been edited away, size and
    orientation, and what tells of further pictures in the file. Raises `DamagedFileError` where it
    is not XMP.
    """
    if not packet:
        return b""
    document, rdf = _parsed(packet)
    for name in _names(rdf):
        if name in _OF_THE_FILE or name[0].startswith(_OF_ITS_PARTS):
            _remove(rdf, *name)
    return _packet(document) if any(_names(rdf)) else b""


def source_type(packet: bytes) -> str:
    """What the packet says of where the picture comes from: an IPTC NewsCode's address, or empty.

    Raises `DamagedFileError` where it is not XMP.
    """
    if not packet:
        return ""
    _, rdf = _parsed(packet)
    for description in _descriptions(rdf):
        if description.hasAttributeNS(*_SAID[0]):
            return description.getAttributeNS(*_SAID[0])
        for child in _children(description):
            if (child.namespaceURI, child.localName) == _SAID[0]:
                text = "".join(node.data for node in child.childNodes if node.nodeType == 3)
                return text.strip() or child.getAttributeNS(_RDF, "resource")
    return ""


def with_provenance(packet: bytes, said: Provenance) -> bytes:
    """The packet, or a new one for an empty one, that says how the picture was made.

    What else it holds stays; an event is added to its history.
    """
    document, rdf = _parsed(packet) if packet else _empty()
    for name in _SAID:
        _remove(rdf, *name)
    description = document.createElementNS(_RDF, f"{rdf.prefix}:Description")
    description.setAttributeNS(_RDF, f"{rdf.prefix}:about", _about(rdf))
    description.setAttribute("xmlns:Iptc4xmpExt", IPTC_EXTENSION)
    texts = {"DigitalSourceType": said.source_type, "AISystemUsed": said.system}
    for name, text in texts.items():
        if text:
            element = document.createElementNS(IPTC_EXTENSION, f"Iptc4xmpExt:{name}")
            element.appendChild(document.createTextNode(text))
            description.appendChild(element)
    rdf.appendChild(description)
    _add_event(document, rdf, said)
    return _packet(document)


def _add_event(document: Document, rdf: Element, said: Provenance) -> None:
    """Add an event to the resource's history, which is made if there is none."""
    prefix = rdf.prefix
    found = rdf.getElementsByTagNameNS(_MEDIA, "History")
    if found and (sequences := found[0].getElementsByTagNameNS(_RDF, "Seq")):
        sequence = sequences[0]
    else:
        history = document.createElementNS(_MEDIA, "xmpMM:History")
        sequence = document.createElementNS(_RDF, f"{prefix}:Seq")
        history.appendChild(sequence)
        description = document.createElementNS(_RDF, f"{prefix}:Description")
        description.setAttributeNS(_RDF, f"{prefix}:about", _about(rdf))
        description.setAttribute("xmlns:xmpMM", _MEDIA)
        description.appendChild(history)
        rdf.appendChild(description)
    event = document.createElementNS(_RDF, f"{prefix}:li")
    event.setAttributeNS(_RDF, f"{prefix}:parseType", "Resource")
    event.setAttribute("xmlns:stEvt", _EVENT)
    facts = {"action": "edited", "softwareAgent": said.software, "parameters": said.edits}
    for name, text in facts.items():
        element = document.createElementNS(_EVENT, f"stEvt:{name}")
        element.appendChild(document.createTextNode(text))
        event.appendChild(element)
    sequence.appendChild(event)


def _parsed(packet: bytes) -> tuple[Document, Element]:
    """The document, and the element that holds its descriptions."""
    from xml.dom import minidom
    from xml.parsers.expat import ExpatError

    text = packet.strip(b"\0 \t\r\n")
    if b"<!" in text.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        raise DamagedFileError("Its XMP declares entities.", "")
    try:
        document = minidom.parseString(text)
    except (ExpatError, ValueError, LookupError) as e:
        raise DamagedFileError(f"Its XMP is not XML: {e}.", "") from e
    found = document.getElementsByTagNameNS(_RDF, "RDF")
    if not found or not found[0].prefix:
        raise DamagedFileError("Its XMP holds no RDF.", "")
    return document, found[0]


def _empty() -> tuple[Document, Element]:
    return _parsed(
        f'<x:xmpmeta xmlns:x="{_META}"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'.encode()
    )


def _packet(document: Document) -> bytes:
    body = "".join(
        node.toxml() for node in document.childNodes if node.nodeType == node.ELEMENT_NODE
    )
    return f"{_HEAD}\n{body}\n{_TAIL}".encode()


def _about(rdf: Element) -> str:
    """What the packet's descriptions are about: all of them must name the same."""
    return next((each.getAttributeNS(_RDF, "about") for each in _descriptions(rdf)), "")


def _names(rdf: Element) -> set[tuple[str, str]]:
    """Namespace and name of every property."""
    found = set()
    for description in _descriptions(rdf):
        found |= {(child.namespaceURI or "", child.localName) for child in _children(description)}
        attributes = description.attributes
        for index in range(attributes.length):
            each = attributes.item(index)
            if each is not None and each.namespaceURI not in (None, _RDF) and each.localName:
                found.add((each.namespaceURI, each.localName))
    return {name for name in found if name[0] != "http://www.w3.org/2000/xmlns/"}


def _remove(rdf: Element, namespace: str, name: str) -> None:
    """Take a property out, whichever way it is written."""
    for description in _descriptions(rdf):
        if description.hasAttributeNS(namespace, name):
            description.removeAttributeNS(namespace, name)
        for child in list(_children(description)):
            if (child.namespaceURI, child.localName) == (namespace, name):
                description.removeChild(child)


def _descriptions(rdf: Element) -> list[Element]:
    return [
        child
        for child in _children(rdf)
        if (child.namespaceURI, child.localName) == (_RDF, "Description")
    ]


def _children(element: Element) -> Iterator[Element]:
    return (node for node in element.childNodes if node.nodeType == node.ELEMENT_NODE)  # type: ignore[misc]
