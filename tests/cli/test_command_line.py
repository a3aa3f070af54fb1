from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import ovedit
from ovedit import settings
from ovedit.cli import COMMANDS, main, parser
from ovedit.cli.progress import ProgressBar
from ovedit.document import overlay_colour
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import PRESETS, EditKind, EditRequest, SegmentRequest
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect
from tests.cli.conftest import ENGINES, find
from tests.document.scenes import shadowed
from tests.fakes import FakeEngine

ROOT = Path(__file__).parents[2]


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The error: one line on stderr, nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and err.endswith("\n")
    return err


# -- select ----------------------------------------------------------------------------------------


def test_select_tells_what_it_found(photo, engine, capsys) -> None:
    assert main(["select", str(photo), "--prompt", "bench, tree"], provider=engine) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines() == [
        "bench 0.90  8.3% of the picture, 40 × 20 px at 20,30",
        "tree 0.90  10.4% of the picture, 20 × 50 px at 70,10",
    ]


def test_select_writes_the_mask(photo, engine, tmp_path) -> None:
    out = tmp_path / "mask.png"
    assert main(["select", str(photo), "-p", "bench", "--out", str(out)], provider=engine) == 0
    with Image.open(out) as mask:
        assert mask.mode == "L"
        coverage = np.asarray(mask)
    expected = np.zeros((80, 120), np.uint8)
    expected[Rect(20, 30, 40, 20).slices] = 255
    assert np.array_equal(coverage, expected)


def test_select_writes_one_file_for_each_mask(photo, engine, tmp_path) -> None:
    out = tmp_path / "mask.png"
    assert main(["select", str(photo), "-p", "bench, tree", "-o", str(out)], provider=engine) == 0
    names = sorted(path.name for path in tmp_path.glob("mask*"))
    assert names == ["mask-bench.png", "mask-tree.png"]


def test_select_draws_an_overlay(photo, engine, tmp_path, pixels) -> None:
    out = tmp_path / "seen.png"
    arguments = ["select", str(photo), "-p", "bench", "--overlay", str(out)]
    assert main(arguments, provider=engine) == 0
    drawn = read(out)
    assert drawn.shape == pixels.shape
    inside = Rect(25, 35, 30, 10).slices
    apart = []
    for index in range(7):
        towards = pixels[inside] + 0.38 * (np.array(overlay_colour(index)) - pixels[inside])
        apart.append(np.abs(drawn[inside] - towards.round()).max())
    assert min(apart) <= 1
    assert np.array_equal(drawn[70:, 100:], pixels[70:, 100:])


def test_select_prints_json(photo, engine, capsys) -> None:
    arguments = ["select", str(photo), "-p", "bench, zebra", "--json", "--top-k", "2"]
    assert main(arguments, provider=engine) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    bench, zebra = answer["phrases"]
    assert answer["size"] == [120, 80] and answer["engine"] == "basic"
    (mask,) = bench["masks"]
    assert (mask["label"], mask["score"], mask["box"], mask["area"]) == (
        "bench",
        0.9,
        [20, 30, 40, 20],
        800,
    )
    assert [candidate["box"] for candidate in mask["candidates"]] == [
        [20, 30, 40, 20],
        [21, 31, 38, 18],
    ]
    assert not zebra["found"] and not zebra["masks"] and len(zebra["guesses"]) == 2
    assert "zebra" in err


def test_select_hands_its_options_to_the_engine(photo, engine) -> None:
    arguments = ["select", str(photo), "-p", "bench", "--top-k", "5", "--threshold", "0.4"]
    arguments += ["--preset", "fast", "--set", "a=1", "--set", "b=x=y", "--method", "sclip"]
    assert main(arguments, provider=engine) == 0
    (request,) = engine.asked
    assert isinstance(request, SegmentRequest)
    assert (request.top_k, request.threshold, request.preset) == (5, 0.4, "fast")
    assert request.options == {"a": "1", "b": "x=y", "method": "sclip"}


