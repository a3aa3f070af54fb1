"""Downloads, with huggingface_hub's real client and a hub that makes trouble."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovedit.engine.library import Licence, ModelFile, Presence, TransferProgress
from ovedit.engine.models import download as downloads
from ovedit.engine.models import store, stream
from ovedit.engine.models.download import Patience, download
from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled, DamagedModelError, ModelError
from tests.hub import Hub, running_hub

ROOT = Path(__file__).parents[3]
GIVING_UP = 10
"""Seconds after which a silent server is left in any case."""
QUICK = Patience(first_wait=0.01)


def noise(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


SMALL = b'{"_class_name": "Nothing"}'
LARGE = noise(300_000)
FILES = {"config.json": SMALL, "unet/größe 1.safetensors": LARGE}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def cache(hub, monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", GIVING_UP)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", GIVING_UP)
    return hub.use(monkeypatch, tmp_path / "höme")


@pytest.fixture
def model(hub):
    return hub.model("owner/name", hub.add("owner/name", FILES), FILES)


def large_bytes_sent(hub: Hub) -> int:
    return sum(asked.sent for asked in hub.served(path="/large/"))


def assert_whole(folder: Path, files=FILES) -> None:
    for path, data in files.items():
        assert (folder / path).read_bytes() == data
    assert not list(folder.parents[1].rglob(f"*{store.PARTIAL}"))
    assert not list(folder.rglob(".*"))


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
    for least in (40_000, 120_000, 200_000):
        process = start(hub, tmp_path, model.revision, FILES)
        deadline = time.monotonic() + 20
        while received < least and time.monotonic() < deadline:
            time.sleep(0.01)
            received = sum(path.stat().st_size for path in blobs.glob(f"*{store.PARTIAL}"))
        process.send_signal(signal.SIGKILL)
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


# -- files that are not as published ---------------------------------------------------------------


def test_a_wrong_hash_is_thrown_away(hub, cache, model) -> None:
    wrong = LARGE[:-1] + bytes([LARGE[-1] ^ 1])
    hub.replaced[hashlib.sha256(LARGE).hexdigest()] = wrong
    with pytest.raises(DamagedModelError, match=r"größe 1\.safetensors .* damaged"):
        download(model, cache)
    state = store.look(model, [], cache)
    assert state.missing == ("unet/größe 1.safetensors",) and state.on_disk == len(SMALL)
    hub.replaced.clear()
    assert_whole(download(model, cache))


def test_a_small_file_is_checked_by_its_git_hash(hub, cache, model, monkeypatch) -> None:
    monkeypatch.setattr("tests.hub.git_hash", lambda data: "0" * 40)
    with pytest.raises(DamagedModelError, match=r"config\.json"):
        download(model, cache)


@pytest.mark.parametrize("change", [{"size": 5}, {"sha256": "1" * 64}])
def test_another_file_than_published_is_refused_before_a_byte_comes(
    hub, cache, model, change
) -> None:
    other = replace(model, files=(model.files[0], replace(model.files[1], **change)))
    with pytest.raises(DamagedModelError, match="not downloaded"):
        download(other, cache)
    assert not hub.served(path="/large/")


def test_more_bytes_than_announced_are_no_file(hub, cache, model) -> None:
    hub.replaced[hashlib.sha256(LARGE).hexdigest()] = LARGE + b"more"
    with pytest.raises(DamagedModelError, match="damaged"):
        download(model, cache)


def test_names_from_a_server_do_not_lead_out_of_the_cache(hub, cache, model, monkeypatch) -> None:
    monkeypatch.setattr("tests.hub.git_hash", lambda data: "../../../evil")
    with pytest.raises(ModelError, match="does not answer like a model hub"):
        download(model, cache)


def test_names_from_a_catalogue_do_not_lead_out_of_the_cache(hub, cache, model) -> None:
    for name in ("../evil", "/evil", "a/../../evil", "C:\\evil", "a\\b", ""):
        evil = replace(model, files=(ModelFile(name, 1),))
        with pytest.raises(ModelError, match="no name of a file inside"):
            download(evil, cache)


# -- refusals --------------------------------------------------------------------------------------


def refusal(model, cache: Path) -> str:
    with pytest.raises(ModelError) as caught:
        download(model, cache, patience=QUICK)
    return str(caught.value)


def test_a_gated_model_says_where_to_accept_and_how_to_log_in(
    hub, cache, model, monkeypatch
) -> None:
    hub.gated.add("owner/name")
    gated = replace(model, licence=Licence("Strict 1.0", "https://x.org", gated=True))
    for token in ("", "hf_someone_elses"):
        monkeypatch.setenv("HF_TOKEN", token)
        said = refusal(gated, cache)
        assert "https://huggingface.co/owner/name" in said and "Strict 1.0" in said
        assert "hf auth login" in said and "HF_TOKEN" in said
        assert "hf_someone_elses" not in said
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert_whole(download(gated, cache))


def test_a_token_goes_to_the_hub_and_nowhere_else(hub, cache, model, monkeypatch, caplog) -> None:
    caplog.set_level(0)
    hub.gated.add("owner/name")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    folder = download(model, cache)
    for asked in hub.asked:
        assert ("authorization" in asked.headers) == (asked.host in hub.endpoint)
    hub.statuses.append((500, {}))
    hub.add("owner/name", {"other.json": b"[]"}, "other")
    said = refusal(hub.model("owner/name", "other", {"missing.json": b"[]"}), cache)
    assert hub.token not in said + caplog.text
    for path in cache.parent.rglob("*"):
        assert not path.is_file() or hub.token.encode() not in path.read_bytes()
    assert folder.exists()


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "your token"),
        (401, {}, "private"),
        (403, {}, "does not let you"),
        (404, {"X-Error-Code": "EntryNotFound"}, "no file config.json"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no revision"),
        (404, {"X-Error-Code": "RepoNotFound"}, "no repository owner/name"),
        (418, {}, "HTTP 418"),
    ],
)
def test_refusals_are_explained_at_once(hub, cache, model, status, headers, words) -> None:
    hub.statuses.append((status, headers))
    assert words in refusal(model, cache)
    assert len(hub.served("HEAD")) == 1


def test_a_repository_that_is_not_there(hub, cache, model) -> None:
    assert "no repository owner/other" in refusal(replace(model, repository="owner/other"), cache)
    said = refusal(replace(model, repository="not a name"), cache)
    assert "'not a name' is no name of a repository" in said


def test_too_many_requests_wait_as_long_as_asked(hub, cache, model) -> None:
    hub.statuses.append((429, {"Retry-After": "1"}))
    began = time.monotonic()
    assert_whole(download(model, cache, patience=QUICK))
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "600"}, {"ratelimit": '"api";r=0;t=600'}], ids=["after", "limit"]
)
def test_too_many_requests_for_long_end_with_a_time(hub, cache, model, headers) -> None:
    hub.statuses.append((429, headers))
    assert "Try again in 10 min" in refusal(model, cache)
    assert len(hub.asked) == 1


def test_a_server_in_trouble_is_asked_a_few_times(hub, cache, model) -> None:
    hub.statuses.extend([(500, {}), (503, {}), (502, {})])
    hub.large_statuses.extend([(504, {}), (500, {})])
    assert_whole(download(model, cache, patience=QUICK))
    hub.statuses.extend([(503, {})] * 10)
    other = hub.model("owner/name", hub.add("owner/name", {"a": b"a"}), {"a": b"a"})
    assert "HTTP 503" in refusal(other, cache)
    assert len(hub.statuses) == 10 - QUICK.tries


def test_an_address_that_expired_is_asked_for_again(hub, cache, model) -> None:
    hub.large_statuses.append((403, {}))
    assert_whole(download(model, cache, patience=QUICK))


# -- no network ------------------------------------------------------------------------------------


def test_no_network_is_said_at_once(cache, model, monkeypatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
    said = refusal(model, cache)
    assert "127.0.0.1 cannot be reached" in said and "HTTPS_PROXY" in said


def test_proxies_of_the_environment_are_used(hub, cache, model, monkeypatch) -> None:
    from huggingface_hub.utils import close_session

    close_session()
    monkeypatch.setenv("http_proxy", hub.endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://hub.invalid/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    # The stand-in answers as a proxy would: to the path, whatever the host.
    assert_whole(download(model, cache))
    close_session()
    assert {asked.host for asked in hub.served("HEAD")} == {"hub.invalid"}


@pytest.mark.parametrize("proxy", ["nonsense://somewhere", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_named(hub, cache, model, monkeypatch, proxy) -> None:
    from huggingface_hub.utils import close_session

    close_session()
    monkeypatch.setenv("all_proxy", proxy)
    said = refusal(model, cache)
    assert "proxy that is set cannot be used" in said or "cannot be reached" in said
    assert "ALL_PROXY" in said or "HTTPS_PROXY" in said
    assert not hub.asked


# -- the disk --------------------------------------------------------------------------------------


def test_a_disk_too_small_is_said_before_a_byte_comes(hub, cache, model, monkeypatch) -> None:
    monkeypatch.setattr(store, "free_bytes", lambda folder: 1_000_000)
    said = refusal(model, cache)
    assert "needs 100 MB more, and 1.0 MB are free" in said and "HF_HOME" in said
    assert not hub.asked


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_keeps_what_came(hub, model, cache, small_disk, monkeypatch) -> None:
    monkeypatch.setattr(downloads, "MARGIN_BYTES", -(10**9))
    said = refusal(model, small_disk)
    assert f"The disk of {small_disk} is full" in said and "goes on from there" in said
    state = store.look(model, [], small_disk)
    assert state.presence is Presence.PARTIAL and state.on_disk > 100_000
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    hub.asked.clear()
    assert_whole(download(model, small_disk))
    assert large_bytes_sent(hub) == model.download_size - state.on_disk


def test_a_write_that_fails_in_the_middle_keeps_what_came(hub, cache, model, monkeypatch) -> None:
    import errno

    from ovedit.engine.models.partial import PartialFile

    append = PartialFile.append

    def full(self: PartialFile, data: bytes) -> None:
        if self.size > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(PartialFile, "append", full)
        assert "is full" in refusal(model, cache)
    kept = store.look(model, [], cache).on_disk - len(SMALL)
    assert kept > 100_000
    hub.asked.clear()
    assert_whole(download(model, cache))
    assert large_bytes_sent(hub) == len(LARGE) - kept


def test_a_cache_that_cannot_be_written_is_named(hub, cache, model) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text("a file where the folder should be")
    said = refusal(model, cache)
    assert str(cache) in said and "HF_HOME" in said


def test_a_model_in_a_read_only_cache_is_used(hub, cache, model) -> None:
    download(model, cache)
    asked = len(hub.asked)
    for path in [cache, *cache.rglob("*")]:
        if path.is_dir():
            path.chmod(0o500)
    try:
        assert_whole(download(model, cache))
    finally:
        for path in [cache, *cache.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)
    assert len(hub.asked) == asked


def test_a_question_passes_errors_on() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        stream.ask(fail, CancelToken())
