"""The guard says whether what was to go came back, and the best of several tries is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.inpainting import guard
from ovedit.engine.inpainting.guard import (
    BACKGROUND,
    THINGS,
    Guard,
    Verdict,
    best_try,
    decide,
    embed_pictures,
    embed_words,
    installed_clip,
    look_at,
    shares,
)
from ovedit.engine.inpainting.values import Picture
from ovedit.engine.library import Model
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled, EngineError
from ovedit.geometry import Rect, Size
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe

GO_ON = CancelToken()


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    folder = tmp_path_factory.mktemp("guard") / "clip"
    torch.manual_seed(0)
    tiny.clip(folder)
    return describe("clip", "open_clip", folder), folder


@pytest.fixture
def runtime(entry: tuple[Model, Path]) -> ModelRuntime:
    return ModelRuntime(Shelf({"clip": entry}), device="cpu")


@pytest.fixture
def meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CLIP that knows colours only, in the middle of a picture: words name one, or grey."""
    colours = {"red bench": (1, 0, 0), "blue bench": (0, 0, 1), "a person": (0, 1, 0)}

    def words(clip: Any, texts: Any, cancel: CancelToken) -> torch.Tensor:
        rows = [torch.tensor(colours.get(text, (0.5, 0.5, 0.5))) for text in texts]
        return torch.stack(rows).float() if rows else torch.empty(0, 0)

    def pictures(clip: Any, seen: Any, cancel: CancelToken) -> torch.Tensor:
        middles = [each[each.shape[0] // 2, each.shape[1] // 2].astype(np.float32) for each in seen]
        return torch.nn.functional.normalize(torch.from_numpy(np.stack(middles)), dim=-1)

    monkeypatch.setattr(guard, "embed_words", words)
    monkeypatch.setattr(guard, "embed_pictures", pictures)


def scene(colour: tuple[int, int, int]) -> Picture:
    """A thing of that colour in the middle of grey."""
    picture = np.full((60, 80, 3), 120, np.uint8)
    picture[20:40, 30:50] = colour
    return picture


MASK = np.zeros((60, 80), np.uint8)
MASK[20:40, 30:50] = 255
RED, BLUE, GREEN, GREY = (255, 0, 0), (0, 0, 255), (0, 255, 0), (120, 120, 120)


@pytest.mark.usefixtures("meaning")
def test_a_thing_that_went(runtime: ModelRuntime) -> None:
    verdict = Guard(runtime).judge(scene(RED), scene(GREY), MASK, "red bench")
    assert verdict is not None and not verdict.back
    assert verdict.before > 0.9 and verdict.after < 0.1
    assert "No “red bench” is seen there any more" in verdict.sentence


@pytest.mark.usefixtures("meaning")
def test_a_thing_that_came_back(runtime: ModelRuntime) -> None:
    verdict = Guard(runtime).judge(scene(RED), scene((250, 10, 10)), MASK, " red  bench ")
    assert verdict is not None and verdict.back
    assert "There still seems to be “red bench”" in verdict.sentence


@pytest.mark.usefixtures("meaning")
def test_another_thing_that_appeared(runtime: ModelRuntime) -> None:
    verdict = Guard(runtime).judge(scene(RED), scene(GREEN), MASK, "red bench")
    assert verdict is not None and verdict.back
    assert verdict.sentence == "Something like a person seems to have appeared."


@pytest.mark.usefixtures("meaning")
def test_a_replacement_may_look_like_what_was_wanted(runtime: ModelRuntime) -> None:
    judge = Guard(runtime).judge
    new = judge(scene(RED), scene(BLUE), MASK, "red bench", wanted="blue bench")
    old = judge(scene(RED), scene(RED), MASK, "red bench", wanted="blue bench")
    assert new is not None and not new.back
    assert old is not None and old.back


@pytest.mark.usefixtures("meaning")
def test_what_was_not_recognised_is_not_checked(runtime: ModelRuntime) -> None:
    verdict = Guard(runtime).judge(scene(GREY), scene(GREY), MASK, "red bench")
    assert verdict is not None and not verdict.back
    assert "not recognised before either" in verdict.sentence


def test_nothing_is_said_without_a_model_a_phrase_or_a_hole(
    entry: tuple[Model, Path], runtime: ModelRuntime
) -> None:
    missing = ModelRuntime(Shelf({"clip": (entry[0], None)}), device="cpu")
    assert Guard(missing).judge(scene(RED), scene(GREY), MASK, "red bench") is None
    judge = Guard(runtime).judge
    assert judge(scene(RED), scene(GREY), MASK, "  ") is None
    assert judge(scene(RED), scene(GREY), 0 * MASK, "red bench") is None
    assert not runtime.memory().residents


def test_the_first_of_those_that_are_here_is_taken(entry: tuple[Model, Path]) -> None:
    model, folder = entry
    shelf = Shelf({"other": (describe("other", "open_clip", folder), None), "clip": entry})
    assert installed_clip(shelf) == "clip"
    assert installed_clip(Shelf({"clip": (model, None)})) is None


def test_real_classes_give_the_same_verdict_twice(runtime: ModelRuntime) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    first = Guard(runtime).judge(noise, scene(GREY), MASK, "red bench")
    judge = Guard(runtime).judge
    assert first is not None
    assert judge(noise, scene(GREY), MASK, "red bench") == first
    assert judge(noise, scene(GREY), MASK, "red bench") == first
    assert 0 < first.before < 1 and 0 < first.after < 1


def test_words_are_read_once(runtime: ModelRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noting(clip: Any, words: Any, cancel: CancelToken) -> torch.Tensor:
        read.extend(words)
        return embed_words(clip, words, cancel)

    monkeypatch.setattr(guard, "embed_words", noting)
    kept = Guard(runtime)
    for phrase in ("red bench", "red bench", "sky"):
        kept.judge(scene(RED), scene(GREY), MASK, phrase)
    assert sorted(read) == sorted(("red bench", "sky", *THINGS, *BACKGROUND))


def test_the_embeddings_are_those_of_the_model(runtime: ModelRuntime) -> None:
    with runtime.use("clip") as clip, torch.no_grad():
        mean, std = torch.tensor(clip.mean), torch.tensor(clip.std)
        picture = np.random.default_rng(0).integers(0, 256, (*clip.image_size, 3)).astype(np.uint8)
        plain = ((torch.from_numpy(picture) / 255 - mean) / std).permute(2, 0, 1)[None]
        wanted = clip.model.encode_image(plain.float(), normalize=True)
        assert torch.allclose(embed_pictures(clip, [picture], GO_ON), wanted, atol=1e-5)
        tokens = clip.tokenizer(["a photo of a bench."])
        wanted = clip.model.encode_text(tokens, normalize=True)
        assert torch.allclose(embed_words(clip, ["a bench"], GO_ON), wanted, atol=1e-5)


def test_a_model_that_gives_no_numbers(runtime: ModelRuntime) -> None:
    with runtime.use("clip") as clip:
        clip.model.visual.proj.data[:] = float("nan")
    with pytest.raises(EngineError, match="NaN"):
        Guard(runtime).judge(scene(RED), scene(GREY), MASK, "red bench")


def test_it_can_be_cancelled(runtime: ModelRuntime) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        Guard(runtime).judge(scene(RED), scene(GREY), MASK, "red bench", cancel=cancel)


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=5),
    st.lists(st.floats(-100, 100), min_size=1, max_size=5),
)
def test_a_share_is_that_of_a_softmax(things: list[float], rivals: list[float]) -> None:
    found = shares(np.array([things]), np.array([rivals]))
    assert found.shape == (1, len(things))
    for thing, share in zip(things, found[0], strict=True):
        all_of_them = torch.tensor([thing, *rivals], dtype=torch.float64)
        assert share == pytest.approx(float(torch.softmax(all_of_them, 0)[0]), abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_less_of_the_thing_is_never_worse(before: float, after: float) -> None:
    verdict = decide("bench", before, after)
    assert verdict.back or not decide("bench", before, after / 2).back
    assert "bench" in verdict.sentence


@given(st.data())
def test_the_look_holds_the_hole_and_lies_in_the_picture(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 500)), data.draw(st.integers(1, 500))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    hole = Rect(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    look = look_at(hole, Size(width, height))
    assert look.intersect(hole) == hole
    assert look.intersect(Rect(0, 0, width, height)) == look
    if max(hole.width, hole.height) * 2 < min(width, height):
        assert look.width == look.height


def verdicts(**found: tuple[bool, float]) -> Any:
    """What is judged of a picture whose first pixel is the seed."""
    by_seed = {
        int(seed[1:]): Verdict(back, 0.9, after, "") for seed, (back, after) in found.items()
    }
    return lambda picture: by_seed[int(picture[0, 0, 0])]


def painted(seed: int) -> Picture:
    return np.full((2, 2, 3), seed, np.uint8)


def test_a_good_first_try_is_all() -> None:
    tried = best_try(painted, verdicts(s1=(False, 0.1)), [1, 2, 3])
    assert (tried.seed, tried.count, tried.note) == (1, 1, "")


def test_another_seed_is_tried_until_nothing_is_back() -> None:
    judge = verdicts(s1=(True, 0.9), s2=(False, 0.2), s3=(False, 0.0))
    tried = best_try(painted, judge, [1, 2, 3])
    assert (tried.seed, tried.count) == (2, 2)
    assert tried.note == "Something had come back; try 2, with seed 2, is free of it."


def test_the_best_of_bad_tries_is_kept() -> None:
    judge = verdicts(s1=(True, 0.9), s2=(True, 0.7), s3=(True, 0.8))
    tried = best_try(painted, judge, [1, 2, 3])
    assert (tried.seed, tried.count) == (2, 3)
    assert tried.picture[0, 0, 0] == 2
    assert tried.note.startswith("The best of 3 tries was kept.")


def test_nothing_to_judge_by_is_one_try() -> None:
    tried = best_try(painted, lambda picture: None, [4, 5])
    assert (tried.seed, tried.count, tried.verdict, tried.note) == (4, 1, None, "")


def test_an_only_try_that_failed_says_so() -> None:
    tried = best_try(painted, lambda picture: decide("bench", 0.9, 0.8), [4])
    assert tried.note == "There still seems to be “bench” (90% before, 80% now)."
