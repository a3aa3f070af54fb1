"""What each painting of an area is given, and what it is pasted with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ovedit.engine.inpainting import painting
from ovedit.engine.inpainting.engine import DiffusionEngine
from ovedit.engine.inpainting.paste import AS_IT_IS, PasteSettings
from ovedit.engine.inpainting.pipelines import DiffusionPainter
from ovedit.engine.inpainting.prefill import FillPainter
from ovedit.engine.inpainting.values import PaintJob
from ovedit.engine.requests import EditKind
from ovedit.geometry import Rect
from tests.engine.inpainting.conftest import edit, photo, request

EngineOf = Callable[..., DiffusionEngine]
RED = (250, 10, 10)


class Seen:
    """All that is asked of a painter that makes everything red, and all that is pasted."""

    def __init__(self) -> None:
        self.jobs: list[PaintJob] = []
        self.repainted: list[Any] = []
        self.settings: list[PasteSettings] = []


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    noted, plain = Seen(), painting.paste

    def red(self: Any, job: PaintJob, watch: Any, cancel: Any) -> Any:
        noted.jobs.append(job)
        return np.full_like(job.picture, RED)

    def paste(original: Any, painted: Any, alpha: Any, repainted: Any, settings: Any, seed: int):
        noted.repainted.append(repainted)
        noted.settings.append(settings)
        return plain(original, painted, alpha, repainted, settings, seed)

    monkeypatch.setattr(DiffusionPainter, "paint", red)
    monkeypatch.setattr(painting, "paste", paste)
    return noted


def large_hole() -> dict[str, Any]:
    mask = np.zeros((240, 320), np.uint8)
    mask[140:220, 200:300] = 255
    return {"image": photo(240, 320), "mask": mask}


def test_refining_begins_with_the_first_painting_and_stays_near_it(
    engine_of: EngineOf, seen: Seen
) -> None:
    options = {"refine": "yes", "refine_strength": "0.4"}
    edit(engine_of("sd15"), request(**large_hole(), options=options))
    first, second = seen.jobs
    assert (first.strength, second.strength) == (1.0, 0.4)
    assert second.picture.size > first.picture.size
    # Well inside and well outside of the mask: its border is mixed by scaling.
    for job, new in ((first, False), (second, True)):
        inside = job.picture[job.mask > 0].astype(int)
        assert (np.abs(np.median(inside, axis=0) - RED).max() < 20) == new
        outside = job.picture[job.mask == 0].astype(int)
        assert np.abs(np.median(outside, axis=0) - RED).max() > 20
    (repainted,) = seen.repainted
    crop = repainted.shape
    for job in seen.jobs:
        # Every pixel that any of the runs painted counts as painted.
        rows, columns = np.nonzero(job.mask)
        height, width = job.mask.shape
        at = (rows * crop[0] // height, columns * crop[1] // width)
        assert (repainted[at] == 255).all()


@pytest.mark.parametrize(
    ("option", "field"),
    [
        ("colour_match", "colour"),
        ("poisson", "seam"),
        ("sharpness_match", "detail"),
        ("grain", "grain"),
    ],
)
def test_each_way_of_matching_can_be_switched_off(
    engine_of: EngineOf, seen: Seen, option: str, field: str
) -> None:
    edit(engine_of("sd15"), request(options={option: "no"}))
    (settings,) = seen.settings
    on = {"colour", "seam", "detail", "grain"} - {field}
    assert settings == PasteSettings(**{name: name in on for name in vars(AS_IT_IS)})


def test_what_was_painted_lies_where_it_was_seen(
    engine_of: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiffusionPainter, "paint", lambda self, job, watch, cancel: job.picture)
    image, mask = photo(64, 64), np.zeros((64, 64), np.uint8)
    mask[20:41, 12:30] = 255
    off = {key: "no" for key in ("colour_match", "poisson", "sharpness_match", "grain")}
    result = edit(engine_of("sd15"), request(image=image, mask=mask, options=off))
    assert result.rect == Rect(12, 20, 18, 21)
    assert np.array_equal(result.pixels, image[result.rect.slices])


def test_every_region_has_a_seed_of_its_own(engine_of: EngineOf, seen: Seen) -> None:
    mask = np.zeros((300, 900), np.uint8)
    mask[20:60, 20:60] = mask[200:240, 800:850] = 255
    edit(engine_of("sd15"), request(image=photo(300, 900), mask=mask, seed=2**31 - 1))
    assert [job.seed for job in seen.jobs] == [2**31 - 1, 0]


def test_a_removal_begins_with_what_was_filled_in_and_not_with_the_thing(
    engine_of: EngineOf, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[PaintJob] = []

    def blue(self: Any, job: PaintJob, watch: Any, cancel: Any) -> Any:
        filled.append(job)
        columns = np.arange(job.picture.shape[1], dtype=np.uint8)[None, :, None]
        return np.broadcast_to(columns, job.picture.shape).copy()

    monkeypatch.setattr(FillPainter, "paint", blue)
    values = large_hole()
    options = {"refine": "no", "removal_strength": "0.6", "side": "512"}
    edit(engine_of("sd15"), request(EditKind.REMOVE, **values, options=options))
    (before,), (job,) = filled, seen.jobs
    assert job.strength == 0.6
    # What was filled in lies where it was made: the ramp of columns goes on through the hole.
    hole = np.argwhere(job.mask > 0)
    inner = job.picture[hole[:, 0].min() + 24 : hole[:, 0].max() - 24]
    row = inner[len(inner) // 2, hole[:, 1].min() + 24 : hole[:, 1].max() - 24, 0].astype(float)
    scale = job.picture.shape[1] / before.picture.shape[1]
    wanted = (np.arange(hole[:, 1].min() + 24, hole[:, 1].max() - 24) + 0.5) / scale - 0.5
    assert np.abs(row - wanted).max() < 1
