"""Painters on the graphs of ONNX erasers: they fill a hole with background and take no words.

Two kinds of graph are known, told apart by the type of the picture that they take:

- floating numbers, such as LaMa (Suvorov et al. 2022, as exported by Carve): picture (1, 3, h, w)
  in [0, 1] and mask (1, 1, h, w), 1 in the hole. The answer is in [0, 255] or in [0, 1]; which,
  shows where the picture was to stay as it is.
- bytes, such as the pipeline of MI-GAN (Sargsyan et al. 2023): picture (1, 3, h, w) and mask
  (1, 1, h, w), 255 where the picture stays. The graph cuts out and scales by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from ovedit.engine.inpainting.prefill import FILL, FillPainter, grown
from ovedit.engine.inpainting.values import Painter, PaintJob, Picture, Watcher
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.memory import is_out_of_memory
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, silent
from ovedit.engine.requests import Preset
from ovedit.errors import EngineError, ModelError

_FLOATS = "tensor(float)"
_BYTES = "tensor(uint8)"
_FLOAT_MULTIPLE = 8
"""LaMa halves its picture three times."""
_BLENDED = 3
"""Pixels inside the hole into which MI-GAN's graph blends what was there before."""
_LIKE = 0.1
"""Mean difference, of [0, 1], up to which a picture counts as given back where it was to stay."""
_POLL_SECONDS = 0.02


@contextmanager
def eraser(
    runtime: ModelRuntime,
    id: str,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    *,
    preset: Preset = "balanced",
    plan: MemoryPlan | None = None,
) -> Iterator[Painter]:
    """The eraser that `prefill.choose_eraser` named, ready for as long as the block lasts.

    id: of a model, or `FILL`, which takes its effort from `preset`. progress, plan: of the loading,
    see `ModelRuntime.use`, which says what this raises, besides `ModelError` for a graph that is no
    eraser.
    """
    if id == FILL:
        yield FillPainter(preset)
        return
    title = runtime.library.model(id).title
    with runtime.use(id, progress, cancel, plan=plan) as session:
        yield OnnxEraser(session, title)


@dataclass(frozen=True)
class Interface:
    """What a graph takes and gives, as it says itself.

    picture, mask, result: names. size: (h, w) that it works at, None for any. floats: whether it
    takes numbers in [0, 1] and a mask of the hole, else bytes and a mask of what stays.
    """

    picture: str
    mask: str
    result: str
    size: tuple[int, int] | None
    floats: bool

    @property
    def multiple(self) -> int:
        """What height and width must be multiples of."""
        return _FLOAT_MULTIPLE if self.floats and self.size is None else 1


class OnnxEraser:
    """`Painter` on an ONNX session. The same job gives the same pixels, whatever its seed."""

    def __init__(self, session: InferenceSession, title: str = "The eraser") -> None:
        """Raises `ModelError` for a graph that is none of those described above."""
        self._session = session
        self._title = title
        self.interface = read_interface(session, title)

    def paint(self, job: PaintJob, watch: Watcher, cancel: CancelToken) -> Picture:
        """The picture with its hole filled. Seed, words and strength mean nothing to an eraser.

        Can be cancelled while the graph runs. Raises `EngineError` for a picture of a size that the
        graph does not take, and where it fails; `Cancelled`; what says that memory ran out.
        """
        cancel.check()
        self._check_size(job.mask.shape)
        if not job.mask.any():
            return job.picture.copy()
        watch(0.0, f"Erasing with {self._title}")
        picture = self._floats(job, cancel) if self.interface.floats else self._bytes(job, cancel)
        watch(1.0, f"Erasing with {self._title}", picture)
        return picture

    def _check_size(self, shape: tuple[int, ...]) -> None:
        wanted, multiple = self.interface.size, self.interface.multiple
        height, width = shape
        if wanted is not None and wanted != (height, width):
            raise EngineError(
                f"{self._title} takes pictures of {wanted[1]} × {wanted[0]} pixels, "
                f"this one is {width} × {height}.",
                "Take an eraser that works at any size, such as migan.",
            )
        if height % multiple or width % multiple:
            raise EngineError(
                f"{self._title} takes sides that are multiples of {multiple}, "
                f"this picture is {width} × {height}.",
                "Take an eraser that works at any size, such as migan.",
            )

    def _floats(self, job: PaintJob, cancel: CancelToken) -> Picture:
        hole = job.mask > 0
        given = np.float32(1 / 255) * _planes(job.picture)
        found = self._run(given, hole[None, None].astype(np.float32), cancel)
        found = found.astype(np.float32, copy=False)
        if not np.isfinite(found).all():
            raise EngineError(
                f"{self._title} gives no numbers (NaN).",
                "Check its files with `ovedit models verify`, or take another eraser.",
            )
        return _picture(found * self._scale(found, given, ~hole))

    def _scale(
        self, found: NDArray[np.float32], given: NDArray[np.float32], known: NDArray[np.bool_]
    ) -> np.float32:
        """What brings the answer to [0, 255]. Raises `EngineError` where it is another picture."""
        if not known.any():
            return np.float32(1)
        kept, answered = given[..., known], found[..., known]
        apart = {
            scale: float(np.abs(answered * np.float32(scale / 255) - kept).mean())
            for scale in (1, 255)
        }
        scale = min(apart, key=lambda scale: apart[scale])
        if apart[scale] > _LIKE:
            raise EngineError(
                f"{self._title} does not keep the picture outside of the hole.",
                "Its graph was exported in a way that is not known here; take another eraser.",
            )
        return np.float32(scale)

    def _bytes(self, job: PaintJob, cancel: CancelToken) -> Picture:
        keep = 255 - grown(np.where(job.mask > 0, np.uint8(255), np.uint8(0)), _BLENDED)
        return _picture(self._run(_planes(job.picture), keep[None, None], cancel))

    def _run(self, picture: NDArray[Any], mask: NDArray[Any], cancel: CancelToken) -> NDArray[Any]:
        """The answer (1, 3, h, w) of the graph."""
        names = self.interface
        options = onnxruntime.RunOptions()
        done = threading.Event()

        def stop_when_cancelled() -> None:
            while not done.wait(_POLL_SECONDS):
                if cancel.cancelled:
                    options.terminate = True
                    return

        watching = threading.Thread(target=stop_when_cancelled, name="eraser", daemon=True)
        watching.start()
        try:
            feeds = {names.picture: picture, names.mask: mask}
            # It could be sparse, or no tensor at all.
            answers: Any = self._session.run([names.result], feeds, options)
        except Exception as e:
            # What ONNX Runtime raises has no base in common.
            cancel.check()
            if is_out_of_memory(e):
                raise
            raise EngineError(
                f"{self._title} failed: {str(e).strip().splitlines()[-1]}",
                "Take another eraser, or check its files with `ovedit models verify`.",
            ) from e
        finally:
            done.set()
            watching.join()
        cancel.check()
        found = answers[0]
        if np.shape(found) != picture.shape:
            raise EngineError(
                f"{self._title} gave back {_shape_text(np.shape(found))}, "
                f"not {_shape_text(picture.shape)}.",
                "Take another eraser, or check its files with `ovedit models verify`.",
            )
        return found


