from __future__ import annotations

import numpy as np
import pytest

from ovedit.document import Document
from ovedit.engine.requests import Point, PointRequest, PointResult
from ovedit.errors import UsageError
from ovedit.geometry import Rect
from ovedit.workflows import points, segment
from ovedit.workflows.ask import ask


def test_the_request_holds_points_box_and_mask(document: Document, make) -> None:
    segment.apply_segmentation(document, make.segmented(make.answer("b", make.candidate("b"))))
    mask_id = document.masks[0].id
    clicks = [Point(10, 20), Point(-5, 20), Point(30, 40, positive=False)]
    request = points.point_request(
        document.state, clicks, box=Rect(500, 300, 400, 400), mask_id=mask_id
    )
    assert request.points == (Point(10, 20), Point(30, 40, positive=False))
    assert request.box == Rect(500, 300, 100, 100)
    assert request.mask is not None
    assert np.array_equal(request.mask, document.state.coverage(mask_id))


def test_a_box_alone_is_enough(document: Document) -> None:
    request = points.point_request(document.state, box=Rect(10, 10, 50, 50))
    assert request.points == () and request.box == Rect(10, 10, 50, 50)


@pytest.mark.parametrize(
    ("clicks", "box"),
    [
        ([], None),
        ([Point(-1, 5)], None),
        ([Point(5, 5, positive=False)], None),
        ([], Rect(700, 0, 10, 10)),
    ],
)
def test_nothing_to_go_by_is_refused(document: Document, clicks, box) -> None:
    with pytest.raises(UsageError, match="no click or box"):
        points.point_request(document.state, clicks, box=box)


def test_a_click_gives_a_new_mask_with_a_threshold(document: Document, engine, make, undoes):
    engine.at_points = make.candidate("object", 300, 200, 60)
    result = ask(engine, "fake", points.point_request(document.state, [Point(300, 200)]))
    undoes(lambda: points.apply_points(document, result))
    (mask,) = document.masks
    assert (mask.label, mask.threshold, len(mask.candidates)) == ("selection 1", 0.5, 1)
    assert document.state.coverage(mask.id)[200, 300] == 255


def test_a_further_click_replaces_the_score_map(document: Document, make, undoes) -> None:
    first = PointResult(make.candidate("object", 300, 200, 60), "fake", 0.1)
    second = PointResult(make.candidate("object", 320, 200, 90, score=0.7), "fake", 0.1)
    mask_id = points.apply_points(document, first, label="cup")
    undoes(lambda: points.apply_points(document, second, mask_id=mask_id))
    (mask,) = document.masks
    assert (mask.id, mask.label, mask.score) == (mask_id, "cup", 0.7)
    assert document.state.coverage(mask_id)[200, 400] == 255


def test_a_click_on_a_phrase_mask_is_a_correction(document: Document, make, undoes) -> None:
    segment.apply_segmentation(document, make.segmented(make.answer("b", make.candidate("b"))))
    mask = document.masks[0]
    result = PointResult(make.candidate("object", 500, 300, 60), "fake", 0.1)
    undoes(lambda: points.apply_points(document, result, mask_id=mask.id))
    assert document.masks[0] == mask
    assert document.state.coverage(mask.id)[300, 500] == 255


def test_another_kind_of_answer_is_an_error(document: Document, engine, make) -> None:
    from ovedit.errors import EngineError

    class Confused:
        def engines(self):
            return []

        def answer(self, engine, request, progress, cancel):
            return make.segmented()

        def forecast(self, engine, request):
            return None

    request = points.point_request(document.state, [Point(3, 3)])
    assert isinstance(request, PointRequest)
    with pytest.raises(EngineError, match="answered a PointRequest with SegmentResult"):
        ask(Confused(), "confused", request)
