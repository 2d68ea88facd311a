"""The pools of `urllib3`, 1.26 and 2, meet the current run: `requests`, and all that stands on either.

Each attempt is met below urllib3's own retries and redirects. A replay parses and decodes with urllib3's
own code, from a connection that leads nowhere.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from weakref import WeakSet

import urllib3 as lib
from urllib3 import connection, connectionpool, exceptions

from ..core.values import Fault
from ..host.patching import Target
from ..runtime import lanes
from ._client_faults import ClientFaults
from ._requests import Sent
from ._ways import find_way, inside, is_inside, tell_tool
from ._wire import Wire, head_of, watch
from .http_client import NOT_RECORDED, make_call, write_url

IS_NEW = int(getattr(lib, "__version__", "1").partition(".")[0]) >= 2  # noqa: PLR2004
"""Whether what answers an attempt is urllib3's own response, which may read the body at once."""

_tunnels: WeakSet[Any] = WeakSet()
"""Connections that are to go through a proxy's tunnel, which is not open yet."""


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield connectionpool.HTTPConnectionPool, "_make_request", _make_request
    yield connectionpool.HTTPSConnectionPool, "_prepare_proxy", _prepare_proxy


def _prepare_proxy(original: Any, pool: Any, conn: Any) -> Any:
    """All but the connection: that opens once the run has been asked."""
    if is_inside() or not _is_known(conn):
        return original(pool, conn)
    conn.connect = lambda: None
    try:
        original(pool, conn)
    finally:
        del conn.connect
    _tunnels.add(conn)
    return None


def _make_request(original: Any, pool: Any, conn: Any, method: str, url: str, **kwargs: Any) -> Any:
    if is_inside() or not _is_known(conn):
        return original(pool, conn, method, url, **kwargs)
    attempt = _Attempt(original, pool, conn, method, url, kwargs)
    whole = url if "://" in url.partition("?")[0] else write_url(pool.scheme, pool.host, pool.port, url)
    way = find_way(method, whole)
    if way.nowhere:
        raise exceptions.NewConnectionError(conn, f"Failed to establish a new connection: {NOT_RECORDED}")
    if way.run is None:
        tell_tool(whole)
        with lanes.aside() if way.aside else nullcontext(), inside():
            attempt.open_tunnel()
            return original(pool, conn, method, url, **kwargs)
    sent = attempt.gather(Sent(way.run))
    call = make_call(way, way.run, sent.ask(whole), _Faults(pool, conn, whole))
    call.begin()
    response = None
    try:
        if call.served is None:
            with call.aside(), inside():
                response = attempt.send(sent.write(call))
            call.head(head_of(_raw(response)))
        else:
            response = attempt.serve(Wire(call, call.head(), method))
    except BaseException as exc:
        call.leave(exc)
        if response is not None:
            response.close()
        raise
    watch(_raw(response), call, method)
    if IS_NEW and kwargs.get("preload_content", True):
        response._body = response.read(decode_content=kwargs.get("decode_content", True))  # noqa: SLF001
    return response


