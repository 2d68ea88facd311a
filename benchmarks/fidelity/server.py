"""A server that does as it is told, on loopback; a program of its own, with the standard library alone.

It prints its port and serves until its standard input is closed. `GET /calls` says
how many other requests came.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import socket
import socketserver
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from urllib.parse import parse_qs, urlsplit

BINARY = bytes(range(256)) * 4
PLAIN = b"the quick brown fox jumps over the lazy dog. " * 50

_numbers = itertools.count(1)
_seen: Counter[str] = Counter()


class Connection(socketserver.StreamRequestHandler):
    """One request and its answer; every connection is closed behind it."""

    timeout = 20

    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) < 2:
            return
        self.headers = self._headers()
        body = self._body(self.headers)
        url = urlsplit(line[1])
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/calls":
            self._send(b"%d" % _seen["calls"])
            return
        _seen["calls"] += 1
        getattr(self, "answer_" + url.path.strip("/"))(body)

    def _headers(self) -> dict[str, str]:
        found = {}
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            found[name.lower()] = value.strip()
        return found

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, body: bytes, status: str = "200 OK", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
        self.wfile.write(head.encode("latin-1") + body)

    def _start_chunked(self, more: str = "") -> None:
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{more}\r\n"
        self.wfile.write(head.encode("latin-1"))

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    # -- what can be asked for ------------------------------------------------------

    def answer_echo(self, body: bytes) -> None:
        """Its number and what was asked, after up to `ms` milliseconds."""
        number = next(_numbers)
        time.sleep(random.random() * float(self.query.get("ms", 0)) / 1000)
        self._send(b"%d:%s" % (number, body))

    def answer_stream(self, _: bytes) -> None:
        """Twenty events, ten milliseconds apart."""
        self._start_chunked("Content-Type: text/event-stream\r\n")
        for number in range(20):
            self._chunk(b"data: token %d\n\n" % number)
            time.sleep(0.01)
        self._chunk(b"")

    def answer_headers(self, _: bytes) -> None:
        more = "X-Request-Id: req_%d\r\nRetry-After: 7\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-CaSe: 1\r\n"
        self._send(b"{}", more=more % next(_numbers))

    def answer_foreign(self, _: bytes) -> None:
        self._send(b"{}", more="ETag: caf\xe9\r\n")

    def answer_zipped(self, _: bytes) -> None:
        self._send(
            gzip.compress(PLAIN, mtime=0), more="Content-Encoding: gzip\r\nContent-Type: text/plain\r\n"
        )

    def answer_deflated(self, _: bytes) -> None:
        self._send(zlib.compress(PLAIN), more="Content-Encoding: deflate\r\nContent-Type: text/plain\r\n")

    def answer_binary(self, body: bytes) -> None:
        self._send(BINARY + body, more="Content-Type: application/octet-stream\r\n")

    def answer_redirect(self, _: bytes) -> None:
        self._send(b"", "302 Found", "Location: /echo\r\n")

    def answer_flaky(self, _: bytes) -> None:
        """429 the first two times that a name comes, then 200."""
        name = "flaky " + self.query.get("name", "")
        _seen[name] += 1
        if _seen[name] < 3:
            self._send(b"later", "429 Too Many Requests", "Retry-After: 0\r\n")
        else:
            self._send(b"now")

    def answer_cut(self, _: bytes) -> None:
        """Three chunks and then nothing."""
        self._start_chunked("Content-Type: text/event-stream\r\n")
        for number in range(3):
            self._chunk(b"data: %d\n\n" % number)
            time.sleep(0.02)

    def answer_malformed(self, _: bytes) -> None:
        """In one packet: aiohttp may wait for ever for what comes after a chunk that comes alone."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        self.wfile.write(head + b"4\r\nsome\r\nnot a length\r\n")

    def answer_hinted(self, _: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        self._send(b"hinted")

    def answer_guarded(self, _: bytes) -> None:
        if "authorization" in self.headers:
            self._send(b"welcome")
        else:
            self._send(b"who?", "401 Unauthorized", 'WWW-Authenticate: Basic realm="r"\r\n')

    def answer_reset(self, _: bytes) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()

    def answer_hang(self, _: bytes) -> None:
        time.sleep(3)

    def answer_leak(self, _: bytes) -> None:
        """An answer that says its caller's key back, whole and over two events."""
        key = self.query["key"]
        self._start_chunked("Content-Type: text/event-stream\r\n")
        for piece in (f"your key is {key}", key[: len(key) // 2], key[len(key) // 2 :]):
            self._chunk(b"data: " + json.dumps({"delta": piece}).encode() + b"\n\n")
        self._chunk(b"")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that left is no error of ours."""


def main() -> None:
    with Server(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
