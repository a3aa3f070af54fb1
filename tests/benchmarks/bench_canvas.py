"""How fast the canvas follows: pan, zoom, brush and threshold on a document of 24 megapixels.

    python tests/benchmarks/bench_canvas.py [--profile NAME] [--shots FOLDER]

Five layers in several blend modes, three masks shown, a view of 1600×1000 pixels. Each event goes
to the widget as Qt would send it, and is timed until what it asked for is painted. Frames that
follow by themselves, while the picture is still being finished, are timed as frames of their own.
How long it takes until all of the picture is final has its own lines.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
if sys.platform.startswith("linux") and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QTransform, QWheelEvent
from PySide6.QtWidgets import QApplication
from scene import SIZE, Times, large_document, print_times

from ovedit.document import Document
from ovedit.engine.requests import Point
from ovedit.errors import OVEditError
from ovedit.geometry import Rect
from ovedit.ui import theme
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.tools.base import ToolOptions
from ovedit.ui.tools.brushes import BrushTool
from ovedit.workflows.threshold import ThresholdPreview

VIEW = (1600, 1000)
FRAME_MS, DAB_MS, SLIDER_MS = 16.0, 8.0, 33.0


class Host:
    """What a tool needs of a window."""

    quick_mask = False

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.options = ToolOptions(size=200)

    @property
    def document(self) -> Document:
        return self._canvas.document

    def to_widget(self) -> QTransform:
        return self._canvas.to_widget()

    def pan_by(self, dx: float, dy: float) -> None:
        self._canvas.pan_by(dx, dy)

    def zoom_step(self, direction: int, at: QPointF) -> None:
        self._canvas.zoom_step(direction, at)

    def say(self, error: OVEditError) -> None:
        raise error

    def options_changed(self) -> None:
        pass

    def segment_points(self, points: Sequence[Point], box: Rect | None) -> None:
        raise NotImplementedError


class Bench:
    """A canvas, and the events of a person."""

    def __init__(self, app: QApplication, document: Document) -> None:
        self.app = app
        self.canvas = Canvas()
        self.canvas.resize(*VIEW)
        self.canvas.set_animated(True)
        self.canvas.set_document(document)
        self.canvas.set_tool(BrushTool(Host(self.canvas)))
        self.canvas.show()
        self.settle(None)

    def paint(self) -> None:
        """Paint what the widget asked to have painted."""
        self.app.sendPostedEvents(None, QEvent.Type.UpdateRequest)

    def follow(self, frames: Times | None) -> None:
        """Let one frame follow, if there is one to come."""
        if self.canvas.finished:
            self.app.processEvents()
            self.paint()
            return
        # One by one: Qt may let several follow before it asks for events again.
        with frames.one() if frames is not None else nullcontext():
            self.canvas._refine()
            self.paint()

    def settle(self, frames: Times | None) -> None:
        """Let all frames follow that are still to come."""
        self.follow(frames)
        while not self.canvas.finished:
            self.follow(frames)

    def mouse(self, kind: QEvent.Type, at: QPointF, *, middle: bool = False) -> None:
        """One mouse event, then its pixels."""
        button = Qt.MouseButton.MiddleButton if middle else Qt.MouseButton.LeftButton
        moving = kind is QEvent.Type.MouseMove
        held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else button
        event = QMouseEvent(
            kind,
            at,
            at,
            Qt.MouseButton.NoButton if moving else button,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        self.app.sendEvent(self.canvas, event)
        self.paint()

    def wheel(self, steps: float, at: QPointF) -> None:
        """Turn the wheel, then its pixels."""
        event = QWheelEvent(
            at,
            at,
            QPoint(),
            QPoint(0, round(120 * steps)),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        self.app.sendEvent(self.canvas, event)
        self.paint()

    def drag(self, times: Times, path: list[QPointF], *, middle: bool = False) -> None:
        """Press, drag along, release: each move is timed."""
        self.mouse(QEvent.Type.MouseButtonPress, path[0], middle=middle)
        for at in path[1:]:
            with times.one():
                self.mouse(QEvent.Type.MouseMove, at, middle=middle)
            # A screen's refresh apart, as a mouse is: frames that follow by themselves get a turn.
            self.follow(times)
        self.mouse(QEvent.Type.MouseButtonRelease, path[-1], middle=middle)


def pans(bench: Bench, zoom: float) -> Times:
    times = Times(f"pan at {zoom:.0%}", FRAME_MS)
    bench.canvas.fit()
    bench.canvas.zoom_to(zoom)
    bench.settle(None)
    for dx, dy in ((9, 4), (-23, 2), (3, -17), (31, 11)):
        path = [QPointF(800 + dx * i % 700, 500 + dy * i % 400) for i in range(40)]
        bench.drag(times, path, middle=True)
        bench.settle(times)
    return times


def zooms(bench: Bench) -> list[Times]:
    times = Times("zoom", FRAME_MS)
    settled = Times("zoom: until all is final", None)
    bench.canvas.fit()
    bench.settle(None)
    for at in (QPointF(700, 420), QPointF(1100, 300)):
        for steps in (*[0.4] * 40, *[-0.4] * 40, *[1.0] * 14, *[-1.0] * 14):
            with times.one():
                bench.wheel(steps, at)
            bench.follow(times)
        bench.settle(times)
        for steps in (2.0, 2.0, -1.0, -2.0):
            with settled.one():
                bench.wheel(steps, at)
                bench.settle(None)
    return [times, settled]


def strokes(bench: Bench, name: str, zoom: float) -> tuple[Times, Times, Times, Times]:
    times = Times(f"dab on a {name} at {zoom:.0%}", DAB_MS)
    ends = Times(f"end of a stroke on a {name} at {zoom:.0%}", FRAME_MS)
    undo = Times(f"undo of a stroke on a {name} at {zoom:.0%}", 20)
    redo = Times(f"redo of a stroke on a {name} at {zoom:.0%}", 20)
    bench.canvas.fit()
    bench.canvas.zoom_to(zoom)
    bench.settle(None)
    document = bench.canvas.document
    for stroke in range(6):
        path = [QPointF(300 + 6 * i, 250 + 80 * stroke + (i * 5) % 31) for i in range(60)]
        with times.one():
            bench.mouse(QEvent.Type.MouseButtonPress, path[0])
        for at in path[1:]:
            with times.one():
                bench.mouse(QEvent.Type.MouseMove, at)
            bench.follow(times)
        with ends.one():
            bench.mouse(QEvent.Type.MouseButtonRelease, path[-1])
        for times_, change in ((undo, document.undo), (redo, document.redo), (undo, document.undo)):
            with times_.one():
                change()
                bench.paint()
                bench.settle(None)
    return times, ends, undo, redo


def slides(bench: Bench, zoom: float | None) -> list[Times]:
    name = f"threshold at {zoom:.0%}" if zoom else "threshold, fitted"
    times = Times(name, SLIDER_MS)
    settled = Times(f"{name}: until all is final", None)
    canvas, document = bench.canvas, bench.canvas.document
    canvas.fit()
    if zoom:
        canvas.zoom_to(zoom)
    bench.settle(None)
    mask_id, level = document.masks[0].id, canvas.preview_level
    preview = ThresholdPreview(document.state, mask_id, level)

    def slide(index: int) -> None:
        value = 0.3 + 0.4 * (index % 20) / 20
        canvas.overlays.preview(mask_id, (level, preview.at(value)))
        bench.paint()

    for index in range(60):
        with times.one():
            slide(index)
        bench.follow(times)
    for index in range(10):
        with settled.one():
            slide(index)
            bench.settle(None)
    canvas.overlays.preview(mask_id, None)
    bench.settle(None)
    return [times, settled]


def hovers(bench: Bench) -> Times:
    times = Times("hover with the brush", FRAME_MS)
    bench.canvas.fit()
    bench.settle(None)
    for i in range(80):
        at = QPointF(300 + 11 * i, 300 + (i * 37) % 301)
        with times.one():
            bench.mouse(QEvent.Type.MouseMove, at)
        bench.follow(times)
    return times


def marches(bench: Bench) -> Times:
    times = Times("moving dashes", FRAME_MS)
    bench.canvas.fit()
    bench.settle(None)
    for _ in range(60):
        with times.one():
            bench.canvas._march()
            bench.paint()
    return times


def main() -> int:
    """Measure, print, and say with the exit code whether the budgets are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names of what to measure")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--shots", type=Path, help="save what is seen into this folder")
    options = parser.parse_args()
    app = QApplication(sys.argv)
    theme.apply(app, "dark")
    start = time.perf_counter()
    document = large_document()
    print(f"document of {SIZE.width} x {SIZE.height} made in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    bench = Bench(app, document)
    print(f"first picture settled in {(time.perf_counter() - start) * 1000:.0f} ms")

    def on_mask() -> None:
        document.set_current(masks=(document.masks[0].id,))

    def on_layer() -> None:
        document.set_current(layer=document.layers[3].id, masks=())

    works = {
        "pan": lambda: [pans(bench, zoom) for zoom in (0.25, 1.0, 1.6)],
        "zoom": lambda: zooms(bench),
        "mask dab": lambda: [t for z in (0.25, 1.0) for t in strokes(bench, "mask", z)],
        "layer dab": lambda: [
            t for z in (0.25, 1.0) for t in (on_layer(), *strokes(bench, "layer", z)) if t
        ],
        "threshold": lambda: [t for z in (None, 1.0) for t in slides(bench, z)],
        "hover": lambda: [hovers(bench)],
        "dashes": lambda: [marches(bench)],
    }
    measured: list[Times] = []
    profile = cProfile.Profile() if options.profile else None
    for name, work in works.items():
        if options.only not in name:
            continue
        on_mask()
        if profile:
            profile.enable()
        measured += work()
        if profile:
            profile.disable()
        if options.shots:
            options.shots.mkdir(parents=True, exist_ok=True)
            bench.canvas.grab().save(str(options.shots / f"{name.replace(' ', '-')}.png"))
    kept = print_times(measured)
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    bench.canvas.set_document(Document(SIZE))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
