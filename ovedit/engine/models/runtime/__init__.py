"""Models in memory: where they run, how they are loaded, who has to make room.

Importing this package imports torch. Raises `EngineMissingError` where it cannot be.
"""

from __future__ import annotations

from ovedit.runtime_check import explain_import_error

try:
    import torch as torch
except (ImportError, RuntimeError, OSError) as e:
    raise explain_import_error(e) from e