def test_select_says_where_guesses_are(photo, engine, capsys) -> None:
    assert main(["select", str(photo), "-p", "zebra"], provider=engine) == 1
    assert "--json tells where" in one_line(capsys)
    assert main(["select", str(photo), "-p", "zebra", "--json"], provider=engine) == 1
    out, err = capsys.readouterr()
    (zebra,) = json.loads(out)["phrases"]
    assert zebra["guesses"][0]["box"] == [0, 0, 5, 5] and err.count("\n") == 1


def test_select_finding_nothing_is_exit_code_1(photo, engine, tmp_path, capsys) -> None:
    out = tmp_path / "mask.png"
    assert main(["select", str(photo), "-p", "zebra", "-o", str(out)], provider=engine) == 1
    assert "zebra" in one_line(capsys)
    assert not out.exists()


# -- edits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["remove", "replace", "restyle"])
def test_an_edit_changes_only_the_mask(command, photo, engine, tmp_path, pixels, capsys) -> None:
    out = tmp_path / "out.png"
    arguments = [command, str(photo), "--prompt", "bench", "-o", str(out), "--feather", "4"]
    if command != "remove":
        arguments += ["--edit", "metal bench"]
    assert main(arguments, provider=engine) == 0
    after = read(out)
    request = engine.asked[-1]
    assert isinstance(request, EditRequest) and request.phrase == "bench"
    assert request.kind.value == command
    changed = (after != pixels).any(axis=-1)
    assert not changed[request.alpha == 0].any()
    assert (after[request.alpha == 255] == (255, 0, 0)).all()
    shown, err = capsys.readouterr()
    assert shown.count("\n") == 1 and "out.png" in shown and "(1.2 s)" in shown
    assert "Painted." in err


def test_an_edit_hands_its_options_to_the_engine(photo, engine, tmp_path) -> None:
    arguments = ["replace", str(photo), "-p", "bench", "-e", "stool", "-o", f"{tmp_path}/o.png"]
    arguments += ["--seed", "7", "--grow", "3", "--feather", "0", "--negative", "rust"]
    arguments += ["--preset", "quality", "--set", "steps=4"]
    assert main(arguments, provider=engine) == 0
    request = engine.asked[-1]
    assert (request.seed, request.negative_prompt, request.preset) == (7, "rust", "quality")
    assert request.options == {"steps": "4"}
    assert (request.alpha > 0).sum() > 800 and set(np.unique(request.alpha)) == {0, 255}


def test_selecting_and_editing_are_two_roles(photo, tmp_path) -> None:
    both = EngineInfo("basic", "Fake", True, frozenset(EditKind))
    picker = EngineInfo("picker", "Picker", True)
    painter = EngineInfo("painter", "Painter", False, frozenset(EditKind))
    engine = FakeEngine((both, picker, painter), find)

    def worked(*words: str) -> list[str]:
        engine.named.clear()
        arguments = ["replace", str(photo), "-p", "bench", "-e", "stool", "-o", f"{tmp_path}/o.png"]
        assert main([*arguments, *words], provider=engine) == 0
        return list(engine.named)

    assert worked() == ["basic", "basic"]
    assert worked("--engine", "painter") == ["basic", "painter"]
    assert worked("--engine", "painter", "--select-engine", "picker") == ["picker", "painter"]
    settings.save(settings.Settings(select_engine="picker", edit_engine="painter"))
    assert worked() == ["picker", "painter"]
    assert worked("--engine", "basic") == ["basic", "basic"], "one that can do both does"
    given = ["--set", "steps=4", "--method", "sclip", "--select-set", "crop=32"]
    assert worked("--engine", "painter", *given) == ["picker", "painter"]
    asked, edited = engine.asked[-2:]
    assert asked.options == {"method": "sclip", "crop": "32"} and edited.options == {"steps": "4"}


def test_an_engine_for_the_other_role_is_refused(photo, engine, tmp_path, capsys) -> None:
    engine = FakeEngine((*ENGINES, EngineInfo("picker", "Picker", True)), find)
    arguments = ["remove", str(photo), "-p", "bench", "-o", f"{tmp_path}/o.png"]
    assert main([*arguments, "--engine", "picker"], provider=engine) == 1
    assert 'The engine "picker" cannot remove. Able are: basic.' in one_line(capsys)
    assert main([*arguments, "--model", "sd15-inpainting"], provider=engine) == 1
    assert "cannot remove with a model of your choice" in one_line(capsys)
    assert main([*arguments, "--model", "sd15-inpaint"], provider=engine) == 1
    assert "Did you mean sd15-inpainting" in one_line(capsys)


