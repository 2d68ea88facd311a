"""Real recorded exchanges, served on loopback as they were answered, and found where they are kept."""

from __future__ import annotations

import base64
import json
import os
import random
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import zstandard
from attrs import frozen

from tracefork import Request, Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

ROW = "x-row"
"""The header by which a client says which exchange it wants: the corpus asks the same more than once."""

FOLDER = os.environ.get("TRACEFORK_CORPUS")
HOPS = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"}
CUTS = 5


@frozen
class Row:
    """One exchange. `answer` is what the server sends: the recorded bytes, cut where chance, seeded by
    the row's number, says."""

    number: int
    vendor: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    streamed: bool
    cassette: str
    answer: Response

    @property
    def path(self) -> str:
        """Path and query."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """The recorded request headers that a client does not set itself, and the row's number."""
        own = {*HOPS, "host", "content-length"}
        return (*((n, v) for n, v in self.headers if n.lower() not in own), (ROW, str(self.number)))


def exchanges() -> Path | None:
    """The file of all exchanges, a line of JSON each; None where TRACEFORK_CORPUS names no corpus."""
    return Path(FOLDER, "exchanges.jsonl.zst") if FOLDER else None


def rows() -> list[Row] | None:
    """Every exchange in the corpus, or None where TRACEFORK_CORPUS names none."""
    file = exchanges()
    if file is None:
        return None
    with file.open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
    read = [_row(n, json.loads(line)) for n, line in enumerate(lines)]
    return sorted(read, key=lambda row: row.cassette)  # stable: within one, in the order of the file


def cassettes(rows: list[Row]) -> list[list[Row]]:
    """The rows that were recorded together, each in its order."""
    together = defaultdict(list)
    for row in rows:
        together[row.cassette].append(row)
    return list(together.values())


def serve(rows: list[Row]) -> LoopbackServer:
    answers = {str(row.number): row for row in rows}

    def answer(request: Request) -> Response:
        row = answers[{n.lower(): v for n, v in request.headers}[ROW]]
        path = request.url.split("/", 3)[3].partition("?")[0]
        if path != urlsplit(row.url).path[1:]:
            raise LookupError(f"{path} was asked for row {row.number}, which is {row.url}")
        return row.answer

    return LoopbackServer(by_rule(answer))


def shaped(name: str, value: str) -> str:
    """The value of a header; of a cookie's the name, the attributes, and how long the cookie is."""
    if name.lower() != "set-cookie":
        return value
    cookie, end, attributes = value.partition(";")
    crumb, equals, said = cookie.partition("=")
    return f"{crumb}={len(said)}{end}{attributes}" if equals else f"{len(crumb)}{end}{attributes}"


def _row(number: int, kept: dict) -> Row:
    body = base64.b64decode(kept["resp_body_b64"])
    headers = tuple((n, v) for n, v in kept["resp_headers"] if n.lower() not in HOPS)
    chunked = kept["stream"] or any(n.lower() == "transfer-encoding" for n, _ in headers)
    headers = tuple((n, v) for n, v in headers if n.lower() not in ("content-length", "transfer-encoding"))
    headers += (("Transfer-Encoding", "chunked"),) if chunked else (("Content-Length", str(len(body))),)
    chunks = _cut(body, random.Random(number)) if chunked else (body,)
    return Row(
        number,
        kept["provider"],
        kept["method"].upper(),
        kept["url"],
        tuple(map(tuple, kept["req_headers"])),
        base64.b64decode(kept["req_body_b64"]),
        kept["stream"],
        kept["run"],
        Response(kept["status"], headers, chunks, reason=""),
    )


def _cut(body: bytes, chance: random.Random) -> tuple[bytes, ...]:
    if not body:
        return ()
    places = sorted({chance.randrange(1, len(body)) for _ in range(CUTS)}) if len(body) > 1 else []
    return tuple(body[low:high] for low, high in pairwise([0, *places, len(body)]))
