"""Where the data files that travel with the program are."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from ovedit.errors import FileError


@cache
def _root() -> Path:
    package = Path(__file__).resolve().parent
    bundle = getattr(sys, "_MEIPASS", None)
    places = [package / "_resources", package.parent / "resources"]
    if bundle is not None:
        places.insert(0, Path(bundle) / "resources")
    for place in places:
        if (place / "vocabulary").is_dir():
            return place
    searched = ", ".join(map(str, places))
    raise FileError(f"OVEdit's own data files are not in {searched}.", "Install OVEdit again.")


def resource_path(*parts: str) -> Path:
    """The path of a data file or folder, e.g. `resource_path("vocabulary", "words.toml")`.

    The data lie in `resources/` of a PyInstaller bundle (`sys._MEIPASS`), in `ovedit/_resources/`
    of an installed wheel, or in `resources/` beside the package in a checkout. Raises `FileError`
    where they are in none of these, or where there is no such file among them.
    """
    path = _root().joinpath(*parts)
    if not path.exists():
        raise FileError(f"OVEdit's own data file {path} is missing.", "Install OVEdit again.")
    return path
