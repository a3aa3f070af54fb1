"""Downloads, with huggingface_hub's real client and a hub that makes trouble."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import WeakFileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovedit.engine.library import Presence, TransferProgress
from ovedit.engine.models import store, stream
from ovedit.engine.models.download import download
from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled, ModelError
from tests.engine.models.conftest import (
    FILES,
    GIVING_UP,
    LARGE,
    QUICK,
    SMALL,
    assert_whole,
    large_bytes_sent,
    noise,
    refusal,
)
from tests.hub import Hub

ROOT = Path(__file__).parents[3]


# -- whole downloads -------------------------------------------------------------------------------


def test_files_come_into_the_hubs_own_cache(hub, cache, model) -> None:
    folder = download(model, cache)
    assert_whole(folder)
    assert folder == cache / "models--owner--name" / "snapshots" / model.revision
    asked = len(hub.asked)
    from huggingface_hub import hf_hub_download, scan_cache_dir

    # The real client finds every file there, without asking the hub.
    for path in FILES:
        assert hf_hub_download("owner/name", path, revision=model.revision) == str(folder / path)
    assert len(hub.asked) == asked
    (repository,) = scan_cache_dir(cache).repos
    assert repository.size_on_disk == model.download_size
    assert store.look(model, [], cache).presence is Presence.READY


def test_a_branch_is_remembered_with_its_commit(hub, cache) -> None:
    commit = hub.add("owner/name", FILES)
    model = hub.model("owner/name", "main", FILES)
    assert store.look(model, [], cache).presence is Presence.MISSING
    assert download(model, cache).name == commit
    assert store.look(model, [], cache).folder == store.snapshot_of(cache, model)


def test_all_files_come_from_one_commit_even_if_the_branch_moves(hub, cache) -> None:
    old = hub.add("owner/name", FILES)
    model = hub.model("owner/name", "main", FILES)

    def listener(progress: TransferProgress) -> None:
        if progress.done:
            hub.branches["owner/name", "main"] = "f" * 40

    assert download(model, cache, listener).name == old


def test_a_branch_that_moved_since_the_first_files_came_is_followed_whole(hub, cache) -> None:
    hub.add("owner/name", FILES)
    model = hub.model("owner/name", "main", FILES)
    hub.large_statuses.append((404, {}))
    refusal(model, cache)
    assert store.look(model, [], cache).missing == ("unet/größe 1.safetensors",)
    newer = hub.add("owner/name", {**FILES, "README.md": b"new"})
    folder = download(model, cache)
    assert folder.name == newer
    assert_whole(folder)
    assert store.look(model, [], cache).folder == folder


def test_what_another_revision_has_is_not_fetched_again(hub, cache, model) -> None:
    download(model, cache)
    sent = large_bytes_sent(hub)
    later = {**FILES, "config.json": b"{}"}
    newer = hub.model("owner/name", hub.add("owner/name", later), later)
    assert_whole(download(newer, cache), later)
    assert_whole(store.snapshot_of(cache, model) or Path())
    assert large_bytes_sent(hub) == sent


def test_without_links_the_files_themselves_lie_in_the_snapshot(
    hub, cache, model, monkeypatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OSError("no privilege")

    monkeypatch.setattr(os, "symlink", refuse)
    folder = download(model, cache)
    assert_whole(folder)
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert not list((cache / "models--owner--name" / "blobs").iterdir())
    assert store.look(model, [], cache).presence is Presence.READY
    asked = len(hub.asked)
    assert_whole(download(model, cache))
    assert len(hub.asked) == asked


def test_small_files_may_be_elsewhere_on_the_hub(hub, cache, model, monkeypatch) -> None:
    hub.redirects_small = True
    hub.gated.add("owner/name")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert_whole(download(model, cache))
    # The client's first question in a process is one of its own.
    fetched = [asked.path for asked in hub.served() if not asked.path.startswith("/api/")]
    assert [path.startswith("/kept/") for path in fetched] == [True, False]


def test_connections_are_used_again(hub, cache) -> None:
    files = {f"{number}.json": b"[]" * (number + 1) for number in range(5)}
    large = {f"{number}.safetensors": noise(9000, number) for number in range(5)}
    model = hub.model("owner/name", hub.add("owner/name", files | large), files | large)
    assert_whole(download(model, cache), files | large)
    assert len({(asked.host, asked.port) for asked in hub.asked}) == 2


def test_progress_counts_every_byte_once(hub, cache, model) -> None:
    heard: list[TransferProgress] = []
    hub.bytes_per_second = 400_000
    download(model, cache, heard.append)
    done = [progress.done for progress in heard]
    assert done == sorted(done) and done[-1] == model.download_size
    assert {progress.total for progress in heard} == {model.download_size}
    assert {progress.file for progress in heard} == set(FILES)
    speeds = [progress.bytes_per_second for progress in heard if progress.seconds_left is not None]
    assert speeds and all(100_000 < speed < 800_000 for speed in speeds)


def test_a_size_that_was_a_guess_is_corrected(hub, cache, model) -> None:
    guess = replace(
        model, files=tuple(replace(file, size=1000, exact=False) for file in model.files)
    )
    heard: list[TransferProgress] = []
    assert_whole(download(guess, cache, heard.append))
    assert heard[-1].done == heard[-1].total == model.download_size


def test_an_empty_file_and_a_repository_without_owner_folder(hub, cache) -> None:
    files = {"empty.txt": b"", "a/b/c/d.json": b"[]"}
    model = hub.model("owner/name", hub.add("owner/name", files), files)
    model = replace(model, files=tuple(replace(f, exact=f.size > 0) for f in model.files))
    assert_whole(download(model, cache), files)


# -- cuts ------------------------------------------------------------------------------------------


def forget(cache: Path) -> None:
    import shutil

    shutil.rmtree(cache, ignore_errors=True)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=st.lists(st.integers(0, len(LARGE)), min_size=1, max_size=4))
def test_a_cut_at_any_byte_costs_no_byte_twice(hub, cache, model, cuts) -> None:
    forget(cache)
    hub.asked.clear()
    hub.cuts.extend([10**9, *cuts])
    folder = download(model, cache, patience=QUICK)
    hub.cuts.clear()
    assert_whole(folder)
    assert large_bytes_sent(hub) == len(LARGE)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(here=st.integers(0, len(LARGE)))
def test_a_partial_file_of_any_length_is_gone_on_with(hub, cache, model, here) -> None:
    forget(cache)
    hub.asked.clear()
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    name = "unet/größe 1.safetensors"
    etag = hashlib.sha256(LARGE).hexdigest()
    store.partial_path(blobs, name, etag).write_bytes(LARGE[:here])
    assert_whole(download(model, cache, patience=QUICK))
    assert large_bytes_sent(hub) == len(LARGE) - here


def test_a_partial_file_longer_than_the_file_is_begun_anew(hub, cache, model) -> None:
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    etag = hashlib.sha256(LARGE).hexdigest()
    store.partial_path(blobs, "unet/größe 1.safetensors", etag).write_bytes(LARGE + b"x")
    assert_whole(download(model, cache))


def test_a_file_that_changed_on_the_hub_is_begun_anew(hub, cache) -> None:
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    stale = store.partial_path(blobs, "unet/größe 1.safetensors", "0" * 64)
    stale.write_bytes(b"of an older version")
    hub.add("owner/name", FILES)
    assert_whole(download(hub.model("owner/name", "main", FILES), cache))
    assert large_bytes_sent(hub) == len(LARGE)


def test_a_server_that_sends_everything_again_is_understood(hub, cache, model) -> None:
    hub.ignores_range = True
    hub.cuts.extend([10**9, 100_000, 250_000])
    heard: list[TransferProgress] = []
    assert_whole(download(model, cache, heard.append, patience=QUICK))
    assert heard[-1].done == model.download_size
    assert large_bytes_sent(hub) == len(LARGE) + 350_000


def test_an_older_version_that_another_program_is_at_is_left_to_it(hub, cache) -> None:
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    theirs = store.partial_path(blobs, "unet/größe 1.safetensors", "0" * 64)
    theirs.write_bytes(b"of an older version")
    lock = cache / ".locks" / "models--owner--name" / f"{'0' * 64}.lock"
    lock.parent.mkdir(parents=True)
    hub.add("owner/name", FILES)
    with WeakFileLock(lock):
        folder = download(hub.model("owner/name", "main", FILES), cache)
    assert theirs.read_bytes() == b"of an older version"
    assert (folder / "unet/größe 1.safetensors").read_bytes() == LARGE


def test_a_part_that_begins_elsewhere_than_asked_is_not_taken(hub, cache, model) -> None:
    hub.shifts_range = 10
    hub.cuts.extend([10**9, 100_000])
    assert_whole(download(model, cache, patience=QUICK))
    asked = [one.start for one in hub.served(path="/large/")]
    assert asked == [0, 100_000, 0]


def test_a_connection_that_breaks_again_and_again_is_told(hub, cache, model) -> None:
    hub.cuts.extend([10**9, *[0] * 20])
    with pytest.raises(ModelError, match="broke again and again") as caught:
        download(model, cache, patience=QUICK)
    assert "goes on from there" in caught.value.hint
    assert len(hub.served(path="/large/")) == QUICK.tries


def test_tries_that_bring_something_are_not_counted(hub, cache, model) -> None:
    hub.cuts.extend([10**9, *[20_000] * 12])
    assert_whole(download(model, cache, patience=QUICK))


_GET = """
import sys
from pathlib import Path
from ovedit.engine.models.download import download
from tests.hub import model_of
from huggingface_hub import constants
files = {path: Path(sys.argv[2], path).read_bytes() for path in sys.argv[3:]}
print("ready", flush=True)
print(download(model_of(files, revision=sys.argv[1]), Path(constants.HF_HUB_CACHE)), flush=True)
"""


def start(hub: Hub, tmp_path: Path, revision: str, files) -> subprocess.Popen:
    made = tmp_path / "made"
    for path, data in files.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(data)
    return subprocess.Popen(
        [sys.executable, "-c", _GET, revision, str(made), *files],
        cwd=ROOT,
        env=hub.environment(tmp_path / "höme"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_loses_no_byte(hub, cache, model, tmp_path) -> None:
    hub.bytes_per_second = 400_000
    blobs = cache / "models--owner--name" / "blobs"
    received = 0
    for least in (80_000, 200_000):
        process = start(hub, tmp_path, model.revision, FILES)
        deadline = time.monotonic() + 20
        while received < least and time.monotonic() < deadline:
            time.sleep(0.01)
            received = sum(path.stat().st_size for path in blobs.glob(f"*{store.PARTIAL}"))
        process.kill()
        process.communicate()
        assert store.look(model, [], cache).presence is Presence.PARTIAL
    hub.bytes_per_second = 0
    partial = store.look(model, [], cache).on_disk - len(SMALL)
    assert partial >= 200_000
    hub.asked.clear()
    assert_whole(download(model, cache))
    assert large_bytes_sent(hub) == len(LARGE) - partial


def test_two_processes_share_one_download(hub, cache, model, tmp_path) -> None:
    hub.bytes_per_second = 600_000
    processes = [start(hub, tmp_path, model.revision, FILES) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert_whole(Path(out.splitlines()[-1]))
    assert large_bytes_sent(hub) == len(LARGE)


def test_two_threads_share_one_download_and_the_second_may_leave(hub, cache, model) -> None:
    hub.bytes_per_second = 300_000
    arrived = threading.Event()
    first = threading.Thread(
        target=download,
        args=(model, cache, lambda progress: progress.done > 50_000 and arrived.set()),
    )
    first.start()
    assert arrived.wait(10)
    cancel = CancelToken()
    heard: list[TransferProgress] = []

    def listener(progress: TransferProgress) -> None:
        heard.append(progress)
        if len(heard) > 4:
            cancel.cancel()

    with pytest.raises(Cancelled):
        download(model, cache, listener, cancel)
    assert heard[-1].done > 50_000  # It saw what the first one got.
    assert_whole(download(model, cache))
    first.join()
    assert large_bytes_sent(hub) == len(LARGE)


def test_the_real_client_waits_for_ours_and_shares_what_it_got(hub, cache, model) -> None:
    from huggingface_hub import hf_hub_download

    hub.bytes_per_second = 400_000
    arrived = threading.Event()
    ours = threading.Thread(
        target=download,
        args=(model, cache, lambda progress: progress.done > 50_000 and arrived.set()),
    )
    ours.start()
    assert arrived.wait(10)
    path = hf_hub_download("owner/name", "unet/größe 1.safetensors", revision=model.revision)
    ours.join()
    assert Path(path).read_bytes() == LARGE
    assert large_bytes_sent(hub) == len(LARGE)


def test_a_whole_blob_without_a_name_is_given_one(hub, cache, model) -> None:
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / hashlib.sha256(LARGE).hexdigest()).write_bytes(LARGE)
    assert_whole(download(model, cache))
    assert not large_bytes_sent(hub)


def test_a_blob_that_is_too_short_is_replaced(hub, cache, model) -> None:
    folder = download(model, cache)
    (folder / "unet/größe 1.safetensors").resolve().write_bytes(LARGE[:1000])
    assert store.look(model, [], cache).presence is Presence.PARTIAL
    assert_whole(download(model, cache))


# -- cancelling ------------------------------------------------------------------------------------


def cancelled_after(seconds: float, model, cache: Path) -> float:
    """Seconds from the cancel to the return."""
    cancel = CancelToken()
    at = 0.0

    def later() -> None:
        nonlocal at
        at = time.monotonic()
        cancel.cancel()

    timer = threading.Timer(seconds, later)
    timer.start()
    with pytest.raises(Cancelled):
        download(model, cache, cancel=cancel)
    timer.join()
    return time.monotonic() - at


def test_a_server_that_stalls_in_the_middle_does_not_hold_a_cancel(hub, cache, model) -> None:
    hub.stall_after = 100_000
    assert cancelled_after(0.4, model, cache) < GIVING_UP / 2
    hub.stall_after = None
    partial = store.look(model, [], cache).on_disk - len(SMALL)
    assert partial == 100_000
    assert_whole(download(model, cache))
    assert large_bytes_sent(hub) == len(LARGE)


def test_a_server_that_never_answers_does_not_hold_a_cancel(hub, cache, model) -> None:
    hub.mute = True
    assert cancelled_after(0.2, model, cache) < GIVING_UP / 2


def test_a_cancel_while_waiting_for_another_try_is_noticed(hub, cache, model) -> None:
    hub.statuses.extend([(429, {"Retry-After": "100"})] * 3)
    assert cancelled_after(0.3, model, cache) < GIVING_UP / 2


def test_a_server_that_falls_silent_is_left_and_asked_again(hub, cache, model, monkeypatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    hub.stall_after = 100_000
    assert_whole(download(model, cache, patience=QUICK))
    assert large_bytes_sent(hub) == len(LARGE)


def test_a_question_passes_errors_on() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        stream.ask(fail, CancelToken())
