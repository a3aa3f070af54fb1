"""The samplers are those of diffusers, set as their authors say for few steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from diffusers.schedulers.scheduling_pndm import PNDMScheduler

from ovedit.engine.inpainting.schedulers import Schedulers


def published() -> Any:
    """A pipeline with the scheduler that Stable Diffusion comes with."""
    own = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
        set_alpha_to_one=False,
    )
    return SimpleNamespace(scheduler=own)


def steps_of(name: str, count: int) -> list[int]:
    scheduler = Schedulers().put_into(published(), "sd", name)
    scheduler.set_timesteps(count)
    return [round(float(step)) for step in scheduler.timesteps]


def test_few_steps_begin_at_pure_noise_and_are_evenly_apart() -> None:
    # Where Hyper-SD was taught to step.
    assert steps_of("trailing", 8) == [999, 874, 749, 624, 499, 374, 249, 124]
    assert steps_of("lcm", 4)[0] == 999
    for name in ("dpm++", "unipc", "euler", "euler-a"):
        assert steps_of(name, 5)[0] == 999, name


def test_dpm_solver_takes_the_steps_of_karras() -> None:
    scheduler = Schedulers().put_into(published(), "sd", "dpm++")
    assert scheduler.config.use_karras_sigmas
    assert scheduler.config.algorithm_type == "dpmsolver++"


@pytest.mark.parametrize("name", ["ddim", "trailing", "euler", "euler-a", "dpm++", "unipc", "lcm"])
def test_the_noise_is_that_of_the_model_and_its_own_sampler_comes_back(name: str) -> None:
    pipeline, schedulers = published(), Schedulers()
    own = pipeline.scheduler
    made = schedulers.put_into(pipeline, "sd", name)
    assert pipeline.scheduler is made is not own
    for key in ("beta_start", "beta_end", "beta_schedule", "prediction_type"):
        assert made.config[key] == own.config[key]
    assert schedulers.put_into(pipeline, "sd", "own") is own is pipeline.scheduler
    assert schedulers.put_into(pipeline, "sd", name) is made
