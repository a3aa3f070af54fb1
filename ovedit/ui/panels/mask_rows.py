"""The rows of the class masks dock."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from ovedit.ui.icons import icon
from ovedit.ui.widgets.basics import Swatch, label, set_role
from ovedit.ui.widgets.buttons import IconButton, draw_tick
from ovedit.ui.widgets.rows import Row
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
    reason: str = ""


@dataclass(frozen=True)
class MaskRow:
    """One class mask, or a group of instances, as it is shown.

    colour: #rrggbb. score: the engine's confidence in [0, 1], or None for a mask made by hand.
    threshold: where the score map is cut, or None where there is no score map.
    candidates: how many masks the engine offered; candidate: which of them is shown, from 0.
    pictures: of the candidates, small, where they are wanted; reason: why the shown one was found.
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
    pictures: tuple[QImage, ...] = ()
    reason: str = ""


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


class ScoredRow(Row):
    """What rows of masks and of instances share: a score, and the threshold line below.

    Signals: threshold_moved(float) while dragging, threshold_committed(float) at its end.
    """

    threshold_moved = Signal(float)
    threshold_committed = Signal(float)

    def __init__(self, row_id: str) -> None:
        super().__init__(row_id)
        self._score = label()
        self._score.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.threshold = LabelledSlider("Threshold", 0, 1, decimals=2, plain=True)
        self.threshold.moved.connect(self.threshold_moved)
        self.threshold.committed.connect(self.threshold_committed)
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
        """Show score and threshold, either of which may be missing."""
        self._score.setText(_score_text(score))
        self._has_threshold = threshold is not None
        if threshold is not None:
            self.threshold.set_value(threshold)
        self.state_changed()

    def state_changed(self) -> None:
        """Colour the score; show the slider where this is the only row selected."""
        set_role(self._score, role="dim_selected" if self.selected else "dim")
        self._threshold_box.setVisible(self.alone and self._has_threshold)


class MaskLine(ScoredRow):
    """Swatch, name, score, eye and the mark of an accepted mask.

    Signals: fold_clicked(), eye_clicked(bool), accept_clicked(), candidate_clicked(int) with the
    number of the candidate to show.
    """

    fold_clicked = Signal()
    eye_clicked = Signal(bool)
    accept_clicked = Signal()
    candidate_clicked = Signal(int)

    def __init__(self, row_id: str) -> None:
        super().__init__(row_id)
        self._shown: tuple[MaskRow, bool] | None = None
        self._accepted = False
        self._swatch = Swatch()
        self._fold = IconButton("chevron-down", "Fold the instances", row=True)
        self._fold.setFixedSize(18, 18)
        self._fold.setIconSize(QSize(14, 14))
        self._fold.clicked.connect(self.fold_clicked)
        self._candidates = IconButton("vary", "Show the next candidate", row=True)
        self._candidates.clicked.connect(self._next_candidate)
        self._candidate = (0, 0)
        self._eye = IconButton("eye-off", "Show", on="eye", role="toggle", checkable=True, row=True)
        self._eye.clicked.connect(self.eye_clicked)
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
        if self._shown == (mask, folded):
            return
        self._shown = (mask, folded)
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

    def _check_clicked(self) -> None:
        if not self._accepted:
            self.accept_clicked.emit()

    def _next_candidate(self) -> None:
        shown, count = self._candidate
        self.candidate_clicked.emit((shown + 1) % count)

    def state_changed(self) -> None:
        """Offer to accept under the pointer."""
        super().state_changed()
        self._check.setVisible(self._accepted or self.hovered)


class InstanceLine(ScoredRow):
    """Tick, name and score of one instance.

    Signals: ticked(bool).
    """

    ticked = Signal(bool)
    line_height = 28

    def __init__(self, row_id: str) -> None:
        super().__init__(row_id)
        self._shown: InstanceRow | None = None
        self.tick = Tick()
        self.tick.clicked.connect(self.ticked)
        self.line.setContentsMargins(_INDENT, 0, 12, 0)
        self.line.addWidget(self.tick)
        self.line.addWidget(self.name_label)
        self.line.addStretch(1)
        self.line.addWidget(self._score)

    def show_instance(self, instance: InstanceRow) -> None:
        """Show the instance as it is now."""
        if self._shown == instance:
            return
        self._shown = instance
        self.name_label.set_text(instance.name)
        self.tick.setChecked(instance.ticked)
        self.tick.setAccessibleName(f"Use {instance.name}")
        self.show_score(instance.score, instance.threshold)
        ticked = "ticked" if instance.ticked else "not ticked"
        score = "" if instance.score is None else f"score {instance.score:.2f}"
        self.setAccessibleName(", ".join(filter(None, (instance.name, score, ticked))))
