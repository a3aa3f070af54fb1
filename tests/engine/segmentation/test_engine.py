"""The whole engine on local folders of random weights, in their publishers' layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from ovedit.engine.library import Model
from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import Point, PointRequest, SegmentRequest, SegmentResult
from ovedit.engine.segmentation import perception
from ovedit.engine.segmentation.engine import ClipSamEngine
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.errors import Cancelled, ModelError, UsageError
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe

HINTS: dict[str, Any] = get_type_hints(SegmentationSettings)
METHODS: tuple[str, ...] = get_args(HINTS["method"])
REFINEMENTS: tuple[str, ...] = get_args(HINTS["refine"])
SMALL = {
    "sam": "sam2-tiny",
    "short_side": "32",
    "crop": "32",
    "stride": "16",
    "templates": "1",
    "auto_negatives": "2",
    "region_points": "2",
    "strategy": "dense",
    "threshold": "0.01",
    "presence_threshold": "0",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Model, Path]]:
    """The models that the settings name, tiny, by the names that the catalogue gives them."""
    shelf = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    makers: dict[str, tuple[str, Callable[[Path], None]]] = {
        "clip-vit-b16-openai": ("open_clip", tiny.clip),
        "dino-vit-b8": ("transformers.ViTModel", tiny.dino),
        "sam2-tiny": ("sam2", tiny.sam2),
    }
    made = {}
    for id, (loader, save) in makers.items():
        save(shelf / id)
        made[id] = describe(id, loader, shelf / id), shelf / id
    return made


@pytest.fixture(scope="module")
def engine(folders: dict[str, tuple[Model, Path]]) -> Iterator[ClipSamEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "bfloat16_gain", lambda: 1.0)
        yield ClipSamEngine(ModelRuntime(Shelf(folders), device="cpu"))


def picture(width: int = 60, height: int = 40) -> np.ndarray:
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = np.random.default_rng(1).integers(0, 255, (height, width, 3))
    pixels[height // 4 : height // 2, width // 4 : width // 2, :3] = (200, 30, 20)
    return pixels


def ask(engine: ClipSamEngine, *phrases: str, image: Any = None, **options: str) -> SegmentResult:
    request = SegmentRequest(
        picture() if image is None else image, phrases, options={**SMALL, **options}
    )
    return engine.segment(request, silent, CancelToken())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers(engine: ClipSamEngine, method: str) -> None:
    (answer,) = ask(engine, "wooden bench", method=method, refine="none").answers
    (candidate,) = answer.candidates
    values = candidate.scores.values
    assert values.shape == (40, 60) and np.isfinite(values).all()
    assert 0 <= values.min() <= values.max() <= 1
    assert answer.phrase == "wooden bench" and method in candidate.reason
    assert candidate.scores.rect.size == (60, 40) or candidate.scores.rect.width == 60


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_every_refinement_answers(engine: ClipSamEngine, refine: str) -> None:
    (answer,) = ask(engine, "bench", method="sclip", refine=refine).answers
    first, *others = answer.candidates
    assert first.scores.values.shape == (40, 60)
    assert 0 <= first.scores.values.min() <= first.scores.values.max() <= 1
    assert ("SAM 2" in first.reason) is (refine != "none")
    assert bool(others) is (refine != "none"), "the bare map stays to choose from"


@pytest.mark.parametrize("scorer", ["pooled", "crops"])
@pytest.mark.parametrize("strategy", ["proposals", "both", "auto"])
def test_proposals_are_named(engine: ClipSamEngine, strategy: str, scorer: str) -> None:
    options = {
        "strategy": strategy,
        "scorer": scorer,
        "points_per_side": "3",
        "small_grid": "0",
        "pred_iou": "0",
        "stability": "0",
        "min_area": "0",
        "crop_sizes": "32",
        "crop_weights": "1",
        "large_threshold": "0",
        "small_threshold": "0",
        "background_weight": "0",
        "refine": "none",
    }
    (answer,) = ask(engine, "dog", **options).answers
    reasons = [candidate.reason for candidate in answer.candidates]
    if strategy != "auto":
        assert any("named by CLIP" in reason for reason in reasons), reasons
    assert any("Where CLIP" in reason for reason in reasons), "the bare map is offered too"


def test_a_second_phrase_runs_no_image_encoder(
    folders: dict[str, tuple[Model, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = perception.DenseEncoder.features

    def counted(self: Any, *arguments: Any, **more: Any) -> Any:
        looked.append("features")
        return real(self, *arguments, **more)

    monkeypatch.setattr(perception.DenseEncoder, "features", counted)
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    engine = ClipSamEngine(ModelRuntime(Shelf(folders), device="cpu"))
    image = picture()
    ask(engine, "bench", image=image, method="sclip", refine="none")
    ask(engine, "tree, grass", image=image.copy(), method="sclip", refine="none")
    ask(engine, "sky", image=image, method="sclip", refine="none", threshold="0.3")
    assert looked == ["features"]
    ask(engine, "sky", image=image, method="maskclip", refine="none")
    other = image.copy()
    other[0, 0, 0] ^= 1
    ask(engine, "sky", image=other, method="sclip", refine="none")
    assert looked == ["features"] * 3


def test_several_phrases_compete_for_each_place(engine: ClipSamEngine) -> None:
    result = ask(engine, "bench", "tree", refine="none", denoise="false", negatives="none")
    maps = [answer.candidates[0].scores.values for answer in result.answers]
    assert [answer.phrase for answer in result.answers] == ["bench", "tree"]
    assert (np.sum(maps, axis=0) <= 1.01).all()


def test_what_is_not_there_is_a_guess_and_said(engine: ClipSamEngine) -> None:
    (answer,) = ask(engine, "unicorn", refine="none", presence_threshold="1").answers
    assert not answer.found and answer.candidates
    assert answer.message == "“unicorn” does not seem to be in this picture."


@pytest.mark.parametrize("scorer", ["pooled", "crops"])
def test_a_second_phrase_looks_into_no_proposal_again(
    engine: ClipSamEngine, monkeypatch: pytest.MonkeyPatch, scorer: str
) -> None:
    looked: list[str] = []
    name = "cropped" if scorer == "crops" else "pooled"
    real = getattr(perception, name)
    monkeypatch.setattr(perception, name, lambda *a: looked.append(name) or real(*a))
    options = {"strategy": "proposals", "points_per_side": "2", "small_grid": "0", "pred_iou": "0"}
    options |= {"stability": "0", "scorer": scorer, "crop_sizes": "32", "crop_weights": "1"}
    image = picture(56, 42)
    for phrase in ("bench", "sky"):
        ask(engine, phrase, image=image.copy(), refine="none", **options)
    assert looked == [name]


def test_clicks_go_to_sam_with_the_mask_so_far(engine: ClipSamEngine) -> None:
    image = picture()
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 15:30] = 255
    request = PointRequest(image, (Point(20, 15), Point(50, 35, False)), mask=mask, options=SMALL)
    result = engine.segment_points(request, silent, CancelToken())
    scores = result.candidate.scores
    assert scores.rect.width == 60 and scores.rect.height == 40
    assert 0 <= scores.values.min() <= scores.values.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_thin_pictures_answer_too(engine: ClipSamEngine, shape: tuple[int, int]) -> None:
    image = picture(*shape)
    (answer,) = ask(engine, "bench", image=image, refine="sam2-trident").answers
    assert answer.candidates[-1].scores.values.ndim == 2


@pytest.mark.parametrize("phrase", ["", "   ", "\u200b"])
def test_an_empty_phrase_is_refused(engine: ClipSamEngine, phrase: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        ask(engine, phrase)


def test_long_and_foreign_phrases_are_answered(engine: ClipSamEngine) -> None:
    result = ask(engine, "🌲 дерево", "word " * 200, refine="none")
    assert len(result.answers) == 2
    said = " ".join(answer.message for answer in result.answers)
    assert "is longer than the model can read" in said, said


@pytest.mark.parametrize("refine", ["none", "sam2-trident"])
@pytest.mark.parametrize("mode", ["semantic", "independent"])
def test_compositional_phrases_are_answered(engine: ClipSamEngine, mode: str, refine: str) -> None:
    phrases = (
        "second wooden bench from the left, not the red one",
        "all dogs except the small one",
        "grass on the left, no people",
        "everything except the car",
        "thing on table",
        "left",
    )
    for answer in ask(engine, *phrases, mode=mode, refine=refine).answers:
        assert answer.candidates and len(answer.candidates) <= 3
        for candidate in answer.candidates:
            values = candidate.scores.values
            assert np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1
        assert answer.found or answer.message


def test_a_wrong_setting_is_told(engine: ClipSamEngine) -> None:
    with pytest.raises(UsageError, match=r'"metod".*method'):
        ask(engine, "bench", metod="sclip")
    with pytest.raises(UsageError, match="sclippy"):
        ask(engine, "bench", method="sclippy")


def test_a_model_that_is_not_here_is_named(engine: ClipSamEngine) -> None:
    with pytest.raises(ModelError, match="sam2-huge"):
        ask(engine, "bench", sam="sam2-huge", refine="sam2-vote", threshold="0")


def test_a_cancelled_job_stops(engine: ClipSamEngine) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        engine.segment(SegmentRequest(picture(), ("bench",), options=SMALL), silent, cancel)
