"""Getting, checking and removing models on a thread of their own, while engines go on working."""

from __future__ import annotations

import enum
import itertools
import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, SignalInstance, Slot

from ovedit.engine.library import (
    Model,
    ModelLibrary,
    ModelState,
    TransferListener,
    TransferProgress,
)
from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled, OVEditError
from ovedit.service.failures import as_value

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.1
SHUTDOWN_WAIT_MS = 2000

_ids = itertools.count(1)


class Errand(enum.StrEnum):
    """What can be asked to happen to a model."""

    GET = "get"
    VERIFY = "verify"
    REMOVE = "remove"
    ADD = "add"


@dataclass(frozen=True)
class Transfer:
    """One errand for one model.

    folder: what to add, for `Errand.ADD`, where `model` may be empty: found out from the folder.
    progress: the latest that was reported, None before it began.
    """

    errand: Errand
    model: str
    folder: Path | None = None
    stopping: bool = False
    progress: TransferProgress | None = None
    id: int = field(default_factory=lambda: next(_ids))


@dataclass(frozen=True)
class Shelf:
    """The catalogue as it stands on this computer.

    entries: every model with where it is; folder: where downloads go; free: bytes left there.
    """

    entries: tuple[tuple[Model, ModelState], ...]
    folder: Path
    free: int


