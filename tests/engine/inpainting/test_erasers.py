"""Erasers fill the hole, the whole hole and nothing but the hole, through the real loader."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ovedit.engine.inpainting.erasers import OnnxEraser, eraser
from ovedit.engine.inpainting.prefill import FILL, FillPainter, choose_eraser
from ovedit.engine.inpainting.values import Painter, PaintJob, Picture, Words
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import EditKind
from ovedit.errors import Cancelled, CannotDoError, DamagedModelError, EngineError, ModelError
from tests.engine.models.runtime import tiny
from tests.engine.models.runtime.conftest import Shelf, describe

SIDES = {"lama": (512, 512), "migan": (150, 203), FILL: (60, 75)}
"""(h, w) that each is tried at."""
FLOAT, BYTE = TensorProto.FLOAT, TensorProto.UINT8


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ModelRuntime:
    """Over both erasers and a model that is none."""
    shelf = tmp_path_factory.mktemp("erasers")
    entries: dict[str, tuple[Any, Path | None]] = {}
    for id, save in {"lama": tiny.lama, "migan": tiny.migan}.items():
        save(shelf / id)
        entries[id] = describe(id, "onnx", shelf / id), shelf / id
    return ModelRuntime(Shelf(entries), device="cpu")


def job_of(height: int, width: int, seed: int = 0, colour: int = 200) -> PaintJob:
    """A reddish noise, and in its middle a thing of bright green under the mask."""
    noise = np.random.default_rng(5).integers(-20, 21, (height, width, 3))
    picture = np.clip(noise + np.array([colour, 80, 40]), 0, 255).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 2, width // 4 : width // 2] = 255
    picture[mask > 0] = (0, 255, 0)
    return PaintJob(EditKind.REMOVE, picture, mask, Words(), seed)


def paint(painter: Painter, job: PaintJob, cancel: CancelToken | None = None) -> Picture:
    return painter.paint(job, lambda *a, **k: None, cancel or CancelToken())


@contextmanager
def over(path: Path, cancel: CancelToken | None = None) -> Iterator[OnnxEraser]:
    """The eraser over a graph that was saved there."""
    shelf = Shelf({"model": (describe("model", "onnx", path.parent), path.parent)})
    with eraser(ModelRuntime(shelf, device="cpu"), "model", cancel=cancel) as painter:
        assert isinstance(painter, OnnxEraser)
        yield painter


@pytest.mark.parametrize("id", SIDES)
def test_the_thing_goes_and_the_rest_stays(runtime: ModelRuntime, id: str) -> None:
    job = job_of(*SIDES[id])
    with eraser(runtime, id, preset="fast") as painter:
        after = paint(painter, job)
    hole = job.mask > 0
    assert after.shape == job.picture.shape and after.dtype == np.uint8
    around = job.picture[~hole].mean(axis=0)
    # Every pixel of the hole, the outermost too: nothing of the bright green is left.
    assert np.abs(after[hole].astype(float) - around).max() < 30
    far = ~np.asarray(tiny_grown(job.mask, 8), bool)
    assert np.array_equal(after[far], job.picture[far])


def tiny_grown(mask: Picture, by: int) -> Picture:
    rows, columns = np.nonzero(mask)
    grown = np.zeros_like(mask)
    grown[
        max(0, rows.min() - by) : rows.max() + by + 1,
        max(0, columns.min() - by) : columns.max() + by + 1,
    ] = 255
    return grown


@pytest.mark.parametrize("id", SIDES)
def test_the_same_job_gives_the_same_pixels(runtime: ModelRuntime, id: str) -> None:
    with eraser(runtime, id, preset="fast") as painter:
        first = paint(painter, job_of(*SIDES[id], seed=3))
        again = paint(painter, job_of(*SIDES[id], seed=3))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("id", SIDES)
def test_without_a_hole_nothing_changes(runtime: ModelRuntime, id: str) -> None:
    job = job_of(*SIDES[id])
    job.mask[:] = 0
    with eraser(runtime, id, preset="fast") as painter:
        after = paint(painter, job)
    assert np.array_equal(after, job.picture)
    assert after is not job.picture


@pytest.mark.parametrize("id", SIDES)
def test_cancelled_before_it_begins(runtime: ModelRuntime, id: str) -> None:
    cancel = CancelToken()
    with eraser(runtime, id, preset="fast") as painter:
        cancel.cancel()
        with pytest.raises(Cancelled):
            paint(painter, job_of(*SIDES[id]), cancel)


@pytest.mark.parametrize("id", SIDES)
def test_what_is_said_meanwhile(runtime: ModelRuntime, id: str) -> None:
    said: list[tuple[float, str]] = []

    def watch(fraction: float, step: str = "", picture: Picture | None = None) -> None:
        said.append((fraction, step))

    with eraser(runtime, id, preset="fast") as painter:
        painter.paint(job_of(*SIDES[id]), watch, CancelToken())
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0, abs=0.02)
    assert all(step for _, step in said)


def test_a_hole_of_the_whole_picture(runtime: ModelRuntime) -> None:
    job = job_of(96, 96)
    job.mask[:] = 255
    with pytest.raises(CannotDoError, match="no pixel of the picture to copy from"):
        paint(FillPainter("fast"), job)
    with eraser(runtime, "migan") as painter:
        assert paint(painter, job).shape == job.picture.shape


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_size_and_any_hole(runtime: ModelRuntime, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(8, 90)), data.draw(st.integers(8, 90))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom = data.draw(st.integers(top + 1, height))
    right = data.draw(st.integers(left + 1, width))
    job = job_of(height, width)
    job.mask[:] = 0
    job.mask[top:bottom, left:right] = 1
    with eraser(runtime, "migan") as painter:
        after = paint(painter, job)
    far = tiny_grown(job.mask, 8) == 0
    assert np.array_equal(after[far], job.picture[far])


def test_a_size_that_the_graph_does_not_take(runtime: ModelRuntime) -> None:
    with (
        eraser(runtime, "lama") as painter,
        pytest.raises(EngineError, match="pictures of 512 × 512 pixels, this one is 203 × 150"),
    ):
        paint(painter, job_of(150, 203))


def test_the_interface_is_that_of_the_session(runtime: ModelRuntime) -> None:
    with eraser(runtime, "lama") as lama, eraser(runtime, "migan") as migan:
        assert isinstance(lama, OnnxEraser) and isinstance(migan, OnnxEraser)
        assert (lama.interface.size, lama.interface.floats) == ((512, 512), True)
        assert (migan.interface.size, migan.interface.multiple) == (None, 1)


def lama_like(path: Path, sides: Any = (32, 48), scale: int = 255, names: str = "ab") -> Path:
    """LaMa's graph at another size, with other names or another range of its answer."""
    node, (image, mask) = helper.make_node, names
    last = [node("Mul", ["whole", "white"], ["out"])]
    if scale == 1:
        last = [node("Identity", ["whole"], ["out"])]
    tiny.save_onnx(
        path,
        [
            node("Sub", ["one", mask], ["keep"]),
            node("Mul", [image, "keep"], ["kept"]),
            node("ReduceSum", ["kept", "plane"], ["sum"]),
            node("ReduceSum", ["keep", "plane"], ["count"]),
            node("Max", ["count", "one"], ["some"]),
            node("Div", ["sum", "some"], ["mean"]),
            node("Mul", ["mean", mask], ["filled"]),
            node("Add", ["kept", "filled"], ["whole"]),
            *last,
        ],
        # The mask may come first.
        {mask: (FLOAT, 1, sides), image: (FLOAT, 3, sides)},
        {"out": (FLOAT, 3, sides)},
    )
    return path


