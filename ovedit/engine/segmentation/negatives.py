"""What a phrase is not: the words that compete with it for the picture.

A softmax over one phrase is 1 everywhere, so there have to be others: generic words for
backgrounds, and the everyday nouns that the picture as a whole is nearest to. What is kin to the
phrase (a synonym, a kind of it, what it is a kind of) must not compete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.templates import PLAIN
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.vocabulary import Vocabulary, folded


@dataclass(frozen=True, eq=False)
class Negatives:
    """Words that compete, best candidates first.

    values: (m, c), their embeddings under the settings' templates. competes: (n, m) bool, whether
    each may compete with each of the n phrases.
    """

    words: tuple[str, ...]
    values: torch.Tensor
    competes: torch.Tensor
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Nouns:
    """How near a picture as a whole is to each of some nouns.

    words: nearest first; cosines: (n,) in that order.
    """

    words: tuple[str, ...]
    cosines: torch.Tensor

    def level(self, share: float) -> float:
        """The cosine that this share of the nouns lies under."""
        return float(torch.quantile(self.cosines, share))


def rank_nouns(
    overall: torch.Tensor,
    words: Sequence[str],
    bank: TextBank,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Nouns:
    """Words by their nearness to a picture's overall embedding (c,); at least one word."""
    embedded = bank.embed(words, PLAIN, progress, cancel)
    cosines = embedded.values @ overall.detach().float().cpu()
    order = torch.argsort(cosines, descending=True, stable=True)
    return Nouns(tuple(words[int(index)] for index in order), cosines[order])


def choose_negatives(
    phrases: Sequence[str],
    embeddings: Sequence[torch.Tensor],
    nouns: Nouns,
    bank: TextBank,
    vocabulary: Vocabulary,
    settings: SegmentationSettings,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Negatives:
    """The settings' own negatives, and as many of the nouns as they ask for.

    embeddings: for each phrase the rows (r, c) that stand for it. In semantic mode, where all
    phrases compete together, what is kin to one competes with none.
    """
    together = settings.mode == "semantic"
    define = vocabulary.definition if settings.method == "itaclip" else None
    words: list[str] = []
    rows: list[torch.Tensor] = []
    columns: list[torch.Tensor] = []
    notices: list[str] = []
    taken = set(map(folded, phrases))

    def offer(word: str) -> bool:
        if folded(word) in taken:
            return False
        taken.add(folded(word))
        if word not in ready:
            ready[word] = bank.phrases([word], settings, define, progress, cancel)[0]
        embedded = ready[word]
        row = functional.normalize(embedded.values.mean(dim=0), dim=0)
        competes = torch.tensor(
            [
                not vocabulary.is_kin(word, phrase)
                and float((embedding @ row).max()) < settings.near
                for phrase, embedding in zip(phrases, embeddings, strict=True)
            ]
        )
        if together:
            competes = competes & competes.all()
        if not competes.any():
            return False
        words.append(word)
        rows.append(row)
        columns.append(competes)
        notices.extend(embedded.notices)
        return True

    wanted = settings.auto_negatives
    # Read in one go what will probably be taken.
    likely = [*settings.negatives, *nouns.words[: wanted + wanted // 4]]
    found = bank.phrases(likely, settings, define, progress, cancel)
    ready = dict(zip(likely, found, strict=True))
    for word in settings.negatives:
        offer(word)
    for word in nouns.words:
        if wanted <= 0:
            break
        wanted -= offer(word)
    if not words:
        nothing = torch.empty(0, embeddings[0].shape[1])
        return Negatives((), nothing, torch.empty(len(phrases), 0, dtype=torch.bool))
    return Negatives(
        tuple(words), torch.stack(rows), torch.stack(columns, dim=1), tuple(dict.fromkeys(notices))
    )
