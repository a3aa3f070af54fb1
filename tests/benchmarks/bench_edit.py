"""An edit by Stable Diffusion 2 from the request to its layer, beside the bare diffusers call.

    python tests/benchmarks/bench_edit.py [--quick] [--small] [--steps N] [--threads N]
                                          [--megapixels N] [--keep FOLDER] [--device NAME]

The published architecture with random weights, in the engine that the window uses: they take as
long and as much memory as trained ones. A photograph of coffee, 12 MP, with a hole of 700 × 500.
The call that the engine made is then made again without it: ours is all that is done around that
call and in what it calls back. What 50 steps take is computed from those that were run: the
median of them 50 times, and the rest once. Seconds are those of the processor, which others change
less, but for the first step, the cancel and the forecast: those are by the clock. Memory is the
most that the process holds (Linux), less what it held before, and of ours what Python's allocator
counts. --quick runs two steps, --small a network of a twentieth of the size, whose figures mean
nothing beside the budgets.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
FORECAST = "--forecast-alone"
CACHE = tempfile.TemporaryDirectory()
# What runs of random weights take is not to be remembered for those of trained ones.
os.environ["XDG_CACHE_HOME"] = CACHE.name

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import skimage.data  # noqa: E402

from ovedit.document import Document  # noqa: E402
from ovedit.engine.inpainting.info import INFO  # noqa: E402
from ovedit.engine.protocols import CancelToken, Preview, Progress, silent  # noqa: E402
from ovedit.engine.requests import EditKind  # noqa: E402
from ovedit.errors import Cancelled  # noqa: E402
from ovedit.workflows import edit as workflow  # noqa: E402
from ovedit.workflows import mask_ops  # noqa: E402

STEPS = 50
TIME_BUDGET, MEMORY_BUDGET, PREVIEW_BUDGET, START_BUDGET = 0.05, 0.1, 0.05, 0.2
HOLE = (350, 250)
WORDS = "metal bench"


def main() -> None:
    """Measure and print."""
    if FORECAST in sys.argv:
        forecast_alone(float(sys.argv[-1]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--steps", type=int, default=0, help="that are run; 5, or 2 with --quick")
    parser.add_argument("--threads", type=int, default=0, help="0: as OVEdit sets them")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--keep", type=Path, help="where the models stay for the next time")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
        cv2.setNumThreads(arguments.threads)
    print("| | measured | budget |\n|---|---:|---:|")
    scene = Scene(arguments.megapixels)
    forecast(arguments.megapixels)
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(arguments.keep or Path(temporary), arguments, scene)
        bench.beside_the_bare_call()
        bench.starts()
        bench.cancel()
        bench.previews()
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


class Scene:
    """A photograph with masks in two places."""

    def __init__(self, megapixels: float) -> None:
        height = round((megapixels * 1e6 / 1.5) ** 0.5)
        width = round(1.5 * height)
        rgb = cv2.resize(skimage.data.coffee(), (width, height), interpolation=cv2.INTER_CUBIC)
        pixels = np.dstack([rgb, np.full((height, width), 255, np.uint8)])
        self.document = Document.from_pixels(np.asarray(pixels, np.uint8), "coffee")
        self.masks = [self._mask(round(at * width), height // 2) for at in (0.4, 0.6)]

    def _mask(self, x: int, y: int) -> str:
        size = self.document.size
        mask = np.zeros((size.height, size.width), np.uint8)
        cv2.ellipse(mask, (x, y), HOLE, 0, 0, 360, 255, -1)
        return mask_ops.add_mask(self.document, mask, label="wooden bench")

    def plan(self, *, seed: int = 0, words: str = WORDS, mask: int = 0, **options: str) -> Any:
        """What the window asks for at a click."""
        return workflow.plan_edit(
            self.document.state,
            [self.masks[mask]],
            EditKind.REPLACE,
            INFO,
            prompt=words,
            seed=seed,
            options={"model": "sd2-inpainting", "refine": "no", **options},
        )


class Clock:
    """Seconds of a piece of work: of the processor, and by the clock."""

    def __init__(self) -> None:
        self.busy = self.wall = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add what the block takes."""
        wall, busy = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.busy += time.process_time() - busy


