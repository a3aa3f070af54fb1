"""Which models an edit takes, known without torch: said before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import psutil

from ovedit.engine.inpainting.families import FAMILIES
from ovedit.engine.inpainting.prefill import FILL, choose_eraser, erasers_known
from ovedit.engine.inpainting.settings import AUTO, NONE, InpaintingSettings, from_options
from ovedit.engine.library import Model, ModelLibrary, Presence, Task
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import EditKind, EditRequest, Preset, Request
from ovedit.errors import CannotDoError, EngineMissingError, ModelError
from ovedit.units import size_text

PART = "part"
"""The capability of what is no use alone."""
MEMORY_SHARE = 0.7
"""Of the computer's memory, what the weights of a model that is chosen by itself may take."""

_EDITS = frozenset(kind.value for kind in EditKind)

SUGGESTED: dict[Preset, tuple[str, ...]] = {
    "fast": ("sd15-inpainting", "lcm-sd15"),
    "balanced": ("sd2-inpainting",),
    "quality": ("sdxl-inpainting",),
}
"""What to get where no model that paints is here, first what is indispensable."""


@dataclass(frozen=True)
class Choice:
    """The models of one edit.

    model: what paints, None where an eraser alone removes. eraser: its id, or one of the words of
    `prefill`: what removes alone, or fills in before the model paints; `NONE` for nothing.
    """

    model: Model | None
    eraser: str = NONE
    adapter: Model | None = None
    decoder: Model | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all of them, in the order of their use."""
        erasers = () if self.eraser in (FILL, NONE) else (self.eraser,)
        others = (each.id for each in (self.model, self.adapter, self.decoder) if each is not None)
        return (*erasers, *others)


def choose(
    kind: EditKind, preset: Preset, settings: InpaintingSettings, library: ModelLibrary
) -> Choice:
    """The models that the settings name, and for those left open the best on this computer.

    Whether a model that is named is here is not looked at. Raises `EngineMissingError` where none
    is here that can do it, naming what to get; `ModelError` for an id that is not known;
    `CannotDoError` for a model that is made for something else.
    """
    named = None if settings.model == AUTO else library.model(settings.model)
    if named is not None and named.task is Task.ERASE:
        if kind is not EditKind.REMOVE:
            raise CannotDoError(
                f"{named.title} can only remove.", "Name a model that paints by words."
            )
        return Choice(None, named.id)
    if named is not None:
        _check(named)
    if kind is EditKind.REMOVE:
        return _for_removal(named, preset, settings, library)
    model = named or _best(_able(kind, library), preset)
    if model is None:
        raise _nothing_here(kind, preset, library)
    return _with_helpers(Choice(model), settings, library)


def models_for(request: Request, library: ModelLibrary) -> tuple[str, ...]:
    """The ids of the models that a request takes; raises what `choose` and `from_options` raise."""
    if not isinstance(request, EditRequest):
        return ()
    settings = from_options(request.preset, request.options)
    return choose(request.kind, request.preset, settings, library).ids


def offered(lines: Sequence[SettingLine], library: ModelLibrary) -> tuple[SettingLine, ...]:
    """The lines of the settings, with the models of the catalogue as choices where one is named."""
    erasers = (AUTO, FILL, NONE, *(model.id for model in erasers_known(library)))
    adapters = (model.id for model in library.models() if model.task is Task.ADAPTER)
    choices = {
        "model": (AUTO, *(model.id for model in _painters(library))),
        "eraser": erasers,
        "prefill": erasers,
        "adapter": (AUTO, NONE, *adapters),
    }
    return tuple(replace(line, choices=choices.get(line.key, line.choices)) for line in lines)


def missing_adapter(
    choice: Choice, settings: InpaintingSettings, library: ModelLibrary
) -> Model | None:
    """The adapter that would save steps, where the settings want one and none is here."""
    if settings.adapter != AUTO or choice.model is None or choice.adapter is not None:
        return None
    fitting = _made_for(choice.model, Task.ADAPTER, library)
    return min(fitting, key=lambda other: other.parameters, default=None)


def able(model: Model, kind: EditKind) -> bool:
    """Whether a model is good enough for a kind of edit.

    Nothing is known of a person's own model without any such capability: it paints by words.
    """
    known = model.capabilities & _EDITS
    return kind.value in known if known else kind is not EditKind.REMOVE


def _for_removal(
    named: Model | None, preset: Preset, settings: InpaintingSettings, library: ModelLibrary
) -> Choice:
    eraser = choose_eraser(library, settings.eraser)
    asked = settings.eraser not in (AUTO, NONE)
    remover = named or _best(_able(EditKind.REMOVE, library), preset)
    real = eraser not in (FILL, NONE)
    alone = named is None and (asked or (real and settings.removal == "eraser"))
    if alone:
        return Choice(None, eraser)
    if remover is not None and able(remover, EditKind.REMOVE):
        return _with_helpers(Choice(remover), settings, library)
    if real and named is None:
        return Choice(None, eraser)
    model = remover or _best(_able(EditKind.REPLACE, library), preset)
    if model is None and eraser != NONE:
        return Choice(None, eraser)
    if model is None:
        raise _nothing_here(EditKind.REMOVE, preset, library)
    before = choose_eraser(library, settings.prefill)
    return _with_helpers(Choice(model, before), settings, library)


def _with_helpers(choice: Choice, settings: InpaintingSettings, library: ModelLibrary) -> Choice:
    model = choice.model
    assert model is not None
    adapter = decoder = None
    if settings.adapter not in (AUTO, NONE):
        adapter = library.model(settings.adapter)
    elif settings.adapter == AUTO:
        adapter = _helper(Task.ADAPTER, model, library)
    if settings.preview == "tiny":
        decoder = _helper(Task.PREVIEW, model, library)
    return Choice(model, choice.eraser, adapter, decoder)


def _helper(task: Task, model: Model, library: ModelLibrary) -> Model | None:
    """The smallest one here that is made for the model."""
    fitting = _here(_made_for(model, task, library), library)
    return min(fitting, key=lambda other: other.parameters, default=None)


def _made_for(model: Model, task: Task, library: ModelLibrary) -> list[Model]:
    return [other for other in library.models() if other.task is task and model.id in other.base]


def _check(model: Model) -> None:
    if not _paints(model):
        known = ", ".join(name.removesuffix("Pipeline") for name in FAMILIES)
        raise ModelError(
            f"{model.title} is not a model that paints into a mask.",
            f"Name one that is loaded as one of these: {known}.",
        )


def _able(kind: EditKind, library: ModelLibrary) -> list[Model]:
    """The models here that can do it; for restyling, those that replace where no other is here."""
    here = list(_here(_painters(library), library))
    found = [model for model in here if able(model, kind)]
    if not found and kind is EditKind.RESTYLE:
        found = [model for model in here if able(model, EditKind.REPLACE)]
    return found


def _painters(library: ModelLibrary) -> list[Model]:
    """The models that paint into a mask, here or not."""
    return [model for model in library.models() if _paints(model)]


def _paints(model: Model) -> bool:
    return model.loader.partition(".")[2] in FAMILIES and PART not in model.capabilities


def _here(models: Iterable[Model], library: ModelLibrary) -> Iterable[Model]:
    for model in models:
        states = (library.state(id) for id in (model.id, *model.parts))
        if all(state.presence is Presence.READY for state in states):
            yield model


def _best(models: list[Model], preset: Preset) -> Model | None:
    """The largest model that fits into memory; for the fast preset, the smallest."""
    if not models:
        return None
    by_size = sorted(models, key=lambda model: model.parameters)
    if preset == "fast":
        return by_size[0]
    room = MEMORY_SHARE * psutil.virtual_memory().total
    fitting = [model for model in by_size if _least_size(model) <= room]
    return fitting[-1] if fitting else by_size[0]


def _least_size(model: Model) -> int:
    return min(model.memory.values(), default=model.download_size)


def _nothing_here(kind: EditKind, preset: Preset, library: ModelLibrary) -> EngineMissingError:
    known = {model.id: model for model in library.models()}
    wanted = [known[id] for id in SUGGESTED[preset] if id in known]
    names = " and ".join(f"{model.title} ({size_text(model.download_size)})" for model in wanted)
    ids = tuple(model.id for model in wanted)
    return EngineMissingError(
        f"No model that can {kind.value} is on this computer.",
        f"Get {names} with `ovedit models get {' '.join(ids)}`, or under Models in the window."
        if ids
        else "Add a folder that has one with `ovedit models add`.",
        ids,
    )
