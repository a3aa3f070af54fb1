"""The basic engine: one object behind the protocols, which loads its parts when first asked."""

from __future__ import annotations

from typing import ClassVar

from ovedit.engine.basic import ENGINE
from ovedit.engine.protocols import CancelToken, EngineInfo, Progress
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    PointRequest,
    PointResult,
    SegmentRequest,
    SegmentResult,
)


class BasicEngine:
    """`Segmenter`, `PointSegmenter` and `Inpainter` without any weights.

    Building it costs nothing: numba and the vocabulary are loaded by the first
    question that needs them.
    """

    INFO: ClassVar[EngineInfo] = EngineInfo(
        name=ENGINE,
        title="Basic (built in)",
        selects=True,
        clicks=True,
        edits=frozenset(EditKind),
        keeps_shape=True,
        settings=("strength",),
        good_at=(
            "Knows colours, materials, sky, grass, water, trees, places and sizes; removes and "
            "recolours."
        ),
        bad_at=("Does not know things by their name, such as “dog”, and cannot draw anything new."),
    )

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        """Answer every phrase by its colour, material, place and size words."""
        from ovedit.engine.basic import select

        return select.segment(request, progress, cancel)

    def segment_points(
        self, request: PointRequest, progress: Progress, cancel: CancelToken
    ) -> PointResult:
        """The region at the points or in the box."""
        from ovedit.engine.basic import points

        return points.segment_points(request, progress, cancel)

    def edit(self, request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
        """Remove, replace or restyle. Raises `CannotDoError` where that needs a model."""
        match request.kind:
            case EditKind.REMOVE:
                from ovedit.engine.basic import remove

                return remove.remove(request, progress, cancel)
            case EditKind.REPLACE:
                from ovedit.engine.basic import replace

                return replace.replace(request, progress, cancel)
            case EditKind.RESTYLE:
                from ovedit.engine.basic import restyle

                return restyle.restyle(request, progress, cancel)
