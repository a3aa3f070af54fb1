"""`ovedit batch`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovedit.cli import main
from ovedit.engine.requests import SegmentRequest
from ovedit.errors import EngineMissingError

RECIPE = '[[steps]]\nkind = "replace"\nphrase = "bench"\nprompt = "metal"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    (place / "inner").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "inner/b.png")):
        noise = np.random.default_rng(seed).integers(0, 256, (80, 120, 3), np.uint8)
        Image.fromarray(noise).save(place / name)
    return place


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "metal.toml"
    path.write_text(RECIPE)
    return path


def words(recipe: Path, folder: Path, *more: str) -> list[str]:
    return ["batch", str(recipe), str(folder), "-o", str(folder.parent / "out"), *more]


def test_all_done_is_0(recipe, folder, engine, capsys) -> None:
    assert main(words(recipe, folder), provider=engine) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("done      a.png  0.90") and "inner/b.png" in lines[1]
    assert lines[2].startswith("2 photos: 2 done") and lines[2].endswith("report.html")
    assert not err and (folder.parent / "out" / "inner" / "b.png").exists()


def test_run_again_it_has_nothing_to_do(recipe, folder, engine, capsys) -> None:
    main(words(recipe, folder), provider=engine)
    asked = len(engine.asked)
    capsys.readouterr()
    assert main(words(recipe, folder), provider=engine) == 0
    assert capsys.readouterr().out.startswith("2 of 2 photos are through already.\n2 photos: 2")
    assert len(engine.asked) == asked
    assert main(words(recipe, folder, "--again"), provider=engine) == 0
    assert len(engine.asked) == 2 * asked


def test_held_and_failed_are_1(recipe, folder, engine, capsys) -> None:
    recipe.write_text(RECIPE.replace("bench", "zebra"))
    (folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(words(recipe, folder, "--json"), provider=engine) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["totals"] == {
        "photos": 3,
        "done": 0,
        "found": 0,
        "review": 0,
        "not_found": 2,
        "failed": 1,
        "through_before": 0,
    }
    a, c, b = answer["photos"]
    assert (a["photo"], a["state"], a["file"]) == ("a.png", "not found", "review/a.ora")
    assert (c["photo"], c["state"], c["file"]) == ("c.png", "failed", None) and c["message"]
    assert b["photo"] == "inner/b.png" and Path(answer["report"]).is_file()


def test_a_dry_run_needs_no_place_and_writes_nothing(recipe, folder, engine, capsys) -> None:
    before = sorted(folder.parent.rglob("*"))
    code = main(["batch", str(recipe), str(folder), "--dry-run"], provider=engine)
    assert code == 0 and sorted(folder.parent.rglob("*")) == before
    assert capsys.readouterr().out.startswith("found     a.png  0.90")
    assert all(isinstance(request, SegmentRequest) for request in engine.asked)


def test_bad_use_is_2(recipe, folder, engine, capsys) -> None:
    assert main(["batch", str(recipe), str(folder)], provider=engine) == 2
    assert "--out" in capsys.readouterr().err
    recipe.write_text(RECIPE + "seed = -1")
    assert main(words(recipe, folder), provider=engine) == 2
    assert "line 5: seed of step 1 is -1" in capsys.readouterr().err
    recipe.write_text(RECIPE + '[edit]\nengine = "none"')
    assert main(words(recipe, folder), provider=engine) == 2
    assert '"none"' in capsys.readouterr().err
    assert not (folder.parent / "out").exists() and not engine.asked


def test_what_ends_it_early_is_said_after_what_is_through(recipe, folder, engine, capsys) -> None:
    engine.fails = {"metal": EngineMissingError("No model.", "Get it.")}
    assert main(words(recipe, folder), provider=engine) == 2
    out, err = capsys.readouterr()
    assert "2 to go" in out and err == "ovedit: No model. Get it.\n"


def test_interrupted_is_130_and_keeps_what_is_through(recipe, folder, engine, capsys) -> None:
    answer, calls = engine.answer, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return answer(*arguments)

    engine.answer = interrupted
    assert main(words(recipe, folder), provider=engine) == 130
    out, err = capsys.readouterr()
    assert "1 done, 1 to go" in out and err == "ovedit: Cancelled.\n"
    engine.answer = answer
    assert main(words(recipe, folder, "-q"), provider=engine) == 0
    assert capsys.readouterr().out == ""
