"""What went wrong on the way to the hub, as sentences that say what to do."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ovedit.engine.library import Model
from ovedit.errors import ModelError
from ovedit.units import size_text, time_text

if TYPE_CHECKING:
    from httpx2 import Headers

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_AGAIN = "What came so far is kept; the next try goes on from there."


def admission(model: Model) -> str:
    """What has to be done before the download of a model whose terms must be accepted."""
    return f"Accept its terms ({model.licence.name}) on {model.page}, then {LOG_IN}."


class Refused(Exception):
    """The server answered, but not with the file.

    status: of HTTP; code: the hub's own word for the cause, or empty; wait: seconds after which
    the server would like to be asked again, or None; store: the host that large files are kept on,
    where that one refused and not the hub.
    """

    def __init__(
        self, status: int, code: str = "", wait: float | None = None, store: str = ""
    ) -> None:
        super().__init__(f"HTTP {status} {code}".strip())
        self.status = status
        self.code = code
        self.wait = wait
        self.store = store


class CutOff(Exception):
    """The server ended its answer before all bytes had come."""


def refused(status: int, headers: Headers, store: str = "") -> Refused:
    """The refusal that an answer is, of the hub or of the host `store`."""
    from huggingface_hub.utils import parse_ratelimit_headers

    wait: float | None = None
    limits = parse_ratelimit_headers(headers)
    after = headers.get("retry-after", "").strip()
    if limits is not None and limits.remaining == 0:
        wait = limits.reset_in_seconds
    elif after.isdigit():
        wait = int(after)
    code = headers.get("x-error-code", "")
    if not code and "Invalid credentials" in headers.get("x-error-message", ""):
        code = "InvalidCredentials"
    return Refused(status, code, wait, store)


def passing(error: Exception, *, reached: bool) -> bool:
    """Whether another try soon may do better.

    reached: whether the hub has answered before; without that, no connection means no network.
    """
    import httpx2

    if isinstance(error, Refused):
        # From a store, 403 is what an address gets that was signed too long ago.
        expired = error.status == 403 and bool(error.store)
        return expired or error.status in (408, 429, 500, 502, 503, 504)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return reached
    return isinstance(
        error, CutOff | httpx2.TimeoutException | httpx2.NetworkError | httpx2.RemoteProtocolError
    )


def offline_error(model: Model, why: str) -> ModelError:
    """A download was asked for although none are allowed; `why` names what forbids it."""
    return ModelError(
        f"{model.title} is not on this computer, and downloads are off: {why}.",
        "Allow them, or add a folder that has it with `ovedit models add`.",
    )


def check_endpoint(endpoint: str) -> None:
    """Raise `ModelError` where HF_ENDPOINT is no address that can be asked."""
    try:
        parts = urlsplit(endpoint)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as e:
        raise endpoint_error(endpoint) from e
    if not well:
        raise endpoint_error(endpoint)


def endpoint_error(endpoint: str) -> ModelError:
    """HF_ENDPOINT is no address; shown without the password that may stand before the host."""
    return ModelError(
        f"HF_ENDPOINT is {endpoint.rpartition('@')[2]!r}, which is no web address.",
        "Write it like https://huggingface.co, or leave it unset.",
    )


def hub_error(error: Exception, model: Model, name: str) -> ModelError:
    """What to say of an error while getting a file `name` of the model.

    Texts of other libraries are kept out where they might hold an address with a signature.
    """
    import httpx2
    from huggingface_hub import constants

    hub = httpx2.URL(constants.ENDPOINT).host
    if isinstance(error, Refused):
        return _refusal(error, model, name, hub)
    if isinstance(error, httpx2.RequestError):
        with contextlib.suppress(RuntimeError):  # Where it does not know its request.
            hub = error.request.url.host
    if isinstance(error, CutOff | httpx2.RemoteProtocolError | httpx2.NetworkError) and not (
        isinstance(error, httpx2.ConnectError)
    ):
        return ModelError(f"The connection to {hub} broke again and again.", _AGAIN)
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout | httpx2.PoolTimeout):
        return ModelError(f"{hub} does not answer any more.", _AGAIN)
    if isinstance(error, httpx2.ProxyError):
        return ModelError(
            "The proxy does not let the download through.", "Check HTTPS_PROXY and ALL_PROXY."
        )
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE" in str(error).upper():
        return ModelError(
            f"The certificate of {hub} is not one that this computer trusts.",
            "Where a proxy looks into connections, set SSL_CERT_FILE to its certificate.",
        )
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ModelError(
            f"{hub} cannot be reached.",
            "Check the connection, HTTPS_PROXY and HF_ENDPOINT. Models that are on this computer "
            "work without.",
        )
    return ModelError(
        f"{name} of {model.title} cannot be downloaded from {hub}: {type(error).__name__}.",
        "Check HF_ENDPOINT and HTTPS_PROXY.",
    )


def _refusal(error: Refused, model: Model, name: str, hub: str) -> ModelError:
    status, code = error.status, error.code
    if error.store and 400 <= status < 429:
        return ModelError(
            f"{error.store}, where {hub} keeps large files, refuses {name} (HTTP {status}).",
            "A firewall or proxy may block it: check HTTPS_PROXY, or try another network.",
        )
    if code == "InvalidCredentials":
        return ModelError(
            f"{hub} does not accept your token; it may have expired.",
            f"To use another one, {LOG_IN}.",
        )
    if status in (401, 403) and (code == "GatedRepo" or model.licence.gated):
        return ModelError(
            f"{model.title} is only given to those who accepted its terms ({model.licence.name}).",
            f"{admission(model)} The publisher may need time to agree.",
        )
    if status == 401 or code == "RepoNotFound":
        return ModelError(
            f"{hub} has no repository {model.repository}, or it is private.",
            f"Look at {model.page}. If you have access to it, {LOG_IN}.",
        )
    if status == 403:
        return ModelError(
            f"{hub} does not let you download {model.title}.",
            f"See {model.page}. Your token may lack the right to read this repository.",
        )
    if code == "RevisionNotFound":
        return ModelError(
            f"{model.repository} has no revision {model.revision} any more.",
            f"See {model.page}, or update OVEdit.",
        )
    if status in (404, 410):
        return ModelError(
            f"{hub} has no file {name} in {model.repository}.",
            f"See {model.page}, or update OVEdit.",
        )
    if status == 429:
        when = f"in {time_text(error.wait)}" if error.wait else "in a few minutes"
        return ModelError(
            f"{hub} takes no more requests from here for now.",
            f"Try again {when}; with a token more are allowed: {LOG_IN}.",
        )
    if status >= 500:
        return ModelError(f"{hub} has trouble (HTTP {status}).", f"Try again later. {_AGAIN}")
    return ModelError(
        f"{hub} refuses {name} of {model.title} (HTTP {status}{f', {code}' if code else ''}).",
        f"See {model.page}.",
    )


def no_room_error(model: Model, needed: int, free: int, folder: Path) -> ModelError:
    """There is less room on the disk than the download takes."""
    return ModelError(
        f"{model.title} needs {size_text(needed)} more, and {size_text(free)} are free on the disk "
        f"of {folder}.",
        "Free some space, or set HF_HOME to a folder on another disk.",
    )


def disk_error(error: OSError, model: Model, folder: Path) -> ModelError:
    """The disk refused while a model was being written to a folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "is full" if error.errno == errno.ENOSPC else "gives you no more room"
        return ModelError(
            f"The disk of {folder} {what}; {model.title} is not complete.",
            f"Free some space, or set HF_HOME to a folder on another disk. {_AGAIN}",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ModelError(
            f"{model.title} cannot be written to {folder}: permission is denied.",
            "Check its permissions, or set HF_HOME to a folder that is yours.",
        )
    return ModelError(
        f"{model.title} cannot be written to {folder}: {error.strerror or error}.",
        "Check the disk, or set HF_HOME to a folder on another one.",
    )
