"""What it saves that words are read once.

    python tests/benchmarks/bench_text.py [--templates 80] [--classes 171] [--threads N]
                                          [--bfloat16] [--wall] [--quick]

CLIP ViT-B/16 with random weights. A picture of 448 x 336 px is looked at as SCLIP does it: windows
of 224 px every 112 px, through the plain picture encoder, one by one on a CPU. Its features are
made of the windows' embeddings: what is found means nothing, but takes as long as if it did.
Seconds are those of the processor, of all threads together, so that other programs change them
little; with --wall they are those of the clock. With --quick there are 20 classes, and no more than
7 templates for anything: the first time is shorter, so the ratios are ones that the full run
surpasses, but for that of the next phrase.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
WORDS_BUDGET, PHRASE_BUDGET = 1.4, 20.0
PADDED = 32
QUICK_CLASSES = 20
clock: list[Callable[[], float]] = []


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", choices=["1", "4", "7", "80"], default="80")
    parser.add_argument("--classes", type=int, default=171)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer classes and templates")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.classes, arguments.templates = QUICK_CLASSES, "7"
    import torch

    torch.set_num_threads(arguments.threads)
    clock.append(time.perf_counter if arguments.wall else time.process_time)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), bfloat16=arguments.bfloat16)
        print("| | first | then | times faster | budget |")
        print("|---|---:|---:|---:|---:|")
        bench.padding()
        bench.classes(arguments.classes, arguments.templates)
        for templates in ("7",) if arguments.quick else ("7", "80"):
            bench.phrases(templates)


class Bench:
    """A model, a picture, and what is measured with them."""

    def __init__(self, folder: Path, *, bfloat16: bool) -> None:
        import open_clip
        import torch

        from ovedit.engine.models.runtime.loaders.clip import ClipModel

        torch.manual_seed(0)
        model = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu")).eval()
        if bfloat16:
            model.bfloat16()
        model.requires_grad_(False)
        tokenizer = open_clip.SimpleTokenizer()
        self.clip = ClipModel(model, tokenizer, (0, 0, 0), (1, 1, 1), (224, 224))
        self.picture = torch.rand(3, 336, 448).to(model.logit_scale.dtype)
        self.folder = folder
        # What the first run of a layer sets up is not what is measured.
        self.look()
        self.bank("warm").embed(["dog"], "7")

    def bank(self, key: str) -> Any:
        """A bank that begins with what its file holds."""
        from ovedit.engine.segmentation.text import TextBank

        @contextmanager
        def use() -> Iterator[Any]:
            yield self.clip

        return TextBank(key, use, self.folder)

    def look(self) -> Any:
        """The features of the picture, window by window."""
        import torch

        from ovedit.engine.segmentation.values import FeatureMap

        found = [
            self.clip.model.encode_image(self.picture[None, :, y : y + 224, x : x + 224]).float()
            for y in range(0, 336 - 223, 112)
            for x in range(0, 448 - 223, 112)
        ]
        features = torch.nn.functional.normalize(torch.stack(found)[:, 0], dim=-1)
        values = features[torch.arange(21 * 28) % len(features)].view(21, 28, -1)
        return FeatureMap(values, torch.nn.functional.normalize(features.mean(dim=0), dim=0))

    def padding(self) -> None:
        """Sentences as open_clip reads them, and as the text bank does."""
        from ovedit.engine.protocols import CancelToken, silent
        from ovedit.engine.segmentation.text_encoder import encode
        from ovedit.engine.segmentation.vocabulary import load_vocabulary

        texts = [f"a photo of a {word}." for word in load_vocabulary().words[:PADDED]]
        tokens = self.clip.tokenizer(texts)
        padded = seconds(lambda: self.clip.model.encode_text(tokens))
        cut = seconds(lambda: encode(self.clip, texts, silent, CancelToken()))
        row(f"{PADDED} sentences, each padded to 77 tokens, and as a tree", padded, cut, None)

    def classes(self, count: int, templates: str) -> None:
        """All classes over one picture, and over the next."""
        import torch

        from ovedit.engine.segmentation.vocabulary import load_vocabulary

        words = load_vocabulary().words[:count]

        def answer(bank: Any) -> None:
            texts = bank.embed(words, templates).values
            torch.einsum("hwc,kc->khw", self.look().values, texts)

        bank = self.bank("classes")
        name = f"{count} classes under {templates} templates"
        first = seconds(lambda: answer(bank))
        row(f"{name}: picture after picture", first, seconds(lambda: answer(bank)), WORDS_BUDGET)
        later = self.bank("classes")
        row(f"{name}: after a restart", first, seconds(lambda: answer(later)), WORDS_BUDGET)

    def phrases(self, templates: str) -> None:
        """One phrase over a picture, and another one over the same."""
        from ovedit.engine.segmentation.scores import score
        from ovedit.engine.segmentation.settings import SegmentationSettings

        settings = replace(SegmentationSettings(), templates=templates, auto_negatives=0)
        bank = self.bank("phrases")
        # Read once for all pictures, long ago.
        score(self.look(), ["dog"], bank, settings)
        kept: list[Any] = []

        def first() -> None:
            kept.append(self.look())
            score(kept[-1], ["wooden bench"], bank, settings)

        def second() -> None:
            score(kept[-1], ["remote control"], bank, settings)

        def again() -> None:
            score(kept[-1], ["wooden bench"], bank, settings)

        taken = seconds(first)
        name = f"one phrase under {templates} templates"
        row(f"{name}: the next on the same picture", taken, seconds(second), PHRASE_BUDGET)
        row(f"{name}: one that is known", taken, seconds(again), PHRASE_BUDGET)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    import torch

    start = clock[0]()
    with torch.no_grad():
        work()
    return clock[0]() - start


def row(name: str, first: float, then: float, budget: float | None) -> None:
    """Print one row of the table."""
    wanted = "" if budget is None else f"{budget} ×"
    cells = [name, f"{first:.3f} s", f"{then:.3f} s", f"{first / then:.1f} ×", wanted]
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
