from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import HFTokenizer

from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation import text_encoder, text_store
from ovedit.engine.segmentation.settings import SegmentationSettings, from_options
from ovedit.engine.segmentation.templates import TEMPLATES, fill
from ovedit.engine.segmentation.text import TextBank, bank_key, clean_phrase
from ovedit.engine.segmentation.text_encoder import encode
from ovedit.errors import Cancelled, EngineError, ModelError, UsageError


class Opener:
    """Gives out a model, and counts how often."""

    def __init__(self, clip: ClipModel | None) -> None:
        self.clip = clip
        self.times = 0

    @contextmanager
    def __call__(self) -> Iterator[ClipModel]:
        if self.clip is None:
            raise ModelError("The model is not on this computer.")
        self.times += 1
        yield self.clip


def bank_of(clip: ClipModel | None, folder: Path, key: str = "tiny") -> tuple[TextBank, Opener]:
    opener = Opener(clip)
    return TextBank(key, opener, folder), opener


def by_hand(clip: ClipModel, word: str, templates: str) -> Any:
    """The mean over the templates in NumPy, from the model's own `encode_text`."""
    with torch.no_grad():
        tokens = clip.tokenizer(list(fill(templates, word)))
        values = clip.model.encode_text(tokens).double().numpy()
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    mean = values.mean(axis=0)
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize("templates", TEMPLATES)
def test_an_embedding_is_the_mean_over_its_sentences(
    clip: ClipModel, tmp_path: Path, templates: str
) -> None:
    bank, _ = bank_of(clip, tmp_path)
    found = bank.embed(["dog", "wooden bench"], templates)
    for row, word in enumerate(["dog", "wooden bench"]):
        np.testing.assert_allclose(found.values[row], by_hand(clip, word, templates), atol=1e-6)
    assert found.values.dtype == torch.float32
    assert not found.notices


