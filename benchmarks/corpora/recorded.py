"""Runs that were recorded, not made up: the test cassettes of other projects, where they are at hand.

They are read from the folder that `TRACEFORK_CORPUS` names.
Cassettes keep no boundaries of chunks and no times: a stream's events stand for its
chunks, and an exchange for a second.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import zstandard

from tracefork import Exchange, Request, Response
from tracefork.core.values import Span, Timing

from .agents import BEGINNING

FOLDER = os.environ.get("TRACEFORK_CORPUS")
_EVENT = re.compile(rb".*?\r?\n\r?\n|.+", re.DOTALL)


def runs(longest: int = 20) -> tuple[tuple[Exchange, ...], ...]:
    """The `longest` runs, by the number of their exchanges; none where there is no corpus."""
    if not FOLDER:
        return ()
    file = Path(FOLDER, "exchanges.jsonl.zst")
    with file.open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
    together = defaultdict[str, list[Any]](list)
    for line in lines:
        row = json.loads(line)
        together[row["run"]].append(row)
    found = [_run(sorted(rows, key=lambda row: row["i"])) for rows in together.values()]
    return tuple(sorted(found, key=lambda run: (len(run), _size(run)), reverse=True)[:longest])


def _run(rows: list[Any]) -> tuple[Exchange, ...]:
    return tuple(_exchange(n, row) for n, row in enumerate(rows))


def _exchange(number: int, row: Any) -> Exchange:
    said = base64.b64decode(row["resp_body_b64"])
    chunks = tuple(_EVENT.findall(said)) if row["stream"] else (said,) if said else ()
    times = tuple(round(0.4 + 0.05 * n, 3) for n in range(len(chunks)))
    asked = tuple(map(tuple, row["req_headers"]))
    request = Request(row["method"], row["url"], asked, base64.b64decode(row["req_body_b64"]))
    response = Response(row["status"], tuple(map(tuple, row["resp_headers"])), chunks)
    timing = Timing(BEGINNING + number, 0.4, max(times, default=0.4), times)
    return Exchange(request, response, "", Span(3 * number, 3 * number + 1, 3 * number + 2), timing)


def _size(run: tuple[Exchange, ...]) -> int:
    return sum(len(one.request.body) + len(one.response.body) for one in run)
