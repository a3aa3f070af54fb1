"""The engine behind the door that the window and the command line knock at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ovedit.engine.inpainting.engine import DiffusionEngine
from ovedit.engine.models.library import LocalLibrary
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.registry import LazyRuntime, default_registry
from ovedit.engine.requests import EditKind, EditResult
from ovedit.errors import EngineMissingError
from ovedit.geometry import Size
from tests.engine.inpainting.conftest import MakeShelf, edit, request
from tests.engine.models.runtime.conftest import Built


def test_it_is_asked_by_name_and_tells_beforehand(shelf_of: MakeShelf) -> None:
    registry = default_registry(LazyRuntime(shelf_of("sd15"), device="cpu"))
    (info,) = (info for info in registry.engines() if info.name == "diffusers")
    assert info.available and info.edits == frozenset(EditKind) and info.uses_negative
    told = registry.forecast("diffusers", request())
    assert told is not None and (told.model, told.size) == ("Tiny sd15", Size(64, 64))
    lines = {line.key: line for line in registry.settings("diffusers", "fast", {"steps": "3"})}
    assert lines["steps"].value == "3"
    assert lines["model"].choices == ("auto", "sd15")
    result = registry.answer("diffusers", request(), silent, CancelToken())
    assert isinstance(result, EditResult) and result.engine == "diffusers"
    learnt = registry.forecast("diffusers", request())
    assert learnt is not None and learnt.seconds is not None and learnt.seconds > 0


def test_a_named_model_that_is_not_here_can_be_got(shelf_of: MakeShelf) -> None:
    registry = default_registry(LazyRuntime(shelf_of(absent=("sd15",)), device="cpu"))
    with pytest.raises(EngineMissingError, match="needs Tiny sd15") as e:
        wanted = request(options={"model": "sd15"})
        registry.answer("diffusers", wanted, silent, CancelToken())
    assert e.value.models == ("sd15",)


@pytest.mark.parametrize("id", ["sd15", "sdxl", "klein"])
def test_a_folder_of_ones_own_paints_under_its_id(built: Built, tmp_path: Path, id: str) -> None:
    _, folder = built(id)
    library = LocalLibrary(own=tmp_path / "models.toml", cache=tmp_path / "cache", offline=True)
    model = library.add(folder)
    assert model.own
    engine = DiffusionEngine(ModelRuntime(library, device="cpu"))
    options = {"model": model.id, "steps": "1"}
    for kind in EditKind:
        result = edit(engine, request(kind, options={**options, "prefill": "none"}))
        assert result.models == (model.id,)
        assert np.ptp(result.pixels[..., :3]) > 0


def test_being_registered_imports_no_torch() -> None:
    code = (
        "import sys\nfrom ovedit.engine.registry import default_registry\n"
        "registry = default_registry()\nregistry.engines()\n"
        "registry.settings('diffusers', 'fast', {})\n"
        "assert not {'torch', 'diffusers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
