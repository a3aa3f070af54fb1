"""The class masks dock: a row per mask, instances in groups, the selected one's threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import icon
from ovedit.ui.widgets.basics import (
    GlyphButton,
    IconButton,
    Swatch,
    draw_tick,
    label,
    set_role,
)
from ovedit.ui.widgets.header import PanelHeader
from ovedit.ui.widgets.rows import Row, RowList
from ovedit.ui.widgets.slider import LabelledSlider

_INDENT = 34


@dataclass(frozen=True)
class InstanceRow:
    """One instance in a group: ticked ones are part of what is accepted and edited."""

    id: str
    name: str
    score: float | None = None
    ticked: bool = True
    threshold: float | None = None


@dataclass(frozen=True)
class MaskRow:
    """One class mask, or a group of instances, as it is shown.

    colour: #rrggbb. score: the engine's confidence in [0, 1], or None for a mask made by hand.
    threshold: where the score map is cut, or None where there is no score map.
    candidates: how many masks the engine offered; candidate: which of them is shown, from 0.
    """

    id: str
    name: str
    colour: str
    score: float | None = None
    visible: bool = True
    accepted: bool = False
    threshold: float | None = None
    instances: tuple[InstanceRow, ...] = ()
    candidates: int = 0
    candidate: int = 0


class Tick(QAbstractButton):
    """A tick box without words, for rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedSize(16, 16)

    def sizeHint(self) -> QSize:
        """16 by 16 px."""
        return QSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box."""
        draw_tick(QPainter(self), 0, 0, checked=self.isChecked(), enabled=self.isEnabled())


def _score_text(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


class _ScoredRow(Row):
    """What rows of masks and of instances share: a score, and the threshold line below."""

    def __init__(self, row_id: str, panel: MasksPanel) -> None:
        super().__init__(row_id)
        self._panel = panel
        self._score = label()
        self._score.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.threshold = LabelledSlider("Threshold", 0, 1, decimals=2, plain=True)
        self.threshold.moved.connect(lambda v: panel.threshold_moved.emit(row_id, v))
        self.threshold.committed.connect(lambda v: panel.threshold_committed.emit(row_id, v))
        self._threshold_box = QWidget()
        box = QHBoxLayout(self._threshold_box)
        box.setContentsMargins(_INDENT, 0, 12, 0)
        box.addWidget(self.threshold)
        self._threshold_box.setFixedHeight(28)
        self._threshold_box.hide()
        self._has_threshold = False
        self.line = QHBoxLayout()
        self.line.setSpacing(8)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        holder = QWidget()
        holder.setFixedHeight(self.line_height)
        holder.setLayout(self.line)
        self._column.addWidget(holder)
        self._column.addWidget(self._threshold_box)

    def show_score(self, score: float | None, threshold: float | None) -> None:
        self._score.setText(_score_text(score))
        self._has_threshold = threshold is not None
        if threshold is not None:
            self.threshold.set_value(threshold)
        self.show_threshold()

    def show_threshold(self) -> None:
        """Show the slider where this is the one row selected."""
        alone = self.selected and len(self._panel.list.selected) == 1
        self._threshold_box.setVisible(alone and self._has_threshold)

    def state_changed(self) -> None:
        set_role(self._score, role="dim_selected" if self.selected else "dim")
        self.show_threshold()


class _MaskLine(_ScoredRow):
    """Swatch, name, score, eye and the mark of an accepted mask."""

    def __init__(self, row_id: str, panel: MasksPanel) -> None:
        super().__init__(row_id, panel)
        self._accepted = False
        self._swatch = Swatch()
        self._fold = IconButton("chevron-down", "Fold the instances", row=True)
        self._fold.setFixedSize(18, 18)
        self._fold.setIconSize(QSize(14, 14))
        self._fold.clicked.connect(lambda: panel.toggle_fold(row_id))
        self._candidates = IconButton("vary", "Show the next candidate", row=True)
        self._candidates.clicked.connect(self._next_candidate)
        self._candidate = (0, 0)
        self._eye = IconButton("eye-off", "Show", on="eye", role="toggle", checkable=True, row=True)
        self._eye.clicked.connect(lambda on: panel.visibility_changed.emit(row_id, on))
        self._check = IconButton("check", "Accept", row=True)
        self._check.clicked.connect(self._check_clicked)
        policy = self._check.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._check.setSizePolicy(policy)
        line = self.line
        line.setContentsMargins(12, 0, 6, 0)
        line.addWidget(self._swatch)
        line.addWidget(self.name_label)
        line.addSpacing(-6)
        line.addWidget(self._fold)
        line.addStretch(1)
        line.addWidget(self._candidates)
        line.addWidget(self._score)
        line.addSpacing(-2)
        line.addWidget(self._eye)
        line.addSpacing(-8)
        line.addWidget(self._check)

    def show_mask(self, mask: MaskRow, folded: bool) -> None:
        """Show the mask as it is now."""
        count = len(mask.instances)
        self.name_label.set_text(mask.name, f"· {count} instances" if count else "")
        self._swatch.set_colour(mask.colour)
        self._fold.setVisible(count > 0)
        self._fold.set_icon("chevron-right" if folded else "chevron-down")
        self._fold.setToolTip("Unfold the instances" if folded else "Fold the instances")
        self._candidate = (mask.candidate, mask.candidates)
        self._candidates.setVisible(mask.candidates > 1)
        tip = f"Candidate {mask.candidate + 1} of {mask.candidates}: show the next one"
        self._candidates.setToolTip(tip)
        self._candidates.setAccessibleName(tip)
        self._eye.setChecked(mask.visible)
        verb = "Hide" if mask.visible else "Show"
        self._eye.setToolTip(verb)
        self._eye.setAccessibleName(f"{verb} {mask.name}")
        self._accepted = mask.accepted
        self._check.setIcon(icon("check", "good" if mask.accepted else "dim"))
        self._check.setToolTip("Accepted" if mask.accepted else "Accept")
        self._check.setAccessibleName(f"{self._check.toolTip()} {mask.name}")
        self.show_score(mask.score, mask.threshold)
        states = (
            mask.name,
            f"{count} instances" if count else "",
            "" if mask.score is None else f"score {mask.score:.2f}",
            "accepted" if mask.accepted else "not accepted",
            "" if mask.visible else "hidden",
        )
        self.setAccessibleName(", ".join(filter(None, states)))
        self.state_changed()

    def _check_clicked(self) -> None:
        if not self._accepted:
            self._panel.accept_requested.emit((self.row_id,))

    def _next_candidate(self) -> None:
        shown, count = self._candidate
        self._panel.candidate_requested.emit(self.row_id, (shown + 1) % count)

    def state_changed(self) -> None:
        super().state_changed()
        self._check.setVisible(self._accepted or self.hovered)


class _InstanceLine(_ScoredRow):
    """Tick, name and score of one instance."""

    line_height = 28

    def __init__(self, row_id: str, panel: MasksPanel) -> None:
        super().__init__(row_id, panel)
        self.tick = Tick()
        self.tick.clicked.connect(lambda on: panel.instance_ticked.emit(row_id, on))
        self.line.setContentsMargins(_INDENT, 0, 12, 0)
        self.line.addWidget(self.tick)
        self.line.addWidget(self.name_label)
        self.line.addStretch(1)
        self.line.addWidget(self._score)

    def show_instance(self, instance: InstanceRow) -> None:
        """Show the instance as it is now."""
        self.name_label.set_text(instance.name)
        self.tick.setChecked(instance.ticked)
        self.tick.setAccessibleName(f"Use {instance.name}")
        self.show_score(instance.score, instance.threshold)
        ticked = "ticked" if instance.ticked else "not ticked"
        score = "" if instance.score is None else f"score {instance.score:.2f}"
        self.setAccessibleName(", ".join(filter(None, (instance.name, score, ticked))))
        self.state_changed()


class MasksPanel(QWidget):
    """The class masks of the document.

    Ids are those of the rows given: of a mask, of a group or of an instance.

    Signals:
        selection_changed(tuple[str, ...]): the person selected these rows.
        visibility_changed(str, bool), instance_ticked(str, bool), renamed(str, str).
        candidate_requested(str, int): show another one of the engine's candidates.
        threshold_moved(str, float) while dragging; threshold_committed(str, float) at its end.
        accept_requested(tuple), reject_requested(tuple): of the rows with these ids.
        heat_map_toggled(bool): show the scores of the selected mask as colours.
        row_hovered(str): the pointer is over this row, "" for none.
        add_requested(): an empty mask is wanted.
        menu_requested(str, QPoint): right click on a row, at a place of the screen.
    """

    selection_changed = Signal(object)
    visibility_changed = Signal(str, bool)
    instance_ticked = Signal(str, bool)
    renamed = Signal(str, str)
    candidate_requested = Signal(str, int)
    threshold_moved = Signal(str, float)
    threshold_committed = Signal(str, float)
    accept_requested = Signal(object)
    reject_requested = Signal(object)
    heat_map_toggled = Signal(bool)
    row_hovered = Signal(str)
    add_requested = Signal()
    menu_requested = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._rows: tuple[MaskRow, ...] = ()
        self._folded: set[str] = set()
        self.header = PanelHeader("Class masks")
        self.add_button = IconButton("plus", "New empty mask")
        self.add_button.clicked.connect(self.add_requested)
        self.more_button = IconButton("more", "More for masks")
        self.more_button.hide()
        self.header.add(self.add_button)
        self.header.add(self.more_button)

        self.list = RowList("Class masks", hug=True)
        self.list.selection_changed.connect(self._selected)
        self.list.hovered.connect(self.row_hovered)
        self.list.renamed.connect(self.renamed)
        self.list.menu_requested.connect(self.menu_requested)
        self.list.space_pressed.connect(self._toggle)
        self.list.left_pressed.connect(lambda row_id: self.set_folded(row_id, True))
        self.list.right_pressed.connect(lambda row_id: self.set_folded(row_id, False))
        self.list.enter_pressed.connect(lambda _row_id: self._accept())
        self.list.delete_pressed.connect(lambda _row_id: self._reject())

        self._empty = QLabel("Type what you see, for example <i>wooden bench</i>")
        self._empty.setTextFormat(Qt.TextFormat.RichText)
        self._empty.setWordWrap(True)
        self._empty.setContentsMargins(12, 6, 12, 12)
        set_role(self._empty, role="dim")

        self._buttons = QWidget()
        line = QHBoxLayout(self._buttons)
        line.setContentsMargins(12, 6, 12, 8)
        line.setSpacing(8)
        self.accept_button = self._button("Accept", "enter")
        self.reject_button = self._button("Reject", "backspace")
        self.heat_button = self._button("Heat map")
        self.accept_button.clicked.connect(self._accept)
        self.reject_button.clicked.connect(self._reject)
        self.heat_button.setCheckable(True)
        self.heat_button.toggled.connect(self.heat_map_toggled)
        for button in (self.accept_button, self.reject_button, self.heat_button):
            line.addWidget(button)
        line.addStretch(1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1000)
        layout.addWidget(self._buttons)
        layout.addStretch(1)
        self._refresh()

    def _button(self, text: str, glyph: str = "") -> QPushButton:
        button = GlyphButton(text, glyph) if glyph else QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(text)
        set_role(button, small=True, panel=True)
        return button

    def set_menu(self, menu: QMenu) -> None:
        """The menu behind the three dots of the heading."""
        self.more_button.setMenu(menu)
        self.more_button.show()

    def set_rows(self, rows: Sequence[MaskRow], selected: Sequence[str] = ()) -> None:
        """Show these masks in place of those before; rows that stay keep focus and drag."""
        self._rows = tuple(rows)
        self._fill()
        self.list.select(selected)
        self._refresh()

    def set_heat_map(self, on: bool) -> None:
        """Show whether the heat map is on, without a signal."""
        blocked = self.heat_button.blockSignals(True)
        self.heat_button.setChecked(on)
        self.heat_button.blockSignals(blocked)

    def highlight(self, row_id: str) -> None:
        """Mark the row whose mask the pointer is over on the canvas ("" for none)."""
        self.list.highlight(row_id)

    def set_folded(self, row_id: str, folded: bool) -> None:
        """Fold or unfold a group's instances."""
        if any(row.id == row_id and row.instances for row in self._rows):
            (self._folded.add if folded else self._folded.discard)(row_id)
            self._fill()
            self._refresh()

    def toggle_fold(self, row_id: str) -> None:
        """Fold a group that is open, unfold one that is not."""
        self.set_folded(row_id, row_id not in self._folded)

    def _fill(self) -> None:
        masks = {row.id: row for row in self._rows}
        instances: dict[str, InstanceRow] = {}
        order: list[str] = []
        for row in self._rows:
            order.append(row.id)
            if row.id not in self._folded:
                for instance in row.instances:
                    instances[instance.id] = instance
                    order.append(instance.id)

        def make(row_id: str) -> Row:
            if row_id in masks:
                return _MaskLine(row_id, self)
            return _InstanceLine(row_id, self)

        # A mask that became an instance, or the other way round, needs another kind of row.
        kept = [
            row_id
            for row_id, line in self.list.rows().items()
            if isinstance(line, _MaskLine) == (row_id in masks)
        ]
        if len(kept) != len(self.list.rows()):
            self.list.sync(kept, make)
        self.list.sync(order, make)
        for row_id, line in self.list.rows().items():
            if isinstance(line, _MaskLine):
                line.show_mask(masks[row_id], row_id in self._folded)
            elif isinstance(line, _InstanceLine):
                line.show_instance(instances[row_id])

    def _selected(self, ids: tuple[str, ...]) -> None:
        self._refresh()
        self.selection_changed.emit(ids)

    def _refresh(self) -> None:
        any_rows, any_selected = bool(self._rows), bool(self.list.selected)
        self._empty.setVisible(not any_rows)
        self.list.setVisible(any_rows)
        self._buttons.setVisible(any_rows)
        for line in self.list.rows().values():
            if isinstance(line, _ScoredRow):
                line.show_threshold()
        for button in (self.accept_button, self.reject_button, self.heat_button):
            button.setEnabled(any_selected)

    def _accept(self) -> None:
        if self.list.selected:
            self.accept_requested.emit(self.list.selected)

    def _reject(self) -> None:
        if self.list.selected:
            self.reject_requested.emit(self.list.selected)

    def _toggle(self, row_id: str) -> None:
        for row in self._rows:
            if row.id == row_id:
                self.visibility_changed.emit(row_id, not row.visible)
            for instance in row.instances:
                if instance.id == row_id:
                    self.instance_ticked.emit(row_id, not instance.ticked)
