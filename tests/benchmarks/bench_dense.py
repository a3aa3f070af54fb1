"""Dense prediction with CLIP ViT-B/16 of random weights: what windows, formats and methods cost.

    python tests/benchmarks/bench_dense.py [--device NAME] [--runs N] [--methods] [--quick]

With --quick the picture is a square of four windows, and everything is timed once: what many
windows gain by being taken together shows less.
"""

from __future__ import annotations

import argparse
import copy
import platform
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import open_clip
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from ovedit.engine.models.runtime.devices import bfloat16_gain, choose_device, set_threads
from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation.dense import DenseEncoder, plan_windows
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.errors import Cancelled

T = TypeVar("T")
SCLIP = SegmentationSettings(method="sclip", short_side=336, crop=224, stride=112)
LABELS = 20


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cuda, mps, xpu or cpu")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--methods", action="store_true", help="those of one model, each")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    device = choose_device(options.device)
    threads = set_threads()
    print(f"{platform.platform()}, {device.title}, {threads} threads, torch {torch.__version__}")
    bench = Bench(device.name, 1 if options.quick else options.runs, square=options.quick)
    bench.batches()
    bench.halves()
    bench.whole()
    bench.cancelling()
    if options.methods:
        bench.methods()


class Bench:
    """A model, a picture, and the lines of the table."""

    def __init__(self, device: str, runs: int, *, square: bool = False) -> None:
        self.device, self.runs = device, runs
        self.clip = random_clip(device)
        rng = np.random.default_rng(0)
        # Coarse colours under noise: a picture of 3:2, or a square, in which places differ.
        across = 16 if square else 24
        coarse = rng.integers(0, 256, (16, across, 3)).repeat(48, 0).repeat(48, 1)
        noise = rng.integers(-20, 20, coarse.shape)
        self.image = np.clip(coarse + noise, 0, 255).astype(np.uint8)
        plan = plan_windows(self.image.shape[1], self.image.shape[0], 16, SCLIP)
        self.windows = len(plan.windows)
        print(f"\npicture {plan.width} x {plan.height}, {self.windows} windows of 224 px\n")
        print("| | seconds | of the processor | |\n|---|---:|---:|---|")

    def batches(self) -> None:
        """One by one and all at once: the same numbers."""
        one, self.alone = self._time("one by one", SCLIP, batch=1)
        many, together = self._time("all windows at once", SCLIP, batch=self.windows)
        apart = float((one - many).abs().max())
        _line("largest difference", note=f"{apart:.1e} (allowed 1e-4)")
        _line("speed of all at once", note=f"{self.alone / together:.2f} x")
        self.values = one

    def halves(self) -> None:
        """In bfloat16, where the processor has it."""
        if self.device == "cpu" and not bfloat16_gain():
            _line("bfloat16", note="this processor cannot: it ends the process")
            return
        clip = replace(self.clip, model=copy.deepcopy(self.clip.model).to(torch.bfloat16))
        values, seconds = self._time("bfloat16, one by one", SCLIP, batch=1, clip=clip)
        note = f"{self.alone / seconds:.2f} x, labels agree {self._agreement(values):.1%}"
        _line("speed and agreement of bfloat16", note=note)

    def whole(self) -> None:
        """The picture at once instead of windows."""
        values, seconds = self._time("whole picture", replace(SCLIP, windows="whole"))
        _line("speed of the whole picture", note=f"{self.alone / seconds:.2f} x")
        _line("its labels agree with those of windows", note=f"{self._agreement(values):.1%}")

    def cancelling(self) -> None:
        """From the click to the end of the work."""
        cancel, pressed = CancelToken(), [0.0]

        def press() -> None:
            pressed[0] = time.perf_counter()
            cancel.cancel()

        timer = threading.Timer(self.alone / 3, press)
        timer.start()
        try:
            DenseEncoder(self.clip).features(self.image, SCLIP, silent, cancel, batch=1)
        except Cancelled:
            late = time.perf_counter() - pressed[0]
            note = f"a window takes {self.alone / (self.windows + 1):.3f} s"
            _line("cancel until it stops", late, note=note)
        else:
            _line("cancel", note="came too late")
        timer.cancel()

    def methods(self) -> None:
        """Every method that needs no second model."""
        for method in ("vanilla", "maskclip", "clearclip", "naclip", "surgery", "itaclip"):
            self._time(method, replace(SCLIP, method=method))

    def _time(
        self,
        name: str,
        settings: SegmentationSettings,
        batch: int = 0,
        clip: ClipModel | None = None,
    ) -> tuple[torch.Tensor, float]:
        encoder = DenseEncoder(clip or self.clip)

        def work() -> torch.Tensor:
            return encoder.features(
                self.image, settings, silent, CancelToken(), batch=batch
            ).values.cpu()

        values, seconds, processor = best(work, self.runs)
        _line(name, seconds, processor)
        # On a busy machine the processor's time says more, but on a device it says nothing.
        return values, processor if self.device == "cpu" else seconds

    def _agreement(self, values: torch.Tensor) -> float:
        text = torch.randn(values.shape[-1], LABELS, generator=torch.Generator().manual_seed(1))
        # What all places have in common decides nothing.
        labels = [((one - one.mean((0, 1))) @ text).argmax(-1) for one in (values, self.values)]
        return float((labels[0] == labels[1]).float().mean())


def random_clip(device: str) -> ClipModel:
    """ViT-B/16 with quick GELU and random weights, with a text half of one small block."""
    torch.manual_seed(0)
    config = open_clip.get_model_config("ViT-B-16-quickgelu")
    assert config is not None
    config["text_cfg"] = {"context_length": 77, "vocab_size": 64, "width": 64, "heads": 1}
    config["text_cfg"]["layers"] = 1
    model = open_clip.CLIP(**config).requires_grad_(False).eval().to(device)
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    return ClipModel(model, open_clip.SimpleTokenizer(), mean, std, (224, 224))


def best(work: Callable[[], T], runs: int) -> tuple[T, float, float]:
    """The last result, with the least seconds of the clock and of the processor."""
    result, clock, processor = work(), [], []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        result = work()
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return result, min(clock), min(processor)


def _line(name: str, seconds: float = 0, processor: float = 0, note: str = "") -> None:
    parts = (f"{value:.3f}" if value else "" for value in (seconds, processor))
    print(f"| {name} | {' | '.join(parts)} | {note} |", flush=True)


if __name__ == "__main__":
    main()
