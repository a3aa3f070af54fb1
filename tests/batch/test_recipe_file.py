"""Recipes as TOML: what may stand in them, and what is said where something does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.batch.recipe_file import load_recipe, parse_recipe, recipe_text, save_recipe
from ovedit.engine.requests import PRESETS, EditKind
from ovedit.errors import FileError, UsageError
from ovedit.resources import resource_path
from ovedit.workflows.recipe import FORMATS, EngineUse, Output, Recipe, Step

STEP = '[[steps]]\nkind = "replace"\nphrase = "wooden bench"\nprompt = "metal bench"\n'


def test_a_step_is_enough() -> None:
    recipe = parse_recipe(STEP)
    assert recipe == Recipe((Step(EditKind.REPLACE, "wooden bench", "metal bench"),))
    assert recipe.title == "wooden bench → metal bench" and recipe.subfolders


def test_everything_can_be_said() -> None:
    text = """
    name = "All"
    subfolders = false
    [[steps]]
    kind = "restyle"
    phrase = "sky"
    prompt = "golden"
    negative = "clouds"
    seed = 7
    grow = 3
    feather = 0
    threshold = 0.4
    least_confidence = 1
    [[steps]]
    kind = "remove"
    phrase = "person, dog"
    [select]
    engine = "clip-sam2"
    preset = "fast"
    options = { method = "sclip", refine = true, layers = [7, 8], scale = 1.5 }
    [edit]
    engine = "basic"
    [output]
    format = "jpeg"
    quality = 80
    suffix = "-golden"
    """
    assert parse_recipe(text) == Recipe(
        (
            Step(EditKind.RESTYLE, "sky", "golden", "clouds", 7, 3, 0, 0.4, 1),
            Step(EditKind.REMOVE, "person, dog"),
        ),
        EngineUse(
            "clip-sam2",
            "fast",
            {"method": "sclip", "refine": "yes", "layers": "7, 8", "scale": "1.5"},
        ),
        EngineUse("basic"),
        Output("jpeg", 80, "-golden"),
        "All",
        False,
    )


def test_the_example_is_right_with_its_comments_on_and_off() -> None:
    text = resource_path("batch", "example.toml").read_text(encoding="utf-8")
    parse_recipe(text)
    everything = [
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
    ]
    recipe = parse_recipe("\n".join(everything))
    assert recipe.select.options == {"method": "sclip"} and recipe.steps[0].feather == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps = \n", "not valid TOML: .*line 1"),
        ("", "has no steps.*\\[\\[steps\\]\\]"),
        ("steps = []", "has no steps"),
        ("steps = 3", "line 1: steps is no list"),
        ("steps = [3]", "Step 1 is no table"),
        ('[[steps]]\nphrase = "a"', 'line 1: Step 1 has no kind. Add kind = "replace"'),
        ('[[steps]]\nkind = "remove"', "line 1: Step 1 has no phrase"),
        ('[[steps]]\nkind = "remove"\nphrase = " "', "line 1: A step has no phrase"),
        (
            '[[steps]]\nkind = "swap"\nphrase = "a"',
            'line 2: kind .* "swap".*"remove", "replace" or',
        ),
        ('[[steps]]\nkind = "replace"\nphrase = "a"', "line 1: .*not say with what. Add prompt"),
        ('[[steps]]\nkind = "remove"\nphrase = "a"\nprompt = "b"', "removes, and has the prompt"),
        (f"{STEP}seed = -1", "line 5: seed of step 1 is -1.*whole number from 0 to 2147483647"),
        (f"{STEP}seed = 1.5", "line 5: seed of step 1 is 1.5"),
        (f"{STEP}seed = true", "line 5: seed of step 1 is true"),
        (f"{STEP}threshold = nan", "line 5: threshold of step 1 is nan.*from 0 to 1"),
        (f"{STEP}{STEP}\nleast_confidence = 2", "line 10: least_confidence of step 2 is 2"),
        (f"{STEP}\npromt = 2", "line 6: promt of step 1 is not known. Did you mean prompt"),
        (f"{STEP}[output]\nformat = 'gif'", 'line 6: format of .output. is "gif".*"png", "jpeg"'),
        (f"{STEP}[output]\nquality = 0", "line 6: quality of .output. is 0.*from 1 to 100"),
        (f"{STEP}[output]\nsuffix = '../'", "line 5: The suffix '../'"),
        (f"{STEP}[select]\npreset = 'slow'", '"fast", "balanced" or "quality"'),
        (f"{STEP}[select]\noptions = 3", "line 6: options of .select. is 3.*a table"),
        (f"{STEP}[edit]\nengine = 3", "line 6: engine of .edit. is 3.*a text in quotes"),
        (f"outptu = 1\n{STEP}", "line 1: outptu is not known. Did you mean output"),
        (f"select = 1\n{STEP}", "line 1: select is no table"),
        (f"subfolders = 1\n{STEP}", "line 1: subfolders is 1.*true or false"),
        (f'name = """\nseed = 1\n"""\n{STEP}seed = "x"', "line 8: seed of step 1"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        parse_recipe(text, "metal.toml")
    assert "metal.toml" in str(raised.value) and "\n" not in str(raised.value)


plain = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip())
)
options = st.dictionaries(plain, st.text(st.characters(codec="utf-8"), max_size=20), max_size=3)
uses = st.builds(EngineUse, st.just("") | plain, st.none() | st.sampled_from(PRESETS), options)
share = st.floats(0, 1)
steps = st.one_of(
    st.builds(Step, st.just(EditKind.REMOVE), plain, least_confidence=share),
    st.builds(
        Step,
        st.sampled_from([EditKind.REPLACE, EditKind.RESTYLE]),
        plain,
        plain,
        plain,
        st.integers(0, 2**31 - 1),
        st.none() | st.integers(0, 10_000),
        st.none() | st.integers(0, 10_000),
        st.none() | share,
        share,
    ),
)
recipes = st.builds(
    Recipe,
    st.lists(steps, min_size=1, max_size=4).map(tuple),
    uses,
    uses,
    st.builds(Output, st.sampled_from(FORMATS), st.none() | st.integers(1, 100), st.just("-x")),
    st.just("") | plain,
    st.booleans(),
)


@given(recipes)
def test_what_is_written_reads_the_same(recipe: Recipe) -> None:
    again = parse_recipe(recipe_text(recipe))
    assert again == recipe and again.fingerprint == recipe.fingerprint


@given(recipes, recipes)
def test_recipes_with_one_fingerprint_do_the_same(one: Recipe, other: Recipe) -> None:
    same = (one.steps, one.select, one.edit, one.output) == (
        other.steps,
        other.select,
        other.edit,
        other.output,
    )
    assert (one.fingerprint == other.fingerprint) == same


def test_files_are_read_and_written(tmp_path: Path) -> None:
    recipe = parse_recipe(STEP)
    path = tmp_path / "Bänke.toml"
    save_recipe(path, recipe)
    assert load_recipe(path) == recipe
    path.write_bytes(b"\xef\xbb\xbf" + STEP.encode())
    assert load_recipe(path) == recipe


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(FileError, match="it is a folder"):
        load_recipe(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "B\xe4nke"')
    with pytest.raises(UsageError, match="not text in UTF-8"):
        load_recipe(tmp_path / "latin.toml")


@pytest.mark.parametrize("bad", [{"seed": -1}, {"grow": 1.5}, {"least_confidence": 2}])
def test_values_made_in_python_are_checked_too(bad: dict) -> None:
    (name,) = bad
    with pytest.raises(UsageError, match=name):
        Step(EditKind.REMOVE, "bench", **bad)
