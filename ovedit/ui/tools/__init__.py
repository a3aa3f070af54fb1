"""Tools: objects that turn what the pen does into document changes."""

from ovedit.ui.tools.base import Pen, Tool, ToolHost, ToolOptions
from ovedit.ui.tools.brushes import BrushTool, EraserTool
from ovedit.ui.tools.clicks import BoxTool, ClickTool
from ovedit.ui.tools.shapes import LassoTool, RectangleTool, WandTool
from ovedit.ui.tools.viewing import MoveTool, PanTool, PickerTool, ZoomTool

TOOLS: tuple[tuple[type[Tool], ...], ...] = (
    (MoveTool, PanTool, ZoomTool),
    (BrushTool, EraserTool, LassoTool, RectangleTool, WandTool, ClickTool, BoxTool),
    (PickerTool,),
)
"""The tools in the groups of the tool column."""

__all__ = ["TOOLS", "BoxTool", "ClickTool", "Pen", "Tool", "ToolHost", "ToolOptions"]
