from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.segmentation import text_store
from ovedit.engine.segmentation.negatives import (
    Negatives,
    Nouns,
    choose_negatives,
    rank_nouns,
)
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.text_store import Row
from ovedit.engine.segmentation.vocabulary import Section, Vocabulary, folded, load_vocabulary
from ovedit.errors import SettingsError

SETTINGS = SegmentationSettings(templates="1", negatives=(), auto_negatives=3)
SMALL = Vocabulary(
    (
        Section(("animal",), ("dog", "cat", "horse")),
        Section(("furniture",), ("bench", "park bench", "chair")),
    )
)


def bank_with(folder: Path, vectors: Mapping[str, tuple[float, ...]]) -> TextBank:
    """A bank that knows these words under the set "1", and has no model to ask for others."""

    def closed() -> None:
        raise AssertionError("the text encoder was asked")

    rows = {}
    for word, vector in vectors.items():
        values = np.array(vector, np.float32)
        rows[word] = Row(values / np.linalg.norm(values), False)
    text_store.write(text_store.store_path(folder, "k", "1"), rows)
    return TextBank("k", closed, folder)  # type: ignore[arg-type]


def chosen(
    bank: TextBank, phrases: list[str], words: tuple[str, ...], settings: SegmentationSettings
) -> Negatives:
    embeddings = [each.values for each in bank.phrases(phrases, settings)]
    nouns = Nouns(words, torch.zeros(len(words)))
    return choose_negatives(phrases, embeddings, nouns, bank, SMALL, settings)


def test_nouns_are_ranked_by_the_whole_picture(tmp_path: Path) -> None:
    bank = bank_with(tmp_path, {"dog": (1, 0), "cat": (1, 1), "bench": (0, 1), "car": (-1, 0)})
    nouns = rank_nouns(torch.tensor([1.0, 0.0]), ("bench", "cat", "car", "dog"), bank)
    assert nouns.words == ("dog", "cat", "bench", "car")
    torch.testing.assert_close(nouns.cosines, torch.tensor([1, 0.5**0.5, 0, -1]))
    assert nouns.level(0.5) == pytest.approx(0.5**0.5 / 2)
    assert nouns.level(1) == pytest.approx(1)


def test_own_words_come_first_then_as_many_nouns_as_asked_for(tmp_path: Path) -> None:
    vectors = np.eye(8)
    words = ("sky", "dog", "cat", "horse", "bench", "chair", "query")
    bank = bank_with(tmp_path, {word: tuple(vectors[i]) for i, word in enumerate(words)})
    settings = replace(SETTINGS, negatives=("sky", "dog"), auto_negatives=2)
    found = chosen(bank, ["query"], ("dog", "horse", "cat", "chair"), settings)
    assert found.words == ("sky", "dog", "horse", "cat")
    np.testing.assert_array_equal(found.values, vectors[[0, 1, 3, 2]])
    assert found.competes.tolist() == [[True] * 4]


def test_near_neighbours_are_left_out(tmp_path: Path) -> None:
    bank = bank_with(
        tmp_path, {"sofa": (1, 0), "couch": (1, 0.45), "dog": (1, 0.55), "cat": (0, 1)}
    )
    settings = replace(SETTINGS, near=0.9)
    assert chosen(bank, ["sofa"], ("couch", "dog", "cat"), settings).words == ("dog", "cat")
    settings = replace(SETTINGS, near=0.95)
    assert chosen(bank, ["sofa"], ("couch", "dog", "cat"), settings).words[0] == "couch"


def test_together_a_neighbour_of_one_phrase_competes_with_none(tmp_path: Path) -> None:
    bank = bank_with(
        tmp_path, {"sofa": (1, 0, 0), "lamp": (0, 1, 0), "couch": (1, 0.1, 0), "cat": (0, 0, 1)}
    )
    together = chosen(bank, ["sofa", "lamp"], ("couch", "cat"), SETTINGS)
    assert together.words == ("cat",) and together.competes.tolist() == [[True], [True]]
    alone = chosen(bank, ["sofa", "lamp"], ("couch", "cat"), replace(SETTINGS, mode="independent"))
    assert alone.words == ("couch", "cat")
    assert alone.competes.tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize(
    ("phrase", "kin"),
    [
        ("bench", {"bench", "park bench"}),
        ("a wooden bench", {"bench", "park bench"}),
        ("Benches", {"bench", "park bench"}),
        ("the bench next to a dog", {"bench", "park bench"}),
        ("park bench", {"bench", "park bench"}),
        ("furniture", {"bench", "park bench", "chair"}),
        ("garden furniture", {"bench", "park bench", "chair"}),
        ("animals", {"dog", "cat", "horse"}),
        ("puppy dog", {"dog"}),
        ("car", set()),
        ("🐕", set()),
    ],
)
def test_what_is_kin_to_a_phrase(phrase: str, kin: set[str]) -> None:
    assert {word for word in SMALL.words if SMALL.is_kin(word, phrase)} == kin


