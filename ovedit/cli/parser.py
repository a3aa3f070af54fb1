"""The words that the command line understands."""

from __future__ import annotations

import argparse
from functools import partial
from typing import NoReturn

from ovedit import __version__
from ovedit.cli.models import add_models

PRESETS = ("fast", "balanced", "quality")
SHORTCUTS = {
    "method": "how a selecting engine reads CLIP, for example sclip or corrclip",
    "refine": "how it finds sharp edges, for example sam2-vote or none",
    "layers": "the blocks of CLIP that it brings together, for example 7,8,10,12",
}
"""Settings of engines that have an option of their own."""

_EXAMPLES = """examples:
  ovedit select photo.jpg --prompt "wooden bench, tree" --overlay seen.png
  ovedit remove photo.jpg --prompt "person" -o without.png
  ovedit replace photo.jpg --prompt "wooden bench" --edit "metal bench" -o out.png
  ovedit restyle photo.jpg --prompt "sky" --edit "golden" -o out.ora
  ovedit batch metal.toml photos -o out  the same to every photo of a folder
  ovedit models list                     better engines: what they cost, what is here
  ovedit photo.jpg                       open the window on a picture

exit codes: 0 done, 1 nothing found or failed, 2 bad use, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command` in its answer says which one it is."""
    parser = _Parser(
        prog="ovedit",
        description="Type what you see, get an editable mask; type what you want, get a new layer.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"OVEdit {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    _add_select(commands)
    _add_edit(commands, "remove", "remove what the phrase names")
    _add_edit(commands, "replace", "replace it with something else")
    _add_edit(commands, "restyle", "give it another colour or material")
    _add_batch(commands)
    info = commands.add_parser(
        "info",
        help="show version, engines and where things are, or what a picture says of itself",
        allow_abbrev=False,
    )
    info.add_argument(
        "image", metavar="IMAGE", nargs="?", help="tell of this picture whether AI edited it"
    )
    info.add_argument("--json", action="store_true", help="print it as JSON")
    info.add_argument(
        "--preset",
        choices=PRESETS,
        help="print every setting of an engine in this preset, and why it is so",
    )
    info.add_argument(
        "--engine", metavar="NAME", help="whose settings --preset prints; default: clip-sam2"
    )
    add_models(commands)
    return parser


def _add_select(commands: argparse._SubParsersAction) -> None:
    select = commands.add_parser(
        "select",
        help="find what a phrase names and write its mask",
        description="Find what the phrases name. Without --out, --overlay or --json, say what was "
        "found.",
        allow_abbrev=False,
    )
    _add_image(select)
    select.add_argument(
        "--prompt",
        "-p",
        required=True,
        metavar="PHRASES",
        help='what to look for, comma-separated: "wooden bench, tree"',
    )
    select.add_argument(
        "--out",
        "-o",
        metavar="FILE",
        help="write the mask, white on black (with several masks one file each: FILE-label); "
        ".ora keeps picture and masks in one project",
    )
    select.add_argument("--overlay", metavar="FILE", help="write the picture with the masks on it")
    select.add_argument("--json", action="store_true", help="print what was found as JSON")
    select.add_argument(
        "--top-k",
        type=_at_least_one,
        default=3,
        metavar="N",
        help="candidates per phrase that --json lists (default 3)",
    )
    _add_threshold(select)
    _add_engine(select)


def _add_edit(commands: argparse._SubParsersAction, name: str, what: str) -> None:
    edit = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.", allow_abbrev=False
    )
    _add_image(edit)
    edit.add_argument(
        "--prompt",
        "-p",
        metavar="PHRASES",
        help='what to change, comma-separated: "wooden bench"; with --mask: what the mask shows',
    )
    edit.add_argument("--mask", metavar="FILE", help="change what is white in this picture instead")
    if name == "remove":
        edit.add_argument(
            "--shadow", action="store_true", help="remove its shadow or reflection too, if found"
        )
    else:
        edit.add_argument(
            "--edit", "-e", required=True, metavar="TEXT", help='what is wanted: "metal bench"'
        )
        edit.add_argument(
            "--negative", default="", metavar="TEXT", help="what is not wanted (models only)"
        )
    edit.add_argument(
        "--out",
        "-o",
        required=True,
        metavar="FILE",
        help="write the result: .png, .jpg, .webp, .tif, or .ora, which keeps the layers",
    )
    edit.add_argument("--json", action="store_true", help="print what was done as JSON")
    edit.add_argument(
        "--no-provenance",
        action="store_true",
        help="do not say in the file that generative AI made parts of the picture",
    )
    edit.add_argument(
        "--watermark",
        action="store_true",
        help="mark what generative AI painted invisibly; ovedit info IMAGE finds it",
    )
    edit.add_argument(
        "--seed", type=_not_negative, default=0, metavar="N", help="another one, another result"
    )
    edit.add_argument(
        "--grow", type=_not_negative, metavar="PX", help="grow the mask by so many pixels first"
    )
    edit.add_argument(
        "--feather", type=_not_negative, metavar="PX", help="soften its edge over so many pixels"
    )
    _add_threshold(edit)
    _add_engine(edit, edits=True)


def _add_batch(commands: argparse._SubParsersAction) -> None:
    batch = commands.add_parser(
        "batch",
        help="follow a recipe over a folder of photos",
        description="Do what a recipe says to every photo of a folder. Originals are never written "
        "over; what was found with too little confidence is held for review; run again, it goes on "
        "where it stopped.",
        epilog="exit codes: 0 all photos are done, 1 some are held for review or failed",
        allow_abbrev=False,
    )
    batch.add_argument("recipe", metavar="RECIPE.toml", help="see README.md for how it looks")
    batch.add_argument("folder", metavar="FOLDER", help="where the photos are")
    batch.add_argument(
        "--out", "-o", metavar="FOLDER", help="where results, review and report.html go"
    )
    batch.add_argument("--again", action="store_true", help="do what is through already once more")
    batch.add_argument(
        "--dry-run", action="store_true", help="only look for what it names, and write nothing"
    )
    batch.add_argument("--json", action="store_true", help="print what was done as JSON")
    batch.add_argument("--quiet", "-q", action="store_true", help="no progress, no lines")


def _add_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="a picture, or an .ora project")


