"""Pictures, documents, and answers for an engine to give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovedit.document import Document, DocumentState
from ovedit.engine.requests import MaskCandidate, PhraseAnswer, ScoreMap, SegmentResult
from ovedit.geometry import Rect
from tests.fakes import FakeEngine

WIDTH, HEIGHT = 600, 400


class Make:
    """Builds what an engine would answer."""

    @staticmethod
    def disc(x: float, y: float, radius: float, *, step: int = 4) -> NDArray[np.float32]:
        """Scores from 1 in the middle of a disc to 0 at twice its radius, at 1/`step` size."""
        rows, columns = np.mgrid[step // 2 : HEIGHT : step, step // 2 : WIDTH : step]
        return np.clip(1 - np.hypot(columns - x, rows - y) / (2 * radius), 0, 1).astype(np.float32)

    @staticmethod
    def candidate(
        label: str, x: float = 300, y: float = 200, radius: float = 80, *, score: float = 0.9
    ) -> MaskCandidate:
        scores = ScoreMap(Make.disc(x, y, radius), Rect(0, 0, WIDTH, HEIGHT))
        return MaskCandidate(label, score, scores, 0.5, "Said so by the test.")

    @staticmethod
    def answer(phrase: str, *candidates: MaskCandidate, found: bool = True) -> PhraseAnswer:
        return PhraseAnswer(phrase, found, candidates)

    @staticmethod
    def segmented(*answers: PhraseAnswer) -> SegmentResult:
        return SegmentResult(answers, "fake", 0.1)


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(colour=(200, 30, 30))


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """(400, 600, 4) opaque noise: any change of a pixel shows."""
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


@pytest.fixture
def document(photo: NDArray[np.uint8]) -> Document:
    return Document.from_pixels(photo.copy(), "photo")


def same_pixels(one: DocumentState, other: DocumentState) -> bool:
    return one.surfaces.keys() == other.surfaces.keys() and all(
        surface.equals(other.surfaces[ref]) for ref, surface in one.surfaces.items()
    )


@pytest.fixture
def undoes_of() -> Callable[[Document], Callable[[Callable[[], object]], None]]:
    """Check that a call is one undo step, which takes everything back and does it again."""

    def of(document: Document) -> Callable[[Callable[[], object]], None]:
        def check(call: Callable[[], object]) -> None:
            before, steps = document.snapshot(), document.history.position
            call()
            assert document.history.position == steps + 1
            after = document.snapshot()
            document.undo()
            assert document.state.structure == before.structure
            assert same_pixels(document.state, before)
            document.redo()
            assert document.state.structure == after.structure
            assert same_pixels(document.state, after)

        return check

    return of


@pytest.fixture
def undoes(
    document: Document, undoes_of: Callable[[Document], Callable[[Callable[[], object]], None]]
) -> Callable[[Callable[[], object]], None]:
    """`undoes_of` for the document of this test."""
    return undoes_of(document)
