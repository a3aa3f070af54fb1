"""The look of the window: colour tokens for dark and light, fonts, spacing, palette.

`apply` gives an application its theme once; afterwards `Theme.set_choice` switches it and
`Theme.changed` tells those who paint by hand. Widgets that paint ask `tokens()` while painting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

ThemeChoice = Literal["system", "dark", "light"]
THEME_CHOICES: tuple[ThemeChoice, ...] = get_args(ThemeChoice)

SPACE_S, SPACE_M, SPACE_L = 4, 8, 12
RADIUS_FIELD, RADIUS_BUTTON, RADIUS_CARD = 5, 8, 12
TEXT_PX, HEADING_PX = 13, 12
ICON_PX = 18


def mix(first: str, second: str, share: float) -> str:
    """The colour `share` of the way from `first` to `second`, both and the answer as #rrggbb."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two #rrggbb colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""

    def luminance(colour: str) -> float:
        total = 0.0
        for weight, i in ((0.2126, 1), (0.7152, 3), (0.0722, 5)):
            v = int(colour[i : i + 2], 16) / 255
            total += weight * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
        return total

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme, each #rrggbb.

    `accent`, `good`, `warning` and `bad` are for lines, icons and fills; words on them or beside
    them are `text`, `dim` or, on the accent, `on_accent`, so that all text keeps 4.5:1.
    """

    name: Literal["dark", "light"]
    window: str
    panel: str
    raised: str
    line: str
    text: str
    dim: str
    accent: str
    on_accent: str
    good: str
    warning: str
    bad: str
    canvas: str

    @property
    def selected(self) -> str:
        """Background of a selected row."""
        return mix(self.panel, self.accent, 0.20)

    @property
    def selected_dim(self) -> str:
        """Secondary text on a selected row, where plain `dim` would be too faint."""
        return mix(self.dim, self.text, 0.35)

    @property
    def hover(self) -> str:
        """Background of a row or flat button under the pointer."""
        return mix(self.panel, self.text, 0.06)

    @property
    def raised_hover(self) -> str:
        """Background of a raised button under the pointer."""
        return mix(self.raised, self.text, 0.07)

    @property
    def chosen(self) -> str:
        """Background of the chosen part of a segmented control."""
        return mix(self.raised, self.accent, 0.25)

    @property
    def accent_hover(self) -> str:
        """The accent under the pointer."""
        return mix(self.accent, self.text, 0.10)

    @property
    def ring(self) -> str:
        """The soft ring around a field that has the focus, as #aarrggbb at 35 %."""
        return f"#59{self.accent[1:]}"

    @property
    def disabled(self) -> str:
        """Text and icons of what cannot be used now."""
        return mix(self.dim, self.panel, 0.5)

    @property
    def border_strong(self) -> str:
        """Outline of small controls that are told apart by their outline alone (3:1)."""
        return mix(self.dim, self.panel, 0.15)


DARK = Tokens(
    name="dark",
    window="#1b1d21",
    panel="#24272c",
    raised="#2d3137",
    line="#3a3f46",
    text="#e6e8eb",
    dim="#9aa3ad",
    accent="#4c9be8",
    on_accent="#0d1a26",
    good="#37b27c",
    warning="#e0a33a",
    bad="#ef7b74",
    canvas="#141518",
)
LIGHT = Tokens(
    name="light",
    window="#eceef1",
    panel="#f7f8fa",
    raised="#ffffff",
    line="#d5dae0",
    text="#1d2126",
    dim="#5b6672",
    accent="#1f6fc4",
    on_accent="#ffffff",
    good="#1d8a5c",
    warning="#a96e0c",
    bad="#c2352c",
    canvas="#d9dce0",
)


