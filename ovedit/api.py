"""The Python API: open, select, edit, save.

    import ovedit

    picture = ovedit.open("photo.jpg")
    masks = picture.select("wooden bench")
    picture.replace(masks[0], "metal bench").save("out.png")

The same workflows as in the window do the work; every call is one undo step. Errors are children of
`ovedit.errors.OVEditError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from ovedit import settings as settings_file
from ovedit.batch import run
from ovedit.batch.recipe_file import load_recipe
from ovedit.batch.run import Listener, Outcome
from ovedit.document import ClassMask, Document, coverage_of, masks
from ovedit.engine.protocols import EngineInfo, EngineProvider, Progress, silent
from ovedit.engine.requests import EditKind, Preset
from ovedit.errors import NothingFoundError, UsageError
from ovedit.geometry import Rect, Size
from ovedit.io import documents
from ovedit.settings import Settings
from ovedit.workflows import edit, mask_ops, segment, threshold
from ovedit.workflows.ask import ask, engine_named, engine_to_edit, engine_to_select
from ovedit.workflows.coverage import write_changed
from ovedit.workflows.recipe import Recipe

__all__ = ["EditSettings", "EngineChoices", "Mask", "Picture", "open", "run_batch"]

Array = NDArray[np.uint8]


def open(
    path: str | PathLike[str],
    **choices: Unpack[EngineChoices],
) -> Picture:
    """Open a picture or an OpenRaster project; `choices` say who works on it how.

    Raises `FileError` where the file cannot be read.
    """
    settings = settings_file.load()
    opened = documents.open_document(
        Path(path), max_pixels=settings.max_pixels, history_bytes=settings.history_bytes
    )
    return Picture(opened.document, exif=opened.exif, xmp=opened.xmp, **choices)


def run_batch(
    recipe: Recipe | str | PathLike[str],
    folder: str | PathLike[str],
    out: str | PathLike[str],
    *,
    again: bool = False,
    provider: EngineProvider | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Follow a recipe over all photos of a folder; results and a report go to `out`.

    recipe: or the TOML file that it is in. again: do what is through already once more.
    listener: told of photos, progress and results. What a photo came to is in the outcome's
    records; raises as `ovedit.batch.run.run_batch` does where it cannot begin.
    """
    settings = settings_file.load()
    return run.run_batch(
        recipe if isinstance(recipe, Recipe) else load_recipe(Path(recipe)),
        Path(folder),
        Path(out),
        provider or _all_engines(settings),
        settings=settings,
        listener=listener,
        again=again,
    )


class EngineChoices(TypedDict, total=False):
    """Who works on a picture, how, and who listens.

    engine: does what it can of selecting and editing; None for the engines that the settings name.
    select_engine: selects, in place of it.
    preset: speed against quality, None for what the settings file says.
    options: settings of `engine`, or without it of the one that edits, and of the one that selects
    if that is the same. select_options: of the one that selects.
    provider: the engines to choose from, None for all that are installed.
    progress: called with the fraction done, what is being done, and a preview if there is one.
    """

    engine: str | None
    select_engine: str | None
    preset: Preset | None
    options: Mapping[str, str] | None
    select_options: Mapping[str, str] | None
    provider: EngineProvider | None
    progress: Progress


class EditSettings(TypedDict, total=False):
    """What every edit takes by name.

    negative_prompt: what is not wanted, for engines with a model. seed: another one, another
    result. grow, feather: by how many pixels the mask grows and softens, None for what suits the
    picture.
    """

    negative_prompt: str
    seed: int
    grow: int | None
    feather: int | None


