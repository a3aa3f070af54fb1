"""`ovedit info IMAGE`: what a file says of how its picture was made, and whether it is marked."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from ovedit import settings as settings_file
from ovedit.document import Document
from ovedit.errors import UsageError
from ovedit.io import documents, provenance, watermark, xmp

_MEANINGS = {
    provenance.WITH_GENERATIVE_AI: "edited using generative AI",
    provenance.BY_GENERATIVE_AI: "made by generative AI",
    provenance.BY_HAND: "edited by hand, without generative AI",
}


def run_info_image(arguments: Namespace) -> int:
    """Print what is found, as text or JSON. Raises `FileError` where the file cannot be read."""
    if arguments.preset or arguments.engine:
        raise UsageError("A picture has no presets.", "Leave --preset and --engine out.")
    settings = settings_file.load()
    path = Path(arguments.image)
    opened = documents.open_document(path, max_pixels=settings.max_pixels)
    facts = _facts(opened.document, opened.xmp)
    if arguments.json:
        print(json.dumps({"image": str(path), **facts}, indent=2, ensure_ascii=False))
        return 0
    width, height = facts["size"]
    source = facts["source_type"]
    said = _MEANINGS.get(source, source) or "the file says nothing"
    mark = facts["watermark"]
    place = "{2} × {3} px at {0},{1}".format(*mark["rect"])
    found = f"found, {place}" if mark["found"] else "not found"
    print(f"{path}: {width} × {height} px")
    print(f"  made        {said}")
    if facts["models"]:
        print(f"  models      {', '.join(facts['models'])}")
    print(f"  watermark   {found} (score {mark['score']:.1f}, sure from {watermark.SURE:g})")
    return 0


def _facts(document: Document, packet: bytes) -> dict[str, Any]:
    state = document.state
    said = provenance.provenance_of(state, xmp.source_type(packet))
    mark = watermark.find_mark(state.flattened())
    rect = mark.rect
    return {
        "size": [state.size.width, state.size.height],
        "source_type": said.source_type if said else xmp.source_type(packet),
        "models": list(said.models) if said else [],
        "watermark": {
            "found": mark.found,
            "score": round(mark.score, 2),
            "rect": [rect.x, rect.y, rect.width, rect.height],
        },
    }
