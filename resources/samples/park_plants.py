"""Trees, grass and flowers of the sample scene, drawn leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from park_light import GRASS, SKYLIGHT, SUN, SUNLIGHT, TREES, Camera, Floats, encode, linear, sample


def tree_line(camera: Camera, image: NDArray[np.uint8], ids: NDArray[np.uint8],
              rng: np.random.Generator) -> None:  # fmt: skip
    """Woods at the far edge of the meadow: three hazy ranks of crowns."""
    width, s = camera.shape[1], camera.scale
    for rank, (height, haze) in enumerate(((62, 0.55), (45, 0.36), (26, 0.2))):
        crowns = []
        for _ in range(95 - 20 * rank):
            radius = rng.uniform(0.35, 0.8) * height * s
            rise = rng.uniform(0.15, 1.0) * height * s - radius * 0.7
            crowns.append((rng.uniform(-20 * s, width + 20 * s), camera.horizon - rise, radius))
        base = linear("41602d") * rng.uniform(0.9, 1.1)
        for cx, cy, radius in sorted(crowns, key=lambda crown: crown[1]):
            count = max(1, int((260 * (radius / (30 * s)) ** 1.2 + 60) * camera.detail))
            angle, r = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
            x, y = r * np.cos(angle), r * np.sin(angle)
            shade = np.clip(0.62 - 0.28 * x - 0.46 * y + rng.normal(0, 0.17, count), 0.12, 1.6)
            for i in np.argsort(-y):
                spot = (round(cx + x[i] * radius), round(cy + y[i] * radius * 0.85))
                light = base * shade[i] * 1.5 * rng.uniform(0.85, 1.15, 3)
                light = light * (1 - haze) + linear("b4c8d8") * haze * 0.8
                size = max(1, round(rng.uniform(1.6, 4.2) * s))
                cv2.circle(image, spot, size, np.clip(encode(light), 0, 255).tolist(), -1)
                cv2.circle(ids, spot, size, TREES, -1)
        for x in np.arange(0, width, 2 * s):
            light = base * rng.uniform(0.35, 0.6) * (1 - haze) + linear("9fb4c0") * haze * 0.7
            spot = (round(x), round(camera.horizon - rng.uniform(0.0, 0.25) * height * s))
            size = round(rng.uniform(3, 6) * s)
            cv2.circle(image, spot, size, np.clip(encode(light), 0, 255).tolist(), -1)
            cv2.circle(ids, spot, size, TREES, -1)


@dataclass(frozen=True)
class Tree:
    """A tree: foot, height and crown radius in metres, and its leaf colour."""

    x: float
    z: float
    height: float
    radius: float
    leaf: str


TREES_AT = (
    Tree(7.6, 24, 5.6, 2.2, "66803c"),
    Tree(-3.55, 14.0, 5.0, 1.95, "587a35"),
    Tree(-5.9, 19, 5.9, 2.3, "4e7036"),
    Tree(3.75, 11.5, 4.55, 1.75, "557638"),
)


def draw_tree(camera: Camera, tree: Tree, image: NDArray[np.uint8], ids: NDArray[np.uint8],
              rng: np.random.Generator, tex: Floats) -> None:  # fmt: skip
    """Trunk, boughs and nearly sixty thousand leaves, back to front."""
    unit = camera.focal / tree.z
    crown = np.array([tree.x, tree.height * 0.66, tree.z])
    trunk_top = tree.height * 0.62
    _, foot_y = camera.project(*np.array([tree.x, 0.0, tree.z], np.float32))

    def limb(start: Floats, end: Floats, thick: float, thin: float) -> None:
        steps = max(8, int(np.linalg.norm(end - start) * unit / 2))
        bow = rng.normal(0, 0.05, 2) * np.linalg.norm(end - start)
        for t in np.linspace(0, 1, steps):
            p = start + (end - start) * t
            p = p + np.array([bow[0], 0, bow[1]]) * np.sin(np.pi * t)
            px, py = camera.project(p[0], p[1], p[2])
            flare = 1 + 0.9 * np.exp(-p[1] / 0.16)
            r = (thick + (thin - thick) * t) * flare * unit / 2
            xs = np.arange(int(px - r), int(px + r) + 1)
            ys = np.arange(int(py - 2), int(py + 3))
            ys = ys[(ys >= 0) & (ys < camera.shape[0])]
            xs = xs[(xs >= 0) & (xs < camera.shape[1])]
            if not len(xs) or not len(ys):
                continue
            side = np.clip((xs - px) / max(r, 1), -1, 1)
            normal = np.stack([side, np.zeros_like(side), -np.sqrt(1 - side**2)], 1)
            shade = np.clip(normal @ SUN, 0, 1) * (0.35 if p[1] > trunk_top * 0.75 else 0.9)
            height = (foot_y - ys) / unit
            bark = sample(tex, (np.arcsin(side) * 0.12)[None, :], (height * 0.05)[:, None])
            ridge = np.clip(1 + 0.42 * bark, 0.25, 2)
            light = (
                linear("7d766c")
                * ridge[..., None]
                * (shade[None, :, None] * SUNLIGHT * 0.8 + SKYLIGHT * 0.55)
            )
            image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = np.clip(encode(light), 0, 255)
            ids[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = TREES

    foot = np.array([tree.x, -0.02, tree.z])
    top = np.array([tree.x + rng.normal(0, 0.1), trunk_top, tree.z])

    clusters = 64
    direction = rng.normal(0, 1, (clusters, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centres = crown + direction * (rng.random(clusters) ** 0.45)[:, None] * np.array(
        [tree.radius * 0.82, tree.height * 0.265, tree.radius * 0.82]
    )
    each = round(900 * camera.detail)
    radius = rng.uniform(0.15, 0.31, clusters) * tree.radius
    offset = rng.normal(0, 1, (clusters, each, 3))
    offset /= np.linalg.norm(offset, axis=2, keepdims=True)
    offset *= rng.random((clusters, each, 1)) ** 0.42
    leaves = (centres[:, None] + offset * radius[:, None, None] * [1.1, 0.8, 1.1]).reshape(-1, 3)
    outward = (leaves - crown) / [tree.radius, tree.height * 0.33, tree.radius]
    facing = 0.55 * offset.reshape(-1, 3) + 0.65 * outward
    direct = np.clip(facing @ SUN * 1.15 + 0.06 + rng.normal(0, 0.20, len(leaves)), 0, 1.3)
    deep = np.clip(np.linalg.norm(outward, axis=1), 0.2, 1.1)
    order = np.argsort(-leaves[:, 2])
    middle = int(np.searchsorted(-leaves[order, 2], -tree.z))
    hue = rng.normal(0, 0.07, (len(leaves), 3)) + rng.normal(0, 0.05, (len(leaves), 1))
    hue += np.repeat(rng.normal(0, 0.07, (clusters, 3)), each, axis=0)
    light = (
        linear(tree.leaf)
        * (1 + hue)
        * (direct[:, None] * SUNLIGHT * 0.92 + SKYLIGHT * (0.10 + 0.62 * deep**2)[:, None])
    )
    # Light that shines through thin leaves turns towards yellow.
    light += linear("9fb02f") * (np.clip(direct, 0, 1) ** 3 * 0.16)[:, None]
    colours = np.clip(encode(light.astype(np.float32)), 0, 255)
    column, row = camera.project(leaves[:, 0], leaves[:, 1], leaves[:, 2])
    length = rng.uniform(0.028, 0.056, len(leaves)) * unit
    angle = rng.uniform(0, np.pi, len(leaves))
    along = np.stack([np.cos(angle), np.sin(angle)], 1) * length[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], 1) * rng.uniform(0.25, 0.5, (len(leaves), 1))
    spot = np.stack([column, row], 1)
    notch = spot + across * 0.2 + along * 0.5
    shapes = np.stack([spot - along, spot - across, notch, spot + along, spot + across], 1)
    shapes = np.round(shapes * 8).astype(np.int32)
    for count, i in enumerate(order):
        if count == middle:
            limb(foot, top, 0.30, 0.17)
            for end in centres[:: clusters // 9]:
                limb(top - [0, rng.uniform(0, 0.5), 0], end, 0.10, 0.02)
        cv2.fillPoly(image, [shapes[i]], colours[i].tolist(), cv2.LINE_8, 3)
        cv2.fillPoly(ids, [shapes[i]], TREES, cv2.LINE_8, 3)


@dataclass(frozen=True)
class Blades:
    """Grass blades sorted from far to near: polygons in eighths of a pixel, colours, roots."""

    shapes: NDArray[np.int32]
    colours: Floats
    x: Floats
    z: Floats

    def draw(self, image: NDArray[np.uint8], ids: NDArray[np.uint8],
             which: NDArray[np.intp]) -> None:  # fmt: skip
        """Draw the blades of these indices, in this order."""
        for i in which:
            cv2.fillPoly(image, [self.shapes[i]], self.colours[i].tolist(), cv2.LINE_8, 3)
            cv2.fillPoly(ids, [self.shapes[i]], GRASS, cv2.LINE_8, 3)


def grow_grass(camera: Camera, image: NDArray[np.uint8], ids: NDArray[np.uint8],
               rng: np.random.Generator) -> Blades:  # fmt: skip
    """Blades rooted in the grass of `ids`, coloured by the light on the ground at their root."""
    height, width = camera.shape
    count = round(210_000 * camera.detail)
    row = camera.horizon + (height * 1.06 - camera.horizon) * rng.random(count) ** 0.9
    column = rng.uniform(-10, width + 10, count)
    x, z = camera.ground(column.astype(np.float32), row.astype(np.float32))
    inside = (np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int))
    keep = np.flatnonzero((ids[inside] == GRASS) & (z < 30))
    keep = keep[np.argsort(-z[keep])]
    x, z, row, column = x[keep], z[keep], row[keep], column[keep]
    base = image[inside][keep].astype(np.float32)
    number = len(keep)
    tall = rng.gamma(6.0, 0.0075, number) * camera.focal / z
    tall = np.clip(tall, 1.2 * camera.scale, None)
    wide = np.clip(rng.uniform(0.0014, 0.0032, number) * camera.focal / z, 0.5, None)
    lean = rng.normal(0.08, 0.38, number) * tall
    bottom = np.stack([column, row], 1)
    mid = bottom + np.stack([lean * 0.3, -tall * 0.62], 1)
    tip = bottom + np.stack([lean, -tall], 1)
    side = np.stack([wide, np.zeros(number)], 1)
    shapes = np.stack([bottom - side, mid - side * 0.7, tip, mid + side * 0.7, bottom + side], 1)
    # Far blades blend into the meadow: an eye that resolves them less sees less contrast.
    near = np.clip(1.15 - z / 26, 0.1, 1)
    tone = np.clip(1.02 + rng.normal(0, 0.21, number) * near, 0.5, 1.75)
    warm = rng.normal(0, 0.045, number) * near
    tint = np.stack([tone * (1 + 1.5 * warm), tone, tone * (0.88 - 2.2 * warm)], 1)
    straw = rng.random(number) < 0.025
    tint[straw] *= [1.28, 1.05, 1.1]
    colours = np.clip(base * tint, 0, 255).astype(np.float32)
    return Blades(np.round(shapes * 8).astype(np.int32), colours, x, z)


def draw_flowers(camera: Camera, image: NDArray[np.uint8], ids: NDArray[np.uint8],
                 rng: np.random.Generator) -> None:  # fmt: skip
    """A few daisies in loose groups."""
    for _ in range(16):
        cx, cz = rng.uniform(-5, 5), rng.uniform(3.6, 13)
        for _ in range(rng.integers(3, 9)):
            x, z = cx + rng.normal(0, 0.35), max(cz + rng.normal(0, 0.35), 3.4)
            px, py = camera.project(x, rng.uniform(0.03, 0.06), z)
            spot = (round(float(px)), round(float(py)))
            if not (0 <= spot[0] < camera.shape[1] and 0 <= spot[1] < camera.shape[0]):
                continue
            if ids[spot[1], spot[0]] != GRASS:
                continue
            shade = float(np.clip(image[spot[1], spot[0]].mean() / 105, 0.45, 1.0))
            r = max(1, round(0.009 * camera.focal / z))
            petals = (238 * shade, 238 * shade, 232 * shade)
            cv2.ellipse(image, spot, (r, max(1, round(r * 0.6))), 0, 0, 360, petals, -1)
            heart = (232 * shade, 190 * shade, 60 * shade)
            cv2.circle(image, (spot[0], spot[1]), max(0, round(r * 0.32)), heart, -1)
