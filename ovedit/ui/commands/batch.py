"""File menu: one recipe for all photos of a folder."""

from __future__ import annotations

from ovedit.ui.batch_desk import BatchDesk
from ovedit.ui.commands.context import Context


def show(c: Context) -> None:
    """Open the Batch dialog."""
    desk = c.window.findChild(BatchDesk)
    # Made when it is first wanted: most people never do.
    (desk or BatchDesk(c)).show()
