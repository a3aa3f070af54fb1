"""The window as its tools see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF
from PySide6.QtGui import QTransform

from ovedit.document import Document
from ovedit.engine.requests import Point
from ovedit.errors import LockedError, OVEditError
from ovedit.geometry import Rect, Size
from ovedit.ui.assistant import Assistant
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.messages import Message
from ovedit.ui.options_bar import OptionsBar
from ovedit.ui.tools import ToolOptions

_UNLOCK = (("New layer", "new-layer"), ("Unlock", "lock-layer"))
"""Buttons with the ids of actions."""
_LEAST_BRUSH = 24.0
_BRUSHES_A_SIDE = 40
"""So many of the first brush's diameters go into the picture's shorter side."""


class WindowToolHost:
    """The `ToolHost` of the main window: its canvas, its options row, its assistant."""

    def __init__(
        self,
        canvas: Canvas,
        options_bar: OptionsBar,
        assistant: Assistant,
        tell: Callable[[Message], None],
    ) -> None:
        self._canvas, self._options_bar, self._assistant = canvas, options_bar, assistant
        self._tell = tell
        self.options: ToolOptions = options_bar.options
        self._usual_brush = self.options.size

    @property
    def document(self) -> Document:
        """The document in the canvas."""
        return self._canvas.document

    @property
    def quick_mask(self) -> bool:
        """Whether the selection is shown in red, to be painted on."""
        return self._canvas.overlays.quick_mask

    def to_widget(self) -> QTransform:
        """From document pixels to widget pixels."""
        return self._canvas.to_widget()

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by widget pixels."""
        self._canvas.pan_by(dx, dy)

    def zoom_step(self, direction: int, at: QPointF) -> None:
        """Zoom in (1) or out (-1) at a widget position."""
        self._canvas.zoom_step(direction, at)

    def say(self, error: OVEditError) -> None:
        """Tell the person why something cannot be done, and what to do about a locked layer."""
        if isinstance(error, LockedError):
            text = f"{error.message} Paint on a new layer, or unlock it."
            self._tell(Message(text, "warning", _UNLOCK))
        else:
            self._tell(Message.of(error))

    def options_changed(self) -> None:
        """A tool or a key changed the tool options."""
        self._options_bar.refresh()
        self._canvas.update()

    def suit_brush(self, picture: Size) -> None:
        """Take a brush that suits the picture, unless the person has chosen a size."""
        if self.options.size == self._usual_brush:
            side = min(picture.width, picture.height)
            self._usual_brush = max(_LEAST_BRUSH, round(side / _BRUSHES_A_SIDE))
            self.options.size = self._usual_brush
            self.options_changed()

    def segment_points(self, points: Sequence[Point], box: Rect | None) -> None:
        """Let the engine find what is at the clicks or in the box."""
        # A box goes around a new thing; clicks go on with the mask in hand.
        current = self.document.current_mask_ids if box is None else ()
        self._assistant.segment_points(points, box, current[-1] if current else None)
