"""Move, pan, zoom and colour picker."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt

from ovedit.document import Transaction
from ovedit.errors import DocumentError, OVEditError
from ovedit.geometry import Rect
from ovedit.ui.tools.base import Pen, Tool, ToolHost


class MoveTool(Tool):
    """Moves the current layer. Arrow keys move it by a pixel."""

    name = "move"
    title = "Move"
    icon = "move"
    shortcut = "V"
    hint = "Drag to move the layer; arrow keys move it by one pixel"
    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, host: ToolHost) -> None:
        super().__init__(host)
        self._transaction: Transaction | None = None
        self._from = (0.0, 0.0)
        self._offset = (0, 0)
        self._layer_id = ""

    def press(self, pen: Pen) -> None:
        """Take hold of the layer."""
        layer = self.host.document.current_layer
        if layer is None:
            self.host.say(DocumentError("There is no layer to move.", "Add a layer first."))
        elif layer.locked:
            message = f"The layer “{layer.name}” is locked."
            self.host.say(DocumentError(message, "Unlock it to move it."))
        else:
            self._transaction = self.host.document.begin("Move layer")
            self._from, self._offset, self._layer_id = (pen.x, pen.y), layer.offset, layer.id

    def drag(self, pen: Pen) -> None:
        """Move it along; Shift keeps to one axis."""
        if self._transaction is None:
            return
        dx, dy = round(pen.x - self._from[0]), round(pen.y - self._from[1])
        if pen.shift:
            dx, dy = (dx, 0) if abs(dx) >= abs(dy) else (0, dy)
        offset = (self._offset[0] + dx, self._offset[1] + dy)
        self._transaction.update_layer(self._layer_id, offset=offset)

    def release(self, pen: Pen) -> None:
        """Let go."""
        if self._transaction is not None:
            transaction, self._transaction = self._transaction, None
            transaction.commit()

    def cancel(self) -> None:
        """Put it back."""
        if self._transaction is not None:
            transaction, self._transaction = self._transaction, None
            transaction.rollback()

    def key(self, key: int) -> bool:
        """Arrow keys move by one pixel; Esc puts back."""
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if key == Qt.Key.Key_Escape and self._transaction is not None:
            self.cancel()
            return True
        step, layer = steps.get(Qt.Key(key)), self.host.document.current_layer
        if step is None or layer is None or self._transaction is not None:
            return False
        try:
            with self.host.document.transaction("Move layer") as tx:
                offset = (layer.offset[0] + step[0], layer.offset[1] + step[1])
                tx.update_layer(layer.id, offset=offset)
        except OVEditError as error:
            self.host.say(error)
        return True


class PanTool(Tool):
    """Moves the view."""

    name = "pan"
    title = "Pan"
    icon = "pan"
    shortcut = "H"
    hint = "Drag to move the view; the space bar does so with any tool"
    cursor = Qt.CursorShape.OpenHandCursor

    def __init__(self, host: ToolHost) -> None:
        super().__init__(host)
        self._at = QPointF()

    def press(self, pen: Pen) -> None:
        """Take hold of the view."""
        self._at = pen.at

    def drag(self, pen: Pen) -> None:
        """Move it along."""
        moved, self._at = pen.at - self._at, pen.at
        self.host.pan_by(moved.x(), moved.y())


class ZoomTool(Tool):
    """Zooms at the click; Ctrl or Alt zooms out."""

    name = "zoom"
    title = "Zoom"
    icon = "zoom"
    shortcut = "Z"
    hint = "Click to zoom in, Ctrl- or Alt-click to zoom out"
    cursor = Qt.CursorShape.PointingHandCursor

    def release(self, pen: Pen) -> None:
        """One step in or out."""
        self.host.zoom_step(-1 if pen.takes_away else 1, pen.at)


class PickerTool(Tool):
    """Takes the brush's colour from the picture."""

    name = "picker"
    title = "Colour picker"
    icon = "picker"
    shortcut = "I"
    hint = "Click to take the brush's colour from the picture"
    cursor = Qt.CursorShape.CrossCursor
    uses = frozenset({"colour"})

    def press(self, pen: Pen) -> None:
        """Take the colour."""
        self.drag(pen)

    def drag(self, pen: Pen) -> None:
        """Take the colour under the pen."""
        document = self.host.document
        at = Rect(math.floor(pen.x), math.floor(pen.y), 1, 1)
        if document.size.rect.contains(at):
            red, green, blue = document.state.flattened(at)[0, 0, :3].tolist()
            self.host.options.colour = (red, green, blue)
            self.host.options_changed()
