"""What a model painted, pasted so that it cannot be told from the photograph around it."""

from __future__ import annotations

import tracemalloc
from functools import cache

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document.masks import feathered
from ovedit.engine.inpainting.grain import grain_of
from ovedit.engine.inpainting.matching import sharper
from ovedit.engine.inpainting.paste import AS_IT_IS, PasteSettings, paste

COLOUR = PasteSettings(seam=False, detail=False, grain=False)
SEAM = PasteSettings(detail=False, grain=False)
SEAM_ALONE = PasteSettings(colour=False, detail=False, grain=False)
GRAIN = PasteSettings(colour=False, seam=False, detail=False)


@cache
def photograph() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.coffee()[:300, :400])


def hole_in(shape: tuple[int, ...], x: int, y: int, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Alpha of an edit and what was repainted for it."""
    disc = np.zeros(shape[:2], np.uint8)
    cv2.circle(disc, (x, y), radius, 255, -1)
    alpha = feathered(disc, 5, 8)
    return alpha, cv2.dilate((alpha > 0).astype(np.uint8) * 255, np.ones((9, 9), np.uint8))


def shifted(picture: np.ndarray, contrast: float, lab: tuple[float, float, float]) -> np.ndarray:
    values = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    values = (values - 40) * contrast + 40 + np.array(lab, np.float32)
    return as_bytes(cv2.cvtColor(values.astype(np.float32), cv2.COLOR_LAB2RGB) * 255)


def as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def error(picture: np.ndarray, truth: np.ndarray, alpha: np.ndarray) -> float:
    """Mean CIE76 distance of the smooth colours under full alpha."""
    lab = [
        cv2.cvtColor(cv2.GaussianBlur(p, (0, 0), 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        for p in (picture, truth)
    ]
    return float(np.linalg.norm(lab[0] - lab[1], axis=2)[alpha == 255].mean())


def roughness(picture: np.ndarray, where: np.ndarray) -> float:
    """Deviation of what is finer than 1.2 px, in luma."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((grey - cv2.GaussianBlur(grey, (0, 0), 1.2))[where].std())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**31 - 1), st.floats(0, 1), st.data()
)
def test_nothing_outside_of_alpha_changes(
    width: int, height: int, seed: int, share: float, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    original = random.integers(0, 256, (height, width, 3), np.uint8)
    painted = random.integers(0, 256, (height, width, 3), np.uint8)
    alpha = random.integers(0, 256, (height, width), np.uint8)
    alpha[random.random((height, width)) > share] = 0
    kinds = st.builds(PasteSettings, st.booleans(), st.booleans(), st.booleans(), st.booleans())
    before = original.copy(), painted.copy(), alpha.copy()
    mask = np.where(alpha > 0, np.uint8(255), np.uint8(0))
    pasted = paste(original, painted, alpha, mask, data.draw(kinds), seed)
    assert pasted.shape == original.shape
    assert pasted.dtype == np.uint8
    assert (pasted[alpha == 0] == original[alpha == 0]).all()
    for array, was in zip((original, painted, alpha), before, strict=True):
        assert (array == was).all()


def test_with_all_off_the_new_pixels_are_what_was_painted() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 50)
    painted = shifted(photo, 0.9, (4, 3, 2))
    pasted = paste(photo, painted, alpha, mask, AS_IT_IS)
    assert (pasted[alpha > 0] == painted[alpha > 0]).all()


@pytest.mark.parametrize("contrast", [0.9, 1.0, 1.08])
@pytest.mark.parametrize("shift", [(4, -3, 5), (-6, 4, -4)])
def test_a_shift_of_colour_and_contrast_is_undone(
    contrast: float, shift: tuple[float, float, float]
) -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 60)
    painted = shifted(photo, contrast, shift)
    pasted = paste(photo, painted, alpha, mask, COLOUR)
    assert error(pasted, photo, alpha) < 0.25 * error(painted, photo, alpha)