class Picture:
    """A picture being edited: layers, masks and their history.

    document: the document underneath, for what this class does not offer.
    choices: those of `open`; exif, xmp: of the photograph, to write into exported files.
    """

    def __init__(
        self,
        document: Document,
        *,
        exif: bytes = b"",
        xmp: bytes = b"",
        **choices: Unpack[EngineChoices],
    ) -> None:
        settings = settings_file.load()
        self.document = document
        self._settings = settings
        self._provider = choices.get("provider") or _all_engines(settings)
        self._engine = choices.get("engine") or ""
        self._select_engine = choices.get("select_engine") or ""
        self._preset: Preset = choices.get("preset") or settings.preset
        self._options = choices.get("options") or {}
        self._select_options = choices.get("select_options") or {}
        self._progress = choices.get("progress") or silent
        self._exif, self._xmp = exif, xmp

    @staticmethod
    def from_array(
        pixels: Array,
        *,
        name: str = "picture",
        **choices: Unpack[EngineChoices],
    ) -> Picture:
        """A picture over pixels: (H, W, 4) or (H, W, 3) uint8, sRGB, copied.

        name: of its layer; `choices` are those of `open`. Raises `UsageError` for any
        other array.
        """
        if (
            pixels.dtype != np.uint8
            or pixels.ndim != 3
            or pixels.shape[2] not in (3, 4)
            or pixels.size == 0
        ):
            raise UsageError(
                f"An array of shape {pixels.shape} and type {pixels.dtype} is no picture.",
                "Give (height, width, 3 or 4) uint8.",
            )
        full = np.full((*pixels.shape[:2], 4), 255, np.uint8)
        full[..., : pixels.shape[2]] = pixels
        document = Document.from_pixels(full, name)
        return Picture(document, **choices)

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.document.size

    @property
    def masks(self) -> list[Mask]:
        """All masks, in the order they were made."""
        return [Mask(self.document, mask.id) for mask in self.document.masks]

    def flattened(self) -> Array:
        """What the picture looks like: (H, W, 4) uint8, straight alpha, sRGB; a new array."""
        return self.document.state.flattened()

    def select(
        self, phrases: str | Sequence[str], *, threshold: float | None = None, top_k: int = 3
    ) -> list[Mask]:
        """Find what phrases name, comma-separated or one by one; returns the masks, best first.

        threshold: score at which the masks are cut, None for the engine's choice.
        top_k: the most candidates per phrase; see `Mask.choose`.
        Raises `NothingFoundError` where a phrase is not found, and adds no mask then.
        """
        engine = self._selector()
        request = segment.segment_request(
            self.document.state,
            phrases,
            preset=self._preset,
            top_k=top_k,
            threshold=threshold,
            options=self._options_of(engine) | dict(self._select_options),
        )
        result = ask(self._provider, engine.name, request, self._progress)
        missing = [answer for answer in result.answers if not answer.found]
        if missing:
            said = [
                answer.message or f"Nothing was found for “{answer.phrase}”." for answer in missing
            ]
            raise NothingFoundError(" ".join(said), "Try other words.")
        outcome = segment.apply_segmentation(self.document, result)
        return [Mask(self.document, mask_id) for mask_id in outcome.mask_ids]

    def add_mask(self, coverage: Array, label: str = "") -> Mask:
        """Add a mask of your own: (H, W) uint8 coverage of the picture's size, or (H, W) bool.

        Raises `UsageError` for any other array.
        """
        full = coverage.astype(np.uint8) * 255 if coverage.dtype == bool else coverage.copy()
        return Mask(self.document, mask_ops.add_mask(self.document, full, label=label))

    def remove(
        self,
        mask: Mask | Iterable[Mask],
        *,
        model: str | PathLike[str] | None = None,
        **settings: Unpack[EditSettings],
    ) -> Picture:
        """Remove what the mask covers, as a new layer; returns the picture itself.

        model: what paints: an id of the catalogue, or a folder or file of your own, which is added
        to it; None for the engine's choice.
        settings: see `EditSettings`. Raises `EngineError` where the engine cannot do it, and
        `UsageError` for values that make no sense; then nothing is changed.
        """
        return self._edit(EditKind.REMOVE, mask, "", model, settings)

    def replace(
        self,
        mask: Mask | Iterable[Mask],
        prompt: str,
        *,
        model: str | PathLike[str] | None = None,
        **settings: Unpack[EditSettings],
    ) -> Picture:
        """Put what the prompt names in place of what the mask covers. See `remove`."""
        return self._edit(EditKind.REPLACE, mask, prompt, model, settings)

    def restyle(
        self,
        mask: Mask | Iterable[Mask],
        prompt: str,
        *,
        model: str | PathLike[str] | None = None,
        **settings: Unpack[EditSettings],
    ) -> Picture:
        """Give what the mask covers another colour or material. See `remove`."""
        return self._edit(EditKind.RESTYLE, mask, prompt, model, settings)

    def undo(self) -> Picture:
        """Take the last call back. Raises `DocumentError` where there is none."""
        self.document.undo()
        return self

    def redo(self) -> Picture:
        """Do the last undone call again. Raises `DocumentError` where there is none."""
        self.document.redo()
        return self

    def save(self, path: str | PathLike[str], *, quality: int | None = None) -> Path:
        """Write the picture: flattened as .png, .jpg, .webp or .tif, with all layers as .ora.

        quality: 1 to 100 for JPEG and WebP, None for what the settings file says.
        Raises `FileError` where that cannot be done; an older file stays whole then.
        """
        target = Path(path)
        documents.save_document(
            target,
            self.document.state,
            self._settings,
            exif=self._exif,
            xmp=self._xmp,
            quality=quality,
        )
        return target

    def _edit(
        self,
        kind: EditKind,
        mask: Mask | Iterable[Mask],
        prompt: str,
        model: str | PathLike[str] | None,
        settings: EditSettings,
    ) -> Picture:
        chosen = [mask] if isinstance(mask, Mask) else list(mask)
        if not chosen:
            raise UsageError("There is no mask to edit.", "Select something first.")
        engine, own = self._editor(kind, model)
        plan = edit.plan_edit(
            self.document.state,
            [each.id for each in chosen],
            kind,
            engine,
            prompt=prompt,
            preset=self._preset,
            options=self._options_of(engine) | own,
            **settings,
        )
        result = ask(self._provider, engine.name, plan.request, self._progress)
        edit.apply_edit(self.document, plan, result)
        return self

    def _selector(self) -> EngineInfo:
        engines = self._provider.engines()
        named = self._select_engine or self._able(lambda info: info.selects)
        return engine_to_select(engines, self._settings.select_engine, named=named)

    def _editor(
        self, kind: EditKind, model: str | PathLike[str] | None
    ) -> tuple[EngineInfo, dict[str, str]]:
        """Who edits, and the options that name the model."""
        engines, preferred = self._provider.engines(), self._settings.edit_engine
        named = self._able(lambda info: bool(info.edits))
        if model is None:
            return engine_to_edit(engines, preferred, kind, named=named), {}
        from ovedit.engine.models.library import LocalLibrary

        found, _ = LocalLibrary(offline=self._settings.offline).resolve(str(model))
        info = engine_to_edit(engines, preferred, kind, task=found.task, named=named)
        return info, {"model": found.id}

    def _able(self, can: Callable[[EngineInfo], bool]) -> str:
        """The engine that was asked for, if it can do this; else empty."""
        if not self._engine:
            return ""
        return self._engine if can(engine_named(self._provider, self._engine)) else ""

    def _options_of(self, engine: EngineInfo) -> dict[str, str]:
        """The engine's options: those of the settings, and those given if they are for it."""
        given = self._options if engine.name == (self._engine or self._settings.edit_engine) else {}
        return {**self._settings.engine_options.get(engine.name, {}), **given}

    def __repr__(self) -> str:
        layers = ", ".join(layer.name for layer in self.document.layers)
        return f"<Picture {self.size.width} × {self.size.height}: {layers}>"


