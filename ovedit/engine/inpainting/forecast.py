"""What an edit will take, told before it runs and learnt from those that ran. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ovedit.engine.inpainting.families import INSTRUCTION, activations
from ovedit.engine.inpainting.plan import EditPlan, plan_edit, refining_area
from ovedit.engine.inpainting.prefill import FILL
from ovedit.engine.inpainting.prompts import template_name
from ovedit.engine.library import ModelLibrary
from ovedit.engine.models.remembered import processor, remember, remembered
from ovedit.engine.protocols import Forecast
from ovedit.engine.requests import EditRequest
from ovedit.geometry import Size

BUILT_IN = "Built-in fill"

_NAME = "inpainting"
_NEW = 0.5
"""Weight of what was measured last against all before."""


@dataclass(frozen=True)
class Run:
    """One run of a model: whose time it is. models: ids; passes: of the network for each step."""

    models: tuple[str, ...]
    size: Size
    passes: int = 1

    def key(self, what: str) -> str:
        """The name that a number of it is kept under."""
        return f"{self.prefix(what)}{self.size.width}x{self.size.height}"

    def prefix(self, what: str) -> str:
        """What the names of the same models at all sizes begin with."""
        return f"{processor()} | {' + '.join(self.models)} | {self.passes} | {what} | "


@dataclass(frozen=True)
class Timing:
    """Seconds that a run took: for each step, and for all the rest together."""

    step: float
    rest: float


def learn(run: Run, timing: Timing) -> None:
    """Remember what a run took."""
    known = remembered(_NAME)
    for what, seconds in (("step", timing.step), ("rest", timing.rest)):
        key = run.key(what)
        known[key] = _NEW * seconds + (1 - _NEW) * known.get(key, seconds)
    remember(_NAME, known)


def learn_weights(id: str, size: int) -> None:
    """Remember the bytes that a model's weights take here, in the format that is used here."""
    known, key = remembered(_NAME), f"{processor()} | {id} | weights"
    if known.get(key) != float(size):
        remember(_NAME, known | {key: float(size)})


def expected(run: Run, steps: int) -> float | None:
    """Seconds that a run will take, or None where nothing like it was measured here.

    At a size that was not measured: those of the nearest one, in proportion to the pixels.
    """
    known = remembered(_NAME)
    total = 0.0
    for what, times in (("step", steps), ("rest", 1)):
        seconds = known.get(run.key(what))
        if seconds is None:
            found = dict(_other_sizes(known, run.prefix(what)))
            if not found:
                return None
            area = run.size.area
            nearest = min(found, key=lambda other: max(other / area, area / other))
            seconds = found[nearest] * area / nearest
        total += times * seconds
    return total


def forecast(request: EditRequest, library: ModelLibrary) -> Forecast:
    """See `EngineProvider.forecast`; raises what `plan_edit` raises.

    Memory is that of the weights, in the format measured here or else the largest that the model is
    published in, and of the decoder at work, see `families.activations`.
    """
    plan = plan_edit(request, library)
    runs = list(_runs(request, plan))
    largest = max((run.size for run, _ in runs), key=lambda size: size.area)
    times = [expected(run, steps) for run, steps in runs]
    known = [seconds for seconds in times if seconds is not None]
    model = plan.choice.model
    if model is None:
        eraser = plan.choice.eraser
        title = BUILT_IN if eraser == FILL else library.model(eraser).title
        memory = 0 if eraser == FILL else library.model(eraser).download_size
    else:
        title = model.title
        measured = remembered(_NAME).get(f"{processor()} | {model.id} | weights")
        weights = int(measured or max(model.memory.values(), default=model.download_size))
        halved = weights < model.memory.get("float32", 0)
        dtype = "float32" if "float32" in model.memory and not halved else "bfloat16"
        memory = weights + activations(model, largest.area, dtype)
    return Forecast(
        crops=tuple(area.crop for area in plan.areas),
        size=max((area.size for area in plan.areas), key=lambda size: size.area),
        model=title,
        memory=memory,
        seconds=sum(known) if len(known) == len(times) else None,
        words=plan.words.prompt,
        template=_template(request, plan),
    )


def _template(request: EditRequest, plan: EditPlan) -> str:
    if not plan.words.prompt or plan.choice.model is None:
        return ""
    instruction = INSTRUCTION in plan.choice.model.capabilities
    return template_name(request.kind, instruction=instruction)


def run_of(plan: EditPlan, size: Size) -> Run:
    """Whose time a run of the plan at this size is."""
    if plan.recipe is None:
        return Run((plan.choice.eraser,), size)
    models = (plan.choice.model, plan.choice.adapter)
    return Run(tuple(each.id for each in models if each is not None), size, plan.recipe.passes)


def _runs(request: EditRequest, plan: EditPlan) -> Iterator[tuple[Run, int]]:
    """Every run that the plan will make, with its steps."""
    numbers = plan.recipe
    for area in plan.areas:
        yield run_of(plan, area.size), 1 if numbers is None else numbers.runs(plan.strength)
        larger = refining_area(area, request.alpha[area.crop.slices], plan)
        if larger is not None and numbers is not None:
            strength = numbers.strength(plan.settings.finish.refine_strength)
            yield run_of(plan, larger.size), numbers.runs(strength)


def _other_sizes(known: dict[str, float], prefix: str) -> Iterator[tuple[int, float]]:
    """(pixels, seconds) of all that is kept under names that begin like this."""
    for key, seconds in known.items():
        if key.startswith(prefix):
            width, _, height = key.removeprefix(prefix).partition("x")
            if width.isdigit() and height.isdigit():
                yield int(width) * int(height), seconds
