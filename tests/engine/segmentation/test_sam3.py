"""The SAM 3 engine on a local folder of random weights, in its publisher's layout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ovedit.cli import main
from ovedit.engine.library import Licence, Model, Task
from ovedit.engine.models.catalogue import own_path, save_own
from ovedit.engine.models.library import LocalLibrary
from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.loading import Placement
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.registry import LazyRuntime, default_registry
from ovedit.engine.requests import PRESETS, Point, PointRequest, SegmentRequest, SegmentResult
from ovedit.engine.segmentation import sam3 as room
from ovedit.engine.segmentation.sam3 import Sam3Engine
from ovedit.engine.segmentation.sam3_network import Sam3Pictures, find, look
from ovedit.engine.segmentation.sam3_settings import Sam3Settings, describe, from_options
from ovedit.errors import (
    Cancelled,
    CannotDoError,
    DamagedModelError,
    EngineError,
    EngineMissingError,
    ModelError,
    OutOfMemoryError,
    UsageError,
)
from ovedit.geometry import Rect
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf
from tests.engine.models.runtime.conftest import describe as entry

torch.set_num_threads(1)

ROOT = Path(__file__).parents[3]
ALL: dict[str, Any] = {"score_threshold": "0"}
QUERIES = 5
"""How many things the tiny model proposes."""


def weights(folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
    """Save the model's weights as they are after a change."""
    path = folder / "model.safetensors"
    tensors = {name: change(name, tensor) for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})


def model_of(folder: Path) -> Model:
    return replace(entry("sam3", "transformers.Sam3Model", folder), task=Task.CONCEPTS)


def runtime_of(folder: Path) -> ModelRuntime:
    return ModelRuntime(Shelf({"sam3": (model_of(folder), folder)}), device="cpu")


@pytest.fixture(autouse=True)
def _plain_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sam3"
    torch.manual_seed(0)
    tiny.sam3(folder)
    # Large enough that pictures, words and things differ in what comes out.
    weights(folder, lambda _, tensor: tensor + 0.15 * torch.randn_like(tensor))
    return folder


@pytest.fixture(scope="module")
def runtime(folder: Path) -> ModelRuntime:
    return runtime_of(folder)


@pytest.fixture
def engine(runtime: ModelRuntime) -> Sam3Engine:
    return Sam3Engine(runtime)


