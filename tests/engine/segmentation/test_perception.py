"""What is seen in a picture is kept, and looked at again only where a setting changes it."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation import perception
from ovedit.engine.segmentation.context import DenseContext
from ovedit.engine.segmentation.perception import Perception
from ovedit.engine.segmentation.settings import SegmentationSettings, describe, from_options
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.geometry import Size

OTHERS = {
    "clip": "clip-vit-b16-metaclip", "sam": "sam2-tiny", "dino": "dino-vit-b16",
    "strategy": "dense", "mode": "independent", "method": "naclip", "layers": "7, 12",
    "proxy": "sam", "windows": "whole", "short_side": "560", "crop": "224", "stride": "64",
    "batch": "4", "templates": "7", "synonyms": "sofa, couch", "synonym_mode": "sum",
    "negatives": "sky", "auto_negatives": "3", "near": "0.8", "logit_scale": "50",
    "temperature": "2", "presence_threshold": "0.4", "presence_rank": "0.6", "threshold": "0.3",
    "denoise": "no", "denoise_least": "0.2", "pamr_steps": "10", "pamr_dilations": "4",
    "refine": "none", "neighbour_sigma": "3", "proxy_beta": "1", "proxy_gamma": "2",
    "surgery_blocks": "3", "view_weight": "0.7", "definition_weight": "0.2", "affinity_beta": "1",
    "affinity_cap": "0.8", "region_sharpness": "3", "region_points": "8", "region_iou": "0.5",
    "region_stability": "0.5", "region_merge": "0.1", "spatial_weight": "0.5",
    "semantic_weight": "1", "region_vote": "no", "vote_spacing": "30", "vote_masks": "1",
    "vote_share": "0.5", "pseudo_regions": "3", "weak_mask": "0.01", "component_iou": "0.7",
    "component_area": "100", "agreement": "0.4", "points_per_side": "16", "pred_iou": "0.8",
    "stability": "0.9", "small_grid": "0", "scorer": "crops", "crop_sizes": "32, 64, 96",
    "crop_weights": "0.5, 0.3, 0.2", "background_words": "void", "background_weight": "0.2",
    "size_penalty": "0.2, 1", "top_k": "3", "nms": "0.6", "min_area": "0.01",
    "large_share": "0.02", "large_threshold": "0.1",
    "small_threshold": "0.1", "ensemble": "0.3", "ensemble_least": "0.4",
}  # fmt: skip
"""Another value for every setting."""
OF_THE_PICTURE = {
    "clip", "sam", "dino", "method", "layers", "proxy", "windows", "short_side", "crop", "stride",
    "neighbour_sigma", "proxy_beta", "proxy_gamma", "surgery_blocks", "view_weight",
    "affinity_beta", "affinity_cap", "region_sharpness", "region_points", "region_iou",
    "region_stability", "region_merge", "spatial_weight", "semantic_weight",
}  # fmt: skip
"""Settings that change what CLIP sees, of one method at least."""
OF_THE_MASKS = {"sam", "points_per_side", "pred_iou", "stability", "small_grid", "nms"}
"""Settings that change which masks SAM 2 finds."""
OF_THE_NAMES = {"scorer", "crop_sizes", "crop_weights"}
"""Settings that change what CLIP sees in those masks."""
PLAIN = from_options("quality", {})


def other(key: str) -> SegmentationSettings:
    return from_options("quality", {key: OTHERS[key]})


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (8, 12, 4), np.uint8)


class Seeing:
    """A perception whose models only count how often they are asked."""

    def __init__(self, patch: pytest.MonkeyPatch, budget: int = perception.BUDGET) -> None:
        self.asked: list[str] = []
        plan = SimpleNamespace(placement=SimpleNamespace(device="cpu"), batch=1)
        runtime: Any = SimpleNamespace(
            use=lambda *_, **__: nullcontext(),
            plans=lambda *_, **__: [plan],
            attempt=lambda _id, plans, work, _progress: work(plans[0]),
        )
        self.perception = Perception(runtime, budget)
        encoder = SimpleNamespace(features=lambda *_: self._seen("features", _map()))
        sam = SimpleNamespace(size=Size(12, 8), resized=lambda size: sam)
        patch.setattr(perception, "DenseEncoder", lambda clip: encoder)
        patch.setattr(self.perception, "_context", lambda *_: DenseContext())
        patch.setattr(self.perception, "sam", lambda *_: sam)
        patch.setattr(perception, "automatic_masks", lambda *_, **__: self._seen("masks", ()))
        for name in ("pooled", "cropped"):
            patch.setattr(perception, name, lambda *_: self._seen("names", torch.ones(0, 4)))

    def _seen(self, what: str, answer: Any) -> Any:
        self.asked.append(what)
        return answer

    def features(self, settings: SegmentationSettings, image: np.ndarray | None = None) -> Any:
        image = picture() if image is None else image
        return self.perception.features(image, settings, silent, CancelToken())

    def proposals(self, settings: SegmentationSettings) -> Any:
        return self.perception.proposals(picture(), settings, silent, CancelToken())

    def names(self, settings: SegmentationSettings, *, masks: Any, features: Any) -> Any:
        return self.perception.seen(
            picture(), features, masks, Size(12, 8), settings, silent, CancelToken()
        )


def _map() -> FeatureMap:
    return FeatureMap(torch.zeros(10, 10, 4), torch.zeros(4))


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> Seeing:
    return Seeing(monkeypatch)


def test_every_setting_is_thought_of() -> None:
    """A new setting has to be sorted in here, and then in the keys of what is kept."""
    assert {line.key for line in describe("quality")} == {*OTHERS, "layer_weights"}
    for key in OTHERS:
        assert other(key) != PLAIN, key


def test_features_are_kept_until_a_setting_of_theirs_changes(seeing: Seeing) -> None:
    first = seeing.features(PLAIN)
    changing = set()
    for key in OTHERS:
        seeing.asked.clear()
        found = seeing.features(other(key))
        assert bool(seeing.asked) is (found is not first)
        if seeing.asked:
            changing.add(key)
    assert changing == OF_THE_PICTURE
    layers = from_options("quality", {"layers": "7, 12", "layer_weights": "1, 2"})
    seeing.asked.clear()
    seeing.features(layers)
    assert seeing.asked == ["features"]


def test_masks_are_kept_until_a_setting_of_theirs_changes(
    monkeypatch: pytest.MonkeyPatch, seeing: Seeing
) -> None:
    monkeypatch.setattr(perception, "KEPT_PROPOSALS", len(OTHERS))
    seeing.proposals(PLAIN)
    changing = set()
    for key in OTHERS:
        seeing.asked.clear()
        seeing.proposals(other(key))
        if seeing.asked:
            changing.add(key)
    assert changing == OF_THE_MASKS


def test_what_is_seen_in_masks_is_kept_until_a_setting_of_its_changes(seeing: Seeing) -> None:
    masks, features = (object(),), _map()
    seeing.names(PLAIN, masks=masks, features=features)
    changing = set()
    for key in OTHERS:
        seeing.asked.clear()
        seeing.names(other(key), masks=masks, features=features)
        if seeing.asked:
            changing.add(key)
            seeing.names(PLAIN, masks=masks, features=features)
    assert changing == OF_THE_NAMES
    seeing.asked.clear()
    seeing.names(PLAIN, masks=masks, features=_map())
    seeing.names(PLAIN, masks=(object(),), features=features)
    assert seeing.asked == ["names"] * 2


def test_another_picture_is_looked_at(seeing: Seeing) -> None:
    seeing.features(PLAIN, picture())
    seeing.features(PLAIN, picture().copy())
    seeing.features(PLAIN, picture(1))
    assert seeing.asked == ["features"] * 2


def test_what_is_kept_is_bounded_and_the_longest_unused_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeing = Seeing(monkeypatch, budget=2 * _map().size_bytes)
    first, second, third = (picture(seed) for seed in range(3))
    for image in (first, second, first, third):
        seeing.features(PLAIN, image)
    assert seeing.asked == ["features"] * 3
    seeing.features(PLAIN, first)
    assert seeing.asked == ["features"] * 3
    seeing.features(PLAIN, second)
    assert seeing.asked == ["features"] * 4
    tight = Seeing(monkeypatch, budget=1)
    assert tight.features(PLAIN, first) is tight.features(PLAIN, first), "one is always kept"


def test_masks_of_few_pictures_are_kept(monkeypatch: pytest.MonkeyPatch, seeing: Seeing) -> None:
    monkeypatch.setattr(perception, "KEPT_PROPOSALS", 2)
    for points in ("4", "5", "6", "6", "5", "4"):
        seeing.proposals(from_options("quality", {"points_per_side": points}))
    assert seeing.asked == ["masks"] * 4


def test_nothing_is_kept_of_what_was_cancelled(
    monkeypatch: pytest.MonkeyPatch, seeing: Seeing
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(perception, "DenseEncoder", fail)
        patch.setattr(perception, "automatic_masks", fail)
        for look in (seeing.features, seeing.proposals):
            with pytest.raises(RuntimeError, match="stopped"):
                look(PLAIN)
    seeing.features(PLAIN)
    seeing.proposals(PLAIN)
    assert seeing.asked == ["features", "masks"]
