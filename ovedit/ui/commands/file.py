"""File menu: new, open, save, close, and what was saved before a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QMessageBox

from ovedit.resources import resource_path
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.paths import OPEN_FILTER, SAMPLE, ask_where, start_folder
from ovedit.ui.messages import Message

_BACKGROUNDS = {"white": (255,) * 4, "black": (0, 0, 0, 255), "transparent": (0,) * 4}
_SAVE, _DISCARD, _KEEP = (
    QMessageBox.StandardButton.Save,
    QMessageBox.StandardButton.Discard,
    QMessageBox.StandardButton.Cancel,
)


def new_picture(c: Context) -> None:
    """Ask for a size and open an empty picture."""
    from ovedit.ui.dialogs.new import NewDialog

    session = c.window.session
    dialog = NewDialog(max_pixels=session.settings.max_pixels, parent=c.window)
    if dialog.exec():
        wanted = dialog.document
        pixels = np.zeros((wanted.size.height, wanted.size.width, 4), np.uint8)
        pixels[:] = _BACKGROUNDS[wanted.background]
        after_saving(c, lambda: session.show_pixels(pixels, "Untitled", "New picture"))


def ask_and_open(c: Context) -> None:
    """Ask for a file and open it."""
    path, _ = QFileDialog.getOpenFileName(c.window, "Open", start_folder(c), OPEN_FILTER)
    if path:
        open_path(c, Path(path))


def open_path(c: Context, path: Path) -> None:
    """Open a file; when it has been read, ask about changes that are not saved."""
    c.window.session.open(path, lambda: may_close(c))


def open_paths(c: Context, paths: Sequence[Path]) -> None:
    """Open the first of several files, and say what becomes of the others."""
    first, *others = paths

    def tell() -> None:
        if others:
            names = ", ".join(path.name for path in others)
            text = f"One document is open at a time: {names} was not opened."
            c.window.tell(Message(text, "warning"))

    c.window.session.open(first, lambda: may_close(c), tell)


def open_sample(c: Context) -> None:
    """Open the sample picture."""
    open_path(c, resource_path(*SAMPLE))


def save(c: Context) -> None:
    """Save the project where it is, or ask where."""
    path = c.window.session.path
    if path is None:
        save_as(c)
    else:
        c.window.session.save_project(path)


def save_as(c: Context) -> None:
    """Ask where to save the project."""
    suggested = Path(start_folder(c)) / f"{Path(c.window.session.name).stem}.ora"
    path = ask_where(c, "Save as", suggested, "OpenRaster (*.ora)", (".ora",))
    if path is not None:
        c.window.session.save_project(path)


def close(c: Context) -> None:
    """Close the document, after asking about changes that are not saved."""
    after_saving(c, c.window.session.close)


def quit_program(c: Context) -> None:
    """Close the window."""
    c.window.close()


def may_close(c: Context) -> bool:
    """Ask about changes that are not saved; False if the person wants to stay."""
    session = c.window.session
    if not session.background.finish():
        # Something that was being read or written failed: the person should see that first.
        return False
    if not session.modified:
        return True
    box = QMessageBox(c.window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Save the changes to {session.title}?")
    box.setInformativeText("Otherwise they are lost.")
    box.setStandardButtons(_SAVE | _DISCARD | _KEEP)
    box.setDefaultButton(_SAVE)
    answer = box.exec()
    if answer == _SAVE:
        save(c)
        session.background.finish()
        return not session.modified
    return answer == _DISCARD


def after_saving(c: Context, then: Callable[[], object]) -> None:
    """Ask about changes that are not saved; then go on, unless the person wants to stay."""
    if may_close(c):
        then()


def offer_recovery(c: Context) -> None:
    """After a crash, ask which of the autosaved documents to open again."""
    found = c.window.session.recoverable()
    if not found:
        return
    from ovedit.ui.dialogs.recover import Recoverable, RecoverDialog

    rows = [
        Recoverable(
            str(index),
            each.name,
            each.saved_at.strftime("%d %B, %H:%M"),
            QImage.fromData(each.thumbnail),
        )
        for index, each in enumerate(found)
    ]
    dialog = RecoverDialog(rows, parent=c.window)
    accepted = dialog.exec()
    if dialog.discarded:
        from ovedit.io import autosave

        for each in found:
            autosave.discard(each)
    elif accepted and dialog.chosen:
        note = "One document is open at a time: the others are offered at the next start."
        several = len(dialog.chosen) > 1
        c.window.session.recover(found[int(dialog.chosen[0])], note if several else "")
