from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.models.catalogue import load_catalogue
from ovedit.engine.requests import PRESETS, Preset
from ovedit.engine.segmentation.settings import (
    SegmentationSettings,
    describe,
    from_options,
    preset,
)
from ovedit.errors import UsageError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_of_a_preset_is_all_of_it_and_reads_back(name: Preset) -> None:
    lines = describe(name)
    options = {line.key: line.value for line in lines}
    assert len(options) == len(lines)
    assert from_options("fast", options) == preset(name)
    assert all(line.meaning and line.why for line in lines)


def test_presets_differ() -> None:
    assert len({preset(name) for name in PRESETS}) == 3


def test_presets_name_models_of_the_catalogue() -> None:
    known = {model.id for model in load_catalogue().models}
    for name in PRESETS:
        settings = preset(name)
        assert {settings.clip, settings.sam, settings.dino} <= known


@pytest.mark.parametrize("name", PRESETS)
def test_what_presets_make_may_be_sold(name: Preset) -> None:
    settings = preset(name)
    for model in load_catalogue().models:
        if model.id in (settings.clip, settings.sam, settings.dino):
            assert model.licence.commercial and not model.licence.gated, model.id


def test_the_best_published_clip_for_corrclip_is_named_where_it_is_not_chosen() -> None:
    (line,) = (line for line in describe("quality") if line.key == "clip")
    assert "clip-vit-b16-metaclip" in line.why


def test_a_preset_that_is_none() -> None:
    with pytest.raises(UsageError, match=r'no preset "best"\. Use one of these: fast, balanced'):
        preset("best")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("method", "clearclip", "clearclip"),
        ("layers", "7,8, 10 ,12", (7, 8, 10, 12)),
        ("layers", "none", ()),
        ("negatives", "sky, stone wall", ("sky", "stone wall")),
        ("negatives", "", ()),
        ("synonyms", "sofa, couch; car, automobile", (("sofa", "couch"), ("car", "automobile"))),
        ("threshold", ".35", 0.35),
        ("logit-scale", "50", 50.0),
        ("denoise", "off", False),
        ("Denoise", "Yes", True),
        ("pamr_steps", " 10 ", 10),
    ],
)
def test_options_are_read_by_type(key: str, text: str, value: Any) -> None:
    settings = from_options("balanced", {key: text})
    name = key.lower().replace("-", "_")
    assert getattr(settings, name) == value
    assert settings == replace(preset("balanced"), **{name: value})


def test_options_reach_every_group() -> None:
    settings = from_options(
        "quality",
        {"proxy_gamma": "4", "vote_share": ".5", "size_penalty": ".1,1; .3,.5; .6,.1"},
    )
    assert settings.variant.proxy_gamma == 4
    assert settings.refinement.vote_share == 0.5
    assert settings.proposals.size_penalty == ((0.1, 1.0), (0.3, 0.5), (0.6, 0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "clip"},
            r'setting method is "clip"\. It must be vanilla, maskclip, .* or corr',
        ),
        ({"threshold": "high"}, r'setting threshold is "high"\. It must be a number from 0 to 1'),
        ({"threshold": "nan"}, r'setting threshold is "nan"\. It must be a number from 0 to 1'),
        ({"threshold": "1.1"}, "a number from 0 to 1"),
        ({"crop": "inf"}, r'crop is "inf"\. It must be a whole number from 16 to 4096'),
        ({"crop": "8"}, "a whole number from 16 to 4096"),
        ({"layers": "7,x"}, r'layers is "7,x"\. It must be whole numbers from 1 to 48 separated'),
        ({"layers": "8,7"}, "each block once, in order"),
        ({"layers": "7,12", "layer_weights": "1"}, r'layer_weights is "1": 1 for 2 layers'),
        ({"crop_sizes": "224,336"}, r'crop_weights is "0\.2, 0\.5, 0\.3": 3 for 2 crop_sizes'),
        ({"crop_sizes": "none", "crop_weights": "none"}, "crop_sizes"),
        ({"size_penalty": ".5,1;.2,.5"}, "have to grow"),
        ({"size_penalty": ".5"}, "groups separated by semicolons"),
        ({"stride": "500"}, r"stride is 500, larger than crop"),
        ({"denoise": "maybe"}, r'denoise is "maybe"\. It must be yes or no'),
        ({"clip": " "}, "It must be a name"),
        ({"tresholt": "1"}, r'no setting "tresholt"\. Did you mean threshold'),
        ({"zzz": "1"}, r'no setting "zzz"\. Known are: clip, sam, '),
    ],
)
def test_errors_name_key_value_and_what_is_allowed(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_options("balanced", options)


def test_values_given_in_code_are_checked_too() -> None:
    with pytest.raises(UsageError, match="logit_scale"):
        SegmentationSettings(logit_scale=0)
    with pytest.raises(UsageError, match="layers"):
        SegmentationSettings(layers=[7, 12])  # type: ignore[arg-type]


@given(key=st.sampled_from([line.key for line in describe("fast")]), text=st.text(max_size=12))
def test_any_text_is_a_setting_or_a_clear_error(key: str, text: str) -> None:
    try:
        settings = from_options("fast", {key: text})
    except UsageError as error:
        assert error.hint
    else:
        assert isinstance(settings, SegmentationSettings)


def test_no_torch_is_needed() -> None:
    code = "import sys, ovedit.engine.segmentation.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
