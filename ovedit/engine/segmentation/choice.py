"""Which of the things that were found a phrase means: one, some, all, or nobody can tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ovedit.engine.language import places
from ovedit.engine.language.wording import quoted
from ovedit.engine.segmentation.query import Question
from ovedit.engine.segmentation.things import Thing, touching

ALIKE = 0.6
"""What fits at least this part as well as the best fits about as well."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, eq=False)
class Offer:
    """Things that may be the answer together. why: the first part of a sentence."""

    label: str
    things: tuple[Thing, ...]
    why: str


@dataclass(frozen=True, eq=False)
class Choice:
    """What a phrase means among things.

    offers: likeliest first. found: whether the first is an answer; else all are guesses. whole:
    whether the mask of everything found is the answer, and the offers only parts of it. message:
    one sentence for the person, or empty.
    """

    offers: tuple[Offer, ...]
    found: bool = True
    whole: bool = False
    message: str = ""


def decide(question: Question, things: Sequence[Thing], top_k: int) -> Choice:
    """Choose among things, which come best first; at least one.

    top_k: how many will be shown, so that the message promises no more.
    """
    query, said = question.query, quoted(question.phrase)
    left = _not_excluded(question, things)
    if not left:
        message = f"All that was found is what {said} leaves out."
        return Choice(_singly(question, things, "Left out"), False, message=message)
    best = left[0].fit
    fitting = [thing for thing in left if thing.fit >= ALIKE * best]
    others = [thing for thing in left if thing.fit < ALIKE * best]
    if question.says_nothing:
        chosen = places.choose(fitting, query.positions, query.sizes, query.plural)
        message = "The phrase does not say what to look for."
        return Choice(_singly(question, chosen or fitting, "A guess"), False, message=message)
    if query.positions or query.sizes:
        return _placed(question, fitting, others)
    if question.described and not query.plural:
        return _likeliest(question, fitting, others, len(fitting) == len(things), top_k)
    meant = fitting if question.described else left
    whole = len(meant) == len(things)
    return _all(question, meant, whole=whole) if query.plural else _any(question, meant, whole)


def _not_excluded(question: Question, things: Sequence[Thing]) -> list[Thing]:
    """Without what fits what is excluded better, or lies where that does."""
    excluded = question.query.excluded
    unwanted = [thing for thing in things if thing.unwanted]
    if excluded.positions or excluded.sizes:
        pool = unwanted if question.excluded else list(things)
        kept = places.drop(pool, excluded.positions, excluded.sizes)
        unwanted = [thing for thing in pool if thing not in kept]
    return [thing for thing in things if thing not in unwanted]


def _placed(question: Question, fitting: Sequence[Thing], others: Sequence[Thing]) -> Choice:
    query, count = question.query, len(places.sizeable(fitting))
    chosen = places.choose(fitting, query.positions, query.sizes, query.plural)
    if not chosen:
        few = "is only one" if count == 1 else f"are only {count}"
        message = f"There {few} for {quoted(question.phrase)}."
        if not any(position.rank for position in query.positions):
            message = f"Nothing lies where {quoted(question.phrase)} says."
        return Choice(_singly(question, fitting, "A guess"), False, message=message)
    if query.plural and len(chosen) > 1:
        return _all(question, chosen, whole=False)
    why = _rank(question, count) or f"Fits place and size best of {count}"
    rest = [thing for thing in (*chosen[1:], *fitting, *others) if thing is not chosen[0]]
    alternatives = _singly(question, dict.fromkeys(rest), "Another one", first=2)
    return Choice((Offer(question.phrase, (chosen[0],), why), *alternatives))


def _rank(question: Question, count: int) -> str:
    for position in question.query.positions:
        if position.rank is not None:
            return f"Number {position.rank} of {count} from the {position.side}"
    return ""


def _all(question: Question, chosen: Sequence[Thing], *, whole: bool) -> Choice:
    if len(chosen) == 1:
        only = Offer(question.phrase, tuple(chosen), "The only one")
        return Choice(() if whole else (only,), whole=whole)
    ordered = sorted(chosen, key=lambda thing: thing.centre[0])
    singly = _singly(question, ordered, f"One of {len(chosen)}")
    together = Offer(question.phrase, tuple(chosen), f"All {len(chosen)} that fit")
    return Choice(singly if whole else (together, *singly), whole=whole)


def _likeliest(
    question: Question,
    fitting: Sequence[Thing],
    others: Sequence[Thing],
    everything: bool,
    top_k: int,
) -> Choice:
    # Parts of one thing hang together, and so do things in a row: both are one answer.
    groups = [tuple(group) for group in touching(fitting)]
    count = len(groups)
    if count == 1 and everything:
        return Choice(_parts(question, fitting), whole=True)
    if count == 1:
        first = Offer(question.phrase, groups[0], "Fits best")
        return Choice((first, *_singly(question, others, "Fits less well", first=2)))
    why = f"One of {count} that fit about as well"
    labels = [question.phrase, *(f"{question.name} {number}" for number in range(2, count + 1))]
    offers = [Offer(label, group, why) for label, group in zip(labels, groups, strict=True)]
    shown = "choose one" if count <= top_k else f"the best {_number(top_k)} are offered"
    message = f"{_number(count).capitalize()} things fit about as well: {shown}."
    return Choice(tuple(offers), message=message)


def _any(question: Question, meant: Sequence[Thing], whole: bool) -> Choice:
    """A bare noun names a kind: all of it is the answer, and it is said where that is several."""
    count = len(touching(meant))
    message = ""
    if count > 1:
        few = _number(count)
        message = f"{quoted(question.phrase)} fits {few} things: the first mask holds them all."
    parts = _parts(question, meant)
    together = Offer(question.phrase, tuple(meant), f"All {len(meant)} that fit")
    return Choice(parts if whole else (together, *parts), whole=whole, message=message)


def _parts(question: Question, things: Sequence[Thing]) -> tuple[Offer, ...]:
    return _singly(question, things, f"One of {len(things)}") if len(things) > 1 else ()


def _singly(
    question: Question, things: Iterable[Thing], why: str, first: int = 1
) -> tuple[Offer, ...]:
    return tuple(
        Offer(f"{question.name} {number}", (thing,), why)
        for number, thing in enumerate(things, start=first)
    )


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
