"""A forward proxy for what a command asks past its base URLs: seen and counted; in a replay refused.

What is encrypted passes as it is (`CONNECT`), and is an escape of the run. What is not, a whole URL behind
the method, goes to the gateway, and so is recorded.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from attrs import frozen

from ...errors import Refused
from ...runtime import lanes
from ...session.session import Session
from .addresses import MARK

LONGEST = 2**16  # bytes of a request's head
BLOCK = 2**16  # bytes that are passed on at a time
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
MISSAID = b"HTTP/1.1 400 Bad request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Refused by tracefork\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
FAILED = b"HTTP/1.1 502 Bad gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@frozen
class Tunnel:
    """The proxy of `run`; `base` is the gateway's URL, with the key, and `site` names who asks."""

    run: Session
    base: str
    site: str

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[None]:
        """Accept connections of `listener` in this loop while the block runs."""
        server = await asyncio.start_server(self._serve, sock=listener, limit=LONGEST)
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.partition(b" ")
            target, found, _ = rest.partition(b" ")
            if not found:
                writer.write(MISSAID)
            elif method == b"CONNECT":
                await self._connect(target.decode("latin-1"), reader, writer)
            else:
                await self._hand_over(head, target.decode("latin-1"), reader, writer)
        writer.close()

    async def _connect(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        if not self._may_leave(host.strip("[]"), target):
            writer.write(REFUSED)
            return
        try:
            with lanes.aside():
                there = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, ValueError):
            writer.write(FAILED)
            return
        writer.write(OPENED)
        await _join((reader, writer), there)

    def _may_leave(self, host: str, target: str) -> bool:
        """Count what leaves, or refuse it."""
        run = self.run
        if run.allows(target) or (run.live and run.passes(host)):
            return True
        if not run.live:
            if not run.passes(host):
                run.refuse(target, site=self.site)
            return False
        try:
            run.escape("connection", target, site=self.site)
        except Refused:  # the run is strict
            return False
        return True

    async def _hand_over(
        self, head: bytes, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Let the gateway answer one request that has a whole URL."""
        gateway = urlsplit(self.base)
        line, _, fields = head.partition(b"\r\n")
        method, _, version = line.split(b" ", 2)
        scheme, _, rest = url.partition("://")
        path = f"{gateway.path}/{MARK}/{scheme}/{rest}"
        kept = [one for one in fields.split(b"\r\n") if not _is_of_connection(one)]
        there = await asyncio.open_connection(gateway.hostname, gateway.port)
        asked = b" ".join([method, path.encode("latin-1"), version])
        there[1].write(b"\r\n".join([asked, b"connection: close", *kept]))
        await _join((reader, writer), there)


def _is_of_connection(line: bytes) -> bool:
    return line.partition(b":")[0].strip().lower() in (b"connection", b"proxy-connection", b"keep-alive")


async def _join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Pass on what each side says to the other, until both have ended."""
    with lanes.aside():
        ways = [
            asyncio.ensure_future(_pass(one[0], other[1])),
            asyncio.ensure_future(_pass(other[0], one[1])),
        ]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            other[1].close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(BLOCK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
