"""Where a model's files are: in the hub's cache in its own layout, or in folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.library import Presence, TransferProgress
from ovedit.engine.models import store
from ovedit.engine.models.meter import Meter
from ovedit.errors import ModelError
from tests.hub import commit_name, model_of

FILES = {"config.json": b"{}", "unet/weights.safetensors": b"w" * 5000}
COMMIT = commit_name("a commit")


@pytest.fixture
def model():
    return model_of(FILES, revision=COMMIT)


def write(folder: Path, files=FILES) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def cache_with(cache: Path, files=FILES, revision: str = COMMIT) -> Path:
    """The layout that the hub's client makes: links to blobs."""
    repository = cache / "models--owner--name"
    snapshot = repository / "snapshots" / revision
    for number, (name, data) in enumerate(files.items()):
        write(repository / "blobs", {f"blob{number}": data})
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        blob = repository / "blobs" / f"blob{number}"
        (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))
    return snapshot


def test_nothing_is_here(tmp_path, model) -> None:
    state = store.look(model, [], tmp_path / "hub")
    assert (state.presence, state.folder, state.on_disk) == (Presence.MISSING, None, 0)
    assert state.missing == tuple(FILES)
    assert state.looked_in == (tmp_path / "hub" / "models--owner--name",)
    assert not (tmp_path / "hub").exists()


def test_all_is_in_the_cache(tmp_path, model) -> None:
    snapshot = cache_with(tmp_path)
    state = store.look(model, [], tmp_path)
    assert (state.presence, state.folder) == (Presence.READY, snapshot)
    assert state.on_disk == model.download_size and state.missing == ()


def test_a_cache_without_links_is_as_good(tmp_path, model) -> None:
    snapshot = write(tmp_path / "models--owner--name" / "snapshots" / COMMIT)
    assert store.look(model, [], tmp_path).folder == snapshot


def test_a_branch_is_followed(tmp_path) -> None:
    model = model_of(FILES, revision="refs/pr/1")
    snapshot = cache_with(tmp_path)
    assert store.look(model, [], tmp_path).presence is Presence.MISSING
    ref = tmp_path / "models--owner--name" / "refs" / "refs/pr/1"
    ref.parent.mkdir(parents=True)
    ref.write_text(COMMIT)
    assert store.look(model, [], tmp_path).folder == snapshot
    ref.write_text("../../elsewhere")
    assert store.look(model, [], tmp_path).presence is Presence.MISSING


@pytest.mark.parametrize("size", [0, 4999, 5001])
def test_a_file_of_another_size_is_not_complete(tmp_path, model, size) -> None:
    cache_with(tmp_path, {**FILES, "unet/weights.safetensors": b"w" * size})
    state = store.look(model, [], tmp_path)
    assert state.presence is Presence.PARTIAL
    assert state.missing == ("unet/weights.safetensors",)


def test_a_link_that_leads_nowhere_is_not_a_file(tmp_path, model) -> None:
    cache_with(tmp_path)
    (tmp_path / "models--owner--name" / "blobs" / "blob1").unlink()
    state = store.look(model, [], tmp_path)
    assert state.presence is Presence.PARTIAL and state.on_disk == 2


def test_a_folder_in_a_files_place_is_not_a_file(tmp_path, model) -> None:
    write(tmp_path, {"config.json/x": b"{}"})
    assert "config.json" in store.look(model, [tmp_path], tmp_path / "hub").missing


def test_what_was_begun_counts(tmp_path, model) -> None:
    blobs = tmp_path / "models--owner--name" / "blobs"
    part = store.partial_path(blobs, "unet/weights.safetensors", "0" * 64)
    write(blobs, {part.name: b"w" * 1234})
    state = store.look(model, [], tmp_path)
    assert (state.presence, state.on_disk) == (Presence.PARTIAL, 1234)
    # That of another file of the repository does not.
    part.rename(store.partial_path(blobs, "vae/weights.safetensors", "0" * 64))
    assert store.look(model, [], tmp_path).presence is Presence.MISSING


def test_folders_come_before_the_cache(tmp_path, model) -> None:
    cache_with(tmp_path / "hub")
    half = write(tmp_path / "half", {"config.json": b"{}"})
    whole = write(tmp_path / "whole")
    state = store.look(model, [half, tmp_path / "gone", whole], tmp_path / "hub")
    assert state.folder == whole
    assert state.looked_in[:3] == (half, tmp_path / "gone", whole)
    # What is only partly in a folder is taken from the cache.
    assert store.look(model, [half], tmp_path / "hub").folder != half
    # And counted, where the cache has nothing.
    state = store.look(model, [half], tmp_path / "empty")
    assert (state.presence, state.on_disk) == (Presence.PARTIAL, 2)


def test_a_model_of_no_repository_lies_in_folders_only(tmp_path) -> None:
    model = model_of(FILES, repository="", revision="")
    assert store.look(model, [], tmp_path).looked_in == ()
    assert store.look(model, [write(tmp_path / "x")], tmp_path).presence is Presence.READY


def test_the_cache_is_the_hubs_own(monkeypatch, tmp_path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert store.hub_cache() == tmp_path / "elsewhere"


def test_free_room_is_that_of_the_nearest_folder_that_exists(tmp_path) -> None:
    assert store.free_bytes(tmp_path / "not" / "yet" / "there") > 0
    write(tmp_path, {"file": b""})
    assert store.free_bytes(tmp_path / "file" / "below") > 0


@given(st.text(max_size=30))
def test_no_name_leads_out_of_a_folder(name) -> None:
    folder = Path("/models/one")
    try:
        found = store.inside(folder, name)
    except ModelError:
        return
    assert Path(os.path.normpath(found)).is_relative_to(folder) and found != folder


# -- figures ---------------------------------------------------------------------------------------


def measured(*steps: tuple[float, int], total: int = 10_000, done: int = 0) -> TransferProgress:
    """The last report after so many bytes came at those times."""
    now = 0.0
    heard: list[TransferProgress] = []
    meter = Meter(heard.append, total, done, clock=lambda: now)
    for at, count in steps:
        now = at
        meter.add(count)
    meter.report()
    return heard[-1]


def test_a_steady_speed_and_the_time_left() -> None:
    last = measured(*((step / 10, 100) for step in range(1, 31)), done=1000)
    assert last.done == 4000
    assert last.bytes_per_second == pytest.approx(1000, rel=0.01)
    assert last.seconds_left == pytest.approx(6, rel=0.01)


def test_no_speed_is_said_before_there_is_one() -> None:
    assert measured((0.2, 500)).seconds_left is None
    assert measured((1.0, 0)).seconds_left is None


def test_a_burst_is_forgotten_and_a_stall_is_felt() -> None:
    steady = [(5 + step / 10, 100) for step in range(200)]
    assert measured((0.1, 5000), *steady, total=10**6).bytes_per_second < 1100
    stalled = [(3 + step / 10, 0) for step in range(1, 100)]
    fast = [(step / 10, 100) for step in range(1, 31)]
    assert measured(*fast, *stalled).bytes_per_second < 200


@given(st.lists(st.tuples(st.floats(0.001, 5), st.integers(0, 1000)), max_size=40))
def test_figures_stay_within_reason(steps) -> None:
    at, timed = 0.0, []
    for wait, count in steps:
        at += wait
        timed.append((at, count))
    last = measured(*timed)
    assert 0 <= last.done <= last.total and last.bytes_per_second >= 0
    assert last.seconds_left is None or last.seconds_left >= 0
