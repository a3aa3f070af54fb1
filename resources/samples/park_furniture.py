"""The bench of the sample scene: oriented boxes, ray-cast under sun and sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from park_light import BENCH, EYE, SKYLIGHT, SUN, SUNLIGHT, Camera, Floats, encode, linear, sample

BENCH_AT, BENCH_TURN = (0.05, 5.3), np.radians(17.0)


@dataclass(frozen=True)
class Box:
    """A board: centre, axes as the rows of a rotation, half extents; `grain` is its long axis."""

    centre: Floats
    axes: Floats
    half: Floats
    grain: int


def turn(axis: str, angle: float) -> Floats:
    """Rotation matrix (its rows are the turned axes) about x or y."""
    c, s = np.cos(angle), np.sin(angle)
    rows = {"x": [[1, 0, 0], [0, c, s], [0, -s, c]], "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]]}
    return np.array(rows[axis], np.float32)


def bench_boxes() -> list[Box]:
    """The bench in world coordinates."""
    about = turn("y", BENCH_TURN)
    at = np.array([BENCH_AT[0], 0, BENCH_AT[1]], np.float32)

    def box(centre: tuple[float, ...], size: tuple[float, ...], tilt: float = 0.0) -> Box:
        axes = turn("x", tilt) @ about
        half = np.array(size, np.float32) / 2
        return Box(np.array(centre, np.float32) @ about + at, axes, half, int(np.argmax(half)))

    lean = np.radians(13.0)
    boxes = [box((0, 0.452, z), (1.86, 0.034, 0.098)) for z in (-0.235, -0.118, -0.001, 0.116)]
    for height in (0.575, 0.715, 0.855):
        boxes.append(
            box((0, height, 0.172 + (height - 0.45) * np.tan(lean)), (1.86, 0.105, 0.03), lean)
        )
    for x in (-0.76, 0.76):
        boxes += [
            box((x, 0.315, -0.235), (0.07, 0.63, 0.07)),
            box((x, 0.215, 0.2), (0.07, 0.44, 0.07)),
            box((x, 0.68, 0.275), (0.07, 0.52, 0.05), lean),
            box((x, 0.40, -0.02), (0.05, 0.07, 0.44)),
            box((x, 0.645, -0.06), (0.095, 0.032, 0.56)),
        ]
    boxes.append(box((0, 0.395, -0.2), (1.5, 0.06, 0.03)))
    boxes.append(box((0, 0.16, 0.2), (1.5, 0.045, 0.03)))
    return boxes


def hit(box: Box, origin: Floats, ray: Floats) -> tuple[Floats, Floats]:
    """Slab test (Kay and Kajiya 1986): distance to entry, or inf, and distance to exit."""
    local, slope = (origin - box.centre) @ box.axes.T, ray @ box.axes.T
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.where(np.abs(slope) < 1e-7, np.float32(1e-7), slope)
    a, b = (-box.half - local) * inverse, (box.half - local) * inverse
    near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    return np.where((near < far) & (far > 1e-4), near, np.inf).astype(np.float32), far


def blocked(boxes: list[Box], origin: Floats, ray: Floats) -> NDArray[np.bool_]:
    """Whether a ray from each origin meets any box."""
    dark = np.zeros(len(origin), bool)
    for box in boxes:
        open_ = np.flatnonzero(~dark)
        near, _ = hit(box, origin[open_], ray[open_] if ray.ndim == 2 else ray)
        dark[open_] = np.isfinite(near) & (near > -1e-4)
    return dark


def open_sky(boxes: list[Box], points: Floats, normals: Floats, rng: np.random.Generator,
             rays: int) -> tuple[Floats, Floats]:  # fmt: skip
    """Share of the sun's disc and of the sky that each point sees past the boxes."""
    sun, sky = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    start = points + normals * np.float32(2e-3)
    for _ in range(rays):
        jitter = rng.normal(0, 0.022, 3).astype(np.float32)
        sun += ~blocked(boxes, start, SUN + jitter)
        scatter = rng.normal(0, 1, (len(points), 3)).astype(np.float32)
        scatter /= np.linalg.norm(scatter, axis=1, keepdims=True)
        sky += ~blocked(boxes, start, normals * np.float32(1.02) + scatter)
    return sun / rays, sky / rays


