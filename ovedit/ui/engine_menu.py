"""The menu of engines: who selects, who edits, how thoroughly; to their settings and models."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import Preset

PRESET_TITLES: dict[Preset, str] = {"fast": "Fast", "balanced": "Balanced", "quality": "Quality"}
_TIPS: dict[Preset, str] = {
    "fast": "The first answer soon, with the smallest models",
    "balanced": "Good outlines in a bearable time",
    "quality": "The best that the engine can do, however long it takes",
}


class EngineMenu(QMenu):
    """Signals: selector_chosen(name), editor_chosen(name), preset_chosen(name);
    settings_requested(name) of an engine in use; models_requested(id) for an engine whose model is
    not here, or with "" for all of them.
    """

    selector_chosen = Signal(str)
    editor_chosen = Signal(str)
    preset_chosen = Signal(str)
    settings_requested = Signal(str)
    models_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTipsVisible(True)

    def show_engines(
        self, engines: Sequence[EngineInfo], selector: EngineInfo, editor: EngineInfo, preset: str
    ) -> None:
        """List what there is, with the engines and the preset in use marked."""
        # Groups would stay behind, for what is cleared are only the actions.
        for group in self.findChildren(QActionGroup):
            group.deleteLater()
        self.clear()
        able = [info for info in engines if info.selects]
        self._list("Select with", able, selector, self.selector_chosen)
        able = [info for info in engines if info.edits]
        self._list("Edit with", able, editor, self.editor_chosen)
        self._heading("Preset")
        group = QActionGroup(self)
        for name, title in PRESET_TITLES.items():
            self._choice(group, title, _TIPS[name], name == preset, self.preset_chosen, name)
        self.addSeparator()
        for info in dict.fromkeys((selector, editor)):
            settings = self._link(f"Settings of {info.title}…", self.settings_requested, info.name)
            settings.setEnabled(info.settings is None and bool(engines))
        self._link("Models…", self.models_requested, "")

    def _list(
        self, heading: str, engines: Sequence[EngineInfo], used: EngineInfo, chosen: SignalInstance
    ) -> None:
        self._heading(heading)
        group = QActionGroup(self)
        for info in engines:
            tip = f"{info.good_at} {info.bad_at}"
            if info.available or not info.models:
                on = info.name == used.name
                self._choice(group, info.title, tip, on, chosen, info.name)
            else:
                text = f"{info.title} (get {info.needs})"
                self._link(text, self.models_requested, info.models[0]).setToolTip(tip)

    def _heading(self, text: str) -> None:
        if not self.isEmpty():
            self.addSeparator()
        self.addAction(text).setEnabled(False)

    def _choice(
        self, group: QActionGroup, text: str, tip: str, on: bool, signal: SignalInstance, value: str
    ) -> None:
        action = self._link(text, signal, value)
        action.setCheckable(True)
        action.setChecked(on)
        action.setToolTip(tip)
        group.addAction(action)

    def _link(self, text: str, signal: SignalInstance, *values: str) -> QAction:
        action = self.addAction(text)
        action.triggered.connect(lambda _checked=False: signal.emit(*values))
        return action
