"""Who may ask: a browser at this machine that was given the token. Every request passes here first.

A page of another site can make a browser ask this server, and a name that it
controls can be made to mean 127.0.0.1. So the host must be one of this machine's
own names, the asking page this server's own, and the token right; and nothing can
be asked for but to read.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import parse_qs, urlencode

from attrs import field, frozen
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..host import clocks

NAMES = ("127.0.0.1", "localhost", "[::1]")
HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
"""What every answer says, refusals too."""

LASTS = 60.0
"""Seconds in which a ticket has to be used."""

_HTTP_PORT = 80


@frozen
class Door:
    """Where the server listens, and the token that opens it."""

    port: int
    token: str = field(repr=False)

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header may say."""
        bare = set(NAMES) if self.port == _HTTP_PORT else set()
        return frozenset({f"{name}:{self.port}" for name in NAMES} | bare)

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the token: cookies are shared by all ports of a host."""
        return f"tracefork-{self.port}"


class Tickets:
    """Tokens that open once, within a minute: for where others can see them. Any thread may use it."""

    def __init__(self, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._clock = clock
        self._until = dict[str, float]()

    def issue(self) -> str:
        """A new one."""
        made = secrets.token_urlsafe(24)
        self._until[made] = self._clock() + LASTS
        return made

    def take(self, ticket: str) -> bool:
        """True if `said` is one that nobody has taken yet, in time."""
        return self._until.pop(ticket, self._clock()) > self._clock()


@frozen
class Refusal:
    status: HTTPStatus
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


def refusal(door: Door, method: str, headers: Sequence[tuple[str, str]], query: str) -> Refusal | None:
    """Why a request is refused, or None; names of `headers` are in lower case, and may be repeated."""
    if method not in ("GET", "HEAD"):
        reason = "this server only reads: GET and HEAD"
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, reason, (("allow", "GET, HEAD"),))
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or hosts[0].lower() not in door.hosts:
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"ask it as {' or '.join(sorted(door.hosts))}")
    origins = [value for name, value in headers if name == "origin"]
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return Refusal(HTTPStatus.FORBIDDEN, "a page of another site asked")
    sites = [value for name, value in headers if name == "sec-fetch-site"]
    if any(site not in ("same-origin", "none") for site in sites):
        return Refusal(HTTPStatus.FORBIDDEN, "a page of another site asked")
    token = door.token.encode()
    if not any(hmac.compare_digest(shown.encode(), token) for shown in _tokens(door, headers, query)):
        advice = "open the address that `tracefork serve` printed: it has the token"
        return Refusal(HTTPStatus.FORBIDDEN, advice)
    return None


def _tokens(door: Door, headers: Sequence[tuple[str, str]], query: str) -> list[str]:
    """What the request offers as token: in the query, the cookie, or as a bearer's."""
    offered = parse_qs(query, errors="replace").get("token", [])
    for name, value in headers:
        if name == "authorization" and value.lower().startswith("bearer "):
            offered.append(value[len("bearer ") :].strip())
        elif name == "cookie":
            offered.extend(_in_cookie(value, door.cookie))
    return offered


class Guard:
    """Lets through to `app` what `refusal` does not refuse, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, door: Door, tickets: Tickets) -> None:
        self._app, self._door, self._tickets = app, door, tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        scope = self._use_ticket(scope, headers)
        refused = refusal(self._door, scope["method"], headers, scope["query_string"].decode("latin-1"))
        if refused:
            answer = PlainTextResponse(f"{refused.reason}\n", refused.status, dict(refused.headers))
            await answer(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _use_ticket(self, scope: Scope, headers: Sequence[tuple[str, str]]) -> Scope:
        """`scope` with the token where it has a good ticket, if all else is right; the ticket is used up."""
        offered = parse_qs(scope["query_string"].decode("latin-1"), errors="replace").get("ticket", [])
        token = urlencode({"token": self._door.token})
        if not offered or scope["method"] != "GET" or refusal(self._door, "GET", headers, token):
            return scope
        return {**scope, "query_string": token.encode()} if self._tickets.take(offered[0]) else scope


def _in_cookie(header: str, name: str) -> list[str]:
    """The values of the cookie; of the others, which any port of the host may set, nothing is expected."""
    pairs = (part.partition("=") for part in header.split(";"))
    return [_bare(value.strip()) for key, _, value in pairs if key.strip() == name]


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] == value[-1:] == '"' else value
