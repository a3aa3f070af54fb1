"""The look of the window: colour tokens for dark and light, fonts, spacing, palette.

`apply` gives an application its theme once; afterwards `Theme.set_choice` switches it and
`Theme.changed` tells those who paint by hand. Widgets that paint ask `tokens()` while painting.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from ovedit.ui.stylesheet import stylesheet
from ovedit.ui.tokens import DARK, LIGHT, TEXT_PX, Tokens, mix

ThemeChoice = Literal["system", "dark", "light"]


def text_font(base: QFont) -> QFont:
    """`base` at 13 px; numbers take equal widths."""
    font = QFont(base)
    font.setPixelSize(TEXT_PX)
    font.setWeight(QFont.Weight.Normal)
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
