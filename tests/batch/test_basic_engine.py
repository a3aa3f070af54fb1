"""A batch with the engine that is always there: no model, no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from ovedit.batch.recipe_file import parse_recipe
from ovedit.batch.run import run_batch
from ovedit.document import pixels_of
from ovedit.engine.registry import default_registry, default_runtime
from ovedit.io.openraster import load_project
from ovedit.settings import Settings
from tests.batch.conftest import read, write

ROOT = Path(__file__).parents[2]


def scene(x: int) -> np.ndarray:
    """(120, 160, 3) a red disc on a green lawn, both with some grain."""
    picture = np.full((120, 160, 3), (60, 140, 50), np.uint8)
    cv2.circle(picture, (x, 60), 26, (200, 30, 30), -1, cv2.LINE_AA)
    grain = np.random.default_rng(abs(x)).normal(0, 4, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def test_the_disc_turns_blue_and_nothing_else_changes(tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    for x in (50, 100):
        write(folder / f"{x}.png", scene(x))
    write(folder / "lawn.png", scene(-40))
    recipe = parse_recipe(
        '[[steps]]\nkind = "restyle"\nphrase = "red"\nprompt = "blue"\n[output]\nformat = "ora"'
    )
    settings = Settings()
    provider = default_registry(default_runtime(settings))
    outcome = run_batch(recipe, folder, out, provider, settings=settings)
    states = {record.photo: record.state.value for record in outcome.records}
    assert states == {"50.png": "done", "100.png": "done", "lawn.png": "not found"}
    for x in (50, 100):
        project = load_project(out / f"{x}.ora")
        before = read(folder / f"{x}.png").astype(int)
        layer = project.structure.layers[-1]
        made = project.surfaces[pixels_of(layer.id)].array()
        red, _, blue = made[60, x, :3].astype(int)
        assert blue > red + 40 and made[60, x, 3] == 255
        assert 0 < np.count_nonzero(made[..., 3]) < 0.3 * made[..., 3].size
        base = project.surfaces[pixels_of(project.structure.layers[0].id)].array()
        assert np.array_equal(base[..., :3], before)


def test_neither_window_nor_torch_is_needed() -> None:
    script = (
        "import sys, ovedit.cli.batch\n"
        "sys.exit(str([n for n in ('torch', 'PySide6', 'numba') if n in sys.modules] or 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == "0"
