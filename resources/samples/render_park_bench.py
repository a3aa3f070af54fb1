"""Render the sample picture: a wooden bench in a park, and the true masks of what is in it.

    python resources/samples/render_park_bench.py [--scale 1.0] [--seed 7] [--out FOLDER]

Writes `park-bench.jpg` and `park-bench.masks/{wooden-bench,sky,grass,trees}.png` (0 or 255). The
bench is ray-cast as oriented boxes under one sun with soft shadows; grass and leaves are drawn one
by one; clouds, bark, sand and wood grain come from periodic 1/f noise. Everything is done at twice
the size and averaged down. World coordinates are metres: x to the right, y up, z away from the eye.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
WIDTH, HEIGHT = 1800, 1200
SKY, TREES, GRASS, PATH, BENCH = range(5)
MASKS = {"wooden-bench": BENCH, "sky": SKY, "grass": GRASS, "trees": TREES}

EYE = 1.22
SUN = np.array([-0.52, 0.70, -0.49], np.float32) / np.float32(np.linalg.norm([0.52, 0.70, 0.49]))
SUNLIGHT = np.array([1.00, 0.91, 0.76], np.float32) * 2.35
SKYLIGHT = np.array([0.50, 0.62, 0.80], np.float32) * 0.85
BENCH_AT, BENCH_TURN = (0.05, 5.3), np.radians(17.0)
PATH_KNOTS = ((9, 2.5), (4, 3.0), (1.1, 3.35), (-1.7, 4.05), (-3.7, 6.0), (-4.3, 9), (-2.6, 14),
              (1.5, 20), (3.5, 28), (1.0, 40), (-6, 60))  # fmt: skip


def linear(colour: str) -> Floats:
    """Linear light of an `rrggbb` colour (sRGB transfer curve approximated by 2.2)."""
    values = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255
    return values**2.2


def encode(light: Floats) -> Floats:
    """Display values 0 to 255 of linear light, with a shoulder that keeps highlights soft."""
    light = np.maximum(light, 0)
    return 255 * (light * (1 + light / 6.0) / (1 + light * 0.62)) ** np.float32(1 / 2.2)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def noise(rng: np.random.Generator, slope: float, size: int = 1024) -> Floats:
    """Periodic Gaussian noise with spectrum 1/f^slope, mean 0 and deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    texture = np.fft.irfft2(spectrum, (size, size))
    return (texture / texture.std()).astype(np.float32)


