"""Which device, which dtype, how many threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ovedit.engine.library import Licence, Model, Task
from ovedit.engine.models.runtime import devices
from ovedit.engine.models.runtime.devices import (
    Device,
    available_devices,
    choose_device,
    choose_dtype,
    set_threads,
    torch_dtype,
)
from ovedit.errors import EngineMissingError
from ovedit.settings import cache_folder

GB = 10**9


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new card and an old one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: (5 * GB, (24 * GB, 8 * GB)[i]))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: ((8, 6), (6, 1))[i])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: ("RTX 3090", "GTX 1080")[i])


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def model(**memory: int) -> Model:
    licence = Licence("MIT", "https://opensource.org/license/mit")
    return Model("m", "M", Task.INPAINT, "onnx", "a/b", "main", (), licence, 1, memory)


def card(*fast: str, total: int = 24 * GB) -> Device:
    return Device("cuda:0", "cuda", "Card", total, total, frozenset(fast))


CPU = Device("cpu", "cpu", "CPU", 16 * GB, 8 * GB)


@pytest.mark.usefixtures("no_card")
def test_there_is_always_a_processor() -> None:
    (device,) = available_devices()
    assert (device.name, device.kind, device.title) == ("cpu", "cpu", "CPU")
    assert 0 < device.free <= device.total
    assert device.budget == device.total // 2
    assert choose_device("auto").kind == choose_device("cpu").kind == "cpu"


@pytest.mark.usefixtures("two_cards")
def test_cards_come_first_and_are_chosen_by_name() -> None:
    new, old, *_, last = available_devices()
    assert (new.title, new.total, new.free) == ("RTX 3090", 24 * GB, 5 * GB)
    assert new.fast == {"float16", "bfloat16"}
    assert old.fast == set()
    assert last.kind == "cpu"
    assert choose_device("auto").name == choose_device("cuda").name == "cuda:0"
    assert choose_device("cuda:1").title == "GTX 1080"


@pytest.mark.usefixtures("two_cards")
def test_a_card_that_is_not_there_is_told() -> None:
    with pytest.raises(EngineMissingError, match=r"no device cuda:2.*cuda:0, cuda:1, cpu"):
        choose_device("cuda:2")


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize("wanted", ["xpu", "mps", "xpu:1"])
def test_a_kind_that_is_not_there_is_told(wanted: str) -> None:
    kind = wanted.partition(":")[0]
    with pytest.raises(EngineMissingError, match=f"no {kind} device.*one of these: cpu"):
        choose_device(wanted)


@pytest.mark.usefixtures("no_card")
def test_a_torch_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(EngineMissingError, match=r"cannot use graphics cards.*for CUDA"):
        choose_device("cuda")


@pytest.mark.parametrize("wanted", ["banana", "cuda:x", "", "npu"])
def test_a_kind_not_known_is_told(wanted: str) -> None:
    with pytest.raises(EngineMissingError, match=f'no kind of device "{wanted}"'):
        choose_device(wanted)


@pytest.mark.parametrize(
    ("device", "memory", "expected"),
    [
        (card("float16", "bfloat16"), {"float32": 4, "float16": 2, "bfloat16": 2}, "float16"),
        (card("float16", "bfloat16"), {"float32": 4, "bfloat16": 2}, "bfloat16"),
        (card("float16"), {"float32": 4, "bfloat16": 2}, "float32"),
        (card("float16"), {"bfloat16": 2}, "bfloat16"),
        (card(), {"float32": 4, "float16": 2}, "float32"),
        (card(total=6), {"float32": 4, "float16": 2}, "float16"),
        (CPU, {"float32": 4, "float16": 2, "bfloat16": 2}, "float32"),
        (CPU, {"float32": 40 * GB, "float16": 20 * GB}, "float32"),
        (CPU, {"bfloat16": 2}, "bfloat16"),
        (CPU, {"float16": 2}, "float32"),
        (CPU, {}, "float32"),
    ],
)
def test_the_dtype_fits_device_and_model(
    device: Device, memory: dict[str, int], expected: str
) -> None:
    assert choose_dtype(device, model(**memory)) == expected


@pytest.mark.parametrize(("gain", "expected"), [(3.6, "bfloat16"), (1.2, "float32")])
def test_a_processor_takes_halves_where_they_are_faster(
    monkeypatch: pytest.MonkeyPatch, gain: float, expected: str
) -> None:
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: gain)
    assert choose_dtype(devices.cpu(), model(float32=4, bfloat16=2)) == expected


def test_a_processor_that_cannot_do_halves_never_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 0.0)
    assert choose_dtype(devices.cpu(), model(bfloat16=2)) == "float32"


@pytest.mark.parametrize("name", ["int8", "tensor", "float12"])
def test_only_floating_dtypes_are_dtypes(name: str) -> None:
    assert torch_dtype("bfloat16") is torch.bfloat16
    with pytest.raises(ValueError, match=name):
        torch_dtype(name)


@pytest.fixture
def _same_threads_after() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_same_threads_after")
def test_one_core_is_left_to_the_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "usable_cores", lambda: 4)
    torch.set_num_threads(4)
    assert set_threads() == set_threads() == torch.get_num_threads() == 3
    monkeypatch.setattr(devices, "usable_cores", lambda: 1)
    assert set_threads() == 1


@pytest.mark.usefixtures("_same_threads_after")
def test_a_number_of_threads_set_by_hand_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setattr(devices, "usable_cores", lambda: 2)
    torch.set_num_threads(4)
    assert set_threads() == 4


def test_the_processor_is_measured_once(
    monkeypatch: pytest.MonkeyPatch, really_measure: object
) -> None:
    gain = devices.bfloat16_gain()
    assert gain >= 0
    assert (cache_folder() / "bfloat16.json").is_file()
    devices.bfloat16_gain.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("measured again"))
    assert devices.bfloat16_gain() == gain


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to die of")
def test_a_processor_that_dies_of_it_gains_nothing(
    monkeypatch: pytest.MonkeyPatch, really_measure: object, tmp_path: Path
) -> None:
    script = tmp_path / "bfloat16.py"
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setattr(devices, "__file__", str(tmp_path / "devices.py"))
    assert devices.bfloat16_gain() == 0.0


def test_a_damaged_memory_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, really_measure: object, tmp_path: Path
) -> None:
    cache_folder().mkdir(parents=True)
    (cache_folder() / "bfloat16.json").write_text("[1")
    (tmp_path / "bfloat16.py").write_text("print(2.5)")
    monkeypatch.setattr(devices, "__file__", str(tmp_path / "devices.py"))
    assert devices.bfloat16_gain() == 2.5


def test_a_torch_that_does_not_load_is_explained(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", "import ovedit.engine.models.runtime"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "EngineMissingError: torchvision" in done.stderr
    assert "pip install --force-reinstall torch torchvision" in done.stderr
