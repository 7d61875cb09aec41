"""Faults of stores: what kind each is, what is tried again, and one line for the user."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from facepoints._util.words import count_noun
from facepoints.errors import DataError, FacepointsError, WriteError
from facepoints.sources.suffixes import is_url, is_web

__all__ = [
    "RETRIES",
    "AccessRefused",
    "CredentialsError",
    "MissingFile",
    "Retries",
    "StoreError",
    "fault_kind",
]
__all__ += ["fault_of", "is_past_end", "reason_of", "retried", "write_fault_of"]

Result = TypeVar("Result")
Fault = Literal["missing", "refused", "credentials", "temporary", "permanent"]


class MissingFile(DataError):
    """There is no file at a path or an address."""


class StoreError(DataError):
    """A store that cannot be read now: it throttles, cuts connections, or refuses the credentials.
    The same may work later, or with other credentials."""


class AccessRefused(StoreError):
    """A store that refuses access to one file or folder."""


class CredentialsError(StoreError):
    """A store that refuses the credentials, or lacks them. It will refuse all other files too."""


@dataclass(frozen=True)
class Retries:
    """How often a store is asked again.

    Attributes:
        tries: at most, with the first.
        web_tries: the same for addresses of http and https.
        first_wait: seconds before the second try; each further wait is twice as long.
        longest_wait: seconds of the longest wait.
    """

    tries: int = 6
    web_tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def wait(self, tried: int) -> float:
        """Seconds to wait after a number of tries: from half of the wait to all of it, by chance,
        so that many workers do not come back at once."""
        longest = min(self.longest_wait, self.first_wait * 2 ** (tried - 1))
        return longest * random.uniform(0.5, 1.0)


RETRIES = Retries()
"""Six tries in about 15 seconds, besides those of fsspec's packages."""

