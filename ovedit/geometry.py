"""Small frozen values for positions and areas, in document pixels: x to the right, y down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def rect(self) -> Rect:
        """The rectangle of this size at the origin."""
        return Rect(0, 0, self.width, self.height)

    def within(self, side: int) -> Size:
        """The size of the same shape whose longer side is at most `side`: this one if it fits.

        Neither side is under 1, so that very long ones change their shape.
        """
        scale = min(1.0, side / max(self.width, self.height))
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))


@dataclass(frozen=True, slots=True)
class Rect:
    """A half-open rectangle: it holds the pixels x ≤ px < x + width, y ≤ py < y + height.

    A rectangle with no width or no height is empty; `bool(rect)` is False for it.
    """

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def from_edges(left: int, top: int, right: int, bottom: int) -> Rect:
        """The rectangle between two corners; empty where right ≤ left or bottom ≤ top."""
        return Rect(left, top, max(0, right - left), max(0, bottom - top))

    @property
    def right(self) -> int:
        """First column to the right of the rectangle."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.y + self.height

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices that cut this rectangle out of an (H, W, …) array."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def __bool__(self) -> bool:
        return self.width > 0 and self.height > 0

    def intersect(self, other: Rect) -> Rect:
        """The pixels in both rectangles."""
        # Called hundreds of times a frame: comparisons are several times as fast as min and max.
        left = self.x if self.x > other.x else other.x
        top = self.y if self.y > other.y else other.y
        right, other_right = self.x + self.width, other.x + other.width
        bottom, other_bottom = self.y + self.height, other.y + other.height
        width = (right if right < other_right else other_right) - left
        height = (bottom if bottom < other_bottom else other_bottom) - top
        return Rect(left, top, width if width > 0 else 0, height if height > 0 else 0)

    def union(self, other: Rect) -> Rect:
        """The smallest rectangle around both; an empty one counts for nothing."""
        if not self:
            return other
        if not other:
            return self
        return Rect.from_edges(
            min(self.x, other.x),
            min(self.y, other.y),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def contains(self, other: Rect) -> bool:
        """Whether every pixel of `other` is in this rectangle."""
        return self.intersect(other) == other

    def translated(self, dx: int, dy: int) -> Rect:
        """The rectangle moved by (dx, dy)."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def padded(self, margin: int) -> Rect:
        """The rectangle grown by `margin` pixels on every side (shrunk where negative)."""
        return Rect.from_edges(
            self.x - margin, self.y - margin, self.right + margin, self.bottom + margin
        )

    def at_level(self, level: int) -> Rect:
        """The smallest rectangle of mip level `level` (each level halves) that covers this one."""
        scale = 1 << level
        return Rect.from_edges(
            self.x // scale, self.y // scale, -(-self.right // scale), -(-self.bottom // scale)
        )

    def tiles(self, tile: int) -> Iterator[tuple[int, int]]:
        """(row, column) of every cell of a grid of `tile` pixels that this rectangle touches."""
        if not self:
            return
        for row in range(self.y // tile, -(-self.bottom // tile)):
            for column in range(self.x // tile, -(-self.right // tile)):
                yield row, column


@dataclass(frozen=True, slots=True)
class Affine:
    """A uniform scale and a shift: view = document · scale + (dx, dy)."""

    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0

    def apply(self, x: float, y: float) -> tuple[float, float]:
        """Map a point forward."""
        return x * self.scale + self.dx, y * self.scale + self.dy

    def invert(self, x: float, y: float) -> tuple[float, float]:
        """Map a point back."""
        return (x - self.dx) / self.scale, (y - self.dy) / self.scale

    def zoomed_at(self, x: float, y: float, scale: float) -> Affine:
        """The same map at another scale, with what is under the view point (x, y) staying there."""
        px, py = self.invert(x, y)
        return Affine(scale, x - px * scale, y - py * scale)
