"""One `Painter` for all pipelines of diffusers that paint into a mask; `families` says how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

from ovedit.engine.inpainting.encodings import Encodings
from ovedit.engine.inpainting.families import Recipe
from ovedit.engine.inpainting.preview import Decoder, Estimate, Glimpses, estimating, picture_of
from ovedit.engine.inpainting.schedulers import Schedulers
from ovedit.engine.inpainting.stopping import stoppable
from ovedit.engine.inpainting.values import PaintJob, Picture, Watcher, Words
from ovedit.engine.models.runtime.memory import is_out_of_memory
from ovedit.engine.protocols import CancelToken
from ovedit.errors import CannotDoError, EngineError, OVEditError


class DiffusionPainter:
    """`Painter` on a loaded pipeline. Belongs on the thread that owns the models.

    notes: sentences for the person on what was painted, gathered over all jobs.
    """

    def __init__(
        self,
        pipeline: Any,
        id: str,
        title: str,
        recipe: Recipe,
        schedulers: Schedulers,
        encodings: Encodings,
        decoder: Decoder | None = None,
        adapters: Sequence[str] = (),
    ) -> None:
        """pipeline: of the model `id`, called `title`. decoder: what previews are made with.

        adapters: ids of those that are put onto it.
        """
        self._pipeline = pipeline
        self._encodings = encodings
        self._adapters = tuple(adapters)
        self._title = title
        self._recipe = recipe
        self._decoder = decoder
        self._scheduler = schedulers.put_into(pipeline, id, recipe.scheduler)
        self.notes: list[str] = []

    def paint(self, job: PaintJob, watch: Watcher, cancel: CancelToken) -> Picture:
        """The whole picture painted anew; the words are cut to what the model can read.

        Raises `CannotDoError` for a picture that the model's safety checker refuses, `EngineError`
        where the pipeline fails, `Cancelled` within a step (or while it reads the words, encodes or
        decodes), and what says that memory ran out.
        """
        cancel.check()
        arguments = self._arguments(job)
        watch(0.0, "Reading the words")
        try:
            with (
                estimating(self._scheduler) as estimate,
                self._checker(),
                stoppable(self._networks(), cancel),
                self._encodings.kept(self._pipeline, self._adapters),
            ):
                arguments["callback_on_step_end"] = self._listener(job, estimate, watch, cancel)
                result = self._pipeline(**arguments)
        except OVEditError:
            self._after_failure()
            raise
        except Exception as e:
            # What diffusers and torch raise has no base in common.
            self._after_failure()
            if is_out_of_memory(e):
                raise
            raise EngineError(
                f"{self._title} failed: {_first_line(e)}",
                "Take another model, or check its files with `ovedit models verify`.",
            ) from e
        cancel.check()
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise CannotDoError(
                f"The safety checker of {self._title} refused what was painted.",
                "Try another seed or other words. The setting safety switches it off.",
            )
        return self._picture(result.images[0], job)

    def _arguments(self, job: PaintJob) -> dict[str, Any]:
        recipe = self._recipe
        family = recipe.family
        strength = recipe.strength(job.strength)
        height, width = job.mask.shape
        words = self._readable(job.words)
        arguments: dict[str, Any] = {
            "prompt": words.prompt,
            "image": Image.fromarray(job.picture),
            "mask_image": Image.fromarray(job.mask),
            "strength": strength,
            "num_inference_steps": recipe.scheduled(strength),
            family.guided_by: recipe.guidance,
            # On the CPU, the same seed means the same noise everywhere.
            "generator": torch.Generator("cpu").manual_seed(job.seed),
            "output_type": "pt",
        }
        if family.negative and recipe.guidance > 1:
            # One that is empty would switch guidance off where it has another name.
            arguments["negative_prompt"] = words.negative or " "
        if family.sized:
            arguments |= {"height": height, "width": width}
        return arguments

    def _listener(self, job: PaintJob, estimate: Estimate, watch: Watcher, cancel: CancelToken):
        total = self._recipe.runs(self._recipe.strength(job.strength))
        glimpses = None if self._decoder is None else Glimpses(self._decoder)

        def after_step(pipeline: Any, index: int, timestep: Any, given: dict[str, Any]):
            cancel.check()
            seen = None
            if glimpses is not None:
                seen = glimpses.look(self._unpacked(estimate.latents, job))
            fraction = min(1.0, (index + 1) / total)
            watch(fraction, f"Step {min(index + 1, total)} of {total}", seen)
            return given

        return after_step

    def _unpacked(self, latents: torch.Tensor | None, job: PaintJob) -> torch.Tensor | None:
        """(1, c, h, w) of latents that are a sequence of patches in some models."""
        if latents is None or latents.ndim != 3:
            return latents
        height, width = job.mask.shape
        pipeline = self._pipeline
        patch = pipeline.vae_scale_factor * 2
        if not self._recipe.family.sized:
            # As many patches in nearly the same shape.
            rows = round((latents.shape[1] * height / width) ** 0.5)
            height, width = rows * patch, latents.shape[1] // rows * patch
        if height * width != latents.shape[1] * patch * patch:
            return None
        if not hasattr(pipeline, "_unpack_latents"):
            # A patch has all its pixels of the first channel, then those of the second one.
            patches = latents.reshape(1, height // patch, width // patch, -1)
            return pipeline._unpatchify_latents(patches.permute(0, 3, 1, 2))
        planes = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
        # A picture of a video has an axis of time.
        return planes[:, :, 0] if planes.ndim == 5 else planes

    def _picture(self, planes: torch.Tensor, job: PaintJob) -> Picture:
        if not torch.isfinite(planes).all():
            raise EngineError(
                f"{self._title} painted no picture: its numbers left the range of their format.",
                "Try another seed, or another model.",
            )
        picture = picture_of(planes.float())
        height, width = job.mask.shape
        if picture.shape[:2] == (height, width):
            return picture
        # A pipeline that chooses its size by itself.
        shrinks = picture.shape[0] * picture.shape[1] > height * width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
        return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)

    def _readable(self, words: Words) -> Words:
        """The words as far as the model reads them, with a note where that is not all."""
        prompt, cut = self._cut(words.prompt)
        if cut:
            kept = len(prompt.split())
            note = f"{self._title} reads only the first {kept} words of what it was told."
            if note not in self.notes:
                self.notes.append(note)
        return Words(prompt, self._cut(words.negative)[0])

    def _cut(self, text: str) -> tuple[str, bool]:
        tokenizer = getattr(self._pipeline, self._recipe.family.tokenizer)
        limit = min(self._recipe.family.tokens, tokenizer.model_max_length)

        def fits(length: int) -> bool:
            return len(tokenizer(text[:length], verbose=False).input_ids) <= limit

        if fits(len(text)):
            return text, False
        low, high = 0, len(text)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        # Half a word means something else.
        whole = text[:low].rpartition(" ")[0] if text[low : low + 1].strip() else text[:low]
        return (whole or text[:low]).rstrip(" ,"), True

    def _networks(self) -> Iterator[nn.Module]:
        parts = self._pipeline.components.values()
        return (part for part in parts if isinstance(part, nn.Module))

    @contextmanager
    def _checker(self) -> Iterator[None]:
        """Without the safety checker, where the settings say so."""
        checker = getattr(self._pipeline, "safety_checker", None)
        if checker is None or self._recipe.safety:
            yield
            return
        self._pipeline.safety_checker = None
        try:
            yield
        finally:
            self._pipeline.safety_checker = checker

    def _after_failure(self) -> None:
        # An offloaded part that was at work would stay on the device.
        self._pipeline.maybe_free_model_hooks()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
