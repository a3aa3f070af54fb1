"""Help menu."""

from __future__ import annotations

import re

from ovedit import __version__
from ovedit.resources import resource_path
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.file import may_close
from ovedit.ui.commands.paths import SAMPLE


def start_tour(c: Context) -> None:
    """Open the sample and lead through it."""
    window = c.window
    window.session.open(
        resource_path(*SAMPLE), lambda: may_close(c), lambda: window.tour.start(c.document)
    )


def show_shortcuts(c: Context) -> None:
    """List all shortcuts."""
    from ovedit.ui.actions import ACTIONS
    from ovedit.ui.dialogs.shortcuts import Shortcut, ShortcutsDialog

    rows = [
        Shortcut(
            spec.menu.replace("&", ""),
            re.sub("[&…]", "", spec.text),
            spec.shortcut.replace(" | ", " or "),
        )
        for spec in ACTIONS
        if spec.shortcut
    ]
    ShortcutsDialog(rows, parent=c.window).exec()


def about(c: Context) -> None:
    """Say what this is."""
    from ovedit.ui.dialogs.about import AboutDialog

    AboutDialog(__version__, c.window.session.settings, parent=c.window).exec()
