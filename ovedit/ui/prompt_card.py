"""The prompt card: type what you see, then what you want. It floats over the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QActionGroup,
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import IconRole, icon
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import RADIUS_BUTTON, RADIUS_CARD
from ovedit.ui.widgets.basics import ElidedLabel, ThinBar, label, seconds_left, set_role
from ovedit.ui.widgets.buttons import GlyphButton, IconButton
from ovedit.ui.widgets.history_field import HistoryField
from ovedit.ui.widgets.segmented import SegmentedControl
from ovedit.ui.widgets.shadow import Shadow

MessageKind = Literal["info", "warning", "error"]
MAX_WIDTH = 760
LINE_HEIGHT = 34
VARIATIONS = (1, 2, 4)
_SIDE_MARGIN, _BOTTOM_MARGIN = 16, 22
_NARROW = 560

_PLACEHOLDERS = {
    "replace": "What should be there, for example metal bench",
    "restyle": "How should it look, for example golden",
}
_ICONS: dict[MessageKind, IconRole] = {"info": "accent", "warning": "warning", "error": "bad"}


class PromptCard(QFrame):
    """The phrase and Select; then Remove, Replace or Restyle, the words for it, and Apply.

    Floating (the start), it keeps to the lower edge of its parent, 760 px wide at most. With
    `set_floating(False)` it can be put into a layout or a dock.

    Signals:
        select_requested(str): find what the phrase names.
        edit_requested(str, str, int): remove, replace or restyle; the words; how many variations.
        cancel_requested(): stop the running job.
        message_action(str): the key of a button of the message.
        message_dismissed(): the message was closed by its cross.
        history_changed(tuple[str, ...], tuple[str, ...]): phrases and words, to be saved.
        escape(): Esc was pressed; the focus belongs back on the canvas.
        kind_changed(str): remove, replace or restyle was chosen.
    """

    select_requested = Signal(str)
    edit_requested = Signal(str, str, int)
    cancel_requested = Signal()
    message_action = Signal(str)
    message_dismissed = Signal()
    history_changed = Signal(tuple, tuple)
    escape = Signal()
    kind_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Prompt")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._floating = True
        self._can_select = True
        self._can_edit = False
        self._job: JobView | None = None
        self._variations = 1

        layout = QVBoxLayout(self)
        layout.setContentsMargins(11, 10, 11, 10)
        layout.setSpacing(8)
        self._message = self._build_message()
        layout.addWidget(self._message)
        layout.addLayout(self._build_phrase_line())
        self._lines = QStackedWidget()
        self._lines.setFixedHeight(LINE_HEIGHT)
        self._hint_page = self._build_hint_line()
        self._edit_page = self._build_edit_line()
        self._job_page = self._build_job_line()
        for page in (self._hint_page, self._edit_page, self._job_page):
            self._lines.addWidget(page)
        layout.addWidget(self._lines)

        for field in (self.phrase, self.words):
            field.escape.connect(self.escape)
            field.installEventFilter(self)
            field.textChanged.connect(self._refresh)
        self._shadow = Shadow(self, RADIUS_CARD) if parent is not None else None
        if parent is not None:
            parent.installEventFilter(self)
        set_role(self, floating=True)
        self._kind_chosen()
        self._refresh()

    # ── Building ──────────────────────────────────────────────────────────────────────────────

    def _build_message(self) -> QWidget:
        box = QWidget()
        layout = QHBoxLayout(box)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(8)
        self._message_icon = QLabel()
        self._message_icon.setFixedSize(18, 18)
        self._message_text = label()
        self._message_text.setWordWrap(True)
        self._message_text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._message_buttons = QHBoxLayout()
        self._message_buttons.setSpacing(8)
        close = IconButton("cross", "Close this message")
        close.clicked.connect(self.clear_message)
        close.clicked.connect(self.message_dismissed)
        layout.addWidget(self._message_icon, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._message_text, 1)
        layout.addLayout(self._message_buttons)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignVCenter)
        box.hide()
        return box

    def _build_phrase_line(self) -> QHBoxLayout:
        self.phrase = HistoryField(
            "What to select", "Type what you see, for example wooden bench, tree"
        )
        self.phrase.entered.connect(lambda _text: self._select())
        self.select_button = GlyphButton("Select", "enter")
        set_role(self.select_button, primary=True)
        self.select_button.clicked.connect(self._select)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.phrase, 1)
        line.addWidget(self.select_button)
        return line

    def _build_hint_line(self) -> QWidget:
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.setSpacing(8)
        mark = QLabel()
        mark.setPixmap(self._crisp("engine", "dim", 16))
        self._hint_mark = mark
        self._hint = ElidedLabel()
        self._hint.set_look(dimmed=True)
        layout.addWidget(mark)
        layout.addWidget(self._hint, 1)
        return page

    def _build_edit_line(self) -> QWidget:
        page = QWidget()
        self.kind = SegmentedControl(
            "What to do", [("remove", "Remove"), ("replace", "Replace"), ("restyle", "Restyle")]
        )
        self.kind.set_current("replace")
        self.kind.chosen.connect(self._kind_chosen)
        self.words = HistoryField("What should be there", "")
        self.words.setMinimumWidth(60)
        self.words.entered.connect(lambda _text: self._apply())
        self._spacer = QWidget()
        self._spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.variations_button = GlyphButton("", "chevron-down")
        menu = QMenu(self.variations_button)
        group = QActionGroup(menu)
        for count in VARIATIONS:
            action = menu.addAction("1 variation" if count == 1 else f"{count} variations")
            action.setCheckable(True)
            action.setChecked(count == self._variations)
            action.setData(count)
            group.addAction(action)
        group.triggered.connect(lambda action: self.set_variations(action.data()))
        self._variation_actions = group
        self.variations_button.setMenu(menu)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(self.apply_button, primary=True)
        self.apply_button.clicked.connect(self._apply)
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.kind)
        layout.addWidget(self.words, 1)
        layout.addWidget(self._spacer, 1)
        layout.addWidget(self.variations_button)
        layout.addWidget(self.apply_button)
        return page

    def _build_job_line(self) -> QWidget:
        page = QWidget()
        self._job_title = ElidedLabel()
        self._job_title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._bar = ThinBar()
        self._time = label("", "dim")
        self._time.setMinimumWidth(self.fontMetrics().horizontalAdvance("00:00 left"))
        self._time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.cancel_button.clicked.connect(self.cancel_requested)
        layout = QHBoxLayout(page)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self._job_title, 2)
        layout.addWidget(self._bar, 3)
        layout.addWidget(self._time)
        layout.addWidget(self.cancel_button)
        return page

    def _crisp(self, name: str, role: IconRole, side: int) -> QPixmap:
        return icon(name, role).pixmap(QSize(side, side), self.devicePixelRatioF())

    # ── What the window sets ──────────────────────────────────────────────────────────────────

    def set_can_select(self, can: bool) -> None:
        """Whether there is a picture to select in."""
        self._can_select = can
        self._refresh()

    def set_can_edit(self, can: bool) -> None:
        """Whether there is a mask to act on: shows or hides the second line's controls."""
        self._can_edit = can
        self._refresh()

    def set_kinds(self, kinds: dict[str, str]) -> None:
        """For each of remove, replace and restyle: empty, or why the engine cannot do it."""
        for key, reason in kinds.items():
            self.kind.set_choice_enabled(key, not reason, reason)
        self._refresh()

    def set_engine_hint(self, hint: str) -> None:
        """One line on what the engine understands, shown until there is a mask."""
        self._hint.set_text(hint)
        self.select_button.setToolTip(hint)
        self._refresh()

    def set_edit(self, kind: str, words: str = "") -> None:
        """Choose what to do and write the words for it."""
        self.kind.set_current(kind)
        self.words.setText(words)
        self._kind_chosen()

    def set_variations(self, count: int) -> None:
        """How many results an edit gives: 1, 2 or 4."""
        self._variations = count
        for action in self._variation_actions.actions():
            action.setChecked(action.data() == count)
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
            self._job_title.set_text(job.title, "stopping" if job.cancelling else job.step)
            self._bar.set_fraction(job.fraction)
            self._time.setText("" if job.cancelling else seconds_left(job.seconds_left))
            self.cancel_button.setEnabled(not job.cancelling)
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
        if len(buttons) > 2:
            raise ValueError(f"A message has at most two buttons, not {len(buttons)}.")
        self._drop_message_buttons()
        self._message_icon.setPixmap(self._crisp(kind, _ICONS[kind], 18))
        self._message_icon.setAccessibleName(kind)
        self._message_text.setText(text)
        for words, key in buttons:
            button = QPushButton(words)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            set_role(button, small=True)
            button.clicked.connect(lambda _checked=False, key=key: self._message_button(key))
            self._message_buttons.addWidget(button)
        self._message.show()
        self.place()

    def clear_message(self) -> None:
        """Take the message away."""
        if not self._message.isHidden():
            held = self._message.isAncestorOf(QApplication.focusWidget() or self)
            self._message.hide()
            self._drop_message_buttons()
            if held:
                self.phrase.setFocus()
            self.place()

    @property
    def message(self) -> str:
        """The sentence shown, or empty."""
        return "" if self._message.isHidden() else self._message_text.text()

    def _message_button(self, key: str) -> None:
        self.clear_message()
        self.message_action.emit(key)

    def _drop_message_buttons(self) -> None:
        while (item := self._message_buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def focus_phrase(self) -> None:
        """Put the cursor into the first field, its text selected."""
        self.phrase.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.phrase.selectAll()

    def focus_words(self) -> None:
        """Put the cursor into the words for the edit."""
        self.words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.words.selectAll()

    def set_floating(self, floating: bool) -> None:
        """Float over the parent, or take part in a layout."""
        self._floating = floating
        set_role(self, floating=floating)
        if not floating:
            self.setMinimumWidth(0)
            self.setMaximumWidth(16777215)
        if self._shadow is not None:
            self._shadow.hide()
            self._shadow.deleteLater()
            self._shadow = None
        parent = self.parentWidget()
        if floating and parent is not None:
            self._shadow = Shadow(self, RADIUS_CARD)
            parent.installEventFilter(self)
        self.place()

    # ── What the person does ──────────────────────────────────────────────────────────────────

    @property
    def variations(self) -> int:
        """How many results an edit gives."""
        return self._variations

    def _select(self) -> None:
        phrase = self.phrase.text().strip()
        if not phrase or not self.select_button.isEnabled():
            return
        self._remember(self.phrase)
        self.clear_message()
        self.select_requested.emit(phrase)

    def _apply(self) -> None:
        if not self.apply_button.isEnabled():
            return
        kind = self.kind.current
        words = "" if kind == "remove" else self.words.text().strip()
        if words:
            self._remember(self.words)
        self.clear_message()
        self.edit_requested.emit(kind, words, self._variations)

    def _remember(self, field: HistoryField) -> None:
        if field.remember():
            self.history_changed.emit(self.phrase.history, self.words.history)

    def _kind_chosen(self, chosen: str = "") -> None:
        kind = self.kind.current
        self.words.setVisible(kind != "remove")
        self._spacer.setVisible(kind == "remove")
        if kind in _PLACEHOLDERS:
            self.words.setPlaceholderText(_PLACEHOLDERS[kind])
            name = "What should be there" if kind == "replace" else "How it should look"
            self.words.setAccessibleName(name)
        self._refresh()
        if chosen:
            self.kind_changed.emit(chosen)

    # ── State and place ───────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        busy = self._job is not None
        idle_page = self._edit_page if self._can_edit else self._hint_page
        page = self._job_page if busy else idle_page
        if self._lines.currentWidget() is not page:
            self._lines.setCurrentWidget(page)
        shown = busy or self._can_edit or bool(self._hint.text)
        if self._lines.isHidden() is shown:
            self._lines.setVisible(shown)
        self.select_button.setEnabled(self._can_select and bool(self.phrase.text().strip()))
        kind = self.kind.current
        wanted = kind == "remove" or bool(self.words.text().strip())
        self.apply_button.setEnabled(
            self._can_edit and not busy and wanted and self.kind.button(kind).isEnabled()
        )
        count = self._variations
        narrow = self.width() < _NARROW
        text = f"{count} ×" if narrow else "1 variation" if count == 1 else f"{count} variations"
        if self.variations_button.text() != text:
            self.variations_button.setText(text)
            self.variations_button.updateGeometry()
        self.variations_button.setAccessibleName(f"Variations: {count}")
        self.place()

    @property
    def resting_height(self) -> int:
        """What the card takes of the lower edge of its parent while it has nothing to say."""
        return 2 * LINE_HEIGHT + 8 + 2 * 11 + _BOTTOM_MARGIN + 14

    def place(self) -> None:
        """Take the place at the lower edge of the parent, while floating."""
        parent = self.parentWidget()
        if not self._floating or parent is None:
            return
        width = max(0, min(MAX_WIDTH, parent.width() - 2 * _SIDE_MARGIN))
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else 0
        height = max(height, layout.totalMinimumSize().height())
        self.setGeometry(
            (parent.width() - width) // 2, parent.height() - _BOTTOM_MARGIN - height, width, height
        )
        self.raise_()

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
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_hint_mark"):
            self._hint_mark.setPixmap(self._crisp("engine", "dim", 16))

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
        """Keep clicks beside the controls from the canvas below."""
        # A click between the controls must not reach the canvas below.
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
