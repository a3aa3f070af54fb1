"""Seconds for selecting by phrase and by click with the basic engine, as a markdown table.

python -m tests.benchmarks.bench_select
python tests/benchmarks/bench_select.py
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ovedit.engine.basic.points import segment_points  # noqa: E402
from ovedit.engine.basic.select import segment  # noqa: E402
from ovedit.engine.protocols import CancelToken, silent  # noqa: E402
from ovedit.engine.requests import Point, PointRequest, SegmentRequest  # noqa: E402
from ovedit.geometry import Rect  # noqa: E402

Pixels = NDArray[np.uint8]
SAMPLES = ROOT / "resources" / "samples"
MASKS = {"wooden bench": "wooden-bench", "sky": "sky", "grass": "grass", "trees": "trees"}
REPEATS = 5


def sample() -> Pixels:
    """The sample picture, (H, W, 4)."""
    bgr = cv2.imread(str(SAMPLES / "park-bench.jpg"))
    if bgr is None:
        raise SystemExit(f"{SAMPLES / 'park-bench.jpg'} is missing: run render_park_bench.py first")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA), np.uint8)


def scaled(image: Pixels, megapixels: float, number: int) -> Pixels:
    """The picture at a size, different for every number so that nothing is kept from before."""
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    pixels = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    pixels[:32, :32, :3] = 20 * number
    return pixels


def seconds(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def phrase(image: Pixels, text: str) -> float:
    """Seconds for one phrase."""
    return seconds(lambda: segment(SegmentRequest(image, (text,)), silent, CancelToken()))


def click(image: Pixels, *points: Point, box: Rect | None = None) -> float:
    """Seconds for one set of points."""
    return seconds(lambda: segment_points(PointRequest(image, points, box), silent, CancelToken()))


def overlap(image: Pixels, text: str, mask_name: str) -> float:
    """Intersection over union of the first answer with the true mask."""
    answer = segment(SegmentRequest(image, (text,)), silent, CancelToken()).answers[0]
    best = answer.candidates[0]
    values = best.scores.values.astype(np.float32)
    mask = cv2.resize(values, (image.shape[1], image.shape[0])) >= best.threshold
    truth = cv2.imread(str(SAMPLES / "park-bench.masks" / f"{mask_name}.png"), 0)
    if truth is None:
        raise SystemExit(f"the true mask of {mask_name} is missing")
    true = truth > 127
    return float((mask & true).sum() / (mask | true).sum())


def main() -> None:
    """Measure and print."""
    image = sample()
    phrase(scaled(image, 0.5, 9), "wooden bench")
    click(scaled(image, 0.5, 9), Point(300, 300))

    print("| selecting (basic engine) | median s | worst s | budget s |")
    print("|---|---:|---:|---:|")
    for megapixels in (2, 12):
        pictures = [scaled(image, megapixels, number) for number in range(REPEATS)]
        rows = {
            f"first phrase, {megapixels} MP": [phrase(p, "wooden bench") for p in pictures],
            f"second phrase, same picture, {megapixels} MP": [
                phrase(pictures[-1], text) for text in ("sky", "grass", "trees", "path", "red")
            ],
        }
        first, second, boxes = [], [], []
        for picture in pictures:
            height, width = picture.shape[:2]
            bench = Point(0.5 * width, 0.53 * height)
            box = Rect.from_edges(
                int(0.28 * width), int(0.48 * height), int(0.74 * width), int(0.87 * height)
            )
            first.append(click(picture, bench))
            second.append(click(picture, bench, Point(0.5 * width, 0.8 * height, positive=False)))
            boxes.append(click(picture, box=box))
        rows[f"first click, {megapixels} MP"] = first
        rows[f"next click, {megapixels} MP"] = second
        rows[f"box, {megapixels} MP"] = boxes
        for name, values in rows.items():
            budget = "0.30" if megapixels == 2 and ("click" in name or "box" in name) else ""
            print(f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} | {budget} |")

    print()
    print("| sample scene | IoU with the true mask |")
    print("|---|---:|")
    for text, mask_name in MASKS.items():
        print(f"| {text} | {overlap(image, text, mask_name):.3f} |")


if __name__ == "__main__":
    main()
