"""One look at a picture for some phrases: maps, proposals, outlines, and the things among them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch

from ovedit.engine.language.places import place_window
from ovedit.engine.protocols import CancelToken, Progress, silent, stage
from ovedit.engine.requests import PhraseAnswer, Pixels, SegmentRequest
from ovedit.engine.segmentation import scores
from ovedit.engine.segmentation.answers import answer
from ovedit.engine.segmentation.choice import ALIKE, Choice, decide
from ovedit.engine.segmentation.findings import DETAIL_SIDE, Findings, Floats
from ovedit.engine.segmentation.hybrid import kind_of
from ovedit.engine.segmentation.pamr import pamr
from ovedit.engine.segmentation.perception import Perception
from ovedit.engine.segmentation.proposals import Named, background, choose, ensemble, pooled
from ovedit.engine.segmentation.query import Question, question
from ovedit.engine.segmentation.refine import refine
from ovedit.engine.segmentation.scores import Probabilities, Similarities
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.things import MOST, judged, things_of
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.geometry import Size


class Look:
    """Answers the phrases of one request; what was seen before is taken from `perception`.

    Raises `UsageError` for an empty phrase or none.
    """

    def __init__(
        self,
        perception: Perception,
        request: SegmentRequest,
        settings: SegmentationSettings,
        cancel: CancelToken,
    ) -> None:
        self._perception, self._settings, self._cancel = perception, settings, cancel
        self._request, self._image = request, request.image
        self._questions = [question(phrase) for phrase in request.phrases]
        self._texts = tuple(dict.fromkeys(text for q in self._questions for text in q.texts))
        self._bank = perception.bank(settings)

    def answers(self, progress: Progress) -> tuple[PhraseAnswer, ...]:
        """The answers to the phrases, in their order."""
        image, settings, cancel = self._image, self._settings, self._cancel
        told = stage(progress, 0, 0.5)
        features = self._perception.features(image, settings, told, cancel)
        told = stage(progress, 0.5, 0.6, "Comparing with the words")
        contest = self._contest(features, told)
        findings = [self._found(each, contest) for each in self._questions]
        findings = self._with_proposals(findings, features, stage(progress, 0.6, 0.8))
        findings = self._refined(findings, stage(progress, 0.8, 1))
        size, top_k = Size(image.shape[1], image.shape[0]), self._request.top_k
        choices = self._choices(findings, features, size.within(DETAIL_SIDE))
        answers = []
        for number, (found, choice) in enumerate(zip(findings, choices, strict=True)):
            cancel.check()
            notices = () if number else contest.notices
            answers.append(answer(found, choice, size, settings, top_k, notices))
        return tuple(answers)

    def _contest(self, features: FeatureMap, progress: Progress = silent) -> _Contest:
        bank, settings = self._bank, self._settings
        compared = scores.compare(
            features, self._texts, bank, settings, None, progress, self._cancel
        )
        return _Contest(compared)

    def _rivals(self, of: Question) -> set[str]:
        """The texts of other phrases that compete with a question's."""
        if self._settings.mode == "independent":
            return set()
        return {each.asked for each in self._questions if each.asked} - set(of.texts)

    def _sought(self, of: Question, contest: _Contest) -> torch.Tensor:
        """(h, w): how probable it is that a place is of the kind that a question is about."""
        on = self._rivals(of) | {of.sought}
        return contest.between(on, self._settings)[0][of.sought]

    def _found(self, of: Question, contest: _Contest) -> Findings:
        """The maps of a question, without what it excludes."""
        cut = self._request.threshold
        cut = self._settings.threshold if cut is None else cut
        if not of.asked:
            on = self._rivals(of) | set(of.all_excluded)
            shares, _ = contest.between(on, replace(self._settings, denoise=False))
            left = 1 - torch.stack([shares[text] for text in of.all_excluded]).amax(dim=0)
            return Findings(of, self._placed(of, left), 1.0, of.all_excluded, cut, whole=True)
        shares, rivals = contest.between(self._rivals(of) | {of.asked}, self._settings)
        bank, settings = self._bank, self._settings
        kind = kind_of(bank.phrases([of.asked], settings)[0].values[0], bank)
        whole = kind == "stuff" and not of.counted
        excluded = [each.text for each in of.excluded if whole or not each.alike]
        values = self._without(of, excluded, shares[of.asked], contest)
        kin = None
        if of.noun and not whole:
            kin = self._without(of, excluded, self._sought(of, contest), contest)
        return Findings(
            of,
            self._placed(of, values) if whole else self._fine(values),
            contest.presence[of.asked],
            rivals[of.asked],
            cut,
            None if kin is None else self._fine(kin),
            whole,
        )

    def _without(
        self, of: Question, excluded: Sequence[str], values: torch.Tensor, contest: _Contest
    ) -> torch.Tensor:
        """The values where what is asked fits at least as well as all that is excluded, else 0."""
        if not excluded:
            return values
        # They compete whatever the mode, and also where denoising would drop one of them.
        together = replace(self._settings, mode="semantic", denoise=False)
        shares, _ = contest.between({of.asked, *excluded}, together)
        others = torch.stack([shares[text] for text in excluded])
        wins = shares[of.asked] >= others.amax(dim=0)
        return torch.where(wins, values, 0.0)

    def _placed(self, of: Question, values: torch.Tensor) -> Floats:
        """The map of stuff (h, w) at the places that are meant."""
        fine = self._fine(values)
        shape = fine.shape[0], fine.shape[1]
        for position in of.query.positions:
            fine = fine * place_window(shape, position.side)
        for position in of.query.excluded.positions:
            fine = fine * (1 - place_window(shape, position.side))
        return fine

    def _fine(self, values: torch.Tensor) -> Floats:
        """A map of probabilities (h, w), along the picture's edges where PAMR is on."""
        settings = self._settings
        if settings.pamr_steps:
            rgb = np.ascontiguousarray(self._small[..., :3])
            picture = torch.from_numpy(rgb).permute(2, 0, 1).to(values.device)
            steps, dilations = settings.pamr_steps, settings.pamr_dilations
            values = pamr(values[None], picture, steps, dilations, self._cancel)[0]
        return values.float().cpu().numpy()

    @property
    def _small(self) -> Pixels:
        """The picture at the size of the score maps: nobody sees more of a mask than they show."""
        return self._perception.small(self._image, DETAIL_SIDE)

    def _with_proposals(
        self, findings: list[Findings], features: FeatureMap, progress: Progress
    ) -> list[Findings]:
        """With the proposals that fit the phrases whose road leads past them."""
        settings, bank, cancel = self._settings, self._bank, self._cancel
        wanted = [_wants_proposals(found, settings) for found in findings]
        if not any(wanted):
            return findings
        proposals, size = self._perception.proposals(
            self._image, settings, stage(progress, 0, 0.8), cancel
        )
        if not proposals:
            return findings
        told = stage(progress, 0.8, 1)
        seen = self._perception.seen(self._image, features, proposals, size, settings, told, cancel)
        contest = self._contest(_masks(seen, features))
        sought = [found.question.sought for found in findings if found.question.sought]
        rows = bank.phrases(sought, settings)
        embedded = torch.stack([each.values[0] for each in rows])
        nothing = background(seen, embedded, bank, settings).cpu().numpy()
        answers = []
        for found, wants in zip(findings, wanted, strict=True):
            if wants:
                of = found.question
                fits = self._sought(of, contest)[0].cpu().numpy()
                many = replace(settings, proposals=replace(settings.proposals, top_k=MOST))
                named = choose(proposals, fits, nothing, size, many)
                if not of.picks:
                    named = _few(named, settings.proposals.top_k)
                mixed = ensemble(found.searched, proposals, fits, size, settings)
                maps = {"dense": mixed} if found.kin is None else {"kin": mixed}
                found = replace(found, named=named, drawn_at=size, **maps)
            answers.append(found)
        return answers

    def _refined(self, findings: list[Findings], progress: Progress) -> list[Findings]:
        """With SAM 2's masks of the phrases that are anywhere probable enough."""
        settings = self._settings
        if settings.refine == "none" or settings.strategy == "proposals":
            return findings
        answers = []
        with ExitStack() as models:
            for number, found in enumerate(findings):
                self._cancel.check()
                told = stage(progress, number / len(findings), (number + 1) / len(findings))
                # "Everything except" has no outline of its own.
                drawn = bool(found.question.asked)
                if found.best >= found.cut:
                    sam = None
                    if drawn:
                        sam = self._perception.sam(
                            self._image, settings, models, told, self._cancel
                        )
                    refined = refine(
                        sam,
                        self._small,
                        found.searched,
                        strategy=settings.refine if drawn else "none",
                        threshold=found.cut,
                        settings=settings.refinement,
                        progress=stage(told, 0, 1, f"Outlining “{found.question.phrase}”"),
                        cancel=self._cancel,
                    )
                    found = replace(found, refined=refined)
                answers.append(found)
        return answers

    def _choices(
        self, findings: Sequence[Findings], features: FeatureMap, size: Size
    ) -> list[Choice | None]:
        """Which of the single things are meant; None for stuff, and where there are none."""
        parts = self._settings.strategy != "proposals"
        things = [
            things_of(found, size, parts=parts)
            if found.present(self._settings) and not found.whole
            else []
            for found in findings
        ]
        drawn = [thing.drawn for group in things for thing in group]
        if not drawn:
            return [None] * len(findings)
        contest = self._contest(_masks(pooled(features, drawn, size), features))
        choices: list[Choice | None] = []
        start = 0
        for found, group in zip(findings, things, strict=True):
            part, start = slice(start, start + len(group)), start + len(group)
            of = found.question
            if group:
                # What is excluded competes whatever the mode; denoising would drop what fits few.
                together = replace(self._settings, mode="semantic", denoise=False)
                on = {*of.texts, *self._rivals(of)}
                shares, _ = contest.between(on, together)
                fits = {text: shares[text][0, part].cpu().numpy() for text in of.texts}
                group = judged(group, of, fits)
            choices.append(decide(of, group, self._request.top_k) if group else None)
        return choices


