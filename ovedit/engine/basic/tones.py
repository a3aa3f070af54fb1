"""Tone curves over L*, 0 to 100, and over the shapes that light takes on a surface."""

from __future__ import annotations

import numpy as np

from ovedit.engine.basic.raster import Floats


def bend(light: Floats, old: float, new: float) -> Floats:
    """A smooth tone curve through black, white and (old, new), after Schlick's bias (1994)."""
    t = np.clip(light, 0, 100) / np.float32(100)
    m = float(np.clip(old / 100, 0.03, 0.97))
    n = float(np.clip(new / 100, 0.02, 0.98))
    k = m * (1 - n) / (n * (1 - m))
    return 100 * t / (t + k * (1 - t))


def texture_gain(old: float, new: float) -> float:
    """How much fine texture grows with the tone curve; bounded so that noise does not."""
    return float(np.clip(new / max(old, 4.0), 0.35, 1.25))


def chroma_room(light: Floats, full: float) -> Floats:
    """Share of a colour's chroma that fits at other lightnesses: none at black and white."""
    full = float(np.clip(full, 12, 88))
    return np.clip(np.minimum(light / full, (100 - light) / (100 - full)), 0, 1) ** np.float32(0.8)


def shoulder(light: Floats) -> Floats:
    """L* with soft ends, so that highlights and shadows keep their shape."""
    high = np.where(light > 80, 80 + 18 * np.tanh((light - 80) / 18), light)
    return np.where(high < 16, 16 * np.exp(np.minimum(high - 16, 0) / 16), high).astype(np.float32)


def kneed(light: Floats, knee: float) -> Floats:
    """Compress above `knee`, so that what was white takes on the new colour."""
    knee = float(np.clip(knee, 50, 82))
    span = np.float32(98 - knee)
    return np.where(light > knee, knee + 0.62 * span * np.tanh((light - knee) / span), light)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 at `low` and 1 at `high`, which may lie below it, and level at both (Hermite)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def sky_over_ground(down: Floats) -> Floats:
    """A polished surface's view by how far it leans down, -1 to 1: sky, dark horizon, ground."""
    sky = smoothstep(0.12, -0.35, down) * (0.75 + 0.35 * np.clip(-down, 0, 1))
    horizon = np.exp(-(((down - 0.22) / 0.20) ** 2))
    ground = 0.35 * smoothstep(0.45, 0.95, down)
    return (sky - 0.6 * horizon + ground).astype(np.float32)
