from __future__ import annotations

import pytest

from ovedit.errors import EngineMissingError
from ovedit.runtime_check import explain_import_error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        OSError("torchvision/_C.so: undefined symbol: _ZN3c106detail14torchCheckFailE"),
    ],
)
def test_a_torchvision_for_another_torch_is_explained(error: RuntimeError | OSError) -> None:
    explained = explain_import_error(error)
    assert isinstance(explained, EngineMissingError)
    assert "another torch" in explained.message
    assert "pip install --force-reinstall torch torchvision" in explained.hint
    assert "\n" not in str(explained)


def test_a_missing_package_is_named() -> None:
    try:
        import no_such_package_here.part  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        explained = explain_import_error(error)
    assert "no_such_package_here is not installed" in explained.message
    assert "pip install" in explained.hint


def test_a_missing_shared_library_is_named() -> None:
    explained = explain_import_error(
        ImportError("libcudart.so.13: cannot open shared object file: No such file or directory")
    )
    assert "libcudart.so.13" in explained.message


def test_anything_else_is_told_in_its_own_words_on_one_line() -> None:
    explained = explain_import_error(RuntimeError("the moon is full\nand more"))
    assert "the moon is full" in explained.message
    assert "\n" not in str(explained)
    assert explain_import_error(ImportError()).message.endswith("ImportError.")
