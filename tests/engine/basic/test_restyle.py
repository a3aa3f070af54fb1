"""Restyle: what changes, what stays, what is said, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from ovedit.engine.basic import wish
from ovedit.engine.basic.finishes import finish_of
from ovedit.engine.basic.grain import grain_of
from ovedit.engine.basic.restyle import restyle
from ovedit.engine.language import vocabulary
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import EditKind, EditRequest, EditResult
from ovedit.errors import Cancelled, CannotDoError, UsageError

SAMPLES = Path(__file__).parents[3] / "resources" / "samples"
Bytes = NDArray[np.uint8]


def opaque(rgb: Bytes) -> Bytes:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def feathered(mask: Bytes) -> Bytes:
    grown = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), 1.5), np.uint8)


def ask(
    image: Bytes, mask: Bytes, prompt: str, phrase: str = "", seed: int = 0,
    options: Mapping[str, str] | None = None, cancel: CancelToken | None = None,
) -> EditResult:  # fmt: skip
    request = EditRequest(
        EditKind.RESTYLE, image, mask, feathered(mask), phrase, prompt,
        seed=seed, options=options or {},
    )  # fmt: skip
    return restyle(request, silent, cancel or CancelToken())


def lab(rgb: Bytes) -> NDArray[np.float32]:
    return np.asarray(
        cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32
    )


def painted(result: EditResult, mask: Bytes) -> NDArray[np.float32]:
    """Lab of the result's pixels well inside the mask, (n, 3)."""
    core = cv2.erode(mask, np.ones((5, 5), np.uint8))[result.rect.slices] > 0
    return lab(result.pixels[..., :3])[core]


def original(image: Bytes, result: EditResult, mask: Bytes) -> NDArray[np.float32]:
    core = cv2.erode(mask, np.ones((5, 5), np.uint8))[result.rect.slices] > 0
    return lab(image[result.rect.slices][..., :3])[core]


