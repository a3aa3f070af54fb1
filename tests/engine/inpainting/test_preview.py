from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)

from ovedit.engine.inpainting.families import FAMILIES, LatentColours
from ovedit.engine.inpainting.preview import Glimpses, LinearDecoder, estimating


def test_a_linear_preview_is_one_pixel_for_each_latent() -> None:
    colours = LatentColours(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), (0.0, 0.0, -1.0))
    latents = torch.zeros(1, 2, 3, 5)
    latents[0, 0], latents[0, 1, 0] = 1, -1
    picture = LinearDecoder(colours)(latents)
    assert picture.shape == (3, 5, 3)
    assert picture[1, 2].tolist() == [255, 128, 0]
    assert picture[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("name", [name for name, each in FAMILIES.items() if each.colours])
def test_published_factors_make_grey_of_nothing_and_colours_of_noise(name: str) -> None:
    colours = FAMILIES[name].colours
    assert colours is not None
    channels = len(colours.factors)
    assert channels in (4, 16, 32)
    grey = LinearDecoder(colours)(torch.zeros(1, channels, 2, 2))
    assert np.abs(grey.astype(int) - 128).max() < 45
    noise = torch.randn(1, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    assert LinearDecoder(colours)(noise).std() > 10


def test_previews_take_a_twentieth_of_the_time() -> None:
    clock = SimpleNamespace(now=0.0)
    made: list[float] = []

    def decode(latents: torch.Tensor) -> Any:
        clock.now += 1.0
        made.append(clock.now)
        return np.zeros((1, 1, 3), np.uint8)

    glimpses = Glimpses(decode, lambda: clock.now)
    for step in range(1, 101):
        clock.now += 2.0
        glimpses.look(torch.zeros(1))
        # The first one is made at once, whatever it takes.
        assert len(made) == 1 or len(made) <= 0.05 * 2.0 * step
    assert len(made) == 10


def test_the_estimate_of_flow_matching_is_the_clean_picture() -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(4)
    clean, noise = torch.full((1, 2, 3, 3), 0.7), torch.randn(1, 2, 3, 3)
    velocity = noise - clean
    with estimating(scheduler) as estimate:
        sample = noise
        for t in scheduler.timesteps:
            sample = scheduler.step(velocity, t, sample, return_dict=False)[0]
            assert estimate.latents is not None
            assert torch.allclose(estimate.latents, clean, atol=1e-5)
    assert "step" not in vars(scheduler)


def test_a_scheduler_is_as_before_after_an_error() -> None:
    scheduler = DDIMScheduler()
    with pytest.raises(ValueError, match="inside"), estimating(scheduler):
        raise ValueError("inside")
    assert "step" not in vars(scheduler)
