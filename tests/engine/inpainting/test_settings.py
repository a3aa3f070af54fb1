from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.inpainting.prompts import filled, words_for
from ovedit.engine.inpainting.settings import WordSettings, describe, from_options, preset
from ovedit.engine.requests import PRESETS, EditKind, Preset
from ovedit.errors import UsageError
from tests.engine.inpainting.conftest import request


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_of_a_preset_is_all_of_it_and_reads_back(name: Preset) -> None:
    lines = describe(name)
    options = {line.key: line.value for line in lines}
    assert len(options) == len(lines)
    assert from_options("fast", options) == preset(name)
    assert all(line.meaning and line.why for line in lines)


def test_presets_differ() -> None:
    assert len({preset(name) for name in PRESETS}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": "2"}, r'setting strength is "2"\. It must be a number from 0.05 to 1'),
        ({"scheduler": "magic"}, "It must be auto, own, ddim"),
        ({"side": "20"}, "It must be 0, or 64 or more"),
        ({"template": "a photo"}, "It must hold {edit}"),
        ({"template": "{edit} in {place}"}, r"there is no \{place\}\. Known are: \{edit\}"),
        ({"template": "{edit} {"}, "Close every brace"),
        ({"step": "3"}, r'no setting "step"\. Did you mean steps'),
    ],
)
def test_errors_name_key_value_and_what_is_allowed(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_options("balanced", options)


def test_a_template_is_filled_and_drops_what_is_empty() -> None:
    values = {"edit": "metal bench", "phrase": "bench", "scene": ""}
    template = "a photo of {edit}, {scene}, matching light"
    assert filled(template, values) == "a photo of metal bench, matching light"
    values["scene"] = "street at night, rain"
    expected = "a photo of metal bench, street at night, rain, matching light"
    assert filled(template, values) == expected


@given(st.text(max_size=40))
def test_whatever_a_person_types_stays_as_it_is(text: str) -> None:
    values = {"edit": text or "x", "phrase": "bench", "scene": ""}
    assert filled("a photo of {edit}, {scene}", values) == f"a photo of {text or 'x'}".strip()


def test_each_kind_and_model_gets_words_of_its_own() -> None:
    settings = WordSettings(negative="none", scene="park")
    replace = words_for(request(), settings, instruction=False)
    assert replace.prompt == "a photo of metal bench, park, matching light"
    told = words_for(request(), settings, instruction=True)
    assert told.prompt.startswith("replace the wooden bench with metal bench")
    restyle = words_for(request(EditKind.RESTYLE, phrase=""), settings, instruction=True)
    assert restyle.prompt.startswith("turn the marked area into metal bench")
    remove = words_for(
        request(EditKind.REMOVE, negative_prompt="people"), settings, instruction=False
    )
    assert "bench" not in remove.prompt
    assert remove.negative == "people, wooden bench"


def test_settings_plan_and_forecast_need_no_torch() -> None:
    code = (
        "import sys, ovedit.engine.inpainting.forecast, ovedit.engine.inpainting.settings\n"
        "assert not {'torch', 'diffusers', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
