"""Asking a server as nobody's library would let us: bytes on a socket, and what came back."""

from __future__ import annotations

import json
import socket

from attrs import frozen


@frozen
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    bytes: bytes

    def header(self, name):
        """All values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def json(self):
        return json.loads(self.body)


def sent(port, data, *, timeout=10.0):
    """What the server says to `data`, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(data)
        came = b""
        try:
            while part := sock.recv(65_536):
                came += part
        except ConnectionResetError:
            pass  # it did not read all that was sent
    return answer(came)


def answer(came):
    head, _, body = came.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines))
    if ("transfer-encoding", "chunked") in headers:
        body = b"".join(_unchunked(body))
    return Answer(int(first.split(" ")[1]) if first else 0, headers, body, came)


def asked(door, target="/api/runs", *headers, method="GET", host=None, version="HTTP/1.1", body=b""):
    """What the server says to a request with these header lines; with its own Host, or `host`; "" is none."""
    name = f"127.0.0.1:{door.port}" if host is None else host
    lines = [f"{method} {target} {version}", *([f"Host: {name}"] if name else []), *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return sent(door.port, "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + body)


def bearer(door, token=None):
    return f"Authorization: Bearer {door.token if token is None else token}"


def got(door, target, *headers, method="GET"):
    """What somebody gets who has the token."""
    return asked(door, target, bearer(door), *headers, method=method)


def _unchunked(body):
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return
        yield rest[:length]
        body = rest[length + 2 :]
