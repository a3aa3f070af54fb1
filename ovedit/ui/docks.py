"""The docks at the right: class masks, layers, history, jobs; and the place for a pinned prompt."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from ovedit.document import BlendMode
from ovedit.ui.panels.history import HistoryPanel
from ovedit.ui.panels.jobs import JobsPanel
from ovedit.ui.panels.layers import LayersPanel
from ovedit.ui.panels.masks import MasksPanel

_WIDTH = 300
_HEIGHTS = (260, 260, 200, 96)
_BLEND_NAMES = {BlendMode.COLOUR: "Colour"}


class Docks:
    """Puts the panels into docks of a window.

    masks, layers, history, jobs: the panels. all: their docks. prompt: a dock below the canvas,
    hidden until the prompt card is pinned.
    """

    def __init__(self, window: QMainWindow) -> None:
        self.masks = MasksPanel()
        self.layers = LayersPanel([(str(mode), _blend_name(mode)) for mode in BlendMode])
        self.history = HistoryPanel()
        self.jobs = JobsPanel()
        self.all = [
            _dock(window, "masks", "Class masks", self.masks),
            _dock(window, "layers", "Layers", self.layers),
            _dock(window, "history", "History", self.history),
            _dock(window, "jobs", "Jobs", self.jobs),
        ]
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.prompt = QDockWidget("Prompt", window)
        self.prompt.setObjectName("dock-prompt")
        self.prompt.setTitleBarWidget(QWidget())
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.prompt)
        self.prompt.hide()
        window.resizeDocks(self.all, [_WIDTH] * len(self.all), Qt.Orientation.Horizontal)
        window.resizeDocks(self.all, _HEIGHTS, Qt.Orientation.Vertical)


def _dock(
    window: QMainWindow,
    name: str,
    title: str,
    panel: MasksPanel | LayersPanel | HistoryPanel | JobsPanel,
) -> QDockWidget:
    dock = QDockWidget(title, window)
    dock.setObjectName(f"dock-{name}")
    # The panel's own heading is the handle to drag the dock by.
    dock.setTitleBarWidget(panel.header)
    dock.setWidget(panel)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    return dock


def _blend_name(mode: BlendMode) -> str:
    return _BLEND_NAMES.get(mode, str(mode).replace("-", " ").capitalize())
