"""The prompt card itself: its lines, its place over the canvas, what it asks of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import icon
from ovedit.ui.messages import MessageKind
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.prompt.edit_line import EditLine
from ovedit.ui.prompt.job_line import JobLine
from ovedit.ui.prompt.message_bar import MessageBar
from ovedit.ui.prompt.outlook_line import OutlookLine
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import RADIUS_BUTTON, RADIUS_CARD
from ovedit.ui.widgets.basics import ElidedLabel, set_role
from ovedit.ui.widgets.buttons import GlyphButton, IconButton
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.history_popup import HistoryPopup
from ovedit.ui.widgets.shadow import Shadow

MAX_WIDTH = 760
LINE_HEIGHT = 34
_PADDING_X, _PADDING_Y, _SPACING = 11, 10, 8
_SIDE_MARGIN, _BOTTOM_MARGIN = 16, 22
_NARROW = 560
_ANY_SIZE = 16_777_215
"""Qt's own largest size of a widget."""


class PromptCard(QFrame):
    """The phrase and Select; then Remove, Replace or Restyle, the words for it, and Apply.

    engine_button: whoever owns the engines gives it a menu.

    Floating (the start), it keeps to the lower edge of its parent, 760 px wide at most. With
    `set_floating(False)` it can be put into a layout or a dock.

    Signals:
        select_requested(str): find what the phrase names.
        edit_requested(EditWish): remove, replace or restyle.
        cancel_requested(): stop the running job.
        message_action(str): the key of a button of the message.
        engines_requested(): the person wants a better engine.
        history_changed(tuple[str, ...], tuple[str, ...]): phrases and words, to be saved.
        escape(): Esc was pressed; the focus belongs back on the canvas.
    """

    select_requested = Signal(str)
    edit_requested = Signal(object)
    cancel_requested = Signal()
    message_action = Signal(str)
    engines_requested = Signal()
    history_changed = Signal(tuple, tuple)
    escape = Signal()

    _hint_mark: QLabel | None = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Prompt")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._floating = True
        self._can_select = True
        self._can_edit = False
        self._job: JobView | None = None
        self.message_bar = MessageBar()
        self.edit_line = EditLine()
        self._job_line = JobLine()
        self.outlook = OutlookLine()
        self._hint_line = self._build_hint_line()
        self._lines = QStackedWidget()
        self._lines.setFixedHeight(LINE_HEIGHT)
        for line in (self._hint_line, self.edit_line, self._job_line):
            self._lines.addWidget(line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_PADDING_X, _PADDING_Y, _PADDING_X, _PADDING_Y)
        layout.setSpacing(_SPACING)
        layout.addWidget(self.message_bar)
        layout.addLayout(self._build_phrase_line())
        layout.addWidget(self._lines)
        layout.addWidget(self.outlook)
        self.kind, self.words = self.edit_line.kind, self.edit_line.words
        self.apply_button = self.edit_line.apply_button
        self.cancel_button = self._job_line.cancel
        for field in (self.phrase, self.words):
            HistoryPopup(field)
        self._connect()
        self._shadow = Shadow(self, RADIUS_CARD) if parent is not None else None
        if parent is not None:
            parent.installEventFilter(self)
        set_role(self, floating=True)
        self._refresh()

    # -- building --------------------------------------------------------------------------------

    def _build_phrase_line(self) -> QHBoxLayout:
        self.phrase = HistoryField(
            "What to select", "Type what you see, for example wooden bench, tree"
        )
        self.select_button = GlyphButton("Select", "enter")
        set_role(self.select_button, primary=True)
        line = QHBoxLayout()
        line.setSpacing(8)
        self.engine_button = IconButton("settings", "Engine and preset")
        self.engine_button.setFixedSize(34, 34)
        line.addWidget(self.phrase, 1)
        line.addWidget(self.engine_button)
        line.addWidget(self.select_button)
        return line

    def _build_hint_line(self) -> QWidget:
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.setSpacing(8)
        self._hint_mark = QLabel()
        self._show_mark()
        self._hint = ElidedLabel()
        self._hint.set_look(dimmed=True)
        self.better_button = QPushButton("Better engines…")
        set_role(self.better_button, small=True)
        self.better_button.clicked.connect(self.engines_requested)
        layout.addWidget(self._hint_mark)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self.better_button)
        return page

    def _show_mark(self) -> None:
        # Qt tells of the palette before the label is there.
        if self._hint_mark is not None:
            pixmap = icon("engine", "dim").pixmap(QSize(16, 16), self.devicePixelRatioF())
            self._hint_mark.setPixmap(pixmap)

    def _connect(self) -> None:
        self.phrase.entered.connect(lambda _text: self._select())
        self.select_button.clicked.connect(self._select)
        self.edit_line.applied.connect(self._apply)
        self.edit_line.changed.connect(self._refresh)
        self.outlook.changed.connect(self._refresh)
        self.outlook.models_requested.connect(lambda key: self.message_action.emit(key))
        self._job_line.cancel_requested.connect(self.cancel_requested)
        self.message_bar.pressed.connect(self._message_button)
        for field in (self.phrase, self.words):
            field.escape.connect(self.escape)
            field.installEventFilter(self)
            field.textChanged.connect(self._refresh)

    # -- what the window sets --------------------------------------------------------------------

    def set_can_select(self, can: bool) -> None:
        """Whether there is a picture to select in."""
        self._can_select = can
        self._refresh()

    def set_can_edit(self, can: bool) -> None:
        """Whether there is a mask to act on: shows or hides the second line's controls."""
        self._can_edit = can
        self._refresh()

    def set_engine(self, title: str, hint: str) -> None:
        """The engine in use and one line on what it understands, shown until there is a mask."""
        self._hint.set_text(": ".join(filter(None, (title, hint))))
        self.select_button.setToolTip(hint)
        self._refresh()

    def set_history(self, phrases: Sequence[str], words: Sequence[str] = ()) -> None:
        """What was entered in earlier sessions, the oldest first."""
        self.phrase.set_history(phrases)
        self.words.set_history(words)

    def set_job(self, job: JobView | None) -> None:
        """Show a running job in place of the second line, or None when none runs."""
        had_focus = self._lines.isAncestorOf(QApplication.focusWidget() or self)
        changed = (job is None) is not (self._job is None)
        self._job = job
        if job is not None:
            self._job_line.set_job(job)
        if changed:
            self._refresh()
            if had_focus:
                self._keep_focus()

    def _keep_focus(self) -> None:
        if self._job is not None:
            self.cancel_button.setFocus()
        elif self._can_edit and not self.words.isHidden():
            self.words.setFocus()
        else:
            self.phrase.setFocus()

    def show_message(
        self,
        text: str,
        buttons: Sequence[tuple[str, str]] = (),
        kind: MessageKind = "info",
    ) -> None:
        """Say one sentence at the top of the card, with at most two buttons of (label, key).

        Raises ValueError for more than two buttons.
        """
        self.message_bar.say(text, buttons, kind)
        self.place()

    def clear_message(self) -> None:
        """Take the message away."""
        if self.message:
            if self.message_bar.clear():
                self.phrase.setFocus()
            self.place()

    @property
    def message(self) -> str:
        """The sentence shown, or empty."""
        return self.message_bar.said

    def _message_button(self, key: str) -> None:
        self.clear_message()
        if key:
            self.message_action.emit(key)

    def focus_phrase(self) -> None:
        """Put the cursor into the first field, its text selected."""
        self.phrase.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.phrase.selectAll()

    def set_floating(self, floating: bool) -> None:
        """Float over the parent, or take part in a layout."""
        self._floating = floating
        set_role(self, floating=floating)
        self.setMinimumSize(0, 0)
        self.setMaximumSize(_ANY_SIZE, _ANY_SIZE)
        if self._shadow is not None:
            self._shadow.hide()
            self._shadow.deleteLater()
            self._shadow = None
        parent = self.parentWidget()
        if floating and parent is not None:
            self._shadow = Shadow(self, RADIUS_CARD)
            parent.installEventFilter(self)
        self.place()

    # -- what the person does --------------------------------------------------------------------

    def _select(self) -> None:
        phrase = self.phrase.text().strip()
        if not phrase or not self.select_button.isEnabled():
            return
        self._remember(self.phrase)
        self.clear_message()
        self.select_requested.emit(phrase)

    def _apply(self) -> None:
        wish = self.edit_line.wish
        if wish.words:
            self._remember(self.words)
        self.clear_message()
        self.edit_requested.emit(wish)

    def _remember(self, field: HistoryField) -> None:
        if field.remember():
            self.history_changed.emit(self.phrase.history, self.words.history)

    # -- state and place -------------------------------------------------------------------------

    def _refresh(self) -> None:
        busy = self._job is not None
        idle = self.edit_line if self._can_edit else self._hint_line
        line = self._job_line if busy else idle
        if self._lines.currentWidget() is not line:
            self._lines.setCurrentWidget(line)
        shown = busy or self._can_edit or bool(self._hint.text)
        if self._lines.isHidden() is shown:
            self._lines.setVisible(shown)
        self.outlook.setVisible(self._can_edit and self.outlook.says_something)
        self.select_button.setEnabled(self._can_select and bool(self.phrase.text().strip()))
        self.edit_line.refresh(can_apply=self._can_edit and not busy, narrow=self.width() < _NARROW)
        self.place()

    @property
    def resting_height(self) -> int:
        """What the card takes of the lower edge of its parent while it has nothing to say."""
        return 2 * LINE_HEIGHT + _SPACING + 2 * _PADDING_Y + 2 + _BOTTOM_MARGIN + 14

    def place(self) -> None:
        """Go to the lower edge of the parent; in a layout, take the height that is needed."""
        parent = self.parentWidget()
        if not self._floating or parent is None:
            # A dock asks nobody what height goes with its width.
            self.setFixedHeight(self._height_at(self.width()))
            return
        width = max(0, min(MAX_WIDTH, parent.width() - 2 * _SIDE_MARGIN))
        height = self._height_at(width)
        self.setGeometry(
            (parent.width() - width) // 2, parent.height() - _BOTTOM_MARGIN - height, width, height
        )
        self.raise_()

    def _height_at(self, width: int) -> int:
        self.message_bar.fit(width - 2 * _PADDING_X)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else 0
        return max(height, layout.totalMinimumSize().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep to the edge of the parent; draw the ring of the field with the focus."""
        if watched is self.parent() and event.type() is QEvent.Type.Resize:
            self.place()
        elif event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the words where the card is narrow."""
        super().resizeEvent(event)
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme's colours."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._show_mark()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leads back to the canvas."""
        focused = self.focusWidget()
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self.escape.emit()
        elif enter and isinstance(focused, QAbstractButton):
            # Outside of a dialog Qt's buttons hear the space bar only.
            focused.click()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep clicks between the controls from the canvas below."""
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card and the ring around the field with the focus."""
        super().paintEvent(event)
        for field in (self.phrase, self.words):
            if field.hasFocus():
                self._draw_ring(field)

    def _draw_ring(self, field: QWidget) -> None:
        box = QRectF(field.rect()).translated(field.mapTo(self, field.rect().topLeft()))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = QPainterPath()
        radius = RADIUS_BUTTON + 2
        ring.addRoundedRect(box.adjusted(-2, -2, 2, 2), radius, radius)
        painter.fillPath(ring, QColor(tokens().ring))
