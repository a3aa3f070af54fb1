"""From features and words to probabilities.

`compare` is the matrix product of a picture's features with the words: it needs the text bank, but
no picture encoder. What it gives is small and answers everything after it without any encoder:
phrases and negatives switched off, another scale, temperature or mode.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import interpolate

from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.segmentation.negatives import choose_negatives, rank_nouns
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.templates import PLAIN
from ovedit.engine.segmentation.text import TextBank, clean_phrase
from ovedit.engine.segmentation.values import FeatureMap, Probabilities
from ovedit.engine.segmentation.vocabulary import Vocabulary, load_vocabulary
from ovedit.errors import EngineError, UsageError
from ovedit.geometry import Size

MOST_RIVALS = 5
_ANYTHING = "thing"
"""What a phrase is measured against where there are no other words."""
_ROOM = 1 << 26
"""Numbers in a map of all words at once, at most."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """How near every place of a picture is to every phrase and negative.

    The k rows are those of the phrases, then those of the negatives, then the one of an empty text.
    cosines: (k, h, w) of the blended features; overall: (k,) of the whole picture.
    owners: for each row of a phrase, the number of the phrase.
    competes: (n, m) bool, whether each negative competes with each phrase.
    presence: (n,) in [0, 1], see `presence`.
    regions: those of `FeatureMap`, which vote on their labels; see `voted`.
    """

    phrases: tuple[str, ...]
    negatives: tuple[str, ...]
    cosines: torch.Tensor
    overall: torch.Tensor
    owners: tuple[int, ...]
    competes: torch.Tensor
    presence: torch.Tensor
    notices: tuple[str, ...] = ()
    regions: torch.Tensor | None = None

    def probabilities(
        self,
        settings: SegmentationSettings,
        off: Collection[str] = (),
        without: Collection[str] = (),
    ) -> Probabilities:
        """The phrases' probabilities; runs no encoder.

        off: phrases that take no part and get 0 everywhere. without: negatives that take no part.
        In semantic mode all compete for each place; in independent mode each phrase competes with
        its negatives alone. Where nothing competes with a phrase, the empty text does. Where
        regions vote, the maps are as fine as they are.
        """
        count, on = len(self.phrases), [phrase not in off for phrase in self.phrases]
        cosines, regions = self._fine(settings)
        values = cosines.new_zeros(count, *cosines.shape[1:])
        rivals: list[tuple[str, ...]] = [()] * count
        # Said twice, it is one phrase: it must not compete with itself.
        first = {phrase: number for number, phrase in reversed([*enumerate(self.phrases)])}
        active = [number for number in sorted(first.values()) if on[number]]
        groups = [active] if settings.mode == "semantic" else [[number] for number in active]
        for group in groups:
            if not group:
                continue
            shares, names = self._compete(cosines, group, settings, without)
            if regions is not None:
                shares = voted(shares, regions)
            values[group] = shares[: len(group)]
            for place, number in enumerate(group):
                rivals[number] = _rivals(shares[place], shares[len(group) :], names)
        same = [first[phrase] for phrase in self.phrases]
        values, rivals = values[same], [rivals[number] for number in same]
        return Probabilities(values, self.presence, tuple(rivals))

    def _fine(self, settings: SegmentationSettings) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The cosines, and the regions (h, w) if they vote, as fine as these then."""
        if self.regions is None or not settings.variant.region_vote:
            return self.cosines, None
        height, width = self.regions.shape
        # Nothing but memory limits how many words there are.
        side = math.isqrt(_ROOM // len(self.cosines))
        size = Size(width, height).within(side)
        shape = size.height, size.width
        cosines = interpolate(self.cosines[None], shape, mode="bilinear")[0]
        # float32 holds whole numbers up to 16 million.
        regions = interpolate(self.regions[None, None].float(), shape, mode="nearest")[0, 0]
        return cosines, regions.long().to(cosines.device)

    def _compete(
        self,
        cosines: torch.Tensor,
        group: Sequence[int],
        settings: SegmentationSettings,
        without: Collection[str],
    ) -> tuple[torch.Tensor, list[str]]:
        """(classes, h, w) shares of the group's phrases and their negatives; the latter's names."""
        negatives = [
            number
            for number, word in enumerate(self.negatives)
            if word not in without and bool(self.competes[group, number].all())
        ]
        rows = [row for row, owner in enumerate(self.owners) if owner in group]
        others = [len(self.owners) + number for number in negatives]
        alone = len(group) == 1 and not others
        if alone:
            others = [len(cosines) - 1]
        chosen = [*rows, *others]
        cosines = cosines[chosen]
        if settings.method == "surgery" and not alone:
            cosines = surgery(cosines, self.overall[chosen])
        shares = torch.softmax(cosines * settings.logit_scale / settings.temperature, dim=0)
        owners = [group.index(self.owners[row]) for row in rows]
        owners += range(len(group), len(group) + len(others))
        classes = gather(shares, owners, largest=settings.synonym_mode == "max")
        if settings.denoise and not alone:
            classes = denoised(classes, settings.denoise_least)
        return classes, [self.negatives[number] for number in negatives]


def compare(
    features: FeatureMap,
    phrases: Sequence[str],
    bank: TextBank,
    settings: SegmentationSettings,
    vocabulary: Vocabulary | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Similarities:
    """The similarities of a picture's features with phrases and the negatives chosen for them.

    Raises `UsageError` for an empty phrase or none, `EngineError` where the features are no
    numbers, and what `TextBank.embed` raises.
    """
    names = tuple(clean_phrase(phrase) for phrase in phrases)
    if not names:
        raise UsageError("No phrase was given.", 'Type what to look for, such as "wooden bench".')
    _check(features)
    vocabulary = load_vocabulary() if vocabulary is None else vocabulary
    define = vocabulary.definition if settings.method == "itaclip" else None
    embedded = bank.phrases(names, settings, define, progress, cancel)
    # Without automatic negatives nobody has to wait until the whole vocabulary is read.
    words = vocabulary.words if settings.auto_negatives else settings.negatives
    nouns = rank_nouns(features.overall, words or (_ANYTHING,), bank, progress, cancel)
    rows = [each.values for each in embedded]
    negatives = choose_negatives(names, rows, nouns, bank, vocabulary, settings, progress, cancel)
    texts = torch.cat([*rows, negatives.values, bank.blank()[None]])
    device = features.values.device
    texts = texts.to(device)
    plain = bank.embed(names, PLAIN, progress, cancel).values @ features.overall.float().cpu()
    level = nouns.level(settings.presence_rank)
    return Similarities(
        names,
        negatives.words,
        torch.einsum("hwc,kc->khw", features.values.float(), texts),
        texts @ features.overall.float(),
        tuple(number for number, each in enumerate(rows) for _ in range(len(each))),
        negatives.competes,
        presence(plain, level, settings).to(device),
        tuple(dict.fromkeys(note for each in (*embedded, negatives) for note in each.notices)),
        features.regions,
    )


def score(
    features: FeatureMap,
    phrases: Sequence[str],
    bank: TextBank,
    settings: SegmentationSettings,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Probabilities:
    """`compare`, then `Similarities.probabilities`, for who wants nothing in between."""
    similarities = compare(features, phrases, bank, settings, None, progress, cancel)
    return similarities.probabilities(settings)


def presence(cosines: torch.Tensor, level: float, settings: SegmentationSettings) -> torch.Tensor:
    """How likely each phrase's thing is in the picture, from cosines with the whole picture.

    It is one half where a phrase is as near to the picture as the noun at `presence_rank` is.
    """
    return torch.sigmoid((cosines - level) * settings.logit_scale / settings.temperature)


def surgery(cosines: torch.Tensor, overall: torch.Tensor) -> torch.Tensor:
    """CLIP Surgery's similarities of many labels (Li et al. 2023), without what all labels share.

    cosines: (k, ...) of each place with each label; overall: (k,) of the whole picture. The paper
    weighs the product of feature and label in every channel by w = softmax(2 · overall), relative
    to its mean, subtracts the labels' mean, and sums over the channels. All of that is linear, so
    it is done on the sums.
    """
    weights = torch.softmax(2 * overall, dim=0)
    weighted = cosines * (weights / weights.mean()).view(-1, *[1] * (cosines.ndim - 1))
    return weighted - weighted.mean(dim=0, keepdim=True)


def gather(shares: torch.Tensor, owners: Sequence[int], *, largest: bool) -> torch.Tensor:
    """(classes, h, w): the shares (k, h, w) of each class's rows, summed or the largest of them."""
    index = torch.tensor(owners, device=shares.device).view(-1, 1, 1).expand_as(shares)
    classes = shares.new_zeros(max(owners) + 1, *shares.shape[1:])
    how = "amax" if largest else "sum"
    return classes.scatter_reduce(0, index, shares, how, include_self=largest)


def denoised(classes: torch.Tensor, least: float) -> torch.Tensor:
    """Classes (k, h, w) with 0 for those that are strong nowhere.

    That is where the largest value of a class is under the median of all classes' largest values,
    or under `least` where the median is lower. The median of an even number is the mean of the two
    in the middle.
    """
    best = classes.flatten(1).amax(dim=1)
    cut = torch.quantile(best, 0.5).clamp(min=least)
    return torch.where((best < cut).view(-1, 1, 1), 0.0, classes)


def voted(classes: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """Classes (k, h, w) after CorrCLIP's correction of the map (Zhang et al. 2025).

    regions: (h, w) of whole numbers. Each pixel votes for its likeliest class; a region takes the
    class with the most votes, of several the first. There, all pixels of a region become that
    label. Here they take the mean shares of those that voted for it: its label is the likeliest
    still, and a threshold takes or leaves the region as a whole. In no region, which is number 0,
    pixels keep their own.
    """
    count, number = len(classes), int(regions.max()) + 1
    shares, place = classes.flatten(1), regions.flatten()
    labels = shares.max(dim=0).indices
    votes = torch.bincount(place * count + labels, minlength=number * count).view(number, count)
    most, label = votes.max(dim=1)
    # One more for those that voted for something else. Row by row: columns take twice as long.
    voters = torch.where(labels == label[place], place, number)
    sums = shares.new_zeros(number + 1, count).index_add_(0, voters, shares.T.contiguous())
    means = sums[:number].T / most.clamp(min=1)
    result = means.index_select(1, place)
    free = (place == 0).nonzero().flatten()
    result[:, free] = shares[:, free]
    return result.view_as(classes)


def _rivals(own: torch.Tensor, others: torch.Tensor, names: Sequence[str]) -> tuple[str, ...]:
    """The negatives that claim most of the places where the phrase is."""
    if not names:
        return ()
    claims = (others * own).flatten(1).sum(dim=1)
    order = torch.argsort(claims, descending=True, stable=True)[:MOST_RIVALS]
    return tuple(names[int(index)] for index in order)


def _check(features: FeatureMap) -> None:
    bad = int((~torch.isfinite(features.values).all(dim=-1)).sum())
    if bad or not bool(torch.isfinite(features.overall).all()):
        cells = features.values.shape[0] * features.values.shape[1]
        raise EngineError(
            f"The features of the picture are no numbers (NaN) in {bad} of {cells} places.",
            "Check the model's files with `ovedit models verify`, or run it on the CPU.",
        )
