"""The list of all shortcuts, with a field to find one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from ovedit.ui.dialogs.form import FormDialog


@dataclass(frozen=True)
class Shortcut:
    """One row: the group it belongs to, what it does, and its keys ("Ctrl+Z", "[", "Space")."""

    group: str
    text: str
    keys: str


class ShortcutsDialog(FormDialog):
    """Shows the shortcuts by group; typing keeps those whose words or keys hold the text."""

    def __init__(self, shortcuts: Sequence[Shortcut], parent: QWidget | None = None) -> None:
        super().__init__("Keyboard shortcuts", parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find an action or a key")
        self.search.setAccessibleName("Find an action or a key")
        self.search.setClearButtonEnabled(True)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Shortcuts")
        self.tree.setColumnCount(2)
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(12)
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setUniformRowHeights(False)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._fill(shortcuts)
        self.column.addWidget(self.search)
        self.column.addWidget(self.tree, 1)
        self.add_button("Close", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()
        self.resize(460, 560)
        self.search.textChanged.connect(self._filter)

    def _fill(self, shortcuts: Sequence[Shortcut]) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        for shortcut in shortcuts:
            group = groups.get(shortcut.group)
            if group is None:
                group = groups[shortcut.group] = QTreeWidgetItem(self.tree, [shortcut.group])
                font = self.tree.font()
                font.setPixelSize(12)
                font.setWeight(font.Weight.DemiBold)
                group.setFont(0, font)
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                group.setSizeHint(0, group.sizeHint(0).expandedTo(self.search.sizeHint()))
            native = QKeySequence(shortcut.keys).toString(QKeySequence.SequenceFormat.NativeText)
            item = QTreeWidgetItem(group, [shortcut.text, native or shortcut.keys])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.tree.expandAll()

    def _filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for place in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(place)
            if group is None:
                continue
            shown = 0
            for row in range(group.childCount()):
                item = group.child(row)
                if item is None:
                    continue
                hit = wanted in item.text(0).casefold() or wanted in item.text(1).casefold()
                item.setHidden(not hit)
                shown += hit
            group.setHidden(not shown)
