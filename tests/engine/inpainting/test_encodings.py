"""What was read and seen before is not read and seen again; what is painted stays the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ovedit.engine.inpainting.encodings import Encodings
from ovedit.engine.inpainting.engine import DiffusionEngine
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.requests import EditKind
from tests.engine.inpainting.conftest import PIPELINES, MakeShelf, edit, request

EngineOf = Callable[..., DiffusionEngine]


class Counted:
    """How often the networks of a pipeline read words and see pictures."""

    def __init__(self, runtime: ModelRuntime, id: str) -> None:
        self.words = self.pictures = 0
        with runtime.use(id) as pipeline:
            pipeline.text_encoder.register_forward_pre_hook(self._read)
            pipeline.vae.encoder.register_forward_pre_hook(self._saw)

    def _read(self, *_: Any) -> None:
        self.words += 1

    def _saw(self, *_: Any) -> None:
        self.pictures += 1

    def since(self) -> tuple[int, int]:
        """Since this was asked before."""
        counts = self.words, self.pictures
        self.words = self.pictures = 0
        return counts


def fresh(shelf_of: MakeShelf, *ids: str) -> tuple[DiffusionEngine, Counted]:
    runtime = ModelRuntime(shelf_of(*ids), device="cpu")
    return DiffusionEngine(runtime), Counted(runtime, ids[0])


@pytest.mark.parametrize("id", PIPELINES)
def test_a_variation_reads_and_sees_nothing_anew_and_is_what_it_would_be_alone(
    shelf_of: MakeShelf, id: str
) -> None:
    options = {"refine": "no"}
    engine, counted = fresh(shelf_of, id)
    edit(engine, request(seed=1, options=options))
    read, saw = counted.since()
    assert read
    assert saw
    after_another = edit(engine, request(seed=2, options=options))
    assert counted.since() == (0, 0)
    alone = edit(fresh(shelf_of, id)[0], request(seed=2, options=options))
    assert np.array_equal(after_another.pixels, alone.pixels)


@pytest.mark.parametrize("kind", (EditKind.REPLACE, EditKind.RESTYLE))
def test_other_words_are_read_and_other_pictures_are_seen(
    shelf_of: MakeShelf, kind: EditKind
) -> None:
    engine, counted = fresh(shelf_of, "sd15")
    edit(engine, request(kind))
    counted.since()
    edit(engine, request(kind, prompt="red sofa"))
    read, saw = counted.since()
    assert read
    assert not saw
    wanted = request(kind, prompt="red sofa")
    wanted.image[..., :3] = 255 - wanted.image[..., :3]
    edit(engine, wanted)
    read, saw = counted.since()
    assert not read
    assert saw


def test_what_is_refined_leaves_the_first_look_in_place(shelf_of: MakeShelf) -> None:
    engine, counted = fresh(shelf_of, "sd15")
    wanted = {"image": np.full((240, 240, 4), 99, np.uint8), "mask": np.zeros((240, 240), np.uint8)}
    wanted["mask"][60:180, 60:180] = 255
    edit(engine, request(seed=1, **wanted))
    _, first = counted.since()
    edit(engine, request(seed=2, **wanted))
    read, second = counted.since()
    assert not read
    assert 0 < second < first


def test_an_adapter_may_change_what_words_mean(shelf_of: MakeShelf) -> None:
    engine, counted = fresh(shelf_of, "sd15", "lora")
    edit(engine, request(options={"adapter": "lora"}))
    counted.since()
    edit(engine, request(options={"adapter": "lora", "steps": "3"}))
    assert counted.since() == (0, 0)
    edit(engine, request(options={"adapter": "none", "guidance": "1"}))
    assert counted.since()[0]


def test_what_failed_is_tried_again_and_a_pipeline_that_is_gone_keeps_nothing() -> None:
    class Autoencoder:
        def encode(self, picture: torch.Tensor) -> torch.Tensor:
            return picture * 2

    class Pipeline:
        def __init__(self) -> None:
            self.vae, self.asked = Autoencoder(), 0

        def encode_prompt(self, prompt: str) -> torch.Tensor:
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError
            return torch.ones(1)

    encodings, pipeline = Encodings(), Pipeline()
    with pytest.raises(RuntimeError), encodings.kept(pipeline):
        pipeline.encode_prompt("a")
    with encodings.kept(pipeline):
        pipeline.encode_prompt("a")
        made = weakref.ref(pipeline.vae.encode(torch.ones(3)))
    with encodings.kept(pipeline):
        pipeline.encode_prompt("a")
        assert pipeline.vae.encode(torch.ones(3)) is made()
    assert pipeline.asked == 2
    pipeline.encode_prompt("a")
    assert pipeline.asked == 3
    assert made() is not None
    del pipeline
    gc.collect()
    assert made() is None
