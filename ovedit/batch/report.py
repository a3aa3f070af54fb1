"""The report of a batch: one page with everything in it, to be opened by any browser."""

from __future__ import annotations

import base64
import html
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from ovedit import __version__
from ovedit.atomic import atomic_write
from ovedit.batch.ledger import Record, State, count
from ovedit.batch.pictures import Pictures
from ovedit.resources import resource_path
from ovedit.units import time_text
from ovedit.workflows.recipe import EngineUse, Recipe

NAME = "report.html"

_TITLES = {
    State.REVIEW: "To review",
    State.NOT_FOUND: "Not found",
    State.FAILED: "Failed",
    State.DONE: "Done",
}
"""In the order of the page: what wants a person's eye comes first."""

_HELP = {
    State.REVIEW: "Found with too little confidence, and not edited.",
    State.NOT_FOUND: "Not edited.",
    State.FAILED: "Tried again when the batch runs again.",
}
_NO_RESULT = {
    State.FOUND: "Not edited",
    State.REVIEW: "Not edited: to be judged by you",
    State.NOT_FOUND: "Not edited: not found",
    State.FAILED: "Not edited",
}


@dataclass(frozen=True)
class Report:
    """What is reported: the recipe as it was followed, and the records of `total` photos."""

    recipe: Recipe
    folder: Path
    out: Path
    records: Sequence[Record]
    total: int


def write_report(report: Report) -> Path:
    """Write `OUT/report.html` and return its path. Raises `FileError`."""
    path = report.out / NAME
    template = Template(resource_path("batch", "report.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=_text(report.recipe.title),
        summary=_text(_summary(report)),
        totals="\n".join(_totals(report)),
        facts="\n".join(_facts(report)),
        sections="\n".join(_sections(report)),
    )
    with atomic_write(path) as stream:
        stream.write(page.encode())
    return path


def shown(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _summary(report: Report) -> str:
    photos = "1 photo" if report.total == 1 else f"{report.total:,} photos"
    through = len(report.records)
    so_far = "" if through == report.total else f" · {through:,} of them so far"
    return f"{photos}{so_far}"


def _totals(report: Report) -> Iterator[str]:
    for state in dict.fromkeys((State.DONE, *_TITLES)):
        number = count(report.records, state)
        if number or state is State.DONE:
            yield f"<li><b>{number:,}</b><span>{_TITLES[state].lower()}</span></li>"
    seconds = sum(record.seconds for record in report.records)
    if report.records:
        yield f"<li><b>{time_text(seconds)}</b><span>of work</span></li>"
        each = _seconds(seconds / len(report.records))
        yield f"<li><b>{each}</b><span>a photo</span></li>"


def _facts(report: Report) -> Iterator[str]:
    recipe = report.recipe
    for number, step in enumerate(recipe.steps, 1):
        name = "Recipe" if len(recipe.steps) == 1 else f"Step {number}"
        least = f"held for review below confidence {step.least_confidence:.2f}"
        yield _fact(name, f"{step.title}; {least}")
    yield _fact("Finds", _engine(recipe.select))
    yield _fact("Edits", _engine(recipe.edit))
    yield _fact("Photos", str(report.folder.absolute()))
    now = datetime.now()
    when = f"{now.day} {now:%B %Y, %H:%M}"
    yield _fact("Made", f"{when}, by OVEdit {__version__}")


def _fact(name: str, value: str) -> str:
    return f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>"


def _engine(use: EngineUse) -> str:
    options = ", ".join(f"{key} = {value}" for key, value in use.options.items())
    return " · ".join(filter(None, (use.engine, use.preset, options)))


def _sections(report: Report) -> Iterator[str]:
    for state, title in _TITLES.items():
        records = [record for record in report.records if record.state is state]
        if records:
            help = f" {_HELP[state]}" if state in _HELP else ""
            yield f"<h2>{title}<span>{len(records):,}{' ·' if help else ''}{help}</span></h2>"
            yield from (_article(report, record) for record in records)


def _article(report: Report, record: Record) -> str:
    original = _link(report.folder / record.photo, report.out)
    result = ""
    if record.made is not None and record.state is not State.FAILED:
        result = _quoted(record.made.path)
    name = record.state.replace(" ", "-")
    return (
        f"<article><header><h3>{_text(record.photo)}</h3>"
        f'<span class="state {name}"><b>{_TITLES[record.state]}</b></span>'
        f'<span class="facts">{_figures_of(record, original, result)}</span></header>'
        f"{_pictures(report, record, original, result)}{_notes(record)}</article>"
    )


def _figures_of(record: Record, original: str, result: str) -> str:
    """Confidence, seconds and links."""
    facts = [] if record.confidence is None else [f"confidence {record.confidence:.2f}"]
    facts += [_seconds(record.seconds), f'<a href="{original}">original</a>']
    if result:
        what = "result" if record.state is State.DONE else "project to review"
        facts.append(f'<a href="{result}">{what}</a>')
    return " · ".join(facts)


def _pictures(report: Report, record: Record, original: str, result: str) -> str:
    """Before, mask and after side by side; nothing for a photo that could not be read."""
    pictures = Pictures(report.out, record.photo)
    if not pictures.before.is_file():
        return ""
    phrases = ", ".join(dict.fromkeys(step.phrase for step in report.recipe.steps))
    done = record.state is State.DONE
    figures = (
        _figure("Before", pictures.before, original),
        _figure(f"Mask of {phrases}", pictures.mask, otherwise="No mask"),
        _figure("After", pictures.after, result)
        if done
        else _figure("After", otherwise=_NO_RESULT[record.state]),
    )
    return f'<div class="pictures">{"".join(figures)}</div>'


def _notes(record: Record) -> str:
    # What was not found says so in message and notes alike.
    lines = dict.fromkeys(line for line in (record.message, *record.notes) if line)
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _figure(caption: str, picture: Path | None = None, link: str = "", otherwise: str = "") -> str:
    inside = f'<span class="none">{_text(otherwise)}</span>'
    if picture is not None and picture.is_file():
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        inside = f'<img src="data:image/jpeg;base64,{data}" alt="{_text(caption)}" loading="lazy">'
    frame = f"<div>{inside}</div>"
    if link:
        frame = f'<a href="{link}">{frame}</a>'
    return f"<figure>{frame}<figcaption>{_text(caption)}</figcaption></figure>"


def _link(path: Path, start: Path) -> str:
    """A link from the page to a file: relative, so that both can be moved together."""
    try:
        return _quoted(Path(os.path.relpath(path, start)).as_posix())
    except ValueError:  # On another drive.
        return path.absolute().as_uri()


def _quoted(path: str) -> str:
    return html.escape(urllib.parse.quote(path.encode("utf-8", "surrogateescape")))


def _text(text: str) -> str:
    return html.escape(shown(text))


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else time_text(seconds)
