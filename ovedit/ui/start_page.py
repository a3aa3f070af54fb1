"""What the window shows while no document is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import paint_icon
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import RADIUS_CARD
from ovedit.ui.widgets.basics import Thumbnail, label, set_role

_WIDTH = 760
_COLUMNS = 4
_STEPS = (
    ("search", "Type what you see", "“wooden bench” gives a mask with sharp edges."),
    ("brush", "Correct it", "Move the threshold, brush, grow or feather; then accept."),
    ("replace", "Type what you want", "Remove, Replace or Restyle adds one new layer."),
)


@dataclass(frozen=True)
class RecentFile:
    """A file that was open before: its path, its name as shown, and a small picture of it."""

    path: str
    name: str
    detail: str = ""
    thumbnail: QImage = field(default_factory=QImage)


def dropped_paths(data: QMimeData) -> tuple[str, ...]:
    """Paths of the files of this machine in what is dragged."""
    return tuple(url.toLocalFile() for url in data.urls() if url.isLocalFile())


class DropArea(QFrame):
    """A large area with a dashed outline that takes files."""

    dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._over = False
        self.setAccessibleName("Drop area")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Light up for files."""
        if dropped_paths(event.mimeData()):
            self._over = True
            self.update()
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Go back to rest."""
        self._over = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand over the paths of dropped files."""
        self._over = False
        self.update()
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the dashed outline."""
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(t.accent if self._over else t.border_strong), 1.5)
        pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.setBrush(QColor(t.selected if self._over else t.panel))
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_CARD, RADIUS_CARD
        )


class _Glyph(QWidget):
    """An icon on its own, in one of the theme's colours."""

    def __init__(self, name: str, side: int, colour: str = "dim") -> None:
        super().__init__()
        self._name, self._colour = name, colour
        self.setFixedSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_icon(QPainter(self), QRectF(self.rect()), self._name, getattr(tokens(), self._colour))


class _RecentButton(QAbstractButton):
    """A recent file: its picture and its name."""

    def __init__(self, recent: RecentFile) -> None:
        super().__init__()
        self.setText(recent.name)
        self.setToolTip(recent.path)
        self.setAccessibleName(f"Open {recent.name}")
        self.setAccessibleDescription(recent.path)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._detail = recent.detail
        self._thumbnail = Thumbnail(168, 112, 6, self)
        self._thumbnail.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._thumbnail.set_image(recent.thumbnail)
        self._thumbnail.move(6, 6)
        self.setFixedSize(180, 162)

    def sizeHint(self) -> QSize:
        return QSize(180, 162)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(QColor(t.accent), 1) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.panel))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        metrics = self.fontMetrics()
        middle = Qt.TextElideMode.ElideMiddle
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(t.text))
        painter.drawText(8, 122, 164, 18, left, metrics.elidedText(self.text(), middle, 164))
        painter.setPen(QColor(t.selected_dim))
        painter.drawText(8, 140, 164, 18, left, metrics.elidedText(self._detail, middle, 164))


class StartPage(QScrollArea):
    """A drop area, Open, Open sample, recent files, and three lines on what to do.

    Signals:
        open_requested(), sample_requested(): choose a file; open the sample picture.
        recent_requested(str): open the file at this path.
        files_dropped(tuple[str, ...]): paths of the files that were dropped.
    """

    open_requested = Signal()
    sample_requested = Signal()
    recent_requested = Signal(str)
    files_dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        # A scroll area hands on only the drops that its viewport takes.
        self.viewport().setAcceptDrops(True)
        page = QWidget()
        page.setObjectName("rows")
        self.setWidget(page)
        outer = QHBoxLayout(page)
        outer.setContentsMargins(24, 24, 24, 24)
        outer.addStretch(1)
        holder = QWidget()
        holder.setMaximumWidth(_WIDTH)
        outer.addWidget(holder, 100)
        outer.addStretch(1)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(24)
        column.addStretch(2)
        self.message = label()
        self.message.setWordWrap(True)
        self.message.setAccessibleName("Message")
        set_role(self.message, role="message")
        self.message.hide()
        column.addWidget(self.message)
        column.addWidget(self._build_drop_area())
        column.addLayout(self._build_steps())
        self._recent = QWidget()
        box = QVBoxLayout(self._recent)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        heading = label("Recent", "heading")
        set_role(heading, on="canvas")
        heading.setContentsMargins(6, 0, 0, 0)
        box.addWidget(heading)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        box.addLayout(self._grid)
        column.addWidget(self._recent)
        column.addStretch(3)
        self._recent.hide()

    def _build_drop_area(self) -> DropArea:
        area = DropArea()
        area.setMinimumHeight(248)
        area.dropped.connect(self.files_dropped)
        self.open_button = QPushButton("Open…")
        set_role(self.open_button, primary=True)
        self.open_button.clicked.connect(self.open_requested)
        self.sample_button = QPushButton("Open sample")
        self.sample_button.clicked.connect(self.sample_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.sample_button)
        buttons.addStretch(1)
        title = label("Drop a photo here", "title")
        about = label("PNG, JPEG, WebP, TIFF, BMP, GIF or an OpenRaster project", "dim")
        column = QVBoxLayout(area)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(_Glyph("image", 40), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(4)
        column.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(about, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addLayout(buttons)
        column.addStretch(1)
        return area

    def _build_steps(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(6, 0, 6, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        for row, (glyph, title, words) in enumerate(_STEPS):
            grid.addWidget(_Glyph(glyph, 18, "accent"), row, 0)
            grid.addWidget(label(title, "strong"), row, 1)
            more = label(words)
            more.setWordWrap(True)
            grid.addWidget(more, row, 2)
        grid.setColumnStretch(2, 1)
        return grid

    def show_message(self, text: str) -> None:
        """Say one sentence above the drop area; empty takes it away."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def set_recent(self, files: Sequence[RecentFile]) -> None:
        """Show these recent files, the newest first; the page has room for eight."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for place, recent in enumerate(files[: 2 * _COLUMNS]):
            button = _RecentButton(recent)
            button.clicked.connect(
                lambda _checked=False, path=recent.path: self.recent_requested.emit(path)
            )
            self._grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
        self._grid.setColumnStretch(_COLUMNS, 1)
        self._recent.setVisible(bool(files))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files anywhere on the page."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand over the paths of dropped files."""
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(paths)
