"""`python main.py`, as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovedit.runtime_check import missing_libraries

ROOT = Path(__file__).parents[1]


def start(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        capture_output=True,
        text=True,
        env=environment | more,
        cwd=folder,
        timeout=60,
        check=False,
    )


def test_it_runs_commands_from_any_folder(tmp_path: Path) -> None:
    done = start("info", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "basic" in done.stdout


def test_it_tells_its_commands(tmp_path: Path) -> None:
    done = start("--help", folder=tmp_path)
    assert done.returncode == 0
    for command in ("select", "remove", "replace", "restyle", "info"):
        assert command in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="always a display there")
def test_without_a_display_it_names_the_command_line(tmp_path: Path) -> None:
    done = start("my photo.jpg", folder=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no display" in line
    assert "ovedit replace 'my photo.jpg'" in line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="always a display there")
@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("DISPLAY", ":54321", "no display answers at DISPLAY=:54321."),
        ("QT_QPA_PLATFORM", "no-such-platform", "no-such-platform"),
    ],
)
def test_when_qt_gives_up_one_line_says_why(
    tmp_path: Path, variable: str, value: str, told: str
) -> None:
    done = start("photo.jpg", folder=tmp_path, **{variable: value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    lacking = [library.name for library in missing_libraries()]
    assert all(name in line for name in lacking)
    assert lacking or told in line
    assert "ovedit replace photo.jpg" in line
    assert "bug" not in line
