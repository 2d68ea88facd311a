"""Counts what libcurl is asked by `pycurl` and `curl_cffi`, and refuses it in a replay.

libcurl opens its sockets in C, so the guard of Python's sockets does not see them. What is seen is that a
handle is performed, or added to those that are. Nothing here imports either library; one that is imported
while a run is in progress is guarded from then on. pycurl's classes cannot be changed, so others stand
in its module: handles that were made before the run, and names bound to the classes, are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from ..host.imports import find_loaded
from ..host.patching import Patches, Target
from .network import leave

LATE = frozenset({"pycurl", "curl_cffi.curl", "curl_cffi.aio"})
"""Modules that may be imported after a run has begun."""

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


def hold(run: object) -> None:
    """Start guarding libcurl for `run`; a second call does nothing."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop guarding for `run`; the last run to do so puts the originals back."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    if (pycurl := find_loaded("pycurl")) is not None:
        yield pycurl, "Curl", _guard(pycurl.Curl, ("perform", "perform_rb", "perform_rs"))
        yield pycurl, "CurlMulti", _guard(pycurl.CurlMulti, ("add_handle",))
    if (module := find_loaded("curl_cffi.curl")) is not None:
        yield module.Curl, "perform", _perform
    if (module := find_loaded("curl_cffi.aio")) is not None:
        yield module.AsyncCurl, "add_handle", _add_handle


_patches = Patches(_targets, late=LATE)


# -- pycurl ------------------------------------------------------------------------------------


class _Guarded(type):
    """The class of a class that is taken for its base; what is derived from it is as any other class."""

    def __instancecheck__(cls, value: object) -> bool:
        return type.__instancecheck__(_base(cls), value)

    def __subclasscheck__(cls, kind: type) -> bool:
        return type.__subclasscheck__(_base(cls), kind)


def _base(kind: type) -> type:
    return kind.__mro__[1] if "_tracefork" in vars(kind) else kind


@cache
def _guard(base: Any, names: tuple[str, ...]) -> Any:
    """A subclass of `base` whose methods of these `names` ask first."""
    if isinstance(base, _Guarded):
        return base  # it stands there already

    def guarded(name: str) -> Any:
        def method(self: Any, *args: Any) -> Any:
            for handle in args or (self,):
                leave(_find_target(handle.getinfo(handle.EFFECTIVE_URL)), client="pycurl")
            return getattr(base, name)(self, *args)

        method.__name__, method.__doc__ = name, getattr(base, name).__doc__
        return method

    methods = {name: guarded(name) for name in names if hasattr(base, name)}
    return _Guarded(base.__name__, (base,), {"__module__": "pycurl", "_tracefork": True, **methods})


# -- curl_cffi -----------------------------------------------------------------------------------


def _perform(original: Any, handle: Any, *args: Any, **kwargs: Any) -> Any:
    _leave(handle)
    return original(handle, *args, **kwargs)


def _add_handle(original: Any, handles: Any, handle: Any, *args: Any, **kwargs: Any) -> Any:
    _leave(handle)
    return original(handles, handle, *args, **kwargs)


def _leave(handle: Any) -> None:
    constants = find_loaded("curl_cffi.const")
    leave(_find_target(handle.getinfo(constants.CurlInfo.EFFECTIVE_URL)), client="curl_cffi")


def _find_target(url: Any) -> str:
    """The `host:port` of a URL, as text or bytes; what it says if it has none."""
    text = url.decode("utf-8", "replace") if isinstance(url, bytes) else str(url or "")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or _PORTS.get(parts.scheme) or ""
    except ValueError:
        return text
    return f"{parts.hostname}:{port}" if parts.hostname else text or "an address that is not known"
