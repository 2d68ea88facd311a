"""Exchanges in a file, for programs that know nothing of ours. Needs the standard library alone.

Each is a line of JSON, followed by the bytes of its two bodies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Pairs = list[tuple[str, str]]


class Wire(NamedTuple):
    """A question and its answer."""

    target: str
    asked: Pairs
    body: bytes
    status: int
    said: Pairs
    chunks: list[bytes]


def write(path: Path, exchanges: Iterator[Wire]) -> None:
    with path.open("wb") as file:
        for one in exchanges:
            lengths = [len(chunk) for chunk in one.chunks]
            head = [one.target, one.asked, len(one.body), one.status, one.said, lengths]
            file.write(json.dumps(head).encode() + b"\n")
            file.write(one.body + b"".join(one.chunks))


def read(path: Path) -> Iterator[Wire]:
    with path.open("rb") as file:
        while line := file.readline():
            target, asked, size, status, said, lengths = json.loads(line)
            body = file.read(size)
            chunks = [file.read(length) for length in lengths]
            yield Wire(target, _pairs(asked), body, status, _pairs(said), chunks)


def _pairs(read_back: Any) -> Pairs:
    return [(name, value) for name, value in read_back]
