"""`stack.xml` of an OpenRaster file: the layers as every program understands them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from ovedit.document import BlendMode
from ovedit.geometry import Size

_NORMAL = "svg:src-over"
_OPERATIONS = {
    BlendMode.NORMAL: _NORMAL,
    BlendMode.ADD: "svg:plus",
} | {mode: f"svg:{mode}" for mode in BlendMode if mode not in (BlendMode.NORMAL, BlendMode.ADD)}
_MODES = {operation: mode for mode, operation in _OPERATIONS.items()}
_DEEPEST = 64
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class StackLayer:
    """One `<layer>`: where its picture is in the zip, and how it is shown.

    src: entry of the zip. offset: document position of its top left pixel. opacity: 0 to 1.
    """

    name: str
    src: str
    offset: tuple[int, int] = (0, 0)
    opacity: float = 1.0
    visible: bool = True
    locked: bool = False
    blend: BlendMode = BlendMode.NORMAL
    selected: bool = False


@dataclass(frozen=True)
class StackGroup:
    """A group whose layers, bottom first, blend among themselves before it meets what is below.

    Their offsets count from the document's top left pixel, not from the group's.
    """

    name: str
    layers: tuple[StackLayer | StackGroup, ...]
    opacity: float = 1.0
    visible: bool = True
    locked: bool = False
    blend: BlendMode = BlendMode.NORMAL


@dataclass(frozen=True)
class Stack:
    """The picture's size and its layers, bottom first; notes on what could not be kept."""

    size: Size
    layers: tuple[StackLayer | StackGroup, ...]
    notes: tuple[str, ...] = ()


def write_stack(size: Size, layers: Sequence[StackLayer]) -> bytes:
    """The XML of layers given bottom first."""
    image = ElementTree.Element(
        "image", version="0.0.6", w=str(size.width), h=str(size.height), xres="72", yres="72"
    )
    stack = ElementTree.SubElement(image, "stack")
    for layer in reversed(layers):
        attributes = {
            "name": _NOT_XML.sub("", layer.name),
            "src": layer.src,
            "x": str(layer.offset[0]),
            "y": str(layer.offset[1]),
            "opacity": repr(float(layer.opacity)),
            "visibility": "visible" if layer.visible else "hidden",
            "composite-op": _OPERATIONS[layer.blend],
        }
        if layer.locked:
            attributes["edit-locked"] = "true"
        if layer.selected:
            attributes["selected"] = "true"
        ElementTree.SubElement(stack, "layer", attributes)
    ElementTree.indent(image)
    return ElementTree.tostring(image, encoding="UTF-8", xml_declaration=True)


def read_stack(xml: bytes) -> Stack:
    """Layers out of the XML; groups are dissolved into their layers where that looks the same.

    Raises `ValueError` saying what is wrong with it.
    """
    image = _parse(xml)
    if image.tag != "image":
        raise ValueError(f"stack.xml starts with <{image.tag}>")
    root = image.find("stack")
    if root is None:
        raise ValueError("stack.xml has no <stack>")
    size = Size(_whole(image, "w", None), _whole(image, "h", None))
    if size.width <= 0 or size.height <= 0:
        raise ValueError(f"stack.xml gives a size of {size.width} × {size.height}")
    notes: dict[str, None] = {}
    layers = [layer for child in root for layer in _flat(child, _Group(), notes)]
    return Stack(size, tuple(reversed(layers)), tuple(notes))


@dataclass(frozen=True)
class _Group:
    """What the groups around a layer add to it."""

    path: str = ""
    offset: tuple[int, int] = (0, 0)
    opacity: float = 1.0
    visible: bool = True
    locked: bool = False
    depth: int = 0


def _flat(
    element: ElementTree.Element, group: _Group, notes: dict[str, None]
) -> Iterator[StackLayer | StackGroup]:
    """The layers of an element, top first; notes are collected once each."""
    name = element.get("name", "") or ("Group" if element.tag == "stack" else "Layer")
    path = f"{group.path} / {name}" if group.path else name
    x, y = _whole(element, "x", 0), _whole(element, "y", 0)
    inner = _Group(
        path,
        (group.offset[0] + x, group.offset[1] + y),
        group.opacity * _opacity(element),
        group.visible and element.get("visibility", "visible") != "hidden",
        group.locked or element.get("edit-locked") == "true",
        group.depth + 1,
    )
    if element.tag == "stack":
        if inner.depth > _DEEPEST:
            raise ValueError(f"stack.xml nests groups more than {_DEEPEST} deep")
        if not _blends_as_a_whole(element):
            notes["Groups were dissolved into their layers."] = None
            for child in element:
                yield from _flat(child, inner, notes)
            return
        notes[f"The group “{name}” blends as a whole: its layers were made one."] = None
        alone = _Group(offset=inner.offset, depth=inner.depth)
        layers = [layer for child in element for layer in _flat(child, alone, notes)]
        yield StackGroup(
            path,
            tuple(reversed(layers)),
            inner.opacity,
            inner.visible,
            inner.locked,
            _blend_mode(element, name, notes),
        )
    elif element.tag == "layer":
        src = element.get("src")
        if not src:
            raise ValueError(f"the layer “{name}” has no picture")
        yield StackLayer(
            path,
            src,
            inner.offset,
            inner.opacity,
            inner.visible,
            inner.locked,
            _blend_mode(element, name, notes),
            element.get("selected") == "true",
        )
    else:
        notes[f"<{element.tag}> “{name}” was left out: only picture layers can be opened."] = None


def _blends_as_a_whole(group: ElementTree.Element) -> bool:
    """Whether the layers of a group look different without it.

    A group is isolated where it says so, and where it is not fully opaque or has a blend mode.
    """
    inside = [element for element in group.iter() if element is not group]
    all_normal = all(_operation(element) == _NORMAL for element in inside)
    if _operation(group) != _NORMAL:
        return True
    if _opacity(group) < 1:
        return len(inside) > 1 or not all_normal
    return group.get("isolation") == "isolate" and not all_normal


def _operation(element: ElementTree.Element) -> str:
    return element.get("composite-op", _NORMAL)


def _blend_mode(element: ElementTree.Element, name: str, notes: dict[str, None]) -> BlendMode:
    operation = _operation(element)
    if operation not in _MODES:
        notes[f"The blend mode {operation} of “{name}” is not known: set to normal."] = None
    return _MODES.get(operation, BlendMode.NORMAL)


def _parse(xml: bytes) -> ElementTree.Element:
    """The XML as a tree. A document type is refused: entities are what XML bombs are made of."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("stack.xml declares a document type")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    try:
        parser.Parse(xml, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError) as e:
        raise ValueError(f"stack.xml is not valid XML ({e})") from e


def _whole(element: ElementTree.Element, attribute: str, default: int | None) -> int:
    """A whole number; some programs write coordinates with a decimal point."""
    text = element.get(attribute)
    if text is None and default is not None:
        return default
    try:
        value = round(float(text or ""))
    except (ValueError, OverflowError) as e:
        raise ValueError(f"stack.xml has {attribute}={text!r} in <{element.tag}>") from e
    if abs(value) >= 2**31:
        raise ValueError(f"stack.xml has {attribute}={text!r} in <{element.tag}>")
    return value


def _opacity(element: ElementTree.Element) -> float:
    text = element.get("opacity", "1")
    try:
        value = float(text)
    except ValueError as e:
        raise ValueError(f"stack.xml has opacity={text!r} in <{element.tag}>") from e
    if math.isnan(value):
        raise ValueError(f"stack.xml has opacity={text!r} in <{element.tag}>")
    return min(max(value, 0.0), 1.0)
