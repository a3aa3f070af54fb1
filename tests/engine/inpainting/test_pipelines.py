"""What the pipelines of diffusers are asked, and that they can be stopped anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ovedit.engine.inpainting.encodings import Encodings
from ovedit.engine.inpainting.engine import DiffusionEngine
from ovedit.engine.inpainting.families import Recipe, recipe
from ovedit.engine.inpainting.pipelines import DiffusionPainter
from ovedit.engine.inpainting.preview import LinearDecoder
from ovedit.engine.inpainting.schedulers import Schedulers
from ovedit.engine.inpainting.settings import from_options
from ovedit.engine.inpainting.values import PaintJob, Words
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import EditKind
from ovedit.errors import Cancelled
from tests.engine.inpainting.conftest import PIPELINES, Listener, MakeShelf, edit, photo, request

EngineOf = Callable[..., DiffusionEngine]
RESTYLE = EditKind.RESTYLE


def job(**values: Any) -> PaintJob:
    """A picture of 64 × 64 pixels to be painted in its upper left quarter."""
    mask = np.zeros((64, 64), np.uint8)
    mask[:32, :32] = 255
    given: dict[str, Any] = {"words": Words("metal bench", "rust"), "seed": 7, **values}
    picture = np.ascontiguousarray(photo(64, 64)[..., :3])
    return PaintJob(EditKind.REPLACE, picture, mask, **given)


@contextmanager
def painter_of(
    shelf_of: MakeShelf, id: str, **options: str
) -> Iterator[tuple[DiffusionPainter, Any, Recipe]]:
    """The painter on the tiny pipeline, the pipeline itself, and the numbers that it paints by."""
    shelf = shelf_of(id)
    numbers = recipe(from_options("balanced", {"steps": "3", **options}), shelf.model(id), None)
    with ModelRuntime(shelf, device="cpu").use(id) as pipeline:
        colours = numbers.family.colours
        assert colours is not None
        yield (
            DiffusionPainter(
                pipeline,
                id,
                f"Tiny {id}",
                numbers,
                Schedulers(),
                Encodings(),
                LinearDecoder(colours),
            ),
            pipeline,
            numbers,
        )


@pytest.mark.parametrize("id", PIPELINES)
def test_what_is_painted_is_the_mask_and_what_is_seen_is_the_picture(
    shelf_of: MakeShelf, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, torch.Tensor] = {}
    with painter_of(shelf_of, id) as (painter, pipeline, _):
        plain_mask, plain_latents = pipeline.prepare_mask_latents, pipeline.prepare_latents

        def masks(mask: torch.Tensor, *a: Any, **k: Any) -> Any:
            seen["mask"] = mask
            return plain_mask(mask, *a, **k)

        def latents(*a: Any, **k: Any) -> Any:
            seen["image"] = k["image"] if "image" in k else a[0]
            return plain_latents(*a, **k)

        monkeypatch.setattr(pipeline, "prepare_mask_latents", masks)
        monkeypatch.setattr(pipeline, "prepare_latents", latents)
        wanted = job()
        painter.paint(wanted, lambda *a, **k: None, CancelToken())
    # For diffusers, 1 is what shall be new, and colours are in [-1, 1].
    assert np.array_equal(seen["mask"].squeeze().float().numpy() * 255, wanted.mask)
    image = seen["image"].squeeze().float().permute(1, 2, 0).numpy()
    assert np.abs((image + 1) * 127.5 - wanted.picture).max() < 2


@pytest.mark.parametrize("id", PIPELINES)
def test_a_pipeline_is_asked_what_it_understands(
    shelf_of: MakeShelf, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    with painter_of(shelf_of, id, guidance="3") as (painter, pipeline, numbers):
        plain = type(pipeline).__call__

        def noting(self: Any, **arguments: Any) -> Any:
            asked.update(arguments)
            return plain(self, **arguments)

        monkeypatch.setattr(type(pipeline), "__call__", noting)
        painter.paint(job(strength=0.5), lambda *a, **k: None, CancelToken())
    guided = "true_cfg_scale" if id == "qwen-edit" else "guidance_scale"
    assert (asked["prompt"], asked[guided]) == ("metal bench", 3.0)
    assert asked.get("negative_prompt") == ("rust" if numbers.family.negative else None)
    assert (asked["strength"], asked["num_inference_steps"]) == (0.5, 6)
    assert asked["generator"].device.type == "cpu"
    assert asked["generator"].initial_seed() == 7
    assert "padding_mask_crop" not in asked


@pytest.mark.parametrize("id", ["sd15", "sdxl", "qwen-edit"])
def test_guidance_and_what_shall_not_appear_change_the_picture(
    engine_of: EngineOf, id: str
) -> None:
    engine, options = engine_of(id), {"steps": "1", "guidance": "5"}
    base = edit(engine, request(options=options))
    others = [
        request(options=options, negative_prompt="tree"),
        request(options={**options, "guidance": "2"}),
    ]
    for other in others:
        assert not np.array_equal(base.pixels, edit(engine, other).pixels)


@pytest.mark.parametrize("strength", ["0.35", "0.5", "0.8"])
@pytest.mark.parametrize("id", PIPELINES)
def test_as_many_steps_run_as_are_said_and_each_can_be_seen(
    engine_of: EngineOf, id: str, strength: str
) -> None:
    listener = Listener()
    wanted = request(RESTYLE, options={"strength": strength, "steps": "5", "refine": "no"})
    edit(engine_of(id), wanted, listener)
    steps = [step for step in listener.steps if step.startswith("Step")]
    count = len(steps)
    assert count >= 2
    assert steps == [f"Step {number} of {count}" for number in range(1, count + 1)]
    assert listener.previews


@pytest.mark.parametrize("part", ["text_encoder", "encoder", "decoder"])
@pytest.mark.parametrize("id", PIPELINES)
def test_cancelling_ends_within_the_words_the_encoder_and_the_decoder(
    shelf_of: MakeShelf, id: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, ended = CancelToken(), []
    # What was encoded before would not be again.
    other = replace(job(words=Words("red sofa")), picture=255 - job().picture)
    with painter_of(shelf_of, id) as (painter, pipeline, _):
        before = painter.paint(job(), lambda *a, **k: None, CancelToken())
        network = pipeline.text_encoder if part == "text_encoder" else getattr(pipeline.vae, part)
        freed: list[str] = []
        monkeypatch.setattr(pipeline, "maybe_free_model_hooks", lambda: freed.append(id))
        hooks = [
            network.register_forward_pre_hook(lambda *_: cancel.cancel()),
            network.register_forward_hook(lambda *_: ended.append(part)),
        ]
        with pytest.raises(Cancelled):
            painter.paint(other, lambda *a, **k: None, cancel)
        assert not ended
        # An offloaded part that was at work goes back.
        assert freed == [id]
        for hook in hooks:
            hook.remove()
        again = painter.paint(job(), lambda *a, **k: None, CancelToken())
        assert np.array_equal(before, again)
