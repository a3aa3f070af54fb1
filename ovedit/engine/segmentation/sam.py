"""SAM 2 on one picture: its embedding made once, then masks at points, boxes and masks.

Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. What goes in and comes out is
that of `SAM2ImagePredictor`, without what it does for every prompt again and with no mask
stretched to the picture before it is wanted there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch.nn import functional

from ovedit.engine.models.runtime.devices import Device
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.requests import Coverage, Pixels, Point, ScoreMap
from ovedit.engine.segmentation import decoder
from ovedit.engine.segmentation.scaling import half_precision, shrunk
from ovedit.errors import EngineError, UsageError
from ovedit.geometry import Rect, Size

THRESHOLD = 0.5
"""Where a soft mask of SAM 2 is cut: its logits are 0 there."""
MASK_LOGIT = 10.0
"""Logit of a mask prompt that is certain, as SAM 2 gives masks drawn by people to its memory."""
SCORE_SIDE = 1024
"""Longest side of a click's score map: four times finer than what SAM 2 draws."""
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_AT_ONCE = 64
"""Prompts at a time on an accelerator, as in SAM 2's own generator."""
_LARGE = 4096
"""Sides from which on a picture is first halved: exact filtering of every pixel takes seconds."""
_MOST_LOGIT = 32.0
"""SAM 2 never saw stronger mask prompts."""
_LEFT_TOP, _RIGHT_BOTTOM = 2, 3


