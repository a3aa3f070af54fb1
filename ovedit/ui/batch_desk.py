"""Where the window meets batches: the dialog, the one under way, how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from ovedit.engine.requests import EditKind
from ovedit.errors import OVEditError
from ovedit.ui.batch_runner import BatchRunner
from ovedit.ui.messages import Message

if TYPE_CHECKING:
    from ovedit.batch.run import Outcome
    from ovedit.ui.commands.context import Context
    from ovedit.ui.dialogs.batch.dialog import BatchDialog
    from ovedit.workflows.recipe import EngineUse, Recipe

SHOW = "batch"
"""The key of a button that opens the dialog: the action of that name does."""


class BatchDesk(QObject):
    """Opens the Batch dialog, and says how a batch ended while that was closed."""

    def __init__(self, context: Context) -> None:
        window = context.window
        super().__init__(window)
        self._context, self._window = context, window
        self.runner = BatchRunner(window.service, self)
        self.dialog: BatchDialog | None = None
        self.runner.ended.connect(self._ended)
        self.runner.failed.connect(self._failed)

    def show(self) -> None:
        """Open the dialog, or bring it to the front."""
        if self.dialog is None:
            from ovedit.ui.dialogs.batch.dialog import BatchDialog

            self.dialog = BatchDialog(self.runner, self._engines, self._window)
            self.dialog.start_requested.connect(self._start)
            self.dialog.file_requested.connect(self._open)
            self.dialog.report_requested.connect(
                lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
            )
        self.dialog.form.show_engines()
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _start(self, recipe: Recipe, photos: Path, results: Path) -> None:
        self.runner.start(recipe, photos, results, self._window.session.settings)

    def _open(self, path: Path) -> None:
        from ovedit.ui.commands import file

        self._context.run(lambda c: file.open_path(c, path))
        self._window.raise_()
        self._window.activateWindow()

    def _engines(self, kind: EditKind) -> tuple[EngineUse, EngineUse, str]:
        """Who finds and who edits by the settings, and both in words."""
        from ovedit.workflows.recipe import EngineUse

        settings, assistant = self._window.session.settings, self._window.assistant
        selector, editor = assistant.selector, assistant.editor(kind)
        uses = [
            EngineUse(info.name, settings.preset, settings.engine_options.get(info.name, {}))
            for info in (selector, editor)
        ]
        who = f"{selector.title} finds, {editor.title} edits"
        if selector.name == editor.name:
            who = f"{selector.title} finds and edits"
        return uses[0], uses[1], f"{who}, with the preset {settings.preset}."

    def _ended(self, outcome: Outcome) -> None:
        if outcome.stopped is not None:
            self._tell(Message(str(outcome.stopped), "error", (("Show", SHOW),)))
            return
        from ovedit.ui.dialogs.batch.dialog import ended_text

        self._tell(Message(ended_text(outcome), "info", (("Show", SHOW),)))

    def _failed(self, error: OVEditError) -> None:
        self._tell(Message(str(error), "error", (("Show", SHOW),)))

    def _tell(self, message: Message) -> None:
        if self.dialog is None or not self.dialog.isVisible():
            self._window.tell(message)