@pytest.mark.parametrize("scale", [1, 255])
def test_other_names_sizes_and_ranges(tmp_path: Path, scale: int) -> None:
    job = job_of(32, 48)
    with over(lama_like(tmp_path / "model.onnx", scale=scale)) as painter:
        after = paint(painter, job)
    hole = job.mask > 0
    assert np.array_equal(after[~hole], job.picture[~hole])
    assert np.abs(after[hole] - job.picture[~hole].mean(axis=0)).max() < 1


@pytest.mark.parametrize("scale", [1, 255])
def test_a_black_picture_stays_black(tmp_path: Path, scale: int) -> None:
    job = job_of(32, 48)
    job.picture[:] = 0
    with over(lama_like(tmp_path / "model.onnx", scale=scale)) as painter:
        assert not paint(painter, job).any()


def test_a_float_graph_of_any_size_wants_multiples_of_8(tmp_path: Path) -> None:
    with over(lama_like(tmp_path / "model.onnx", sides=("h", "w"))) as painter:
        assert painter.interface.multiple == 8
        assert paint(painter, job_of(40, 64)).shape == (40, 64, 3)
        with pytest.raises(EngineError, match="multiples of 8, this picture is 65 × 40"):
            paint(painter, job_of(40, 65))


Graph = Callable[[Path], None]


