"""The command line: the same workflows as the window, without Qt.

Exit codes: 0 done, 1 nothing found or failed, 2 bad use, 130 interrupted.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ovedit.errors import Cancelled, EngineMissingError, OVEditError, UsageError
from ovedit.files import file_error

if TYPE_CHECKING:
    from argparse import Namespace

    from ovedit.engine.protocols import EngineProvider

COMMANDS = ("select", "remove", "replace", "restyle", "batch", "info", "models")
"""What the first word may be. Anything else is a file for the window."""

FAILED, BAD_USE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None, *, provider: EngineProvider | None = None) -> int:
    """Run a command, or open the window on the files named; returns the exit code.

    argv: the words after the program's name, or None for those it was started with.
    provider: the engines to ask, or None for all that are installed.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if not arguments or not (arguments[0] in COMMANDS or arguments[0].startswith("-")):
            return _open_window(arguments)
        from ovedit.cli.parser import build_parser

        code = _run(build_parser().parse_args(arguments), provider)
        if sys.stdout is not None:
            # What cannot be written is to be told here, not by Python at its end.
            sys.stdout.flush()
        return code
    except SystemExit as leaving:  # argparse has printed the help, or said what is wrong
        return leaving.code if isinstance(leaving.code, int) else FAILED
    except (KeyboardInterrupt, Cancelled):
        return _fail("Cancelled.", INTERRUPTED)
    except (UsageError, EngineMissingError) as error:
        return _fail(str(error), BAD_USE)
    except OVEditError as error:
        return _fail(str(error), FAILED)
    except BrokenPipeError:
        _discard_output()  # whoever read it has left
        return FAILED
    except OSError as error:
        # Files are read and written behind `FileError`: what is left is our own output.
        if error.filename is not None:
            return _bug(error)
        _discard_output()
        return _fail(str(file_error(Path("The output"), "written", error)), FAILED)
    except MemoryError:
        return _fail("There is not enough memory. Use a smaller picture.", FAILED)
    except Exception as error:
        return _bug(error)


def _discard_output() -> None:
    """Give what Python flushes at its end, which cannot be written, somewhere to go."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Namespace, provider: EngineProvider | None) -> int:
    command = arguments.command
    if command == "info":
        from ovedit.cli.info import run_info

        return run_info(arguments, provider)
    if command == "models":
        from ovedit.cli.models import run_models

        return run_models(arguments)
    if command == "batch":
        from ovedit.cli.batch import run_command

        return run_command(arguments, provider)
    if command == "select":
        from ovedit.cli.select import run_select

        return run_select(arguments, provider)
    from ovedit.cli.edit import run_edit

    return run_edit(arguments, provider)


def _open_window(files: Sequence[str]) -> int:
    for file in files[:1]:
        if not Path(file).suffix and not Path(file).exists():
            meant = difflib.get_close_matches(file, COMMANDS, 1)
            hint = f"Did you mean {meant[0]}?" if meant else f"Commands: {', '.join(COMMANDS)}."
            raise UsageError(f"There is no command or file {file!r}.", hint)
    from ovedit.app import main as open_window

    return open_window(list(files))


def _bug(error: Exception) -> int:
    if os.environ.get("OVEDIT_DEBUG"):
        traceback.print_exception(error)
    return _fail(
        f"This is a bug in OVEdit: {type(error).__name__}: {error}. "
        "Set OVEDIT_DEBUG=1 to see where, and report it.",
        FAILED,
    )


def _fail(message: str, code: int) -> int:
    print(f"ovedit: {' '.join(message.split())}", file=sys.stderr)
    return code
