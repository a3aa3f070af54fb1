"""The menus of the window, made from the table in `actions`, and what can be used of them now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QWidget

from ovedit.ui.actions import ACTIONS, MENUS, Action
from ovedit.ui.commands.context import Context
from ovedit.ui.icons import icon


class Menus(QObject):
    """Fills the menu bar of a window and makes the shortcuts work in it.

    canvas: what the keys of the actions that are `canvas_only` belong to.

    actions: the QAction of each row of the table, by id. recent: the menu of recent files.

    Signals: refreshed() after it was found out what can be used now; recent_chosen(path).
    """

    refreshed = Signal()
    recent_chosen = Signal(str)

    def __init__(self, window: QMainWindow, canvas: QWidget, context: Context) -> None:
        super().__init__(window)
        self._context = context
        self._menus = {title: window.menuBar().addMenu(title) for title in MENUS}
        self.actions: dict[str, QAction] = {}
        for row in ACTIONS:
            action = self.actions[row.id] = self._action(row)
            if row.separator:
                self._menus[row.menu].addSeparator()
            self._menus[row.menu].addAction(action)
            (canvas if row.canvas_only else window).addAction(action)
        self.recent = QMenu("Open &recent", window)
        self["&File"].insertMenu(self.actions["save"], self.recent)
        for menu in self._menus.values():
            menu.aboutToShow.connect(self.refresh)

    def __getitem__(self, title: str) -> QMenu:
        """The menu of a title in `MENUS`."""
        return self._menus[title]

    def _action(self, row: Action) -> QAction:
        action = QAction(row.text, self)
        action.setObjectName(f"action-{row.id}")
        if row.icon:
            action.setIcon(icon(row.icon, "dim"))
            action.setIconVisibleInMenu(True)
        action.setToolTip(row.tip or row.text.replace("&", ""))
        action.setShortcuts([QKeySequence(keys) for keys in row.shortcut.split(" | ") if keys])
        if row.canvas_only:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.setCheckable(row.checked is not None)
        action.triggered.connect(lambda _on=False: self._trigger(row))
        return action

    def _trigger(self, row: Action) -> None:
        if row.when is None or row.when(self._context):
            self._context.run(row.do)
        self.refresh()

    def refresh(self) -> None:
        """Show which actions can be used now, and which are on."""
        for row in ACTIONS:
            action = self.actions[row.id]
            action.setEnabled(row.when is None or row.when(self._context))
            if row.checked is not None:
                action.setChecked(row.checked(self._context))
        self.refreshed.emit()

    def popup(self, title: str, at: QPoint) -> None:
        """Show a menu at a place of the screen."""
        self._menus[title].popup(at)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List the recent files."""
        self.recent.clear()
        for path in paths:
            action = self.recent.addAction(Path(path).name)
            action.setToolTip(path)
            action.triggered.connect(lambda _on=False, path=path: self.recent_chosen.emit(path))
        self.recent.setEnabled(bool(paths))
