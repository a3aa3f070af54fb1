"""Where docks and the window were, kept between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings

from ovedit import settings as settings_file

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

_VERSION = 1


class WindowState:
    """Keeps and restores a main window's geometry and docks."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        path = settings_file.config_folder() / "window.ini"
        self._store = QSettings(str(path), QSettings.Format.IniFormat)

    def restore(self) -> None:
        """Put everything where it was; at the first start, leave it as it is.

        A file that was damaged is no reason not to start: what is not understood is left out.
        """
        geometry, docks = self._store.value("geometry"), self._store.value("docks")
        if isinstance(geometry, QByteArray):
            self._window.restoreGeometry(geometry)
        if isinstance(docks, QByteArray):
            self._window.restoreState(docks, _VERSION)

    def keep(self) -> None:
        """Remember where everything is."""
        self._store.setValue("geometry", self._window.saveGeometry())
        self._store.setValue("docks", self._window.saveState(_VERSION))
        self._store.sync()
