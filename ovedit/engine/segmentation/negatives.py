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
from torch.utils.weak import WeakIdKeyDictionary

from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.templates import PLAIN
from ovedit.engine.segmentation.text import Embedded, TextBank
from ovedit.engine.segmentation.vocabulary import Vocabulary, folded

_RANKED: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""The nouns of the pictures that are kept, by their overall embedding."""


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
    known = _RANKED.get(overall)
    if known is not None and known[0] is words and known[1] is bank:
        return known[2]
    embedded = bank.embed(words, PLAIN, progress, cancel)
    cosines = embedded.values @ overall.detach().float().cpu()
    order = torch.argsort(cosines, descending=True, stable=True)
    nouns = Nouns(tuple(words[int(index)] for index in order), cosines[order])
    _RANKED[overall] = words, bank, nouns
    return nouns


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

    def apart(word: str) -> list[bool]:
        """Whether a word is kin to none of the phrases, so that it may compete with each."""
        kin = [vocabulary.is_kin(word, phrase) for phrase in phrases]
        return [not (any(kin) if together else one) for one in kin]

    def read(some: Sequence[str]) -> None:
        new = [word for word in dict.fromkeys(some) if word not in ready and any(apart(word))]
        found = bank.phrases(new, settings, define, progress, cancel)
        ready.update(zip(new, found, strict=True))

    def offer(word: str, following: Sequence[str]) -> bool:
        if folded(word) in taken:
            return False
        taken.add(folded(word))
        allowed = apart(word)
        if not any(allowed):
            return False
        if word not in ready:
            # One sentence after the other takes far longer than some together.
            read((word, *following))
        embedded = ready[word]
        row = functional.normalize(embedded.values.mean(dim=0), dim=0)
        competes = torch.tensor(
            [
                may and float((embedding @ row).max()) < settings.near
                for may, embedding in zip(allowed, embeddings, strict=True)
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

    ready: dict[str, Embedded] = {}
    wanted = settings.auto_negatives
    # Read in one go what will probably be taken.
    read([*settings.negatives, *nouns.words[: wanted + wanted // 4]])
    for word in settings.negatives:
        offer(word, ())
    for number, word in enumerate(nouns.words, start=1):
        if wanted <= 0:
            break
        wanted -= offer(word, nouns.words[number : number + wanted])
    if not words:
        nothing = torch.empty(0, embeddings[0].shape[1])
        return Negatives((), nothing, torch.empty(len(phrases), 0, dtype=torch.bool))
    return Negatives(
        tuple(words), torch.stack(rows), torch.stack(columns, dim=1), tuple(dict.fromkeys(notices))
    )
