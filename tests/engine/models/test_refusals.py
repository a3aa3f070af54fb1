"""Downloads that cannot be: refused, damaged, without a network, without room."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from ovedit.engine.library import Licence, ModelFile, Presence
from ovedit.engine.models import download as downloads
from ovedit.engine.models import hub_errors, store
from ovedit.engine.models.download import download
from ovedit.engine.models.library import LocalLibrary
from ovedit.engine.models.partial import PartialFile
from ovedit.errors import DamagedModelError, ModelError
from tests.engine.models.conftest import (
    LARGE,
    QUICK,
    SMALL,
    assert_whole,
    large_bytes_sent,
    refusal,
)

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
    # The client's first question in a process is one of its own, and needs no token.
    for asked in (asked for asked in hub.asked if not asked.path.startswith("/api/")):
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


def test_a_firewall_before_the_large_files_is_suspected(hub, cache, model) -> None:
    hub.large_statuses.extend([(403, {})] * QUICK.tries)
    said = refusal(model, cache)
    assert "keeps large files, refuses unet/größe 1.safetensors" in said and "firewall" in said
    assert "Signature" not in said


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
    close_session()
    monkeypatch.setenv("all_proxy", proxy)
    said = refusal(model, cache)
    assert "proxy that is set cannot be used" in said or "cannot be reached" in said
    assert "ALL_PROXY" in said or "HTTPS_PROXY" in said
    assert not hub.asked


@pytest.mark.parametrize(
    "kind", [httpx2.TooManyRedirects, httpx2.DecodingError, httpx2.ProxyError, httpx2.ConnectError]
)
def test_addresses_in_texts_of_the_client_are_kept_out(model, kind) -> None:
    error = kind("https://store.example/large?Signature=secret")
    assert "secret" not in str(hub_errors.hub_error(error, model, "config.json"))


@pytest.mark.parametrize(
    "endpoint", ["", "huggingface.co", "http://[", "http://me:hunter2@x:99999999", "ftp://x"]
)
def test_an_endpoint_that_is_no_address_is_named(cache, monkeypatch, endpoint) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    with pytest.raises(ModelError, match=r"HF_ENDPOINT is .* no web address") as caught:
        LocalLibrary().get("taesd")
    assert "hunter2" not in str(caught.value)


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


def test_a_read_only_cache_is_used_and_not_written(
    hub, cache, model, small_disk, monkeypatch
) -> None:
    monkeypatch.setattr(downloads, "MARGIN_BYTES", 0)
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    download(model, small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    asked = len(hub.asked)
    assert_whole(download(model, small_disk))
    assert len(hub.asked) == asked
    said = refusal(
        hub.model("owner/name", hub.add("owner/name", {"a": b"a"}), {"a": b"a"}), small_disk
    )
    assert f"cannot be written to {small_disk}" in said and "HF_HOME" in said