def test_a_shift_that_changes_along_the_border_is_followed() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 60)
    ramp = np.linspace(-12, 12, photo.shape[1], dtype=np.float32)[None, :, None]
    painted = as_bytes(photo + ramp * np.array([1, 0, -1], np.float32))
    whole = paste(photo, painted, alpha, mask, COLOUR)
    seam = paste(photo, painted, alpha, mask, SEAM)
    alone = paste(photo, painted, alpha, mask, SEAM_ALONE)
    rim = (alpha > 100) & (alpha < 255)
    distance = [
        np.abs(cv2.blur(p, (5, 5)).astype(int) - cv2.blur(photo, (5, 5)))[rim].mean()
        for p in (painted, whole, seam, alone)
    ]
    assert max(distance[2:]) < 0.5 * min(distance[:2])


def test_what_was_painted_well_stays_as_it_is() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 60)
    painted = photo.copy()
    painted[mask > 0] = photo[::-1, ::-1][mask > 0]
    pasted = paste(photo, painted, alpha, mask, PasteSettings(grain=False))
    assert np.abs(pasted[alpha > 0].astype(int) - painted[alpha > 0]).max() <= 1


def test_a_model_that_painted_something_else_around_is_not_believed() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 60)
    painted = np.ascontiguousarray(skimage.data.astronaut()[:300, :400])
    pasted = paste(photo, painted, alpha, mask, PasteSettings(grain=False))
    assert (pasted[alpha > 0] == painted[alpha > 0]).mean() > 0.99
    black = np.zeros_like(photo)
    assert (paste(photo, black, alpha, mask)[alpha > 0] == 0).all()


def test_noise_is_not_amplified() -> None:
    rows = np.linspace(60, 200, 240, dtype=np.float32)[:, None, None]
    photo = as_bytes(np.repeat(np.repeat(rows, 240, axis=1), 3, axis=2))
    noise = np.random.default_rng(1).normal(0, 4, photo.shape)
    painted = as_bytes(0.85 * (photo.astype(float) - 128) + 120 + noise)
    alpha, mask = hole_in(photo.shape, 120, 120, 50)
    pasted = paste(photo, painted, alpha, mask)
    assert error(pasted, photo, alpha) < 0.3 * error(painted, photo, alpha)
    inner = cv2.erode(alpha, np.ones((9, 9))) == 255
    assert roughness(pasted, inner) < 1.03 * roughness(painted, inner)


@pytest.mark.parametrize("softness", [0.0, 0.7])
@pytest.mark.parametrize("deviation", [2.0, 5.0])
def test_smooth_paint_gets_the_grain_of_the_photograph(softness: float, deviation: float) -> None:
    rows = np.linspace(80, 170, 256, dtype=np.float32)[:, None, None]
    clean = np.repeat(np.repeat(rows, 256, axis=1), 3, axis=2)
    noise = np.random.default_rng(2).normal(0, 1, clean.shape)
    if softness:
        noise = cv2.GaussianBlur(noise, (0, 0), softness)
    photo = as_bytes(clean + deviation * noise / noise.std())
    alpha, mask = hole_in(photo.shape, 128, 128, 60)
    pasted = paste(photo, as_bytes(clean), alpha, mask, GRAIN)
    ratio = roughness(pasted, alpha == 255) / roughness(photo, alpha == 255)
    assert 0.75 < ratio < 1.1
    # Colours of grain go together as they do in the photograph: here not at all.
    channels = [cv2.GaussianBlur(pasted, (0, 0), 1.2)[..., c].astype(float) for c in (0, 1)]
    fine = [pasted[..., c] - channels[c] for c in (0, 1)]
    assert abs(np.corrcoef(fine[0][alpha == 255], fine[1][alpha == 255])[0, 1]) < 0.25


def test_the_grain_stays_where_new_and_old_are_blended() -> None:
    clean = np.full((256, 256, 3), 120, np.float32)
    photo = as_bytes(clean + np.random.default_rng(3).normal(0, 5, clean.shape))
    alpha, mask = hole_in(photo.shape, 128, 128, 70)
    pasted = paste(photo, as_bytes(clean), alpha, mask, GRAIN)
    share = alpha[..., None] / 255
    shown = as_bytes(pasted * share + photo * (1 - share))
    rim = (alpha > 60) & (alpha < 200)
    assert roughness(shown, rim) > 0.85 * roughness(photo, alpha == 0)


