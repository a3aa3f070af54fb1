"""`ovedit models`: which models there are, what each costs, and getting, checking, removing them.

Loads no torch. Nothing asks a network but `get`.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from ovedit.cli.progress import ProgressBar
    from ovedit.engine.library import Model, ModelState, TransferListener
    from ovedit.engine.models.library import LocalLibrary

_FOR = {
    "text-image": "finds by words",
    "features": "describes patches",
    "masks": "masks at clicks",
    "concepts": "masks by phrase",
    "inpaint": "paints by text",
    "erase": "removes",
    "preview": "previews",
    "adapter": "fewer steps",
}
_EXAMPLES = """examples:
  ovedit models list                     what there is, what it costs, what is here
  ovedit models get sd15-inpainting      download it, or go on with a download
  ovedit models add /media/usb/sd15      use a folder copied by hand, where it lies

Downloads go to the folder that other programs of the hub share: HF_HOME, HF_HUB_CACHE.
Respected as well: HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN, HTTPS_PROXY."""


def add_models(commands: argparse._SubParsersAction) -> None:
    """Add the words of `ovedit models` to the parser's commands."""
    from argparse import RawDescriptionHelpFormatter

    models = commands.add_parser(
        "models",
        help="list, download, check and remove the models of better engines",
        description="Models make better engines work. Nothing is downloaded unasked.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = models.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=type(models)
    )

    def verb(name: str, what: str, *, json: bool = False) -> argparse.ArgumentParser:
        description = f"{what[0].upper()}{what[1:]}."
        made = verbs.add_parser(name, help=what, description=description, allow_abbrev=False)
        if json:
            made.add_argument("--json", action="store_true", help="print it as JSON")
        return made

    verb("list", "show every model, its size, its licence and whether it is here", json=True)
    info = verb("info", "show all that is known of a model, and where it is", json=True)
    info.add_argument("id", metavar="ID", help="see ovedit models list")
    get = verb("get", "download models, going on where a download was cut off")
    get.add_argument("ids", metavar="ID", nargs="+", help="see ovedit models list")
    get.add_argument(
        "--accept-licence",
        action="store_true",
        help="accept terms that restrict what may be done with the pictures",
    )
    get.add_argument("--quiet", "-q", action="store_true", help="no progress, no notes")
    remove = verb("remove", "delete models, and what was begun of them")
    remove.add_argument("ids", metavar="ID", nargs="+", help="see ovedit models list")
    verify = verb("verify", "read models and compare size and hash of every file", json=True)
    verify.add_argument("ids", metavar="ID", nargs="*", help="default: all that are here")
    verify.add_argument("--quiet", "-q", action="store_true", help="no progress")
    path = verb("path", "print the folder of a model that is here")
    path.add_argument("id", metavar="ID", help="see ovedit models list")
    add = verb("add", "use a model in a folder or file of your own, where it lies")
    add.add_argument(
        "folder",
        metavar="FOLDER|FILE",
        help="copied by hand, or from the hub's cache; a checkpoint as one .safetensors",
    )
    add.add_argument("--as", dest="id", default="", metavar="ID", help="which model it is")


def run_models(arguments: argparse.Namespace) -> int:
    """Do what the verb says; the exit code."""
    from ovedit.engine.models.library import LocalLibrary
    from ovedit.settings import load

    verbs: dict[str, Callable[[argparse.Namespace, LocalLibrary], int]] = {
        "list": _list,
        "info": _info,
        "get": _get,
        "remove": _remove,
        "verify": _verify,
        "path": _path,
        "add": _add,
    }
    return verbs[arguments.verb](arguments, LocalLibrary(offline=load().offline))


