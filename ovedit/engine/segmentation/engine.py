"""The CLIP and SAM 2 engine: phrases by CLIP's dense features, edges and clicks by SAM 2."""

from __future__ import annotations

import time
from contextlib import ExitStack

from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import (
    MaskCandidate,
    PointRequest,
    PointResult,
    SegmentRequest,
    SegmentResult,
)
from ovedit.engine.segmentation.info import INFO
from ovedit.engine.segmentation.look import Look
from ovedit.engine.segmentation.perception import Perception
from ovedit.engine.segmentation.sam import THRESHOLD, click
from ovedit.engine.segmentation.settings import from_options


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
        answers = Look(self._perception, request, settings, cancel).answers(progress)
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
