"""Replace without a model: only a change of material or colour of the same thing."""

from __future__ import annotations

from ovedit.engine.basic import wish
from ovedit.engine.basic.restyle import paint
from ovedit.engine.language import grammar
from ovedit.engine.language.wording import quoted
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import EditRequest, EditResult
from ovedit.errors import CannotDoError


def replace(request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
    """Turn a wooden bench into a metal bench: the same thing in another material or colour.

    Works where the prompt keeps the head noun of the phrase, or names none ("metal"). Raises
    `CannotDoError` where it names another thing, where the phrase is not known, and where no
    material or colour in it is; otherwise as `restyle`.
    """
    wanted = wish.understand(request.prompt, request.phrase)
    thing = grammar.parse(request.phrase).noun
    prompt = quoted(request.prompt)
    paints_thing = wanted.noun == "" or wanted.noun == thing
    if not paints_thing:
        old = quoted(request.phrase) if request.phrase else "what is selected"
        raise CannotDoError(
            f"The basic engine cannot make {prompt} out of {old}: it changes the material or "
            "colour of a thing, not the thing.",
            wish.NEEDS_DIFFUSION,
        )
    if not wanted:
        raise CannotDoError(
            f"The basic engine finds no material or colour that it can paint in {prompt}.",
            wish.NEEDS_DIFFUSION,
        )
    return paint(request, wanted, progress, cancel)
