"""The strip of variations above the prompt card."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ovedit.ui.gallery.gallery import Gallery, Slot
from ovedit.ui.gallery.thumb import SIZE, Thumb
from ovedit.ui.tokens import RADIUS_CARD
from ovedit.ui.widgets.basics import ElidedLabel
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.keys import keeps
from ovedit.ui.widgets.shadow import Shadow

_PADDING, _SPACING, _GAP = 10, 8, 8
_KEYS = frozenset(
    {
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_Return,
        Qt.Key.Key_Enter,
        Qt.Key.Key_Escape,
        Qt.Key.Key_M,
    }
)


class GalleryStrip(QFrame):
    """Shows a gallery; with none it is hidden.

    card: the widget that it lies above; the canvas is the parent of the strip.

    Signals: room_changed() after it takes more or less of the canvas; looked_at(Slot or None) for
    the one under the pointer or, with the focus, the current one; kept(Slot) by a click or Enter;
    more_requested(Slot); dropped() by Esc or the cross.
    """

    room_changed = Signal()
    looked_at = Signal(object)
    kept = Signal(object)
    more_requested = Signal(object)
    dropped = Signal()

    def __init__(self, gallery: Gallery, canvas: QWidget, card: QWidget) -> None:
        super().__init__(canvas)
        self.setAccessibleName("Variations")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._gallery, self._card = gallery, card
        self._thumbs: dict[Slot, Thumb] = {}
        self._current: Slot | None = None
        self._hovered: Slot | None = None
        self._looked_at: Slot | None = None
        self._build()
        self._shadow = Shadow(self, RADIUS_CARD)
        gallery.changed.connect(self._show)
        gallery.progressed.connect(self._show_thumbs)
        canvas.installEventFilter(self)
        card.installEventFilter(self)
        self.hide()

    def _build(self) -> None:
        self.title = ElidedLabel()
        close = IconButton("cross", "Drop all variations (Esc)")
        close.clicked.connect(self.dropped)
        head = QHBoxLayout()
        head.setContentsMargins(2, 0, 0, 0)
        head.addWidget(self.title, 1)
        head.addWidget(close)
        row = QWidget()
        row.setObjectName("rows")
        self._row = QHBoxLayout(row)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(_SPACING)
        self._row.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(row)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().setAutoFillBackground(False)
        row.setAutoFillBackground(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_PADDING, 6, _PADDING, _PADDING)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self._scroll)

    @property
    def current(self) -> Slot | None:
        """The one that Enter keeps."""
        return self._current

    @property
    def room(self) -> int:
        """What it and the card below it take of the lower edge of the canvas; 0 while hidden."""
        canvas = self.parentWidget()
        return 0 if canvas is None or self.isHidden() else canvas.height() - self.y() + _GAP

    @property
    def thumbs(self) -> tuple[Thumb, ...]:
        """What is shown, in order."""
        return tuple(self._thumbs.values())

    # -- showing ---------------------------------------------------------------------------------

    def _show(self) -> None:
        slots = self._gallery.slots
        for slot in [slot for slot in self._thumbs if slot not in slots]:
            gone = self._thumbs.pop(slot)
            gone.hide()
            gone.deleteLater()
        for slot in slots:
            if slot not in self._thumbs:
                self._add(slot)
        if self._current not in slots:
            self._current = None
        if self._hovered not in slots:
            self._hovered = None
        self._show_thumbs()
        self._show_title(slots)
        shown = bool(slots)
        if shown is self.isHidden():
            had_focus = self.hasFocus()
            self.setVisible(shown)
            if had_focus:
                self._card.setFocus()
        self.place()
        self.room_changed.emit()
        self._tell()

    def _add(self, slot: Slot) -> None:
        thumb = self._thumbs[slot] = Thumb(slot)
        thumb.clicked.connect(lambda: self._keep(slot))
        thumb.entered.connect(lambda: self._hover(slot))
        thumb.left.connect(lambda: self._hover(None))
        thumb.more_requested.connect(lambda: self.more_requested.emit(slot))
        self._row.insertWidget(self._row.count() - 1, thumb)

    def _show_thumbs(self) -> None:
        for number, (slot, thumb) in enumerate(self._thumbs.items(), 1):
            thumb.show_slot(number, current=slot is self._current)

    def _show_title(self, slots: tuple[Slot, ...]) -> None:
        here = sum(slot.variation is not None for slot in slots)
        words = ", ".join(dict.fromkeys(slot.words for slot in slots))
        count = f"{here} of {len(slots)}" if here < len(slots) else f"{here}"
        noun = "variation" if len(slots) == 1 else "variations"
        old = ", made before the picture was changed" if here and self._gallery.outdated else ""
        hint = " — click one to keep it" if here else ""
        self.title.set_text(f"{count} {noun}{old}", f"· {words}{hint}")
        self.title.setAccessibleName(f"{count} {noun}{old}: {words}")

    def place(self) -> None:
        """Go above the card, or to the lower edge of the canvas where the card is elsewhere."""
        canvas, card = self.parentWidget(), self._card
        if canvas is None or self.isHidden():
            return
        over = card.parentWidget() is canvas and card.isVisible()
        width = card.width() if over else max(0, min(760, canvas.width() - 32))
        bar = self._scroll.horizontalScrollBar()
        wanted = len(self._thumbs) * (SIZE.width() + _SPACING) - _SPACING
        scrolls = wanted > width - 2 * _PADDING - 2
        self._scroll.setFixedHeight(SIZE.height() + (bar.sizeHint().height() if scrolls else 0))
        height = self.sizeHint().height()
        bottom = card.y() - _GAP if over else canvas.height() - 22
        self.setGeometry((canvas.width() - width) // 2, bottom - height, width, height)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the card and the canvas."""
        if event.type() in (
            QEvent.Type.Resize,
            QEvent.Type.Move,
            QEvent.Type.Show,
            QEvent.Type.ParentChange,
        ):
            self.place()
        return False

    # -- choosing --------------------------------------------------------------------------------

    def _hover(self, slot: Slot | None) -> None:
        self._hovered = slot
        if slot is not None:
            self._current = slot
        self._show_thumbs()
        self._tell()

    def _step_to(self, index: int) -> None:
        slots = list(self._thumbs)
        if slots:
            # The pointer may lie on another one, but it is the keys that move now.
            self._hovered = None
            self._current = slots[max(0, min(index, len(slots) - 1))]
            self._scroll.ensureWidgetVisible(self._thumbs[self._current])
            self._show_thumbs()
            self._tell()

    def _tell(self) -> None:
        seen = self._hovered or (self._current if self.hasFocus() else None)
        if seen is not None and seen.variation is None:
            seen = None
        if seen is not self._looked_at:
            self._looked_at = seen
            self.looked_at.emit(seen)

    def _keep(self, slot: Slot | None) -> None:
        if slot is not None and slot.variation is not None:
            self.kept.emit(slot)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that mean something here from the window's shortcuts."""
        return keeps(event, _KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrows walk, Enter keeps, M asks for more, Esc drops all."""
        slots = list(self._thumbs)
        at = slots.index(self._current) if self._current in slots else -1
        match event.key():
            case Qt.Key.Key_Left:
                self._step_to(at - 1)
            case Qt.Key.Key_Right:
                self._step_to(at + 1)
            case Qt.Key.Key_Home:
                self._step_to(0)
            case Qt.Key.Key_End:
                self._step_to(len(slots) - 1)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._keep(self._current)
            case Qt.Key.Key_M:
                if self._current is not None and self._current.variation is not None:
                    self.more_requested.emit(self._current)
            case Qt.Key.Key_Escape:
                self.dropped.emit()
            case _:
                super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin with the first one."""
        super().focusInEvent(event)
        if self._current is None:
            self._step_to(0)
        self._tell()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show the document again."""
        super().focusOutEvent(event)
        self._tell()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep clicks beside the pictures from the canvas below."""
        event.accept()
