"""How fast and how small the document is: opening, history, undo, flattening at 24 megapixels.

python tests/benchmarks/bench_document.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from PIL import Image
from scene import SIZE, Times, large_document, leafy, photograph, print_times, repeat

from ovedit.document import ClassMask, Document, Surface, SurfaceRef, coverage_of, pixels_of
from ovedit.document.brush import BrushTip, Stroke, cover, paint
from ovedit.io.documents import open_document

OPEN_MS, UNDO_MS, HISTORY_BYTES = 1000.0, 20.0, 256 << 20
STROKES, LENGTH = 1000, 200


def opening(folder: Path) -> Times:
    """A photograph as a camera writes it."""
    path = folder / "photograph.jpg"
    Image.fromarray(photograph()[..., :3]).save(path, quality=92, subsampling=0)
    print(f"JPEG of {path.stat().st_size / 1e6:.1f} MB")
    open_document(path)
    return repeat(Times("open a 24 MP JPEG", OPEN_MS), 8, lambda _: open_document(path))


def stroke(document: Document, ref: SurfaceRef, number: int) -> None:
    """One stroke of `LENGTH` pixels with a brush of 48, somewhere."""
    random = np.random.default_rng(number)
    x, y = random.uniform((200, 200), (SIZE.width - 200, SIZE.height - 200))
    turn = random.uniform(0, 2 * np.pi)
    before = document.state.surface(ref).copy()
    pen = Stroke(SIZE, BrushTip(48, 0.8))
    with document.transaction("Brush") as tx:
        for step in np.linspace(0, LENGTH, 12):
            at = x + step * np.cos(turn), y + step * np.sin(turn)
            for rect, coverage in pen.extend(*at):
                under = before.read(rect)
                if before.channels == 1:
                    under = np.zeros_like(coverage) if under is None else under
                    after = cover(under, coverage)
                else:
                    under = np.zeros((*coverage.shape, 4), np.uint8) if under is None else under
                    after = paint(under, coverage, (200, 40, 40))
                tx.write(ref, rect, after)


def history(name: str, document: Document, ref: SurfaceRef) -> tuple[list[Times], bool]:
    """A thousand strokes: their bytes, and undoing them."""
    strokes = repeat(
        Times(f"a whole stroke on {name}", 40), STROKES, lambda i: stroke(document, ref, i)
    )
    used, steps = document.history.nbytes, len(document.history.steps)
    # A stroke where all is covered already changes nothing, and is no step.
    kept = used <= HISTORY_BYTES and steps > 0.9 * STROKES
    verdict = "kept" if kept else "MISSED"
    budget = HISTORY_BYTES >> 20
    print(
        f"| history, {steps} strokes on {name} | {used / 2**20:.1f} MB | {budget} MB | {verdict} |"
    )
    undo = repeat(Times(f"undo of a stroke on {name}", UNDO_MS), 200, lambda _: document.undo())
    redo = repeat(Times(f"redo of a stroke on {name}", UNDO_MS), 200, lambda _: document.redo())
    return [strokes, undo, redo], kept


def main() -> int:
    """Measure, print, and say with the exit code whether the budgets are kept."""
    measured: list[Times] = []
    with tempfile.TemporaryDirectory() as folder:
        measured.append(opening(Path(folder)))
    on_photo = Document.from_pixels(photograph(), "Photograph")
    on_empty = Document.from_pixels(np.zeros((SIZE.height, SIZE.width, 4), np.uint8), "Empty")
    on_mask = Document.from_pixels(np.zeros((SIZE.height, SIZE.width, 4), np.uint8), "Empty")
    mask = ClassMask("leaves", (200, 40, 40))
    with on_mask.transaction("Prepare") as tx:
        tx.add_mask(mask, Surface.from_array(leafy(SIZE, 1, 0.4)))
    on_mask.history.steps.clear()
    on_mask.history.position, on_mask.history._bytes = 0, 0
    print("\n| history | bytes | budget | |\n|---|---:|---:|---|")
    small = True
    for name, document, ref in (
        ("a photograph", on_photo, pixels_of(on_photo.layers[0].id)),
        ("an empty layer", on_empty, pixels_of(on_empty.layers[0].id)),
        ("a mask", on_mask, coverage_of(mask.id)),
    ):
        times, kept = history(name, document, ref)
        measured += times
        small = small and kept
    big = large_document()
    rect = SIZE.rect.at_level(2)
    big.state.flattened(rect, 2)
    measured.append(
        repeat(Times("snapshot of five layers", 5), 50, lambda _: big.snapshot()),
    )
    measured.append(
        repeat(
            Times("flatten a screenful, five layers", 1000),
            5,
            lambda _: big.state.flattened(rect, 2),
        )
    )
    return 0 if print_times(measured) and small else 1


if __name__ == "__main__":
    sys.exit(main())
