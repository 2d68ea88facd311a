"""The connections of `http.client` meet the current run: `urllib.request`, `xmlrpc` and small tools.

What is sent is gathered until the request is whole, put to the run, and only then does anything connect.
Clients that stand on these connections and are met by an adapter of their own, such as urllib3, pass.
"""

from __future__ import annotations

import errno
import http.client as lib
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from attrs import evolve

from ..core.values import CANCELLED, Fault, Request
from ..host.patching import Target
from ..runtime import lanes
from ..session.asking import Call
from ..session.current import current
from ..session.session import Session
from ..session.strangers import Way
from ._client_faults import ClientFaults
from ._requests import Sent
from ._ways import find_way, inside, is_inside, tell_tool
from ._wire import PieceCall, Wire, head_of, watch

NOT_RECORDED = "not recorded, and refused in a replay"
SENDING = "sending: "
"""What the kind of a fault begins with that came while the request was sent, and not with the answer."""


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield lib.HTTPConnection, "putrequest", _begin
    yield lib.HTTPConnection, "send", _send
    yield lib.HTTPConnection, "getresponse", _answer
    yield lib.HTTPConnection, "close", _close
    yield lib.HTTPConnection, "connect", _connect
    if hasattr(lib, "HTTPSConnection"):
        yield lib.HTTPSConnection, "connect", _connect


class _Faults(ClientFaults):
    """Those of a connection, which say whether they came while the request was sent."""

    is_sending = False

    def of(self, exc: Exception) -> Fault:
        fault = super().of(exc)
        return evolve(fault, kind=SENDING + fault.kind) if self.is_sending else fault

    def make(self, fault: Fault) -> Exception:
        return super().make(evolve(fault, kind=fault.kind.removeprefix(SENDING)))


class _Asked:
    """What a connection has been asked, and is not answered yet: to `way.run`, or past it."""

    def __init__(self, way: Way, url: str) -> None:
        self.way, self.url = way, url
        self.sent = Sent(way.run) if way.run is not None else None
        self.faults = _Faults()
        self.call: PieceCall | None = None

    def put(self, conn: Any, send: Any) -> PieceCall:
        """Put the request to the run, and send it if the world is to answer.

        Raises:
            Exception: it could not be sent, or could not be when recorded.
            Divergence: the tape does not answer it.
        """
        assert self.sent is not None
        assert self.way.run is not None
        call = self.call = make_call(self.way, self.way.run, self.sent.ask(self.url), self.faults)
        call.begin()
        self.faults.is_sending = True
        try:
            if call.served is not None:
                _drop_socket(conn)
                conn.sock = Wire()
            if isinstance(call.served, Fault) and call.served.kind.startswith(SENDING):
                call.head()
            elif call.served is None:
                if isinstance(conn.sock, Wire):
                    conn.sock = None
                pieces = self.sent.write(call)
                with call.aside(), inside():
                    for piece in pieces:
                        send(conn, piece)
        except BaseException as exc:
            call.leave(exc)
            raise
        self.faults.is_sending = False
        return call


_open: WeakKeyDictionary[Any, _Asked] = WeakKeyDictionary()


def make_call(way: Way, run: Session, asked: Request, faults: ClientFaults) -> PieceCall:
    """The call of `run` that `asked` is.

    Raises:
        Refused: who asks knows no run, and the tape has no answer.
    """
    if way.stranger and not run.port.has_answer(asked):
        raise run.refuse(f"{asked.method} {asked.url}", "thread")
    return PieceCall(run, asked, faults)


# -- what stands for the methods of a connection --------------------------------------------------


