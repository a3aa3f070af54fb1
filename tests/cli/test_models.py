"""`ovedit models`, against the hub on loopback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from ovedit.cli import main
from ovedit.engine.library import Licence, Model, Task
from ovedit.engine.models import store
from ovedit.engine.models.catalogue import load_catalogue, own_path, save_own
from tests.hub import Hub, running_hub

ROOT = Path(__file__).parents[2]
WEIGHTS = save({"w": np.random.default_rng(2).random(75_000, np.float32)})
FILES = {"config.json": b'{"x": 1}', "model.safetensors": WEIGHTS}
STRICT = Licence("Strict 1.0", "https://strict.example/terms", commercial=False)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def cache(hub, monkeypatch, tmp_path) -> Path:
    return hub.use(monkeypatch, tmp_path / "home")


@pytest.fixture
def model(hub, cache) -> Model:
    """An entry "mine" in the person's own list."""
    return listed(hub)


def listed(hub: Hub, own: Path | None = None, **values) -> Model:
    commit = hub.add("owner/name", FILES)
    given = {"id": "mine", "title": "My Model", "loader": "sam2", "own": True} | values
    model = hub.model("owner/name", commit, FILES, **given)
    save_own(own or own_path(), models=[model])
    return model


def run(*words: str) -> int:
    return main(["models", *words])


