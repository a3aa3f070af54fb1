"""The history dock: every step, the present one in bold, undone ones dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import icon
from ovedit.ui.panels import LEAST_HEIGHT
from ovedit.ui.theme import tokens
from ovedit.ui.widgets.basics import label
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.header import PanelHeader
from ovedit.ui.widgets.keys import ENTER, UP_DOWN, keeps

_Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT = 30


class _Steps(QAbstractListModel):
    """The names of the steps and which one the document is at."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.names: tuple[str, ...] = ()
        self.present = -1

    def show(self, names: tuple[str, ...], present: int) -> None:
        """Take new steps, touching only the rows that differ."""
        old = self.names
        same = 0
        while same < min(len(old), len(names)) and old[same] == names[same]:
            same += 1
        nowhere = QModelIndex()
        if len(old) > same:
            self.beginRemoveRows(nowhere, same, len(old) - 1)
            self.names = old[:same]
            self.endRemoveRows()
        if len(names) > same:
            self.beginInsertRows(nowhere, same, len(names) - 1)
            self.names = names
            self.endInsertRows()
        if present != self.present:
            self.present = present
            if names:
                self.dataChanged.emit(self.index(0), self.index(len(names) - 1))

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        name = self.names[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            if index.row() == self.present:
                return f"{name}, the present state"
            return f"{name}, undone" if index.row() > self.present else name
        return None


class _StepDelegate(QStyledItemDelegate):
    """Draws a step."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(100, _ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        t = tokens()
        model = index.model()
        assert isinstance(model, _Steps)
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        view = option.widget  # type: ignore[attr-defined]
        painter.save()
        if state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(t.hover))
        present, undone = index.row() == model.present, index.row() > model.present
        font = view.font()
        if present:
            font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        # Done steps are history (secondary); undone ones are slanted as well, not only paler.
        if undone:
            font.setItalic(True)
            painter.setFont(font)
        painter.setPen(QColor(t.text if present else t.dim))
        box = rect.adjusted(12, 0, -12, 0)
        text = QFontMetrics(font).elidedText(index.data(), Qt.TextElideMode.ElideRight, box.width())
        if undone:
            painter.setOpacity(0.75)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.setOpacity(1)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(t.accent), 1))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        painter.restore()


class _StepView(QListView):
    """The list of steps; Enter and Space jump to the current one."""

    jump = Signal(int)

    def __init__(self, steps: _Steps) -> None:
        super().__init__()
        self._steps = steps
        self.setModel(steps)

    def show_present(self) -> None:
        """Scroll to the present step."""
        if self._steps.names:
            self.scrollTo(self._steps.index(self._steps.present))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the present step in sight."""
        super().resizeEvent(event)
        self.show_present()

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        return keeps(event, ENTER | UP_DOWN | {Qt.Key.Key_Space}) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if self.currentIndex().isValid():
                self.jump.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)


class HistoryPanel(QWidget):
    """The steps of the document's history.

    Signals: jump_requested(int) with the index of the step to go to.
    """

    jump_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.header = PanelHeader("History")
        self._notice = QWidget()
        line = QHBoxLayout(self._notice)
        line.setContentsMargins(12, 4, 8, 4)
        line.setSpacing(8)
        self._notice_icon = QLabel()
        self._notice_text = label("", "dim")
        self._notice_text.setWordWrap(True)
        close = IconButton("cross", "Close this notice")
        close.clicked.connect(lambda: self.set_notice(""))
        line.addWidget(self._notice_icon, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._notice_text, 1)
        line.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._notice.hide()
        self._steps = _Steps(self)
        self.view = _StepView(self._steps)
        self.view.setAccessibleName("History")
        self.view.setMinimumHeight(LEAST_HEIGHT)
        self.view.setItemDelegate(_StepDelegate(self.view))
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.clicked.connect(lambda index: self._jump(index.row()))
        self.view.jump.connect(self._jump)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._notice)
        layout.addWidget(self.view, 1)

    def set_steps(self, names: Sequence[str], present: int) -> None:
        """Show the steps, the oldest first; the document is at step number `present`."""
        self._steps.show(tuple(names), present)
        self.view.show_present()

    def set_notice(self, text: str) -> None:
        """Say something about the history, for example what was pruned; empty for nothing."""
        self._notice_icon.setPixmap(
            icon("info", "accent").pixmap(QSize(18, 18), self.devicePixelRatioF())
        )
        self._notice_text.setText(text)
        self._notice.setVisible(bool(text))

    def _jump(self, index: int) -> None:
        if index != self._steps.present:
            self.jump_requested.emit(index)
