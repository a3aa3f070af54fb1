"""Getting the files of a model into the hub's cache, going on at any byte where a cut left off.

huggingface_hub throws a partial file away when a download fails. So the bytes are fetched here,
with its client, headers, locks and layout: into a partial file beside the blobs, which becomes a
blob once size and hash are right; then the snapshot gets a link to it. A name in a snapshot thus
always stands for a whole file, and other programs wait for ours and share what it got.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ovedit import __version__
from ovedit.engine.library import Model, ModelFile, TransferListener, unheard
from ovedit.engine.models import hub_errors, store
from ovedit.engine.models.hub_errors import CutOff, Refused
from ovedit.engine.models.meter import Meter
from ovedit.engine.models.partial import PartialFile, link
from ovedit.engine.models.stream import LOOK_SECONDS, Body, ask
from ovedit.engine.models.verify import Digest
from ovedit.engine.protocols import CancelToken
from ovedit.errors import DamagedModelError, ModelError

if TYPE_CHECKING:
    from httpx2 import Response

MARGIN_BYTES = 100_000_000
"""What has to stay free on the disk for everything else."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to try again.

    tries: attempts in a row that bring nothing. first_wait: seconds after the first of them,
    doubled for each further one. longest_wait: the most seconds to wait because the server asks
    for it; for more, the download ends saying so.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0


@dataclass(frozen=True)
class _Remote:
    """A file as the hub has it. size: bytes, or None where it does not say."""

    etag: str
    commit: str
    size: int | None
    location: str
    headers: dict[str, str]

    def may_have(self, size: int) -> bool:
        """Whether a file of so many bytes can be this one."""
        return self.size is None or self.size == size


def download(
    model: Model,
    cache: Path,
    listener: TransferListener = unheard,
    cancel: CancelToken | None = None,
    patience: Patience | None = None,
) -> Path:
    """Get what is missing of a model into a hub cache; its snapshot folder.

    Raises `Cancelled` within a moment, `DamagedModelError` for a file that is not as published,
    which is thrown away, and `ModelError` with what to do. All but damaged files stay and are gone
    on with next time.
    """
    return _Download(model, cache, listener, cancel, patience or Patience()).run()


