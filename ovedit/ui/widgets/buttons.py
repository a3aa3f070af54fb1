"""Buttons with icons, check boxes and combo boxes in the theme's colours."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)

from ovedit.ui.icons import IconRole, icon, paint_icon
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import ICON_PX


class IconButton(QToolButton):
    """A flat button with one icon, a tool tip and an accessible name.

    `row=True` makes the smaller kind for rows: not in the tab order, since a row's own keys do the
    same, and so that a click leaves the focus on the list.
    """

    def __init__(
        self,
        name: str,
        tip: str,
        *,
        role: IconRole = "dim",
        on: str | None = None,
        checkable: bool = False,
        row: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self.setIcon(icon(name, role, on))
        side = 16 if row else ICON_PX
        self.setIconSize(QSize(side, side))
        self.setAutoRaise(True)
        self.setCheckable(checkable)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if row else Qt.FocusPolicy.TabFocus)
        if row:
            self.setProperty("row", "true")
        self.setFixedSize(22 if row else 26, 22 if row else 26)

    def set_icon(self, name: str, role: IconRole = "dim", on: str | None = None) -> None:
        """Show another icon, if it is another one."""
        if name != self._name:
            self._name = name
            self.setIcon(icon(name, role, on))


class GlyphButton(QPushButton):
    """A push button with a small glyph after its words: a key that does the same, or a chevron."""

    def __init__(self, text: str, glyph: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._glyph = glyph
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def sizeHint(self) -> QSize:
        """Room for words and glyph."""
        hint = super().sizeHint()
        font = self.font()
        font.setWeight(font.Weight.DemiBold if self._primary() else font.Weight.Normal)
        words = QFontMetrics(font).horizontalAdvance(self.text())
        return QSize(words + 2 * self._padding() + 20, hint.height())

    def _primary(self) -> bool:
        return self.property("primary") == "true"

    def _padding(self) -> int:
        return 11 if self.property("small") == "true" else 13

    def minimumSizeHint(self) -> QSize:
        """The same as `sizeHint`."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, its words and its glyph."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        option.features &= ~QStyleOptionButton.ButtonFeature.HasMenu
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        t = tokens()
        text, glyph = (t.on_accent, t.on_accent) if self._primary() else (t.text, t.dim)
        if not self.isEnabled():
            text = glyph = t.disabled
        font = self.font()
        font.setWeight(font.Weight.DemiBold if self._primary() else font.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(text))
        pad = self._padding()
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(self.rect().adjusted(pad, 0, -pad - 18, 0), align, self.text())
        box = QRectF(self.width() - pad - 14, (self.height() - 14) / 2, 14, 14)
        paint_icon(painter, box, self._glyph, glyph)


class MenuButton(GlyphButton):
    """A button in the manner of a field, for bars: words and a chevron; it opens its menu.

    `name` is the accessible name; the words change with what is chosen.
    """

    def __init__(self, name: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, "chevron-down", parent)
        self.setAccessibleName(name)
        self.setProperty("small", "true")
        self.setProperty("field", "true")


class ComboBox(QComboBox):
    """A combo box in the theme's colours, with the theme's chevron."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        # Fusion's own delegate draws a menu, which the style sheet does not reach.
        self.setItemDelegate(QStyledItemDelegate(self))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box and the chevron."""
        super().paintEvent(event)
        t = tokens()
        box = QRectF(self.width() - 21, (self.height() - 14) / 2, 14, 14)
        paint_icon(QPainter(self), box, "chevron-down", t.dim if self.isEnabled() else t.disabled)


def draw_tick(
    painter: QPainter, x: float, y: float, *, checked: bool, enabled: bool = True
) -> None:
    """Draw a tick box of 16 px with its upper left corner at (x, y)."""
    t = tokens()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = QRectF(x + 1.5, y + 1.5, 13, 13)
    if checked:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.accent if enabled else t.disabled))
        painter.drawRoundedRect(box.adjusted(-0.5, -0.5, 0.5, 0.5), 3.5, 3.5)
        paint_icon(painter, QRectF(x + 2, y + 2, 12, 12), "check", t.on_accent)
    else:
        painter.setPen(QPen(QColor(t.border_strong if enabled else t.disabled), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 3, 3)


class CheckBox(QCheckBox):
    """A check box in the theme's colours."""

    def sizeHint(self) -> QSize:
        """Room for the box and its words."""
        words = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(16 + (8 + words + 2 if words else 0), 24)

    def minimumSizeHint(self) -> QSize:
        """The same as `sizeHint`."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """Box and words are to be clicked, the empty space after them is not."""
        return self.rect().contains(pos) and pos.x() <= self.sizeHint().width()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box and its words."""
        t = tokens()
        painter = QPainter(self)
        top = (self.height() - 16) / 2
        draw_tick(painter, 0, top, checked=self.isChecked(), enabled=self.isEnabled())
        painter.setPen(QColor(t.text if self.isEnabled() else t.disabled))
        box = self.rect().adjusted(24, 0, 0, 0)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, align | Qt.TextFlag.TextShowMnemonic, self.text())
        if self.hasFocus():
            painter.setPen(QPen(QColor(t.text if self.isChecked() else t.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(0.75, top + 0.75, 14.5, 14.5), 4, 4)