def read_interface(session: InferenceSession, title: str = "The eraser") -> Interface:
    """What the session says that it takes. Raises `ModelError` where that is no eraser."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    pictures = [each for each in inputs if _planes_of(each.shape) == 3]
    masks = [each for each in inputs if _planes_of(each.shape) == 1]
    results = [each for each in outputs if each.type in (_FLOATS, _BYTES)]
    if len(inputs) != 2 or len(pictures) != 1 or len(masks) != 1 or not results:
        raise _no_eraser(title, inputs)
    (picture,), (mask,) = pictures, masks
    sides = _sides(picture.shape, mask.shape)
    if picture.type != mask.type or picture.type not in (_FLOATS, _BYTES) or sides is None:
        raise _no_eraser(title, inputs)
    size = None if None in sides else (int(sides[0] or 0), int(sides[1] or 0))
    return Interface(picture.name, mask.name, results[0].name, size, picture.type == _FLOATS)


def _planes_of(shape: Sequence[int | str | None]) -> int | str | None:
    """How many planes an input of this shape has, where it takes one picture at a time."""
    return shape[1] if len(shape) == 4 and not (isinstance(shape[0], int) and shape[0] != 1) else 0


def _sides(
    picture: Sequence[int | str | None], mask: Sequence[int | str | None]
) -> tuple[int | None, int | None] | None:
    """(h, w) that both inputs take, None for any side; or None where they differ."""
    found: list[int | None] = []
    for pair in zip(picture[2:], mask[2:], strict=True):
        fixed = {side for side in pair if isinstance(side, int)}
        if len(fixed) > 1:
            return None
        found.append(fixed.pop() if fixed else None)
    # A graph with one free side only has no size of its own, nor does it take any.
    return (found[0], found[1]) if found.count(None) in (0, 2) else None


def _no_eraser(title: str, inputs: Sequence[Any]) -> ModelError:
    says = ", ".join(f"{each.name} {each.type} {_shape_text(each.shape)}" for each in inputs)
    return ModelError(
        f"{title} is no eraser known here: it takes {says}.",
        "An eraser takes a picture 1 × 3 × h × w and a mask 1 × 1 × h × w, both float or uint8.",
    )


def _shape_text(shape: Sequence[Any]) -> str:
    return " × ".join(str(side) for side in shape) or "a single number"


def _planes(picture: Picture) -> NDArray[np.uint8]:
    """(h, w, 3) as (1, 3, h, w)."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None])


def _picture(planes: NDArray[Any]) -> Picture:
    """(1, 3, h, w) in [0, 255] as (h, w, 3), rounded."""
    values = planes[0].transpose(1, 2, 0)
    if values.dtype != np.uint8:
        values = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values)
