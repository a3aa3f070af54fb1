"""Numbers measured on this computer, kept in the cache folder so that they outlive the program."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from ovedit.atomic import atomic_write
from ovedit.errors import FileError
from ovedit.settings import cache_folder


def remembered(name: str) -> dict[str, float]:
    """The numbers kept under a name; none where they cannot be read: they can be measured again."""
    try:
        values = json.loads(_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {key: value for key, value in values.items() if isinstance(value, float)}


def remember(name: str, values: Mapping[str, float]) -> None:
    """Keep numbers under a name in place of those before; not at all in a folder that refuses."""
    path = _path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            stream.write(json.dumps(dict(values), indent=1).encode())
    except (OSError, FileError):
        # They are measured again at the next start.
        return


@functools.cache
def processor() -> str:
    """The processor's name, for numbers that hold for this computer only."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _path(name: str) -> Path:
    return cache_folder() / f"{name}.json"