def _add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=_share,
        metavar="T",
        help="cut the masks at this score, 0 (large) to 1 (small); default: the engine's choice",
    )


def _add_engine(parser: argparse.ArgumentParser, *, edits: bool = False) -> None:
    """Who works and how; `edits`: who edits, and beside it who selects."""
    group = parser.add_argument_group("engine")
    does = "who edits, and selects too if it can" if edits else "who selects"
    group.add_argument(
        "--engine", metavar="NAME", help=f"{does}; see ovedit info; default: your settings'"
    )
    if edits:
        group.add_argument(
            "--model",
            metavar="MODEL",
            help="what paints: an id of ovedit models list, or a folder or file of your own",
        )
        group.add_argument(
            "--select-engine", metavar="NAME", help="who answers --prompt; default: your settings'"
        )
    group.add_argument("--preset", choices=PRESETS, help="speed against quality")
    group.add_argument(
        "--set",
        dest="options",
        action="append",
        default=[],
        type=_key_value,
        metavar="KEY=VALUE",
        help="a setting of the engine; may be given several times",
    )
    if edits:
        group.add_argument(
            "--select-set",
            dest="select_options",
            action="append",
            default=[],
            type=_key_value,
            metavar="KEY=VALUE",
            help="a setting of the engine that answers --prompt",
        )
    for name, what in SHORTCUTS.items():
        group.add_argument(
            f"--{name}",
            dest="select_options" if edits else "options",
            action="append",
            type=partial(_setting, name),
            metavar=name.upper(),
            help=f"{what}; the same as --{'select-' if edits else ''}set {name}=...",
        )
    group.add_argument("--quiet", "-q", action="store_true", help="no progress, no notes")


def _share(text: str) -> float:
    value = _number(text, float)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _at_least_one(text: str) -> int:
    value = int(_number(text, int))
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _not_negative(text: str) -> int:
    value = int(_number(text, int))
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def _number(text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError as e:
        wanted = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from e


def _setting(name: str, text: str) -> tuple[str, str]:
    return name, text.strip()


def _key_value(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form key=value")
    return key.strip(), value.strip()
