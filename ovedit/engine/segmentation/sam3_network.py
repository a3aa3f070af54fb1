"""SAM 3, asked: what it sees in a picture, and the things in it that a phrase names.

Carion et al. 2025, "SAM 3: Segment Anything with Concepts". Its image encoder knows nothing of the
phrase, so that a picture is looked at once; a phrase costs its text encoder and the two decoders.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

from ovedit.engine.models.runtime.loaders.transformer import TransformerModel
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.pictures import picture_key
from ovedit.engine.segmentation.sam import opaque
from ovedit.errors import EngineError, ModelError

BUDGET = 256 << 20
"""Bytes of what was seen that are kept; one picture takes 113 MB in float32, half in bfloat16."""


@dataclass(frozen=True, eq=False)
class Things:
    """What may be named by a phrase, the surest first.

    scores: (n,) in [0, 1], on the CPU; logits: (n, s, s), cells of a grid over the whole picture,
    above 0 inside of the thing. cut: the phrase was longer than SAM 3 reads.
    """

    scores: torch.Tensor
    logits: torch.Tensor
    cut: bool = False


class Sam3Pictures:
    """What SAM 3 saw in the last few pictures; belongs on the thread that owns the models.

    The one not asked for the longest goes first.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        """budget: bytes; the last picture is kept whatever it takes."""
        self._budget = budget
        self._kept: OrderedDict[bytes, Sam3VisionEncoderOutput] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(
        self,
        sam: TransformerModel,
        name: str,
        image: Pixels,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Sam3VisionEncoderOutput:
        """What the model of this name sees in a picture (H, W, 4), looked at where it is new.

        Raises what `look` raises.
        """
        how = f"{name} {sam.model.device} {sam.model.dtype}"
        key = hashlib.blake2b(picture_key(image) + how.encode()).digest()
        if key not in self._kept:
            self._kept[key] = look(sam, image, progress, cancel)
            while len(self._kept) > 1 and self._bytes > self._budget:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    @property
    def _bytes(self) -> int:
        return sum(_size(seen) for seen in self._kept.values())


@torch.inference_mode()
def look(
    sam: TransformerModel,
    image: Pixels,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Sam3VisionEncoderOutput:
    """What SAM 3 sees in a picture (H, W, 4), stretched to the square that it takes.

    Raises `ModelError` where the model came without what prepares pictures for it, `Cancelled`
    before a layer runs.
    """
    model: Any = sam.model
    if sam.processor is None:
        raise ModelError(
            "SAM 3 lacks processor_config.json, which says how to read pictures.",
            "Put it beside its weights.",
        )
    # A picture one or three pixels high would be taken for one whose channels come first.
    given = sam.processor.image_processor(
        images=opaque(image), input_data_format="channels_last", return_tensors="pt"
    )
    with _heard(model.vision_encoder.backbone.layers, progress, cancel):
        seen = model.get_vision_features(given["pixel_values"].to(model.device, model.dtype))
    # The last state of the encoder has done its work.
    return Sam3VisionEncoderOutput(
        fpn_hidden_states=seen.fpn_hidden_states, fpn_position_encoding=seen.fpn_position_encoding
    )


@torch.inference_mode()
def find(
    sam: TransformerModel,
    seen: Sam3VisionEncoderOutput,
    phrase: str,
    cancel: CancelToken | None = None,
) -> Things:
    """The things that a phrase may name.

    Raises `EngineError` where no numbers come out, `Cancelled` before a layer runs.
    """
    model: Any = sam.model
    limit = model.config.text_config.max_position_embeddings
    tokenizer = sam.processor.tokenizer
    words = tokenizer(
        phrase, padding="max_length", max_length=limit, truncation=True, return_tensors="pt"
    ).to(model.device)
    layers = [*model.detr_encoder.layers, *model.detr_decoder.layers]
    with _heard(layers, silent, cancel):
        said = model(
            vision_embeds=seen,
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
        )
    # A thing's score supposes that the phrase is in the picture at all.
    presence = said.presence_logits[0].float().sigmoid()
    scores = said.pred_logits[0].float().sigmoid() * presence
    logits = said.pred_masks[0].float()
    if not bool(scores.isfinite().all() and logits.isfinite().all()):
        raise EngineError(
            "SAM 3 sees nothing in this picture: it gives no numbers.",
            "Check its files with `ovedit models verify`, or choose another device.",
        )
    scores, order = scores.sort(descending=True)
    cut = len(tokenizer(phrase)["input_ids"]) > limit
    return Things(scores.cpu(), logits[order], cut)


@contextmanager
def _heard(
    layers: Sequence[nn.Module], progress: Progress, cancel: CancelToken | None
) -> Iterator[None]:
    """Each layer says that it is next, and asks whether to go on: on a CPU it takes seconds."""
    cancel = cancel or CancelToken()

    def before(number: int) -> Callable[..., None]:
        def ask(*_: object) -> None:
            progress(number / len(layers))
            cancel.check()

        return ask

    before(0)()
    handles = [
        layer.register_forward_pre_hook(before(number)) for number, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _size(seen: Sam3VisionEncoderOutput) -> int:
    # Encodings of positions are the model's own, the same for all pictures.
    levels = seen.fpn_hidden_states or ()
    return sum(level.element_size() * level.nelement() for level in levels)
