"""What a method of dense prediction needs of models other than CLIP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovedit.engine.segmentation.needs import DIFFUSION
from ovedit.engine.segmentation.proxies import Proxy
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.trident import SamAttention
from ovedit.errors import EngineError

_TITLES = {"proxyclip": "ProxyCLIP", "trident": "Trident", "corrclip": "CorrCLIP"}
_NEEDED = {
    "proxyclip": ("proxy",),
    "trident": ("proxy", "sam_attention"),
    "corrclip": ("proxy", "regions"),
}


@dataclass(frozen=True, eq=False)
class DenseContext:
    """What a method needs of other models; what it does not need may be left out.

    proxy: features of windows, from `proxies`: `dino_patches` for Trident and ProxyCLIP,
        `sam_features` or `diffusion_features` for ProxyCLIP, `dino_correlations` for CorrCLIP.
    regions: (H, W) int32 over the whole picture at any resolution, the regions of SAM 2 numbered
        from 1, 0 where there is none; for CorrCLIP.
    sam_attention: of the whole picture, `proxies.sam_attention`; for Trident.
    """

    proxy: Proxy | None = None
    regions: NDArray[np.int32] | None = None
    sam_attention: SamAttention | None = None


def checked(settings: SegmentationSettings, context: DenseContext) -> DenseContext:
    """The context, if it has all that the method needs.

    Raises `EngineError` naming the model to get.
    """
    for name in _NEEDED.get(settings.method, ()):
        if getattr(context, name) is None:
            what, model = source(name, settings)
            raise EngineError(
                f"The method {_TITLES[settings.method]} needs {what}.",
                f'Get it with "ovedit models get {model}", or take naclip, which needs nothing.',
            )
    return context


def no_numbers(model: str) -> EngineError:
    """What is raised where the model of this id gives no numbers, as with damaged weights."""
    return EngineError(
        f"{model} saw something that is not a number.",
        f'Check its files with "ovedit models verify {model}".',
    )


def source(name: str, settings: SegmentationSettings) -> tuple[str, str]:
    """What a field of the context holds with these settings, and the id of the model it is from."""
    if name == "regions":
        return "regions found by SAM 2", settings.sam
    if name == "sam_attention":
        return "the attention of SAM 2", settings.sam
    if settings.method == "proxyclip" and settings.proxy == "sam":
        return "the features of SAM 2", settings.sam
    if settings.method == "proxyclip" and settings.proxy == "diffusion":
        return "the features of a diffusion model", DIFFUSION
    return "the features of DINO", settings.dino
