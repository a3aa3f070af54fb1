"""The tool in hand and its brush."""

from __future__ import annotations

from ovedit.ui.commands.context import Context


def use(c: Context, name: str) -> None:
    """Put a tool in the hand."""
    c.window.use_tool(name)


def swap_colours(c: Context) -> None:
    """Swap the brush's colour with the other one."""
    options = c.window.options
    options.colour, options.background = options.background, options.colour
    c.window.tool_host.options_changed()


def resize_brush(c: Context, direction: int) -> None:
    """A larger (1) or smaller (-1) brush, in steps that grow with it."""
    options = c.window.options
    size = options.size + max(1.0, round(options.size * 0.15)) * direction
    options.size = min(2000.0, max(1.0, size))
    c.window.tool_host.options_changed()
