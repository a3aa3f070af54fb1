"""Joins the gallery with the window: its strip, the canvas and what is asked for from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ovedit.document.events import Event, HistoryChanged
from ovedit.ui.gallery.gallery import Slot
from ovedit.ui.gallery.strip import GalleryStrip
from ovedit.workflows import variations

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

_MORE = 2
"""How many more like one are made at least, where the prompt card asks for one variation only."""


class GalleryDesk(QObject):
    """strip: the gallery as the person sees it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._gallery = window.assistant.gallery
        self.strip = GalleryStrip(self._gallery, window.canvas, window.prompt)
        self.strip.looked_at.connect(self._look_at)
        self.strip.kept.connect(self._keep)
        self.strip.more_requested.connect(self._more_like)
        self.strip.dropped.connect(self.drop)
        self.strip.room_changed.connect(window.make_room)
        window.session.document_changed.connect(self._follow)

    def drop(self) -> None:
        """Drop all variations, also those still to come."""
        self._window.assistant.drop_variations()
        self._window.canvas.setFocus()

    def _follow(self) -> None:
        document = self._window.session.document
        if document is not None:
            document.subscribe(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, HistoryChanged):
            self._gallery.look_again()

    def _look_at(self, slot: Slot | None) -> None:
        chosen = None if slot is None else slot.variation
        pixels, rect = variations.in_place(chosen) if chosen is not None else (None, None)
        self._window.in_place.show("choice", pixels, rect)

    def _keep(self, slot: Slot) -> None:
        self._window.assistant.keep(slot)
        self._window.canvas.setFocus()

    def _more_like(self, slot: Slot) -> None:
        count = max(_MORE, self._window.prompt.edit_line.variations)
        self._window.assistant.more_like(slot, count)
