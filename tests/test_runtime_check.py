from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from ovedit.errors import EngineMissingError
from ovedit.runtime_check import (
    QT_LIBRARIES,
    SystemLibrary,
    command_line_instead,
    explain_import_error,
    explain_qt_failure,
    missing_libraries,
)

README = Path(__file__).parents[1] / "README.md"
ABSENT = SystemLibrary("libno-such-thing.so.7", "libno-such-thing7", "no-such-thing")
PRESENT = SystemLibrary("libc.so.6", "libc6", "glibc")
INSTEAD = "Use the command line."

only_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wheels bring all")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        OSError("torchvision/_C.so: undefined symbol: _ZN3c106detail14torchCheckFailE"),
    ],
)
def test_a_torchvision_for_another_torch_is_explained(error: RuntimeError | OSError) -> None:
    explained = explain_import_error(error)
    assert isinstance(explained, EngineMissingError)
    assert "another torch" in explained.message
    assert "pip install --force-reinstall torch torchvision" in explained.hint
    assert "\n" not in str(explained)


def test_a_missing_package_is_named() -> None:
    try:
        import no_such_package_here.part  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        explained = explain_import_error(error)
    assert "no_such_package_here is not installed" in explained.message
    assert "pip install" in explained.hint


def test_a_missing_shared_library_is_named() -> None:
    explained = explain_import_error(
        ImportError("libcudart.so.13: cannot open shared object file: No such file or directory")
    )
    assert "libcudart.so.13" in explained.message


def test_anything_else_is_told_in_its_own_words_on_one_line() -> None:
    explained = explain_import_error(RuntimeError("the moon is full\nand more"))
    assert "the moon is full" in explained.message
    assert "\n" not in str(explained)
    assert explain_import_error(ImportError()).message.endswith("ImportError.")


@only_linux
@pytest.mark.parametrize(
    ("manager", "told"),
    [
        ("apt-get", "sudo apt install libno-such-thing7."),
        ("dnf", "sudo dnf install no-such-thing."),
        ("pacman", "Install the packages"),
    ],
)
def test_a_library_that_qt_lacks_is_named_with_its_package(
    manager: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == manager else None)
    explained = explain_qt_failure("could not load", INSTEAD, [PRESENT, ABSENT])
    assert "libno-such-thing.so.7" in explained.message
    assert "libc" not in str(explained)
    assert told in explained.hint
    assert explained.hint.endswith("Until then, use the command line.")


@only_linux
def test_only_libraries_that_do_not_load_are_missing() -> None:
    assert missing_libraries([PRESENT, ABSENT]) == (ABSENT,)


@pytest.mark.parametrize(
    ("said", "variable"),
    [
        ("qt.qpa.xcb: could not connect to display :7", "DISPLAY"),
        ("Failed to create wl_display (No such file or directory)", "WAYLAND_DISPLAY"),
    ],
)
def test_a_display_that_does_not_answer_is_named(
    said: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "far:7")
    explained = explain_qt_failure(said, INSTEAD, [])
    assert f"no display answers at {variable}=far:7." in explained.message
    assert explained.hint == INSTEAD


def test_a_display_that_is_not_named_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    explained = explain_qt_failure("could not connect to display", INSTEAD, [])
    assert "which is not set" in explained.message


def test_what_else_qt_says_is_told_on_one_line() -> None:
    explained = explain_qt_failure("no plugin\n\nAvailable: few.", INSTEAD, [])
    assert "no plugin Available: few." in explained.message


def test_the_command_line_is_named_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    program = tmp_path / ".venv" / "bin" / "ovedit"
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    assert ": ovedit replace photo.jpg " in command_line_instead([])
    program.parent.mkdir(parents=True)
    program.touch()
    assert f": {program} replace a.jpg " in command_line_instead(["-x", "a.jpg", "b.jpg"])
    monkeypatch.chdir(tmp_path)
    assert ": .venv/bin/ovedit replace 'a b.jpg' " in command_line_instead(["a b.jpg"])


@pytest.mark.parametrize(
    ("manager", "packages"),
    [
        ("apt", {library.debian for library in QT_LIBRARIES}),
        ("dnf", {library.fedora for library in QT_LIBRARIES}),
    ],
)
def test_the_readme_names_every_package(manager: str, packages: set[str]) -> None:
    (line,) = re.findall(rf"^    sudo {manager} install (.+)$", README.read_text("utf-8"), re.M)
    assert packages <= set(line.split())
