"""Coarse pictures of a painting under way, for less than a twentieth of its time.

Latents in the middle of a run are mostly noise. What is shown is what the model believes the end to
be: the estimate of the clean latents that every sampler makes at each step on its way.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch

from ovedit.engine.inpainting.families import LatentColours
from ovedit.engine.inpainting.values import Picture

SHARE = 0.05
"""Of the time that painting took so far, what previews may take together."""


class Decoder(Protocol):
    """Makes a picture (h, w, 3) of clean latents (1, c, h, w), at any size."""

    def __call__(self, latents: torch.Tensor) -> Picture:
        """Latents as the model itself has them, neither scaled nor shifted back."""
        ...


class LinearDecoder:
    """One pixel for each latent: its channels times a matrix. See `LatentColours`."""

    def __init__(self, colours: LatentColours) -> None:
        self._factors = torch.tensor(colours.factors)
        self._bias = torch.tensor(colours.bias)

    def __call__(self, latents: torch.Tensor) -> Picture:
        """See `Decoder`; channels beyond those of the matrix mean nothing."""
        # Only a few thousand numbers: on the CPU whatever else runs on.
        planes = latents[0].detach().float().cpu()
        channels = min(len(planes), len(self._factors))
        rgb = planes[:channels].permute(1, 2, 0) @ self._factors[:channels] + self._bias
        return picture_of(rgb.permute(2, 0, 1) / 2 + 0.5)


class TinyDecoder:
    """A tiny autoencoder (`AutoencoderTiny` of diffusers; TAESD by O. Boer Bohan)."""

    def __init__(self, network: Any) -> None:
        self._network = network

    @torch.no_grad()
    def __call__(self, latents: torch.Tensor) -> Picture:
        """See `Decoder`."""
        given = latents.to(self._network.device, self._network.dtype)
        planes = self._network.decode(given, return_dict=False)[0]
        return picture_of(planes[0].float() / 2 + 0.5)


class Glimpses:
    """Makes the first preview, and others while all together take little enough of the time."""

    def __init__(self, decode: Decoder, clock: Callable[[], float] = time.perf_counter) -> None:
        """decode: what makes them. clock: seconds; it starts now."""
        self._decode, self._clock = decode, clock
        self._began = clock()
        self._spent = self._last = 0.0

    def look(self, latents: torch.Tensor | None) -> Picture | None:
        """The picture of these latents, or None where it would take too large a share of time."""
        now = self._clock()
        painting = now - self._began - self._spent
        if latents is None or self._spent + self._last > SHARE * painting:
            return None
        picture = self._decode(latents)
        self._last = self._clock() - now
        self._spent += self._last
        return picture


class Estimate:
    """The clean latents that a sampler expected at its last step, None before the first."""

    latents: torch.Tensor | None = None


@contextmanager
def estimating(scheduler: Any) -> Iterator[Estimate]:
    """Listen to a scheduler of diffusers while the block lasts.

    Some return their estimate, some keep it; of flow matching it is x - sigma·v (Lipman et al.
    2023). Of any other the estimate stays None.
    """
    estimate = Estimate()
    plain = scheduler.step

    # Pipelines look at the signature to find out what a scheduler takes.
    @functools.wraps(plain)
    def step(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *a: Any, **k: Any):
        result = plain(model_output, timestep, sample, *a, **k)
        if isinstance(result, tuple) and len(result) > 1:
            estimate.latents = result[1]
        elif kept := getattr(scheduler, "model_outputs", None):
            estimate.latents = kept[-1]
        elif type(scheduler).__name__.startswith("FlowMatch"):
            sigma = scheduler.sigmas[scheduler.step_index - 1].to(sample.device)
            estimate.latents = sample - sigma * model_output
        return result

    scheduler.step = step
    try:
        yield estimate
    finally:
        del scheduler.step


def picture_of(planes: torch.Tensor) -> Picture:
    """(3, h, w) in [0, 1] as (h, w, 3) in [0, 255]."""
    values = (planes.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())
