"""Which models a request takes, known without torch: said before anything is loaded."""

from __future__ import annotations

from ovedit.engine.requests import PointRequest, Request, SegmentRequest
from ovedit.engine.segmentation.settings import SegmentationSettings, from_options

DIFFUSION = "sd15-inpainting"
"""The diffusion model whose features ProxyCLIP can attend by."""


def models_for(request: Request) -> tuple[str, ...]:
    """Ids of the models, in the order of their use. Raises `UsageError` for a wrong setting."""
    if not isinstance(request, SegmentRequest | PointRequest):
        return ()
    settings = from_options(request.preset, request.options)
    if isinstance(request, PointRequest):
        return (settings.sam,)
    used = (settings.clip, *_of_the_method(settings), *_of_the_masks(settings))
    return tuple(dict.fromkeys(used))


def _of_the_method(settings: SegmentationSettings) -> tuple[str, ...]:
    match settings.method, settings.proxy:
        case "proxyclip", "sam":
            return (settings.sam,)
        case "proxyclip", "diffusion":
            return (DIFFUSION,)
        case "proxyclip", _:
            return (settings.dino,)
        case "trident" | "corrclip", _:
            return settings.dino, settings.sam
    return ()


def _of_the_masks(settings: SegmentationSettings) -> tuple[str, ...]:
    drawn = settings.strategy != "dense" or settings.refine != "none"
    return (settings.sam,) if drawn else ()