def one_input(path: Path) -> None:
    node = helper.make_node("Identity", ["image"], ["out"])
    tiny.save_onnx(path, [node], {"image": (FLOAT, 3, (8, 8))}, {"out": (FLOAT, 3, (8, 8))})


def two_pictures(path: Path) -> None:
    tiny.save_onnx(
        path,
        [helper.make_node("Add", ["a", "b"], ["out"])],
        {"a": (FLOAT, 3, (8, 8)), "b": (FLOAT, 3, (8, 8))},
        {"out": (FLOAT, 3, (8, 8))},
    )


def doubles(path: Path) -> None:
    tiny.save_onnx(
        path,
        [helper.make_node("Mul", ["a", "b"], ["out"])],
        {"a": (TensorProto.DOUBLE, 3, (8, 8)), "b": (TensorProto.DOUBLE, 1, (8, 8))},
        {"out": (TensorProto.DOUBLE, 3, (8, 8))},
    )


def two_sizes(path: Path) -> None:
    tiny.save_onnx(
        path,
        [
            helper.make_node("ReduceMean", ["b"], ["mean"]),
            helper.make_node("Mul", ["a", "mean"], ["out"]),
        ],
        {"a": (FLOAT, 3, (8, 8)), "b": (FLOAT, 1, (16, 16))},
        {"out": (FLOAT, 3, (8, 8))},
    )


@pytest.mark.parametrize("graph", [one_input, two_pictures, doubles, two_sizes])
def test_a_graph_that_is_no_eraser(tmp_path: Path, graph: Graph) -> None:
    graph(tmp_path / "model.onnx")
    with (
        pytest.raises(ModelError, match="Tiny model is no eraser known here: it takes") as caught,
        over(tmp_path / "model.onnx"),
    ):
        pass
    assert "1 × 3 × h × w" in caught.value.hint


def test_a_graph_that_makes_another_picture(tmp_path: Path) -> None:
    tiny.save_onnx(
        tmp_path / "model.onnx",
        [
            helper.make_node("Mul", ["a", "b"], ["only"]),
            helper.make_node("Mul", ["only", "white"], ["out"]),
        ],
        {"a": (FLOAT, 3, (32, 32)), "b": (FLOAT, 1, (32, 32))},
        {"out": (FLOAT, 3, (32, 32))},
    )
    with (
        over(tmp_path / "model.onnx") as painter,
        pytest.raises(EngineError, match="does not keep the picture"),
    ):
        paint(painter, job_of(32, 32))


def test_an_answer_of_another_size(tmp_path: Path) -> None:
    tiny.save_onnx(
        tmp_path / "model.onnx",
        [
            helper.make_node("Mul", ["a", "b"], ["all"]),
            helper.make_node("AveragePool", ["all"], ["out"], kernel_shape=[2, 2], strides=[2, 2]),
        ],
        {"a": (FLOAT, 3, (32, 32)), "b": (FLOAT, 1, (32, 32))},
        {"out": (FLOAT, 3, (16, 16))},
    )
    with (
        over(tmp_path / "model.onnx") as painter,
        pytest.raises(EngineError, match="gave back 1 × 3 × 16 × 16, not 1 × 3 × 32 × 32"),
    ):
        paint(painter, job_of(32, 32))


