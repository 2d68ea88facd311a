"""What both clients of `websockets` share: where a handshake goes, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from ..core.values import Headers, Request, Response
from ..session.asking import Call
from ..session.session import Session
from ._seam import Seam
from ._websockets_faults import FAULTS

SWITCHED = 101


class Door(Seam):
    """Where a handshake goes, in terms of the seam."""

    def find(self, url: str) -> tuple[Any, Any]:
        asked = SimpleNamespace(method="GET", url=url)
        return self._way(asked), asked

    def ask(self, way: Any, url: str, headers: Headers) -> Call:
        run: Session = way.run
        asked = Request("GET", url, headers)
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"GET {url}", "thread")
        return Call(run, asked, FAULTS, switches=True)

    def _unreachable(self, request: Any) -> Exception:  # noqa: ARG002
        return ConnectionRefusedError("not recorded, and refused in a replay")


DOOR = Door(None, None)


def list_headers(
    url: str, additional: Any, user_agent: str | None, origin: Any, subprotocols: Any
) -> Headers:
    """The headers that the library asks with, but for a key of its own."""
    request = ClientProtocol(parse_uri(url), origin=origin, subprotocols=subprotocols).connect()
    if additional is not None:
        request.headers.update(additional)
    if user_agent is not None:
        request.headers.setdefault("User-Agent", user_agent)
    return tuple((n, v) for n, v in request.headers.raw_items() if n.lower() != "sec-websocket-key")


def head_of(response: Any) -> Response:
    pairs = tuple((str(n), str(v)) for n, v in response.headers.raw_items())
    body = bytes(response.body or b"")
    return Response(response.status_code, pairs, (body,) if body else (), "eof", response.reason_phrase)


def pairs_of(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)
