"""The CLIP and SAM 2 engine from end to end: a markdown table.

    python tests/benchmarks/bench_select_models.py [--preset NAME…] [--megapixels N] [--quick]
                                                   [--keep FOLDER] [--device NAME]

Real architectures with random weights, in the engine that the window uses. A phrase asked first
looks at the picture, the next ones do not. Random weights find nothing, so that two discs stand in
for the map of every phrase before SAM 2 is asked about them; all else is done as always, the map
itself too. Every request has a copy of the picture, as it has when it comes from the window. With
--quick automatic masks are asked for at 8 × 8 points rather than 32 × 32: the first phrase is
sooner, so the ratio of the two is one that the preset surpasses.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
CACHE = tempfile.TemporaryDirectory()
# What the words of random weights mean is nothing to keep.
os.environ["XDG_CACHE_HOME"] = CACHE.name

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import skimage.data  # noqa: E402
import torch  # noqa: E402

from ovedit.engine.protocols import CancelToken, silent  # noqa: E402
from ovedit.engine.requests import (  # noqa: E402
    PRESETS,
    Point,
    PointRequest,
    Preset,
    SegmentRequest,
)
from ovedit.engine.segmentation import look  # noqa: E402
from ovedit.engine.segmentation.engine import ClipSamEngine  # noqa: E402
from ovedit.engine.segmentation.proposals import cropped, pooled  # noqa: E402
from ovedit.engine.segmentation.settings import SegmentationSettings, from_options  # noqa: E402
from ovedit.engine.segmentation.values import FeatureMap, Proposal  # noqa: E402
from ovedit.geometry import Rect, Size  # noqa: E402
from tests.benchmarks.random_models import runtime_of, shelf_of  # noqa: E402

PHRASE_BUDGET, POOLED_BUDGET, CLICK_BUDGET = 20.0, 10.0, 0.1
PHRASES = ("wooden bench", "blue kettle", "old bicycle", "striped pillow", "paper lantern")
QUICK = {"points_per_side": "8", "small_grid": "4", "region_points": "8"}
# Their outlines are soft, and would all be dropped.
ANYTHING = {"presence_threshold": "0", "denoise": "no", "stability": "0.5"}
DISCS = ((0.3, 0.4), (0.75, 0.6))
RADIUS = 0.12


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, nargs="*", default=list(PRESETS))
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path, help="where the models stay for the next time")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-clicks", action="store_true")
    parser.add_argument("--no-pooling", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(arguments.keep or Path(temporary), arguments.device, arguments.megapixels)
        print("| | first, wall / processor | then | times faster | budget |")
        print("|---|---:|---:|---:|---:|")
        for preset in arguments.preset:
            for strategy in _roads(preset):
                bench.phrases(preset, strategy, QUICK if arguments.quick else {})
        if not arguments.no_clicks:
            bench.clicks()
        if not arguments.no_pooling:
            bench.pooling(20 if arguments.quick else 200)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def _roads(preset: Preset) -> tuple[str, ...]:
    """What the preset does, and where that depends on the phrase, both."""
    strategy = from_options(preset, {}).strategy
    return ("dense", "both") if strategy == "auto" else (strategy,)


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock, and those of the processor, all threads together."""

    wall: float
    busy: float

    def __str__(self) -> str:
        return f"{self.wall:.3f} / {self.busy:.3f} s"