class Call:
    """The pipeline's call as the engine makes it: what it is given, and where its time goes."""

    def __init__(self, kind: Any) -> None:
        self._kind, self._plain = kind, kind.__call__
        self.given: dict[str, Any] = {}
        self.whole, self.back = Clock(), Clock()
        self.steps: list[float] = []
        self.picture: Any = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Follow the calls while the block lasts."""

        def call(pipeline: Any, **given: Any) -> Any:
            self.given = dict(given)
            called_back = given.pop("callback_on_step_end")
            with self.whole.running():
                result = self.timed(pipeline, given, called_back)
            self.picture = result.images[0]
            return result

        self._kind.__call__ = call
        try:
            yield
        finally:
            self._kind.__call__ = self._plain

    def timed(self, pipeline: Any, given: dict[str, Any], called_back: Any = None) -> Any:
        """Make the call and note what each step but the first takes of the processor."""
        ended: list[float] = []

        def after_step(*given: Any) -> Any:
            if ended:
                self.steps.append(time.process_time() - ended[0])
            with self.back.running():
                kept = given[-1] if called_back is None else called_back(*given)
            ended[:] = [time.process_time()]
            return kept

        return self._plain(pipeline, callback_on_step_end=after_step, **given)


class Bench:
    """The engine with its models, over one scene."""

    def __init__(self, folder: Path, arguments: argparse.Namespace, scene: Scene) -> None:
        from diffusers.pipelines.stable_diffusion import (
            pipeline_stable_diffusion_inpaint as inpaint,
        )

        from ovedit.engine.inpainting.engine import DiffusionEngine
        from ovedit.engine.models.runtime.runtime import ModelRuntime
        from tests.benchmarks.random_models import DIFFUSION, PREVIEW, SMALL, shelf_of

        self._id = SMALL if arguments.small else DIFFUSION
        self._tiny = PREVIEW
        self._scene = scene
        self._steps = arguments.steps or (2 if arguments.quick else 5)
        self._runtime = ModelRuntime(
            shelf_of([self._id, PREVIEW], folder), device=arguments.device, budget=2**40
        )
        self._engine = DiffusionEngine(self._runtime)
        self._kind: Any = inpaint.StableDiffusionInpaintPipeline
        with self._runtime.use(self._id) as pipeline:
            weights = sum(p.numel() for p in _parameters(pipeline))
        row(f"parameters of {self._id}, threads", f"{weights:,}, {_threads()}")

    def _plan(self, **values: Any) -> Any:
        return self._scene.plan(model=self._id, steps=str(self._steps), **values)

    def _edit(self, plan: Any, progress: Progress = silent, cancel: CancelToken | None = None):
        return self._engine.edit(plan.request, progress, cancel or CancelToken())

    def beside_the_bare_call(self) -> None:
        """All that is ours in one edit, and the same call alone."""
        call, ours = Call(self._kind), Clock()
        memory = Memory()
        with call.watched(), ours.running():
            plan = self._plan()
            result = self._edit(plan)
            workflow.apply_edit(self._scene.document, plan, result)
        with_ours = memory.peak()
        around = ours.busy - call.whole.busy
        bare, alone = Call(self._kind), Clock()
        with self._runtime.use(self._id) as pipeline:
            import torch

            given = {k: v for k, v in call.given.items() if k != "callback_on_step_end"}
            given["generator"] = torch.Generator("cpu").manual_seed(plan.request.seed)
            memory = Memory()
            with alone.running():
                same = torch.equal(bare.timed(pipeline, given).images[0], call.picture)
            without = memory.peak()
        self._step = statistics.median(bare.steps)
        rest = alone.busy - self._steps * self._step
        row("the same pixels from both calls", "yes" if same else "no")
        row(f"{self._steps} steps, bare / in an edit", f"{alone.busy:.1f} / {ours.busy:.1f} s")
        row("a step / all else of the bare call", f"{self._step:.2f} / {rest:.2f} s")
        each = call.back.busy / self._steps
        row("ours: around the call / for each step", f"{around:.3f} / {each:.4f} s")
        share = (around + STEPS * each) / (rest + STEPS * self._step)
        row(f"ours of the bare call at {STEPS} steps, computed", f"{share:.2%}", TIME_BUDGET)
        most = self._own_memory()
        row("most memory: bare call / in an edit", f"{mega(without)} / {mega(with_ours)}")
        with self._runtime.use(self._id) as pipeline:
            weights = sum(p.numel() * p.element_size() for p in _parameters(pipeline))
        whole = weights + without
        name = "ours of the bare call's memory, weights and peak"
        row(name, f"{mega(most)} of {mega(whole)}: {most / whole:.2%}", MEMORY_BUDGET)

    def _own_memory(self) -> int:
        """The most that our own arrays take, with what the model painted in place of the call."""
        import torch

        planes = torch.rand(3, 512, 512)

        def painted(pipeline: Any, **given: Any) -> Any:
            return self._kind_output([planes])

        plain = self._kind.__call__
        self._kind.__call__ = painted
        tracemalloc.start()
        try:
            plan = self._plan(seed=99)
            workflow.apply_edit(self._scene.document, plan, self._edit(plan))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            self._kind.__call__ = plain

    def _kind_output(self, images: list[Any]) -> Any:
        from diffusers.pipelines.stable_diffusion.pipeline_output import (
            StableDiffusionPipelineOutput,
        )

        return StableDiffusionPipelineOutput(images, None)  # pyright: ignore[reportArgumentType]

    def starts(self) -> None:
        """From the click to the first step of the network, with the model in memory."""
        cases = {
            "another seed": {"seed": 1},
            "other words": {"words": "red sofa"},
            "another place": {"mask": 1},
            "the same once more": {"mask": 1, "seed": 2},
        }
        for name, changes in cases.items():
            begun, cancel = Clock(), CancelToken()

            def stop(*_: Any, cancel: CancelToken = cancel) -> None:
                cancel.cancel()

            with self._runtime.use(self._id) as pipeline:
                hook = pipeline.unet.register_forward_pre_hook(stop)
            try:
                with begun.running():
                    self._edit(self._plan(**changes), cancel=cancel)
            except Cancelled:
                pass
            finally:
                hook.remove()
            budget = START_BUDGET if "seed" in changes else None
            text = f"{begun.wall:.2f} s ({begun.busy:.2f} of the processor)"
            row(f"first step begins, {name}", text, None if budget is None else f"{budget} s")

    def cancel(self) -> None:
        """Pressed in the middle of a step."""
        cancel, pressed, decoded = CancelToken(), [0.0], []

        def press() -> None:
            pressed[0] = time.perf_counter()
            cancel.cancel()

        timer = threading.Timer(self._step / 2, press)
        with self._runtime.use(self._id) as pipeline:
            hooks = [
                pipeline.unet.register_forward_pre_hook(lambda *_: timer.start()),
                pipeline.vae.decoder.register_forward_pre_hook(lambda *_: decoded.append(1)),
            ]
        try:
            self._edit(self._plan(mask=1, seed=3), cancel=cancel)
        except Cancelled:
            late = time.perf_counter() - pressed[0]
            text = f"{late:.2f} s, decoded {len(decoded)} times"
            row("cancel until it stops", text, f"a step: {self._step:.1f} s")
        finally:
            timer.cancel()
            for hook in hooks:
                hook.remove()

    def previews(self) -> None:
        """One picture from latents to what the window is given, by both decoders."""
        import torch

        from ovedit.engine.inpainting.area import glimpse
        from ovedit.engine.inpainting.families import family_of
        from ovedit.engine.inpainting.plan import plan_edit
        from ovedit.engine.inpainting.preview import LinearDecoder, TinyDecoder

        library = self._runtime.library
        request = self._plan().request
        (area,) = plan_edit(request, library).areas
        colours = family_of(library.model(self._id)).colours
        assert colours is not None
        latents = torch.randn(1, 4, area.size.height // 8, area.size.width // 8)
        with self._runtime.use(self._tiny) as network:
            for name, decoder in (
                ("linear", LinearDecoder(colours)),
                ("tiny autoencoder", TinyDecoder(network)),
            ):

                def look(decoder: Callable[[Any], Any] = decoder) -> None:
                    pixels = np.zeros((area.hole.height, area.hole.width, 4), np.uint8)
                    pixels[..., :3] = glimpse(area, decoder(latents))
                    Preview(pixels, area.hole)

                look()
                times = []
                for _ in range(5):
                    clock = Clock()
                    with clock.running():
                        look()
                    times.append(clock.busy)
                taken = statistics.median(times)
                text = f"{taken:.4f} s, {taken / self._step:.2%} of a step"
                row(f"a preview, {name}", text, PREVIEW_BUDGET)
                share = shown_in(taken, self._step)
                row(f"previews of {STEPS} steps, {name}, computed", f"{share:.2%}", PREVIEW_BUDGET)


def shown_in(preview: float, step: float) -> float:
    """The share of `STEPS` steps that previews take: they are made when there is time for one."""
    from ovedit.engine.inpainting.preview import Glimpses

    now: list[float] = [0.0]
    latents: Any = now

    def decode(latents: Any) -> Any:
        now[0] += preview

    glimpses = Glimpses(decode, lambda: now[0])
    for _ in range(STEPS):
        now[0] += step
        glimpses.look(latents)
    return now[0] / (STEPS * step) - 1


def forecast(megapixels: float) -> None:
    """In a process of its own, which must not import torch."""
    command = [sys.executable, __file__, FORECAST, str(megapixels)]
    done = subprocess.run(command, check=True, text=True, capture_output=True)
    row("forecast, first / next", done.stdout.strip())


def forecast_alone(megapixels: float) -> None:
    """As the window asks for it, with everything that it imports."""
    from ovedit.engine.registry import default_registry

    registry, scene = default_registry(), Scene(megapixels)
    request = scene.plan().request
    times = []
    for _ in range(6):
        clock = Clock()
        with clock.running():
            assert registry.forecast(INFO.name, replace(request)) is not None
        times.append(clock.wall)
    seen = "imported" if "torch" in sys.modules else "not imported"
    print(f"{times[0]:.3f} / {statistics.median(times[1:]):.3f} s, torch {seen}")


class Memory:
    """The most that the process holds from now on, less what it holds now; 0 but on Linux."""

    def __init__(self) -> None:
        self._reset = Path("/proc/self/clear_refs")
        if self._reset.exists():
            self._reset.write_text("5")
            self._before = _status("VmRSS")

    def peak(self) -> int:
        """Bytes."""
        return _status("VmHWM") - self._before if self._reset.exists() else 0


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def mega(size: int) -> str:
    """In megabytes."""
    return f"{size / 1e6:,.0f} MB"


def row(what: str, measured: str, budget: float | str | None = None) -> None:
    """Print one; a budget that is a number is a share."""
    text = f"{budget:.0%}" if isinstance(budget, float) else budget or ""
    print(f"| {what} | {measured} | {text} |", flush=True)


def _parameters(pipeline: Any) -> Iterator[Any]:
    import torch

    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            yield from part.parameters()


def _threads() -> int:
    import torch

    return torch.get_num_threads()


if __name__ == "__main__":
    main()
