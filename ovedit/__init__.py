"""OVEdit: type what you see, get an editable mask; type what you want, get a new layer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovedit.api import Mask, Picture, open, run_batch

__version__ = "0.1.0"

__all__ = ["Mask", "Picture", "__version__", "open", "run_batch"]

_LAZY = {"Mask", "Picture", "open", "run_batch"}


def __getattr__(name: str) -> Any:
    """Load the Python API when it is first asked for (PEP 562): importing us must stay cheap."""
    if name in _LAZY:
        return getattr(import_module("ovedit.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
