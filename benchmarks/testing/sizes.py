"""Weighs what a repository has to hold: tapes, beside the YAML of the same exchanges."""

from __future__ import annotations

import base64
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import zstandard

import tracefork
from benchmarks.corpora.recorded import FOLDER
from tracefork.testing import cassettes

Row: TypeAlias = tuple[str, ...]
FILES = ("exchanges", "vendors")
GOAL = "≤ 0.50"


def make_row(what: str, exchanges: int, ours: int, peer: str, theirs: int, goal: str) -> Row:
    """A row of the table: bytes of our files and theirs, and how the former are to the latter."""
    return what, f"{exchanges:,}", f"{ours:,}", peer, f"{theirs:,}", f"{ours / theirs:.3f}", goal


def of_corpus() -> Iterator[Row]:
    """Each run that was recorded, as vcrpy writes it and as the tape that is imported of that; summed up."""
    if not FOLDER:
        yield "the corpus: point TRACEFORK_CORPUS at it", *[""] * 6
        return
    for name in FILES:
        runs = read_runs(Path(FOLDER, f"{name}.jsonl.zst"))
        ours = theirs = 0
        for rows in runs:
            text = write_yaml(rows)
            theirs += len(text)
            ours += weigh_tape(text)
        what = f"the corpus, {len(runs)} runs of {name}"
        yield make_row(what, sum(map(len, runs)), ours, "vcrpy", theirs, GOAL)


def weigh_tape(text: bytes) -> int:
    """The bytes of the tape that is imported of a cassette."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "one.tape")
        tracefork.save(cassettes.reads(text, "one.yaml"), place)
        return place.stat().st_size


def read_runs(file: Path) -> list[list[Any]]:
    """The rows of each run of the corpus, in their order."""
    found = defaultdict[str, list[Any]](list)
    with file.open("rb") as packed:
        for line in zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines():
            row = json.loads(line)
            found[row["run"]].append(row)
    return [sorted(rows, key=lambda row: row["i"]) for rows in found.values()]


def write_yaml(rows: list[Any]) -> bytes:
    """The cassette of these rows, by vcrpy's own hand."""
    from vcr.request import Request
    from vcr.serialize import serialize
    from vcr.serializers import yamlserializer

    requests = [
        Request(row["method"], row["url"], base64.b64decode(row["req_body_b64"]), dict(row["req_headers"]))
        for row in rows
    ]
    responses = [
        {
            "status": {"code": row["status"], "message": "OK"},
            "headers": _list_values(row["resp_headers"]),
            "body": {"string": base64.b64decode(row["resp_body_b64"])},
        }
        for row in rows
    ]
    return serialize({"requests": requests, "responses": responses}, yamlserializer).encode()  # type: ignore[no-any-return]


def _list_values(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found = defaultdict[str, list[str]](list)
    for name, value in pairs:
        found[name].append(value)
    return dict(found)
