"""Waiting for a server without being held by it: calls and bodies that a cancel ends at once.

A socket can only be waited for with a timeout, and one that is short breaks slow servers. So the
waiting is done on a thread of its own, while the caller looks at its token several times a second.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ovedit.engine.protocols import CancelToken
from ovedit.errors import Cancelled

if TYPE_CHECKING:
    from httpx2 import Response

T = TypeVar("T")

LOOK_SECONDS = 0.05
"""How long the caller waits before it looks at its token again."""
AHEAD = 64
"""Chunks that may wait to be written; the network is faster than the disk for moments only."""
_LEAVE_SECONDS = 0.5
_NOTHING, _END = object(), object()


def ask(call: Callable[[], T], cancel: CancelToken) -> T:
    """What `call` returns or raises. Raises `Cancelled` at once; the call then ends unheard.

    It must have a timeout of its own.
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:
            answers.put((False, error))

    cancel.check()
    thread = threading.Thread(target=work, name="ovedit-hub-question", daemon=True)
    thread.start()
    while True:
        try:
            well, answer = answers.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            cancel.check()
            continue
        thread.join()
        if well:
            return answer
        raise answer


class Body:
    """The answer to one GET through the hub's HTTP client, read on a thread; use with `closing`.

    url, headers: the request; timeout: seconds to wait for the connection and for each piece.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self._request = (url, dict(headers), timeout)
        self._arrived: queue.Queue[Any] = queue.Queue(AHEAD)
        self._socket: socket.socket | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._read, name="ovedit-download", daemon=True)
        self._thread.start()

    def response(self, cancel: CancelToken) -> Response:
        """The status and headers. Raises `Cancelled`, and what httpx raises where none come."""
        while True:
            if (arrived := self._take(cancel)) is not _NOTHING:
                return arrived

    def chunks(self, cancel: CancelToken) -> Iterator[bytes]:
        """The pieces of the body as they arrive; an empty one each time nothing came for a moment.

        Raises `Cancelled`, and what httpx raises for a connection that breaks or falls silent.
        """
        while (arrived := self._take(cancel)) is not _END:
            yield b"" if arrived is _NOTHING else arrived

    def close(self) -> None:
        """Leave, whatever the server does; not waiting for one that cannot be woken."""
        self._leaving.set()
        wakeable = self._socket
        if wakeable is not None:
            # Closing would not wake a thread that waits for it. Not SSLSocket.shutdown, which
            # takes its TLS state away from under that thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(wakeable, socket.SHUT_RDWR)
            self._thread.join(_LEAVE_SECONDS)

    def _take(self, cancel: CancelToken) -> Any:
        cancel.check()
        try:
            arrived = self._arrived.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return _NOTHING
        if isinstance(arrived, BaseException):
            raise arrived
        return arrived

    def _read(self) -> None:
        from huggingface_hub.utils import get_session

        url, headers, timeout = self._request
        try:
            with get_session().stream(
                "GET", url, headers=headers, timeout=timeout, extensions={"trace": self._trace}
            ) as response:
                self._note(response.extensions.get("network_stream"))
                self._put(response)
                left = int(response.headers.get("content-length", -1))
                for chunk in response.iter_bytes():
                    self._put(chunk)
                    left -= len(chunk)
                    if left == 0:
                        # The connection now goes back to be used again, perhaps by another thread.
                        self._socket = None
                self._socket = None
            self._put(_END)
        except Cancelled:
            return
        except BaseException as error:
            with contextlib.suppress(Cancelled):
                self._put(error)

    def _put(self, arrived: object) -> None:
        while True:
            if self._leaving.is_set():
                raise Cancelled()
            try:
                return self._arrived.put(arrived, timeout=LOOK_SECONDS)
            except queue.Full:
                continue

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn the socket while the connection is made, before any answer."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._note(info.get("return_value"))

    def _note(self, stream: Any) -> None:
        if stream is not None:
            self._socket = stream.get_extra_info("socket")