def _begin(original: Any, conn: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
    if is_inside() or "send" in vars(conn):  # met further out
        return original(conn, method, url, *args, **kwargs)
    whole = find_url(conn, url or "/")
    way = find_way(method, whole)
    if way.nowhere:
        raise ConnectionRefusedError(errno.ECONNREFUSED, NOT_RECORDED)
    result = original(conn, method, url, *args, **kwargs)
    _open[conn] = _Asked(way, whole)
    if way.run is None:
        tell_tool(whole)
    return result


def _send(original: Any, conn: Any, data: Any) -> Any:
    asked = None if is_inside() else _open.get(conn)
    if asked is None:
        return original(conn, data)
    if asked.sent is None or asked.call is not None:
        if asked.call is not None and asked.call.served is not None:
            return None
        with lanes.aside() if asked.way.aside or asked.call else nullcontext(), inside():
            return original(conn, data)
    asked.sent.take(data, conn.blocksize)
    if asked.sent.is_whole:
        _put(asked, conn, original)
    return None


def _put(asked: _Asked, conn: Any, send: Any) -> PieceCall:
    try:
        return asked.put(conn, send)
    except BaseException:
        _open.pop(conn, None)
        raise


def _answer(original: Any, conn: Any) -> Any:
    asked, prior = _open.get(conn), vars(conn).get("_HTTPConnection__response")
    if asked is None or asked.sent is None or (prior is not None and not prior.isclosed()):
        if asked is not None and asked.sent is None:
            _open.pop(conn, None)
        return original(conn)
    if not asked.sent.line[0]:  # its head was not sent: the library says so
        return original(conn)
    call = asked.call or _put(asked, conn, lib.HTTPConnection.send)
    _open.pop(conn, None)
    method, response = asked.sent.line[0], None
    try:
        if call.served is None:
            with call.aside(), inside():
                response = original(conn)
            call.head(head_of(response))
        else:
            conn.sock = Wire(call, call.head(), method)
            response = original(conn)
            is_plain = type(conn).getresponse is lib.HTTPConnection.getresponse  # others poll their sockets
            conn.sock = Wire() if conn.sock is not None and is_plain else None
    except BaseException as exc:
        call.leave(exc)
        if response is not None:
            response.close()
        raise
    watch(response, call, method)
    return response


def _close(original: Any, conn: Any) -> Any:
    if not is_inside() and (asked := _open.pop(conn, None)) is not None and asked.call is not None:
        asked.call.drop(CANCELLED)
    return original(conn)


def _connect(original: Any, conn: Any) -> Any:
    """Connect, called by an agent itself: that is no exchange, unless it fails."""
    run = None if is_inside() else current()
    if run is None or run.is_aside() or (run.over and run.live) or conn in _open:
        return original(conn)
    asked = Request("CONNECT", find_url(conn, "/"))
    if run.live:
        try:
            with lanes.aside(), inside():
                return original(conn)
        except Exception as exc:
            with Call(run, asked, ClientFaults()) as failed:
                failed.leave(exc)
            raise
    if run.port.has_answer(asked):
        with Call(run, asked, ClientFaults()) as failed:
            failed.head()
    _drop_socket(conn)
    conn.sock = Wire()
    return None


def _drop_socket(conn: Any) -> None:
    """Close what `conn` has kept open of a time when it was live."""
    if conn.sock is not None:
        conn.sock.close()


def find_url(conn: Any, target: str) -> str:
    """Return the whole URL of what `conn` is asked for."""
    if "://" in target.partition("?")[0]:  # through a proxy
        return target
    host, port = (conn._tunnel_host, conn._tunnel_port) if conn._tunnel_host else (conn.host, conn.port)  # noqa: SLF001
    secure = conn.default_port == lib.HTTPS_PORT
    return write_url("https" if secure else "http", host, port, target)


def write_url(scheme: str, host: str, port: int | None, target: str) -> str:
    """Return the URL of `target` at a host, without a port that goes without saying."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    usual = lib.HTTPS_PORT if scheme == "https" else lib.HTTP_PORT
    place = name if port in (None, usual) else f"{name}:{port}"
    return f"{scheme}://{place}{'' if target.startswith('/') else '/'}{target}"
