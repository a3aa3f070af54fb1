"""Odd pictures and phrases and damaged models end in a clear error or a defined result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from ovedit.engine.library import Model
from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.requests import PhraseAnswer, Point, PointRequest, SegmentRequest
from ovedit.engine.segmentation.engine import ClipSamEngine
from ovedit.errors import EngineError, ModelError, OVEditError, UsageError
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe
from tests.engine.segmentation.test_engine import METHODS, REFINEMENTS, SMALL

CLIP, SAM, DINO = "clip-vit-b16-openai", "sam2-tiny", "dino-vit-b8"
LOADERS = {CLIP: "open_clip", SAM: "sam2", DINO: "transformers.ViTModel"}
SIZES = [(1, 1), (1, 10_000)]

Models = dict[str, tuple[Model, Path]]


@pytest.fixture(scope="module", autouse=True)
def _small_sam() -> Iterator[None]:
    """SAM 2 looks at squares of 256 px: sixteen times as fast, with the same weights."""
    read = OmegaConf.load

    def smaller(path: Path) -> Any:
        config = read(path)
        config.model.image_size = 256
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", smaller)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    shelf = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for id, save in ((CLIP, tiny.clip), (SAM, tiny.sam2), (DINO, tiny.dino)):
        save(shelf / id)
    return {id: (describe(id, loader, shelf / id), shelf / id) for id, loader in LOADERS.items()}


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)


@pytest.fixture(scope="module")
def engine(models: Models) -> ClipSamEngine:
    return ClipSamEngine(ModelRuntime(Shelf(models), device="cpu"))


@pytest.fixture(scope="module")
def pictures() -> dict[tuple[int, int], np.ndarray]:
    random = np.random.default_rng(1)
    return {
        (width, height): random.integers(0, 255, (height, width, 4), np.uint8)
        for width, height in [*SIZES, (40, 30)]
    }


Ask = Callable[..., tuple[PhraseAnswer, ...]]


def ask(engine: ClipSamEngine, image: np.ndarray, *phrases: str, **options: str) -> Any:
    request = SegmentRequest(
        image, phrases, options={**SMALL, "auto_negatives": "0", "refine": "none", **options}
    )
    return engine.segment(request, silent, CancelToken()).answers


def check(answers: tuple[PhraseAnswer, ...]) -> None:
    for answer in answers:
        assert answer.candidates
        for candidate in answer.candidates:
            values = candidate.scores.values
            assert values.size and np.isfinite(values).all()
            assert 0 <= values.min() <= values.max() <= 1
            assert 0 <= candidate.score <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_sees_the_smallest_and_the_longest_pictures(
    engine: ClipSamEngine, pictures: Any, method: str, size: tuple[int, int]
) -> None:
    check(ask(engine, pictures[size], "bench", "sky", method=method))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("refine", REFINEMENTS)
def test_every_refinement_draws_in_them(
    engine: ClipSamEngine, pictures: Any, refine: str, size: tuple[int, int]
) -> None:
    loose = dict.fromkeys(("vote_share", "component_iou", "component_area", "agreement"), "0")
    check(ask(engine, pictures[size], "bench", refine=refine, threshold="0", **loose))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_proposals_and_clicks_work_in_them(
    engine: ClipSamEngine, pictures: Any, size: tuple[int, int]
) -> None:
    grids = {"points_per_side": "2", "small_grid": "2", "pred_iou": "0", "stability": "0"}
    check(ask(engine, pictures[size], "bench", strategy="both", min_area="0", **grids))
    middle = Point(size[0] / 2, size[1] / 2)
    request = PointRequest(pictures[size], (middle,), options=SMALL)
    scores = engine.segment_points(request, silent, CancelToken()).candidate.scores
    assert np.isfinite(scores.values).all()


@pytest.mark.parametrize(
    "phrase",
    [
        "🪑", "👩\u200d👩\u200d👧 on a bench", "木のベンチ", "مقعد خشبي", "ไม้", "e\u0301toile",
        "\u202ebench", "a\x00b", "<|endoftext|>", "; drop table", "bench\n\nbench", "\ufb01ne ½ ²",
        "bench\udcff", "%s {} \\",
    ],
)  # fmt: skip
def test_any_text_is_answered_or_refused_in_a_sentence(
    engine: ClipSamEngine, pictures: Any, phrase: str
) -> None:
    try:
        answers = ask(engine, pictures[40, 30], phrase)
    except UsageError as error:
        assert str(error)
    else:
        check(answers)
        assert all(answer.phrase for answer in answers)


@pytest.mark.parametrize("words", [76, 5000])
def test_what_is_too_long_is_cut_with_a_notice(
    engine: ClipSamEngine, pictures: Any, words: int
) -> None:
    (answer,) = ask(engine, pictures[40, 30], "bench " * words)
    check((answer,))
    assert "is longer than the model can read" in answer.message
    (short,) = ask(engine, pictures[40, 30], "bench " * 20)
    assert "longer than" not in short.message


def spoilt(models: Models, id: str, folder: Path, spoil: Callable[[Path], None]) -> Models:
    """The models, with one whose weights were spoilt in a copy."""
    model, place = models[id]
    shutil.copytree(place, folder / id)
    (weights,) = (
        path for path in (folder / id).iterdir() if path.suffix in (".safetensors", ".pt")
    )
    spoil(weights)
    return {**models, id: (model, folder / id)}


def without_numbers(path: Path) -> None:
    if path.suffix == ".pt":
        weights = torch.load(path)
        for tensor in weights["model"].values():
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)
        torch.save(weights, path)
        return
    tensors = load_file(path)
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)
    save_file(tensors, path, {"format": "pt"})


def halved(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


USES = {
    CLIP: {"method": "sclip"},
    SAM: {"method": "sclip", "refine": "sam2-trident", "threshold": "0"},
    DINO: {"method": "proxyclip"},
}


@pytest.mark.parametrize("spoil", [halved, garbage, emptied, gone])
@pytest.mark.parametrize("id", LOADERS)
def test_damaged_weights_are_named_and_nothing_is_lost(
    models: Models, tmp_path: Path, pictures: Any, id: str, spoil: Callable[[Path], None]
) -> None:
    shelf = Shelf(spoilt(models, id, tmp_path, spoil))
    engine = ClipSamEngine(ModelRuntime(shelf, device="cpu"))
    with pytest.raises(ModelError, match=id):
        ask(engine, pictures[40, 30], "bench", **USES[id])
    if spoil is halved:
        # With the right files in their place the same engine goes on.
        shelf.entries.update(models)
        check(ask(engine, pictures[40, 30], "bench", **USES[id]))


@pytest.mark.parametrize(("id", "uses"), [*USES.items(), (SAM, {"method": "trident"})])
def test_weights_that_are_no_numbers_are_named(
    models: Models, tmp_path: Path, pictures: Any, id: str, uses: dict[str, str]
) -> None:
    shelf = Shelf(spoilt(models, id, tmp_path, without_numbers))
    engine = ClipSamEngine(ModelRuntime(shelf, device="cpu"))
    with pytest.raises(EngineError) as caught:
        ask(engine, pictures[40, 30], "bench", **uses)
    assert "number" in str(caught.value) and "ovedit models verify" in str(caught.value)
    blamed = {CLIP: CLIP, SAM: "SAM 2", DINO: DINO}
    assert blamed[id] in str(caught.value)


@pytest.mark.parametrize("id", LOADERS)
def test_a_model_that_is_not_here_is_named(models: Models, pictures: Any, id: str) -> None:
    missing: Any = {**models, id: (models[id][0], None)}
    engine = ClipSamEngine(ModelRuntime(Shelf(missing), device="cpu"))
    with pytest.raises(OVEditError, match=f"{models[id][0].title}"):
        ask(engine, pictures[40, 30], "bench", **USES[id])
