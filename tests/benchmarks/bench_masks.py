"""SAM 2's masks on this computer's CPU, beside its publisher's own code: a markdown table.

    python tests/benchmarks/bench_masks.py [--side N] [--rounds N] [--threads N] [--model NAME]
                                           [--quick]

The published configuration with random weights, which take as long as trained ones. So that as many
masks are kept as with trained weights, they are drawn around the points, and the filters are set
where a third of the masks pass the first and two thirds of those the second. Both generators get
the same picture and filters, in turns, and have to come back with the same masks. With --quick the
grid has 8 × 8 points rather than 32 × 32, and looking at the picture, which both do in the same
time, makes up more of it: the ratio is one that the full run surpasses.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sam2
import skimage.data
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from ovedit.engine.models.runtime.devices import bfloat16_gain, set_threads  # noqa: E402
from ovedit.engine.requests import Point  # noqa: E402
from ovedit.engine.segmentation.automatic import (  # noqa: E402
    Filters,
    automatic_masks,
    lattice,
)
from ovedit.engine.segmentation.pictures import SamPictures  # noqa: E402
from ovedit.engine.segmentation.refine import refine  # noqa: E402
from ovedit.engine.segmentation.sam import (  # noqa: E402
    Prompt,
    SamImage,
    embed,
    upsampled,
)
from ovedit.geometry import Size  # noqa: E402
from tests.engine.segmentation.sams import localised  # noqa: E402

CONFIGS = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}
AUTOMATIC_BUDGET = 3.0
QUICK_SIDE = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32, help="points a side of the grid")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: as OVEdit sets them")
    parser.add_argument("--model", choices=CONFIGS, default="tiny")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.side, arguments.rounds = QUICK_SIDE, 1
    threads = set_threads()
    if arguments.threads:
        torch.set_num_threads(threads := arguments.threads)
    model = build(arguments.model)
    photo = np.ascontiguousarray(skimage.data.coffee())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"sam2.1 {arguments.model}, {threads} threads, load average {load}\n")
    print("| | measured | budget |\n|---|---:|---:|")
    prompts(model, photo)
    automatic(localised(model), photo, arguments.side, arguments.rounds)


def build(name: str) -> Any:
    """The published model, in evaluation, seeded."""
    torch.manual_seed(0)
    path = Path(sam2.__path__[0]) / f"configs/sam2.1/sam2.1_hiera_{CONFIGS[name]}.yaml"
    return instantiate(OmegaConf.load(path).model, _recursive_=True).eval()


def seconds(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    return both_clocks(work)[0]


def both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that one call takes, and those that processors worked on it: others may want them."""
    wall, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - busy


def row(what: str, measured: str, budget: str = "") -> None:
    """Print one."""
    print(f"| {what} | {measured} | {budget} |", flush=True)


def prompts(model: Any, photo: np.ndarray) -> None:
    """Embedding, and refinement of one dense map."""
    pictures = SamPictures()
    row("embedding", f"{seconds(lambda: pictures.of(model, 'm', photo)):.2f} s")
    sam = pictures.of(model, "m", photo)
    row("bytes kept for a picture", f"{sam.embedding.size_bytes / 1e6:.1f} MB")
    down, across = np.mgrid[:25, :38]
    probability = 0.9 * (np.hypot(across - 18, down - 11) < 8)
    for strategy in ("sam2-vote", "sam2-pseudo", "sam2-trident"):
        taken_once = seconds(
            lambda strategy=strategy: refine(
                sam, photo, probability, strategy=strategy, threshold=0.4
            )
        )
        row(f"{strategy} of one part", f"{taken_once:.2f} s")
    if bfloat16_gain() > 0:
        half = torch.bfloat16
        row("embedding, bfloat16", f"{seconds(lambda: embed(model, photo, half)):.2f} s")
        rough = SamImage(model, embed(model, photo, half), sam.size, half)
        asked = [Prompt((Point(x, 200),)) for x in range(50, 550, 50)]
        taken = seconds(lambda: list(rough.each(asked))) / len(asked)
        row("a point, bfloat16", f"{taken:.3f} s")
    else:
        row("bfloat16", "not usable on this processor")


def automatic(model: Any, photo: np.ndarray, side: int, rounds: int) -> None:
    """Both generators in turns."""
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    size = Size(photo.shape[1], photo.shape[0])
    looking = [both_clocks(lambda: embed(model, photo)) for _ in range(3)]
    sam = SamImage(model, embed(model, photo), size)
    filters = fitting(sam)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = SAM2AutomaticMaskGenerator(
            model,
            points_per_side=side,
            pred_iou_thresh=filters.pred_iou,
            stability_score_thresh=filters.stability,
            box_nms_thresh=filters.nms,
        )
    ours, theirs = [], []
    for turn in range(rounds):
        results: dict[str, Any] = {}

        def own(results: dict[str, Any] = results) -> None:
            fresh = SamImage(model, embed(model, photo), size)
            results["own"] = automatic_masks(fresh, points_per_side=side, filters=filters)

        def publisher(results: dict[str, Any] = results) -> None:
            results["publisher"] = generator.generate(photo)

        for which in (own, publisher) if turn % 2 else (publisher, own):
            (ours if which is own else theirs).append(both_clocks(which))
        same = agreement(results["own"], results["publisher"], photo.shape[:2])
    for clock, name in enumerate(("", ", of the processor")):
        own_time, other_time = (
            statistics.median(pair[clock] for pair in pairs) for pairs in (ours, theirs)
        )
        look = statistics.median(pair[clock] for pair in looking)
        ratio = statistics.median(b[clock] / a[clock] for a, b in zip(ours, theirs, strict=True))
        row(
            f"automatic masks {side}×{side}{name}: OVEdit / sam2 / of that embedding",
            f"{own_time:.1f} / {other_time:.1f} / {look:.1f} s",
        )
        row(f"how many times faster{name}", f"{ratio:.2f} ×", f"{AUTOMATIC_BUDGET:.0f} ×")
    row("masks kept by OVEdit / sam2 / least IoU between them", same)


def fitting(sam: SamImage) -> Filters:
    """Where a third of the masks pass the first filter, and two thirds of those the second."""
    width, height = sam.size.width, sam.size.height
    ious, stabilities = [], []
    for x, y in lattice(5):
        masks = sam.masks(Prompt((Point(x * width, y * height),)))
        ious += masks.iou.tolist()
        whole = upsampled(masks.logits, sam.size)
        inner, outer = (whole > 1).flatten(1).sum(1), (whole > -1).flatten(1).sum(1)
        stabilities += (inner / outer).tolist()
    least = float(np.quantile(ious, 2 / 3))
    passed = [value for value, iou in zip(stabilities, ious, strict=True) if iou > least]
    return Filters(least, float(np.quantile(passed, 1 / 3)))


def agreement(own: Any, publisher: Any, shape: tuple[int, int]) -> str:
    """How many each kept, and the worst pair in the order of their scores."""
    worst = 1.0
    for item, record in zip(own, publisher, strict=False):
        mask = np.zeros(shape, bool)
        mask[item.rect.slices] = item.mask
        other = record["segmentation"]
        worst = min(worst, float((mask & other).sum() / (mask | other).sum()))
    return f"{len(own)} / {len(publisher)} / {worst:.4f}"


if __name__ == "__main__":
    main()