def text_font(base: QFont, *, heading: bool = False, bold: bool = False) -> QFont:
    """`base` at 13 px, or at 12 px semibold for headings; numbers take equal widths."""
    font = QFont(base)
    font.setPixelSize(HEADING_PX if heading else TEXT_PX)
    font.setWeight(QFont.Weight.DemiBold if heading or bold else QFont.Weight.Normal)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def palette(t: Tokens) -> QPalette:
    """The tokens as a Qt palette, for everything that the style draws itself."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    colours = {
        role.Window: t.panel,
        role.WindowText: t.text,
        role.Base: t.raised,
        role.AlternateBase: t.panel,
        role.Text: t.text,
        role.PlaceholderText: t.dim,
        role.Button: t.raised,
        role.ButtonText: t.text,
        role.BrightText: t.text,
        role.ToolTipBase: t.raised,
        role.ToolTipText: t.text,
        role.Highlight: t.accent,
        role.HighlightedText: t.on_accent,
        role.Accent: t.accent,
        role.Link: t.accent,
        role.LinkVisited: t.accent,
        role.Light: mix(t.raised, t.text, 0.10),
        role.Midlight: mix(t.raised, t.text, 0.05),
        role.Mid: t.line,
        role.Dark: mix(t.line, t.window, 0.35),
        role.Shadow: mix(t.window, "#000000", 0.4),
    }
    result = QPalette()
    for key, colour in colours.items():
        result.setColor(key, QColor(colour))
    for key in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        result.setColor(group.Disabled, key, QColor(t.disabled))
    result.setColor(group.Disabled, role.Highlight, QColor(t.line))
    result.setColor(group.Disabled, role.HighlightedText, QColor(t.disabled))
    return result


class Theme(QObject):
    """The theme of one application: follows the system, or stays dark or light by choice.

    Signals: changed(Tokens), after palette and style sheet are in place.
    """

    changed = Signal(object)

    def __init__(self, app: QApplication, choice: ThemeChoice = "system") -> None:
        super().__init__(app)
        self.setObjectName("theme")
        self._app = app
        self._choice: ThemeChoice = choice
        self._tokens = DARK
        app.setStyle(QStyleFactory.create("Fusion"))
        app.setFont(text_font(app.font()))
        app.styleHints().colorSchemeChanged.connect(self._follow_system)
        self.set_choice(choice)

    @property
    def choice(self) -> ThemeChoice:
        """What was asked for: the system's theme, or dark or light."""
        return self._choice

    @property
    def tokens(self) -> Tokens:
        """The colours in use."""
        return self._tokens

    def set_choice(self, choice: ThemeChoice) -> None:
        """Use the system's theme, or dark or light whatever the system says."""
        self._choice = choice
        hints = self._app.styleHints()
        if choice == "system":
            hints.unsetColorScheme()
            light = hints.colorScheme() is Qt.ColorScheme.Light
        else:
            light = choice == "light"
            hints.setColorScheme(Qt.ColorScheme.Light if light else Qt.ColorScheme.Dark)
        self._use(LIGHT if light else DARK)

    def _follow_system(self, scheme: Qt.ColorScheme) -> None:
        if self._choice == "system":
            self._use(LIGHT if scheme is Qt.ColorScheme.Light else DARK)

    def _use(self, chosen: Tokens) -> None:
        from ovedit.ui.stylesheet import stylesheet

        if chosen is self._tokens and self._app.styleSheet():
            return
        self._tokens = chosen
        self._app.setPalette(palette(chosen))
        self._app.setStyleSheet(stylesheet(chosen))
        self.changed.emit(chosen)


def theme_of(app: QCoreApplication | None) -> Theme | None:
    """The theme given to `app` by `apply`, or None."""
    if app is None:
        return None
    return app.findChild(Theme, "theme", Qt.FindChildOption.FindDirectChildrenOnly)


def apply(app: QApplication, theme: ThemeChoice = "system") -> Theme:
    """Give `app` the Fusion style, the fonts and the colours; safe to call again."""
    existing = theme_of(app)
    if existing is None:
        return Theme(app, theme)
    existing.set_choice(theme)
    return existing


def tokens() -> Tokens:
    """The colours in use now, the dark ones where no theme has been applied."""
    theme = theme_of(QCoreApplication.instance())
    return DARK if theme is None else theme.tokens
