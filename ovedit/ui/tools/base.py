"""What a tool is: an object that hears the pen and changes the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QTransform

from ovedit.document import SELECTION, Document, SurfaceRef, coverage_of, pixels_of
from ovedit.engine.requests import Point
from ovedit.errors import OVEditError
from ovedit.geometry import Rect


@dataclass(frozen=True)
class Pen:
    """Where the pointer is: x, y in document pixels, `at` in widget pixels, pressure 0 to 1."""

    x: float
    y: float
    at: QPointF
    pressure: float = 1.0
    shift: bool = False
    alt: bool = False
    ctrl: bool = False

    @property
    def takes_away(self) -> bool:
        """Whether Ctrl or Alt is held: some desktops keep Alt for moving the window."""
        return self.ctrl or self.alt


@dataclass
class ToolOptions:
    """What the options row sets, shared by all tools.

    size: brush diameter in document pixels; hardness and opacity 0 to 1; subtract: brushes and
    shapes take away; tolerance of the magic wand, 0 to 255; contiguous: the wand takes only what
    hangs together; colour: sRGB of the raster brush, background the one that X swaps it with.
    """

    size: float = 48.0
    hardness: float = 0.8
    opacity: float = 1.0
    subtract: bool = False
    tolerance: int = 32
    contiguous: bool = True
    colour: tuple[int, int, int] = (20, 20, 20)
    background: tuple[int, int, int] = (255, 255, 255)


class ToolHost(Protocol):
    """What a tool may use of the window."""

    options: ToolOptions

    @property
    def document(self) -> Document:
        """The document in the canvas."""
        ...

    @property
    def quick_mask(self) -> bool:
        """Whether the selection is shown in red, to be painted on."""
        ...

    def to_widget(self) -> QTransform:
        """From document pixels to widget pixels."""
        ...

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by widget pixels."""
        ...

    def zoom_step(self, direction: int, at: QPointF) -> None:
        """Zoom in (1) or out (-1) at a widget position."""
        ...

    def say(self, error: OVEditError) -> None:
        """Tell the person why something cannot be done."""
        ...

    def options_changed(self) -> None:
        """A tool changed `options` by itself."""
        ...

    def segment_points(self, points: Sequence[Point], box: Rect | None) -> None:
        """Let the engine find what is at the clicks or in the box."""
        ...


@dataclass(frozen=True)
class PaintTarget:
    """What brushes and shapes work on: a class mask, a layer's pixels, or nothing yet."""

    ref: SurfaceRef
    is_mask: bool
    offset: tuple[int, int] = field(default=(0, 0))


def paint_target(document: Document, *, quick_mask: bool = False) -> PaintTarget | None:
    """The selection in quick mask, else the current class mask, else the current layer."""
    if quick_mask:
        return PaintTarget(SELECTION, True)
    masks = document.current_masks
    if masks:
        return PaintTarget(coverage_of(masks[-1].id), True)
    layer = document.current_layer
    if layer is None:
        return None
    return PaintTarget(pixels_of(layer.id), False, layer.offset)


def hidden_target(document: Document) -> str:
    """The name of the paint target where it is hidden, or ""."""
    masks, layer = document.current_masks, document.current_layer
    if masks:
        return "" if masks[-1].visible else masks[-1].label
    return layer.name if layer is not None and not layer.visible else ""


class Tool:
    """Base of the tools. A gesture is press, drag …, release; `cancel` gives it up.

    Class attributes: name (stable), title (for people), icon, key (shortcut), cursor, and the
    options of the options row that mean something to it.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    shortcut: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    cursor: ClassVar[Qt.CursorShape] = Qt.CursorShape.ArrowCursor
    uses: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, host: ToolHost) -> None:
        self.host = host

    @property
    def heading(self) -> str:
        """What the options row calls the tool now."""
        return self.title

    def press(self, pen: Pen) -> None:
        """The pen went down."""

    def drag(self, pen: Pen) -> None:
        """The pen moved while down."""

    def release(self, pen: Pen) -> None:
        """The pen went up."""

    def hover(self, pen: Pen) -> None:
        """The pen moved while up."""

    def key(self, key: int) -> bool:
        """A key was pressed on the canvas; True if the tool used it."""
        return False

    def cancel(self) -> None:
        """Give up the gesture under way; the document is as before it."""

    def paint(self, painter: QPainter, pen: Pen | None) -> None:
        """Draw the tool's own marks over the picture, in widget pixels."""

    def marks(self, pen: Pen | None) -> QRectF | None:
        """The widget pixels that `paint` draws on, or None where that may be all of them."""
        return None
