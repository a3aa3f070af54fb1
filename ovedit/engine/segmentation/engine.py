"""The CLIP and SAM 2 engine: phrases by CLIP's dense features, edges and clicks by SAM 2."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch

from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, stage
from ovedit.engine.requests import (
    MaskCandidate,
    Pixels,
    PointRequest,
    PointResult,
    SegmentRequest,
    SegmentResult,
)
from ovedit.engine.segmentation import scores
from ovedit.engine.segmentation.answers import DETAIL_SIDE, Findings, answer
from ovedit.engine.segmentation.hybrid import kind_of
from ovedit.engine.segmentation.info import INFO
from ovedit.engine.segmentation.pamr import pamr
from ovedit.engine.segmentation.perception import Perception
from ovedit.engine.segmentation.proposals import background, choose, ensemble, pooled
from ovedit.engine.segmentation.refine import refine
from ovedit.engine.segmentation.sam import THRESHOLD, click
from ovedit.engine.segmentation.scores import Similarities
from ovedit.engine.segmentation.settings import SegmentationSettings, from_options
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.geometry import Size


class ClipSamEngine:
    """`Segmenter` and `PointSegmenter`. Built where torch may be imported."""

    def __init__(self, runtime: ModelRuntime) -> None:
        self._perception = Perception(runtime)

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        """Answer every phrase.

        Raises `UsageError` for an empty phrase or a setting that is wrong, `ModelError` for a
        model that is not here, `OutOfMemoryError`, `Cancelled`.
        """
        started = time.perf_counter()
        settings = from_options(request.preset, request.options)
        look = _Look(self._perception, request, settings, cancel)
        findings = look.find(progress)
        size = Size(request.image.shape[1], request.image.shape[0])
        answers = tuple(
            answer(found, size, settings, request.top_k, look.notices if not number else ())
            for number, found in enumerate(findings)
        )
        progress(1.0, "")
        return SegmentResult(answers, INFO.name, time.perf_counter() - started)

    def segment_points(
        self, request: PointRequest, progress: Progress, cancel: CancelToken
    ) -> PointResult:
        """The thing at the points or in the box, with the mask so far as a prompt."""
        started = time.perf_counter()
        settings = from_options(request.preset, request.options)
        with ExitStack() as models:
            sam = self._perception.sam(request.image, settings, models, progress, cancel)
            cancel.check()
            clicked = click(sam, request.points, request.box, request.mask)
        reason = "Outlined by SAM 2 where you clicked."
        candidate = MaskCandidate("", clicked.iou, clicked.scores, THRESHOLD, reason)
        return PointResult(candidate, INFO.name, time.perf_counter() - started)


class _Look:
    """One look at a picture for some phrases."""

    def __init__(
        self,
        perception: Perception,
        request: SegmentRequest,
        settings: SegmentationSettings,
        cancel: CancelToken,
    ) -> None:
        self._perception, self._settings, self._cancel = perception, settings, cancel
        self._image = request.image
        self._phrases = request.phrases
        self._cut = settings.threshold if request.threshold is None else request.threshold
        self.notices: tuple[str, ...] = ()

    def find(self, progress: Progress) -> list[Findings]:
        """What is found out about each phrase."""
        image, settings, cancel = self._image, self._settings, self._cancel
        features = self._perception.features(image, settings, stage(progress, 0, 0.5), cancel)
        bank = self._perception.bank(settings)
        told = stage(progress, 0.5, 0.6, "Comparing with the words")
        compared = scores.compare(features, self._phrases, bank, settings, None, told, cancel)
        self.notices = compared.notices
        found = compared.probabilities(settings)
        findings = [
            Findings(
                phrase,
                self._dense(found.values[index]),
                float(found.presence[index]),
                found.rivals[index],
                self._cut,
            )
            for index, phrase in enumerate(compared.phrases)
        ]
        findings = self._with_proposals(
            findings, features, compared, bank, stage(progress, 0.6, 0.8)
        )
        return self._refined(findings, stage(progress, 0.8, 1))

    def _dense(self, values: torch.Tensor) -> np.ndarray:
        """A phrase's probabilities (h, w), along the picture's edges where PAMR is on."""
        settings = self._settings
        if settings.pamr_steps:
            picture = torch.from_numpy(self._small).permute(2, 0, 1).to(values.device)
            steps, dilations = settings.pamr_steps, settings.pamr_dilations
            values = pamr(values[None], picture, steps, dilations, self._cancel)[0]
        return values.float().cpu().numpy()

    @property
    def _small(self) -> Pixels:
        """The picture at the size of the score maps: nobody sees more of a mask than they show."""
        return self._perception.small(self._image, DETAIL_SIDE)

    def _with_proposals(
        self,
        findings: list[Findings],
        features: FeatureMap,
        compared: Similarities,
        bank: TextBank,
        progress: Progress,
    ) -> list[Findings]:
        """With the proposals that fit the phrases whose road leads past them."""
        settings = self._settings
        rows = bank.phrases(compared.phrases, settings)
        wanted = [_wants_proposals(settings, each.values[0], bank) for each in rows]
        if not any(wanted):
            return findings
        proposals, size = self._perception.proposals(
            self._image, settings, stage(progress, 0, 0.8), self._cancel
        )
        if not proposals:
            return findings
        if settings.proposals.scorer == "crops":
            told = stage(progress, 0.8, 1)
            seen = self._perception.crops(
                self._image, proposals, size, settings, told, self._cancel
            )
        else:
            seen = pooled(features, proposals, size)
        # Each mask is one place of a picture that is m places wide.
        masks = FeatureMap(seen[None], features.overall)
        of_masks = scores.compare(masks, self._phrases, bank, settings, None, cancel=self._cancel)
        shares = of_masks.probabilities(settings).values[:, 0].cpu().numpy()
        phrases = torch.stack([each.values[0] for each in rows])
        nothing = background(seen, phrases, bank, settings).cpu().numpy()
        answers = []
        for number, found in enumerate(findings):
            if wanted[number]:
                named = choose(proposals, shares[number], nothing, size, settings)
                dense = ensemble(found.dense, proposals, shares[number], size, settings)
                found = replace(found, named=named, drawn_at=size, dense=dense)
            answers.append(found)
        return answers

    def _refined(self, findings: list[Findings], progress: Progress) -> list[Findings]:
        """With SAM 2's masks of the phrases that are anywhere probable enough."""
        settings = self._settings
        if settings.refine == "none" or settings.strategy == "proposals":
            return findings
        answers = []
        with ExitStack() as models:
            for number, found in enumerate(findings):
                self._cancel.check()
                told = stage(progress, number / len(findings), (number + 1) / len(findings))
                if found.best >= found.cut:
                    sam = self._perception.sam(self._image, settings, models, told, self._cancel)
                    refined = refine(
                        sam,
                        self._small,
                        found.dense,
                        strategy=settings.refine,
                        threshold=found.cut,
                        settings=settings.refinement,
                        progress=stage(told, 0, 1, f"Outlining “{found.phrase}”"),
                        cancel=self._cancel,
                    )
                    found = replace(found, refined=refined)
                answers.append(found)
        return answers


def _wants_proposals(settings: SegmentationSettings, phrase: torch.Tensor, bank: TextBank) -> bool:
    ways: dict[str, Callable[[], bool]] = {
        "dense": lambda: False,
        "proposals": lambda: True,
        "both": lambda: True,
        "auto": lambda: kind_of(phrase, bank) == "thing",
    }
    return ways[settings.strategy]()