def as_json(capsys, *words: str):
    assert run(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


# -- list and info ---------------------------------------------------------------------------------


def test_list_is_a_table_of_all_models(model, capsys) -> None:
    assert run("list") == 0
    head, *rows, blank, footer = capsys.readouterr().out.splitlines()
    assert head.split() == ["MODEL", "WHAT", "FOR", "SIZE", "LICENCE", "HERE"]
    assert [row.split()[0] for row in rows] == [model.id for model in load_catalogue().models]
    assert rows[-1].split() == ["mine", "paints", "by", "text", "300", "kB", "Apache-2.0", "no"]
    assert len({row.index(" kB") if " kB" in row else row.index("B  ") - 2 for row in rows}) == 1
    assert blank == "" and constants.HF_HUB_CACHE in footer and "free" in footer


def test_list_says_how_much_is_here(model, hub, cache, capsys) -> None:
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    part = store.partial_path(blobs, "model.safetensors", "0" * 64)
    part.write_bytes(WEIGHTS[:150_000])
    run("list")
    assert capsys.readouterr().out.splitlines()[-3].endswith("50%")
    assert as_json(capsys, "list")[-1]["presence"] == "partial"
    run("get", "mine", "-q")
    capsys.readouterr()
    run("list")
    assert capsys.readouterr().out.splitlines()[-3].endswith("yes")


def test_info_tells_all(model, capsys) -> None:
    assert run("info", "mine") == 0
    out = capsys.readouterr().out
    for part in ("My Model", model.revision, "Apache-2.0", "model.safetensors", "looked in"):
        assert part in out
    assert "300 kB in 2 files" in out
    facts = as_json(capsys, "info", "mine")
    assert facts["size"] == model.download_size and facts["missing"] == list(FILES)
    assert facts["licence"]["commercial"] is True
    assert run("info", "sam2-tiny") == 0
    assert "156 MB in 1 file\n" in capsys.readouterr().out


def test_an_unknown_model_is_not_mistaken(model, capsys) -> None:
    for verb in ("info", "get", "remove", "verify", "path"):
        assert run(verb, "minne") == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and "Did you mean" in err


@pytest.mark.parametrize("words", [[], ["fetch"], ["get"], ["info"], ["add"], ["list", "x"]])
def test_bad_use(words, capsys) -> None:
    assert run(*words) == 2
    assert capsys.readouterr().err.count("\n") == 1


# -- the way of a model ----------------------------------------------------------------------------


def test_get_verify_path_remove(model, hub, capsys) -> None:
    assert run("get", "mine") == 0
    out, err = capsys.readouterr()
    folder = Path(out.strip())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    # What it costs is said, though nobody is asked.
    assert "300 kB" in err and "Apache-2.0" in err and "free" in err
    asked = len(hub.asked)
    assert run("get", "mine") == 0
    assert capsys.readouterr() == (f"{folder}\n", "")
    assert run("path", "mine") == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert run("verify") == 0
    said = capsys.readouterr().out
    assert said == "mine: whole; 2 files compared, 1 by git hash, 1 by SHA-256\n"
    assert run("remove", "mine") == 0
    assert capsys.readouterr().out == "mine: 300 kB freed\n"
    assert run("remove", "mine") == 0
    assert capsys.readouterr().out == "mine: nothing of it was here\n"
    assert run("path", "mine") == 1
    assert "ovedit models get mine" in capsys.readouterr().err
    assert run("verify") == 0
    assert "No model is on this computer" in capsys.readouterr().out
    assert len(hub.asked) == asked


def test_damage_is_found(model, capsys) -> None:
    run("get", "mine", "-q")
    folder = Path(capsys.readouterr().out.strip())
    (folder / "model.safetensors").resolve().write_bytes(WEIGHTS[::-1])
    assert run("verify") == 1
    out, err = capsys.readouterr()
    assert out == "" and "model.safetensors is not what was published" in err
    assert run("verify", "mine", "--json") == 1
    assert json.loads(capsys.readouterr().out)["mine"]["whole"] is False


def test_a_folder_is_added_and_forgotten(model, hub, tmp_path, capsys) -> None:
    folder = tmp_path / "von Hand"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    assert run("add", str(folder)) == 0
    assert capsys.readouterr().out == f"mine: My Model, used from {folder}\n"
    assert run("path", "mine") == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert run("remove", "mine") == 0
    assert (folder / "model.safetensors").exists() and run("path", "mine") == 1
    assert run("add", str(folder), "--as", "sam2-tiny") == 1
    assert "does not hold SAM 2" in capsys.readouterr().err
    assert not hub.asked


def test_get_brings_the_parts_that_a_model_lacks(model, hub, capsys) -> None:
    commit = hub.add("owner/rest", {"x.json": b"{}"})
    rest = hub.model("owner/rest", commit, {"x.json": b"{}"}, id="rest", loader="sam2", own=True)
    save_own(own_path(), models=[rest, replace(model, base=("rest",))])
    assert run("get", "mine", "-q") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "owner--rest" in first and "owner--name" in second
    # An adapter only names what it changes.
    save_own(own_path(), models=[replace(model, base=("sd15-inpainting",), task=Task.ADAPTER)])
    assert run("get", "mine", "-q") == 0


# -- licences --------------------------------------------------------------------------------------


@pytest.mark.parametrize("licence", [STRICT, replace(STRICT, commercial=True, gated=True)])
def test_strict_terms_need_consent(hub, cache, licence, capsys) -> None:
    listed(hub, licence=licence)
    assert run("get", "mine") == 2
    err = capsys.readouterr().err
    assert "https://strict.example/terms" in err and "--accept-licence" in err
    assert not hub.asked
    assert run("get", "mine", "--accept-licence", "-q") == 0
    # Once it is here there is nothing to ask.
    assert run("get", "mine") == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("Yes\n", 0), ("\n", 130), ("", 130)])
def test_on_a_terminal_it_asks(hub, cache, monkeypatch, capsys, answer, code) -> None:
    listed(hub, licence=STRICT)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert run("get", "mine") == code
    assert "Do you accept it?" in capsys.readouterr().err
    assert bool(hub.asked) == (code == 0)


# -- trouble ---------------------------------------------------------------------------------------


def test_refusals_are_one_line(model, hub, capsys) -> None:
    hub.statuses.append((404, {"X-Error-Code": "EntryNotFound"}))
    assert run("get", "mine", "-q") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "no file config.json" in err