def test_the_settings_file_says_what_is_usual(photo, engine, tmp_path) -> None:
    values = settings.Settings(preset="fast", engine_options={"basic": {"a": "1", "b": "2"}})
    settings.save(values)
    arguments = ["remove", str(photo), "-p", "bench", "-o", f"{tmp_path}/o.png", "--set", "b=3"]
    assert main(arguments, provider=engine) == 0
    request = engine.asked[-1]
    assert request.preset == "fast" and request.options == {"a": "1", "b": "3"}


def test_a_mask_file_takes_the_place_of_the_prompt(photo, engine, tmp_path, pixels) -> None:
    coverage = np.zeros((80, 120), np.uint8)
    coverage[60:70, 90:110] = 255
    Image.fromarray(coverage).save(tmp_path / "mask.png")
    out = tmp_path / "out.png"
    arguments = ["remove", str(photo), "--mask", f"{tmp_path}/mask.png", "-o", str(out)]
    assert main([*arguments, "--grow", "0", "--feather", "0"], provider=engine) == 0
    (request,) = engine.asked
    assert np.array_equal(request.mask, coverage) and request.phrase == ""
    assert np.array_equal((read(out) != pixels).any(axis=-1), coverage > 0)
    assert main([*arguments, "--prompt", "small box"], provider=engine) == 0
    assert len(engine.asked) == 2 and engine.asked[-1].phrase == "small box"


def test_the_shadow_is_removed_too(engine, tmp_path, capsys) -> None:
    scene = shadowed("plain", "box")
    for name, picture in {"photo": scene.image[..., :3], "mask": scene.mask}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    out = tmp_path / "out.png"
    arguments = ["remove", f"{tmp_path}/photo.png", "--mask", f"{tmp_path}/mask.png"]
    arguments += ["-p", "box", "--shadow", "-o", str(out), "--grow", "0", "--feather", "0"]
    assert main(arguments, provider=engine) == 0
    (request,) = engine.asked
    assert request.phrase == "box"
    assert request.mask[scene.truth > 0.5].min() > 0
    changed = (read(out) != scene.image[..., :3]).any(axis=-1)
    assert np.array_equal(changed, request.alpha > 0)
    assert "Takes “shadow of mask” too." in capsys.readouterr().err


def test_a_shadow_that_is_not_there_is_not_removed(photo, engine, tmp_path, capsys) -> None:
    arguments = ["remove", str(photo), "-p", "bench", "--shadow", "-o", f"{tmp_path}/out.png"]
    assert main(arguments, provider=engine) == 0
    (request,) = engine.asked[-1:]
    assert (request.mask > 0).sum() == 40 * 20
    assert "No shadow or reflection was found" in capsys.readouterr().err


def test_an_ora_file_keeps_the_layers(photo, engine, tmp_path) -> None:
    from ovedit.io.documents import open_document

    out = tmp_path / "out.ora"
    arguments = ["replace", str(photo), "-p", "bench", "-e", "metal bench", "-o", str(out)]
    assert main(arguments, provider=engine) == 0
    document = open_document(out).document
    assert [layer.name for layer in document.layers] == ["photo", "metal bench"]
    assert [mask.label for mask in document.masks] == ["bench"]


def test_an_edit_prints_json(photo, engine, tmp_path, capsys) -> None:
    out = tmp_path / "out.png"
    arguments = ["restyle", str(photo), "-p", "bench", "-e", "red", "-o", str(out), "--json", "-q"]
    assert main(arguments, provider=engine) == 0
    printed, err = capsys.readouterr()
    answer = json.loads(printed)
    assert err == ""
    assert answer["out"] == str(out) and answer["prompt"] == "red" and answer["kind"] == "restyle"
    assert answer["changed_pixels"] == (engine.asked[-1].alpha > 0).sum()