class _Attempt:
    """One attempt of a pool to ask: gathered, then sent or served by urllib3's own code."""

    def __init__(
        self, original: Any, pool: Any, conn: Any, method: str, url: str, kwargs: dict[str, Any]
    ) -> None:
        self._original, self._pool, self._conn = original, pool, conn
        self._method, self._url, self._kwargs = method, url, kwargs
        self._tunnel = conn in _tunnels
        _tunnels.discard(conn)

    def gather(self, sent: Sent) -> Sent:
        """Return `sent` with all that urllib3 would send."""
        conn, kwargs = self._conn, dict(self._kwargs)
        kwargs.pop("retries", None), kwargs.pop("timeout", None), kwargs.pop("response_conn", None)
        chunked = kwargs.pop("chunked", False)
        if IS_NEW:
            kwargs |= {"chunked": chunked, "preload_content": False}
        ask = conn.request_chunked if chunked and not IS_NEW else conn.request
        conn.send = lambda data: sent.take(data, conn.blocksize)
        conn.sock, sock = None, conn.sock
        try:
            ask(self._method, self._url, **kwargs)
        finally:
            conn.sock = sock
            del conn.send
        return sent

    def send(self, pieces: Iterator[bytes]) -> Any:
        """Return what the server answers to what `pieces` are."""

        def flush(*_: Any, **__: Any) -> None:
            if IS_NEW and self._conn.sock is not None:
                self._conn.sock.settimeout(self._conn.timeout)
            for piece in pieces:
                self._conn.send(piece)

        self.open_tunnel()
        return self._ask(flush)

    def serve(self, wire: Wire) -> Any:
        """Return the response that `wire` is read as."""
        conn = self._conn
        if conn.sock is not None:
            conn.sock.close()
        conn.sock, conn._has_connected_to_proxy = wire, bool(getattr(conn, "proxy", None))  # noqa: SLF001
        if hasattr(conn, "cert_reqs"):
            required = conn.cert_reqs in (ssl.CERT_REQUIRED, "CERT_REQUIRED", "REQUIRED")
            conn.is_verified = required or bool(conn.assert_fingerprint)
        try:
            return self._ask(lambda *_, **__: None)
        finally:
            conn.sock = None

    def open_tunnel(self) -> None:
        """Connect through the proxy, if that was put off; fail as if it had not been."""
        if not self._tunnel:
            return
        try:
            self._conn.connect()
        except (ssl.SSLError, OSError) as exc:
            if IS_NEW:
                timeout = self._conn.timeout
                self._pool._raise_timeout(err=exc, url=self._pool.proxy.url, timeout_value=timeout)  # noqa: SLF001
            raise

    def _ask(self, request: Callable[..., None]) -> Any:
        """Let the pool carry out the attempt, `request` in the place of what writes."""
        kwargs = {**self._kwargs, "preload_content": False} if IS_NEW else self._kwargs
        self._conn.request = self._conn.request_chunked = request
        try:
            return self._original(self._pool, self._conn, self._method, self._url, **kwargs)
        finally:
            del self._conn.request, self._conn.request_chunked


class _Faults(ClientFaults):
    """What an attempt of `pool` through `conn` raises, with the attributes that urllib3 goes by."""

    def __init__(self, pool: Any, conn: Any, url: str) -> None:
        self._pool, self._conn, self._url = pool, conn, url

    def of(self, exc: Exception) -> Fault:
        return super().of(self._through_proxy(exc))

    def make(self, fault: Fault) -> Exception:
        made = super().make(fault)
        if isinstance(made, exceptions.ProxyError):
            made.original_error = made.args[-1] if isinstance(made.args[-1], Exception) else made
        elif getattr(self._conn, "proxy", None):
            self._conn._has_connected_to_proxy = True  # noqa: SLF001  or urllib3 blames the proxy
        has = {"conn": self._conn, "_url": self._url, "url": self._url}
        if isinstance(made, exceptions.PoolError):
            has["pool"] = self._pool
        for name in [name for name in has if isinstance(made, exceptions.HTTPError)]:
            if not isinstance(getattr(type(made), name, None), property):
                vars(made).setdefault(name, has[name])
        return made

    def _through_proxy(self, exc: Exception) -> Exception:
        """What urllib3 2 makes of `exc` if its proxy was not reached, for a replay does not know that."""
        conn = self._conn
        if not (IS_NEW and conn.proxy) or conn.has_connected_to_proxy:
            return exc
        if isinstance(exc, ssl.SSLError | ssl.CertificateError):
            exc = exceptions.SSLError(exc)
        kinds = (OSError, exceptions.NewConnectionError, exceptions.TimeoutError, exceptions.SSLError)
        if isinstance(exc, (*kinds, http.client.HTTPException)):
            blamed: Exception = connection._wrap_proxy_error(exc, conn.proxy.scheme)  # noqa: SLF001
            return blamed
        return exc


def _is_known(conn: Any) -> bool:
    """True for connections that speak HTTP/1.1 by way of `http.client`."""
    return isinstance(conn, http.client.HTTPConnection)


def _raw(response: Any) -> Any:
    """The response of `http.client` that `response` is made of, or is."""
    return response if isinstance(response, http.client.HTTPResponse) else response._original_response  # noqa: SLF001
