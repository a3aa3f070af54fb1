"""Imports point down: which room may use which, held over the source and over what really loads."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ovedit"

# Values that everything may use.
SHARED = {"geometry", "errors", "settings", "resources", "files", "atomic", "units", "heap"}
# What ui, service and workflows may know of an engine.
CONTRACT = {"engine.requests", "engine.protocols", "engine.library"}
ENGINE = {"engine", "engine.registry", "engine.basic", "engine.models"} | CONTRACT
ENGINE |= {"engine.models.runtime", "engine.segmentation", "engine.inpainting"}
# What several engines are made of: plain arithmetic, values and the meaning of words.
PARTS = {"engine.crop", "engine.knobs", "engine.presets", "engine.language"}

# room: the rooms it may use. A module belongs to the longest name here that it starts with; a
# module outside all of them fails the test: give it a row.
ARROWS: dict[str, set[str]] = {
    "": {"api"},
    "__main__": {"cli"},
    "app": {"ui", "service", "workflows", "io", "document", "runtime_check"} | ENGINE | SHARED,
    "ui": {"service", "workflows", "batch", "io", "document"} | CONTRACT | SHARED,
    "service": CONTRACT | SHARED,
    # Without a command, the window opens; nothing of it is loaded before.
    "cli": {"app", "workflows", "batch", "io", "document", "runtime_check"} | ENGINE | SHARED,
    "api": {"workflows", "batch", "io", "document"} | ENGINE | SHARED,
    "evaluation": {"workflows", "io", "document"} | ENGINE | SHARED,
    # Recipes over folders: the workflows, and the files that they know nothing of.
    "batch": {"workflows", "io", "document"} | CONTRACT | SHARED,
    "workflows": {"document"} | CONTRACT | SHARED,
    "io": {"document"} | SHARED,
    "document": SHARED,
    "engine": set(),
    "engine.requests": SHARED,
    "engine.protocols": {"engine.requests"} | SHARED,
    "engine.registry": (ENGINE - {"engine", "engine.registry"}) | SHARED,
    "engine.crop": CONTRACT | SHARED,
    "engine.knobs": SHARED,
    "engine.presets": {"engine.knobs"} | CONTRACT | SHARED,
    "engine.language": SHARED,
    "engine.basic": PARTS | CONTRACT | SHARED,
    "engine.library": {"engine.protocols"} | SHARED,
    # On the disk; in memory.
    "engine.models": CONTRACT | SHARED,
    "engine.models.runtime": {"engine.models", "runtime_check"} | CONTRACT | SHARED,
    "engine.segmentation": {"engine.models", "engine.models.runtime"} | PARTS | CONTRACT | SHARED,
    # Diffusion fills holes better that were filled before, which the basic engine does.
    "engine.inpainting": {"engine.models", "engine.models.runtime", "engine.basic"}
    | PARTS
    | CONTRACT
    | SHARED,
    "runtime_check": {"errors"},
    "resources": {"errors"},
    "settings": {"errors", "files", "atomic"},
    "atomic": {"errors", "files"},
    "files": {"errors"},
    "geometry": set(),
    "units": set(),
    "heap": set(),
    "errors": set(),
}

QT_ROOMS = {"app", "ui", "service"}
TORCH_ROOMS = {"engine.segmentation", "engine.inpainting", "engine.models.runtime"}
QT = {"PySide6", "shiboken6"}
TORCH = {"torch", "torchvision", "diffusers", "open_clip", "sam2", "transformers", "accelerate"}
# Nothing of these may cost time before the window shows or the command line answers.
SLOW = {"numba", "llvmlite", "scipy", "patchmatch", "skimage"}
FIRST_TO_SHOW = {"app", "ui", "cli", "service"}


def module_name(path: Path) -> str:
    """Dotted name below the package; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str | None:
    """The longest row of the table that the module is, or is inside of."""
    if module == "":
        return ""
    rooms = [room for room in ARROWS if room and f"{module}.".startswith(f"{room}.")]
    return max(rooms, key=len, default=None)


@cache
def imports_of(module: str) -> frozenset[tuple[str, int]]:
    """Every (absolute name, line) that the module imports anywhere, also inside functions."""
    path = sources()[module]
    return frozenset(imports_in(path, [*path.relative_to(ROOT).parts[:-1]]))


def imports_in(path: Path, package: list[str]) -> set[tuple[str, int]]:
    """What `imports_of` says, for any file; package is what its relative imports start from."""
    found: set[tuple[str, int]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - (node.level - 1)]
                base = ".".join([*above, *([base] if base else [])])
            found |= {(f"{base}.{alias.name}", node.lineno) for alias in node.names}
    return found


def own_imports(module: str) -> Iterator[tuple[str, int]]:
    """(module below the package, line) for the imports of our own modules."""
    for name, line in imports_of(module):
        top, _, rest = name.partition(".")
        # The version is a value that everyone may read.
        if top == "ovedit" and rest != "__version__":
            # "ovedit.geometry.Rect" names something inside the module "geometry".
            while rest and rest not in sources():
                rest = rest.rpartition(".")[0]
            yield rest, line