def test_the_name_of_a_kind_is_kin_to_its_words() -> None:
    assert SMALL.is_kin("furniture", "park bench")
    assert not SMALL.is_kin("animal", "park bench")


def test_together_what_is_kin_to_one_phrase_competes_with_none(tmp_path: Path) -> None:
    words = ("dog", "bench", "cat", "chair", "poodle dog", "garden bench")
    bank = bank_with(tmp_path, {word: tuple(np.eye(6)[i]) for i, word in enumerate(words)})
    phrases = ["poodle dog", "garden bench"]
    ranked = ("dog", "bench", "cat", "chair")
    together = chosen(bank, phrases, ranked, replace(SETTINGS, mode="semantic"))
    assert together.words == ("cat", "chair")
    alone = chosen(bank, phrases, ranked, replace(SETTINGS, mode="independent"))
    assert alone.words == ("dog", "bench", "cat")
    assert alone.competes.tolist() == [[False, True, True], [True, False, True]]


def test_there_may_be_no_negatives(tmp_path: Path) -> None:
    bank = bank_with(tmp_path, {"dog": (1, 0, 0)})
    found = chosen(bank, ["dog"], ("dog",), SETTINGS)
    assert found.words == ()
    assert found.values.shape == (0, 3)
    assert found.competes.shape == (1, 0)


def test_negatives_have_synonyms_and_definitions_too(clip: ClipModel, tmp_path: Path) -> None:
    from tests.engine.segmentation.test_text import bank_of, by_hand

    bank, opener = bank_of(clip, tmp_path)
    settings = replace(
        SETTINGS, method="itaclip", synonyms=(("cat", "kitten"),), templates="4", near=1
    )
    embeddings = [each.values for each in bank.phrases(["car"], settings, SMALL.definition)]
    nouns = Nouns(("cat",), torch.zeros(1))
    found = choose_negatives(["car"], embeddings, nouns, bank, SMALL, settings)
    definition = by_hand(clip, "cat, a kind of animal", "bare")
    cat = 0.9 * by_hand(clip, "cat", "4") + 0.1 * definition
    mean = cat / np.linalg.norm(cat) + by_hand(clip, "kitten", "4")
    np.testing.assert_allclose(found.values, [mean / np.linalg.norm(mean)], atol=1e-6)
    assert opener.times == 3


def test_our_vocabulary() -> None:
    vocabulary = load_vocabulary()
    assert 1000 <= len(vocabulary.words) <= 2000
    assert len(set(map(folded, vocabulary.words))) > 0.99 * len(vocabulary.words)
    assert {"bench", "remote control", "sofa", "cat"} <= set(vocabulary.words)
    assert all(word == " ".join(word.split()) and len(word) > 1 for word in vocabulary.words)
    assert vocabulary.definition("bench") == "bench, a kind of furniture"
    assert vocabulary.definition("no such thing") == ""


def test_a_person_adds_words_and_takes_some_out(tmp_path: Path) -> None:
    own = tmp_path / "everyday.txt"
    own.write_text("# mine\n[tool]\nspokeshave, froe\n[anything]\n-Bench, -cats\n", "utf-8")
    vocabulary = load_vocabulary(own)
    assert {"spokeshave", "froe"} <= set(vocabulary.words)
    assert not {"bench", "cat", "-Bench"} & set(vocabulary.words)
    assert vocabulary.is_kin("froe", "tools")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"froe\n", "Line 1 .* comes before the first"),
        (b"\n[tool\nfroe\n", r"Line 2 .* is no \[kind"),
        (b"[]\n", "Line 1"),
        (b"[tool]\n\xff\n", "cannot be read"),
    ],
)
def test_a_word_list_that_is_wrong(tmp_path: Path, text: bytes, message: str) -> None:
    own = tmp_path / "everyday.txt"
    own.write_bytes(text)
    with pytest.raises(SettingsError, match=message):
        load_vocabulary(own)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("Benches", "bench"),
        ("berries", "berry"),
        ("glass", "glass"),
        ("leaves", "leaf"),
        ("fallen  LEAVES", "fallen leaf"),
        ("bus", "bus"),
        ("T-shirts", "t-shirt"),
        ("!!", ""),
    ],
)
def test_words_meet_under_one_key(word: str, key: str) -> None:
    assert folded(word) == key