class _Download:
    def __init__(
        self,
        model: Model,
        cache: Path,
        listener: TransferListener,
        cancel: CancelToken | None,
        patience: Patience,
    ) -> None:
        self._model = model
        self._cache = cache
        self._cancel = cancel or CancelToken()
        self._patience = patience
        self._folder = store.repository_folder(cache, model.repository)
        self._blobs = self._folder / "blobs"
        self._commit = store.commit_of(cache, model)
        # Bytes of each file that are here.
        self._here = {file.path: self._bytes_of(file) for file in model.files}
        self._sizes = {file.path: file.size for file in model.files}
        self._meter = Meter(listener, model.download_size, sum(self._here.values()))
        # Whether the hub has answered; bytes that came since the last failure.
        self._reached = False
        self._came = 0

    def run(self) -> Path:
        model = self._model
        needed = self._meter.total - self._meter.done
        free = store.free_bytes(self._cache)
        if needed > 0 and needed + MARGIN_BYTES > free:
            raise hub_errors.no_room_error(model, needed + MARGIN_BYTES, free, self._cache)
        # Twice, because the branch can turn out to have moved since the first files came.
        for file in (*model.files, *model.files):
            if not self._is_here(file):
                self._meter.begin(file.path)
                self._get(file)
        self._meter.report()
        return self._folder / "snapshots" / self._commit

    def _bytes_of(self, file: ModelFile) -> int:
        if self._is_here(file):
            return store.size_of(self._pointer(file)) or 0
        parts = store.partials_of(self._cache, self._model.repository, [file.path])
        return max((store.size_of(part) or 0 for part in parts), default=0)

    def _is_here(self, file: ModelFile) -> bool:
        return bool(self._commit) and store.complete(store.size_of(self._pointer(file)), file)

    def _pointer(self, file: ModelFile) -> Path:
        return store.inside(self._folder / "snapshots" / self._commit, file.path)

    def _count(self, file: ModelFile, here: int, size: int | None = None) -> None:
        """Note how many bytes of a file are here, and its true size."""
        self._here[file.path] = here
        if size is not None:
            self._sizes[file.path] = size
        self._meter.total = sum(self._sizes.values())
        self._meter.move(sum(self._here.values()))

    def _get(self, file: ModelFile) -> None:
        """Get one file, trying again while there is hope."""
        import httpx2

        failures = 0
        while True:
            self._came = 0
            try:
                return self._attempt(file)
            except (httpx2.HTTPError, httpx2.InvalidURL, Refused, CutOff) as e:
                failures = 1 if self._came else failures + 1
                wait = self._patience.first_wait * 2 ** (failures - 1)
                if isinstance(e, Refused) and e.wait is not None:
                    wait = e.wait
                if (
                    not hub_errors.passing(e, reached=self._reached)
                    or failures >= self._patience.tries
                    or wait > self._patience.longest_wait
                ):
                    raise hub_errors.hub_error(e, self._model, file.path) from e
            except OSError as e:
                raise hub_errors.disk_error(e, self._model, self._cache) from e
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._cancel.check()
            time.sleep(min(left, LOOK_SECONDS))
            self._meter.idle()

    def _attempt(self, file: ModelFile) -> None:
        remote = self._ask(file)
        self._reached = True
        self._check_published(file, remote)
        self._commit = remote.commit
        pointer = self._pointer(file)
        self._blobs.mkdir(parents=True, exist_ok=True)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        self._remember_branch()
        with self._locked(remote.etag, file):
            size = store.size_of(pointer)
            if size is None or not remote.may_have(size):
                blob = self._blobs / remote.etag
                size = store.size_of(blob)
                fresh = size is None or not remote.may_have(size)
                if fresh:
                    size = self._receive(file, remote, blob)
                link(blob, pointer, fresh=fresh)
            self._drop_partials(file, remote.etag)
        self._count(file, size or 0, size)

    def _ask(self, file: ModelFile) -> _Remote:
        """What the hub says about a file."""
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
        from huggingface_hub.utils import build_hf_headers

        # All files from one commit, even if the branch moves meanwhile.
        revision = self._commit if self._reached else self._model.revision

        def call() -> _Remote:
            url = hf_hub_url(self._model.repository, file.path, revision=revision)
            headers = build_hf_headers(library_name="ovedit", library_version=__version__)
            found = get_hf_file_metadata(
                url, headers=headers, timeout=constants.HF_HUB_ETAG_TIMEOUT
            )
            headers["Accept-Encoding"] = "identity"
            if not _of_the_hub(found.location):
                headers.pop("authorization", None)
            size = file.size if found.size is None and file.exact else found.size
            return _Remote(found.etag or "", found.commit_hash or "", size, found.location, headers)

        try:
            remote = ask(call, self._cancel)
        except HfHubHTTPError as e:
            raise hub_errors.refused(e.response.status_code, e.response.headers) from e
        except HFValidationError as e:
            raise ModelError(
                f"{self._model.repository!r} is no name of a repository.", "Correct the entry."
            ) from e
        except (ValueError, ImportError) as e:
            raise ModelError(
                f"The proxy that is set cannot be used: {type(e).__name__}.",
                "Check HTTPS_PROXY and ALL_PROXY; a SOCKS proxy needs the Python package socksio.",
            ) from e
        except OSError as e:
            raise ModelError(
                f"Your log-in to {constants.ENDPOINT} cannot be read: {e.strerror or e}.",
                "Log in again with `hf auth login`.",
            ) from e
        # Both become names of files.
        if not store.COMMIT.fullmatch(remote.commit) or not re.fullmatch(
            r"[0-9A-Za-z_-]{1,128}", remote.etag
        ):
            raise ModelError(
                f"{constants.ENDPOINT} does not answer like a model hub.",
                "Check HF_ENDPOINT, and whether a proxy or a log-in page answers in its place.",
            )
        return remote

    def _check_published(self, file: ModelFile, remote: _Remote) -> None:
        """Refuse a file that cannot be the published one, before any of it is fetched."""
        wrong = file.exact and remote.size is not None and remote.size != file.size
        what = f"{remote.size:,} bytes there instead of {file.size:,}" if wrong else ""
        is_sha256 = re.fullmatch(r"[0-9a-f]{64}", remote.etag)
        if not wrong and file.sha256 and is_sha256 and remote.etag != file.sha256:
            what = "another SHA-256 there than published"
        if what:
            raise DamagedModelError(
                f"{file.path} of {self._model.title} has {what}; it was not downloaded.",
                f"See {self._model.page}, check HF_ENDPOINT, or update OVEdit.",
            )

    def _remember_branch(self) -> None:
        """Note which commit a branch stands for, as the hub's own client does."""
        revision = self._model.revision
        if revision == self._commit or store.commit_of(self._cache, self._model) == self._commit:
            return
        ref = store.inside(self._folder / "refs", revision)
        ref.parent.mkdir(parents=True, exist_ok=True)
        fresh = ref.with_name(f"{ref.name}.{uuid.uuid4().hex[:8]}.tmp")
        fresh.write_text(self._commit, encoding="ascii")
        os.replace(fresh, ref)

    @contextmanager
    def _locked(self, etag: str, file: ModelFile) -> Iterator[None]:
        """Hold the lock that the hub's own client takes for the same file."""
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        path = self._lock_path(etag)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = store.partial_path(self._blobs, file.path, etag)
        while True:
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(WeakFileLock(path, timeout=2 * LOOK_SECONDS))
                except Timeout:
                    self._cancel.check()
                    # What the one who holds it has got so far.
                    self._count(file, store.size_of(partial) or 0)
                    self._meter.idle()
                    continue
                yield
                return

    def _drop_partials(self, file: ModelFile, etag: str) -> None:
        """Delete what is left of earlier downloads of a file, its lock being held.

        What was begun of another version of it goes too, unless somebody is at it now.
        """
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        for partial in store.partials_of(self._cache, self._model.repository, [file.path]):
            other = partial.name.partition(".")[0]
            if other == etag:
                partial.unlink(missing_ok=True)
                continue
            with (
                contextlib.suppress(Timeout),
                WeakFileLock(self._lock_path(other), timeout=LOOK_SECONDS),
            ):
                partial.unlink(missing_ok=True)

    def _lock_path(self, etag: str) -> Path:
        return self._cache / ".locks" / self._folder.name / f"{etag}.lock"

    def _receive(self, file: ModelFile, remote: _Remote, blob: Path) -> int:
        """Complete the partial file and make it the blob; its size. The lock is held."""

        def digest() -> Digest:
            return Digest(file.sha256, remote.etag, remote.size)

        def tick() -> None:
            self._cancel.check()
            self._meter.idle()

        path = store.partial_path(self._blobs, file.path, remote.etag)
        with closing(PartialFile(path, digest, tick)) as partial:
            if remote.size is not None and partial.size > remote.size:
                partial.restart()
            self._count(file, partial.size, remote.size)
            if partial.size != remote.size:
                self._fetch(file, remote, partial)
            if not partial.right or not remote.may_have(partial.size):
                partial.discard()
                self._count(file, 0)
                raise DamagedModelError(
                    f"{file.path} of {self._model.title} came damaged and was thrown away.",
                    "Get it again; if that happens twice, check HF_ENDPOINT and HTTPS_PROXY.",
                )
            partial.become(blob)
            return partial.size

    def _fetch(self, file: ModelFile, remote: _Remote, partial: PartialFile) -> None:
        """Append what a partial file lacks. Raises `Refused`, `CutOff`, and what httpx raises."""
        from huggingface_hub import constants

        headers = dict(remote.headers)
        if partial.size:
            headers["Range"] = f"bytes={partial.size}-"
        with closing(Body(remote.location, headers, constants.HF_HUB_DOWNLOAD_TIMEOUT)) as body:
            response = body.response(self._cancel)
            if not _continues(response, partial.size, remote.size):
                partial.restart()
                self._count(file, 0)
                if response.status_code != 200:
                    raise CutOff()
            for chunk in body.chunks(self._cancel):
                if not chunk:
                    self._meter.idle()
                    continue
                partial.append(chunk)
                self._came += len(chunk)
                self._here[file.path] = partial.size
                self._meter.add(len(chunk))
                if remote.size is not None and partial.size > remote.size:
                    return
        if remote.size is not None and partial.size < remote.size:
            raise CutOff()


def _continues(response: Response, offset: int, size: int | None) -> bool:
    """Whether the body of an answer goes on at an offset; if not, one of 200 is the whole file.

    Raises `Refused`.
    """
    status = response.status_code
    if status == 416:
        # What is here is not the beginning of this file.
        return False
    if status == 200:
        return offset == 0
    if status != 206:
        url = response.request.url
        store_host = "" if _of_the_hub(str(url)) else url.host
        raise hub_errors.refused(status, response.headers, store_host)
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
    return (
        found is not None
        and int(found[1]) == offset
        and (size is None or found[2] in ("*", str(size)))
        and response.headers.get("content-encoding", "identity") == "identity"
    )


def _of_the_hub(url: str) -> bool:
    """Whether an address is one that the person's token may be sent to."""
    import httpx2
    from huggingface_hub import constants

    hosts = (constants.ENDPOINT, constants.HUGGINGFACE_CO_URL_HOME, "https://hf.co")
    return httpx2.URL(url).origin in {httpx2.URL(host).origin for host in hosts}