class Bench:
    """An engine for each set of models, and the picture."""

    def __init__(self, folder: Path, device: str, megapixels: float) -> None:
        self._folder, self._device = folder, device
        photo = skimage.data.coffee()
        height = round((megapixels * 1e6 / 1.5) ** 0.5)
        size = round(1.5 * height), height
        rgb = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)
        self._image = np.dstack([rgb, np.full((height, size[0]), 255, np.uint8)])
        look.Look._fine = _with_discs(look.Look._fine)

    def _engine(self, settings: SegmentationSettings) -> ClipSamEngine:
        ids = [settings.clip, settings.sam]
        if settings.method in ("proxyclip", "trident", "corrclip"):
            ids.append(settings.dino)
        return ClipSamEngine(runtime_of(shelf_of(ids, self._folder), self._device))

    def phrases(self, preset: Preset, strategy: str, quick: dict[str, str]) -> None:
        """One phrase, then four others."""
        options = {**ANYTHING, **quick, "strategy": strategy}
        engine = self._engine(from_options(preset, options))

        def ask(phrase: str, image: np.ndarray, **more: str) -> Taken:
            request = SegmentRequest(
                image.copy(), (phrase,), preset, threshold=0.2, options={**options, **more}
            )
            return seconds(lambda: engine.segment(request, silent, CancelToken()))

        # The everyday nouns are read once for all pictures, and layers set up what they need.
        plain = {"method": "naclip", "windows": "whole", "strategy": "dense"}
        ask("dog", self._image[:300, :400], **plain)
        first, *others = (ask(phrase, self._image) for phrase in PHRASES)
        row(f"{preset}, {strategy}: the next phrase", first, middle(others), PHRASE_BUDGET)
        again = ask(PHRASES[0], self._image)
        row(f"{preset}, {strategy}: one that is known", first, again, None)

    def clicks(self) -> None:
        """Corrections, each with the mask that the one before left."""
        engine = self._engine(from_options("fast", {}))
        for title, image in (("0.24 MP", self._image[:400, :600]), ("whole", self._image)):
            height, width = image.shape[:2]
            taken: list[Taken] = []
            mask, points = None, ()
            for number in range(13):
                points += (Point(width * (0.4 + number / 99), height / 2, number % 3 != 2),)
                request = PointRequest(image.copy(), points, mask=mask, preset="fast")
                answers = []
                taken.append(
                    seconds(
                        lambda request=request, answers=answers: answers.append(
                            engine.segment_points(request, silent, CancelToken())
                        )
                    )
                )
                values = np.asarray(answers[0].candidate.scores.values, np.float32)
                shown = cv2.resize(values, (width, height))
                mask = (shown >= answers[0].candidate.threshold).astype(np.uint8) * 255
            worst = max(one.wall for one in taken[1:])
            name = f"a correction by a click, {title} (worst {worst:.3f} s)"
            row(name, taken[0], middle(taken[1:]), None, f"{CLICK_BUDGET} s")

    def pooling(self, count: int) -> None:
        """What CLIP sees in as many proposals, both ways; crops of a few stand for all."""
        settings = from_options("balanced", {})
        shelf = shelf_of([settings.clip], self._folder)
        rng = np.random.default_rng(0)
        size = Size(1536, 1024)
        found: list[Proposal] = []
        for _ in range(count):
            wide, high = (int(side) for side in rng.integers(20, 400, 2))
            x, y = int(rng.integers(0, 1536 - wide)), int(rng.integers(0, 1024 - high))
            mask = np.ones((high, wide), bool)
            found.append(Proposal(mask, Rect(x, y, wide, high), 1, 1))
        values = torch.randn(63, 84, 512)
        features = FeatureMap(values, values[0, 0])
        with runtime_of(shelf, self._device).use(settings.clip) as clip:
            few = found[:4]
            crops = seconds(
                lambda: cropped(clip, self._image, few, size, settings, silent, CancelToken())
            )
        crops = Taken(crops.wall * count / len(few), crops.busy * count / len(few))
        # The pass of the encoder that pooling takes its features from: the phrase needed it anyway.
        row(
            f"{count} proposals in crops, and pooled",
            crops,
            seconds(lambda: pooled(features, found, size)),
            POOLED_BUDGET,
        )


def _with_discs(
    fine: Callable[[look.Look, torch.Tensor], np.ndarray],
) -> Callable[[look.Look, torch.Tensor], np.ndarray]:
    def found(self: look.Look, values: torch.Tensor) -> np.ndarray:
        real = fine(self, values)
        height, width = real.shape
        down, across = np.mgrid[:height, :width]
        down, across = (down + 0.5) / height, (across + 0.5) / width
        inside = np.any([np.hypot(across - x, down - y) < RADIUS for x, y in DISCS], axis=0)
        return np.where(inside, 0.9, np.minimum(real, 0.05)).astype(np.float32)

    return found


def seconds(work: Callable[[], object]) -> Taken:
    """How long it takes."""
    wall, busy = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - busy)


def middle(taken: list[Taken]) -> Taken:
    """The medians."""
    walls, busy = [one.wall for one in taken], [one.busy for one in taken]
    return Taken(statistics.median(walls), statistics.median(busy))


def row(name: str, first: Taken, then: Taken, factor: float | None, budget: str = "") -> None:
    """Print one row; the ratio is of the processor's time, which others change less."""
    wanted = budget if factor is None else f"{factor:.0f} ×"
    cells = [name, str(first), str(then), f"{first.busy / then.busy:.1f} ×", wanted]
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
