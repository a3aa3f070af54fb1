"""Render the sample picture: a wooden bench in a park, and the true masks of what is in it.

    python resources/samples/render_park_bench.py [--scale 1.0] [--seed 7] [--out FOLDER]

Writes `park-bench.jpg` and `park-bench.masks/{wooden-bench,sky,grass,trees}.png` (0 or 255). The
bench is ray-cast as oriented boxes under one sun with soft shadows; grass and leaves are drawn one
by one; clouds, bark, sand and wood grain come from periodic 1/f noise. Everything is done at twice
the size and averaged down. World coordinates are metres: x to the right, y up, z away from the eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from park_furniture import BENCH_AT, Box, bench_boxes, cast_bench, open_sky
from park_light import (
    BENCH,
    GRASS,
    HEIGHT,
    PATH,
    SKY,
    SKYLIGHT,
    SUN,
    SUNLIGHT,
    TREES,
    WIDTH,
    Camera,
    Floats,
    encode,
    linear,
    noise,
    sample,
    smoothstep,
)
from park_plants import TREES_AT, draw_flowers, draw_tree, grow_grass, tree_line

MASKS = {"wooden-bench": BENCH, "sky": SKY, "grass": GRASS, "trees": TREES}
PATH_KNOTS = ((9, 2.5), (4, 3.0), (1.1, 3.35), (-1.7, 4.05), (-3.7, 6.0), (-4.3, 9), (-2.6, 14),
              (1.5, 20), (3.5, 28), (1.0, 40), (-6, 60))  # fmt: skip


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
    in_front = np.zeros(len(blades.x), bool)
    legs = [box.centre for box in boxes if box.centre[1] <= box.half[1]]
    across, _ = camera.project(blades.x, np.zeros_like(blades.x), blades.z)
    for leg in legs:
        close = (np.abs(blades.x - leg[0]) < 0.1) & (np.abs(blades.z - leg[2] + 0.12) < 0.1)
        # What stands before a hind leg may stand behind a front leg.
        for other in (x for x in legs if x[2] < leg[2] - 0.2):
            middle, _ = camera.project(*other)
            edge, _ = camera.project(other[0] + 0.09, other[1], other[2])
            close &= np.abs(across - middle) > np.abs(edge - middle)
        in_front |= close
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
