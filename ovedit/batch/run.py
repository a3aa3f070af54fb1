"""A recipe over a folder: photo by photo, judged, written, recorded, and reported on at the end."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from ovedit.batch.ledger import HELD, Ledger, Record, State, alone_in, count, make_folder
from ovedit.batch.photos import Photo, check_apart, find_photos
from ovedit.batch.pictures import Pictures, small, with_masks, write_picture
from ovedit.batch.report import Report, write_report
from ovedit.engine.protocols import CancelToken, EngineProvider, Preview
from ovedit.errors import Cancelled, EngineMissingError, FileError, ModelError, OVEditError
from ovedit.io import documents
from ovedit.io.openraster import PROJECT_SUFFIX
from ovedit.settings import Settings
from ovedit.workflows.batch import follow, resolved
from ovedit.workflows.recipe import Recipe

T = TypeVar("T")
_log = logging.getLogger(__name__)

REVIEW_FOLDER = "review"
"""Where in OUT the projects are that a person should look at."""

_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "ora": PROJECT_SUFFIX}
_HISTORY_BYTES = 16_000_000
"""Nobody undoes anything here."""

_WRITTEN = 0.9
"""The share of a photo's time after which its result is written, for the progress bar."""


@dataclass(frozen=True)
class Status:
    """How far a batch is.

    done: photos that are through, of `total`. photo: the one under way. step: what is done to it,
    fraction: how far that is, in [0, 1]. seconds_left: for all, None before any was measured.
    """

    done: int
    total: int
    photo: str = ""
    step: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None


class Listener(Protocol):
    """Who is told, on the thread that works, and must return quickly."""

    def listed(self, photos: Sequence[Photo], settled: Sequence[Record]) -> None:
        """These photos there are, and these are through already."""
        ...

    def progressed(self, status: Status) -> None:
        """So far it is."""
        ...

    def recorded(self, record: Record) -> None:
        """This became of a photo."""
        ...


class Silent:
    """A `Listener` for callers that do not listen."""

    def listed(self, photos: Sequence[Photo], settled: Sequence[Record]) -> None:
        """Nothing."""

    def progressed(self, status: Status) -> None:
        """Nothing."""

    def recorded(self, record: Record) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Outcome:
    """What a batch came to.

    records: of the photos that are through, in their order, those of earlier runs too.
    total: how many photos there are. settled: how many were through before.
    stopped: what ended it early (a full disk, a missing engine); `cancelled` by a person.
    report: the page, or None where there is none. seconds: of this run.
    """

    records: tuple[Record, ...]
    total: int
    settled: int
    seconds: float
    stopped: OVEditError | None = None
    cancelled: bool = False
    report: Path | None = None

    @property
    def all_done(self) -> bool:
        """Whether every photo came out as the recipe wants it."""
        through = count(self.records, State.DONE, State.FOUND)
        return through == self.total and self.stopped is None and not self.cancelled


def run_batch(
    recipe: Recipe,
    folder: Path,
    out: Path,
    provider: EngineProvider,
    *,
    settings: Settings | None = None,
    listener: Listener | None = None,
    cancel: CancelToken | None = None,
    again: bool = False,
    select_only: bool = False,
) -> Outcome:
    """Follow a recipe over the photos of a folder.

    Results go to the same places inside `out`, what needs a person's eye to `out/review` as a
    project; originals and other files are never written over. What is through already, by the same
    recipe, is not done again. A photo that cannot be read or edited is recorded as failed, and the
    next one is taken. What would fail every photo, as a disk that is full, ends the batch: run it
    again to go on.

    again: do everything anew. select_only: look for what the steps name and write nothing at all.
    Raises `FileError` and `UsageError` where it cannot begin, `EngineMissingError` for an engine
    that is not here; nothing is raised once it has begun.
    """
    settings = settings or Settings()
    recipe = resolved(recipe, provider.engines(), settings)
    for use in (recipe.select, recipe.edit):
        # Options that are wrong are wrong for all photos.
        provider.settings(use.engine, use.preset or settings.preset, use.options)
    if not select_only:
        check_apart(folder, out)
    photos = find_photos(folder, subfolders=recipe.subfolders, besides=out)
    if not photos:
        hint = "Photos in folders inside it do not count." if not recipe.subfolders else ""
        raise FileError(f"There is no photo in {folder}.", hint or "Choose another folder.")
    told, token = listener or Silent(), cancel or CancelToken()

    def work(ledger: Ledger | None) -> Outcome:
        run = _Run(recipe, photos, out, provider, settings, told, token, ledger)
        return run.go(folder, again)

    if select_only:
        return work(None)
    with alone_in(out):
        return work(Ledger(out, folder))


