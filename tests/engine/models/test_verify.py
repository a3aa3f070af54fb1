"""Reading files and comparing them with what was published."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from ovedit.engine.library import TransferProgress
from ovedit.engine.models.verify import By, Digest, check_files, tensors_of, well_formed
from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled, DamagedModelError
from tests.hub import git_hash, model_of

WEIGHTS = save({"a": np.ones((3, 4), np.float16), "b": np.zeros(2000, np.float32)})
FILES = {"config.json": b'{"x": 1}', "model.safetensors": WEIGHTS, "notes.txt": b"hello"}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def unpublished(model):
    return replace(model, files=tuple(replace(file, sha256="") for file in model.files))


def test_each_file_is_compared_with_the_best_there_is(folder) -> None:
    model = model_of(FILES)
    assert [one.by for one in check_files(model, folder)] == [By.STRUCTURE, By.SHA256, By.SIZE]
    ways = [one.by for one in check_files(unpublished(model), folder)]
    assert ways == [By.STRUCTURE, By.STRUCTURE, By.SIZE]
    guess = replace(model.files[2], exact=False, size=1)
    assert check_files(replace(model, files=(guess,)), folder)[0].by is By.NOTHING


def test_links_of_the_cache_name_the_hash(tmp_path) -> None:
    snapshot = tmp_path / "snapshots" / "c"
    snapshot.mkdir(parents=True)
    (tmp_path / "blobs").mkdir()
    names = {
        "config.json": git_hash(FILES["config.json"]),
        "model.safetensors": hashlib.sha256(WEIGHTS).hexdigest(),
        "notes.txt": git_hash(FILES["notes.txt"]),
    }
    for name, data in FILES.items():
        (tmp_path / "blobs" / names[name]).write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/{names[name]}")
    model = unpublished(model_of(FILES))
    assert [one.by for one in check_files(model, snapshot)] == [By.GIT, By.SHA256, By.GIT]
    (tmp_path / "blobs" / names["notes.txt"]).write_bytes(b"hellO")
    with pytest.raises(DamagedModelError, match=r"notes\.txt is not what was published"):
        check_files(model, snapshot)


def test_every_wrong_file_is_named(folder) -> None:
    (folder / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"x")
    (folder / "notes.txt").write_bytes(b"hello there")
    (folder / "config.json").unlink()
    with pytest.raises(DamagedModelError) as caught:
        check_files(model_of(FILES), folder)
    said = str(caught.value)
    assert "config.json is gone" in said
    assert "model.safetensors is not what was published" in said
    assert "notes.txt has 11 bytes instead of 5" in said
    assert "ovedit models remove m" in said


def test_without_a_hash_a_broken_structure_is_seen(folder) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    cut = struct.pack("<Q", len(header)) + header + bytes(12)
    files = {"config.json": b"{", "model.safetensors": cut}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(DamagedModelError, match=r"config.*; model"):
        check_files(unpublished(model_of(files)), folder)


def test_it_is_cancelled_and_tells_how_far_it_is(folder) -> None:
    cancel = CancelToken()
    heard: list[TransferProgress] = []
    check_files(model_of(FILES), folder, heard.append, cancel)
    assert heard[-1].done == heard[-1].total == sum(map(len, FILES.values()))
    cancel.cancel()
    with pytest.raises(Cancelled):
        check_files(model_of(FILES), folder, cancel=cancel)


def test_headers_are_read_without_weights(folder) -> None:
    shapes = {shape: dtype for dtype, shape in tensors_of(folder / "model.safetensors")}
    assert shapes == {(3, 4): "F16", (2000,): "F32"}
    for broken in (b"", b"\xff" * 8, b"\x05\0\0\0\0\0\0\0hello"):
        (folder / "model.safetensors").write_bytes(broken)
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            tensors_of(folder / "model.safetensors")
        assert well_formed(folder / "model.safetensors") is False
    assert well_formed(folder / "notes.txt") is None


def test_a_git_hash_counts_the_size() -> None:
    for data in (b"", b"hello"):
        digest = Digest("", git_hash(data), len(data))
        digest.update(data)
        assert digest.right and digest.by is By.GIT
    unknown = Digest("", git_hash(b"x"), None)
    assert unknown.by is None and unknown.right