@dataclass(frozen=True, eq=False)
class Prompt:
    """What SAM 2 is asked about one thing; at least one of these.

    points and box (left, top, right, bottom) are in pixels of the picture; mask: (s, s) float32
    logits over the whole picture, such as those of `Masks`.
    """

    points: tuple[Point, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: torch.Tensor | None = None

    @property
    def _kind(self) -> tuple[int, bool, bool]:
        return len(self.points), self.box is not None, self.mask is not None


@dataclass(frozen=True, eq=False)
class Masks:
    """SAM 2's answer to a prompt.

    logits: (m, s, s) float32 over the whole picture whatever its shape, above 0 inside; s is 256 in
    the published models. iou: (m,) float32, how well SAM 2 expects each to fit the thing.
    """

    logits: torch.Tensor
    iou: torch.Tensor

    @property
    def best(self) -> Masks:
        """Only the one that SAM 2 trusts the most."""
        index = int(self.iou.argmax())
        return Masks(self.logits[index : index + 1], self.iou[index : index + 1])


@dataclass(frozen=True, eq=False)
class Embedding:
    """What SAM 2's image encoder says about a picture.

    coarse: (1, c, n, n). fine: (1, c/8, 4n, 4n) and (1, c/4, 2n, 2n). position: (1, c, n, n). rows:
    the same for `decoder.decode`, where that is faster.
    """

    coarse: torch.Tensor
    fine: tuple[torch.Tensor, ...]
    position: torch.Tensor
    rows: decoder.Rows | None = None

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        rows = 0 if self.rows is None else self.rows.size_bytes
        return sum(t.nbytes for t in (self.coarse, *self.fine, self.position)) + rows

    def to(self, device: torch.device) -> Embedding:
        """The same on a device."""
        fine = tuple(tensor.to(device) for tensor in self.fine)
        return Embedding(self.coarse.to(device), fine, self.position.to(device))


@dataclass(frozen=True, eq=False)
class SamImage:
    """A picture that SAM 2 has looked at, ready for prompts; not to be kept longer than the model.

    size: of the picture, in whose pixels prompts are given. half: number format to compute in,
    None for float32.
    """

    model: SAM2Base
    embedding: Embedding
    size: Size
    half: torch.dtype | None = None

    def resized(self, size: Size) -> SamImage:
        """The same picture, with prompts in the pixels of another size of it."""
        return replace(self, size=size)

    def masks(self, prompt: Prompt, *, several: bool = True) -> Masks:
        """Masks at one prompt: three (a part, more of it, the whole), or the one that fits best.

        Three where a prompt may mean several things, one where it cannot (Ravi et al., sec. 4).
        """
        return next(self.each([prompt], several=several))

    def each(
        self,
        prompts: Sequence[Prompt],
        *,
        several: bool = True,
        batch: int = _AT_ONCE,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Iterator[Masks]:
        """Masks at each of the prompts, in their order; see `batches`."""
        for found in self.batches(
            prompts, several=several, batch=batch, progress=progress, cancel=cancel
        ):
            for logits, iou in zip(found.logits, found.iou, strict=True):
                yield Masks(logits, iou)

    def batches(
        self,
        prompts: Sequence[Prompt],
        *,
        several: bool = True,
        batch: int = _AT_ONCE,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Iterator[Masks]:
        """Masks of some prompts after the other: logits (b, m, s, s) and iou (b, m).

        batch: how many to ask at once on an accelerator. On a CPU it is always one: the decoder
        repeats the fine features for each, and that many do not fit its caches (three times
        slower). progress goes from 0 to 1. Raises `Cancelled` when asked to, before a batch.
        """
        cancel = cancel or CancelToken()
        width = 1 if self.embedding.coarse.device.type == "cpu" else max(1, batch)
        done = 0
        for _, alike in groupby(prompts, key=lambda prompt: prompt._kind):
            group = list(alike)
            for start in range(0, len(group), width):
                cancel.check()
                progress(done / len(prompts))
                some = group[start : start + width]
                done += len(some)
                yield self._decode(some, several)
        progress(1.0)

    @torch.inference_mode()
    def _decode(self, prompts: Sequence[Prompt], several: bool) -> Masks:
        """Prompts of one kind at once."""
        # In float32: coordinates lose whole pixels in bfloat16.
        sparse, dense = self.model.sam_prompt_encoder(
            points=self._corners_and_points(prompts), boxes=None, masks=self._drawn(prompts)
        )
        if self.embedding.rows is not None and len(prompts) == 1:
            drawn = None
            if prompts[0].mask is not None:
                drawn = decoder.with_mask(self.embedding.coarse, dense)
            return Masks(
                *decoder.decode(
                    self.model.sam_mask_decoder,
                    self.embedding.rows,
                    sparse[0],
                    drawn,
                    several=several,
                )
            )
        with autocast(self.embedding.coarse.device, self.half):
            logits, iou, _, _ = self.model.sam_mask_decoder(
                image_embeddings=self.embedding.coarse,
                image_pe=self.embedding.position,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=several,
                repeat_image=len(prompts) > 1,
                high_res_features=list(self.embedding.fine),
            )
        return Masks(logits.float(), iou.float())

    def _corners_and_points(
        self, prompts: Sequence[Prompt]
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        places = [_places(prompt) for prompt in prompts]
        if not places[0]:
            return None
        device = self.embedding.coarse.device
        whole = torch.tensor(places, dtype=torch.float32, device=device)
        across = torch.tensor([self.size.width, self.size.height], device=device)
        return whole[..., :2] / across * self.model.image_size, whole[..., 2].int()

    def _drawn(self, prompts: Sequence[Prompt]) -> torch.Tensor | None:
        masks = [prompt.mask for prompt in prompts if prompt.mask is not None]
        if not masks:
            return None
        stacked = torch.stack(masks).to(self.embedding.coarse.device, torch.float32)
        return stacked.clamp(-_MOST_LOGIT, _MOST_LOGIT)[:, None]


def working_format(device: Device) -> torch.dtype | None:
    """The number format in which SAM 2 is faster on a device without losing range, or None.

    bfloat16, which it was published to run in; float16 overflows in some of its layers.
    """
    return torch.bfloat16 if "bfloat16" in device.fast else None


def autocast(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[object]:
    """The context to run SAM 2 in: its weights stay in float32, its products are in `half`."""
    return nullcontext() if half is None else torch.autocast(device.type, half)


@torch.inference_mode()
def embed(model: SAM2Base, image: Pixels, half: torch.dtype | None = None) -> Embedding:
    """What SAM 2 sees in a picture (H, W, 3 or 4), stretched to the square that it takes.

    Raises `EngineError` where that is not a number, as with damaged weights.
    """
    side = model.image_size
    with autocast(model.device, half):
        levels = model.forward_image(_input(image, side, model.device))["backbone_fpn"]
        *fine, coarse = levels[-model.num_feature_levels :]
        if model.directly_add_no_mem_embed:
            coarse = coarse + model.no_mem_embed.reshape(1, -1, 1, 1)
    position = model.sam_prompt_encoder.get_dense_pe()
    check_numbers(coarse)
    rows = None
    if model.device.type == "cpu" and half is None and fine:
        rows = decoder.rows_of(model, coarse, tuple(fine), position)
    return Embedding(coarse, tuple(fine), position, rows)


def check_numbers(seen: torch.Tensor) -> None:
    """Raise `EngineError` where what the image encoder saw is not a number."""
    if not bool(seen.isfinite().all()):
        raise EngineError(
            "SAM 2 sees nothing in this picture: its image encoder gives no numbers.",
            "Check its files with `ovedit models verify`, or choose another device.",
        )


def _input(image: Pixels, side: int, device: torch.device) -> torch.Tensor:
    """(1, 3, side, side) float32, normalised, resized as SAM 2 was trained (antialiased)."""
    height, width = image.shape[:2]
    if max(height, width) > _LARGE:
        half = Size(width, height).within(_LARGE // 2)
        shape = half.width, half.height
        image = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
    rgb = opaque(image)
    planes = []
    for channel, (mean, spread) in enumerate(zip(_MEAN, _SPREAD, strict=True)):
        # One after the other: all at once in float32 take five times what the picture does.
        plane = torch.from_numpy(np.ascontiguousarray(rgb[..., channel])).to(device)
        plane = plane.float().div(255)[None, None]
        plane = functional.interpolate(plane, (side, side), mode="bilinear", antialias=True)
        planes.append((plane - mean) / spread)
    return torch.cat(planes, dim=1)


def opaque(image: Pixels) -> Pixels:
    """(H, W, 3) of (H, W, 3 or 4), with what is transparent laid over mid grey."""
    if image.shape[2] == 3:
        return image
    if image[..., 3].min(initial=255) == 255:
        return image[..., :3]
    alpha = image[..., 3:].astype(np.float32) / 255
    return np.rint(image[..., :3] * alpha + 128 * (1 - alpha)).astype(np.uint8)


def upsampled(logits: torch.Tensor, size: Size) -> torch.Tensor:
    """Logits (m, s, s) at the picture's own pixels, (m, H, W), as SAM 2 stretches them."""
    shape = (size.height, size.width)
    return functional.interpolate(logits[None].float(), shape, mode="bilinear")[0]


def soft_mask(logits: torch.Tensor, size: Size) -> NDArray[np.float32]:
    """One mask of logits (s, s) as soft coverage (H, W) in [0, 1]; its edge is at 0.5."""
    return upsampled(logits[None], size)[0].sigmoid().cpu().numpy()


def mask_prompt(coverage: Coverage, side: int) -> torch.Tensor:
    """Logits (side, side) that tell SAM 2 of a mask (H, W) drawn already."""
    small = shrunk(coverage, Size(side, side))
    return torch.from_numpy((np.asarray(small, np.float32) / 127.5 - 1) * MASK_LOGIT)


@dataclass(frozen=True, eq=False)
class Clicked:
    """The thing at some points: its score map, cut at `THRESHOLD`, and the IoU that SAM 2 expects.

    logits: (s, s), to be given as the next prompt's mask.
    """

    scores: ScoreMap
    iou: float
    logits: torch.Tensor


def click(
    sam: SamImage,
    points: Sequence[Point] = (),
    box: Rect | None = None,
    mask: Coverage | torch.Tensor | None = None,
) -> Clicked:
    """The thing at the points, in the box, or both, in pixels of `sam.size`.

    mask: the mask so far, coverage (H, W) uint8 or, better, the last `Clicked.logits`. One point
    alone may mean a part or the whole: then the one of three masks is taken that SAM 2 trusts the
    most. Raises `UsageError` where there is neither point nor box.
    """
    whole = sam.size.rect
    inside = None if box is None else box.intersect(whole)
    if not points and not inside:
        raise UsageError(
            "There is neither a point nor a box inside the picture.",
            "Click the thing, or draw a box around it.",
        )
    if isinstance(mask, np.ndarray):
        side = sam.model.sam_prompt_encoder.mask_input_size[0]
        mask = mask_prompt(mask, side)
        if not bool((mask > -MASK_LOGIT).any()):
            mask = None
    edges = (inside.x, inside.y, inside.right, inside.bottom) if inside else None
    vague = len(points) == 1 and edges is None and mask is None
    found = sam.masks(Prompt(tuple(points), edges, mask), several=vague).best
    values = half_precision(soft_mask(found.logits[0], sam.size.within(SCORE_SIDE)))
    return Clicked(ScoreMap(values, whole), float(found.iou[0]), found.logits[0])


def _places(prompt: Prompt) -> list[tuple[float, float, float]]:
    """(x, y, kind) of the box's corners and the points: what SAM 2 takes, boxes first."""
    places: list[tuple[float, float, float]] = []
    if prompt.box is not None:
        left, top, right, bottom = prompt.box
        places += [(left, top, _LEFT_TOP), (right, bottom, _RIGHT_BOTTOM)]
    return places + [(point.x, point.y, float(point.positive)) for point in prompt.points]