def _list(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.units import size_text

    states = library.states()
    if arguments.json:
        _print_json([_facts(model, state) for model, state in states])
        return 0
    rows = [
        (
            model.id,
            _FOR[model.task],
            size_text(model.download_size),
            _licence_text(model),
            _here_text(model, state),
        )
        for model, state in states
    ]
    _print_table(("MODEL", "WHAT FOR", "SIZE", "LICENCE", "HERE"), rows, right={2})
    print(f"\nDownloads go to {library.download_folder()}, {_free_text(library)}.")
    return 0


def _info(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.units import size_text

    model = library.model(arguments.id)
    state = library.state(model.id)
    if arguments.json:
        _print_json(_facts(model, state))
        return 0
    memory = (f"{size_text(size)} as {dtype}" for dtype, size in model.memory.items())
    rows = [
        ("model", model.id),
        ("what for", _FOR[model.task]),
        ("good at", model.good_at),
        ("bad at", model.bad_at),
        ("licence", f"{_licence_text(model)}  {model.licence.url}".strip()),
        ("page", model.page),
        ("revision", model.revision),
        ("size", f"{size_text(model.download_size)} in {_files_text(len(model.files))}"),
        ("memory", ", ".join(memory)),
        ("trained at", ", ".join(f"{side} px" for side in model.native_sizes)),
        ("can", ", ".join(sorted(model.capabilities))),
        ("works with", ", ".join(model.base)),
        ("here", _here_text(model, state)),
        ("folder", str(state.folder or "")),
    ]
    print(model.title)
    for label, text in rows:
        if text:
            print(f"  {label:<11}{text}")
    if state.folder is None:
        for place in state.looked_in:
            print(f"  {'looked in':<11}{place}")
    print("  files")
    width = max(len(file.path) for file in model.files)
    for file in model.files:
        about = "" if file.exact else "about "
        missing = "  missing" if file.path in state.missing else ""
        print(f"    {file.path:<{width}}  {about}{size_text(file.size)}{missing}")
    return 0


def _get(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.cli.progress import ProgressBar
    from ovedit.units import size_text

    for model in _with_parts(library, arguments.ids):
        state = library.state(model.id)
        if state.folder is None:
            _tell_cost(arguments, model, state, library)
            _accept(arguments, model)
        try:
            with ProgressBar(quiet=arguments.quiet) as bar:
                folder = library.get(model.id, _show(bar))
        except KeyboardInterrupt:
            here = library.state(model.id).on_disk
            print(
                f"ovedit: Stopped; {size_text(here)} of {size_text(model.download_size)} are here. "
                f"`ovedit models get {model.id}` goes on from there.",
                file=sys.stderr,
            )
            return 130
        print(folder)
    return 0


def _with_parts(library: LocalLibrary, ids: Sequence[str]) -> list[Model]:
    """The models, each after those whose folders hold parts that it lacks."""
    wanted: dict[str, Model] = {}
    for model in [library.model(id) for id in ids]:
        for id in (*model.parts, model.id):
            wanted.setdefault(id, library.model(id))
    return list(wanted.values())


def _tell_cost(
    arguments: argparse.Namespace, model: Model, state: ModelState, library: LocalLibrary
) -> None:
    from ovedit.units import size_text

    if arguments.quiet:
        return
    begun = f", {size_text(state.on_disk)} of it here already" if state.on_disk else ""
    print(
        f"{model.title}: {size_text(model.download_size)}{begun}; {_free_text(library)}.\n"
        f"Licence: {_licence_text(model)} {model.licence.url}",
        file=sys.stderr,
    )


def _accept(arguments: argparse.Namespace, model: Model) -> None:
    """Ask for consent where the terms restrict the person. Raises `UsageError` where none comes."""
    from ovedit.errors import Cancelled, UsageError

    if arguments.accept_licence or not (model.licence.gated or not model.licence.commercial):
        return
    terms = f"{model.title} is given under {_licence_text(model)}, {model.licence.url}"
    if not sys.stdin.isatty():
        raise UsageError(f"{terms}.", "Read it, then give --accept-licence.")
    print(f"{terms}\nDo you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Cancelled()


def _remove(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.units import size_text

    for model in [library.model(id) for id in arguments.ids]:
        known = library.state(model.id).on_disk
        freed = library.remove(model.id)
        if freed:
            print(f"{model.id}: {size_text(freed)} freed")
        elif known:
            print(f"{model.id}: forgotten, its folder is as it was")
        else:
            print(f"{model.id}: nothing of it was here")
    return 0


def _verify(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.cli.progress import ProgressBar
    from ovedit.errors import DamagedModelError

    if arguments.ids:
        models = [library.model(id) for id in arguments.ids]
    else:
        models = [model for model, state in library.states() if state.folder is not None]
    report: dict[str, Any] = {}
    for model in models:
        try:
            with ProgressBar(quiet=arguments.quiet) as bar:
                checked = library.check(model.id, _show(bar))
        except DamagedModelError as error:
            print(f"ovedit: {error}", file=sys.stderr)
            report[model.id] = {"whole": False, "why": error.message}
            continue
        report[model.id] = {"whole": True, "files": {one.path: one.by.value for one in checked}}
        if not arguments.json:
            ways = [one.by.value for one in checked]
            by = ", ".join(f"{ways.count(way)} by {way}" for way in dict.fromkeys(ways))
            print(f"{model.id}: whole; {_files_text(len(ways))} compared, {by}")
    if arguments.json:
        _print_json(report)
    elif not models:
        print("No model is on this computer.")
    return 0 if all(entry["whole"] for entry in report.values()) else 1


def _path(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from ovedit.engine.models.library import not_here

    model = library.model(arguments.id)
    state = library.state(model.id)
    if state.folder is None:
        raise not_here(model, state)
    print(state.folder)
    return 0


def _add(arguments: argparse.Namespace, library: LocalLibrary) -> int:
    from pathlib import Path

    model = library.add(Path(arguments.folder), arguments.id)
    folder = library.state(model.id).folder
    print(f"{model.id}: {model.title}, used from {folder}")
    return 0


def _show(bar: ProgressBar) -> TransferListener:
    """A listener that draws the bar: how far, how fast, how long still, which file."""
    from ovedit.engine.library import TransferProgress
    from ovedit.units import size_text, time_text

    draw = bar.stage(0.0, 1.0)

    def show(progress: TransferProgress) -> None:
        parts = [f"{size_text(progress.done)} of {size_text(progress.total)}"]
        if progress.bytes_per_second:
            parts.append(f"{size_text(progress.bytes_per_second)}/s")
        if progress.seconds_left is not None:
            parts.append(f"{time_text(progress.seconds_left)} left")
        draw(progress.done / max(1, progress.total), "  ".join([*parts, progress.file]))

    return show


def _facts(model: Model, state: ModelState) -> dict[str, Any]:
    return {
        "id": model.id,
        "title": model.title,
        "task": model.task.value,
        "loader": model.loader,
        "repository": model.repository,
        "revision": model.revision,
        "page": model.page,
        "licence": {
            "name": model.licence.name,
            "url": model.licence.url,
            "gated": model.licence.gated,
            "commercial": model.licence.commercial,
        },
        "size": model.download_size,
        "parameters": model.parameters,
        "memory": dict(model.memory),
        "native_sizes": list(model.native_sizes),
        "capabilities": sorted(model.capabilities),
        "base": list(model.base),
        "good_at": model.good_at,
        "bad_at": model.bad_at,
        "own": model.own,
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256, "exact": file.exact}
            for file in model.files
        ],
        "presence": state.presence.value,
        "folder": None if state.folder is None else str(state.folder),
        "on_disk": state.on_disk,
        "missing": list(state.missing),
        "looked_in": [str(place) for place in state.looked_in],
    }


def _files_text(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _licence_text(model: Model) -> str:
    notes = ["gated"] if model.licence.gated else []
    notes += [] if model.licence.commercial else ["non-commercial"]
    return f"{model.licence.name} ({', '.join(notes)})" if notes else model.licence.name


def _here_text(model: Model, state: ModelState) -> str:
    if state.folder is not None:
        return "yes"
    if not state.on_disk:
        return "no"
    return f"{min(0.99, state.on_disk / max(1, model.download_size)):.0%}"


def _free_text(library: LocalLibrary) -> str:
    from ovedit.units import size_text

    return f"{size_text(library.free_bytes())} free there"


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: set[int]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = (
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
