"""What the benchmarks of canvas and document share: a large document, and a table of times."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import (
    BlendMode,
    Candidate,
    ClassMask,
    Document,
    EditLayer,
    RasterLayer,
    ScoreMap,
    Surface,
    overlay_colour,
)
from ovedit.document.masks import from_scores
from ovedit.geometry import Size

SIZE = Size(6000, 4000)
Pixels = NDArray[np.uint8]


@dataclass
class Times:
    """Wall and processor milliseconds of one kind of event; budget: None where there is none."""

    name: str
    budget: float | None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Time one event."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.append((time.perf_counter() - wall) * 1000)
        self.cpu.append((time.process_time() - cpu) * 1000)

    @property
    def kept(self) -> bool:
        """Whether the 95th percentile of the wall time is within the budget."""
        return self.budget is None or float(np.percentile(self.wall, 95)) <= self.budget

    def row(self) -> str:
        """A line of the table."""
        wall, cpu = np.percentile(self.wall, (50, 95)), np.percentile(self.cpu, (50, 95))
        verdict = "" if self.budget is None else "kept" if self.kept else "MISSED"
        return (
            f"| {self.name} | {len(self.wall)} | {wall[0]:.1f} | {wall[1]:.1f} "
            f"| {max(self.wall):.1f} | {cpu[0]:.1f} | {cpu[1]:.1f} "
            f"| {'' if self.budget is None else format(self.budget, 'g')} | {verdict} |"
        )


def print_times(times: list[Times]) -> bool:
    """Print the table; returns whether all budgets are kept."""
    load = (
        " ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else ""
    )
    print(
        f"\n{os.cpu_count()} cores, OpenCV on {cv2.getNumThreads()} threads, load average {load}\n"
    )
    print("| milliseconds | n | p50 | p95 | max | cpu p50 | cpu p95 | budget p95 | |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
    for one in times:
        print(one.row())
    return all(one.kept for one in times)


def photograph(size: Size = SIZE, seed: int = 0) -> Pixels:
    """A photograph (H, W, 4), enlarged to the size and given grain again."""
    from skimage import data

    image = cv2.resize(data.coffee(), (size.width, size.height), interpolation=cv2.INTER_CUBIC)
    grain = np.zeros(image.shape, np.int16)
    cv2.setRNGSeed(seed)
    cv2.randn(grain, 0, 5)
    rgb = np.clip(image + grain, 0, 255).astype(np.uint8)
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def leafy(size: Size, seed: int, share: float) -> Pixels:
    """Coverage (H, W) with a long, rugged, soft edge that covers about `share` of the picture."""
    return np.clip((_noise(size, seed) - (1 - share)) * 40 * 255 + 127, 0, 255).astype(np.uint8)


def large_document() -> Document:
    """24 megapixels, five layers in as many blend modes, three masks with score maps."""
    document = Document.from_pixels(photograph(), "Photograph")
    plain = np.zeros((SIZE.height, SIZE.width, 4), np.uint8)
    with document.transaction("Prepare") as tx:
        shade = plain.copy()
        shade[..., :3] = (60, 70, 110)
        shade[..., 3] = np.linspace(0, 200, SIZE.height).astype(np.uint8)[:, None]
        tx.add_layer(RasterLayer("Shade", blend=BlendMode.MULTIPLY), Surface.from_array(shade))
        warm = plain.copy()
        warm[:] = (255, 190, 120, 255)
        tx.add_layer(
            RasterLayer("Warm", blend=BlendMode.SOFT_LIGHT, opacity=0.4), Surface.from_array(warm)
        )
        edit = cv2.GaussianBlur(photograph(seed=1), (0, 0), 9)
        edit[..., 3] = _ellipse((3000, 2200), (1500, 900))
        edit[edit[..., 3] == 0] = 0
        tx.add_layer(EditLayer("Metal bench"), Surface.from_array(edit))
        light = plain.copy()
        light[..., :3] = (240, 230, 200)
        light[..., 3] = _ellipse((4500, 800), (1400, 700)) // 2
        light[light[..., 3] == 0] = 0
        tx.add_layer(RasterLayer("Light", blend=BlendMode.SCREEN), Surface.from_array(light))
        for number, label in enumerate(("leaves", "bench", "sky")):
            values = _noise(Size(1536, 1024), number)
            if label == "bench":
                smooth = _ellipse((3000, 2200), (1400, 800))
                values = cv2.resize(smooth, (1536, 1024)).astype(np.float32) / 255
            scores = ScoreMap(values.astype(np.float16), SIZE.rect)
            coverage = from_scores(scores, 0.5, SIZE)
            # Corrected by hand in one place.
            cv2.circle(coverage, (2600 + 300 * number, 1700), 220, 255, -1, cv2.LINE_AA)
            mask = ClassMask(
                label,
                overlay_colour(number),
                score=0.8,
                candidates=(Candidate(label, 0.8, scores, 0.5),),
            )
            tx.add_mask(mask, Surface.from_array(coverage))
    document.set_current(layer=document.layers[-1].id, masks=(document.masks[0].id,))
    return document


def repeat(times: Times, count: int, work: Callable[[int], object]) -> Times:
    """Time `work(index)` so many times."""
    for index in range(count):
        with times.one():
            work(index)
    return times


def _noise(size: Size, seed: int) -> NDArray[np.float32]:
    """Cloudy values, evenly spread over [0, 1], with detail down to some ten pixels of 24 MP."""
    random = np.random.default_rng(seed)
    field_ = np.zeros((size.height, size.width), np.float32)
    for cells, weight in ((6, 1.0), (24, 0.5), (96, 0.3), (384, 0.18)):
        coarse = random.normal(size=(cells * 2 // 3, cells)).astype(np.float32)
        field_ += weight * cv2.resize(
            coarse, (size.width, size.height), interpolation=cv2.INTER_CUBIC
        )
    low, high = np.percentile(field_[::8, ::8], (1, 99))
    return np.clip((field_ - low) / (high - low), 0, 1)


def _ellipse(centre: tuple[int, int], axes: tuple[int, int]) -> Pixels:
    coverage = np.zeros((SIZE.height, SIZE.width), np.uint8)
    cv2.ellipse(coverage, centre, axes, 15, 0, 360, 255, -1, cv2.LINE_AA)
    return np.asarray(cv2.blur(coverage, (41, 41)), np.uint8)