def test_half_an_edit_is_no_edit(photo, engine, tmp_path, capsys) -> None:
    out = tmp_path / "out.png"
    arguments = ["remove", str(photo), "-p", "bench, zebra", "-o", str(out)]
    assert main(arguments, provider=engine) == 1
    assert "zebra" in one_line(capsys) and not out.exists()


def test_an_engine_that_cannot_do_it_writes_nothing(photo, engine, tmp_path, capsys) -> None:
    engine.fails["*"] = CannotDoError("This needs a diffusion model.", "Install one.")
    out = tmp_path / "out.png"
    out.write_bytes(b"older")
    arguments = ["replace", str(photo), "-p", "bench", "-e", "dog", "-o", str(out)]
    assert main(arguments, provider=engine) == 1
    assert one_line(capsys) == "ovedit: This needs a diffusion model. Install one.\n"
    assert out.read_bytes() == b"older"


def test_an_interrupt_writes_nothing(photo, engine, tmp_path, capsys) -> None:
    engine.fails["*"] = KeyboardInterrupt()
    arguments = ["remove", str(photo), "-p", "bench", "-o", f"{tmp_path}/out.png"]
    assert main(arguments, provider=engine) == 130
    assert one_line(capsys) == "ovedit: Cancelled.\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


# -- bad use ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["select", "PHOTO"], "--prompt"),
        (["select", "PHOTO", "-p", " , "], "no phrase"),
        (["select", "PHOTO", "-p", "a", "--threshold", "1.5"], "1.5 is not between 0 and 1"),
        (["select", "PHOTO", "-p", "a", "--top-k", "0"], "0 is less than 1"),
        (["select", "PHOTO", "-p", "a", "--top-k", "x"], "'x' is not a whole number"),
        (["select", "PHOTO", "-p", "a", "--preset", "best"], "best"),
        (["remove", "PHOTO", "-p", "bench"], "--out"),
        (["remove", "PHOTO", "-o", "out.png"], "Neither --prompt nor --mask"),
        (["replace", "PHOTO", "-p", "bench", "-o", "out.png"], "--edit"),
        (["remove", "PHOTO", "-p", "bench", "-o", "out.png", "--seed", "-1"], "-1"),
        (["remove", "PHOTO", "-p", "bench", "-o", "out.png", "--set", "x"], "key=value"),
        (["replace", "PHOTO", "-p", "bench", "-e", " ", "-o", "o.png"], "say what you want"),
        (["--colour"], "COMMAND"),
        (["slect"], "Did you mean select?"),
        (["select", "PHOTO", "-p", "a", "--engine", "large"], "large"),
        (["remove", "PHOTO", "-p", "bench", "-o", "out.xyz"], "out.xyz"),
        (["select", "PHOTO", "-p", "bench", "-o", "mask.jpg"], "mask.jpg"),
        (["select", "PHOTO", "-p", "bench", "--overlay", "o.ora"], "o.ora"),
    ],
)
def test_bad_use_is_exit_code_2(arguments, words, photo, engine, capsys, tmp_path) -> None:
    given = [str(photo) if word == "PHOTO" else word for word in arguments]
    assert main(given, provider=engine) == 2
    assert words in one_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["select", "missing.png", "-p", "a"], "missing.png"),
        (["remove", "PHOTO", "-p", "bench", "-o", "no/such/folder.png"], "no folder"),
        (["remove", "PHOTO", "--mask", "missing.png", "-o", "out.png"], "missing.png"),
    ],
)
def test_what_cannot_be_done_is_exit_code_1(arguments, words, photo, engine, capsys) -> None:
    given = [str(photo) if word == "PHOTO" else word for word in arguments]
    assert main(given, provider=engine) == 1
    assert words in one_line(capsys)


def test_a_bug_is_told_in_one_line(photo, engine, capsys, tmp_path, monkeypatch) -> None:
    engine.fails["*"] = ZeroDivisionError("division by zero")
    arguments = ["remove", str(photo), "-p", "bench", "-o", f"{tmp_path}/out.png"]
    assert main(arguments, provider=engine) == 1
    assert "bug in OVEdit: ZeroDivisionError" in one_line(capsys)
    monkeypatch.setenv("OVEDIT_DEBUG", "1")
    assert main(arguments, provider=engine) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("files", [[], ["a.jpg"], ["a.jpg", "b c.ora"]])
