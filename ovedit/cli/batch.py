"""`ovedit batch`: a recipe over a folder of photos."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovedit import settings as settings_file
from ovedit.batch.ledger import HELD, Record, State, count
from ovedit.batch.photos import Photo
from ovedit.batch.recipe_file import load_recipe
from ovedit.batch.report import shown
from ovedit.batch.run import Outcome, Status, run_batch
from ovedit.cli.progress import ProgressBar
from ovedit.engine.protocols import EngineProvider
from ovedit.errors import Cancelled, UsageError
from ovedit.units import time_text

_FAILED = 1


def run_command(arguments: Namespace, provider: EngineProvider | None) -> int:
    """Follow the recipe and say what became of each photo.

    Returns 0 where all photos are done, 1 where some are held for review or failed. Raises what
    ended the batch early, after what is through was told.
    """
    if not arguments.out and not arguments.dry_run:
        raise UsageError("--out says where the results go, and is missing.", "Add -o FOLDER.")
    recipe = load_recipe(Path(arguments.recipe))
    settings = settings_file.load()
    if provider is None:
        from ovedit.engine.registry import default_registry, default_runtime

        provider = default_registry(default_runtime(settings))
    folder = Path(arguments.folder)
    out = Path(arguments.out) if arguments.out else folder
    with ProgressBar(quiet=arguments.quiet) as bar:
        listener = _Listener(bar, told=not arguments.json and not arguments.quiet)
        outcome = run_batch(
            recipe,
            folder,
            out,
            provider,
            settings=settings,
            listener=listener,
            again=arguments.again,
            select_only=arguments.dry_run,
        )
    if arguments.json:
        print(json.dumps(_as_json(arguments, outcome), indent=2, ensure_ascii=False))
    elif not arguments.quiet:
        print(_summary(outcome))
    if outcome.cancelled:
        raise Cancelled()
    if outcome.stopped is not None:
        raise outcome.stopped
    return 0 if outcome.all_done else _FAILED


class _Listener:
    """Draws the bar, and prints a line for each photo that is through."""

    def __init__(self, bar: ProgressBar, *, told: bool) -> None:
        self._bar, self._told = bar, told

    def listed(self, photos: Sequence[Photo], settled: Sequence[Record]) -> None:
        if settled and self._told:
            print(f"{len(settled)} of {len(photos)} photos are through already.")

    def progressed(self, status: Status) -> None:
        fraction = (status.done + status.fraction) / status.total
        left = "" if status.seconds_left is None else f", {time_text(status.seconds_left)} left"
        where = f"{status.done + 1}/{status.total}{left}  {shown(status.photo)}"
        self._bar.stage(0, 1)(fraction, f"{where}: {status.step}")

    def recorded(self, record: Record) -> None:
        if self._told:
            self._bar.clear()
            print(_line(record))
            sys.stdout.flush()


def _line(record: Record) -> str:
    sure = "" if record.confidence is None else f"  {record.confidence:.2f}"
    why = f"  {record.message}" if record.message else ""
    return f"{record.state:9} {shown(record.photo)}{sure}  {record.seconds:.1f} s{why}"


def _summary(outcome: Outcome) -> str:
    records = outcome.records
    counts = {
        "done": count(records, State.DONE),
        "found": count(records, State.FOUND),
        "held for review": count(records, *HELD),
        "failed": count(records, State.FAILED),
        "to go": outcome.total - len(records),
    }
    words = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    photos = "1 photo" if outcome.total == 1 else f"{outcome.total} photos"
    report = f" Report: {outcome.report}" if outcome.report is not None else ""
    return f"{photos}: {words or 'none begun'} ({time_text(outcome.seconds)}).{report}"


def _as_json(arguments: Namespace, outcome: Outcome) -> dict[str, Any]:
    return {
        "recipe": arguments.recipe,
        "folder": arguments.folder,
        "out": arguments.out,
        "dry_run": arguments.dry_run,
        "report": None if outcome.report is None else str(outcome.report),
        "totals": {
            "photos": outcome.total,
            **{state.name.lower(): count(outcome.records, state) for state in State},
            "through_before": outcome.settled,
        },
        "seconds": round(outcome.seconds, 3),
        "cancelled": outcome.cancelled,
        "stopped": None if outcome.stopped is None else str(outcome.stopped),
        "photos": [_record(record) for record in outcome.records],
    }


def _record(record: Record) -> dict[str, Any]:
    failed = record.state is State.FAILED
    return {
        "photo": shown(record.photo),
        "state": record.state.value,
        "confidence": record.confidence,
        "seconds": record.seconds,
        "file": None if record.made is None or failed else shown(record.made.path),
        "message": record.message,
        "notes": list(record.notes),
    }
