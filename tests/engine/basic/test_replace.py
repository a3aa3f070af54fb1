"""Replace without a model: a change of material of the same thing, or a clear refusal."""

from __future__ import annotations

import numpy as np
import pytest

from ovedit.engine.basic.replace import replace
from ovedit.engine.basic.restyle import restyle
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import EditKind, EditRequest
from ovedit.errors import CannotDoError


def request(phrase: str, prompt: str) -> EditRequest:
    rng = np.random.default_rng(0)
    image = rng.integers(90, 140, (80, 120, 4), np.uint8)
    image[..., 3] = 255
    mask = np.zeros((80, 120), np.uint8)
    mask[20:60, 20:100] = 255
    return EditRequest(EditKind.REPLACE, image, mask, mask, phrase, prompt)


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("wooden bench", "metal bench"),
        ("wooden bench", "metal"),
        ("benches", "a golden bench"),
        ("red cup", "blue cup"),
        ("", "marble"),
    ],
)
def test_the_same_thing_in_another_material_is_a_restyle(phrase: str, prompt: str) -> None:
    asked = request(phrase, prompt)
    result = replace(asked, silent, CancelToken())
    same = restyle(asked, silent, CancelToken())
    assert np.array_equal(result.pixels, same.pixels)
    assert result.rect == same.rect
    assert any("kept its shape" in note for note in result.notes)


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("wooden bench", "metal chair"),
        ("wooden bench", "cat"),
        ("wooden bench", "bench"),
        ("wooden bench", "old broken bench"),
        ("", "metal bench"),
        ("sky", "snow"),
    ],
)
def test_another_thing_is_refused_with_what_would_be_able_to(phrase: str, prompt: str) -> None:
    asked = request(phrase, prompt)
    before = asked.image.copy()
    with pytest.raises(CannotDoError, match="diffusion model") as caught:
        replace(asked, silent, CancelToken())
    assert f"“{prompt}” out of {f'“{phrase}”' if phrase else 'what is selected'}" in str(
        caught.value
    ) or f"in “{prompt}”" in str(caught.value)
    assert np.array_equal(asked.image, before)
