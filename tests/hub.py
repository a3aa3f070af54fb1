"""A model hub on loopback, for huggingface_hub's real client: repositories that a test made, and
every trouble that a real one gives. Nothing leaves this computer."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from ovedit.engine.library import Licence, Model, ModelFile, Task

LARGE = 4096
"""Files from here on are kept apart (LFS): named by SHA-256, on another host."""


def commit_name(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Asked:
    """One request as it came, and the bytes of the body that were sent."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    port: int = 0
    sent: int = 0

    @property
    def start(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


@dataclass
class Hub:
    """The hub, and the host of its large files. Change the fields to make trouble.

    cuts: bodies of large files end after so many bytes, one entry a request.
    statuses: answers instead of the file, one entry a request: (status, headers).
    stall_after: bodies stop there without an end, until the hub closes.
    mute: no request is answered at all.
    shifts_range: parts begin so many bytes later than asked.
    redirects_small: small files are elsewhere on the hub, named by a relative address.
    replaced: what is sent instead of the large file with that SHA-256.
    """

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    branches: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    cuts: deque[int] = field(default_factory=deque)
    statuses: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    large_statuses: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_let_me_in"
    stall_after: int | None = None
    mute: bool = False
    bytes_per_second: float = 0
    ignores_range: bool = False
    shifts_range: int = 0
    redirects_small: bool = False
    replaced: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.closing = threading.Event()
        self._servers = [_Server(self), _Server(self)]
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def store(self) -> str:
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def close(self) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def add(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Put a commit on a branch; its name."""
        commit = commit_name(f"{repository}{sorted(files.items())}")
        self.repositories.setdefault(repository, {})[commit] = dict(files)
        self.branches[repository, branch] = commit
        return commit

    def model(
        self, repository: str, revision: str, files: Mapping[str, bytes], id: str = "m", **more
    ):
        """The catalogue's entry for these files."""
        return model_of(files, repository=repository, revision=revision, id=id, **more)

    def served(self, method: str = "GET", path: str = "") -> list[Asked]:
        return [one for one in self.asked if one.method == method and path in one.path]

    def environment(self, home: Path) -> dict[str, str]:
        """What a process needs to use this hub, with folders of its own."""
        mine = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGINGFACE")) and not name.lower().endswith("_proxy")
        }
        return mine | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OVEDIT_HOME": str(home / "ovedit"),
        }

    def use(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
        """Let this process use it; the folder of the cache.

        huggingface_hub reads its environment when it is imported, so its constants are set.
        """
        from huggingface_hub import constants

        for name in [*os.environ]:
            if name.startswith(("HF_", "HUGGINGFACE")) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        cache = home / "hub"
        template = self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", self.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HOME", str(home))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(home / "agents.json"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        # The real client's progress bars leave a thread behind.
        monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", False)
        return cache


def model_of(files: Mapping[str, bytes], **values) -> Model:
    """An entry for files, with their sizes and the SHA-256 of the large ones."""
    listed = tuple(
        ModelFile(path, len(data), hashlib.sha256(data).hexdigest() if len(data) >= LARGE else "")
        for path, data in files.items()
    )
    given = {
        "id": "m",
        "title": "The Model",
        "task": Task.INPAINT,
        "loader": "nothing",
        "repository": "owner/name",
        "revision": "main",
        "files": listed,
        "licence": Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
        "parameters": 0,
        "memory": {},
    }
    return Model(**(given | values))


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that is gone at the end, with the connections to it."""
    from huggingface_hub.utils import close_session

    hub = Hub()
    try:
        yield hub
    finally:
        close_session()
        hub.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 32

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for request in list(self.open):
            with _quietly():
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request, client_address) -> None:
        """Clients that leave are what the tests are about."""


@contextmanager
def _quietly() -> Iterator[None]:
    with suppress(OSError):
        yield


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.hub
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.headers["Host"], path, headers, self.client_address[1])
        hub.asked.append(asked)
        if hub.mute:
            hub.closing.wait()
            self.close_connection = True
            return
        if found := re.fullmatch(r"/large/([0-9a-f]{64})", path):
            self._send_large(asked, found[1])
        elif found := re.fullmatch(r"(?:/kept)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(asked, *found.groups())
        else:
            self._refuse(404, {})

    def _resolve(self, asked: Asked, repository: str, revision: str, path: str) -> None:
        hub = self.hub
        if hub.statuses:
            return self._refuse(*hub.statuses.popleft())
        known = hub.repositories.get(repository)
        if known is None:
            return self._refuse(401, {"X-Error-Code": "RepoNotFound"})
        if repository in hub.gated:
            given = asked.headers.get("authorization")
            if given is None:
                return self._refuse(401, {"X-Error-Code": "GatedRepo"})
            if given != f"Bearer {hub.token}":
                return self._refuse(403, {"X-Error-Code": "GatedRepo"})
        commit = hub.branches.get((repository, revision), revision)
        if commit not in known:
            return self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
        data = known[commit].get(path)
        if data is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            return self._refuse(404, headers)
        headers = {"X-Repo-Commit": commit}
        if len(data) >= LARGE:
            name = hashlib.sha256(data).hexdigest()
            self.send_response(302)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("X-Linked-Etag", f'"{name}"')
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("Location", f"{hub.store}/large/{name}?Signature=secret")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if hub.redirects_small and not asked.path.startswith("/kept/"):
            return self._refuse(307, {"Location": f"/kept{self.path}"})
        self._send(asked, data, headers | {"ETag": f'"{git_hash(data)}"'})

    def _refuse(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_large(self, asked: Asked, name: str) -> None:
        hub = self.hub
        if hub.large_statuses:
            return self._refuse(*hub.large_statuses.popleft())
        every = (
            data
            for known in hub.repositories.values()
            for files in known.values()
            for data in files.values()
        )
        data = next(data for data in every if hashlib.sha256(data).hexdigest() == name)
        self._send(asked, hub.replaced.get(name, data), {"ETag": '"of-the-store"'})

    def _send(self, asked: Asked, data: bytes, headers: Mapping[str, str]) -> None:
        hub = self.hub
        start = 0 if hub.ignores_range else asked.start
        start += hub.shifts_range if start else 0
        if start >= len(data) and start:
            return self._refuse(416, {"Content-Range": f"bytes */{len(data)}"})
        self.send_response(206 if start else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = memoryview(data)[start:]
        cut = hub.cuts.popleft() if hub.cuts else None
        stall = hub.stall_after
        end = min(len(body), *(n for n in (cut, stall) if n is not None), len(body))
        piece = 65536 if not hub.bytes_per_second else max(1, int(hub.bytes_per_second / 100))
        while asked.sent < end:
            count = min(piece, end - asked.sent)
            # Counted first: who has read it may look at once.
            asked.sent += count
            self.wfile.write(body[asked.sent - count : asked.sent])
            if hub.bytes_per_second:
                time.sleep(count / hub.bytes_per_second)
        if stall is not None and end < len(body) and cut is None:
            hub.closing.wait()
        if end < len(body):
            self.close_connection = True
            with _quietly():
                self.connection.shutdown(socket.SHUT_RDWR)
