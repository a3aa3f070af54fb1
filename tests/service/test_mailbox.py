from __future__ import annotations

import numpy as np

from ovedit.engine.protocols import Preview
from ovedit.geometry import Rect
from ovedit.service.mailbox import ProgressMailbox, Report

PREVIEW = Preview(np.zeros((1, 1, 4), np.uint8), Rect(0, 0, 1, 1))


def test_only_the_first_report_in_an_empty_box_is_news() -> None:
    box = ProgressMailbox()
    assert box.put(Report(1, 0.1, "", None))
    assert not box.put(Report(1, 0.2, "", None))
    taken = box.take()
    assert taken is not None and taken.fraction == 0.2
    assert box.take() is None
    assert box.put(Report(1, 0.3, "", None))


def test_a_preview_waits_for_its_reader() -> None:
    box = ProgressMailbox()
    box.put(Report(1, 0.1, "", PREVIEW))
    box.put(Report(1, 0.2, "", None))
    taken = box.take()
    assert taken is not None and taken.preview is PREVIEW and taken.fraction == 0.2


def test_a_preview_is_not_handed_to_another_job() -> None:
    box = ProgressMailbox()
    box.put(Report(1, 0.1, "", PREVIEW))
    box.put(Report(2, 0.0, "", None))
    taken = box.take()
    assert taken is not None and taken.id == 2 and taken.preview is None
