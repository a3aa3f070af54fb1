"""Line icons, drawn as SVG for this project and tinted by the theme when they are painted.

An icon made once follows a later change of theme by itself, and is rendered from its vectors at
the size and pixel ratio asked for, so it is crisp at any scale.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from ovedit.resources import resource_path
from ovedit.ui.theme import tokens
from ovedit.ui.tokens import Tokens

IconRole = Literal["text", "dim", "toggle", "tool", "accent", "on_accent", "good", "warning", "bad"]
ICON_ROLES: tuple[IconRole, ...] = get_args(IconRole)


@cache
def icon_names() -> tuple[str, ...]:
    """The name of every icon that there is."""
    return tuple(sorted(path.stem for path in resource_path("icons").glob("*.svg")))


@cache
def _source(name: str) -> str:
    if name not in icon_names():
        raise KeyError(f"There is no icon named {name!r} in {resource_path('icons')}.")
    return resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    # QSvgRenderer reads `currentColor` as black, so the colour is written into the drawing.
    svg = _source(name).replace("currentColor", colour)
    return QSvgRenderer(QByteArray(svg.encode()))


def icon_colour(t: Tokens, role: IconRole, mode: QIcon.Mode, state: QIcon.State) -> str:
    """The colour of an icon in a role: `toggle` and `tool` are dim until they are on or hovered."""
    if mode is QIcon.Mode.Disabled:
        return t.disabled
    if role == "text":
        return t.text
    if role == "dim":
        return t.text if mode is QIcon.Mode.Active else t.dim
    if role in ("toggle", "tool"):
        if state is QIcon.State.On:
            return t.on_accent if role == "tool" else t.text
        return t.text if mode is QIcon.Mode.Active else t.dim
    return {
        "accent": t.accent,
        "on_accent": t.on_accent,
        "good": t.good,
        "warning": t.warning,
        "bad": t.bad,
    }[role]


class _TintedEngine(QIconEngine):
    """Draws one SVG, and another one where the button is on, in the colour of the theme in use."""

    def __init__(self, name: str, role: IconRole, on_name: str) -> None:
        super().__init__()
        self._name = name
        self._role: IconRole = role
        self._on_name = on_name

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        name = self._on_name if state is QIcon.State.On else self._name
        side = min(rect.width(), rect.height())
        box = QRectF(0, 0, side, side)
        box.moveCenter(QRectF(rect).center())
        _renderer(name, icon_colour(tokens(), self._role, mode, state)).render(painter, box)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        result = QPixmap(size)
        result.fill(Qt.GlobalColor.transparent)
        painter = QPainter(result)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return result

    def scaledPixmap(
        self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float
    ) -> QPixmap:
        # `size` is in device-independent pixels.
        result = self.pixmap(size * scale, mode, state)
        result.setDevicePixelRatio(scale)
        return result

    def clone(self) -> QIconEngine:
        return _TintedEngine(self._name, self._role, self._on_name)

    def isNull(self) -> bool:
        return False


def icon(name: str, role: IconRole = "text", on: str | None = None) -> QIcon:
    """The icon `name` tinted for `role`; a checked button shows the drawing `on` instead.

    Raises KeyError for a name that is not in `icon_names()`.
    """
    _source(name)
    if on is not None:
        _source(on)
    return QIcon(_TintedEngine(name, role, on or name))


def paint_icon(painter: QPainter, rect: QRectF, name: str, colour: str) -> None:
    """Draw the icon `name` into `rect` in `colour` (#rrggbb), for widgets that paint by hand."""
    _renderer(name, colour).render(painter, rect)


def app_icon() -> QIcon:
    """The application's own icon in the sizes that desktops ask for."""
    renderer = QSvgRenderer(str(resource_path("app-icon.svg")))
    result = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, side, side))
        painter.end()
        result.addPixmap(pixmap)
    return result