@pytest.fixture
def calls(runtime: ModelRuntime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of the model's encoders ran."""
    told: list[str] = []
    with runtime.use("sam3") as sam:
        for name in ("vision_encoder", "text_encoder", "detr_decoder"):
            part, real = getattr(sam.model, name), getattr(sam.model, name).forward

            def counted(*given: Any, name: str = name, real: Any = real, **more: Any) -> Any:
                told.append(name)
                return real(*given, **more)

            monkeypatch.setattr(part, "forward", counted)
    return told


def picture(width: int = 60, height: int = 40) -> np.ndarray:
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = np.random.default_rng(1).integers(0, 255, (height, width, 3))
    pixels[height // 4 : height // 2, width // 4 : width // 2, :3] = (200, 30, 20)
    return pixels


def ask(
    engine: Sam3Engine,
    *phrases: str,
    image: Any = None,
    top_k: int = 3,
    threshold: float | None = None,
    **options: str,
) -> SegmentResult:
    image = picture() if image is None else image
    request = SegmentRequest(image, phrases, top_k=top_k, threshold=threshold, options=options)
    return engine.segment(request, silent, CancelToken())


# -- what is answered ------------------------------------------------------------------------------


def test_all_things_come_first_and_then_each(engine: Sam3Engine) -> None:
    result = ask(engine, "wooden bench", top_k=QUERIES + 1, **ALL)
    (answer,) = result.answers
    assert (answer.found, answer.message, result.engine) == (True, "", "sam3")
    together, *each = answer.candidates
    assert together.label == "wooden bench" and "all 5 of them" in together.reason
    assert [one.label for one in each] == [f"wooden bench {n}" for n in range(1, QUERIES + 1)]
    scores = [one.score for one in each]
    assert scores == sorted(scores, reverse=True) and together.score == scores[0]
    for one in answer.candidates:
        values = one.scores.values
        assert values.shape == (40, 60) and one.scores.rect == Rect(0, 0, 60, 40)
        assert 0 <= values.min() < values.max() <= 1 and one.threshold == 0.5
        assert len(np.unique(values)) > 100, "soft, so that any threshold cuts it"
        assert (together.scores.values >= values - 1e-3).all()
    assert (together.scores.values > each[0].scores.values + 0.01).any()


def test_no_more_candidates_than_asked_for(engine: Sam3Engine) -> None:
    for top_k in (1, 2, 4):
        (answer,) = ask(engine, "bench", top_k=top_k, **ALL).answers
        assert answer.found and len(answer.candidates) == top_k


def scores_of(engine: Sam3Engine, phrase: str) -> list[float]:
    (answer,) = ask(engine, phrase, top_k=QUERIES + 1, **ALL).answers
    return [one.score for one in answer.candidates[1:]]


def test_one_thing_alone_has_no_number(engine: Sam3Engine) -> None:
    first, second, *_ = scores_of(engine, "bench")
    between = str((first + second) / 2)
    (answer,) = ask(engine, "bench", score_threshold=between).answers
    (only,) = answer.candidates
    assert answer.found and only.label == "bench" and "the only one" in only.reason


def test_what_is_not_there_is_a_guess_and_said(engine: Sam3Engine) -> None:
    (answer,) = ask(engine, "unicorn", score_threshold="1").answers
    assert not answer.found
    assert answer.message == "“unicorn” does not seem to be in this picture."
    assert [one.label for one in answer.candidates] == ["unicorn"] * 3
    assert [one.score for one in answer.candidates] == scores_of(engine, "unicorn")[:3]
    assert all("guess" in one.reason for one in answer.candidates)


def test_masks_are_cut_where_it_is_said(engine: Sam3Engine) -> None:
    (answer,) = ask(engine, "bench", mask_threshold=".7", **ALL).answers
    assert {one.threshold for one in answer.candidates} == {0.7}
    (answer,) = ask(engine, "bench", threshold=0.3, mask_threshold=".7", **ALL).answers
    assert {one.threshold for one in answer.candidates} == {0.3}


def test_things_are_those_of_its_publisher(runtime: ModelRuntime) -> None:
    image = picture()
    with runtime.use("sam3") as sam, torch.inference_mode():
        given = sam.processor(images=image[..., :3], text="bench", return_tensors="pt")
        said = sam.model(**given)
        (theirs,) = sam.processor.image_processor.post_process_instance_segmentation(said, 0)
        ours = find(sam, look(sam, image), "bench")
        order = theirs["scores"].argsort(descending=True)
        assert torch.equal(ours.scores, theirs["scores"][order])
        assert torch.equal((ours.logits.sigmoid() > 0.5).long(), theirs["masks"][order])
        assert 0 < int(theirs["masks"].sum()) < theirs["masks"].nelement()


def test_words_and_pictures_matter(runtime: ModelRuntime) -> None:
    with runtime.use("sam3") as sam:
        seen = look(sam, picture())
        bench, tree = find(sam, seen, "bench"), find(sam, seen, "tree")
        assert not torch.allclose(bench.scores, tree.scores)
        dark = find(sam, look(sam, picture() // 4), "bench")
        assert not torch.allclose(bench.logits, dark.logits)


def test_what_is_transparent_is_grey(runtime: ModelRuntime) -> None:
    hidden = picture()
    hidden[..., 3] = 0
    grey = np.full_like(hidden, 128)
    with runtime.use("sam3") as sam:
        seen, expected = look(sam, hidden), look(sam, grey[..., :3])
        assert torch.equal(seen.fpn_hidden_states[0], expected.fpn_hidden_states[0])


# -- what is done only once ------------------------------------------------------------------------


def test_a_second_phrase_runs_only_words_and_decoder(
    engine: Sam3Engine, runtime: ModelRuntime, calls: list[str]
) -> None:
    image = picture()
    ask(engine, "bench", image=image)
    assert calls == ["vision_encoder", "text_encoder", "detr_decoder"]
    calls.clear()
    first = ask(engine, "tree", "sky", image=image.copy(), **ALL)
    assert calls == ["text_encoder", "detr_decoder"] * 2
    fresh = ask(Sam3Engine(runtime), "tree", "sky", image=image, **ALL)
    for kept, new in zip(first.answers, fresh.answers, strict=True):
        for one, other in zip(kept.candidates, new.candidates, strict=True):
            assert one.score == other.score
            assert np.array_equal(one.scores.values, other.scores.values)
    calls.clear()
    other = image.copy()
    other[0, 0, 0] ^= 1
    ask(engine, "bench", image=other)
    assert "vision_encoder" in calls


def test_pictures_are_kept_within_the_budget(runtime: ModelRuntime) -> None:
    pictures, roomy = Sam3Pictures(budget=1), Sam3Pictures()
    with runtime.use("sam3") as sam:
        for width in (10, 20, 30):
            pictures.of(sam, "sam3", picture(width))
            roomy.of(sam, "sam3", picture(width))
    assert (len(pictures), len(roomy)) == (1, 3)


# -- odd input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1), (3, 50), (50, 3)])
def test_thin_pictures_answer_too(engine: Sam3Engine, shape: tuple[int, int]) -> None:
    (answer,) = ask(engine, "bench", image=picture(*shape), **ALL).answers
    for one in answer.candidates:
        assert one.scores.values.ndim == 2 and one.scores.values.size
        assert (one.scores.rect.width, one.scores.rect.height) == shape


def test_rows_are_not_taken_for_channels(runtime: ModelRuntime) -> None:
    column = np.zeros((3, 4, 4), np.uint8)
    column[..., 3] = 255
    column[:, :2, 0] = 255
    with runtime.use("sam3") as sam:
        low = look(sam, column).fpn_hidden_states[0]
        high = look(sam, column.repeat(20, axis=0)).fpn_hidden_states[0]
        assert torch.allclose(low, high, atol=1e-3)


@pytest.mark.parametrize("phrase", ["", "   ", "\u200b"])
def test_an_empty_phrase_is_refused(engine: Sam3Engine, calls: list[str], phrase: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        ask(engine, "bench", phrase)
    assert not calls


def test_long_and_foreign_phrases_are_answered(engine: Sam3Engine) -> None:
    answers = ask(engine, "🌲 дерево", "長椅", "word " * 200, **ALL).answers
    assert all(answer.found for answer in answers)
    notices = [answer.message for answer in answers]
    assert notices[:2] == ["", ""] and "is longer than the model can read" in notices[2]


# -- settings --------------------------------------------------------------------------------------


def test_what_is_told_of_the_settings_is_all_and_reads_back() -> None:
    registry = default_registry()
    for preset in PRESETS:
        lines = describe(preset)
        options = {line.key: line.value for line in lines}
        assert from_options(preset, options) == Sam3Settings()
        assert all(line.meaning and line.why for line in lines)
        told = registry.settings("sam3", preset, {"score-threshold": ".3"})
        assert [line.key for line in told] == [line.key for line in lines]
        assert told[1].value == "0.3" and told[0].choices == ("sam3",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zzz": "1"}, r'no setting "zzz"\. Known are: model, score_threshold'),
        ({"score_threshold": "high"}, r'score_threshold is "high"\. It must be a number from 0 to'),
        ({"mask_threshold": "2"}, "a number from 0 to 1"),
        ({"model": " "}, "a name"),
    ],
)
def test_a_wrong_setting_is_told(engine: Sam3Engine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(engine, "bench", **options)


def test_a_model_of_another_kind_is_refused(folder: Path) -> None:
    other = replace(model_of(folder), id="clip", title="CLIP", task=Task.TEXT_IMAGE)
    engine = Sam3Engine(ModelRuntime(Shelf({"clip": (other, folder)}), device="cpu"))
    with pytest.raises(UsageError, match='model is "clip", and CLIP is no SAM 3'):
        ask(engine, "bench", model="clip")
    with pytest.raises(ModelError, match="sam4"):
        ask(engine, "bench", model="sam4")


def test_what_is_known_beforehand_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "import ovedit.engine.segmentation.sam3_info, ovedit.engine.segmentation.sam3_settings\n"
        "from ovedit.engine.registry import default_registry\n"
        "default_registry().engines()\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# -- cancelling, memory, number formats ------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "ran"),
    [
        ("Looking at the picture", []),
        ("Finding “bench”", ["vision_encoder"]),
        ("Finding “tree”", ["vision_encoder", "text_encoder", "detr_decoder"]),
    ],
)
def test_a_cancelled_job_asks_the_model_nothing_more(
    engine: Sam3Engine, calls: list[str], last: str, ran: list[str]
) -> None:
    cancel = CancelToken()

    def stop(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        if step == last:
            cancel.cancel()

    request = SegmentRequest(picture(), ("bench", "tree"))
    with pytest.raises(Cancelled):
        engine.segment(request, stop, cancel)
    assert calls == ran


def test_a_look_stops_before_the_next_layer(runtime: ModelRuntime, calls: list[str]) -> None:
    cancel, pictures = CancelToken(), Sam3Pictures()

    def stop(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        if fraction > 0:
            cancel.cancel()

    with runtime.use("sam3") as sam:
        with pytest.raises(Cancelled):
            pictures.of(sam, "sam3", picture(), stop, cancel)
        assert calls == ["vision_encoder"] and not len(pictures)
        assert pictures.of(sam, "sam3", picture()) and len(pictures) == 1


def test_progress_rises_to_the_end(folder: Path) -> None:
    seen: list[float] = []

    def note(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        seen.append(fraction)

    Sam3Engine(runtime_of(folder)).segment(
        SegmentRequest(picture(), ("bench", "tree")), note, CancelToken()
    )
    assert seen == sorted(seen) and (seen[0], seen[-1]) == (0, 1)


def test_memory_that_does_not_suffice_is_told(
    engine: Sam3Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(room, "find", full)
    with pytest.raises(OutOfMemoryError, match="Tiny sam3 does not fit into the memory"):
        ask(engine, "bench")


@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
def test_half_the_numbers_give_much_the_same(runtime: ModelRuntime, folder: Path) -> None:
    plan = MemoryPlan(Placement("cpu", "bfloat16"))
    # Some virtual machines announce instructions for it that they do not carry out.
    plain = torch.backends.mkldnn.flags(enabled=False)
    with plain, runtime_of(folder).use("sam3", plan=plan) as half, runtime.use("sam3") as whole:
        image = picture()
        rough, exact = (find(sam, look(sam, image), "bench") for sam in (half, whole))
    assert rough.logits.dtype == rough.scores.dtype == torch.float32
    assert torch.allclose(rough.scores, exact.scores, atol=0.05)


# -- weights that are missing or wrong -------------------------------------------------------------


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LazyRuntime:
    """A computer without models."""
    monkeypatch.setattr("ovedit.engine.models.store.hub_cache", lambda: tmp_path)
    return LazyRuntime(LocalLibrary(offline=True), device="cpu")


def test_without_its_weights_it_says_whose_terms_to_accept(absent: LazyRuntime) -> None:
    registry = default_registry(absent)
    known = {info.name: info for info in registry.engines()}
    assert not known["sam3"].available and known["sam3"].needs.startswith("SAM 3 (3.4")
    assert known["basic"].available
    request = SegmentRequest(picture(), ("bench",))
    with pytest.raises(EngineMissingError) as caught:
        registry.answer("sam3", request, silent, CancelToken())
    assert caught.value.message.startswith("The engine SAM 3 needs SAM 3 (3.4")
    assert caught.value.hint.startswith(
        "Accept its terms (SAM License) on https://huggingface.co/facebook/sam3, then log in"
    )
    assert "`ovedit models get sam3`" in caught.value.hint
    assert caught.value.models == ("sam3",)
    assert registry.answer("basic", request, silent, CancelToken())


def test_it_takes_no_clicks(absent: LazyRuntime) -> None:
    with pytest.raises(CannotDoError, match='"sam3" cannot select by clicks'):
        default_registry(absent).answer(
            "sam3", PointRequest(picture(), (Point(1, 1),)), silent, CancelToken()
        )


def test_the_command_line_says_it_in_one_line(
    tmp_path: Path, absent: LazyRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture()[..., :3]).save(tmp_path / "photo.png")
    words = ["select", str(tmp_path / "photo.png"), "-p", "bench", "--engine", "sam3"]
    assert main(words, provider=default_registry(absent)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "SAM License" in line and "ovedit models get sam3" in line
    assert main(["info"], provider=default_registry(absent)) == 0
    assert "sam3: SAM 3; select; not installed, needs SAM 3 (3.4" in capsys.readouterr().out


def test_a_model_of_ones_own_answers_on_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licence = Licence("SAM License", "https://example.org/licence", gated=True)
    mine = replace(model_of(folder), id="my-sam3", title="My SAM 3", licence=licence)
    save_own(own_path(), models=[mine])
    Image.fromarray(picture()[..., :3]).save(tmp_path / "photo.png")
    words = ["select", str(tmp_path / "photo.png"), "-p", "bench", "--engine", "sam3", "--json"]
    words += ["--set", "model=my-sam3", "--set", "score_threshold=0"]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "My SAM 3" in line and "Accept its terms (SAM License)" in line
    assert main(["models", "add", str(folder)]) == 0
    capsys.readouterr()
    assert main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)["phrases"]
    (mask,) = found["masks"]
    assert found["found"] and len(mask["candidates"]) == 3


def test_a_file_cut_short_is_named(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "sam3"))
    path = broken / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DamagedModelError, match=r"model\.safetensors"):
        ask(Sam3Engine(runtime_of(broken)), "bench")


def test_weights_that_are_no_numbers_are_told(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "sam3"))
    weights(broken, lambda name, tensor: tensor * torch.nan if "mask_decoder" in name else tensor)
    with pytest.raises(EngineError, match=r"gives no numbers\. Check its files"):
        ask(Sam3Engine(runtime_of(broken)), "bench")


def test_a_folder_without_the_processor_is_told(folder: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "sam3"))
    (bare / "processor_config.json").unlink()
    with pytest.raises(ModelError, match=r"lacks processor_config\.json"):
        ask(Sam3Engine(runtime_of(bare)), "bench")
