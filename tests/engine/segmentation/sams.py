"""SAM 2 of the real classes, small, with seeded random weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from ovedit.engine.models.runtime.loaders.sam import _STABILITY
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.segmentation import decoder
from ovedit.engine.segmentation.sam import Embedding, Masks, Prompt, SamImage
from ovedit.geometry import Size

torch.set_num_threads(1)
WIDTH = 32

Answer = Callable[[Prompt], tuple[np.ndarray, list[float]]]
"""Masks (m, 64, 64) of bool, and their IoUs."""


@functools.cache
def tiny_sam(side: int = 256) -> SAM2Base:
    """All that a picture needs; the parts that remember other frames are left out."""
    torch.manual_seed(3)
    encoder = ImageEncoder(
        Hiera(embed_dim=8, stages=(1, 1, 2, 1), global_att_blocks=(3,), window_spec=(4, 4, 4, 4)),
        FpnNeck(
            PositionEmbeddingSine(WIDTH, normalize=True),
            WIDTH,
            [64, 32, 16, 8],
            fpn_top_down_levels=[2, 3],
            fpn_interp_model="nearest",
        ),
        scalp=1,
    )
    model = SAM2Base(
        encoder,
        nn.Identity(),
        nn.Identity(),
        num_maskmem=1,
        image_size=side,
        directly_add_no_mem_embed=True,
        use_high_res_features_in_sam=True,
        iou_prediction_use_sigmoid=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        sam_mask_decoder_extra_args=_STABILITY,
    ).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    # Random weights answer with next to nothing: as far apart as those of a trained model.
    model.sam_mask_decoder.iou_prediction_head.layers[-1].weight *= 12
    for head in model.sam_mask_decoder.output_hypernetworks_mlps:
        head.layers[-1].weight *= 40
    return model


def local_sam(side: int = 1024, radius: float = 0.15) -> SAM2Base:
    """A tiny one whose masks are `localised`."""
    return localised(tiny_sam.__wrapped__(side), radius)


def localised(model: SAM2Base, radius: float = 0.15) -> SAM2Base:
    """The model with its masks around the point asked at, as those of trained weights are.

    Random weights say that everything belongs to everything.
    """
    side = model.image_size
    asked: list[torch.Tensor] = []

    def remember(_: nn.Module, args: object, kwargs: dict[str, Any]) -> None:
        places, kinds = kwargs["points"]
        # A box comes before points, as two corners.
        boxed = bool(kinds[0, 0] == 2)
        asked[:] = [(places[:, :2].mean(dim=1) if boxed else places[:, 0]) / side]

    def localise(logits: torch.Tensor) -> torch.Tensor:
        cells = logits.shape[-1]
        centres = (torch.arange(cells) + 0.5) / cells
        x, y = asked[0].T[..., None, None]
        away = ((centres - x) ** 2 + (centres[:, None] - y) ** 2) / radius**2
        # Their three masks differ in size, as part and whole do.
        sizes = torch.linspace(0.5, 2, logits.shape[1])[:, None, None]
        return logits + 4 * (sizes - away[:, None])

    model.sam_prompt_encoder.register_forward_pre_hook(remember, with_kwargs=True)
    model.sam_mask_decoder.register_forward_hook(
        lambda _, args, answer: (localise(answer[0]), *answer[1:])
    )
    _LOCALISED[model.sam_mask_decoder] = localise
    return model


_LOCALISED: WeakKeyDictionary[nn.Module, Callable[[torch.Tensor], torch.Tensor]] = (
    WeakKeyDictionary()
)
_decode = decoder.decode


def _decode_localised(network: Any, *args: Any, **kwargs: Any) -> Any:
    """Our own decoder is no module that could be hooked."""
    logits, iou = _decode(network, *args, **kwargs)
    return _LOCALISED.get(network, lambda same: same)(logits), iou


decoder.decode = _decode_localised


class ScriptedSam(SamImage):
    """Stands in for the network where only what is done with its masks is tested.

    Answers every prompt with the logits (m, 64, 64) and IoUs that a function of it gives, and
    remembers the prompts.
    """

    def __init__(self, size: Size, answer: Answer) -> None:
        nothing = torch.zeros(1)
        super().__init__(tiny_sam(), Embedding(nothing, (), nothing), size)
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "asked", [])

    answer: Answer
    asked: list[Prompt]

    def resized(self, size: Size) -> ScriptedSam:
        """Itself, so that what was asked can be looked at."""
        object.__setattr__(self, "size", size)
        return self

    def batches(
        self,
        prompts: Sequence[Prompt],
        *,
        several: bool = True,
        batch: int = 64,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Iterator[Masks]:
        for prompt in prompts:
            if cancel is not None:
                cancel.check()
            self.asked.append(prompt)
            masks, iou = self.answer(prompt)
            count = len(masks) if several else 1
            logits = torch.from_numpy(np.where(masks[:count], 8.0, -8.0)).float()
            yield Masks(logits[None], torch.tensor(iou[:count])[None])


def plain_photo(name: str = "coffee", height: int = 96) -> np.ndarray:
    """A photograph (height, w, 3) uint8, small."""
    import cv2
    import skimage.data

    photo = getattr(skimage.data, name)()
    width = round(photo.shape[1] * height / photo.shape[0])
    return np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
