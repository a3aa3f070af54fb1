"""The encoder: every method end to end, windows one by one or together, cancelling, bad input."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation import attention
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.context import DenseContext
from ovedit.engine.segmentation.dense import DenseEncoder, plan_windows, resized
from ovedit.engine.segmentation.settings import MethodSettings, SegmentationSettings
from ovedit.engine.segmentation.trident import SamAttention
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.errors import Cancelled, EngineError, UsageError

METHODS = (
    "vanilla",
    "maskclip",
    "sclip",
    "clearclip",
    "naclip",
    "itaclip",
    "proxyclip",
    "surgery",
    "trident",
    "corrclip",
)
SMALL = SegmentationSettings(short_side=48, crop=32, stride=16, batch=3)


def picture(height: int = 60, width: int = 90, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def colours(windows: torch.Tensor) -> torch.Tensor:
    """A proxy: the mean colour of every 4 px, beside a constant."""
    small = torch.nn.functional.avg_pool2d(windows, 4).permute(0, 2, 3, 1)
    return torch.cat((small - 0.5, torch.full_like(small[..., :1], 0.1)), -1)


@pytest.fixture(scope="module")
def context() -> DenseContext:
    regions = np.zeros((60, 90), np.int32)
    regions[:30, :50], regions[20:, 40:], regions[50:, :20] = 1, 2, 3
    weights = torch.rand(36, 36, generator=torch.Generator().manual_seed(4))
    return DenseContext(colours, regions, SamAttention((6, 6), weights / weights.sum(-1, True)))


def encode(
    clip: ClipModel,
    settings: SegmentationSettings,
    context: DenseContext | None = None,
    batch: int = 0,
) -> FeatureMap:
    return DenseEncoder(clip).features(
        picture(), settings, silent, CancelToken(), context, batch=batch
    )


@pytest.mark.parametrize("windows", ["sliding", "whole"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_maps_the_whole_picture(
    clip: ClipModel, context: DenseContext, method: Any, windows: Any
) -> None:
    settings = replace(SMALL, method=method, windows=windows)
    found = encode(clip, settings, context)
    fine = {"proxyclip": (12, 18), "corrclip": (12, 18), "trident": (6, 6)}
    assert found.values.shape == (*fine.get(method, (6, 9)), 24)
    assert found.values.dtype is torch.float32 and bool(found.values.isfinite().all())
    assert found.overall.shape == (24,)
    assert found.overall.norm() == pytest.approx(1, abs=1e-5)
    assert found.values.norm(dim=-1).max() <= 1 + 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_batches_give_what_windows_one_by_one_give(
    clip: ClipModel, context: DenseContext, method: Any
) -> None:
    settings = replace(SMALL, method=method)
    alone = encode(clip, settings, context, batch=1)
    together = encode(clip, settings, context, batch=64)
    assert torch.allclose(alone.values, together.values, atol=1e-5)


def test_one_window_is_the_variant_of_the_last_block(clip: ClipModel) -> None:
    settings = replace(SMALL, method="sclip", windows="whole")
    backbone = Backbone(clip)
    plan = plan_windows(90, 60, 8, settings)
    rgb = torch.from_numpy(resized(picture(), plan, backbone.mean)).permute(2, 0, 1)[None]
    tokens = backbone.tokens(backbone.normalised(rgb), {4})[4]
    told = backbone.features(attention.sclip(tokens))[0]
    assert torch.allclose(encode(clip, settings).values, told, atol=1e-5)


def test_blending_features_is_blending_similarities(clip: ClipModel) -> None:
    """What the reference does crop by crop, in logits, is what one map of features gives."""
    settings = replace(SMALL, method="clearclip")
    text = torch.randn(24, 3, generator=torch.Generator().manual_seed(5))
    backbone = Backbone(clip)
    plan = plan_windows(90, 60, 8, settings)
    rgb = torch.from_numpy(resized(picture(), plan, backbone.mean)).permute(2, 0, 1)
    total, weights = torch.zeros(6, 9, 3), torch.zeros(6, 9, 1)
    fade = torch.tensor([0.125, 0.375, 0.375, 0.125])
    for window in plan.windows:
        cut = rgb[:, *window.slices][None]
        tokens = backbone.tokens(backbone.normalised(cut), {4})[4]
        logits = backbone.features(attention.clearclip(tokens))[0] @ text
        y, x = window.y // 8, window.x // 8
        weight = (fade[:, None] * fade)[..., None]
        total[y : y + 4, x : x + 4] += weight * logits
        weights[y : y + 4, x : x + 4] += weight
    assert torch.allclose(encode(clip, settings).values @ text, total / weights, atol=1e-5)


def test_layers_are_brought_together_with_their_weights(clip: ClipModel) -> None:
    whole = replace(SMALL, method="sclip", windows="whole")
    single = [encode(clip, replace(whole, layers=(number,))).values for number in (2, 4)]
    both = encode(clip, replace(whole, layers=(2, 4), layer_weights=(1.0, 3.0))).values
    told = torch.nn.functional.normalize(0.25 * single[0] + 0.75 * single[1], dim=-1)
    assert torch.allclose(both, told, atol=1e-5)
    even = encode(clip, replace(whole, layers=(2, 4))).values
    told = torch.nn.functional.normalize(single[0] + single[1], dim=-1)
    assert torch.allclose(even, told, atol=1e-5)
    assert torch.equal(single[1], encode(clip, whole).values)


def test_layers_beyond_the_models_are_refused(clip: ClipModel) -> None:
    with pytest.raises(UsageError, match=r"block 6, but .* has 4 blocks.* from 1 to 4"):
        encode(clip, replace(SMALL, layers=(2, 6)))


def test_itaclips_own_layers_and_weights(deep_clip: ClipModel) -> None:
    own = replace(SMALL, method="itaclip", windows="whole")
    named = replace(own, layers=(7, 8, 10, 12))
    weighed = replace(named, layer_weights=(1.0, 1.0, 1.0, 3.0))
    told = encode(deep_clip, own).values
    assert torch.allclose(encode(deep_clip, named).values, told, atol=1e-6)
    assert torch.allclose(encode(deep_clip, weighed).values, told, atol=1e-6)
    other = replace(own, layers=(3, 12))
    assert not torch.allclose(encode(deep_clip, other).values, told, atol=1e-3)
    with pytest.raises(UsageError, match="ITACLIP always uses block 12"):
        encode(deep_clip, replace(own, layers=(7, 8), layer_weights=(1.0, 1.0)))


def test_settings_that_a_method_does_not_have_are_refused(
    clip: ClipModel, context: DenseContext
) -> None:
    layers: Any = {"layers": (2, 4), "layer_weights": (1.0, 2.0)}
    for method in ("trident", "surgery", "corrclip"):
        settings = replace(SMALL, method=method, **layers)
        with pytest.raises(UsageError, match="setting layer"):
            encode(clip, settings, context)
    with pytest.raises(UsageError, match="adds up to 0"):
        encode(clip, replace(SMALL, layers=(2, 4), layer_weights=(0.0, 0.0)))


def test_constants_come_from_the_settings(clip: ClipModel, context: DenseContext) -> None:
    changes: Any = {
        "naclip": {"neighbour_sigma": 0.4},
        "itaclip": {"view_weight": 0.1},
        "proxyclip": {"proxy_gamma": 30.0},
        "trident": {"proxy_beta": 0.2},
        "surgery": {"surgery_blocks": 1},
        "corrclip": {"spatial_weight": 0.0, "semantic_weight": 3.0, "region_sharpness": 40.0},
    }
    for method, constants in changes.items():
        settings = replace(SMALL, method=method)
        other = replace(settings, variant=MethodSettings(**constants))
        one, two = (encode(clip, each, context).values for each in (settings, other))
        assert (one - two).abs().max() > 1e-3, method


@pytest.mark.parametrize(
    ("method", "missing", "model", "own"),
    [
        ("proxyclip", "proxy", "dino-vit-b8", {}),
        ("proxyclip", "proxy", "dino-vit-b16", {"dino": "dino-vit-b16"}),
        ("proxyclip", "proxy", "sam2-tiny", {"proxy": "sam", "sam": "sam2-tiny"}),
        ("proxyclip", "proxy", "sd15-inpainting", {"proxy": "diffusion"}),
        ("trident", "proxy", "dino-vit-b8", {}),
        ("trident", "sam_attention", "sam2-base-plus", {}),
        ("corrclip", "regions", "sam2-large", {"sam": "sam2-large"}),
    ],
)
def test_a_method_says_which_model_it_lacks(
    clip: ClipModel,
    context: DenseContext,
    method: Any,
    missing: str,
    model: str,
    own: dict[str, Any],
) -> None:
    with pytest.raises(EngineError, match=rf"(?i){method} needs .*ovedit models get {model}"):
        encode(clip, replace(SMALL, method=method, **own), replace(context, **{missing: None}))


def test_cancel_takes_effect_within_a_batch(clip: ClipModel) -> None:
    cancel = CancelToken()
    steps: list[float] = []

    def listen(fraction: float, step: str = "", preview: object = None) -> None:
        steps.append(fraction)
        if len(steps) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        DenseEncoder(clip).features(picture(), SMALL, listen, cancel, batch=1)
    assert len(steps) == 2


def test_progress_grows_to_one(clip: ClipModel) -> None:
    steps: list[float] = []

    def listen(fraction: float, step: str = "", preview: object = None) -> None:
        steps.append(fraction)

    DenseEncoder(clip).features(picture(), SMALL, listen, CancelToken())
    assert steps == sorted(steps) and steps[-1] == 1 and len(steps) > 3


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 10_000, 4), (10_000, 1, 3), (3, 5, 4)])
def test_odd_pictures_have_a_map(clip: ClipModel, shape: tuple[int, int, int]) -> None:
    image = picture(*shape)
    for settings in (SMALL, replace(SMALL, windows="whole")):
        found = DenseEncoder(clip).features(image, settings, silent, CancelToken())
        assert bool(found.values.isfinite().all()) and min(found.values.shape[:2]) >= 4


def test_weights_that_give_no_numbers_are_an_error(clip: ClipModel) -> None:
    broken = replace(clip, model=copy.deepcopy(clip.model))
    broken.model.visual.get_parameter("ln_post.weight")[0] = torch.nan
    with pytest.raises(
        EngineError, match=r"not a number.*ovedit models verify clip-vit-b16-openai"
    ):
        encode(broken, SMALL)


def test_what_is_transparent_shows_nothing(clip: ClipModel) -> None:
    settings = replace(SMALL, windows="whole")
    maps = []
    for seed in (1, 2):
        image = np.random.default_rng(seed).integers(0, 256, (60, 90, 4), np.uint8)
        image[..., 3] = 0
        maps.append(DenseEncoder(clip).features(image, settings, silent, CancelToken()).values)
    assert torch.equal(*maps)
    opaque = picture(channels=4)
    opaque[..., 3] = 255
    one, two = (
        DenseEncoder(clip).features(image, settings, silent, CancelToken()).values
        for image in (opaque, opaque[..., :3])
    )
    assert torch.equal(one, two)


def test_the_picture_is_averaged_over_areas_when_it_shrinks() -> None:
    image = np.zeros((480, 480, 3), np.uint8)
    image[::2] = 255
    plan = plan_windows(480, 480, 8, SMALL)
    assert np.allclose(resized(image, plan, (0, 0, 0)), 0.5, atol=0.01)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("method", METHODS)
def test_half_precision_is_near(clip: ClipModel, context: DenseContext, method: Any) -> None:
    settings = replace(SMALL, method=method)
    half = replace(clip, model=copy.deepcopy(clip.model).to(torch.bfloat16))
    # Some virtual machines announce matrix units that end the process when used.
    with torch.backends.mkldnn.flags(enabled=False):
        less = encode(half, settings, context).values
    full = encode(clip, settings, context).values
    assert less.dtype is torch.float32
    assert torch.nn.functional.cosine_similarity(full, less, -1).median() > 0.97
