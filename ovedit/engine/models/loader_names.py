"""The names of what loads models, for catalogues to be checked against without importing torch.

`open_clip`, `sam2` and `onnx` are libraries with one way to load; `transformers.<Class>` and
`diffusers.<Class>` name the class; `diffusers.lora` puts an adapter onto a pipeline.
"""

from __future__ import annotations

LOADER_NAMES = frozenset(
    {
        "open_clip",
        "sam2",
        "onnx",
        "transformers.ViTModel",
        "transformers.Sam3Model",
        "diffusers.StableDiffusionInpaintPipeline",
        "diffusers.StableDiffusionXLInpaintPipeline",
        "diffusers.FluxFillPipeline",
        "diffusers.Flux2KleinInpaintPipeline",
        "diffusers.QwenImageEditInpaintPipeline",
        "diffusers.AutoencoderTiny",
        "diffusers.lora",
    }
)
"""Every loader that a catalogue may name."""


def is_loader(name: str) -> bool:
    """Whether there is a loader of that name."""
    return name in LOADER_NAMES
