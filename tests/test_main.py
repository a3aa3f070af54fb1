"""`python main.py`, as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def start(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
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
    done = start(folder=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "display" in line
    assert "ovedit select" in line
