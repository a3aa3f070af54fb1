"""CorrCLIP's regions take one label each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import SegmentRequest
from ovedit.engine.segmentation import dense, perception, scores
from ovedit.engine.segmentation.engine import ClipSamEngine
from ovedit.engine.segmentation.scores import voted
from ovedit.engine.segmentation.settings import SegmentationSettings
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe
from tests.engine.segmentation.test_scores import made, softmax

SETTINGS = SegmentationSettings(denoise=False)


def by_hand(classes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """The vote pixel by pixel: (k, h, w) of what each region comes to."""
    result = classes.copy()
    for name in set(regions.ravel().tolist()) - {0}:
        pixels = [tuple(place) for place in np.argwhere(regions == name)]
        labels = [int(np.argmax(classes[:, y, x])) for y, x in pixels]
        winner = min(set(labels), key=lambda label: (-labels.count(label), label))
        own = [classes[:, y, x] for (y, x), label in zip(pixels, labels, strict=True)
               if label == winner]  # fmt: skip
        for y, x in pixels:
            result[:, y, x] = sum(own) / len(own)
    return result


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_the_vote_is_the_formula(seed: int, count: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    classes = softmax(3 * random.normal(size=(count, height, width)))
    # Numbers with gaps, as where a region lies under others.
    regions = random.choice([0, 1, 2, 5], (height, width))
    found = voted(torch.from_numpy(classes), torch.from_numpy(regions)).numpy()
    np.testing.assert_allclose(found, by_hand(classes, regions), atol=1e-12)
    np.testing.assert_allclose(found.sum(0), 1)


@given(st.integers(0, 10_000))
def test_the_likeliest_class_of_a_region_is_its_most_frequent_label(seed: int) -> None:
    random = np.random.default_rng(seed)
    classes = torch.from_numpy(softmax(2 * random.normal(size=(4, 6, 8))))
    regions = torch.from_numpy(random.integers(0, 4, (6, 8)))
    before, after = classes.argmax(0), voted(classes, regions).argmax(0)
    for name in (1, 2, 3):
        votes = before[regions == name].bincount(minlength=4)
        label = after[regions == name]
        assert (label == label[0]).all() and votes[label[0]] == votes.max()
    assert torch.equal(before[regions == 0], after[regions == 0])


def test_a_region_is_taken_whole_or_left_whole_whatever_the_threshold() -> None:
    cosines = np.random.default_rng(2).normal(0, 0.05, (3, 6, 8))
    regions = torch.zeros(6, 8, dtype=torch.int32)
    regions[1:4, 1:5], regions[4:, 3:] = 1, 2
    found = made(cosines, ("bench",), ("sky", "wall"), regions=regions)
    values = found.probabilities(SETTINGS).values[0]
    for threshold in np.linspace(0, 1, 21):
        for name in (1, 2):
            assert len((values[regions == name] >= threshold).unique()) == 1
    expected = by_hand(softmax(40 * cosines), regions.numpy())[0]
    np.testing.assert_allclose(values, expected, atol=1e-5)
    # Switched off, and on again, without any encoder.
    off = replace(SETTINGS, variant=replace(SETTINGS.variant, region_vote=False))
    np.testing.assert_allclose(
        found.probabilities(off).values[0], softmax(40 * cosines)[0], atol=1e-5
    )


def test_negatives_vote_too_and_phrases_alone_in_independent_mode() -> None:
    cosines = np.zeros((3, 1, 4))
    cosines[0, 0, :1], cosines[1, 0, 1:2], cosines[2, 0, 2:] = 1, 1, 1
    regions = torch.ones(1, 4, dtype=torch.int32)
    found = made(cosines, ("bench", "tree"), ("sky",), regions=regions)
    assert found.probabilities(SETTINGS).values.max() < 1e-9
    without = found.probabilities(SETTINGS, without={"sky"}).values
    assert without[0].min() > 0.5, "of two with as many votes it is the first"
    alone = found.probabilities(replace(SETTINGS, mode="independent"), without={"sky"}).values
    assert alone.min() > 0.5


def test_maps_are_as_fine_as_the_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    cosines = np.random.default_rng(0).normal(0, 0.1, (2, 3, 4))
    regions = torch.arange(30 * 40, dtype=torch.int32).view(30, 40) // 400
    found = made(cosines, ("bench",), ("sky",), regions=regions)
    values = found.probabilities(SETTINGS).values
    assert values.shape == (1, 30, 40)
    assert [len(values[0, rows].unique()) > 1 for rows in (slice(0, 10), slice(10, 20))] == [
        True,
        False,
    ]
    # Very many words leave less room for each map.
    monkeypatch.setattr(scores, "_ROOM", 3 * 20 * 20)
    assert found.probabilities(SETTINGS).values.shape == (1, 15, 20)


Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)
    torch.manual_seed(0)
    models = {}
    for id, loader, save in (
        ("clip-vit-b16-openai", "open_clip", tiny.clip),
        ("dino-vit-b8", "transformers.ViTModel", tiny.dino),
        ("sam2-tiny", "sam2", tiny.sam2),
    ):
        save(tmp_path / id)
        models[id] = describe(id, loader, tmp_path / id), tmp_path / id
    engine = ClipSamEngine(ModelRuntime(Shelf(models), device="cpu"))
    image = np.random.default_rng(1).integers(0, 255, (40, 60, 4), np.uint8)
    options = {
        "method": "corrclip", "sam": "sam2-tiny", "short_side": "32", "crop": "32", "stride": "16",
        "templates": "1", "auto_negatives": "0", "denoise": "no", "region_points": "3",
        "region_iou": "0", "region_stability": "0", "strategy": "dense", "refine": "none",
    }  # fmt: skip

    def run(phrase: str, **more: str) -> np.ndarray:
        request = SegmentRequest(image, (phrase,), options={**options, **more})
        (answer,) = engine.segment(request, silent, CancelToken()).answers
        return answer.candidates[-1].scores.values

    return run


def test_a_second_phrase_asks_neither_sam_nor_clip(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for module, name in ((perception, "automatic_masks"), (dense.DenseEncoder, "features")):
        real = getattr(module, name)

        def counted(*arguments: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
            asked.append(_name)
            return _real(*arguments, **more)

        monkeypatch.setattr(module, name, counted)
    voted_on = ask("bench")
    own = ask("bench", region_vote="no")
    ask("tree")
    assert asked == ["automatic_masks", "features"]
    assert len(np.unique(voted_on)) < len(np.unique(own)), "regions are of one value each"