class Mask:
    """A soft mask of a picture. It follows the document: undo an edit, and it shows that.

    Every property raises `DocumentError` once the mask is gone from the picture.
    """

    def __init__(self, document: Document, mask_id: str) -> None:
        self._document = document
        self.id = mask_id

    @property
    def label(self) -> str:
        """What the mask is called."""
        return self._mask.label

    @property
    def score(self) -> float | None:
        """The engine's confidence in [0, 1], None for a mask made by hand."""
        return self._mask.score

    @property
    def bounds(self) -> Rect:
        """The smallest rectangle with all that is covered."""
        return masks.bounds(self.array)

    @property
    def array(self) -> Array:
        """Coverage: (H, W) uint8, 0 outside to 255 inside. Assign one to correct the mask."""
        return self._document.state.coverage(self.id)

    @array.setter
    def array(self, coverage: Array) -> None:
        before = self.array
        if coverage.shape != before.shape or coverage.dtype != np.uint8:
            raise UsageError(
                f"An array of shape {coverage.shape} and type {coverage.dtype} is no mask of this "
                "picture.",
                f"Give {before.shape} uint8.",
            )
        whole = self._document.size.rect
        with self._document.transaction(f"Correct “{self.label}”") as tx:
            write_changed(tx, coverage_of(self.id), whole, before, coverage)

    @property
    def threshold(self) -> float:
        """Score at which the mask is cut. Assign another: no engine runs, corrections stay."""
        return self._mask.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        threshold.set_threshold(self._document, self.id, value)

    @property
    def candidates(self) -> int:
        """How many candidates the engine offered; `choose` another one."""
        return len(self._mask.candidates)

    def choose(self, index: int) -> Mask:
        """Show the engine's candidate number `index`, 0 being the best."""
        segment.choose_candidate(self._document, self.id, index)
        return self

    def grow(self, pixels: float) -> Mask:
        """Grow the mask evenly."""
        mask_ops.grow(self._document, [self.id], pixels=pixels)
        return self

    def shrink(self, pixels: float) -> Mask:
        """Shrink the mask evenly."""
        mask_ops.shrink(self._document, [self.id], pixels=pixels)
        return self

    def feather(self, pixels: float) -> Mask:
        """Soften the mask's edge."""
        mask_ops.feather(self._document, [self.id], pixels=pixels)
        return self

    def invert(self) -> Mask:
        """Cover what was not covered, and the other way round."""
        mask_ops.invert(self._document, [self.id])
        return self

    @property
    def _mask(self) -> ClassMask:
        return self._document.state.mask(self.id)

    def __repr__(self) -> str:
        score = "" if self.score is None else f" {self.score:.2f}"
        return f"<Mask “{self.label}”{score}>"


def _all_engines(settings: Settings) -> EngineProvider:
    from ovedit.engine.registry import default_registry, default_runtime

    return default_registry(default_runtime(settings))