@pytest.fixture(scope="module")
def bench() -> tuple[Bytes, Bytes]:
    picture = cv2.imread(str(SAMPLES / "park-bench.jpg"))
    mask = cv2.imread(str(SAMPLES / "park-bench.masks" / "wooden-bench.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None and mask is not None
    small = cv2.resize(picture, (900, 600), interpolation=cv2.INTER_AREA)
    cut = cv2.resize(mask, (900, 600), interpolation=cv2.INTER_AREA)
    binary = np.where(cut > 127, np.uint8(255), np.uint8(0))
    return opaque(np.asarray(small[..., ::-1], np.uint8)), binary


@pytest.fixture(scope="module")
def suit() -> tuple[Bytes, Bytes]:
    photo = data.astronaut()
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
    orange = ((hsv[..., 0] < 14) | (hsv[..., 0] > 174)) & (hsv[..., 1] > 140) & (hsv[..., 2] > 60)
    orange[:230] = False
    mask = cv2.medianBlur(orange.astype(np.uint8) * 255, 9)
    return opaque(photo), np.asarray(mask, np.uint8)


def test_a_metal_bench_is_grey_and_loses_its_grain(bench: tuple[Bytes, Bytes]) -> None:
    image, mask = bench
    result = ask(image, mask, "metal bench", "wooden bench")
    before, after = original(image, result, mask), painted(result, mask)
    assert np.hypot(before[:, 1], before[:, 2]).mean() > 35
    assert np.hypot(after[:, 1], after[:, 2]).mean() < 8
    assert after[:, 0].std() > 1.1 * before[:, 0].std(), "metal has more contrast than wood"
    assert np.percentile(after[:, 0], 98) > 78, "metal has highlights"


def test_light_and_shadow_stay(bench: tuple[Bytes, Bytes]) -> None:
    image, mask = bench
    for prompt in ("metal", "golden", "stone", "red", "leather"):
        result = ask(image, mask, prompt, "wooden bench")
        pairs = original(image, result, mask)[:, 0], painted(result, mask)[:, 0]
        assert np.corrcoef(*pairs)[0, 1] > 0.5, prompt


@pytest.mark.parametrize(
    ("prompt", "hue"),
    [("green", 145), ("make it blue", 280), ("golden", 85), ("purple", 315), ("copper", 55)],
)
def test_the_hue_is_the_one_asked_for(suit: tuple[Bytes, Bytes], prompt: str, hue: int) -> None:
    image, mask = suit
    after = painted(ask(image, mask, prompt, "suit"), mask)
    angle = np.degrees(np.arctan2(np.median(after[:, 2]), np.median(after[:, 1]))) % 360
    assert abs((angle - hue + 180) % 360 - 180) < 22
    assert np.hypot(np.median(after[:, 1]), np.median(after[:, 2])) > 20


@pytest.mark.parametrize("prompt", ["black", "white", "black and white", "greyscale"])
def test_neutral_means_neutral(suit: tuple[Bytes, Bytes], prompt: str) -> None:
    image, mask = suit
    after = painted(ask(image, mask, prompt), mask)
    assert np.hypot(after[:, 1], after[:, 2]).mean() < 3


def test_lightness_goes_where_the_words_say(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit

    def lightness(prompt: str) -> float:
        return float(np.median(painted(ask(image, mask, prompt), mask)[:, 0]))

    plain = lightness("warmer")
    assert lightness("black") < 20 < 85 < lightness("white")
    assert lightness("much darker") < lightness("darker") < plain - 5
    assert plain + 5 < lightness("slightly brighter") + 3 < lightness("brighter") + 3
    assert lightness("dark green") < lightness("light green") - 20


def test_strength_goes_part_of_the_way(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    whole = ask(image, mask, "green")
    half = ask(image, mask, "green", options={"strength": "0.5"})
    old = image[whole.rect.slices][..., :3].astype(float)
    expected = (old + whole.pixels[..., :3]) / 2
    assert np.abs(half.pixels[..., :3] - expected).max() <= 1.01


@pytest.mark.parametrize("strength", ["0", "1.5", "-1", "nan", "much"])
def test_strength_out_of_range_is_named(suit: tuple[Bytes, Bytes], strength: str) -> None:
    image, mask = suit
    with pytest.raises(UsageError, match=strength):
        ask(image, mask, "green", options={"strength": strength})


def test_the_same_seed_paints_the_same_grain(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    first, again, other = (ask(image, mask, "marble", seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("suit", "red"),
        ("suit", "white"),
        ("suit", "navy blue"),
        ("suit", "metal"),
        ("tree", "golden"),
        ("grass", "snow"),
        ("suit", "brighter"),
        ("suit", "greyscale"),
    ],
)
def test_variations_are_seen_to_differ(suit: tuple[Bytes, Bytes], phrase: str, prompt: str) -> None:
    image, mask = suit
    looks = [painted(ask(image, mask, prompt, phrase, seed=seed), mask) for seed in (0, 1, 2, 3, 4)]
    again = painted(ask(image, mask, prompt, phrase, seed=4), mask)
    assert np.array_equal(looks[4], again)
    differences = [
        float(np.linalg.norm(first - second, axis=1).mean())
        for first, second in combinations(looks, 2)
    ]
    assert min(differences) > 0.25, "no two are alike"
    assert np.median(differences) > 1.5, "most differ at a glance"


def test_a_variation_still_goes_by_the_name_of_its_colour(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    for seed in range(1, 9):
        after = painted(ask(image, mask, "green", seed=seed), mask)
        angle = np.degrees(np.arctan2(np.median(after[:, 2]), np.median(after[:, 1]))) % 360
        assert abs(angle - 145) < 25
        assert 25 < np.median(after[:, 0]) < 75


def test_the_result_covers_alpha_exactly_and_follows_the_mask(bench: tuple[Bytes, Bytes]) -> None:
    image, mask = bench
    result = ask(image, mask, "red", "bench")
    rows, columns = np.nonzero(feathered(mask))
    rect = result.rect
    assert (rect.y, rect.bottom - 1) == (rows.min(), rows.max())
    assert (rect.x, rect.right - 1) == (columns.min(), columns.max())
    cover = result.pixels[..., 3]
    assert (cover[mask[rect.slices] == 255] == 255).all()
    far = cv2.dilate(mask, np.ones((13, 13), np.uint8))[rect.slices] == 0
    assert (cover[far] == 0).all()


def test_a_mask_that_ends_short_of_the_edge_leaves_no_rim() -> None:
    noise = np.random.default_rng(2).normal(0, 5, (160, 200, 1))
    rgb = np.clip(np.array([70, 130, 60]) + noise, 0, 255).astype(np.uint8)
    whole, mask = np.zeros((2, 160, 200), np.uint8)
    cv2.circle(whole, (100, 80), 50, 255, -1)
    cv2.circle(mask, (100, 80), 47, 255, -1)
    rgb[whole > 0] = np.clip(np.array([220, 120, 40]) + noise[whole > 0], 0, 255)
    result = ask(opaque(rgb), mask, "metal")
    cover = result.pixels[..., 3]
    inside, grown = (
        part[result.rect.slices] > 0 for part in (whole, cv2.dilate(whole, np.ones((7, 7))))
    )
    reached = feathered(mask)[result.rect.slices] > 0
    assert (cover[inside & reached] == 255).mean() > 0.99
    assert not cover[~grown].any()


def test_transparent_pictures_stay_transparent() -> None:
    image = np.full((60, 80, 4), (180, 120, 60, 90), np.uint8)
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 10:70] = 255
    result = ask(image, mask, "blue")
    assert result.pixels[..., 3].max() == 90


@settings(max_examples=12, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    value=st.integers(0, 255),
    prompt=st.sampled_from(["metal", "red", "brick", "glass", "wood", "brighter", "white velvet"]),
)
def test_any_size_and_tone_works(width: int, height: int, value: int, prompt: str) -> None:
    image = np.full((height, width, 4), value, np.uint8)
    image[..., 3] = 255
    mask = np.full((height, width), 255, np.uint8)
    request = EditRequest(EditKind.RESTYLE, image, mask, mask, "", prompt)
    result = restyle(request, silent, CancelToken())
    assert result.pixels.shape == (height, width, 4)


@pytest.mark.parametrize("name", sorted({m.name for m in vocabulary.materials().values()}))
def test_every_material_changes_the_picture(suit: tuple[Bytes, Bytes], name: str) -> None:
    image, mask = suit
    word = next(m.word for m in vocabulary.materials().values() if m.name == name)
    result = ask(image, mask, word, "suit")
    change = painted(result, mask) - original(image, result, mask)
    assert np.abs(change).mean() > 4
    assert any(word in note or name in note for note in result.notes)


def test_metals_only_dye_a_sky() -> None:
    photo = opaque(data.rocket())
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[:200] = 255
    result = ask(photo, mask, "make the sky golden", "sky")
    after, before = painted(result, mask), original(photo, result, mask)
    assert np.median(after[:, 2]) > 20
    assert np.corrcoef(after[:, 0], before[:, 0])[0, 1] > 0.97


def test_words_left_out_are_named(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    result = ask(image, mask, "red suit with pockets", "suit")
    assert any("pockets" in note for note in result.notes)
    assert not any("“suit”" in note and "Left out" in note for note in result.notes)


@pytest.mark.parametrize("prompt", ["van gogh painting", "sunset", "a dog"])
def test_what_is_not_understood_is_refused_with_a_way_out(
    suit: tuple[Bytes, Bytes], prompt: str
) -> None:
    image, mask = suit
    with pytest.raises(CannotDoError, match="diffusion model") as caught:
        ask(image, mask, prompt)
    assert prompt.split()[-1] in str(caught.value)


def test_an_empty_mask_is_refused(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    with pytest.raises(UsageError):
        ask(image, np.zeros_like(mask), "red")


def test_it_stops_when_asked(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    cancel = CancelToken()
    seen: list[float] = []

    def progress(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        seen.append(fraction)
        cancel.cancel()

    request = EditRequest(EditKind.RESTYLE, image, mask, feathered(mask), "suit", "metal")
    with pytest.raises(Cancelled):
        restyle(request, progress, cancel)
    assert len(seen) == 1


def test_progress_rises_to_the_end(suit: tuple[Bytes, Bytes]) -> None:
    image, mask = suit
    seen: list[float] = []
    request = EditRequest(EditKind.RESTYLE, image, mask, feathered(mask), "suit", "metal")
    restyle(request, lambda fraction, step="", preview=None: seen.append(fraction), CancelToken())
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("phrase", "prompt", "finish", "colour"),
    [
        ("sky", "make the sky blue", "", "blue"),
        ("", "turn it into gold", "gold", ""),
        ("bench", "a bench made of marble", "marble", ""),
        ("", "blue metal", "metal", "blue"),
        ("suit", "light blue suit", "", "light blue"),
        ("grass", "snow", "snow", ""),
        ("bench", "rusty metal bench", "rust", ""),
    ],
)
def test_prompts_are_understood(phrase: str, prompt: str, finish: str, colour: str) -> None:
    read = wish.understand(prompt, phrase)
    assert (read.finish.name if read.finish else "") == finish
    assert (read.colour.name if read.colour else "") == colour
    assert read.left_over == ()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_without_an_accident(prompt: str) -> None:
    read = wish.understand(prompt, "wooden bench")
    assert isinstance(read.left_over, tuple)


def test_words_of_a_material_have_their_own_lightness() -> None:
    found = {word: finish_of(vocabulary.materials()[vocabulary.squeeze(word)]).lightness or 0.0
             for word in ("wrought iron", "metal", "ebony", "birch")}  # fmt: skip
    assert found["wrought iron"] + 20 < found["metal"]
    assert found["ebony"] + 40 < found["birch"]


def test_grain_has_its_strength_in_any_direction() -> None:
    finish = finish_of(vocabulary.materials()["metal"])
    grain = grain_of(finish, 800, 1)
    for angle in np.linspace(0, np.pi, 7):
        patch = grain.at(5, 9, np.full((300, 300), angle, np.float32))
        assert 0.7 * finish.strength < patch.std() < 1.3 * finish.strength
