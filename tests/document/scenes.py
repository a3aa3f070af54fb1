"""Things on the ground, painted with known shadows and reflections."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

HEIGHT, WIDTH = 400, 600
Floats = NDArray[np.float32]

GROUNDS = {"grass": (0.55, 0.85, 0.32), "gravel": (0.95, 0.9, 0.82), "brick": (1.0, 0.62, 0.5)}
"""Photographed textures, and the colours that they get."""


@dataclass(frozen=True, eq=False)
class Scene:
    """image: (H, W, 4) uint8. mask: (H, W) uint8, the thing. truth: (H, W), 0 to 1."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    truth: Floats


def ground(kind: str, seed: int = 0) -> Floats:
    """(H, W, 3) sRGB in [0, 1]: a little brighter to one side, textured unless it is "plain"."""
    rng = np.random.default_rng(seed)
    if kind == "plain":
        grey, colour = np.full((HEIGHT, WIDTH), 0.62), (1.0, 0.98, 0.94)
    else:
        photo = getattr(skimage.data, kind)()[:HEIGHT, :].astype(np.float32) / 255
        grey = cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        grey, colour = 0.35 + 0.6 * grey, GROUNDS[kind]
    side = np.linspace(0.92, 1.05, WIDTH)[None, :] * np.linspace(0.95, 1.03, HEIGHT)[:, None]
    noise = rng.normal(0, 0.008, (HEIGHT, WIDTH, 3))
    return np.clip((grey * side)[..., None] * np.array(colour) + noise, 0, 1).astype(np.float32)


def silhouette(shape: str) -> NDArray[np.uint8]:
    """(H, W) the thing: a "box", a "figure" of a body and a head, or a "table" with legs."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if shape == "box":
        mask[170:270, 250:330] = 255
    elif shape == "figure":
        cv2.ellipse(mask, (290, 215), (28, 60), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.circle(mask, (290, 140), 20, 255, -1, cv2.LINE_AA)
    else:
        mask[180:200, 220:380] = 255
        for x in (230, 362):
            mask[200:280, x : x + 10] = 255
    return mask


def leaning(mask: NDArray[np.uint8], aside: float, length: float, soft: float) -> Floats:
    """(H, W) in [0, 1] the shadow that the thing throws to one side, over the ground before it."""
    foot = int(np.flatnonzero(mask.any(axis=1)).max())
    # A point of the thing at height h above its foot falls to (h · aside, h · length).
    move = np.array([[1, -aside, aside * foot], [0, -length, (1 + length) * foot]], np.float32)
    thrown = cv2.warpAffine(mask, move, (WIDTH, HEIGHT))
    return np.asarray(cv2.GaussianBlur(thrown.astype(np.float32) / 255, (0, 0), soft), np.float32)


def darkened(picture: Floats, amount: Floats, kept: tuple[float, float, float]) -> Floats:
    """The picture (H, W, 3) with so much of its linear light kept where `amount` is 1."""
    linear = picture**2.2
    share = 1 - amount[..., None] * (1 - np.array(kept, np.float32))
    return ((linear * share) ** (1 / 2.2)).astype(np.float32)


def with_thing(picture: Floats, mask: NDArray[np.uint8], colour: tuple[float, ...]) -> Floats:
    """The picture with a shaded thing of that colour over it."""
    columns = np.linspace(1.15, 0.8, WIDTH)[None, :, None]
    alpha = mask[..., None].astype(np.float32) / 255
    painted = np.clip(np.array(colour) * columns, 0, 1) * np.ones((HEIGHT, WIDTH, 1))
    return (picture * (1 - alpha) + painted * alpha).astype(np.float32)


def finished(picture: Floats, mask: NDArray[np.uint8], truth: Floats) -> Scene:
    """The scene as a person opens it."""
    image = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    image[..., :3] = np.round(np.clip(picture, 0, 1) * 255)
    return Scene(image, mask, np.where(mask > 0, 0, truth).astype(np.float32))


def shadowed(
    kind: str,
    shape: str,
    *,
    aside: float = 0.8,
    length: float = 0.35,
    soft: float = 3.0,
    kept: tuple[float, float, float] = (0.38, 0.41, 0.47),
    seed: int = 0,
) -> Scene:
    """A thing in the sun: its shadow takes the same share of light everywhere, red most."""
    mask = silhouette(shape)
    amount = leaning(mask, aside, length, soft)
    picture = with_thing(darkened(ground(kind, seed), amount, kept), mask, (0.75, 0.2, 0.15))
    return finished(picture, mask, amount)


def unshadowed(kind: str, shape: str, seed: int = 0) -> Scene:
    """The same on a dull day."""
    mask = silhouette(shape)
    picture = with_thing(ground(kind, seed), mask, (0.75, 0.2, 0.15))
    return finished(picture, mask, np.zeros(mask.shape, np.float32))


def reflected(*, seen: float = 0.6, ripples: float = 2.0, seed: int = 0) -> Scene:
    """A striped post on the bank of a lake that shows it, and the trees behind it, upside down."""
    rng = np.random.default_rng(seed)
    bank = 230
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.array([(260, bank), (275, 120), (330, 100), (350, bank)])], 255)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 12)
    behind = np.array((0.5, 0.62, 0.72)) + 0.5 * noise[..., None]
    stripes = np.where(np.arange(HEIGHT)[:, None] // 14 % 3 == 0, 1.0, 0.35)[..., None]
    thing = stripes * np.array((0.9, 0.3, 0.2)) * np.ones((1, WIDTH, 1))
    picture = np.where(mask[..., None] > 0, thing, behind).astype(np.float32)
    below = HEIGHT - bank
    water = np.array((0.2, 0.3, 0.35), np.float32)
    image = picture[bank - below : bank][::-1]
    image = cv2.blur(image, (3, max(1, round(4 * ripples))))
    picture[bank:] = seen * image + (1 - seen) * water
    picture[bank:] += rng.normal(0, 0.01, (below, WIDTH, 1))
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    truth[bank:] = mask[bank - below : bank][::-1] / 255 * float(seen > 0)
    return finished(picture, mask, truth)
