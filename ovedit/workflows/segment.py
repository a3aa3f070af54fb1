"""From phrases to class masks: the request, what its answer adds, and deciding on the masks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ovedit.document import (
    Candidate,
    ClassMask,
    Document,
    DocumentState,
    Surface,
    Transaction,
    coverage_of,
    masks,
    new_id,
)
from ovedit.engine.requests import PhraseAnswer, Preset, SegmentRequest, SegmentResult
from ovedit.errors import DocumentError, UsageError
from ovedit.workflows.colours import next_colour
from ovedit.workflows.coverage import candidate_from, labels_of, quoted

_INSTANCE = re.compile(r"(?P<stem>.+) (?P<number>\d+)")
_QUOTES = "\"'“”„‘’«» \t"


@dataclass(frozen=True, eq=False)
class PhraseOutcome:
    """What became of one phrase.

    mask_ids: the masks added for it, empty where nothing was found.
    message: one sentence for the person, empty where there is nothing to add.
    guesses: where nothing was found, what might be meant; see `apply_guess`.
    used_words, unused_words: the words that the engine did and did not understand.
    """

    phrase: str
    found: bool
    mask_ids: tuple[str, ...] = ()
    message: str = ""
    guesses: tuple[Candidate, ...] = ()
    used_words: tuple[str, ...] = ()
    unused_words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SegmentOutcome:
    """What a segmentation added to the document, phrase by phrase."""

    phrases: tuple[PhraseOutcome, ...]
    engine: str
    seconds: float

    @property
    def mask_ids(self) -> tuple[str, ...]:
        """All masks added, in the order of the panel."""
        return tuple(mask_id for outcome in self.phrases for mask_id in outcome.mask_ids)

    @property
    def messages(self) -> tuple[str, ...]:
        """The sentences for the person, one for each phrase that has one."""
        return tuple(outcome.message for outcome in self.phrases if outcome.message)


def parse_phrases(text: str) -> tuple[str, ...]:
    """The phrases of a comma-separated text, each once, in their order.

    A phrase in double quotes may hold commas: `bench, "red, white and blue flag"`. Raises
    `UsageError` where there is no phrase.
    """
    return _clean(
        field for row in csv.reader(text.splitlines(), skipinitialspace=True) for field in row
    )


def segment_request(
    state: DocumentState,
    phrases: str | Sequence[str],
    *,
    preset: Preset = "balanced",
    top_k: int = 3,
    threshold: float | None = None,
    options: Mapping[str, str] | None = None,
) -> SegmentRequest:
    """The request for phrases, given as one comma-separated text or one by one.

    Raises `UsageError` where there is no phrase, `top_k` is below 1, or `threshold` is not in
    [0, 1].
    """
    wanted = parse_phrases(phrases) if isinstance(phrases, str) else _clean(phrases)
    if top_k < 1:
        raise UsageError(f"{top_k} candidates cannot be asked for.", "Ask for 1 or more.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"The threshold {threshold:g} is out of range.", "Give one from 0 to 1.")
    return SegmentRequest(
        state.flattened(), wanted, preset, top_k, threshold, dict(options) if options else {}
    )


def apply_segmentation(document: Document, result: SegmentResult) -> SegmentOutcome:
    """Add the masks that were found, in one undo step, and make them the current ones.

    A phrase gives one mask, whose alternatives stay with it for `choose_candidate`; where the
    engine names instances ("tree 1", "tree 2"), each is a mask of one group. A phrase that was not
    found adds nothing; its outcome carries the engine's guesses.
    """
    phrases = quoted([answer.phrase for answer in result.answers if answer.found])
    outcomes: list[PhraseOutcome] = []
    with document.transaction(f"Select {phrases}") as tx:
        for answer in result.answers:
            outcomes.append(_apply_answer(document, tx, answer))
    outcome = SegmentOutcome(tuple(outcomes), result.engine, result.seconds)
    if outcome.mask_ids:
        document.set_current(masks=outcome.mask_ids)
    return outcome


def apply_guess(document: Document, outcome: PhraseOutcome, index: int = 0) -> str:
    """Add the guess number `index` of a phrase that was not found; returns the mask's id.

    The other guesses stay with the mask as its alternatives. Raises `UsageError` where there is no
    such guess.
    """
    if not 0 <= index < len(outcome.guesses):
        raise UsageError(
            f"There is no guess {index + 1} for “{outcome.phrase}”.",
            f"There are {len(outcome.guesses)}.",
        )
    mask = _mask_for(outcome.phrase, outcome.phrase, outcome.guesses, chosen=index)
    with document.transaction(f"Select “{outcome.phrase}” (a guess)") as tx:
        mask_id = _add(document, tx, mask)
    document.set_current(masks=(mask_id,))
    return mask_id


def choose_candidate(document: Document, mask_id: str, index: int) -> None:
    """Show another of the engine's candidates for a mask; `index` wraps around at both ends.

    The coverage is made anew, without corrections: another candidate is another thing. Raises
    `DocumentError` for a mask that has no candidates.
    """
    mask = document.state.mask(mask_id)
    if not mask.candidates:
        raise DocumentError(
            f"The mask “{mask.label}” has no other candidates: it was made by hand.",
            "Select with a phrase to get some.",
        )
    chosen = index % len(mask.candidates)
    candidate = mask.candidates[chosen]
    with document.transaction(f"Candidate {chosen + 1} for “{mask.label}”") as tx:
        tx.update_mask(mask_id, chosen=chosen, score=candidate.score, threshold=candidate.threshold)
        tx.replace_surface(coverage_of(mask_id), _coverage(document, candidate))


def accept(document: Document, mask_ids: Sequence[str]) -> None:
    """Accept masks: they are what is meant."""
    with document.transaction(f"Accept {labels_of(document.state, mask_ids)}") as tx:
        for mask_id in mask_ids:
            tx.update_mask(mask_id, accepted=True)


def accept_all(document: Document) -> None:
    """Accept every mask that is not accepted yet."""
    with document.transaction("Accept all masks") as tx:
        for mask in document.masks:
            tx.update_mask(mask.id, accepted=True)


def reject(document: Document, mask_ids: Sequence[str]) -> None:
    """Throw masks away."""
    with document.transaction(f"Reject {labels_of(document.state, mask_ids)}") as tx:
        for mask_id in mask_ids:
            tx.remove_mask(mask_id)


def _clean(phrases: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, str] = {}
    for phrase in phrases:
        words = " ".join(phrase.split()).strip(_QUOTES)
        if words:
            seen.setdefault(words.casefold(), words)
    if not seen:
        raise UsageError("There is no phrase to look for.", "Type what you see, e.g. wooden bench.")
    return tuple(seen.values())


def _apply_answer(document: Document, tx: Transaction, answer: PhraseAnswer) -> PhraseOutcome:
    candidates = tuple(candidate_from(offered) for offered in answer.candidates)
    found = answer.found and bool(candidates)
    outcome = PhraseOutcome(
        answer.phrase,
        found,
        message=answer.message,
        used_words=answer.used_words,
        unused_words=answer.unused_words,
    )
    if not found:
        message = answer.message or f"Nothing in the picture was found for “{answer.phrase}”."
        return replace(outcome, message=message, guesses=candidates)
    added = [_add(document, tx, mask) for mask in _masks_of_phrase(answer.phrase, candidates)]
    return replace(outcome, mask_ids=tuple(added))


def _masks_of_phrase(phrase: str, candidates: tuple[Candidate, ...]) -> list[ClassMask]:
    """One mask with all candidates, or one for each instance the engine tells apart."""
    instances: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if _is_instance(phrase, candidate.label):
            instances.setdefault(candidate.label, []).append(candidate)
    if not _is_instance(phrase, candidates[0].label):
        return [_mask_for(candidates[0].label or phrase, phrase, candidates)]
    group = new_id() if len(instances) > 1 else ""
    return [
        replace(_mask_for(label, phrase, tuple(offered)), group=group)
        for label, offered in instances.items()
    ]


def _is_instance(phrase: str, label: str) -> bool:
    return label.casefold() != phrase.casefold() and _INSTANCE.fullmatch(label) is not None


def _mask_for(
    label: str, phrase: str, candidates: tuple[Candidate, ...], *, chosen: int = 0
) -> ClassMask:
    shown = candidates[chosen]
    return ClassMask(
        label,
        colour=(0, 0, 0),
        phrase=phrase,
        score=shown.score,
        threshold=shown.threshold,
        candidates=candidates,
        chosen=chosen,
    )


def _add(document: Document, tx: Transaction, mask: ClassMask) -> str:
    candidate = mask.candidates[mask.chosen]
    coverage = masks.from_scores(candidate.scores, candidate.threshold, document.size)
    coloured = replace(mask, colour=next_colour(document.state, coverage))
    tx.add_mask(coloured, Surface.from_array(coverage))
    return mask.id


def _coverage(document: Document, candidate: Candidate) -> Surface:
    return Surface.from_array(
        masks.from_scores(candidate.scores, candidate.threshold, document.size)
    )