def wood(u: Floats, v: Floats, board: int, rng: np.random.Generator, tex: Floats) -> Floats:
    """Linear colour of sawn pine at u metres along and v metres across a board."""
    shift = rng.random(4).astype(np.float32) * 7
    rings = v * 34 + 0.9 * sample(tex, u * 0.22 + shift[0], v * 1.6 + shift[1])
    dark = np.zeros_like(u)
    for _ in range(rng.integers(1, 4)):
        u0, v0, size = rng.uniform(-0.85, 0.85), rng.uniform(-0.04, 0.04), rng.uniform(0.007, 0.012)
        r2 = ((u - u0) / (size * 2.6)) ** 2 + ((v - v0) / size) ** 2
        rings += 2.6 * np.exp(-r2 / 3.0)
        dark += np.exp(-(r2**1.4) * 1.1)
    stripe = 0.5 + 0.5 * np.sin(2 * np.pi * rings)
    fibre = sample(tex, u * 0.5 + shift[2], v * 13 + shift[3])
    fine = sample(tex, u * 1.8 + shift[1], v * 45 + shift[2])
    patch = sample(tex, u * 0.11 + shift[3], v * 0.4 + shift[0])
    tone = np.clip(0.62 * stripe**2.2 + 0.15 * fibre + 0.10 * fine, -0.3, 1.3)[..., None]
    colour = linear("c98442") * (1 - 0.52 * tone) + linear("8a4a1c") * 0.52 * tone
    colour = colour * (1 + 0.10 * patch + 0.05 * fibre)[..., None]
    colour *= np.float32(rng.uniform(0.84, 1.12)) * np.array([1, rng.uniform(0.95, 1.04), 1])
    knot = np.clip(dark, 0, 1)[..., None]
    return (colour * (1 - 0.82 * knot) + linear("3b1c0b") * 0.82 * knot).astype(np.float32)


def cast_bench(
    camera: Camera, image: NDArray[np.uint8], ids: NDArray[np.uint8], rng: np.random.Generator,
    tex: Floats, boxes: list[Box],
) -> None:  # fmt: skip
    """Ray-cast the bench over `image` and write it into `ids`."""
    ends = [[x, y, z] for x in (-1, 1) for y in (0, 1) for z in (-0.4, 0.5)]
    world = np.array(ends, np.float32) @ turn("y", BENCH_TURN)
    world += np.array([BENCH_AT[0], 0, BENCH_AT[1]], np.float32)
    px, py = camera.project(*world.T)
    top, bottom = int(py.min()), min(int(py.max()) + 4, camera.shape[0])
    left, right = int(px.min()), int(px.max())
    columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    ray = (
        np.stack(
            [
                (columns + 0.5 - camera.shape[1] / 2) / camera.focal,
                (camera.horizon - rows - 0.5) / camera.focal,
                np.ones(columns.shape),
            ],
            -1,
        )
        .astype(np.float32)
        .reshape(-1, 3)
    )
    eye = np.array([0, EYE, 0], np.float32)
    depth, which = np.full(len(ray), np.inf, np.float32), np.full(len(ray), -1)
    for index, box in enumerate(boxes):
        near, _ = hit(box, eye, ray)
        closer = near < depth
        depth[closer], which[closer] = near[closer], index
    seen = np.flatnonzero(which >= 0)
    points = eye + ray[seen] * depth[seen, None]
    normals, albedo = np.zeros_like(points), np.zeros_like(points)
    for index, box in enumerate(boxes):
        mine = which[seen] == index
        if not mine.any():
            continue
        local = (points[mine] - box.centre) @ box.axes.T
        edge = box.half - np.abs(local)
        face = np.argmin(edge, axis=1)
        bevel = np.clip(1 - edge / 0.007, 0, 1) ** 2 * 0.75
        bevel[np.arange(len(face)), face] = 1
        normal = bevel * np.sign(local)
        across = [axis for axis in range(3) if axis != box.grain]
        v = np.where(face == across[0], local[:, across[1]], local[:, across[0]])
        albedo[mine] = wood(local[:, box.grain], v, index, rng, tex)
        end = face == box.grain
        albedo[mine] *= np.where(end, 0.55, 1.0)[:, None].astype(np.float32)
        normals[mine] = normal @ box.axes / np.linalg.norm(normal, axis=1, keepdims=True)
    normals += 0.03 * rng.standard_normal(normals.shape).astype(np.float32)
    sun, sky = open_sky(boxes, points, normals, rng, 10)
    toward = -ray[seen] / np.linalg.norm(ray[seen], axis=1, keepdims=True)
    halfway = toward + SUN
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    gloss = np.clip((normals * halfway).sum(1), 0, 1) ** 38 * 0.16
    diffuse = (np.clip(normals @ SUN, 0, 1) * sun)[:, None] * SUNLIGHT
    upward = (0.5 + 0.5 * normals[:, 1])[:, None]
    bounce = linear("6f8a3c") * 0.7 * (1 - upward) * (0.35 + 0.65 * sky[:, None])
    ambient = SKYLIGHT * (0.25 + 0.75 * upward) * (0.15 + 0.85 * sky[:, None] ** 1.2) + bounce
    light = albedo * (diffuse + ambient) + (gloss * sun)[:, None] * SUNLIGHT
    where = (seen // (right - left) + top, seen % (right - left) + left)
    image[where], ids[where] = np.clip(encode(light), 0, 255).astype(np.uint8), BENCH