def sample(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Bilinear lookup with wrap-around; u and v count periods, any shape."""
    size = texture.shape[0]
    u, v = np.broadcast_arrays(u, v)
    count, columns = u.size, 4096
    rows = -(-count // columns)
    flat = [np.resize(np.mod(c, 1).astype(np.float32) * size, (rows, columns)) for c in (u, v)]
    wrapped = cv2.copyMakeBorder(texture, 0, 2, 0, 2, cv2.BORDER_WRAP)
    found = cv2.remap(wrapped, flat[0], flat[1], cv2.INTER_LINEAR).ravel()[:count]
    return np.asarray(found, np.float32).reshape(u.shape)


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera at (0, EYE, 0); pixels of the supersampled picture."""

    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return round(HEIGHT * self.scale), round(WIDTH * self.scale)

    @property
    def focal(self) -> float:
        """Focal length."""
        return 2020 * self.scale

    @property
    def detail(self) -> float:
        """Share of blades and leaves that are worth drawing at this size."""
        return min(1.0, self.scale)

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        return 498 * self.scale

    def project(
        self, x: Floats | float, y: Floats | float, z: Floats | float
    ) -> tuple[Floats, Floats]:
        """Column and row of world points."""
        column = np.asarray(WIDTH * self.scale / 2 + self.focal * x / z)
        return column, np.asarray(self.horizon - self.focal * (y - EYE) / z)

    def ground(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """World x and z of the ground seen at pixels below the horizon."""
        z = self.focal * EYE / np.maximum(rows - self.horizon, 0.5)
        return (columns - WIDTH * self.scale / 2) * z / self.focal, z


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
    ray = np.stack(
        [
            (columns + 0.5 - camera.shape[1] / 2) / camera.focal,
            (camera.horizon - rows - 0.5) / camera.focal,
            np.ones(columns.shape),
        ],
        -1,
    ).astype(np.float32).reshape(-1, 3)
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


def paint_sky(camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gradient and cumulus on a plane overhead, seen in perspective."""
    height, width = camera.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    up = np.clip((camera.horizon - rows) / camera.horizon, 0, 1)
    stops = ((0.70, 0.36, 0.115), (0.82, 0.57, 0.30), (0.92, 0.86, 0.70))
    blue = np.stack([np.interp(up, (0, 0.35, 1), stop) for stop in stops], -1)
    plane = 1 / (up + 0.22)
    u = (columns / width - 0.5) * plane * 0.34 + 0.61
    v = plane * 0.20
    coarse, fine = noise(rng, 1.75), noise(rng, 1.25)

    def density(du: float, dv: float) -> Floats:
        body = sample(coarse, u + du, v + dv) + 0.32 * sample(fine, 2.1 * u + du, 2.1 * v + dv)
        return body.astype(np.float32)

    body = density(0, 0)
    cover = smoothstep(0.55, 2.0, body) * (0.35 + 0.65 * smoothstep(0.0, 0.3, up)) * 0.93
    toward_sun = density(-0.012, 0.010)
    lit = np.clip(0.93 + 0.22 * (body - toward_sun) - 0.07 * smoothstep(1.0, 2.4, body), 0.66, 1.12)
    cloud = lit[..., None] * np.array([1.0, 0.985, 0.97], np.float32)
    cloud = cloud * 0.95 + np.array([0.0, 0.01, 0.03], np.float32)
    sky = blue * (1 - cover[..., None]) + cloud * cover[..., None]
    return np.clip(255 * sky ** (1 / 2.2), 0, 255).astype(np.uint8)


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
            count = int(260 * (radius / (30 * s)) ** 1.2) + 60
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


def path_distance(x: Floats, z: Floats) -> Floats:
    """Metres from ground points to the middle of the path."""
    knots = np.array(PATH_KNOTS, np.float32)
    t, fine = np.arange(len(knots)), np.linspace(0, len(knots) - 1, 60)
    # Chaikin's corner cutting gives a curve without overshoot from few knots.
    line = np.stack([np.interp(fine, t, knots[:, 0]), np.interp(fine, t, knots[:, 1])], 1)
    for _ in range(5):
        line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    best = np.full(x.shape, np.inf, np.float32)
    for a, b in zip(line[:-1].astype(np.float32), line[1:].astype(np.float32), strict=True):
        d = b - a
        along = np.clip(((x - a[0]) * d[0] + (z - a[1]) * d[1]) / (d @ d), 0, 1)
        np.minimum(best, np.hypot(x - a[0] - along * d[0], z - a[1] - along * d[1]), out=best)
    return best


def ground(camera: Camera, image: NDArray[np.uint8], ids: NDArray[np.uint8], boxes: list[Box],
           rng: np.random.Generator) -> None:  # fmt: skip
    """Soil of the meadow and the sandy path, with all shadows that fall on them."""
    top = round(camera.horizon) + 1
    rows, columns = np.mgrid[top : camera.shape[0], 0 : camera.shape[1]].astype(np.float32)
    x, z = camera.ground(columns + 0.5, rows + 0.5)
    broad, fine = noise(rng, 1.5), noise(rng, 0.7)
    wide = sample(broad, x / 21, z / 21)
    mid = sample(broad, x / 4.3 + 0.3, z / 4.3)
    near = np.clip(9 / z, 0, 1)
    blades = sample(fine, x / 2.3, z / 5.0) * near
    stripe = np.tanh(3 * np.sin(2 * np.pi * (x * 0.92 + z * 0.39) / 3.4))
    far = smoothstep(9, 45, z)[..., None]
    green = linear("597c33") * (1 - far) + linear("86a055") * far
    dry = linear("8c9450")
    patchy = np.clip(0.22 + 0.20 * wide + 0.14 * mid, 0, 0.8)[..., None]
    grass = green * (1 - patchy) + dry * patchy
    grass *= (1 + 0.07 * stripe + 0.10 * mid + 0.10 * blades)[..., None]

    distance = path_distance(x, z) + 0.045 * mid + 0.02 * blades
    half = np.float32(0.56)
    on_path = smoothstep(0.03, -0.03, (distance - half).astype(np.float32))
    pebbles, grit = sample(fine, x / 1.1, z / 1.1), sample(fine, x / 4.7 + 0.5, z / 4.7 + 0.2)
    sand = linear("c9b99a") * (1 + 0.05 * mid + near * (0.12 * pebbles + 0.06 * grit))[..., None]
    sand *= (0.86 + 0.14 * smoothstep(0.0, 0.45, np.abs(distance - 0.27)))[..., None]
    albedo = grass * (1 - on_path[..., None]) + sand * on_path[..., None]
    rim = np.exp(-(((distance - half - 0.03) / 0.05) ** 2))
    albedo *= (1 - 0.38 * rim)[..., None]

    sun, sky = np.ones(x.shape, np.float32), np.ones(x.shape, np.float32)
    for tree in TREES_AT:
        lift = tree.height * 0.62
        dx, dz = x - tree.x + SUN[0] * lift / SUN[1], z - tree.z + SUN[2] * lift / SUN[1]
        r = np.hypot(dx / (tree.radius * 1.12), dz / (tree.radius * 1.12))
        dapple = sample(broad, x / 2.6 + tree.x, z / 2.6) * 0.22
        sun *= 1 - 0.9 * smoothstep(1.08, 0.80, (r + dapple).astype(np.float32))
        sky *= 1 - 0.45 * np.exp(-((np.hypot(x - tree.x, z - tree.z) / 1.3) ** 2))
    close = (np.hypot(x - BENCH_AT[0] - 0.3, (z - BENCH_AT[1] - 0.3) * 1.3) < 1.9).astype(np.uint8)
    bx, by, bw, bh = cv2.boundingRect(close)
    half_grid = (slice(by, by + bh, 2), slice(bx, bx + bw, 2))
    points = np.stack([x[half_grid], np.zeros_like(x[half_grid]), z[half_grid]], -1)
    flat = points.reshape(-1, 3).astype(np.float32)
    upward = np.broadcast_to(np.array([0, 1, 0], np.float32), flat.shape)
    lit, open_ = open_sky(boxes, flat, upward, rng, 14)
    for target, share in ((sun, lit), (sky, 0.25 + 0.75 * open_)):
        soft = cv2.GaussianBlur(share.reshape(points.shape[:2]), (0, 0), 1.3 * camera.scale)
        target[by : by + bh, bx : bx + bw] *= cv2.resize(soft, (bw, bh))
    light = (sun * SUN[1])[..., None] * SUNLIGHT + sky[..., None] * SKYLIGHT
    image[top:] = np.clip(encode(albedo * light), 0, 255).astype(np.uint8)
    ids[top:] = np.where(on_path > 0.5, PATH, GRASS)


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
            light = linear("7d766c") * ridge[..., None] * (
                shade[None, :, None] * SUNLIGHT * 0.8 + SKYLIGHT * 0.55
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
    light = linear(tree.leaf) * (1 + hue) * (
        direct[:, None] * SUNLIGHT * 0.92 + SKYLIGHT * (0.10 + 0.62 * deep**2)[:, None]
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


def develop(image: Floats, scale: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a lens and a sensor do: depth blur, vignette, a little bloom and grain."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y = rows / height
    soft = cv2.GaussianBlur(image, (0, 0), 2.2 * scale)
    defocus = np.maximum(0.45 * smoothstep(0.46, 0.36, y), smoothstep(0.90, 1.05, y) * 0.9)
    image = image * (1 - defocus[..., None]) + soft * defocus[..., None]
    bloom = cv2.GaussianBlur(np.clip(image - 205, 0, None), (0, 0), 22 * scale)
    image = image + 0.35 * bloom
    r2 = ((columns / width - 0.5) ** 2 + (y - 0.48) ** 2 * 0.7) / 0.33
    image = image * (1 - 0.26 * r2**1.3)[..., None]
    x = np.clip(image / 255, 0, 1)
    image = 255 * (x + 0.16 * (x * x * (3 - 2 * x) - x))
    grain = rng.normal(0, 1, image.shape[:2]).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 2.0
    chroma = rng.normal(0, 0.9, image.shape).astype(np.float32)
    image = image + grain[..., None] * (2.3 - image.mean(-1, keepdims=True) / 180) + chroma
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def render(
    scale: float = 1.0, seed: int = 7
) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.uint8]]]:
    """The picture (H, W, 3) uint8 RGB at `scale` of 1800 by 1200, and its masks of 0 or 255."""
    seeds = iter(np.random.SeedSequence(seed).spawn(16))

    def rng() -> np.random.Generator:
        return np.random.default_rng(next(seeds))

    camera = Camera(scale * 2)
    boxes, tex = bench_boxes(), noise(rng(), 1.2)
    image = paint_sky(camera, rng())
    ids = np.full(camera.shape, SKY, np.uint8)
    tree_line(camera, image, ids, rng())
    ground(camera, image, ids, boxes, rng())
    blades = grow_grass(camera, image, ids, rng())
    near = blades.z < 11.0
    blades.draw(image, ids, np.flatnonzero(~near))
    for tree in TREES_AT:
        draw_tree(camera, tree, image, ids, rng(), tex)
    blades.draw(image, ids, np.flatnonzero(near))
    draw_flowers(camera, image, ids, rng())
    cast_bench(camera, image, ids, rng(), tex, boxes)
    feet = np.array([(x, z) for x in (-0.76, 0.76) for z in (-0.27, 0.165)], np.float32)
    c, s = np.cos(BENCH_TURN), np.sin(BENCH_TURN)
    in_front = np.zeros(len(blades.x), bool)
    for fx, fz in feet:
        at = (fx * c - fz * s + BENCH_AT[0], fx * s + fz * c + BENCH_AT[1])
        in_front |= (np.abs(blades.x - at[0]) < 0.1) & (np.abs(blades.z - at[1] + 0.12) < 0.1)
    blades.draw(image, ids, np.flatnonzero(in_front))

    size = (round(WIDTH * scale), round(HEIGHT * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    photo = develop(small, scale, rng())
    masks = {}
    for name, number in MASKS.items():
        whole = np.where(ids == number, np.uint8(255), np.uint8(0))
        share = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
        masks[name] = np.where(share > 128, np.uint8(255), np.uint8(0))
    return photo, masks


def main() -> None:
    """Render and write the files."""
    parser = argparse.ArgumentParser(description="Render the sample picture and its masks.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    wanted = parser.parse_args()
    photo, masks = render(wanted.scale, wanted.seed)
    folder = wanted.out / "park-bench.masks"
    folder.mkdir(parents=True, exist_ok=True)
    picture = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 92]
    if not cv2.imwrite(str(wanted.out / "park-bench.jpg"), picture, jpeg):
        raise SystemExit(f"cannot write {wanted.out / 'park-bench.jpg'}")
    for name, mask in masks.items():
        if not cv2.imwrite(str(folder / f"{name}.png"), mask):
            raise SystemExit(f"cannot write {folder / name}.png")


if __name__ == "__main__":
    main()
