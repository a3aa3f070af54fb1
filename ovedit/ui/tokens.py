"""The colours, radii and distances of the window, dark and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RADIUS_FIELD, RADIUS_BUTTON, RADIUS_CARD = 5, 8, 12
TEXT_PX = 13
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