def test_a_clean_photograph_a_texture_and_a_burnt_out_place_get_no_grain() -> None:
    clean = np.full((256, 256, 3), 120, np.uint8)
    alpha, mask = hole_in(clean.shape, 128, 128, 60)
    assert grain_of(clean, mask, 0) is None
    noisy = as_bytes(clean + np.random.default_rng(4).normal(0, 4, clean.shape))
    textured = as_bytes(clean + np.random.default_rng(5).normal(0, 12, clean.shape))
    assert (paste(noisy, textured, alpha, mask, GRAIN) == textured)[alpha > 0].mean() > 0.95
    white = np.full_like(clean, 255)
    assert (paste(noisy, white, alpha, mask, GRAIN)[alpha > 0] == 255).all()


def test_a_photograph_that_is_texture_all_over_has_no_grain_to_see() -> None:
    texture = as_bytes(120 + np.random.default_rng(6).normal(0, 30, (256, 256, 3)))
    assert grain_of(texture, np.zeros((256, 256), np.uint8), 0) is None


def test_grain_of_the_same_seed_is_the_same() -> None:
    clean = np.full((128, 128, 3), 120, np.uint8)
    photo = as_bytes(clean + np.random.default_rng(7).normal(0, 4, clean.shape))
    alpha, mask = hole_in(photo.shape, 64, 64, 20)
    first, again, other = (paste(photo, clean, alpha, mask, GRAIN, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_soft_paint_becomes_as_sharp_as_the_photograph_but_no_sharper() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 200, 150, 60)
    soft = cv2.GaussianBlur(photo, (0, 0), 0.8)
    pasted = paste(photo, soft, alpha, mask, PasteSettings(grain=False))
    inner = alpha == 255
    assert roughness(soft, inner) < 0.8 * roughness(photo, inner)
    assert 1.15 * roughness(soft, inner) < roughness(pasted, inner) < 1.1 * roughness(photo, inner)
    sharp = as_bytes(photo + 0.8 * (photo.astype(np.float32) - soft))
    assert sharper(photo, sharp, mask) == (1.0, 1.0)
    assert sharper(photo, np.ascontiguousarray(photo[::-1, ::-1]), mask) == (1.0, 1.0)


def test_without_any_known_pixel_paint_is_pasted_as_it_is() -> None:
    photo = photograph()
    painted = shifted(photo, 0.9, (4, 3, 2))
    everything = np.full(photo.shape[:2], 255, np.uint8)
    assert (paste(photo, painted, everything, everything) == painted).all()


def test_the_seam_in_a_photograph_is_a_fraction_of_that_of_a_naive_paste() -> None:
    photo = photograph()
    alpha, mask = hole_in(photo.shape, 330, 60, 40)
    painted = shifted(cv2.GaussianBlur(photo, (0, 0), 0.8), 0.93, (3, -3, 4))
    away = cv2.distanceTransform((alpha < 128).astype(np.uint8), cv2.DIST_L2, 5)
    away -= cv2.distanceTransform((alpha >= 128).astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = (away > -10) & (away < -5), (away > 5) & (away < 10)

    def step(pasted: np.ndarray) -> float:
        share = alpha[..., None] / 255
        left_over = pasted * share + photo * (1 - share) - photo
        return float(np.linalg.norm(left_over[inner].mean(0) - left_over[outer].mean(0)))

    naive = step(paste(photo, painted, alpha, mask, AS_IT_IS))
    assert step(paste(photo, painted, alpha, mask)) < 0.15 * naive


def test_a_large_crop_takes_little_memory() -> None:
    photo = np.full((2400, 2400, 3), 120, np.uint8)
    photo[::2] = 124
    alpha = np.zeros((2400, 2400), np.uint8)
    alpha[200:2200, 200:2200] = 255
    tracemalloc.start()
    paste(photo, photo, alpha, alpha)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The result is 17 MB; one picture of floats would be 69.
    assert peak < 80e6
