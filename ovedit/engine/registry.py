"""All engines behind one door, each built when it is first asked something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ovedit.engine.library import (
    MemoryListener,
    MemoryState,
    Model,
    ModelLibrary,
    ModelState,
    Presence,
)
from ovedit.engine.models.hub_errors import admission
from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    Forecast,
    Inpainter,
    PointSegmenter,
    Progress,
    Segmenter,
    SettingLine,
)
from ovedit.engine.requests import (
    EditRequest,
    PointRequest,
    Preset,
    Request,
    Result,
    SegmentRequest,
)
from ovedit.errors import CannotDoError, EngineMissingError, ModelError, UsageError
from ovedit.settings import Settings
from ovedit.units import size_text

if TYPE_CHECKING:
    from ovedit.engine.models.runtime.runtime import ModelRuntime

Engine = Segmenter | PointSegmenter | Inpainter
Factory = Callable[[], Engine]
Forecaster = Callable[[EditRequest], Forecast]
Missing = tuple[Model, ModelState, int]


@dataclass(frozen=True)
class Manual:
    """What is known of an engine with many settings without building it.

    settings: all of them; see `EngineProvider.settings`. models: ids of those that a request takes.
    """

    settings: Callable[[Preset, Mapping[str, str]], Sequence[SettingLine]]
    models: Callable[[Request], Sequence[str]]


class EngineRegistry:
    """An `EngineProvider` over factories; keeps one instance of each engine it has built.

    An engine that needs models is available while all of them are on this computer.
    """

    def __init__(
        self,
        factories: Mapping[EngineInfo, Factory],
        runtime: LazyRuntime | None = None,
        forecasters: Mapping[str, Forecaster] | None = None,
        manuals: Mapping[str, Manual] | None = None,
    ) -> None:
        """Take the engines in this order; runtime: what gives them their models.

        forecasters: what says beforehand what an edit will take, by the engine's name. manuals:
        what is known of engines with many settings, by name. Raises `ValueError` for two engines
        of the same name.
        """
        self._known = {info.name: (info, factory) for info, factory in factories.items()}
        if len(self._known) != len(factories):
            names = [info.name for info in factories]
            raise ValueError(f"engine names must differ: {', '.join(names)}")
        self._runtime = runtime
        self._forecasters = dict(forecasters or {})
        self._manuals = dict(manuals or {})
        self._built: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def engines(self) -> Sequence[EngineInfo]:
        """What every engine is and can do, in the order given; builds none."""
        return tuple(self._with_models(info) for info, _ in self._known.values())

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        """Let the named engine answer.

        Raises `EngineMissingError` for a name not known or an engine not installed,
        `CannotDoError` for a request that it is not made for, `UsageError` for an option that it
        does not have, and what the engine raises.
        """
        info = self._info(engine, request)
        _check_options(info, request)
        cancel.check()
        match request:
            case SegmentRequest():
                made = self._engine(engine) if info.selects else None
                if isinstance(made, Segmenter):
                    return made.segment(request, progress, cancel)
                raise self._cannot(info, "select by text", lambda other: other.selects)
            case PointRequest():
                made = self._engine(engine)
                if isinstance(made, PointSegmenter):
                    return made.segment_points(request, progress, cancel)
                raise self._cannot(info, "select by clicks", lambda other: other.clicks)
            case EditRequest():
                made = self._engine(engine) if request.kind in info.edits else None
                if isinstance(made, Inpainter):
                    return made.edit(request, progress, cancel)
                raise self._cannot(
                    info, request.kind.value, lambda other: request.kind in other.edits
                )

    def forecast(self, engine: str, request: EditRequest) -> Forecast | None:
        """What the edit will take, where the engine says so; builds and loads nothing.

        Raises what the engine says of a setting that is wrong or a model that is not known.
        """
        forecaster = self._forecasters.get(engine)
        return None if forecaster is None else forecaster(request)

    def settings(
        self, engine: str, preset: Preset, options: Mapping[str, str]
    ) -> Sequence[SettingLine]:
        """All settings of an engine that has a manual; one that names a model may name others.

        Raises `UsageError` for an option that is wrong.
        """
        if engine not in self._manuals:
            return ()
        lines = self._manuals[engine].settings(preset, options)
        return tuple(
            replace(line, choices=line.choices or self._like(line.value)) for line in lines
        )

    def _like(self, id: str) -> tuple[str, ...]:
        """The ids of the models that are loaded in the same way as this one, if it is one."""
        models = () if self._runtime is None else self._runtime.library.models()
        loader = next((model.loader for model in models if model.id == id), None)
        return tuple(model.id for model in models if model.loader == loader)

    def _info(self, name: str, request: Request) -> EngineInfo:
        if name not in self._known:
            raise EngineMissingError(
                f'There is no engine "{name}".', f"Known are: {', '.join(self._known)}."
            )
        info, _ = self._known[name]
        manual = self._manuals.get(name)
        wanted = info.models if manual is None else manual.models(request)
        if missing := self._missing(wanted):
            raise _models_missing(info, missing)
        if not info.available:
            raise EngineMissingError(
                f'The engine "{name}" is not installed.',
                f"It needs {info.needs}." if info.needs else "",
            )
        return info

    def _with_models(self, info: EngineInfo) -> EngineInfo:
        try:
            missing = self._missing(info.models)
        except ModelError as error:
            # A catalogue that cannot be read must not take the other engines away.
            return replace(info, available=False, needs=f"a catalogue that can be read: {error}")
        return replace(info, available=False, needs=_names(missing)) if missing else info

    def _missing(self, ids: Sequence[str]) -> list[Missing]:
        """Those of the models, and of their parts, that are not here, with the bytes to download.

        Raises `ModelError` for an id that is not known.
        """
        if self._runtime is None:
            return []
        library = self._runtime.library
        wanted = [library.model(id) for id in ids]
        wanted = [*(library.model(part) for model in wanted for part in model.parts), *wanted]
        found = [(model, library.state(model.id)) for model in wanted]
        return [
            (model, state, max(0, model.download_size - state.on_disk))
            for model, state in found
            if state.presence is not Presence.READY
        ]

    def _engine(self, name: str) -> Engine:
        # Models are stateful and slow to load: two jobs at once must not build the same one twice.
        with self._lock:
            if name not in self._built:
                _, factory = self._known[name]
                self._built[name] = factory()
            return self._built[name]

    def _cannot(
        self, info: EngineInfo, what: str, able: Callable[[EngineInfo], bool]
    ) -> CannotDoError:
        others = [other.name for other in self.engines() if able(other) and other is not info]
        hint = f"Use one of these engines: {', '.join(others)}." if others else ""
        return CannotDoError(f'The engine "{info.name}" cannot {what}.', hint)


def _check_options(info: EngineInfo, request: Request) -> None:
    if info.settings is None:
        return
    for name in request.options:
        if name not in info.settings:
            known = f"Its settings are: {', '.join(info.settings)}." if info.settings else ""
            raise UsageError(
                f'The engine "{info.name}" has no setting "{name}".', known or "It has none."
            )


def _names(missing: Sequence[Missing]) -> str:
    *others, last = (f"{model.title} ({size_text(left)})" for model, _, left in missing)
    return f"{', '.join(others)} and {last}" if others else last


def _models_missing(info: EngineInfo, missing: Sequence[Missing]) -> EngineMissingError:
    looked = dict.fromkeys(str(folder) for _, state, _ in missing for folder in state.looked_in)
    places = ", ".join(looked) or "any folder"
    said, where = f"The engine {info.title} needs {_names(missing)}.", f"Not found in {places}."
    ids = tuple(model.id for model, _, _ in missing)
    if not any(model.repository for model, _, _ in missing):
        again = "Connect its disk, or add a folder that has it with `ovedit models add`."
        return EngineMissingError(said, f"{where} {again}", ids)
    it = "it" if len(ids) == 1 else "them"
    hint = f"Get {it} with `ovedit models get {' '.join(ids)}`, or under Models in the window."
    first = " ".join(admission(model) for model, _, _ in missing if model.licence.gated)
    return EngineMissingError(said, f"{first} {where} {hint}".strip(), ids)


class LazyRuntime:
    """The `ModelRuntime` of a library, imported (with torch) when an engine first asks for it.

    A `ModelMemory`, which knows without it that nothing is in memory.
    """

    def __init__(self, library: ModelLibrary, *, device: str = "auto", budget: int = 0) -> None:
        """Take what `ModelRuntime` takes."""
        self.library = library
        self._device, self._budget = device, budget
        self._runtime: ModelRuntime | None = None
        self._pinned: set[str] = set()
        self._listeners: list[MemoryListener] = []
        self._lock = threading.Lock()

    def get(self) -> ModelRuntime:
        """The runtime. Raises `EngineMissingError` where torch cannot be used."""
        with self._lock:
            if self._runtime is None:
                from ovedit.engine.models.runtime.runtime import ModelRuntime

                runtime = ModelRuntime(self.library, device=self._device, budget=self._budget)
                runtime.subscribe(self._tell)
                for id in self._pinned:
                    runtime.pin(id)
                self._runtime = runtime
            return self._runtime

    def memory(self) -> MemoryState:
        """The models in memory, and their budget."""
        return MemoryState() if self._runtime is None else self._runtime.memory()

    def subscribe(self, listener: MemoryListener) -> Callable[[], None]:
        """Call `listener` after every change, on the thread that made it; returns the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def unload(self, id: str | None = None) -> int:
        """Free a model now, or all that are not pinned; the bytes freed."""
        return 0 if self._runtime is None else self._runtime.unload(id)

    def pin(self, id: str, pinned: bool = True) -> None:
        """Keep a model in memory once it is there, or let it go again when room is needed."""
        if pinned:
            self._pinned.add(id)
        else:
            self._pinned.discard(id)
        if self._runtime is not None:
            self._runtime.pin(id, pinned)

    def _tell(self, state: MemoryState) -> None:
        for listener in tuple(self._listeners):
            listener(state)


