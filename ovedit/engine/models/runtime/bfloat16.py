"""Measures this processor in bfloat16. Run as a script, in a process of its own.

Some virtual machines announce instructions that they do not carry out, which ends the process.
Needs nothing but torch, so that the script runs from wherever it lies.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def measure_gain() -> float:
    """How many times faster than float32 it multiplies matrices of bfloat16."""
    generator = torch.Generator().manual_seed(0)
    # A layer of ViT-B/16 over the patches of one window.
    tokens = torch.randn(197, 768, generator=generator)
    weights = torch.randn(3072, 768, generator=generator)
    halves = tokens.bfloat16(), weights.bfloat16()
    with torch.inference_mode():
        full = _best_time(lambda: torch.nn.functional.linear(tokens, weights))
        half = _best_time(lambda: torch.nn.functional.linear(*halves))
    return full / half


def _best_time(work: Callable[[], object], runs: int = 5) -> float:
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    print(measure_gain())