@pytest.mark.parametrize("pool", ["argmax", "eos", "last"])
@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("causal", [True, False])
def test_cutting_sentences_where_they_end_changes_nothing(
    pool: str, custom: bool, causal: bool
) -> None:
    torch.manual_seed(1)
    vision: Any = {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
    text: Any = {
        "width": 16,
        "heads": 2,
        "layers": 2,
        "pool_type": pool,
        "eos_id": 49407,
        "no_causal_mask": not causal,
    }
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = kind(12, vision, text).eval()
    tiny = ClipModel(model, open_clip.SimpleTokenizer(), (0, 0, 0), (1, 1, 1), (16, 16))
    sentences = ["", "a photo of a dog.", "x " * 100, "bench", "🐕 犬 собака"]
    values, cut = encode(tiny, sentences, silent, CancelToken())
    with torch.no_grad():
        expected = model.encode_text(tiny.tokenizer(sentences), normalize=True)
    torch.testing.assert_close(values, expected, atol=1e-6, rtol=1e-5)
    assert cut == [False, False, True, False, False]


@pytest.mark.parametrize("at_once", [1, 30, 10_000])
def test_sentences_that_begin_alike_are_read_together(
    clip: ClipModel, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(text_encoder, "_TOKENS_AT_ONCE", at_once)
    sentences = [*fill("80", "dog"), *fill("7", "dog house"), *fill("1", "dog")]
    values, _ = encode(clip, sentences, silent, CancelToken())
    with torch.no_grad():
        expected = clip.model.encode_text(clip.tokenizer(sentences), normalize=True)
    torch.testing.assert_close(values, expected, atol=1e-6, rtol=1e-5)


def test_tokenizers_of_transformers(clip: ClipModel, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<pad>", "a", "photo", "dog", "</s>"])}
    backend = Tokenizer(models.WordLevel(words, unk_token="</s>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="</s>"
    ).save_pretrained(tmp_path)
    tokenizer = HFTokenizer(str(tmp_path), context_length=77)
    model = replace(clip, tokenizer=tokenizer)
    sentences = ["a photo", "a " * 77, "a " * 78]
    values, cut = encode(model, sentences, silent, CancelToken())
    assert cut == [False, False, True]
    with torch.no_grad():
        expected = clip.model.encode_text(tokenizer(sentences), normalize=True)
    torch.testing.assert_close(values, expected, atol=1e-6, rtol=1e-5)


def test_templates_are_as_many_as_their_name_says() -> None:
    for name in ("1", "4", "7", "80"):
        sentences = TEMPLATES[name]
        assert len(set(sentences)) == len(sentences) == int(name)
        assert all(sentence.count("{}") == 1 for sentence in sentences)
    assert set(TEMPLATES["1"]) < set(TEMPLATES["4"]) < set(TEMPLATES["7"]) < set(TEMPLATES["80"])


def test_braces_in_a_phrase_are_letters() -> None:
    assert fill("1", "{} and {x}") == ("a photo of a {} and {x}.",)


def test_a_word_is_read_once(clip: ClipModel, tmp_path: Path) -> None:
    bank, opener = bank_of(clip, tmp_path)
    first = bank.embed(["dog", "cat", "dog"], "4").values
    again = bank.embed(["cat"], "4").values
    assert opener.times == 1
    torch.testing.assert_close(first[0], first[2], atol=0, rtol=0)
    torch.testing.assert_close(first[1], again[0], atol=0, rtol=0)
    bank.embed(["cat"], "7")
    assert opener.times == 2


def test_the_first_sentence_of_a_set_is_not_read_again(clip: ClipModel, tmp_path: Path) -> None:
    bank, opener = bank_of(clip, tmp_path)
    bank.embed(["cat", "dog"], "7")
    found = bank.embed(["dog"], "1").values
    assert opener.times == 1
    np.testing.assert_allclose(found[0], by_hand(clip, "dog", "1"), atol=1e-6)
    later, _ = bank_of(None, tmp_path)
    torch.testing.assert_close(later.embed(["dog"], "1").values, found, atol=0, rtol=0)


def test_words_outlast_the_program(clip: ClipModel, tmp_path: Path) -> None:
    long = "very " * 100
    first = bank_of(clip, tmp_path)[0].embed(["dog", long], "4")
    later = bank_of(None, tmp_path)[0].embed([long, "dog"], "4")
    torch.testing.assert_close(first.values, later.values.flip(0), atol=0, rtol=0)
    assert first.notices == later.notices != ()


def test_another_model_has_other_words(clip: ClipModel, tmp_path: Path) -> None:
    bank_of(clip, tmp_path, "a")[0].embed(["dog"], "4")
    with pytest.raises(ModelError):
        bank_of(None, tmp_path, "b")[0].embed(["dog"], "4")


def test_the_key_names_model_revision_number_format_and_files() -> None:
    licence = Licence("MIT", "https://opensource.org/license/mit")
    files = (ModelFile("model.safetensors", 10, "ab"),)
    model = Model("m", "M", Task.TEXT_IMAGE, "open_clip", "o/m", "r1", files, licence, 1, {})
    others = [
        replace(model, id="n"),
        replace(model, revision="r2"),
        replace(model, files=(ModelFile("model.safetensors", 11, "ab"),)),
    ]
    keys = {bank_key(each, "float32") for each in [model, *others]} | {bank_key(model, "bfloat16")}
    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "pickle", "shape", "length", "json"])
def test_a_damaged_file_is_made_again(clip: ClipModel, tmp_path: Path, damage: str) -> None:
    bank, _ = bank_of(clip, tmp_path)
    expected = bank.embed(["dog"], "4").values
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "empty":
        data.clear()
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "flipped":
        data[data.index(np.float32(expected[0, 0]).tobytes())] ^= 1
    else:
        values, cut = expected.numpy(), np.zeros(1, bool)
        parts: dict[str, Any] = {
            "pickle": (np.array([{"x": 1}], object), cut, b'["dog"]'),
            "shape": (values[0], cut, b'["dog"]'),
            "length": (values, cut, b'["dog", "cat"]'),
            "json": (values, cut, b'["dog"'),
        }
        values, cut, texts = parts[damage]
        stream = io.BytesIO()
        np.savez(stream, values=values, cut=cut, texts=np.frombuffer(texts, np.uint8))
        data = bytearray(stream.getvalue())
    path.write_bytes(data)
    again, opener = bank_of(clip, tmp_path)
    torch.testing.assert_close(again.embed(["dog"], "4").values, expected, atol=0, rtol=0)
    assert opener.times == 1
    assert bank_of(None, tmp_path)[0].embed(["dog"], "4").values.shape == expected.shape


def test_a_file_that_unpacks_to_too_much_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", bytes(100_000_000))
    assert text_store.read(path) == {}


def test_the_file_is_bounded_and_the_oldest_go(
    clip: ClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_store, "MOST_ROWS", 3)
    bank, opener = bank_of(clip, tmp_path)
    assert len(bank.embed(["a", "b", "c", "d"], "1").values) == 4
    bank.embed(["b"], "1")
    bank.embed(["e"], "1")
    later, _ = bank_of(None, tmp_path)
    later.embed(["d", "b", "e"], "1")
    with pytest.raises(ModelError):
        later.embed(["c"], "1")
    opened = opener.times
    bank.embed(["a"], "1")
    assert opener.times == opened + 1


def test_files_are_bounded(
    clip: ClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_store, "MOST_FILES", 2)
    for key in "abcd":
        bank_of(clip, tmp_path, key)[0].embed(["dog"], "1")
    assert len(list(tmp_path.iterdir())) == 2
    bank_of(None, tmp_path, "d")[0].embed(["dog"], "1")


def test_a_folder_that_cannot_be_written_is_told(clip: ClipModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bank, _ = bank_of(clip, tmp_path / "file" / "texts")
    found = bank.embed(["dog"], "1")
    assert len(found.values) == 1
    assert "could not be kept" in found.notices[0]


def test_phrases_over_77_tokens_are_cut_with_a_notice(clip: ClipModel, tmp_path: Path) -> None:
    bank, _ = bank_of(clip, tmp_path)
    fits, long = "very " * 75, "very " * 76
    assert not bank.embed([fits], "bare").notices
    (notice,) = bank.embed([long, "dog"], "bare").notices
    assert notice.startswith('"very very')
    assert "its end was not used" in notice
    assert len(notice) < 120


@pytest.mark.parametrize("phrase", ["🐕", "木製のベンチ", "скамейка", "مقعد خشبي", "a\ud800b", "§"])
def test_any_script_is_read(clip: ClipModel, tmp_path: Path, phrase: str) -> None:
    found = bank_of(clip, tmp_path)[0].embed([clean_phrase(phrase)], "4").values
    assert torch.isfinite(found).all()
    assert float(found.norm()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("phrase", ["", "   ", "\n\t", "\u200b", "\u200d \u200e", "\x00"])
def test_an_empty_phrase_is_an_error(phrase: str) -> None:
    with pytest.raises(UsageError, match="The phrase is empty"):
        clean_phrase(phrase)


def test_phrases_are_looked_up_in_one_form() -> None:
    assert clean_phrase("  wooden\n  bench\x00 ") == "wooden bench"
    assert clean_phrase("cafe\u0301") == "caf\u00e9"


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    try:
        phrase = clean_phrase(text)
    except UsageError:
        return
    assert phrase and clean_phrase(phrase) == phrase


def test_synonyms_are_averaged(clip: ClipModel, tmp_path: Path) -> None:
    bank, _ = bank_of(clip, tmp_path)
    settings = from_options("balanced", {"synonyms": "Sofa, couch, settee", "templates": "4"})
    sofa, dog = bank.phrases(["sofa", "dog"], settings)
    words = np.stack([by_hand(clip, word, "4") for word in ("sofa", "couch", "settee")])
    mean = words.mean(axis=0)
    np.testing.assert_allclose(sofa.values, [mean / np.linalg.norm(mean)], atol=1e-6)
    np.testing.assert_allclose(dog.values, [by_hand(clip, "dog", "4")], atol=1e-6)


def test_synonyms_that_compete_keep_their_rows(clip: ClipModel, tmp_path: Path) -> None:
    bank, _ = bank_of(clip, tmp_path)
    settings = from_options(
        "fast", {"synonyms": "sofa, couch", "synonym_mode": "sum", "templates": "1"}
    )
    (couch,) = bank.phrases(["Couch"], settings)
    words = [by_hand(clip, word, "1") for word in ("Couch", "sofa")]
    np.testing.assert_allclose(couch.values, words, atol=1e-6)


def test_a_definition_is_mixed_in(clip: ClipModel, tmp_path: Path) -> None:
    bank, _ = bank_of(clip, tmp_path)
    settings = from_options("fast", {"definition_weight": ".2", "templates": "4"})
    known = {"bench": "a long seat for several people"}
    bench, dog = bank.phrases(["bench", "dog"], settings, lambda word: known.get(word, ""))
    mixed = 0.8 * by_hand(clip, "bench", "4") + 0.2 * by_hand(clip, known["bench"], "bare")
    np.testing.assert_allclose(bench.values, [mixed / np.linalg.norm(mixed)], atol=1e-6)
    np.testing.assert_allclose(dog.values, [by_hand(clip, "dog", "4")], atol=1e-6)


def test_all_phrases_are_read_in_one_go(clip: ClipModel, tmp_path: Path) -> None:
    bank, opener = bank_of(clip, tmp_path)
    bank.phrases(["a", "b", "c"], SegmentationSettings(templates="1"))
    assert opener.times == 1


def test_reading_words_can_be_cancelled(clip: ClipModel, tmp_path: Path) -> None:
    bank, _ = bank_of(clip, tmp_path)
    token = CancelToken()
    seen: list[float] = []

    def progress(fraction: float, step: str = "", preview: object = None) -> None:
        seen.append(fraction)
        token.cancel()

    with pytest.raises(Cancelled):
        bank.embed([f"word {number}" for number in range(40)], "80", progress, token)
    assert seen == [0]
    assert not list(tmp_path.iterdir())


def test_a_model_that_gives_no_numbers(clip: ClipModel, tmp_path: Path) -> None:
    model = open_clip.CLIP(
        8,
        {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},  # type: ignore[arg-type]
        {"width": 16, "heads": 2, "layers": 1},  # type: ignore[arg-type]
    )
    torch.nn.init.constant_(model.ln_final.weight, float("nan"))
    bank, _ = bank_of(replace(clip, model=model), tmp_path)
    with pytest.raises(EngineError, match="gives no numbers"):
        bank.embed(["dog"], "1")
    assert not list(tmp_path.iterdir())