def top_levels(module: str) -> set[str]:
    return {name.partition(".")[0] for name, _ in imports_of(module)}


def modules_in(room: str) -> list[str]:
    return [module for module in sources() if room_of(module) == room]


def rooms_present() -> list[str]:
    return sorted({room for module in sources() if (room := room_of(module)) is not None})


def test_every_module_belongs_to_a_room() -> None:
    homeless = [module for module in sources() if room_of(module) is None]
    assert not homeless, f"give these a row in ARROWS: {homeless}"


def test_imports_are_read_from_the_source() -> None:
    assert {room_of(used) for used, _ in own_imports("engine.protocols")} == {
        "engine.requests",
        "errors",
        "geometry",
    }
    assert room_of("engine.basic.fill") == "engine.basic"
    assert room_of("enginery") is None
    assert loaded_after(["geometry"]).isdisjoint(QT | TORCH | SLOW | {"numpy"})
    assert "numpy" in loaded_after(["engine.requests"])


def test_the_table_has_no_cycle() -> None:
    done: set[str] = set()

    def visit(room: str, path: tuple[str, ...]) -> None:
        assert room not in path, f"cycle: {' -> '.join((*path, room))}"
        if room not in done:
            for used in ARROWS[room]:
                visit(used, (*path, room))
            done.add(room)

    for room in ARROWS:
        visit(room, ())


@pytest.mark.parametrize("room", rooms_present())
def test_imports_follow_the_arrows(room: str) -> None:
    wrong = []
    for module in modules_in(room):
        for used, line in own_imports(module):
            other = room_of(used)
            if other != room and other not in ARROWS[room]:
                wrong.append(f"{sources()[module].relative_to(ROOT)}:{line} uses ovedit.{used}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", rooms_present())
def test_qt_and_torch_are_named_only_where_allowed(room: str) -> None:
    forbidden = (set() if room in QT_ROOMS else QT) | (set() if room in TORCH_ROOMS else TORCH)
    wrong = {
        module: names for module in modules_in(room) if (names := top_levels(module) & forbidden)
    }
    assert not wrong


def test_the_service_needs_no_window() -> None:
    parts = {
        name.split(".")[1]
        for module in modules_in("service")
        for name, _ in imports_of(module)
        if name.startswith("PySide6.")
    }
    assert parts <= {"QtCore"}


def test_arrays_become_qt_images_in_one_place() -> None:
    """Only ui/qimage.py builds a QImage from a buffer; others load files or make empty ones."""
    wrong = []
    for module in modules_in("ui"):
        if module == "ui.qimage":
            continue
        for node in ast.walk(ast.parse(sources()[module].read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "QImage"
                and len(node.args) >= 4
            ):
                wrong.append(f"{sources()[module].relative_to(ROOT)}:{node.lineno}")
    assert not wrong, wrong


def undeclared(imported: dict[str, set[str]], extras: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Third-party top-level names that pyproject.toml lacks, with those who import them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"]]
    for extra in extras:
        requirements += project["optional-dependencies"][extra]

    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ \[;]", name)[0]).lower()

    declared = {normal(requirement) for requirement in requirements}
    distributions = importlib.metadata.packages_distributions()
    missing: dict[str, list[str]] = {}
    for importer, tops in imported.items():
        for top in tops - set(sys.stdlib_module_names) - {"ovedit", "tests", "main"}:
            owners = {normal(name) for name in distributions.get(top, [])}
            if top == "shiboken6":
                owners.add("pyside6-essentials")
            if not owners & declared:
                missing.setdefault(top, []).append(importer)
    return missing


def test_every_third_party_import_is_declared() -> None:
    missing = undeclared({module: top_levels(module) for module in sources()})
    assert not missing, f"imported but not in pyproject.toml: {missing}"


def test_every_third_party_import_of_the_tests_is_declared() -> None:
    imported = {}
    for path in (ROOT / "tests").rglob("*.py"):
        place = path.relative_to(ROOT)
        if "benchmarks" not in place.parts:
            names = imports_in(path, [*place.parts[:-1]])
            imported[place.as_posix()] = {name.partition(".")[0] for name, _ in names}
    missing = undeclared(imported, ("test",))
    # Imported by one test to see what is said of a package that is not there.
    missing.pop("no_such_package_here", None)
    assert not missing, f"imported but not in the test extra of pyproject.toml: {missing}"


def loaded_after(modules: list[str]) -> set[str]:
    """Top-level names in sys.modules of a new interpreter that imported the modules."""
    names = [f"ovedit.{module}" if module else "ovedit" for module in modules]
    script = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("room", [room for room in rooms_present() if room not in TORCH_ROOMS])
def test_what_a_room_loads(room: str) -> None:
    modules = [module for module in modules_in(room) if not module.endswith("__main__")]
    if not modules:
        pytest.skip("only a script")
    forbidden = set(TORCH)
    if room not in QT_ROOMS:
        forbidden |= QT
    if room in FIRST_TO_SHOW:
        forbidden |= SLOW
    loaded = loaded_after(modules) & forbidden
    assert not loaded, f"importing ovedit.{room} loads {sorted(loaded)}"
