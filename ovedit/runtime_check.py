"""Turns the ways in which torch and its companions fail to load into advice.

Only the engines that need torch load it; the window, the embedded engine and the command line
run without. Importing this module loads nothing.
"""

from __future__ import annotations

from importlib import metadata

from ovedit.errors import EngineMissingError, OVEditError

_REINSTALL = "pip install --force-reinstall torch torchvision"
_INSTALL = "pip install torch torchvision open_clip_torch sam2 diffusers transformers accelerate"


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
