"""How well and how fast the basic engine removes, beside the yardsticks, on the same holes.

    python tests/benchmarks/bench_remove.py FOLDER [--quick]

Prints a markdown table: PSNR in the hole (dB, more is better), energy of its high frequencies
over that of the truth (1 is natural; the column beside it is the mean of |log ratio|, 0 is best),
the step of brightness across the hole's border over that of the truth (1: no seam), wall
seconds, and pixels changed outside the mask. Then a fill in 12 megapixels with a mask of 5 %: time,
first preview, latest answer to a cancel, and how late a thread wakes that sleeps 10 ms in a loop.
FOLDER receives the side-by-side pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import numpy as np
import patchmatch
import skimage.data

from ovedit.engine.basic.remove import remove
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import EditKind, EditRequest
from ovedit.errors import Cancelled

Picture = np.ndarray
Method = Callable[[Picture, np.ndarray], Picture]
Scene = tuple[str, Picture, np.ndarray]


def photograph(name: str) -> Picture:
    """A photograph of scikit-image's wheel as (H, W, 3) uint8."""
    image = getattr(skimage.data, name)()
    image = image[0] if isinstance(image, tuple) else image
    return np.ascontiguousarray(np.dstack([image] * 3) if image.ndim == 2 else image[..., :3])


def blob(shape: tuple[int, int], x: float, y: float, size: float, seed: int) -> np.ndarray:
    """An irregular hole (H, W) bool of about `size` px around the place (x, y) in shares."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(2, 6):
        radius += random.normal(0, 0.35 / k) * np.cos(k * angle + random.uniform(0, 2 * np.pi))
    outline = np.stack([np.cos(angle), np.sin(angle)], -1) * radius[:, None] * size / 2
    outline += (x * shape[1], y * shape[0])
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
    return mask > 0


def mirrored(image: Picture, times: int) -> Picture:
    """The picture `times` by `times` times, every second one mirrored."""
    row = np.concatenate([image[:, :: 1 - 2 * (i % 2)] for i in range(times)], 1)
    return np.ascontiguousarray(np.concatenate([row[:: 1 - 2 * (i % 2)] for i in range(times)]))


def enlarged(image: Picture, scale: float) -> Picture:
    """The picture at another scale, with the grain of a camera."""
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4)
    grain = np.random.default_rng(0).normal(0, 3, large.shape[:2])
    return np.clip(large + grain[..., None], 0, 255).astype(np.uint8)


HOLES = [
    ("astronaut", 0.62, 0.25, 110), ("astronaut", 0.22, 0.75, 90), ("coffee", 0.85, 0.75, 120),
    ("coffee", 0.08, 0.55, 80), ("coffee", 0.55, 0.85, 70), ("chelsea", 0.62, 0.22, 70),
    ("chelsea", 0.25, 0.75, 80), ("rocket", 0.6, 0.3, 120), ("rocket", 0.3, 0.6, 90),
    ("rocket", 0.6, 0.88, 80), ("stereo_motorcycle", 0.2, 0.85, 130),
    ("stereo_motorcycle", 0.85, 0.2, 100), ("stereo_motorcycle", 0.25, 0.15, 80),
    ("stereo_motorcycle", 0.55, 0.82, 90), ("brick", 0.5, 0.5, 130), ("grass", 0.5, 0.5, 130),
    ("gravel", 0.4, 0.6, 130),
]  # fmt: skip


def shifted_holes(quick: bool) -> list[Scene]:
    """Each hole at three places and sizes."""
    shifts = [(0, 0, 1.0), (0.02, -0.02, 0.8), (-0.03, 0.02, 0.6)][: 1 if quick else 3]
    scenes: list[Scene] = []
    for number, (name, x, y, size) in enumerate(HOLES, 1):
        image = photograph(name)
        for turn, (dx, dy, scale) in enumerate(shifts):
            hole = blob(image.shape[:2], x + dx, y + dy, size * scale, number + 100 * turn)
            scenes.append((name, image, hole))
    return scenes


def large_holes(quick: bool) -> list[Scene]:
    """Holes in pictures above 768 px, where the fill has to be carried to full resolution."""
    places = [
        ("retina", photograph("retina"), 0.55, 0.4, 330),
        ("coffee ×3", enlarged(photograph("coffee"), 3), 0.85, 0.75, 360),
        ("motorcycle ×3", enlarged(photograph("stereo_motorcycle"), 3), 0.2, 0.85, 390),
        ("grass 3×3", mirrored(photograph("grass"), 3), 0.45, 0.55, 420),
        ("brick 3×3", mirrored(photograph("brick"), 3), 0.45, 0.55, 420),
        ("gravel 3×3", mirrored(photograph("gravel"), 3), 0.45, 0.55, 420),
    ]
    return [
        (name, image, blob(image.shape[:2], x, y, size, 20 + i))
        for i, (name, image, x, y, size) in enumerate(places[:: 2 if quick else 1])
    ]


def objects() -> list[Scene]:
    """Real things to be removed: there is no truth, only the eye."""
    outlines = {
        "rocket": [(305, 110), (345, 110), (352, 427), (290, 427)],
        "astronaut": [(345, 0), (470, 0), (475, 275), (345, 300)],
        "coffee": [(60, 120), (170, 5), (430, 5), (500, 200), (420, 340), (280, 392), (80, 290)],
        "stereo_motorcycle": [(40, 105), (290, 105), (290, 165), (130, 320), (40, 320)],
        "chelsea": [(95, 60), (200, 60), (200, 140), (95, 140)],
        "grass": [(200, 150), (330, 150), (330, 400), (200, 400)],
    }
    scenes: list[Scene] = []
    for name, outline in outlines.items():
        image = photograph(name)
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.array(outline, np.int32)], 1)
        scenes.append((name, image, mask > 0))
    return scenes


def request_of(image: Picture, hole: np.ndarray) -> EditRequest:
    """The request that removes the hole."""
    opaque = np.full((*hole.shape, 1), 255, np.uint8)
    alpha = hole.astype(np.uint8) * 255
    return EditRequest(EditKind.REMOVE, np.concatenate([image, opaque], 2), alpha, alpha)


def ours(image: Picture, hole: np.ndarray) -> Picture:
    result = remove(request_of(image, hole), silent, CancelToken())
    filled = image.copy()
    part = hole[result.rect.slices]
    filled[result.rect.slices][part] = result.pixels[..., :3][part]
    return filled


def telea(image: Picture, hole: np.ndarray) -> Picture:
    return cv2.inpaint(image, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)


def shift_map(image: Picture, hole: np.ndarray) -> Picture:
    """Its mask is inverted and it wants Lab."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    out = np.zeros_like(lab)
    known = (~hole).astype(np.uint8) * 255
    cv2.xphoto.inpaint(lab, known, out, cv2.xphoto.INPAINT_SHIFTMAP)
    return cv2.cvtColor(out, cv2.COLOR_LAB2RGB)


