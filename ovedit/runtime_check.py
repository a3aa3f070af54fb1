"""Turns the ways in which Qt, or torch and its companions, fail to load into advice.

Only the window loads Qt; only the engines that need torch load that. Importing this module loads
nothing.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from ovedit.errors import EngineMissingError, OVEditError, WindowError

_REINSTALL = "pip install --force-reinstall torch torchvision"
_INSTALL = "pip install torch torchvision open_clip_torch sam2 diffusers transformers accelerate"
_DISPLAYS = ("WAYLAND_DISPLAY", "DISPLAY")
_SILENT_DISPLAY = ("could not connect to display", "Failed to create wl_display")


class SystemLibrary(NamedTuple):
    """A library that Qt takes from a Linux system, and the packages that bring it."""

    name: str
    debian: str
    fedora: str


# What else Qt needs comes along as dependencies of these packages.
QT_LIBRARIES = (
    SystemLibrary("libEGL.so.1", "libegl1", "libglvnd-egl"),
    SystemLibrary("libGL.so.1", "libgl1", "libglvnd-glx"),
    SystemLibrary("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    SystemLibrary("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    SystemLibrary("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    SystemLibrary("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    SystemLibrary("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    SystemLibrary("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    SystemLibrary("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    SystemLibrary("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    SystemLibrary("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
)
"""The libraries that Qt's window needs on Linux and its wheels do not carry."""


def missing_libraries(
    libraries: Sequence[SystemLibrary] = QT_LIBRARIES,
) -> tuple[SystemLibrary, ...]:
    """Those of `libraries` that this system cannot load; none on anything but Linux."""
    if not sys.platform.startswith("linux"):
        return ()
    return tuple(library for library in libraries if not _loads(library.name))


def explain_qt_failure(
    said: str, instead: str, libraries: Sequence[SystemLibrary] = QT_LIBRARIES
) -> WindowError:
    """The error to show a person when Qt did not start.

    said: the words of the import error, or of Qt before it gave up. instead: what to do without a
    window, see `command_line_instead`. libraries: those to look for. Missing libraries are named
    with the command that installs them, then a display that does not answer; anything else is told
    in Qt's own words.
    """
    missing = missing_libraries(libraries)
    if missing:
        names = ", ".join(library.name for library in missing)
        return WindowError(
            f"The window cannot open: Qt needs {names}, which this system lacks.",
            f"{_how_to_install(missing)}. Until then, {instead[:1].lower()}{instead[1:]}",
        )
    if any(words in said for words in _SILENT_DISPLAY):
        asked = [f"{name}={os.environ[name]}" for name in _DISPLAYS if os.environ.get(name)]
        where = " or ".join(asked) or "DISPLAY, which is not set"
        return WindowError(f"The window cannot open: no display answers at {where}.", instead)
    told = " ".join(said.split()).rstrip(".")
    return WindowError(f"The window cannot open. Qt says: {told}.", instead)


def command_line_instead(files: Sequence[str]) -> str:
    """Advice that names the command which does the same job on `files` without a window."""
    beside = Path(sys.executable).with_name("ovedit")
    if shutil.which("ovedit") or not beside.exists():
        program = "ovedit"
    elif beside.is_relative_to(Path.cwd()):
        program = str(beside.relative_to(Path.cwd()))
    else:
        program = str(beside)
    picture = next((file for file in files if not file.startswith("-")), "photo.jpg")
    return (
        "Use the command line, for example: "
        f"{shlex.quote(program)} replace {shlex.quote(picture)} "
        '--prompt "wooden bench" --edit "metal bench" -o out.png'
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _how_to_install(missing: Sequence[SystemLibrary]) -> str:
    if shutil.which("apt-get"):
        return "Run: " + " ".join(["sudo apt install", *(library.debian for library in missing)])
    if shutil.which("dnf"):
        return "Run: " + " ".join(["sudo dnf install", *(library.fedora for library in missing)])
    return "Install the packages of your system that hold them"


def explain_import_error(error: ImportError | RuntimeError | OSError) -> OVEditError:
    """The error to show a person for one raised while importing torch or a library above it.

    Knows torchvision built for another torch (`operator torchvision::nms does not exist`, or
    undefined symbols), a missing package, and a shared library that the system lacks; anything else
    is told with its own words. Use as `raise explain_import_error(error) from error`.
    """
    text = str(error).strip() or type(error).__name__
    if "torchvision::" in text or ("torchvision" in text and "undefined symbol" in text):
        return EngineMissingError(
            f"torchvision {_version('torchvision')} was built for another torch than the one "
            f"installed ({_version('torch')}).",
            f"Install both from the same index: {_REINSTALL}",
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return EngineMissingError(
            f"The Python package {package} is not installed.",
            f"Install what the model engines need: {_INSTALL}",
        )
    if "cannot open shared object file" in text or "DLL load failed" in text:
        return EngineMissingError(
            f"A library that torch needs cannot be loaded: {text.rstrip('.')}.",
            f"Install torch again: {_REINSTALL}",
        )
    return EngineMissingError(
        f"The model engines cannot be loaded: {text.splitlines()[0].rstrip('.')}.",
        f"Install torch again: {_REINSTALL}",
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"