_TEMPORARY_STATUS = {408, 425, 429, 500, 502, 503, 504, 509}
_ERRNO = ("EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "EINTR")
_ERRNO += ("ENETDOWN", "ENETRESET", "ENETUNREACH", "EPIPE", "EREMOTEIO", "ETIMEDOUT")
_TEMPORARY_ERRNO = {getattr(errno, name) for name in _ERRNO if hasattr(errno, name)}

_TEMPORARY_CODES = ("slowdown", "throttl", "requestlimitexceeded", "requesttimeout", "toomany")
_TEMPORARY_CODES += ("internalerror", "serviceunavailable", "serverbusy", "incompletebody")
_CREDENTIAL_CODES = ("expiredtoken", "invalidaccesskey", "signaturedoesnotmatch", "invalidtoken")
_CREDENTIAL_CODES += ("tokenrefreshrequired", "requesttimetooskewed", "authorizationheader")
"""Codes of S3 and of services like it, in lower case:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

_NETWORK = {"aiohttp", "botocore", "requests", "urllib3", "http", "httpx", "httpcore", "google"}
_NETWORK |= {"azure", "aiobotocore", "paramiko", "gcsfs", "requests_toolbelt", "fsspec"}
_TEMPORARY_NAMES = ("timeout", "connect", "incomplete", "payload", "protocolerror", "readerror")
_TEMPORARY_NAMES += ("proxyerror", "chunkedencoding", "checksum", "transport", "responsestream")
_CREDENTIAL_NAMES = ("credential", "refresherror", "clientauthentication", "tokenretrieval")


def fault_kind(error: BaseException) -> Fault:
    """Return the kind of an error of a store, by the error and what caused it."""
    for one in _chain(error):
        kind = _kind_of_one(one)
        if kind is not None:
            return kind
    return "permanent"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes: the cause says more than its translation, and comes first."""
    causes, one = [], error
    while one is not None and one not in causes and len(causes) < 10:
        causes.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return iter(causes[::-1])


def _kind_of_one(error: BaseException) -> Fault | None:
    code, status = _code_of(error), _status_of(error)
    if any(each in code for each in _CREDENTIAL_CODES):
        return "credentials"
    if status in _TEMPORARY_STATUS or any(each in code for each in _TEMPORARY_CODES):
        return "temporary"
    if status in (404, 410) or isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    if status in (401, 403) or isinstance(error, PermissionError):
        return "credentials" if status == 401 else "refused"
    if isinstance(error, TimeoutError | ConnectionError):
        return "temporary"
    if isinstance(error, OSError) and error.errno in _TEMPORARY_ERRNO:
        return "temporary"
    if type(error).__module__.partition(".")[0] in _NETWORK:
        name = type(error).__name__.lower()
        if any(each in name for each in _CREDENTIAL_NAMES):
            return "credentials"
        if any(each in name for each in _TEMPORARY_NAMES) and status is None:
            return "temporary"
    return None


def _code_of(error: BaseException) -> str:
    """The code of an answer of S3, in lower case; empty if there is none."""
    response = getattr(error, "response", None)
    details = response.get("Error", {}) if isinstance(response, dict) else {}
    return str(details.get("Code", "")).lower()


def _status_of(error: BaseException) -> int | None:
    """The HTTP status of an answer, if the error has one."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for name in ("status", "status_code", "code"):
        value = getattr(error, name, None)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 100 <= value < 600:
            return value
    return None


def is_past_end(error: BaseException) -> bool:
    """True if a range was asked for that begins at the end of a file, or in an empty file."""
    return any(_status_of(one) == 416 or "invalidrange" in _code_of(one) for one in _chain(error))


def reason_of(error: BaseException, name: str = "") -> str:
    """Return the message of an error of a file, on one line; that of its cause if it only has the
    file's name."""
    for one in list(_chain(error))[::-1]:
        text = (isinstance(one, OSError) and one.strerror) or str(one)
        text = " ".join(str(text).split()).rstrip(".")
        if text and text not in name:
            return text if len(text) <= 200 else f"{text[:200]}..."
    return type(error).__name__


def fault_of(error: BaseException, name: str, tries: int = 1) -> DataError:
    """The error for a file or folder that could not be read."""
    kind, reason = fault_kind(error), reason_of(error, name)
    if kind == "missing":
        if "bucket" in reason.lower():
            return MissingFile(f"could not read {name}: {reason}")
        return MissingFile(f"no file at {name}")
    if kind == "temporary":
        return StoreError(f"could not read {name} {_after(tries, reason)}")
    if kind == "credentials":
        return CredentialsError(f"{_refused(name, reason)}; check the credentials")
    if kind == "refused":
        return AccessRefused(f"{_refused(name, reason)}; check that you may read it")
    return DataError(f"could not read {name}: {reason}")


def write_fault_of(error: BaseException, name: str, tries: int = 1) -> WriteError:
    """The error for a file that could not be written."""
    kind, reason = fault_kind(error), reason_of(error, name)
    if kind == "temporary":
        again = "run the same command again later"
        return WriteError(
            f"could not write {name} after {count_noun(tries, 'try', 'tries')}: {reason}; {again}"
        )
    if kind in ("credentials", "refused"):
        return WriteError(
            f"{_refused(name, reason)}; check the credentials, and that they may write"
        )
    if kind == "missing":
        return WriteError(
            f"could not write {name}: {reason}; check that the bucket or folder exists"
        )
    return WriteError(f"could not write {name}: {reason}")


def _after(tries: int, reason: str) -> str:
    many = count_noun(tries, "try", "tries")
    return f"after {many}: {reason}; run the same command again later"


def _refused(name: str, reason: str) -> str:
    return f"access to {name} was refused ({reason})"


def retried(
    work: Callable[[], Result],
    name: str,
    fault: Callable[[BaseException, str, int], FacepointsError] = fault_of,
) -> Result:
    """The result of `work`, which is tried again while its fault is temporary.

    Nothing is tried again for a local file, and less often for an address of the web: of many
    hosts some are gone for ever.

    Args:
        work: what is done.
        name: of the file or folder, for messages.
        fault: makes the error that is raised.

    Raises:
        FacepointsError: the error of `fault`, or one that `work` raises.
    """
    tries = 1 if not is_url(name) else RETRIES.web_tries if is_web(name) else RETRIES.tries
    tried = 0
    while True:
        tried += 1
        try:
            return work()
        except (FacepointsError, MemoryError):
            raise
        except Exception as error:  # packages of fsspec raise errors of many families
            if tried >= tries or fault_kind(error) != "temporary":
                raise fault(error, name, tried) from error
        time.sleep(RETRIES.wait(tried))
