"""Tiny pipelines of every class behind the engine, and pictures to edit with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_inpaint as qwen

from ovedit.engine.inpainting.engine import DiffusionEngine
from ovedit.engine.library import Model, Task
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import EditKind, EditRequest, EditResult
from tests.engine.models.runtime.conftest import (  # noqa: F401
    Built,
    Shelf,
    _plain_processor,
    _small_heap,
    built,
)

CAPABILITIES = {
    "sd15": {"text", "negative-prompt", "replace"},
    "sdxl": {"text", "negative-prompt", "replace"},
    "flux-fill": {"text", "replace"},
    "klein": {"text", "instruction", "few-steps", "replace", "restyle"},
    "qwen-edit": {"text", "negative-prompt", "instruction", "replace", "restyle"},
    "lama": {"remove", "fixed-size"},
    "migan": {"remove", "any-size"},
    "lora": {"few-steps"},
}
TASKS = {
    "lama": Task.ERASE,
    "migan": Task.ERASE,
    "taesd": Task.PREVIEW,
    "lora": Task.ADAPTER,
    "clip": Task.TEXT_IMAGE,
}
PIPELINES = ("sd15", "sdxl", "flux-fill", "klein", "qwen-edit")

MakeShelf = Callable[..., Shelf]


@pytest.fixture(scope="session")
def shelf_of(built: Built) -> MakeShelf:  # noqa: F811
    """A library of these tiny models, as the catalogue would describe them."""

    def make(*ids: str, absent: tuple[str, ...] = ()) -> Shelf:
        entries: dict[str, tuple[Model, Path | None]] = {}
        for id in (*ids, *absent):
            model, folder = built(id)
            base = ("sd15",) if id in ("lora", "taesd") else ()
            model = replace(
                model,
                task=TASKS.get(id, Task.INPAINT),
                capabilities=frozenset(CAPABILITIES.get(id, ())),
                native_sizes=(512,) if id == "lama" else (64,),
                base=base,
            )
            entries[id] = model, None if id in absent else folder
        return Shelf(entries)

    return make


@pytest.fixture(scope="session")
def engine_of(shelf_of: MakeShelf) -> Callable[..., DiffusionEngine]:
    """An engine over these tiny models, on the CPU; the same ids share one."""
    made: dict[tuple[str, ...], DiffusionEngine] = {}

    def make(*ids: str) -> DiffusionEngine:
        if ids not in made:
            made[ids] = DiffusionEngine(ModelRuntime(shelf_of(*ids), device="cpu"))
        return made[ids]

    return make


@pytest.fixture(autouse=True)
def _small_qwen(monkeypatch: pytest.MonkeyPatch) -> None:
    """That pipeline paints a million pixels whatever it is given: a minute on a CPU."""
    plain = qwen.calculate_dimensions
    monkeypatch.setattr(qwen, "calculate_dimensions", lambda area, ratio: plain(64 * 64, ratio))


def photo(height: int = 96, width: int = 128) -> Any:
    """(h, w, 4): a gradient with noise, opaque."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(3).integers(-12, 13, (height, width, 3))
    base = np.stack([rows * 255 // height, columns * 255 // width, rows * 0 + 90], axis=-1)
    rgb = np.clip(base + noise, 0, 255)
    return np.dstack([rgb, np.full((height, width), 255)]).astype(np.uint8)


def hole(height: int = 96, width: int = 128) -> Any:
    """(h, w): a rectangle with a soft edge, off the middle."""
    mask = np.zeros((height, width), np.uint8)
    mask[30:60, 40:80] = 128
    mask[34:56, 44:76] = 255
    return mask


def request(kind: EditKind = EditKind.REPLACE, **values: Any) -> EditRequest:
    """An edit of `photo` in two steps, unless the values say otherwise."""
    options = {"steps": "2", "side": "64", **values.pop("options", {})}
    image = values.pop("image", None)
    image = photo() if image is None else image
    mask = values.pop("mask", None)
    mask = hole() if mask is None else mask
    prompt = "" if kind is EditKind.REMOVE else "metal bench"
    given: dict[str, Any] = {"phrase": "wooden bench", "prompt": prompt, "seed": 7, **values}
    return EditRequest(kind, image, mask, mask, options=options, **given)


def edit(engine: DiffusionEngine, wanted: EditRequest, listener: Any = silent) -> EditResult:
    """Ask the engine."""
    return engine.edit(wanted, listener, CancelToken())


class Listener:
    """Remembers what was reported; can cancel at a step."""

    def __init__(self, cancel: CancelToken | None = None, at: str = "\0") -> None:
        self.fractions: list[float] = []
        self.steps: list[str] = []
        self.previews: list[Preview] = []
        self._cancel, self._at = cancel, at

    def __call__(self, fraction: float, step: str = "", preview: Preview | None = None) -> None:
        self.fractions.append(fraction)
        self.steps.append(step)
        if preview is not None:
            self.previews.append(preview)
        if self._cancel is not None and step.startswith(self._at):
            self._cancel.cancel()
