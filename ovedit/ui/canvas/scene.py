"""A document as the canvas draws it, kept up with the document's changes."""

from __future__ import annotations

from collections.abc import Callable

from ovedit.document import Document
from ovedit.document.events import (
    CurrentChanged,
    Event,
    MaskChanged,
    PixelsChanged,
    SelectionChanged,
    StructureChanged,
)
from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import DisplayTiles
from ovedit.ui.canvas.outlines import Outlines
from ovedit.ui.canvas.overlays import MaskOverlays
from ovedit.ui.canvas.renderer import Renderer


class Scene:
    """Tiles, tints, outlines and tags of one document, until `close`.

    surround: the colour around the picture (B, G, R). changed: called with the document rectangle
    that looks different now, or None if all of the widget may.
    """

    def __init__(
        self,
        document: Document,
        surround: tuple[int, int, int],
        changed: Callable[[Rect | None], None],
    ) -> None:
        self.document = document
        self.overlays = MaskOverlays(document, self.refresh)
        self.outlines = Outlines()
        self._tiles = DisplayTiles(lambda: document.state)
        self.renderer = Renderer(self._tiles, self.outlines, surround)
        self._changed = changed
        self._unsubscribe = document.subscribe(self._on_event)
        self._follow_overlays()

    def close(self) -> None:
        """Hear no more of the document."""
        self._unsubscribe()

    def refresh(self) -> None:
        """Draw all masks anew."""
        self._follow_overlays()
        self._changed(None)

    def _follow_overlays(self) -> None:
        self._tiles.set_overlays(self.overlays.tints())
        self.outlines.set_outlines(self.overlays.outlines())
        self.renderer.redraw()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PixelsChanged):
            self._tiles.forget(event.rect)
            self.renderer.mark(event.rect, outlines=False)
            self._changed(event.rect)
        elif isinstance(event, MaskChanged):
            tag_moved = self.overlays.mask_changed(event.mask_id, event.rect)
            self._coverage_changed(event.rect, everywhere=tag_moved)
        elif isinstance(event, SelectionChanged):
            self._coverage_changed(event.rect)
        elif isinstance(event, StructureChanged | CurrentChanged):
            self.refresh()

    def _coverage_changed(self, rect: Rect, *, everywhere: bool = False) -> None:
        self._tiles.replace_overlays(self.overlays.tints())
        self._tiles.forget_overlays(rect)
        if self.outlines.set_outlines(self.overlays.outlines()):
            self.renderer.redraw()
            everywhere = True
        else:
            self.renderer.mark(rect)
        self._changed(None if everywhere else rect)