class _Stop(Exception):
    """Ends the batch: the next photo would fare no better."""

    def __init__(self, error: OVEditError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(eq=False)
class _Run:
    """One run. ledger: None where nothing is to be written."""

    recipe: Recipe
    photos: Sequence[Photo]
    out: Path
    provider: EngineProvider
    settings: Settings
    listener: Listener
    cancel: CancelToken
    ledger: Ledger | None

    def go(self, folder: Path, again: bool) -> Outcome:
        start = time.perf_counter()
        fingerprint = self.recipe.fingerprint
        through: dict[str, Record] = {}
        if self.ledger is not None and not again:
            found = ((photo, self.ledger.settled(photo, fingerprint)) for photo in self.photos)
            through = {photo.name: record for photo, record in found if record is not None}
        settled = len(through)
        self.listener.listed(self.photos, tuple(through.values()))
        pace = _Pace([record.seconds for record in through.values()])
        stopped: OVEditError | None = None
        cancelled = False
        try:
            if self.ledger is not None:
                self._begin()
            for photo in self.photos:
                if photo.name not in through:
                    through[photo.name] = self._record(photo, fingerprint, pace, len(through))
                    self.listener.recorded(through[photo.name])
        except (Cancelled, KeyboardInterrupt):
            cancelled = True
        except _Stop as stop:
            stopped = stop.error
        records = tuple(through[photo.name] for photo in self.photos if photo.name in through)
        outcome = Outcome(
            records,
            len(self.photos),
            settled,
            time.perf_counter() - start,
            stopped,
            cancelled,
        )
        return outcome if self.ledger is None else self._reported(outcome, folder)

    def _begin(self) -> None:
        """Find out now, not after the first photo's minute, whether anything can be written."""
        assert self.ledger is not None
        try:
            self.ledger.save()
        except FileError as e:
            raise _Stop(e) from e

    def _record(self, photo: Photo, fingerprint: str, pace: _Pace, done: int) -> Record:
        """Work on a photo; what became of it is on the disk when this returns."""
        self.cancel.check()
        pace.begin()
        earlier = None if self.ledger is None else self.ledger.earlier(photo)
        blank = Record(
            photo.name, photo.size, photo.mtime_ns, fingerprint, State.FAILED, made=earlier
        )

        def progress(fraction: float, step: str = "", preview: Preview | None = None) -> None:
            left = pace.left(len(self.photos) - done)
            status = Status(done, len(self.photos), photo.name, step, fraction, left)
            self.listener.progressed(status)

        progress(0.0, "Reading")
        try:
            record = self._worked(photo, blank, progress)
        except (Cancelled, _Stop):
            raise
        except (EngineMissingError, ModelError) as e:
            raise _Stop(e) from e
        except OVEditError as e:
            record = replace(blank, message=str(e))
        except MemoryError:
            record = replace(blank, message="There is not enough memory for this photo.")
        except Exception as e:
            _log.exception("The batch failed on %s", photo.path)
            words = " ".join(f"{type(e).__name__}: {e}".split())
            record = replace(blank, message=f"Something unforeseen went wrong: {words}")
        record = replace(record, seconds=round(pace.end(), 3))
        ledger = self.ledger
        if ledger is not None:
            _writing(lambda: ledger.put(record))
        return record

    def _worked(self, photo: Photo, blank: Record, progress: Callable[..., None]) -> Record:
        opened = documents.open_document(
            photo.path, max_pixels=self.settings.max_pixels, history_bytes=_HISTORY_BYTES
        )
        document = opened.document
        pictures = Pictures(self.out, photo.name)
        before = small(document.state)
        if self.ledger is not None:
            _writing(pictures.discard)
            _writing(lambda: write_picture(pictures.before, before))

        def working(fraction: float, step: str = "", preview: Preview | None = None) -> None:
            progress(fraction * _WRITTEN, step)

        followed = follow(
            document,
            self.recipe,
            self.provider,
            working,
            self.cancel,
            select_only=self.ledger is None,
        )
        record = replace(
            blank,
            state=State(followed.verdict.value),
            confidence=followed.confidence,
            message=followed.message,
            notes=tuple(dict.fromkeys((*opened.notes, *followed.notes))),
        )
        if self.ledger is None:
            return record
        self.cancel.check()
        progress(_WRITTEN, "Writing")
        _writing(lambda: write_picture(pictures.mask, with_masks(document.state, before)))
        return self._written(photo, record, opened, pictures)

    def _written(
        self, photo: Photo, record: Record, opened: documents.OpenedDocument, pictures: Pictures
    ) -> Record:
        """Write the result, or the project for review."""
        assert self.ledger is not None
        ledger, name = self.ledger, PurePosixPath(photo.name)
        held = record.state in HELD
        if held:
            wanted = PurePosixPath(REVIEW_FOLDER) / name.with_suffix(PROJECT_SUFFIX)
        else:
            output = self.recipe.output
            wanted = name.with_name(f"{name.stem}{output.suffix}{_SUFFIXES[output.format]}")
            _writing(lambda: write_picture(pictures.after, small(opened.document.state)))
        state, quality = opened.document.state, None if held else self.recipe.output.quality

        def write() -> Path:
            path = ledger.intend(photo, str(wanted))
            make_folder(path.parent)
            documents.save_document(
                path, state, self.settings, exif=opened.exif, xmp=opened.xmp, quality=quality
            )
            return path

        return replace(record, made=ledger.made(_writing(write)))

    def _reported(self, outcome: Outcome, folder: Path) -> Outcome:
        report = Report(self.recipe, folder, self.out, outcome.records, outcome.total)
        try:
            return replace(outcome, report=write_report(report))
        except FileError as error:
            # The first thing that went wrong says more.
            return replace(outcome, stopped=outcome.stopped or error)


class _Pace:
    """How long a photo takes, from those that were measured."""

    def __init__(self, earlier: Sequence[float]) -> None:
        self._measured = [seconds for seconds in earlier if seconds > 0]
        self._began = 0.0

    def begin(self) -> None:
        """A photo's turn has come."""
        self._began = time.perf_counter()

    def end(self) -> float:
        """The photo is through; returns its seconds."""
        seconds = time.perf_counter() - self._began
        self._measured.append(seconds)
        return seconds

    def left(self, photos: int) -> float | None:
        """Seconds for so many photos, of which the first one is under way."""
        if not self._measured:
            return None
        usual = sum(self._measured) / len(self._measured)
        return usual * (photos - 1) + max(0.0, usual - (time.perf_counter() - self._began))


def _writing(work: Callable[[], T]) -> T:
    """Do something that writes; where the disk is at fault, the batch ends.

    A picture that its format cannot hold, or a name that is too long, is the photo's own trouble.
    """
    try:
        return work()
    except OSError as e:
        raise _Stop(FileError(f"The results cannot be written: {e}.", _GO_ON)) from e
    except FileError as e:
        cause = e.__cause__
        if isinstance(cause, OSError) and cause.errno != errno.ENAMETOOLONG:
            hint = f"{e.hint} {_GO_ON}".strip()
            raise _Stop(FileError(e.message, hint)) from e
        raise


_GO_ON = "Then run the batch again: it goes on where it stopped."