def test_without_a_command_the_window_opens(files, monkeypatch) -> None:
    opened: list[list[str]] = []
    window = types.ModuleType("ovedit.app")
    window.main = lambda argv: opened.append(argv) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ovedit.app", window)
    assert main(files) == 0
    assert opened == [files]


def test_a_file_may_be_called_like_a_misspelt_command(tmp_path, monkeypatch) -> None:
    opened: list[list[str]] = []
    window = types.ModuleType("ovedit.app")
    window.main = lambda argv: opened.append(argv) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ovedit.app", window)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slect").write_bytes(b"")
    assert main(["slect"]) == 0 and opened == [["slect"]]


# -- progress, info, help --------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_only() -> None:
    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        with ProgressBar(stream) as bar:
            report = bar.stage(0.5, 1.0)
            report(0.0, "Filling")
        assert ("Filling" in stream.getvalue()) is drawn
        assert (" 50%" in stream.getvalue()) is drawn
    quiet = Terminal()
    with ProgressBar(quiet, quiet=True) as bar:
        bar.stage(0, 1)(0.5, "Filling")
    assert quiet.getvalue() == ""


def test_the_bar_is_gone_afterwards() -> None:
    stream = Terminal()
    with pytest.raises(RuntimeError), ProgressBar(stream) as bar:
        bar.stage(0, 1)(0.3, "Filling")
        raise RuntimeError
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("preset", ["fast", "balanced", "quality"])
def test_info_prints_every_setting_of_a_preset(preset, capsys) -> None:
    assert main(["info", "--preset", preset, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"method", "refine", "layers", "crop_weights", "neighbour_sigma"} <= values.keys()
    assert main(["info", "--preset", preset]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(values)
    assert any(line.split() == ["method", "=", values["method"]] for line in lines)


def test_info_prints_the_settings_of_the_engine_named(capsys) -> None:
    assert main(["info", "--preset", "fast", "--engine", "sam3", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == {"model": "sam3", "score_threshold": "0.5", "mask_threshold": "0.5"}
    for words, told in (
        (["--preset", "fast", "--engine", "sam9"], "sam9"),
        (["--preset", "fast", "--engine", "basic"], '"basic" is the same in every preset'),
        (["--engine", "sam3"], "--preset"),
    ):
        assert main(["info", *words]) != 0
        assert told in capsys.readouterr().err


def test_info_names_engines_and_folders(engine, capsys, _own_folders) -> None:
    assert main(["info"], provider=engine) == 0
    out, _ = capsys.readouterr()
    assert f"OVEdit {ovedit.__version__}" in out
    assert "basic: Fake; select, remove, replace, restyle" in out
    assert "large: Large; select, remove, replace, restyle; not installed, needs 2 GB" in out
    assert str(settings.settings_path()) in out
    assert main(["info", "--json"], provider=engine) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["folders"]["data"] == str(settings.data_folder())
    assert facts["packages"]["numpy"] == np.__version__


def test_help_names_every_command(capsys) -> None:
    assert main(["--help"]) == 0
    out, _ = capsys.readouterr()
    assert all(re.search(rf"^    {command} ", out, re.MULTILINE) for command in COMMANDS)


def test_presets_are_those_of_the_engines() -> None:
    assert parser.PRESETS == PRESETS


def test_the_version_is_the_projects(capsys) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ovedit.__version__ == project["version"]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"OVEdit {project['version']}\n"


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("--help", {"numpy", "cv2", "PIL", "torch", "PySide6"}),
        ("info", {"cv2", "PIL", "torch", "PySide6", "numba", "scipy"}),
    ],
)
def test_nothing_heavy_is_loaded_to_answer_quickly(command: str, forbidden: set[str]) -> None:
    script = (
        "import sys\nfrom ovedit.cli import main\n"
        f"main([{command!r}])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not forbidden & set(done.stderr.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"]])
def test_output_that_cannot_be_written_is_told_of(arguments: list[str], unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "main.py", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("ovedit: The output cannot be written: the disk is full.")
    assert len(done.stderr.splitlines()) == 1