def default_runtime(settings: Settings) -> LazyRuntime:
    """The models that OVEdit knows, on the device and within the memory that the person set."""
    from ovedit.engine.models.library import LocalLibrary

    library = LocalLibrary(offline=settings.offline)
    return LazyRuntime(library, device=settings.device, budget=settings.model_memory)


def default_registry(runtime: LazyRuntime | None = None) -> EngineRegistry:
    """The engines that come with OVEdit, the one that is always there first.

    runtime: what gives them their models; as the default settings have it unless given.
    """
    from ovedit.engine.basic.engine import BasicEngine
    from ovedit.engine.inpainting.info import INFO as DIFFUSION
    from ovedit.engine.segmentation.info import INFO as CLIP_SAM
    from ovedit.engine.segmentation.sam3_info import INFO as SAM3

    models = runtime or default_runtime(Settings())

    def clip_sam() -> Engine:
        from ovedit.engine.segmentation.engine import ClipSamEngine

        return ClipSamEngine(models.get())

    def sam3() -> Engine:
        from ovedit.engine.segmentation.sam3 import Sam3Engine

        return Sam3Engine(models.get())

    def diffusion() -> Engine:
        from ovedit.engine.inpainting.engine import DiffusionEngine

        return DiffusionEngine(models.get())

    return EngineRegistry(
        {BasicEngine.INFO: BasicEngine, CLIP_SAM: clip_sam, SAM3: sam3, DIFFUSION: diffusion},
        models,
        forecasters={DIFFUSION.name: partial(_diffusion_forecast, models.library)},
        manuals={
            CLIP_SAM.name: Manual(_clip_sam_settings, _clip_sam_models),
            SAM3.name: Manual(_sam3_settings, _sam3_models),
            DIFFUSION.name: Manual(
                partial(_diffusion_settings, models.library),
                partial(_diffusion_models, models.library),
            ),
        },
    )


