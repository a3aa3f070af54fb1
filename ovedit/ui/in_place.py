"""What the canvas shows in place of the document's own picture, without changing it."""

from __future__ import annotations

from typing import Literal

from ovedit.engine.requests import Pixels
from ovedit.geometry import Rect
from ovedit.ui.canvas.canvas import Canvas

Reason = Literal["choice", "edge", "step"]
_ORDER: tuple[Reason, ...] = ("choice", "edge", "step")


class InPlace:
    """Shows one picture at a time: what the person looks at goes before what a job reports.

    choice: a variation under the pointer. edge: the grown and feathered mask while it is set.
    step: a denoising step of the job that runs.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._pictures: dict[Reason, tuple[Pixels, Rect]] = {}
        self._shown: tuple[Pixels, Rect] | None = None

    def show(self, reason: Reason, pixels: Pixels | None, rect: Rect | None = None) -> None:
        """Show (h, w, 4) pixels over a document rectangle for a reason, or None to end it."""
        if pixels is None or rect is None:
            self._pictures.pop(reason, None)
        else:
            self._pictures[reason] = pixels, rect
        self._refresh()

    def clear(self) -> None:
        """Show the document: it is another one now."""
        self._pictures.clear()
        self._refresh()

    def _refresh(self) -> None:
        first = next((self._pictures[why] for why in _ORDER if why in self._pictures), None)
        if first is not self._shown:
            self._shown = first
            self._canvas.preview_picture(*first) if first else self._canvas.preview_picture(None)
