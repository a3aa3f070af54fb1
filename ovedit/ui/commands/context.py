"""What a command acts on: the document that is open, and what of it is in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ovedit.document import Document, EditLayer, Layer
from ovedit.errors import DocumentError, OVEditError

if TYPE_CHECKING:
    from ovedit.ui.canvas.canvas import Canvas
    from ovedit.ui.main_window import MainWindow


class Context:
    """A main window as the commands see it. A command is a function of this.

    `document` and `layer` are for commands that need one, and raise DocumentError where there is
    none; `document_or_none` and `layer_or_none` are for questions about them.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window

    def run(self, command: Callable[[Context], object]) -> None:
        """Do a command; an `OVEditError` becomes a message, and the document is as it was."""
        try:
            command(self)
        except OVEditError as error:
            self.window.say(error)

    def change(self, title: str, work: Callable[[Document], object]) -> None:
        """Change the document by what takes a while; see `Errands.change`."""
        self.window.errands.change(title, work)

    @property
    def canvas(self) -> Canvas:
        """The canvas."""
        return self.window.canvas

    # -- the document ----------------------------------------------------------------------------

    @property
    def document(self) -> Document:
        """The document that is open."""
        document = self.document_or_none
        if document is None:
            raise DocumentError("No picture is open.", "Open one first.")
        return document

    @property
    def document_or_none(self) -> Document | None:
        """The document that is open, if one is."""
        return self.window.session.document

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        document = self.document_or_none
        return document is not None and document.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        document = self.document_or_none
        return document is not None and document.can_redo

    @property
    def has_selection(self) -> bool:
        """Whether there is a selection."""
        document = self.document_or_none
        return document is not None and document.state.selection is not None

    @property
    def can_edit(self) -> bool:
        """Whether there is something to remove, replace or restyle: a mask or a selection."""
        return self.has_masks or self.has_selection

    # -- masks -----------------------------------------------------------------------------------

    @property
    def mask_ids(self) -> tuple[str, ...]:
        """The class masks in hand, in the order of the panel."""
        document = self.document_or_none
        return () if document is None else tuple(mask.id for mask in document.current_masks)

    @property
    def has_masks(self) -> bool:
        """Whether there is any class mask."""
        document = self.document_or_none
        return document is not None and bool(document.masks)

    @property
    def has_candidates(self) -> bool:
        """Whether a mask in hand has others to choose from."""
        document = self.document_or_none
        return document is not None and any(
            len(mask.candidates) > 1 for mask in document.current_masks
        )

    @property
    def has_undecided(self) -> bool:
        """Whether a mask in hand is not accepted yet."""
        document = self.document_or_none
        return document is not None and any(not mask.accepted for mask in document.current_masks)

    # -- layers ----------------------------------------------------------------------------------

    @property
    def layer(self) -> Layer:
        """The layer in hand."""
        layer = self.document.current_layer
        if layer is None:
            raise DocumentError("There is no layer.", "Add one first.")
        return layer

    @property
    def layer_or_none(self) -> Layer | None:
        """The layer in hand, if there is one."""
        document = self.document_or_none
        return None if document is None else document.current_layer

    @property
    def edit_layer_id(self) -> str:
        """The edit layer in hand, or ""."""
        layer = self.layer_or_none
        return layer.id if isinstance(layer, EditLayer) else ""

    @property
    def can_merge_down(self) -> bool:
        """Whether there is a layer below the one in hand."""
        layer = self.layer_or_none
        return layer is not None and self.document.layers.index(layer) > 0
