"""Changes worked out aside: on a copy of the document, then done in it as the step they came to.

A change that takes a while on a large picture need not hold up whoever owns the document:

    outcome = work_out(document.snapshot(), lambda copy: mask_ops.grow(copy, ids, pixels=9))
    ...
    bring_in(document, outcome)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ovedit.document import Document, DocumentState
from ovedit.document.history import Step


@dataclass(frozen=True, eq=False)
class Outcome:
    """What work on a copy came to.

    steps: what it did, in order. layer, masks: what it chose to be worked on from then on, or None
    where it left that as it was.
    """

    steps: tuple[Step, ...]
    layer: str | None
    masks: tuple[str, ...] | None


def work_out(state: DocumentState, work: Callable[[Document], object]) -> Outcome:
    """Let `work` change a copy of the document, on any thread. Raises what `work` raises."""
    copy = Document(state.size, state.structure, state.surfaces)
    layer, masks = copy.current_layer_id, copy.current_mask_ids
    work(copy)
    return Outcome(
        tuple(copy.history.steps),
        None if copy.current_layer_id == layer else copy.current_layer_id,
        None if copy.current_mask_ids == masks else copy.current_mask_ids,
    )


def bring_in(document: Document, outcome: Outcome) -> None:
    """Do in the document what was worked out, which undo can take back.

    The document must be as the state was that the copy was made of. Raises `DocumentError` while a
    transaction is open.
    """
    for step in outcome.steps:
        document.perform(step)
    document.set_current(layer=outcome.layer, masks=outcome.masks)
