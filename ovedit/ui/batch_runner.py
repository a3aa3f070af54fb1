"""A batch that runs while the window goes on: files on a thread of its own, engines on theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ovedit.engine.protocols import CancelToken
from ovedit.errors import OVEditError
from ovedit.service.model_service import ModelService
from ovedit.service.queued import QueuedEngines
from ovedit.settings import Settings
from ovedit.ui.background import Background

# What reads and writes files is loaded when a batch is: the window shows sooner.
if TYPE_CHECKING:
    from ovedit.batch.ledger import Record
    from ovedit.batch.photos import Photo
    from ovedit.batch.run import Outcome, Status
    from ovedit.workflows.recipe import Recipe


class BatchRunner(QObject):
    """Runs one batch at a time.

    Signals: listed(photos, records that are through already); progressed(Status);
    recorded(Record); ended(Outcome); failed(OVEditError) where it could not begin.
    """

    listed = Signal(object, object)
    progressed = Signal(object)
    recorded = Signal(object)
    ended = Signal(object)
    failed = Signal(object)

    def __init__(self, service: ModelService, parent: QObject) -> None:
        super().__init__(parent)
        self._engines = QueuedEngines(service, self)
        self._background = Background(self)
        self._cancel: CancelToken | None = None

    @property
    def running(self) -> bool:
        """Whether a batch is under way."""
        return self._cancel is not None

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to stop, and has not yet."""
        return self._cancel is not None and self._cancel.cancelled

    def look(self, folder: Path, *, subfolders: bool, besides: Path | None) -> None:
        """List the photos of a folder, with nothing done to them; the answer comes as `listed`."""
        if self.running:
            return

        def find() -> list[Photo]:
            from ovedit.batch.photos import find_photos

            return find_photos(folder, subfolders=subfolders, besides=besides)

        def found(photos: list[Photo]) -> None:
            if not self.running:
                self.listed.emit(photos, ())

        self._background.run(find, found, self.failed.emit, disposable=True)

    def start(self, recipe: Recipe, folder: Path, out: Path, settings: Settings) -> None:
        """Begin, unless one is under way."""
        if self.running:
            return
        self._cancel = cancel = CancelToken()

        def work() -> Outcome:
            from ovedit.batch.run import run_batch

            return run_batch(
                recipe,
                folder,
                out,
                self._engines,
                settings=settings,
                listener=_Told(self),
                cancel=cancel,
            )

        def done(outcome: Outcome) -> None:
            self._cancel = None
            self.ended.emit(outcome)

        def failed(error: OVEditError) -> None:
            self._cancel = None
            self.failed.emit(error)

        # Cut off, nothing is lost: it goes on where it stopped.
        self._background.run(work, done, failed, disposable=True)

    def stop(self) -> None:
        """Ask the batch to stop; what is through stays, and `ended` says so."""
        if self._cancel is not None:
            self._cancel.cancel()


class _Told:
    """Hands what the batch says to the window's thread."""

    def __init__(self, runner: BatchRunner) -> None:
        self._runner = runner

    def listed(self, photos: Sequence[Photo], settled: Sequence[Record]) -> None:
        self._runner.listed.emit(photos, settled)

    def progressed(self, status: Status) -> None:
        self._runner.progressed.emit(status)

    def recorded(self, record: Record) -> None:
        self._runner.recorded.emit(record)