class DownloadService(QObject):
    """Runs errands one after another on a thread of its own, which starts with the first of them.

    Lives on the thread that made it, which needs an event loop. Every errand ends in exactly one of
    `finished`, `failed` and `stopped`; the shelf as it is then comes before.

    listed(Shelf): the answer to `refresh`; list_failed(OVEditError): why there is none.
    progressed(Transfer): about 10 a second.
    finished(Transfer, object): with the folder of a model got, the bytes freed by a removal, the
        `Model` added, None after a check.
    failed(Transfer, OVEditError), stopped(Transfer).
    changed(): `transfers()` would answer differently (not sent for progress).
    """

    listed = Signal(object)
    list_failed = Signal(object)
    progressed = Signal(object)
    finished = Signal(object, object)
    failed = Signal(object, object)
    stopped = Signal(object)
    changed = Signal()

    _run = Signal(object, object)
    _list = Signal()

    def __init__(self, library: ModelLibrary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: list[Transfer] = []
        self._running: Transfer | None = None
        self._cancel = CancelToken()
        self._closing = False
        self._worker = _Worker(library)
        self._thread = QThread()
        self._thread.setObjectName("ovedit-downloads")
        self._worker.moveToThread(self._thread)
        self._run.connect(self._worker.run)
        self._list.connect(self._worker.list_models)
        self._worker.listed.connect(self.listed)
        self._worker.list_failed.connect(self.list_failed)
        self._worker.progressed.connect(self._on_progressed)
        self._worker.answered.connect(self._on_answered)
        self._worker.failed.connect(self._on_failed)
        self._worker.stopped.connect(self._on_stopped)

    def refresh(self) -> None:
        """Ask for the shelf; the answer comes as `listed`."""
        if self._closing:
            return
        self._start()
        self._list.emit()

    def get(self, model: str) -> Transfer:
        """Download a model, going on where an earlier download of it stopped."""
        return self._submit(Transfer(Errand.GET, model))

    def verify(self, model: str) -> Transfer:
        """Read a model's files and compare their hashes."""
        return self._submit(Transfer(Errand.VERIFY, model))

    def remove(self, model: str) -> Transfer:
        """Delete a model's files, after stopping what is under way for it."""
        self.stop(model)
        return self._submit(Transfer(Errand.REMOVE, model))

    def add(self, folder: Path, model: str = "") -> Transfer:
        """Use the model in a folder of the person's own."""
        return self._submit(Transfer(Errand.ADD, model, folder))

    def stop(self, model: str) -> None:
        """Stop what waits or runs for a model. What was downloaded stays, for `get` to go on."""
        for transfer in [waiting for waiting in self._queue if waiting.model == model]:
            self._queue.remove(transfer)
            self.stopped.emit(transfer)
        running = self._running
        if running is not None and running.model == model and not running.stopping:
            self._cancel.cancel()
            self._running = replace(running, stopping=True)
        self.changed.emit()

    def transfers(self) -> tuple[Transfer, ...]:
        """The running errand, then the waiting ones in their order."""
        return (*(() if self._running is None else (self._running,)), *self._queue)

    def transfer_of(self, model: str) -> Transfer | None:
        """What is under way or waiting for a model."""
        return next((one for one in self.transfers() if one.model == model), None)

    def shutdown(self, wait_ms: int = SHUTDOWN_WAIT_MS) -> bool:
        """Stop everything and end the thread, waiting at most `wait_ms`; whether it ended."""
        self._closing = True
        self._queue.clear()
        self._cancel.cancel()
        self._thread.quit()
        if self._thread.isRunning() and not self._thread.wait(wait_ms):
            log.warning("The download thread did not stop within %d ms", wait_ms)
            return False
        return True

    def _submit(self, transfer: Transfer) -> Transfer:
        under_way = next(
            (
                other
                for other in self.transfers()
                if (other.errand, other.model, other.folder)
                == (transfer.errand, transfer.model, transfer.folder)
                and not other.stopping
            ),
            None,
        )
        if under_way is not None or self._closing:
            return under_way or transfer
        self._start()
        self._queue.append(transfer)
        self._dispatch()
        self.changed.emit()
        return transfer

    def _start(self) -> None:
        if not self._thread.isRunning():
            self._thread.start()

    def _dispatch(self) -> None:
        if self._running is None and self._queue and not self._closing:
            self._running = self._queue.pop(0)
            self._cancel = CancelToken()
            self._run.emit(self._running, self._cancel)

    def _end(self, id: int, signal: SignalInstance, *values: object) -> None:
        if (transfer := self._current(id)) is None:
            return
        self._running = None
        signal.emit(transfer, *values)
        self._dispatch()
        self.changed.emit()

    def _current(self, id: int) -> Transfer | None:
        """The running errand, if it has this id: signals of one that ended may be under way."""
        return self._running if self._running is not None and self._running.id == id else None

    def _on_progressed(self, id: int, progress: TransferProgress) -> None:
        if (transfer := self._current(id)) is not None:
            self._running = replace(transfer, progress=progress)
            self.progressed.emit(self._running)

    def _on_answered(self, id: int, value: object) -> None:
        self._end(id, self.finished, value)

    def _on_failed(self, id: int, error: OVEditError) -> None:
        self._end(id, self.failed, error)

    def _on_stopped(self, id: int) -> None:
        self._end(id, self.stopped)


class _Worker(QObject):
    """Runs one errand at a time on the thread that it was moved to."""

    listed = Signal(object)
    list_failed = Signal(object)
    progressed = Signal(int, object)
    answered = Signal(int, object)
    failed = Signal(int, object)
    stopped = Signal(int)

    def __init__(self, library: ModelLibrary) -> None:
        super().__init__()
        self._library = library

    @Slot()
    def list_models(self) -> None:
        library = self._library
        try:
            entries = tuple((model, library.state(model.id)) for model in library.models())
            shelf = Shelf(entries, library.download_folder(), library.free_bytes())
        except BaseException as error:
            self.list_failed.emit(as_value(error, "The list of models"))
        else:
            self.listed.emit(shelf)

    @Slot(object, object)
    def run(self, transfer: Transfer, cancel: CancelToken) -> None:
        last = 0.0

        def listen(progress: TransferProgress) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= REPORT_SECONDS or progress.done >= progress.total:
                last = now
                self.progressed.emit(transfer.id, progress)

        try:
            cancel.check()
            value = self._do(transfer, listen, cancel)
        except Cancelled:
            self.list_models()
            self.stopped.emit(transfer.id)
        except BaseException as error:
            self.list_models()
            self.failed.emit(transfer.id, as_value(error, f"The model {transfer.model}".strip()))
        else:
            self.list_models()
            self.answered.emit(transfer.id, value)

    def _do(self, transfer: Transfer, listen: TransferListener, cancel: CancelToken) -> object:
        library = self._library
        match transfer.errand:
            case Errand.GET:
                return library.get(transfer.model, listen, cancel)
            case Errand.VERIFY:
                return library.verify(transfer.model, listen, cancel)
            case Errand.REMOVE:
                return library.remove(transfer.model)
            case Errand.ADD:
                assert transfer.folder is not None
                return library.add(transfer.folder, transfer.model)