def test_offline_every_command_behaves(model, hub, monkeypatch, capsys) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for words, code in ((["list"], 0), (["info", "mine"], 0), (["verify"], 0)):
        assert run(*words) == code
    capsys.readouterr()
    assert run("get", "mine", "-q") == 1
    assert "HF_HUB_OFFLINE" in capsys.readouterr().err
    assert not hub.asked


def test_a_wrong_list_of_ones_own_is_named(model, capsys) -> None:
    own_path().write_text("[models.x\n")
    assert run("list") == 1
    assert str(own_path()) in capsys.readouterr().err


# -- as a process ----------------------------------------------------------------------------------


def test_an_endpoint_over_which_the_hubs_client_fails_is_named(hub, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "models", "list"],
        env=hub.environment(tmp_path / "home") | {"HF_ENDPOINT": "http://["},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ovedit: HF_ENDPOINT is 'http://[', which is no web address.")


@pytest.fixture
def start(hub, tmp_path):
    """Starts `ovedit models` with nothing but the environment to lead it to the hub."""
    environment = hub.environment(tmp_path / "home")
    running: list[subprocess.Popen] = []

    def start(*words: str, **extra: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "main.py", "models", *words],
            cwd=ROOT,
            env=environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell lets what it starts in the background, and all below it, ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be sent Ctrl-C alone")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_keeps_what_came_and_the_next_get_goes_on(hub, tmp_path, start) -> None:
    own = tmp_path / "home" / "ovedit" / "models.toml"
    listed(hub, own)
    hub.bytes_per_second = 200_000
    process = start("get", "mine")
    blobs = tmp_path / "home" / "hub" / "models--owner--name" / "blobs"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if sum(part.stat().st_size for part in blobs.glob(f"*{store.PARTIAL}")) > 60_000:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and out == ""
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert "kB of 300 kB are here" in last and "`ovedit models get mine` goes on" in last
    hub.bytes_per_second = 0
    out, err = start("get", "mine", "-q").communicate(timeout=20)
    assert (Path(out.strip()) / "model.safetensors").read_bytes() == WEIGHTS
    sent = [asked.sent for asked in hub.served(path="/large/")]
    # The server may have sent a little more than arrived before the interrupt.
    assert len(sent) == 2 and len(WEIGHTS) <= sum(sent) < len(WEIGHTS) + 10_000


def test_no_process_writes_the_token_anywhere(hub, tmp_path, start) -> None:
    own = tmp_path / "home" / "ovedit" / "models.toml"
    listed(hub, own, licence=replace(STRICT, gated=True))
    hub.gated.add("owner/name")
    wrong = start("get", "mine", "--accept-licence", HF_TOKEN="hf_secret_of_another")
    said = "".join(wrong.communicate(timeout=20))
    assert wrong.returncode == 1 and "huggingface.co/owner/name" in said
    right = start(
        "get", "mine", "--accept-licence", HF_TOKEN=hub.token, HF_DEBUG="1", OVEDIT_DEBUG="1"
    )
    said += "".join(right.communicate(timeout=20))
    assert right.returncode == 0
    assert hub.token not in said and "hf_secret" not in said
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert hub.token.encode() not in path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_terminal_shows_how_far_it_is(hub, tmp_path) -> None:
    import pty

    own = tmp_path / "home" / "ovedit" / "models.toml"
    listed(hub, own)
    hub.bytes_per_second = 200_000
    leader, follower = pty.openpty()
    environment = hub.environment(tmp_path / "home") | {"COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "main.py", "models", "get", "mine"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # So a terminal ends on Linux.
        pass
    os.close(leader)
    process.communicate(timeout=10)
    assert process.returncode == 0
    lines = shown.decode().split("\r")
    moving = [line for line in lines if "kB/s" in line and " left" in line]
    assert moving and "of 300 kB" in moving[0] and "model.safetensors" in moving[0]
    assert lines[-1].strip() == "\x1b[K"