def pypatchmatch(size: int) -> Method:
    def run(image: Picture, hole: np.ndarray) -> Picture:
        patchmatch.set_random_seed(0)
        return patchmatch.inpaint(image, hole.astype(np.uint8), patch_size=size)

    return run


def pypatchmatch_768(image: Picture, hole: np.ndarray) -> Picture:
    """PyPatchMatch with patch 7 at 768 px, enlarged: what the fill would be without the carry."""
    height, width = hole.shape
    scale = 768 / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_hole = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    filled = pypatchmatch(7)(small, small_hole)
    large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LANCZOS4)
    return np.where(hole[..., None], large, image)


def high_frequency(image: Picture, hole: np.ndarray) -> float:
    """Mean energy of the luminance above a Gaussian of 2 px, in the hole less its edge."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(((grey - cv2.GaussianBlur(grey, (0, 0), 2))[inner] ** 2).mean())


def seam(image: Picture, hole: np.ndarray) -> float:
    """Mean absolute step between neighbours on both sides of the hole's border."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steps = [
        np.abs(np.diff(grey, axis=axis))[np.diff(hole.astype(np.int8), axis=axis) != 0]
        for axis in (0, 1)
    ]
    return float(np.concatenate(steps).mean())


def judge(scenes: list[Scene], methods: dict[str, Method], sheet: Path) -> None:
    """Print the table of the methods over the scenes, write the picture of all results."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    strips: list[Picture] = []
    for _, truth, hole in scenes:
        blind = truth.copy()
        blind[hole] = (255, 0, 255)  # so that no method can peep
        tiles = [truth, blind]
        for name, method in methods.items():
            began = time.perf_counter()
            result = method(blind, hole)
            seconds = time.perf_counter() - began
            error = float(((result[hole].astype(float) - truth[hole]) ** 2).mean())
            rows[name].append(
                (
                    10 * np.log10(255**2 / max(error, 1e-9)),
                    high_frequency(result, hole) / high_frequency(truth, hole),
                    seam(result, hole) / seam(truth, hole),
                    seconds,
                    int((result != blind).any(axis=2)[~hole].sum()),
                )
            )
            tiles.append(result)
        strips.append(strip(tiles, hole))
    cv2.imwrite(str(sheet), np.concatenate(strips)[..., ::-1])
    print(f"{len(scenes)} holes; columns of {sheet.name}: truth, hole, {', '.join(methods)}\n")
    print("| method | PSNR | HF ratio | \\|log HF\\| | seam | seconds | changed outside |")
    print("|---|---|---|---|---|---|---|")
    for name, values in rows.items():
        psnr, high, border, seconds, outside = np.array(values).T
        print(
            f"| {name} | {psnr.mean():.2f} | {high.mean():.2f} | "
            f"{np.abs(np.log(high)).mean():.2f} | {border.mean():.2f} | {seconds.mean():.2f} | "
            f"{int(outside.sum())} |"
        )
    print()


def strip(tiles: list[Picture], hole: np.ndarray, size: int = 280) -> Picture:
    """The pictures side by side, cut around the hole."""
    rows, columns = np.nonzero(hole)
    half = int(0.9 * max(np.ptp(rows), np.ptp(columns))) + 8
    y, x = int(rows.mean()), int(columns.mean())
    cut = np.s_[max(0, y - half) : y + half, max(0, x - half) : x + half]
    return np.concatenate([cv2.resize(tile[cut], (size, size)) for tile in tiles], 1)


def twelve_megapixels() -> None:
    """Time, first preview, cancel latency and heartbeat, cold and warm."""
    image = enlarged(photograph("coffee"), 7.07)
    hole = blob(image.shape[:2], 0.62, 0.5, 0.2 * image.shape[1], 3)
    request = request_of(image, hole)
    print(f"{hole.size / 1e6:.1f} MP, mask {hole.mean():.1%}, load {load()}\n")
    print("| run | seconds | CPU seconds | first preview | heartbeat p50 / p99 / max, ms |")
    print("|---|---|---|---|---|")
    for run in ("first", "second"):
        began, cpu = time.perf_counter(), time.process_time()
        previews: list[float] = []

        def listen(
            fraction: float,
            step: str = "",
            preview: Preview | None = None,
            began: float = began,
            previews: list[float] = previews,
        ) -> None:
            if preview is not None:
                previews.append(time.perf_counter() - began)

        worker = threading.Thread(target=remove, args=(request, listen, CancelToken()))
        worker.start()
        late: list[float] = []
        while worker.is_alive():
            beat = time.perf_counter()
            time.sleep(0.01)
            late.append(1000 * (time.perf_counter() - beat))
        p50, p99 = np.percentile(late, (50, 99))
        print(
            f"| {run} | {time.perf_counter() - began:.2f} | {time.process_time() - cpu:.2f} | "
            f"{previews[0]:.2f} | {p50:.1f} / {p99:.1f} / {max(late):.1f} |"
        )
    delays = [cancel_delay(request, after) for after in (0.1, 0.4, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0)]
    print(f"\nA cancel is answered within {max(delays):.2f} s (mean {np.mean(delays):.2f} s).\n")


def cancel_delay(request: EditRequest, after: float) -> float:
    """Seconds from a cancel, `after` seconds into the fill, to its end."""
    token = CancelToken()
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.perf_counter())
        token.cancel()

    timer = threading.Timer(after, ask)
    timer.start()
    try:
        remove(request, silent, token)
    except Cancelled:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    return 0.0


def load() -> str:
    """The machine's load, where it tells: other work makes all figures worse."""
    try:
        return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    except (AttributeError, OSError):
        return "unknown"


def main() -> int:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the side-by-side pictures go")
    parser.add_argument("--quick", action="store_true", help="a third of the holes")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    twelve_megapixels()
    small: dict[str, Method] = {
        "Telea": telea,
        "shift-map": shift_map,
        "PyPatchMatch 7": pypatchmatch(7),
        "PyPatchMatch 15": pypatchmatch(15),
        "OVEdit": ours,
    }
    judge(shifted_holes(arguments.quick), small, arguments.folder / "remove-small.png")
    large: dict[str, Method] = {
        "Telea": telea,
        "PyPatchMatch 7": pypatchmatch(7),
        "PyPatchMatch 7 at 768 px": pypatchmatch_768,
        "OVEdit": ours,
    }
    judge(large_holes(arguments.quick), large, arguments.folder / "remove-large.png")
    strips = [
        strip([image, np.where(hole[..., None], (255, 0, 255), image).astype(np.uint8),
               pypatchmatch(7)(image, hole), ours(image, hole)], hole, 420)
        for _, image, hole in objects()
    ]  # fmt: skip
    cv2.imwrite(str(arguments.folder / "remove-objects.png"), np.concatenate(strips)[..., ::-1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
