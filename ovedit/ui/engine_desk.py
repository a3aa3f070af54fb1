"""Who selects and who edits: shown wherever it matters, and chosen in one menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind
from ovedit.ui.commands import edit

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow


class EngineDesk(QObject):
    """Joins the menu of engines with the settings, and shows what is chosen."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        menu = window.options_bar.engine_menu
        window.prompt.engine_button.setMenu(menu)
        menu.selector_chosen.connect(lambda name: self.use(select_engine=name))
        menu.editor_chosen.connect(lambda name: self.use(edit_engine=name))
        menu.preset_chosen.connect(lambda name: self.use(preset=name))
        menu.settings_requested.connect(
            lambda name: window.context.run(lambda c: edit.engine_settings(c, name))
        )
        menu.models_requested.connect(window.model_desk.show)
        window.service.engines_changed.connect(self._listed)

    def use(self, **settings: str) -> None:
        """Change select_engine, edit_engine or preset."""
        session = self._window.session
        session.change_settings(session.settings.changed(**settings))

    def use_built_in(self, *, to_edit: bool) -> None:
        """Select, or edit, with the engine that is always there."""
        name = self._window.assistant.engines[0].name
        self.use(**{"edit_engine" if to_edit else "select_engine": name})

    def show(self) -> None:
        """Show the engines in use, and what can be done with them."""
        window, assistant = self._window, self._window.assistant
        selector, editor, engines = assistant.engine, assistant.chosen_editor, assistant.engines
        preset, line = window.session.settings.preset, window.prompt.edit_line
        window.options_bar.show_engines(engines, selector, editor, preset)
        window.status.show_engine(selector.title)
        window.prompt.set_engine(selector.title, selector.good_at)
        used = f"{selector.title} selects, {editor.title} edits · {preset}"
        window.prompt.engine_button.setToolTip(used)
        able = {kind: assistant.editor(kind) for kind in EditKind}
        line.set_uses_negative(able[EditKind.REPLACE].uses_negative)
        cannot = f"{editor.title} does not do this."
        line.set_kinds(
            {str(k): cannot if engines and k not in e.edits else "" for k, e in able.items()}
        )

    def _listed(self, engines: tuple[EngineInfo, ...]) -> None:
        self._window.model_desk.set_engines(engines)
        self.show()