def test_an_answer_that_is_no_number(tmp_path: Path) -> None:
    tiny.save_onnx(
        tmp_path / "model.onnx",
        [
            helper.make_node("Sub", ["b", "b"], ["nothing"]),
            helper.make_node("Div", ["a", "nothing"], ["out"]),
        ],
        {"a": (FLOAT, 3, (32, 32)), "b": (FLOAT, 1, (32, 32))},
        {"out": (FLOAT, 3, (32, 32))},
    )
    with over(tmp_path / "model.onnx") as painter, pytest.raises(EngineError, match="NaN"):
        paint(painter, job_of(32, 32))


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with (
        pytest.raises(DamagedModelError, match="Tiny model cannot be loaded"),
        over(tmp_path / "model.onnx"),
    ):
        pass


def test_a_graph_at_work_is_stopped(tmp_path: Path) -> None:
    """Thousands of steps: cancelled while they run, not after the last."""
    steps = 3000
    names = ["a", *(f"x{number}" for number in range(steps)), "last"]
    nodes = [
        helper.make_node("AveragePool", [one], [two], kernel_shape=[9, 9], pads=[4] * 4)
        for one, two in pairwise(names)
    ]
    tiny.save_onnx(
        tmp_path / "model.onnx",
        [*nodes, helper.make_node("Mul", ["last", "b"], ["out"])],
        {"a": (FLOAT, 3, (256, 256)), "b": (FLOAT, 1, (256, 256))},
        {"out": (FLOAT, 3, (256, 256))},
    )
    cancel = CancelToken()
    with over(tmp_path / "model.onnx", cancel) as painter:
        timer = threading.Timer(0.1, cancel.cancel)
        timer.start()
        with pytest.raises(Cancelled) as caught:
            paint(painter, job_of(256, 256), cancel)
        timer.join()
    # What ONNX Runtime raised: it did not come to its end.
    assert "terminate" in str(caught.value.__context__)


def shelf_of(**present: bool) -> Shelf:
    """Erasers and one other model, which are here or not."""
    entries: dict[str, tuple[Any, Path | None]] = {}
    for id, here in present.items():
        loader = "onnx" if id != "sd15" else "diffusers.StableDiffusionInpaintPipeline"
        model = describe(id, loader, Path("nowhere"))
        entries[id] = model, Path("nowhere") if here else None
    return Shelf(entries)


@pytest.mark.parametrize(
    ("present", "best"),
    [
        ({}, FILL),
        ({"lama": False, "migan": False}, FILL),
        ({"migan": True, "lama": True}, "lama"),
        ({"lama": False, "migan": True}, "migan"),
        ({"sd15": True}, FILL),
        ({"mine": True, "migan": False}, "mine"),
        ({"mine": True, "migan": True}, "migan"),
    ],
)
def test_the_best_eraser_that_is_here(present: dict[str, bool], best: str) -> None:
    assert choose_eraser(shelf_of(**present)) == best


def test_an_eraser_that_is_asked_for() -> None:
    shelf = shelf_of(lama=True, migan=False, sd15=True)
    assert [choose_eraser(shelf, name) for name in ("migan", "fill", "none")] == [
        "migan",
        "fill",
        "none",
    ]
    with pytest.raises(ModelError, match=r"Tiny sd15 is no eraser.*auto, lama, migan, fill"):
        choose_eraser(shelf, "sd15")
    with pytest.raises(ModelError, match="no model"):
        choose_eraser(shelf, "lamma")


def test_an_eraser_that_is_not_here_says_how_to_get_it() -> None:
    runtime = ModelRuntime(shelf_of(lama=False), device="cpu")
    with pytest.raises(ModelError, match="ovedit models get lama"), eraser(runtime, "lama"):
        pass
