"""The text bank: what words are in the space that CLIP shares between pictures and words.

A text is put into every sentence of a template set; their embeddings are normalised, averaged and
normalised again (Radford et al. 2021, section 3.1.4). What was read once is kept, in memory and on
the disk, so that the text encoder runs only for new words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from ovedit.engine.library import Model
from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.segmentation import text_store
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.templates import BARE, PLAIN, TEMPLATES, fill
from ovedit.engine.segmentation.text_encoder import encode
from ovedit.engine.segmentation.text_store import Row
from ovedit.errors import FileError, UsageError
from ovedit.settings import cache_folder

_LONGEST = 2000


@dataclass(frozen=True, eq=False)
class Embedded:
    """Texts as CLIP has them: values (n, c), float32 on the CPU, each L2-normalised.

    notices: sentences for the person, about texts that were too long and the like.
    """

    values: torch.Tensor
    notices: tuple[str, ...] = ()


def bank_key(model: Model, dtype: str) -> str:
    """What tells the embeddings of one model from those of another."""
    files = ",".join(f"{file.path}:{file.size}:{file.sha256}" for file in model.files)
    return f"{model.id}@{model.revision}/{dtype}/{files}"


def clean_phrase(text: str) -> str:
    """A phrase as it is looked up: composed Unicode, single spaces, no control characters.

    Raises `UsageError` where nothing is left of it.
    """
    # Far more than a model reads; long words take the tokenizer the square of their length.
    composed = unicodedata.normalize("NFC", text[:_LONGEST].encode("utf-8", "ignore").decode())
    spaced = "".join(" " if unicodedata.category(mark) == "Cc" else mark for mark in composed)
    phrase = " ".join(spaced.split())
    # Joiners and marks of direction are letters to nobody.
    if all(mark == " " or unicodedata.category(mark) == "Cf" for mark in phrase):
        raise UsageError("The phrase is empty.", 'Type what to look for, such as "wooden bench".')
    return phrase


class TextBank:
    """Embeddings of texts, made when first asked for; belongs on the thread that owns the models.

    key: what `bank_key` says of the model. use: opens the model for the length of a block, and is
    called only where a text is not known yet. folder: where they are kept, by default a folder of
    the cache.
    """

    def __init__(
        self,
        key: str,
        use: Callable[[], AbstractContextManager[ClipModel]],
        folder: Path | None = None,
    ) -> None:
        self._key = key
        self._use = use
        self._folder = cache_folder() / "texts" if folder is None else folder
        self._kept: dict[str, dict[str, Row]] = {}
        self._unsaved: set[str] = set()

    def embed(
        self,
        texts: Sequence[str],
        templates: str,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Embedded:
        """The embeddings of texts under a template set of `templates.TEMPLATES`.

        Raises `EngineError` where the model gives no numbers, `Cancelled`, and what opening the
        model raises. Where they cannot be kept on the disk, a notice says so.
        """
        kept = self._rows(templates)
        notices: list[str] = []
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        fresh = self._read(new, templates, progress, cancel or CancelToken()) if new else {}
        found = {text: fresh[text] if text in fresh else kept[text] for text in texts}
        for text, row in found.items():
            # What was asked for last goes last.
            kept.pop(text, None)
            kept[text] = row
        for text in list(kept)[: -text_store.MOST_ROWS]:
            del kept[text]
        if fresh or templates in self._unsaved:
            self._unsaved.discard(templates)
            try:
                text_store.write(self._path(templates), kept)
            except FileError as error:
                notices.append(f"What the words mean could not be kept for later: {error}")
        notices += [too_long(text) for text, row in found.items() if row.cut]
        if not texts:
            return Embedded(torch.empty(0, 0))
        values = torch.stack([torch.from_numpy(found[text].values) for text in texts])
        return Embedded(values, tuple(notices))

    def phrases(
        self,
        phrases: Sequence[str],
        settings: SegmentationSettings,
        define: Callable[[str], str] | None = None,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> list[Embedded]:
        """For each phrase the rows that stand for it: one, or one a synonym where they compete.

        define: gives a word's definition, or an empty text. ITACLIP mixes it in: (1 - α) t + α d,
        normalised again (Aydın et al. 2024). Raises like `embed`.
        """
        groups = [alternatives(phrase, settings) for phrase in phrases]
        words = [word for group in groups for word in group]
        embedded = self.embed(words, settings.templates, progress, cancel)
        values = embedded.values
        if define is not None and settings.variant.definition_weight and words:
            texts = {row: text for row, word in enumerate(words) if (text := define(word))}
            known = self.embed(list(texts.values()), BARE, progress, cancel).values
            values = _mixed(values, list(texts), known, settings.variant.definition_weight)
        answers: list[Embedded] = []
        for group in groups:
            start = sum(len(each) for each in groups[: len(answers)])
            rows = values[start : start + len(group)]
            if settings.synonym_mode == "average":
                rows = functional.normalize(rows.mean(dim=0, keepdim=True), dim=-1)
            answers.append(Embedded(rows, embedded.notices if not answers else ()))
        return answers

    def blank(self) -> torch.Tensor:
        """(c,) the embedding of nothing said, which CLIP Surgery takes off a single phrase."""
        return self.embed([""], BARE).values[0]

    def _rows(self, templates: str) -> dict[str, Row]:
        if templates not in self._kept:
            self._kept[templates] = text_store.read(self._path(templates))
        return self._kept[templates]

    def _path(self, templates: str) -> Path:
        return text_store.store_path(self._folder, self._key, templates)

    def _read(
        self, texts: Sequence[str], templates: str, progress: Progress, cancel: CancelToken
    ) -> dict[str, Row]:
        sentences = [sentence for text in texts for sentence in fill(templates, text)]
        with self._use() as clip:
            values, cut = encode(clip, sentences, progress, cancel)
        count = len(TEMPLATES[templates])
        grouped = values.view(len(texts), count, -1)
        if TEMPLATES[templates][0] == TEMPLATES[PLAIN][0]:
            # The first sentence of a larger set is all of the smallest, which ranking asks for.
            plain = self._rows(PLAIN)
            self._unsaved.add(PLAIN)
            for i, text in enumerate(texts):
                plain.setdefault(text, Row(grouped[i, 0].numpy(), cut[i * count]))
        means = functional.normalize(grouped.mean(dim=1), dim=-1)
        return {
            text: Row(means[i].numpy(), any(cut[i * count : (i + 1) * count]))
            for i, text in enumerate(texts)
        }


def alternatives(phrase: str, settings: SegmentationSettings) -> tuple[str, ...]:
    """The phrase and its synonyms in the settings, the phrase first."""
    folded = phrase.casefold()
    for group in settings.synonyms:
        if folded in (word.casefold() for word in group):
            return (phrase, *(word for word in group if word.casefold() != folded))
    return (phrase,)


def _mixed(
    values: torch.Tensor, rows: list[int], texts: torch.Tensor, weight: float
) -> torch.Tensor:
    """The values with these rows moved towards the texts."""
    if not rows:
        return values
    mixed = values.clone()
    mixed[rows] = functional.normalize((1 - weight) * values[rows] + weight * texts, dim=-1)
    return mixed


def too_long(text: str) -> str:
    """What is said of a phrase that a model reads only the beginning of."""
    start = text if len(text) <= 40 else f"{text[:40].rstrip()}…"
    return f'"{start}" is longer than the model can read; its end was not used.'
