"""`ovedit remove`, `replace` and `restyle`: find, edit, write."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from ovedit.cli.engines import Chosen, to_edit, to_select_for
from ovedit.cli.progress import ProgressBar
from ovedit.cli.select import find, hint
from ovedit.cli.session import Session, open_session, target
from ovedit.document import EditLayer
from ovedit.engine.protocols import EngineProvider
from ovedit.engine.requests import EditKind
from ovedit.errors import NothingFoundError, UsageError
from ovedit.io import masks as mask_files
from ovedit.workflows import edit, mask_ops, segment, shadow
from ovedit.workflows.ask import ask
from ovedit.workflows.coverage import quoted


def run_edit(arguments: Namespace, provider: EngineProvider | None) -> int:
    """Edit what the phrases or the mask file name, and write the result.

    Raises `NothingFoundError` where a phrase was not found: half an edit is no edit.
    """
    if not arguments.prompt and not arguments.mask:
        raise UsageError("Neither --prompt nor --mask says what to change.", "Give one of them.")
    out = target(arguments.out)
    session = open_session(arguments, provider)
    editor = to_edit(session, arguments)
    mask_ids = _masks(session, arguments, editor)
    if getattr(arguments, "shadow", False):
        mask_ids = _with_shadow(session, mask_ids)
    plan = edit.plan_edit(
        session.document.state,
        mask_ids,
        EditKind(arguments.command),
        editor.info,
        prompt=getattr(arguments, "edit", ""),
        phrase=(arguments.prompt or "") if arguments.mask else None,
        negative_prompt=getattr(arguments, "negative", ""),
        seed=arguments.seed,
        preset=session.preset,
        grow=arguments.grow,
        feather=arguments.feather,
        options=editor.options,
    )
    with ProgressBar(quiet=session.quiet) as bar:
        result = ask(session.provider, editor.name, plan.request, bar.stage(0, 1))
    layer_id = edit.apply_edit(session.document, plan, result)
    session.save(out)
    session.note(result.notes)
    layer = session.document.state.layer(layer_id)
    recipe = layer.recipe if isinstance(layer, EditLayer) else None
    if arguments.json:
        answer = {
            "image": arguments.image,
            "out": str(out),
            "kind": plan.request.kind.value,
            "phrase": plan.request.phrase,
            "prompt": plan.request.prompt,
            "layer": layer.name,
            "engine": result.engine,
            "models": list(result.models),
            "seed": recipe.seed if recipe is not None else result.seed,
            "grow": plan.grow,
            "feather": plan.feather,
            "changed_pixels": int((plan.request.alpha > 0).sum()),
            "seconds": round(result.seconds, 3),
            "notes": list(result.notes),
        }
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    elif not session.quiet:
        print(f"{edit.step_name(plan.request)}: {out} ({result.seconds:.1f} s)")
    return 0


def _masks(session: Session, arguments: Namespace, editor: Chosen) -> tuple[str, ...]:
    """The masks to edit, put into the document: from the file, or from the phrases."""
    if arguments.mask:
        path = Path(arguments.mask)
        coverage = mask_files.read_mask(path, session.document.size)
        return (mask_ops.add_mask(session.document, coverage, label=path.stem),)
    selector = to_select_for(session, arguments, editor)
    outcome = find(session, arguments, selector, top_k=1)
    missing = [phrase for phrase in outcome.phrases if not phrase.found]
    if missing:
        raise NothingFoundError(
            " ".join(phrase.message for phrase in missing), hint(outcome) + " Or give a --mask."
        )
    session.note(outcome.messages)
    segment.accept(session.document, outcome.mask_ids)
    return outcome.mask_ids


def _with_shadow(session: Session, mask_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The masks and those of their shadows and reflections; says what was found."""
    together = shadow.with_shadow(session.document, mask_ids)
    new = [mask_id for mask_id in together if mask_id not in mask_ids]
    labels = [session.document.state.mask(mask_id).label for mask_id in new]
    if not new:
        session.note(["No shadow or reflection was found that is sure enough."])
        return together
    session.note([f"Takes {quoted(labels)} too."])
    segment.accept(session.document, new)
    return together
