"""The list of a batch's photos: a small picture, the name, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPixmap, QPixmapCache
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from ovedit.batch.ledger import HELD, Record, State
from ovedit.batch.photos import Photo
from ovedit.batch.pictures import Pictures
from ovedit.batch.report import shown
from ovedit.batch.run import Status
from ovedit.ui.theme import tokens

Index = QModelIndex | QPersistentModelIndex

_ROW, _WIDE, _HIGH, _EDGE = 56, 60, 44, 12
_NONE = QModelIndex()
_COLOURS = {
    State.DONE: "good",
    State.FOUND: "good",
    State.REVIEW: "warning",
    State.NOT_FOUND: "warning",
    State.FAILED: "bad",
}


class PhotoModel(QAbstractListModel):
    """The photos of a batch in their order. The row of the one under way is `active`."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._rows: dict[str, int] = {}
        self._records: dict[str, Record] = {}
        self._status: Status | None = None
        self._out = Path()

    @property
    def records(self) -> Sequence[Record]:
        """What is known of the photos so far."""
        return tuple(self._records.values())

    @property
    def active(self) -> QModelIndex:
        """The row of the photo under way, or none."""
        status = self._status
        return self._index(status.photo) if status is not None else _NONE

    def show_photos(self, photos: Sequence[Photo], records: Sequence[Record], out: Path) -> None:
        """List these photos. out: where their small pictures will be."""
        self.beginResetModel()
        self._names = [photo.name for photo in photos]
        self._rows = {name: row for row, name in enumerate(self._names)}
        self._records = {record.photo: record for record in records}
        self._status, self._out = None, out
        self.endResetModel()

    def show_status(self, status: Status | None) -> None:
        """Show what is under way, or that nothing is."""
        before, self._status = self._status, status
        if before is not None and (status is None or before.photo != status.photo):
            self._tell(before.photo)
        if status is not None:
            self._tell(status.photo)

    def put(self, record: Record) -> None:
        """Show what became of a photo."""
        self._records[record.photo] = record
        QPixmapCache.remove(str(self._pictures(record.photo).before))
        self._tell(record.photo)

    def record(self, index: Index) -> Record | None:
        """What became of the photo of a row, if it is through."""
        return self._records.get(self._names[index.row()]) if index.isValid() else None

    def rowCount(self, parent: Index = _NONE) -> int:
        """How many photos there are."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The photo's name, what became of it (tool tip), both (for screen readers)."""
        name = self._names[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown(name)
        record = self._records.get(name)
        if role == Qt.ItemDataRole.ToolTipRole:
            return record.message if record is not None and record.message else shown(name)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{shown(name)}, {self.words(index)}"
        return None

    def words(self, index: Index) -> str:
        """What became of a row's photo, in a few words."""
        name = self._names[index.row()]
        if self._is_active(name) and self._status is not None:
            status = self._status
            return f"{status.step} · {status.fraction:.0%}"
        record = self._records.get(name)
        return "waiting" if record is None else words_of(record)

    def colour(self, index: Index) -> str:
        """The colour of a row's dot, #rrggbb."""
        name, t = self._names[index.row()], tokens()
        if self._is_active(name):
            return t.accent
        record = self._records.get(name)
        return t.line if record is None else getattr(t, _COLOURS[record.state])

    def picture(self, index: Index) -> QPixmap:
        """The photo of a row, small: as it is now, or a null picture as long as there is none."""
        name = self._names[index.row()]
        record, pictures = self._records.get(name), self._pictures(name)
        if record is None and not self._is_active(name):
            return QPixmap()
        done = record is not None and record.state is State.DONE
        path = str(pictures.after if done else pictures.before)
        found = QPixmap()
        if not QPixmapCache.find(path, found):
            found = QPixmap.fromImage(QImage(path))
            if not found.isNull():
                QPixmapCache.insert(path, found)
        return found

    def _is_active(self, name: str) -> bool:
        return self._status is not None and self._status.photo == name

    def _pictures(self, name: str) -> Pictures:
        return Pictures(self._out, name)

    def _index(self, name: str) -> QModelIndex:
        return self.index(self._rows[name]) if name in self._rows else _NONE

    def _tell(self, name: str) -> None:
        index = self._index(name)
        if index.isValid():
            self.dataChanged.emit(index, index)


class PhotoList(QListView):
    """Shows a `PhotoModel`; thousands of photos cost no more than those in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.photos = PhotoModel(self)
        self.setModel(self.photos)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName("Photos")
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def selected(self) -> Record | None:
        """What became of the photo that is selected."""
        chosen = self.selectedIndexes()
        return self.photos.record(chosen[0]) if chosen else None


class _Painter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        photos = index.model()
        assert isinstance(photos, PhotoModel)
        t = tokens()
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        box = QRectF(option.rect)  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(box, QColor(t.selected))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, QColor(t.hover))
        frame = QRectF(box.x() + _EDGE, box.y() + (_ROW - _HIGH) / 2, _WIDE, _HIGH)
        _draw_picture(painter, frame, photos.picture(index))
        x = frame.right() + 12
        lines = QRectF(x, box.y() + 9, box.right() - x - 12, _ROW - 18)
        metrics = option.fontMetrics  # type: ignore[attr-defined]
        top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
        width = int(lines.width())
        name = metrics.elidedText(photos.data(index), Qt.TextElideMode.ElideMiddle, width)
        painter.setPen(QColor(t.text))
        painter.drawText(lines, top, name)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(photos.colour(index)))
        painter.drawEllipse(QRectF(x + 1, lines.bottom() - metrics.height() / 2 - 3.5, 7, 7))
        words = metrics.elidedText(photos.words(index), Qt.TextElideMode.ElideRight, width - 15)
        painter.setPen(QColor(t.selected_dim if selected else t.dim))
        painter.drawText(lines.adjusted(15, 0, 0, 0), bottom, words)
        painter.restore()


def _draw_picture(painter: QPainter, frame: QRectF, picture: QPixmap) -> None:
    t = tokens()
    frame = frame.adjusted(0.5, 0.5, -0.5, -0.5)
    path = QPainterPath()
    path.addRoundedRect(frame, 4, 4)
    painter.fillPath(path, QColor(t.raised))
    if not picture.isNull():
        size = QSize(picture.size()).scaled(
            frame.size().toSize(), Qt.AspectRatioMode.KeepAspectRatioByExpanding
        )
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(frame.center())
        painter.save()
        painter.setClipPath(path)
        painter.drawPixmap(target, picture, QRectF(picture.rect()))
        painter.restore()
    painter.setPen(QPen(QColor(t.line), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)


def words_of(record: Record) -> str:
    """What became of a photo, in a few words."""
    if record.state is State.FAILED:
        return record.message
    sure = "" if record.confidence is None else f" · confidence {record.confidence:.2f}"
    held = "to review" if record.state is State.REVIEW else record.state.value
    took = "" if record.state in HELD else f" · {record.seconds:.1f} s"
    return f"{held}{sure}{took}"
