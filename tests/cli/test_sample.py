"""The command of the README, with the embedded engine, on the sample picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ovedit.cli import main
from ovedit.document import EditLayer, masks
from ovedit.resources import resource_path

BENCH = "wooden bench"


def grey(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("L"))


@pytest.fixture(scope="module")
def sample() -> Path:
    return resource_path("samples", "park-bench.jpg")


@pytest.fixture(scope="module")
def before(sample: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(sample).convert("RGB"))


def test_replacing_the_bench_changes_the_bench_alone(sample, before, tmp_path, capsys) -> None:
    out, seen = tmp_path / "out.png", tmp_path / "mask.png"
    assert main(["select", str(sample), "--prompt", BENCH, "--out", str(seen), "-q"]) == 0
    found, truth = (
        grey(path) >= 128
        for path in (seen, resource_path("samples", "park-bench.masks", "wooden-bench.png"))
    )
    assert (found & truth).sum() / (found | truth).sum() >= 0.8

    arguments = ["replace", str(sample), "--prompt", BENCH, "--edit", "metal bench"]
    assert main([*arguments, "-o", str(out), "--json", "-q"]) == 0
    answer = json.loads(capsys.readouterr().out)
    after = np.asarray(Image.open(out).convert("RGB"))
    alpha = masks.feathered(grey(seen), answer["grow"], answer["feather"])
    changed = (after != before).any(axis=-1)
    assert int((changed & (alpha == 0)).sum()) == 0
    assert np.abs(after.astype(int) - before)[truth & found].mean() > 20
    # Metal is grey: what was warm wood has lost its colour.
    chroma = after[found].max(axis=-1).astype(int) - after[found].min(axis=-1)
    assert np.median(chroma) < 20 < np.median(np.ptp(before[found].astype(int), axis=-1))


def test_removing_the_bench_leaves_grass_and_all_else(sample, before, tmp_path, capsys) -> None:
    out = tmp_path / "out.png"
    truth = resource_path("samples", "park-bench.masks", "wooden-bench.png")
    arguments = ["remove", str(sample), "--mask", str(truth), "-o", str(out), "--json", "-q"]
    assert main([*arguments, "--preset", "fast"]) == 0
    answer = json.loads(capsys.readouterr().out)
    after = np.asarray(Image.open(out).convert("RGB"))
    alpha = masks.feathered(grey(truth), answer["grow"], answer["feather"])
    changed = (after != before).any(axis=-1)
    assert int((changed & (alpha == 0)).sum()) == 0
    assert answer["changed_pixels"] == int((alpha > 0).sum())
    red, green, _ = np.moveaxis(after[grey(truth) >= 128].astype(int), -1, 0)
    was_red, was_green, _ = np.moveaxis(before[grey(truth) >= 128].astype(int), -1, 0)
    assert (was_red > was_green).mean() > 0.9 and (red > green).mean() < 0.35


def test_the_project_keeps_what_is_needed_to_run_it_again(sample, tmp_path) -> None:
    from ovedit.io.documents import open_document

    out = tmp_path / "out.ora"
    arguments = ["restyle", str(sample), "--prompt", BENCH, "--edit", "red", "-o", str(out), "-q"]
    assert main(arguments) == 0
    document = open_document(out).document
    layer = document.layers[-1]
    assert isinstance(layer, EditLayer) and layer.recipe is not None
    assert (layer.recipe.phrase, layer.recipe.prompt) == (BENCH, "red")
    assert layer.recipe.mask.equals(document.state.surfaces[_coverage_ref(document)])


def _coverage_ref(document):
    from ovedit.document import coverage_of

    return coverage_of(document.masks[0].id)


def test_another_thing_needs_a_model_and_writes_nothing(sample, tmp_path, capsys) -> None:
    out = tmp_path / "out.png"
    arguments = ["replace", str(sample), "--prompt", BENCH, "--edit", "red sports car"]
    assert main([*arguments, "-o", str(out), "-q"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ovedit: ") and error.count("\n") == 1
    assert not out.exists()


def test_what_is_not_there_is_exit_code_1(sample, tmp_path, capsys) -> None:
    out = tmp_path / "out.png"
    arguments = ["remove", str(sample), "--prompt", "purple elephant", "-o", str(out), "-q"]
    assert main(arguments) == 1
    assert "purple elephant" in capsys.readouterr().err
    assert not out.exists()
