from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation.scores import (
    Similarities,
    compare,
    denoised,
    gather,
    presence,
    score,
    surgery,
)
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.engine.segmentation.vocabulary import Section, Vocabulary
from ovedit.errors import EngineError, UsageError
from tests.engine.segmentation.test_text import Opener, by_hand

WORDS = ("dog", "cat", "horse", "car", "bus", "lamp", "door")
SMALL = Vocabulary((Section(("noun",), WORDS),))
SETTINGS = SegmentationSettings(
    templates="1", negatives=("sky", "wall"), auto_negatives=3, near=1, denoise=False
)


@pytest.fixture(scope="module")
def opener(clip: ClipModel) -> Opener:
    return Opener(clip)


@pytest.fixture(scope="module")
def bank(opener: Opener, tmp_path_factory: pytest.TempPathFactory) -> TextBank:
    return TextBank("scores", opener, tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def features() -> FeatureMap:
    torch.manual_seed(3)
    values = torch.nn.functional.normalize(torch.randn(5, 6, 24), dim=-1)
    return FeatureMap(values, torch.nn.functional.normalize(values.mean(dim=(0, 1)), dim=0))


def softmax(values: Any) -> Any:
    powers = np.exp(values - values.max(axis=0))
    return powers / powers.sum(axis=0)


def cosines_by_hand(features: FeatureMap, clip: ClipModel, words: list[str]) -> Any:
    texts = np.stack([by_hand(clip, word, "1") for word in words])
    return np.einsum("hwc,kc->khw", features.values.double().numpy(), texts)


def made(cosines: Any, phrases: tuple[str, ...], negatives: tuple[str, ...], **more: Any) -> Any:
    """Similarities of these cosines (k, h, w), an empty text's of 0 after them."""
    cosines = torch.as_tensor(np.asarray(cosines, np.float32))
    cosines = torch.cat([cosines, torch.zeros(1, *cosines.shape[1:])])
    values: dict[str, Any] = {
        "overall": cosines.mean(dim=(1, 2)),
        "owners": tuple(range(len(phrases))),
        "competes": torch.ones(len(phrases), len(negatives), dtype=torch.bool),
        "presence": torch.full((len(phrases),), 0.5),
    }
    return Similarities(phrases, negatives, cosines, **{**values, **more})


def test_a_softmax_over_phrases_and_negatives(
    clip: ClipModel, bank: TextBank, features: FeatureMap
) -> None:
    settings = replace(SETTINGS, logit_scale=50, temperature=2)
    found = compare(features, ["bench", "tree"], bank, settings, SMALL)
    assert found.negatives[:2] == ("sky", "wall")
    overall = features.overall.double().numpy()
    ranked = sorted(WORDS, key=lambda word: -float(by_hand(clip, word, "1") @ overall))
    assert list(found.negatives[2:]) == ranked[:3]
    names = ["bench", "tree", *found.negatives]
    expected = softmax(25 * cosines_by_hand(features, clip, names))
    probabilities = found.probabilities(settings)
    np.testing.assert_allclose(probabilities.values, expected[:2], atol=1e-5)
    for number in range(2):
        claims = (expected[number] * expected[2:]).sum(axis=(1, 2))
        best = [found.negatives[index] for index in np.argsort(-claims)]
        assert list(probabilities.rivals[number]) == best


def test_independent_phrases_do_not_compete(
    clip: ClipModel, bank: TextBank, features: FeatureMap
) -> None:
    settings = replace(SETTINGS, mode="independent")
    both = compare(features, ["bench", "dog"], bank, settings, SMALL)
    found = both.probabilities(settings).values
    for number, phrase in enumerate(["bench", "dog"]):
        negatives = [
            word
            for word, one in zip(both.negatives, both.competes[number], strict=True)
            if bool(one)
        ]
        assert ("dog" in negatives) == (phrase == "bench" and "dog" in both.negatives)
        expected = softmax(40 * cosines_by_hand(features, clip, [phrase, *negatives]))[0]
        np.testing.assert_allclose(found[number], expected, atol=1e-5)


def test_everything_after_the_comparison_needs_no_encoder(
    opener: Opener, bank: TextBank, features: FeatureMap
) -> None:
    found = compare(features, ["bench", "tree"], bank, SETTINGS, SMALL)
    times = opener.times
    all_on = found.probabilities(SETTINGS)
    without = found.probabilities(SETTINGS, without={"sky", found.negatives[3]})
    off = found.probabilities(SETTINGS, off={"tree"})
    found.probabilities(replace(SETTINGS, mode="independent", temperature=3, method="surgery"))
    assert opener.times == times
    assert (without.values > all_on.values).all()
    assert "sky" not in without.rivals[0]
    assert (off.values[0] >= all_on.values[0]).all()
    assert off.values[0].sum() > all_on.values[0].sum()
    assert not off.values[1].any()
    assert off.rivals[1] == ()


def test_a_second_phrase_reads_only_itself(
    opener: Opener, bank: TextBank, features: FeatureMap
) -> None:
    compare(features, ["bench"], bank, SETTINGS, SMALL)
    times = opener.times
    compare(features, ["bench"], bank, SETTINGS, SMALL)
    assert opener.times == times
    compare(features, ["window"], bank, SETTINGS, SMALL)
    assert opener.times == times + 1


def test_shares_of_synonyms_are_added_or_the_largest_taken(
    clip: ClipModel, bank: TextBank, features: FeatureMap
) -> None:
    groups = (("sofa", "couch"), ("wall", "brick wall"))
    names = ["sofa", "couch", "tree"]
    for mode, join in (("sum", np.sum), ("max", np.max)):
        settings = replace(SETTINGS, synonyms=groups, synonym_mode=mode, auto_negatives=0)
        found = compare(features, ["sofa", "tree"], bank, settings, SMALL)
        assert found.negatives == ("sky", "wall")
        walls = [by_hand(clip, word, "1") for word in ("wall", "brick wall")]
        wall = sum(walls) / np.linalg.norm(sum(walls))
        cosines = cosines_by_hand(features, clip, [*names, "sky"])
        last = np.einsum("hwc,c->hw", features.values.double().numpy(), wall)[None]
        shares = softmax(40 * np.concatenate([cosines, last]))
        values = found.probabilities(settings).values
        np.testing.assert_allclose(values[0], join(shares[:2], axis=0), atol=1e-5)
        np.testing.assert_allclose(values[1], shares[2], atol=1e-5)


def test_said_twice_it_is_one_phrase(bank: TextBank, features: FeatureMap) -> None:
    once = score(features, ["bench"], bank, replace(SETTINGS, auto_negatives=0))
    twice = score(features, ["bench", " bench "], bank, replace(SETTINGS, auto_negatives=0))
    assert twice.values.shape == (2, 5, 6)
    torch.testing.assert_close(twice.values[0], once.values[0])
    torch.testing.assert_close(twice.values[1], once.values[0])
    assert twice.rivals == once.rivals * 2


@pytest.mark.parametrize("method", ["sclip", "surgery"])
def test_alone_a_phrase_competes_with_the_empty_text(
    clip: ClipModel, bank: TextBank, features: FeatureMap, method: Any
) -> None:
    settings = replace(SETTINGS, method=method, negatives=(), auto_negatives=0, denoise=True)
    found = score(features, ["bench"], bank, settings)
    step = by_hand(clip, "bench", "1") - by_hand(clip, "", "bare")
    logits = 40 * np.einsum("hwc,c->hw", features.values.double().numpy(), step)
    np.testing.assert_allclose(found.values[0], 1 / (1 + np.exp(-logits)), atol=1e-5)
    assert found.rivals == ((),)


def surgery_by_hand(features: Any, overall: Any, texts: Any) -> Any:
    """The text step of the paper, channel by channel: (places, labels)."""
    powers = np.exp(2 * texts @ overall)
    weights = powers / powers.sum()
    weights = weights / weights.mean()
    products = features[:, None, :] * texts[None] * weights[None, :, None]
    products = products - products.mean(axis=1, keepdims=True)
    return products.sum(axis=2)


def test_surgery_is_the_formula_channel_by_channel() -> None:
    random = np.random.default_rng(0)
    features, overall, texts = (random.normal(size=size) for size in ((20, 8), 8, (5, 8)))
    expected = surgery_by_hand(features, overall, texts)
    found = surgery(torch.tensor(texts @ features.T), torch.tensor(texts @ overall))
    np.testing.assert_allclose(found.T, expected, atol=1e-12)


def test_surgery_of_many_labels_reaches_the_probabilities(
    clip: ClipModel, bank: TextBank, features: FeatureMap
) -> None:
    settings = replace(SETTINGS, method="surgery")
    found = compare(features, ["bench", "tree"], bank, settings, SMALL)
    texts = np.stack([by_hand(clip, word, "1") for word in ["bench", "tree", *found.negatives]])
    places = features.values.double().numpy().reshape(-1, 24)
    similarities = surgery_by_hand(places, features.overall.double().numpy(), texts)
    expected = softmax(40 * similarities.T).reshape(-1, 5, 6)[:2]
    np.testing.assert_allclose(found.probabilities(settings).values, expected, atol=1e-5)


def test_presence_is_a_half_at_the_rank_asked_for(
    clip: ClipModel, bank: TextBank, features: FeatureMap
) -> None:
    settings = replace(SETTINGS, presence_rank=0.75, templates="4", logit_scale=60, temperature=2)
    found = compare(features, ["bench", "tree"], bank, settings, SMALL)
    overall = features.overall.double().numpy()
    level = np.quantile([by_hand(clip, word, "1") @ overall for word in WORDS], 0.75)
    own = np.array([by_hand(clip, word, "1") @ overall for word in ("bench", "tree")])
    np.testing.assert_allclose(found.presence, 1 / (1 + np.exp(-30 * (own - level))), atol=1e-5)
    assert float(presence(torch.tensor([0.25]), 0.25, settings)) == 0.5


def test_without_automatic_negatives_the_vocabulary_is_not_read(
    opener: Opener, bank: TextBank, features: FeatureMap
) -> None:
    unread = Vocabulary((Section(("noun",), ("never read before",)),))
    settings = replace(SETTINGS, auto_negatives=0)
    compare(features, ["bench"], bank, settings, SMALL)
    times = opener.times
    found = compare(features, ["bench"], bank, settings, unread)
    assert opener.times == times
    assert found.negatives == ("sky", "wall")


def test_classes_that_are_strong_nowhere_are_dropped() -> None:
    best = [0.9, 0.5, 0.3, 0.2, 0.05]
    classes = torch.tensor(best).view(5, 1, 1) * torch.tensor([[0.2, 1.0, 0.5]])
    kept = denoised(classes, 0.12).flatten(1).amax(dim=1) > 0
    assert kept.tolist() == [True, True, True, False, False]
    kept = denoised(classes, 0.6).flatten(1).amax(dim=1) > 0
    assert kept.tolist() == [True, False, False, False, False]
    torch.testing.assert_close(denoised(classes, 0.12)[:3], classes[:3])


def test_denoising_weighs_phrases_against_negatives_too() -> None:
    cosines = np.zeros((5, 2, 2))
    cosines[0] = [[0.3, 0], [0, 0]]
    cosines[1] = -0.3
    cosines[2:, 1, 1] = [0.1, 0.12, 0.14]
    found = made(cosines, ("here", "nowhere"), ("a", "b", "c"))
    noisy = found.probabilities(SETTINGS).values
    clean = found.probabilities(replace(SETTINGS, denoise=True)).values
    assert (noisy[1] > 0).all()
    assert not clean[1].any()
    torch.testing.assert_close(clean[0], noisy[0])


@given(
    arrays(np.float32, (4, 2, 3), elements=st.floats(-1, 1, width=32)),
    st.floats(1, 200),
    st.floats(0.05, 20),
    st.booleans(),
)
def test_probabilities_are_shares(
    cosines: Any, scale: float, temperature: float, independent: bool
) -> None:
    settings = replace(
        SETTINGS,
        logit_scale=scale,
        temperature=temperature,
        mode="independent" if independent else "semantic",
    )
    values = made(cosines, ("a", "b"), ("c", "d")).probabilities(settings).values
    assert torch.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1 + 1e-6
    if not independent:
        assert values.sum(dim=0).max() <= 1 + 1e-5


def test_gathering_keeps_classes_apart() -> None:
    shares = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(4, 1, 1)
    assert gather(shares, (1, 0, 1, 2), largest=False).flatten().tolist() == pytest.approx(
        [0.2, 0.4, 0.4]
    )
    assert gather(shares, (1, 0, 1, 2), largest=True).flatten().tolist() == pytest.approx(
        [0.2, 0.3, 0.4]
    )


@pytest.mark.parametrize("overall", [False, True])
def test_features_that_are_no_numbers(bank: TextBank, features: FeatureMap, overall: bool) -> None:
    values, whole = features.values.clone(), features.overall.clone()
    (whole if overall else values[2, 3])[0] = float("nan")
    with pytest.raises(EngineError, match=f"no numbers .NaN. in {0 if overall else 1} of 30"):
        compare(FeatureMap(values, whole), ["bench"], bank, SETTINGS, SMALL)


def test_empty_phrases(bank: TextBank, features: FeatureMap) -> None:
    with pytest.raises(UsageError, match="The phrase is empty"):
        compare(features, ["bench", " "], bank, SETTINGS, SMALL)
    with pytest.raises(UsageError, match="No phrase was given"):
        compare(features, [], bank, SETTINGS, SMALL)


def test_a_phrase_that_is_too_long_is_told(bank: TextBank, features: FeatureMap) -> None:
    found = compare(features, ["very " * 90 + "long"], bank, SETTINGS, SMALL, silent, CancelToken())
    assert len(found.notices) == 1
    assert "its end was not used" in found.notices[0]
    assert torch.isfinite(found.probabilities(SETTINGS).values).all()


def test_a_picture_of_one_place(bank: TextBank) -> None:
    one = torch.nn.functional.normalize(torch.ones(1, 1, 24), dim=-1)
    values = score(FeatureMap(one, one[0, 0]), ["bench"], bank, SETTINGS).values
    assert values.shape == (1, 1, 1)
    assert 0 <= float(values) <= 1