# What is read for them is not needed for the start.


def _clip_sam_settings(preset: Preset, options: Mapping[str, str]) -> Sequence[SettingLine]:
    from ovedit.engine.segmentation.settings import describe

    return describe(preset, options)


def _clip_sam_models(request: Request) -> Sequence[str]:
    from ovedit.engine.segmentation.needs import models_for

    return models_for(request)


def _sam3_settings(preset: Preset, options: Mapping[str, str]) -> Sequence[SettingLine]:
    from ovedit.engine.segmentation.sam3_settings import describe

    return describe(preset, options)


def _sam3_models(request: Request) -> Sequence[str]:
    from ovedit.engine.segmentation.sam3_settings import models_for

    return models_for(request)


def _diffusion_settings(
    library: ModelLibrary, preset: Preset, options: Mapping[str, str]
) -> Sequence[SettingLine]:
    from ovedit.engine.inpainting.choice import offered
    from ovedit.engine.inpainting.settings import describe

    return offered(describe(preset, options), library)


def _diffusion_models(library: ModelLibrary, request: Request) -> Sequence[str]:
    from ovedit.engine.inpainting.choice import models_for

    return models_for(request, library)


def _diffusion_forecast(library: ModelLibrary, request: EditRequest) -> Forecast:
    from ovedit.engine.inpainting.forecast import forecast

    return forecast(request, library)
