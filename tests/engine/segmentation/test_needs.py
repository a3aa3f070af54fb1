"""Which models a request takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ovedit.engine.models.catalogue import load_catalogue
from ovedit.engine.requests import PRESETS, Point, PointRequest, SegmentRequest
from ovedit.engine.segmentation.info import INFO
from ovedit.engine.segmentation.needs import models_for
from ovedit.errors import UsageError

IMAGE = np.zeros((4, 5, 4), np.uint8)


def needed(preset="balanced", **options: str) -> set[str]:
    return set(models_for(SegmentRequest(IMAGE, ("bench",), preset, options=options)))


def test_the_smallest_preset_takes_what_the_engine_is_said_to_need() -> None:
    assert needed("fast") == set(INFO.models)
    assert needed("balanced") == {"clip-vit-b16-openai", "dino-vit-b8", "sam2-base-plus"}


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"method": "naclip", "refine": "none", "strategy": "dense"}, {"c"}),
        ({"method": "naclip", "refine": "none", "strategy": "auto"}, {"c", "s"}),
        ({"method": "naclip", "refine": "sam2-vote", "strategy": "dense"}, {"c", "s"}),
        ({"method": "proxyclip", "refine": "none", "strategy": "dense"}, {"c", "d"}),
        (
            {"method": "proxyclip", "proxy": "sam", "refine": "none", "strategy": "dense"},
            {"c", "s"},
        ),
        (
            {"method": "proxyclip", "proxy": "diffusion", "refine": "none", "strategy": "dense"},
            {"c", "sd15-inpainting"},
        ),
        ({"method": "corrclip", "refine": "none", "strategy": "dense"}, {"c", "d", "s"}),
        ({"method": "trident", "refine": "none", "strategy": "dense"}, {"c", "d", "s"}),
    ],
)
def test_a_method_takes_what_it_looks_at(options: dict[str, str], taken: set[str]) -> None:
    assert needed(clip="c", sam="s", dino="d", **options) == taken


def test_a_click_takes_only_what_draws() -> None:
    request = PointRequest(IMAGE, (Point(1, 1),), preset="quality")
    assert models_for(request) == ("sam2-large",)


def test_all_are_in_the_catalogue(tmp_path: Path) -> None:
    catalogue = load_catalogue(tmp_path / "none.toml")
    for preset in PRESETS:
        for id in needed(preset) | needed(preset, method="proxyclip", proxy="diffusion"):
            assert catalogue.model(id).id == id


def test_a_wrong_setting_is_told() -> None:
    with pytest.raises(UsageError, match="depth"):
        needed(depth="3")
