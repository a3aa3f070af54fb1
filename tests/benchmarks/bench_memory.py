"""What the presets need of a graphics card's memory, worked out on a CPU: a markdown table.

    python tests/benchmarks/bench_memory.py [--preset NAME…] [--keep FOLDER] [--quick]

Weights are counted: those of CLIP and DINO at 2 bytes, SAM 2's at 4 and again at 2, because it is
kept in float32 and autocast keeps a copy. What a step takes beside them is the most that torch's
allocator holds at once while the step runs here in float32, with as many windows, prompts and words
at a time as on a card; half of that is taken. What is kept for the next phrase counts in full. All
models of a preset are taken to be there at once, and the largest step on top. A card's own
libraries take about half a gigabyte more. With --quick points are measured 8 at a time, times 8.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import skimage.data  # noqa: E402
import torch  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

from ovedit.engine.models.runtime.memory import size_of  # noqa: E402
from ovedit.engine.protocols import CancelToken, silent  # noqa: E402
from ovedit.engine.requests import PRESETS, Point, Preset  # noqa: E402
from ovedit.engine.segmentation import text_encoder  # noqa: E402
from ovedit.engine.segmentation.automatic import (  # noqa: E402
    WORKING_SIDE,
    Filters,
    _stable,
)
from ovedit.engine.segmentation.context import DenseContext  # noqa: E402
from ovedit.engine.segmentation.dense import DenseEncoder  # noqa: E402
from ovedit.engine.segmentation.proxies import dino_correlations, dino_patches  # noqa: E402
from ovedit.engine.segmentation.sam import Masks, Prompt, SamImage, embed  # noqa: E402
from ovedit.engine.segmentation.settings import SegmentationSettings, from_options  # noqa: E402
from ovedit.engine.segmentation.templates import fill  # noqa: E402
from ovedit.engine.segmentation.vocabulary import load_vocabulary  # noqa: E402
from ovedit.geometry import Size  # noqa: E402
from tests.benchmarks.random_models import runtime_of, shelf_of  # noqa: E402

BUDGET = {"balanced": 6e9}
PROMPTS = 64
PIXELS = 1 << 26
"""Of masks stretched at once, in `automatic`."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, nargs="*", default=list(PRESETS))
    parser.add_argument("--keep", type=Path, help="where the models stay for the next time")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print("| preset | weights | kept | largest step | together | budget |")
    print("|---|---:|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        for preset in arguments.preset:
            report(preset, arguments.keep or Path(temporary), 8 if arguments.quick else PROMPTS)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def report(preset: Preset, folder: Path, prompts: int) -> None:
    """One row, and what each step takes below it."""
    settings = from_options(preset, {})
    ids = [settings.clip, settings.sam]
    if settings.method in ("proxyclip", "corrclip"):
        ids.append(settings.dino)
    runtime = runtime_of(shelf_of(ids, folder))
    weights = 0
    with ExitStack() as models:
        loaded = {id: models.enter_context(runtime.use(id)) for id in ids}
        for id, value in loaded.items():
            numbers = size_of([getattr(value, "model", value)]) // 4
            weights += numbers * (6 if id == settings.sam else 2)
        steps, kept = measured(settings, loaded, prompts)
    name = max(steps, key=lambda step: steps[step])
    total = weights + kept + steps[name]
    budget = BUDGET.get(preset)
    cells = [preset, gigabytes(weights), gigabytes(kept), f"{name}: {gigabytes(steps[name])}"]
    cells += [gigabytes(total), "" if budget is None else gigabytes(budget)]
    print(f"| {' | '.join(cells)} |", flush=True)
    others = ", ".join(f"{step} {gigabytes(taken)}" for step, taken in steps.items())
    print(f"| | | | {others} | | |", flush=True)


def measured(
    settings: SegmentationSettings, loaded: dict[str, Any], prompts: int
) -> tuple[dict[str, float], int]:
    """Bytes of each step on a card, and those of what stays from the first ones."""
    clip, sam = loaded[settings.clip], loaded[settings.sam]
    photo = np.ascontiguousarray(skimage.data.coffee())
    size = Size(6000, 4000).within(WORKING_SIDE)
    kept: list[Any] = []
    steps: dict[str, float] = {}

    def look() -> None:
        context = DenseContext()
        if settings.method in ("proxyclip", "corrclip"):
            proxy = dino_patches if settings.method == "proxyclip" else dino_correlations
            cells = np.add.outer(np.arange(8) * 8, np.arange(8)) + 1
            regions = cells.repeat(50, 0).repeat(75, 1).astype(np.int32)
            context = DenseContext(proxy(loaded[settings.dino]), regions=regions)
        encoder = DenseEncoder(clip)
        found = encoder.features(photo, settings, silent, CancelToken(), context, settings.batch)
        kept.append(found.size_bytes)

    steps["windows"] = peak(look) / 2
    words = load_vocabulary().words
    sentences = [text for word in words for text in fill(settings.templates, word)]
    at_once = text_encoder._TOKENS_AT_ONCE
    text_encoder._TOKENS_AT_ONCE = text_encoder._TOKENS_ON_A_CARD
    tokens = text_encoder._TOKENS_ON_A_CARD // 5
    steps["words"] = (
        peak(lambda: text_encoder.encode(clip, sentences[:tokens], silent, CancelToken())) / 2
    )
    text_encoder._TOKENS_AT_ONCE = at_once
    steps["picture for SAM 2"] = peak(lambda: kept.append(embed(sam, photo))) / 2
    embedding = kept.pop()
    kept.append(embedding.size_bytes - (embedding.rows.size_bytes if embedding.rows else 0))
    # Without what is there for single prompts on a CPU.
    image = SamImage(
        sam, type(embedding)(embedding.coarse, embedding.fine, embedding.position), size
    )
    asked = [Prompt((Point(9.0 * n, 9.0 * n),)) for n in range(prompts)]
    steps[f"{PROMPTS} points"] = peak(lambda: image._decode(asked, True)) / 2 * PROMPTS / prompts
    # Logits are float32 on a card too.
    count = max(1, PIXELS // size.area)
    masks = Masks(torch.randn(count, 256, 256), torch.ones(count))
    steps["masks stretched"] = peak(lambda: list(_stable(masks, size, Filters())))
    return steps, sum(kept)


def peak(work: Callable[[], object]) -> float:
    """The most bytes that torch had allocated at once while it worked, beyond those before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found, torch.no_grad():
        work()
    now = most = 0
    assert found.profiler is not None
    for event in found.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return float(most)


def gigabytes(count: float) -> str:
    """For a person."""
    return f"{count / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
