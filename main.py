"""`python main.py [FILES…]` opens the window; with a command, as in `main.py info`, runs that."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window on the files named, or hand a command to the command line.

    A first word that is a command ("select", "remove", …) is a command; write a file that bears
    such a name as `./select`. Returns the exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    from ovedit.cli import COMMANDS

    if arguments and arguments[0] in (*COMMANDS, "-h", "--help", "--version"):
        from ovedit.cli import main as run_command

        return run_command(arguments)
    from ovedit.app import main as open_window

    return open_window(arguments)


if __name__ == "__main__":
    sys.exit(main())
