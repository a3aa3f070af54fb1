"""The status row: where the pointer is, zoom, the picture, the engine, and the running job."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStatusBar,
    QToolButton,
    QWidget,
)

from ovedit.geometry import Size
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.widgets.basics import ElidedLabel, ThinBar, label, seconds_left, set_role


def grouped(number: int) -> str:
    """Digits in groups of three with a thin space: 3 412."""
    return f"{number:,}".replace(",", "\u2009")


class StatusRow(QStatusBar):
    """Signals: cancel_requested(). `memory_menu` opens from the engine's name, empty till then."""

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.setFixedHeight(27)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(10, 0, 8, 0)
        layout.setSpacing(18)
        self._position = self._field("Position", "x 00 000   y 00 000")
        self._zoom = self._field("Zoom", "6 400 %")
        self._size = self._field("Picture", "")
        self._hint = ElidedLabel()
        self._hint.set_look(dimmed=True)
        self._engine = QToolButton()
        self._engine.setAccessibleName("Engine and models in memory")
        self._engine.setToolTip("The engine in use and the models in memory")
        self._engine.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._engine.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._engine.setFixedHeight(21)
        self.memory_menu = QMenu(self._engine)
        self._engine.setMenu(self.memory_menu)
        self._title = self._memory = ""
        self._job = ElidedLabel()
        self._job.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._bar = ThinBar("Progress of the running job")
        self._bar.setFixedWidth(160)
        self._left = self._field("Time left", "00:00 left")
        self._cancel = QPushButton("Cancel")
        set_role(self._cancel, small=True, panel=True)
        self._cancel.setFixedHeight(21)
        self._cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._cancel.setStyleSheet("min-height: 17px; padding: 0 8px; font-size: 12px;")
        self._cancel.clicked.connect(self.cancel_requested)
        for widget in (self._position, self._zoom, self._size):
            layout.addWidget(widget)
        layout.addWidget(self._hint, 1000)
        layout.addStretch(1)
        for widget in (self._engine, self._job, self._bar, self._left, self._cancel):
            layout.addWidget(widget)
        self.addWidget(row, 1)
        # Its own, not that of all parts together: in a narrow window some of them give way.
        row.setMinimumWidth(1)
        self._row = layout
        self._running = False
        self._of_job = (self._job, self._bar, self._left, self._cancel)
        self._give_way = (self._size, self._engine, self._left, self._position, self._bar)
        self.show_job(None)

    @staticmethod
    def _field(name: str, widest: str) -> QLabel:
        field = label()
        field.setAccessibleName(name)
        if widest:
            field.setMinimumWidth(field.fontMetrics().horizontalAdvance(widest))
        return field

    def show_position(self, x: float, y: float, size: Size) -> None:
        """The document pixel under the pointer, or nothing where there is none."""
        inside = 0 <= x < size.width and 0 <= y < size.height
        self._position.setText(f"x {grouped(int(x))}   y {grouped(int(y))}" if inside else "")

    def show_zoom(self, zoom: float) -> None:
        """The zoom, 1.0 being 100 %."""
        percent = zoom * 100
        self._zoom.setText(f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %")

    def show_picture(self, size: Size | None) -> None:
        """The picture's size and kind of pixels."""
        if size is None:
            self._size.setText("")
            self._zoom.setText("")
        else:
            text = f"{grouped(size.width)} × {grouped(size.height)} · sRGB · 8 bit"
            self._size.setText(text)

    def show_hint(self, text: str) -> None:
        """What the tool in hand does."""
        self._hint.set_text(text)

    def show_engine(self, title: str) -> None:
        """The engine that answers."""
        self._title = title
        self._engine.setText(self._memory or self._title)

    def show_memory(self, text: str) -> None:
        """What is in memory, in place of the engine's name; empty where nothing is."""
        self._memory = text
        self._engine.setText(self._memory or self._title)
        self._make_room()

    def show_job(self, job: JobView | None) -> None:
        """The running job, or None."""
        self._running = job is not None
        if job is not None:
            self._job.set_text(job.title)
            self._bar.set_fraction(job.fraction)
            self._left.setText("stopping" if job.cancelling else seconds_left(job.seconds_left))
            self._cancel.setEnabled(not job.cancelling)
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show what there is room for."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Show everything that is known, less what there is no room for, the first part first."""
        for widget in (self._position, self._zoom, self._size, self._engine):
            widget.show()
        for widget in self._of_job:
            widget.setVisible(self._running)
        self._hint.setVisible(not self._running)
        for widget in self._give_way:
            self._row.invalidate()
            if self._row.minimumSize().width() <= self.width():
                break
            widget.hide()
