"""The file systems of addresses, which fsspec opens.

The packages of fsspec (s3fs, gcsfs, ...) are the user's own, and so are their credentials and
settings: environment variables and the files in ``~/.config/fsspec``, see
https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.sources.suffixes import is_url

__all__ = ["local_path", "opened"]

_PACKAGES = {"http": "aiohttp", "https": "aiohttp"}
_opened: dict[tuple[int, str], Any] = {}
_lock = threading.Lock()


def opened(url: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and its path there.

    A file system is opened once for a process, and used by all threads.

    Raises:
        MissingExtraError: fsspec or the package for this kind of address is not installed.
        SettingsError: no package is known for this kind of address.
        DataError: the store refuses to be opened, such as for its settings.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError("fsspec", "remote", f"reading {url}") from None
    scheme, _, rest = url.partition("://")
    key = (os.getpid(), f"{scheme}://{rest.partition('/')[0]}")
    chained = "::" in url
    with _lock:
        store = None if chained else _opened.get(key)
        if store is not None:
            return store, store._strip_protocol(url)
        try:
            store, path = url_to_fs(url)
        except ImportError:
            raise _missing_package(scheme, url) from None
        except ValueError as error:
            if "rotocol not known" in str(error):
                raise SettingsError(
                    f"no file system is known for {scheme}://, in {url}; expected a path, or an "
                    f"address such as s3://, gs:// or file://"
                ) from error
            raise DataError(f"could not open {url}: {error}") from error
        except Exception as error:  # of any package: settings, credentials
            raise DataError(f"could not open {url}: {error}") from error
        if not chained:
            _opened[key] = store
        return store, path


def _missing_package(scheme: str, url: str) -> MissingExtraError:
    from fsspec.registry import known_implementations

    known = known_implementations.get(scheme.rpartition("::")[2], {}).get("class", scheme)
    package = _PACKAGES.get(scheme, known.partition(".")[0])
    return MissingExtraError(package, None, f"reading {url}")


def local_path(url: str) -> Path | None:
    """The local path that a name means; None if it is on another file system."""
    if not is_url(url):
        return Path(url)
    if url.startswith(("file://", "local://")):
        return Path(opened(url)[1])
    return None