class _Contest:
    """Who takes part, and with what shares; the same ones meet only once."""

    def __init__(self, compared: Similarities) -> None:
        self._compared = compared
        self._known: dict[tuple[frozenset[str], str, bool], Probabilities] = {}
        self.notices = compared.notices
        self.presence = dict(zip(compared.phrases, compared.presence.tolist(), strict=True))

    def between(
        self, texts: Collection[str], settings: SegmentationSettings
    ) -> tuple[dict[str, torch.Tensor], dict[str, tuple[str, ...]]]:
        """The shares (h, w) and the nearest negatives of each text, where only these take part."""
        key = frozenset(texts), settings.mode, settings.denoise
        names = self._compared.phrases
        if key not in self._known:
            off = [text for text in names if text not in texts]
            self._known[key] = self._compared.probabilities(settings, off=off)
        found = self._known[key]
        return dict(zip(names, found.values, strict=True)), dict(
            zip(names, found.rivals, strict=True)
        )


def _masks(seen: torch.Tensor, features: FeatureMap) -> FeatureMap:
    """What is seen in m masks (m, c) as a picture of m places in a row."""
    return FeatureMap(seen[None], features.overall)


def _wants_proposals(found: Findings, settings: SegmentationSettings) -> bool:
    ways: dict[str, Callable[[], bool]] = {
        "dense": lambda: False,
        "proposals": lambda: True,
        "both": lambda: True,
        "auto": lambda: not found.whole,
    }
    return bool(found.question.asked) and ways[settings.strategy]()


def _few(named: Sequence[Named], top_k: int) -> tuple[Named, ...]:
    """The best of the proposals, and those beyond that fit about as well as the first."""
    return tuple(
        one
        for number, one in enumerate(named)
        if number < top_k or one.score >= ALIKE * named[0].score
    )
