"""`ovedit select`: find what phrases name, and write or tell it."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from ovedit.cli.engines import Chosen, to_select
from ovedit.cli.overlay import Drawn, draw_overlay
from ovedit.cli.progress import ProgressBar
from ovedit.cli.session import Session, open_session, target
from ovedit.document import Candidate, ClassMask, masks
from ovedit.engine.protocols import EngineProvider
from ovedit.errors import NothingFoundError
from ovedit.io import images
from ovedit.io import masks as mask_files
from ovedit.io.openraster import PROJECT_SUFFIX
from ovedit.workflows import segment
from ovedit.workflows.ask import ask

_MASK_FILES = (".png", PROJECT_SUFFIX)
_OVERLAYS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


def run_select(arguments: Namespace, provider: EngineProvider | None) -> int:
    """Answer the phrases, write the files asked for, and say what was found.

    Returns 0 where at least one phrase was found; raises `NothingFoundError` where none was, after
    the JSON was printed if that was asked for.
    """
    out = target(arguments.out, suffixes=_MASK_FILES) if arguments.out else None
    overlay = target(arguments.overlay, suffixes=_OVERLAYS) if arguments.overlay else None
    session = open_session(arguments, provider)
    selector = to_select(session, arguments)
    outcome = find(session, arguments, selector, top_k=arguments.top_k)
    found = [session.document.state.mask(mask_id) for mask_id in outcome.mask_ids]
    written: dict[str, Path] = {}
    if found and out is not None:
        written = _write_masks(session, found, out)
    if found and overlay is not None:
        _write_overlay(session, found, overlay)
    if arguments.json:
        answer = _as_json(session, arguments.image, outcome, written)
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    elif out is None and overlay is None:
        for mask in found:
            print(_as_text(session, mask))
    if not found:
        raise NothingFoundError(" ".join(outcome.messages), hint(outcome, arguments.json))
    session.note(outcome.messages)
    return 0


def find(
    session: Session, arguments: Namespace, selector: Chosen, *, top_k: int
) -> segment.SegmentOutcome:
    """Ask the engine for the phrases and add what was found to the document."""
    request = segment.segment_request(
        session.document.state,
        arguments.prompt,
        preset=session.preset,
        top_k=top_k,
        threshold=arguments.threshold,
        options=selector.options,
    )
    with ProgressBar(quiet=session.quiet) as bar:
        result = ask(session.provider, selector.name, request, bar.stage(0, 1))
    return segment.apply_segmentation(session.document, result)


def hint(outcome: segment.SegmentOutcome, listed: bool = False) -> str:
    """What to do where something was not found."""
    guesses = any(phrase.guesses for phrase in outcome.phrases)
    where = "ovedit select --json tells where that is. " if guesses and not listed else ""
    return f"{where}Try other words."


def _write_masks(session: Session, found: list[ClassMask], out: Path) -> dict[str, Path]:
    """Write the masks; returns the file of each by id."""
    if out.suffix.lower() == PROJECT_SUFFIX:
        session.save(out)
        return {mask.id: out for mask in found}
    files: dict[str, Path] = {}
    for mask in found:
        path = out
        if len(found) > 1:
            path = out.with_stem(f"{out.stem}-{mask_files.safe_stem(mask.label)}")
            number = 2
            while path in files.values():
                path = out.with_stem(f"{out.stem}-{mask_files.safe_stem(mask.label)}-{number}")
                number += 1
        mask_files.write_mask(path, session.document.state.coverage(mask.id))
        files[mask.id] = path
    return files


def _write_overlay(session: Session, found: list[ClassMask], path: Path) -> None:
    state = session.document.state
    drawn = [Drawn(state.coverage(mask.id), mask.colour, _tag(mask)) for mask in found]
    options = images.ExportOptions(images.export_format(path))
    images.write_image(path, draw_overlay(state.flattened(), drawn), options, exif=session.exif)


def _tag(mask: ClassMask) -> str:
    return mask.label if mask.score is None else f"{mask.label} {mask.score:.2f}"


def _as_text(session: Session, mask: ClassMask) -> str:
    coverage = session.document.state.coverage(mask.id)
    box = masks.bounds(coverage)
    share = coverage.mean() / 255
    return (
        f"{_tag(mask)}  {share:.1%} of the picture, {box.width} × {box.height} px "
        f"at {box.x},{box.y}"
    )


def _as_json(
    session: Session, image: str, outcome: segment.SegmentOutcome, written: dict[str, Path]
) -> dict[str, Any]:
    state = session.document.state
    phrases = []
    for phrase in outcome.phrases:
        found = [state.mask(mask_id) for mask_id in phrase.mask_ids]
        phrases.append(
            {
                "phrase": phrase.phrase,
                "found": phrase.found,
                "message": phrase.message,
                "used_words": list(phrase.used_words),
                "unused_words": list(phrase.unused_words),
                "masks": [
                    {
                        "label": mask.label,
                        "score": mask.score,
                        "threshold": mask.threshold,
                        **_extent(state.coverage(mask.id)),
                        "file": str(written[mask.id]) if mask.id in written else None,
                        "candidates": [_candidate(session, each) for each in mask.candidates],
                    }
                    for mask in found
                ],
                "guesses": [_candidate(session, guess) for guess in phrase.guesses],
            }
        )
    return {
        "image": image,
        "size": [session.document.size.width, session.document.size.height],
        "engine": outcome.engine,
        "seconds": round(outcome.seconds, 3),
        "phrases": phrases,
    }


def _candidate(session: Session, candidate: Candidate) -> dict[str, Any]:
    coverage = masks.from_scores(candidate.scores, candidate.threshold, session.document.size)
    return {
        "label": candidate.label,
        "score": round(candidate.score, 4),
        "threshold": candidate.threshold,
        "reason": candidate.reason,
        **_extent(coverage),
    }


def _extent(coverage: np.ndarray) -> dict[str, Any]:
    box = masks.bounds(coverage)
    return {
        "box": [box.x, box.y, box.width, box.height],
        "area": int((coverage >= 128).sum()),
    }
