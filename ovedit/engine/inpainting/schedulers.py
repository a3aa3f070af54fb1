"""The samplers of diffusers by the names of the settings, each built once for a model."""

from __future__ import annotations

from typing import Any

import diffusers

OWN = "own"

_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    # Few steps have to begin at pure noise (Lin et al. 2024, "Common diffusion noise schedules").
    "trailing": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++": (
        "DPMSolverMultistepScheduler",
        {"use_karras_sigmas": True, "algorithm_type": "dpmsolver++"},
    ),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}


class Schedulers:
    """Belongs on the thread that owns the models. Holds no weights."""

    def __init__(self) -> None:
        self._built: dict[tuple[str, str], Any] = {}

    def put_into(self, pipeline: Any, id: str, name: str) -> Any:
        """Let the pipeline of the model `id` sample with the scheduler of that name; returns it.

        name: "own" for the one that it was published with.
        """
        if (id, OWN) not in self._built:
            self._built[id, OWN] = pipeline.scheduler
        if (id, name) not in self._built:
            title, changes = _KINDS[name]
            config = dict(self._built[id, OWN].config)
            if config.get("timestep_spacing") == "leading" and title != "DDIMScheduler":
                # The offset belongs to that spacing, which wastes the first of few steps.
                changes = {"timestep_spacing": "linspace", "steps_offset": 0, **changes}
            self._built[id, name] = getattr(diffusers, title).from_config(config, **changes)
        pipeline.scheduler = self._built[id, name]
        return pipeline.scheduler
