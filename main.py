"""`python main.py [FILES…]` opens the window; with a command, as in `main.py info`, runs that."""

from __future__ import annotations

import sys

from ovedit.cli import main

if __name__ == "__main__":
    sys.exit(main())
