"""View menu: what the canvas and the window show."""

from __future__ import annotations

from ovedit.ui.commands.context import Context


def toggle_overlays(c: Context) -> None:
    """Show or hide the masks on the canvas."""
    c.canvas.overlays.show(shown=not c.canvas.overlays.shown)


def toggle_heat_map(c: Context) -> None:
    """Show or hide the scores of the mask in hand."""
    c.canvas.overlays.show(heat_map=not c.canvas.overlays.heat_map)


def toggle_full_screen(c: Context) -> None:
    """Fill the screen, or not."""
    window = c.window
    window.showNormal() if window.isFullScreen() else window.showFullScreen()


def toggle_prompt_pin(c: Context) -> None:
    """Pin the prompt card below the canvas, or let it float."""
    c.window.pin_prompt(not c.window.prompt_pinned)
