"""The corpus as cassettes: each run of it, written by vcrpy's own hand."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from pathlib import Path

import zstandard

from .corpus import FOLDER

COUNTS = {"exchanges": 893, "vendors": 946}


def runs():
    """The rows of each run, in their order; None where TRACEFORK_CORPUS names no corpus."""
    if FOLDER is None:
        return None
    found = defaultdict(list)
    for name in COUNTS:
        with Path(FOLDER, f"{name}.jsonl.zst").open("rb") as packed:
            for line in zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines():
                row = json.loads(line)
                found[name, row["run"]].append(row)
    return [sorted(rows, key=lambda row: row["i"]) for rows in found.values()]


def lists(pairs):
    found = defaultdict(list)
    for name, value in pairs:
        found[name].append(value)
    return dict(found)


def written(vcr, rows, serializer="yaml", keep=bytes):
    """The cassette of these rows, by vcrpy's own hand."""
    import vcr.serializers.jsonserializer
    import vcr.serializers.yamlserializer
    from vcr.request import Request as VcrRequest
    from vcr.serialize import serialize

    requests = [
        VcrRequest(row["method"], row["url"], base64.b64decode(row["req_body_b64"]), dict(row["req_headers"]))
        for row in rows
    ]
    responses = [
        {
            "status": {"code": row["status"], "message": "OK"},
            "headers": lists(row["resp_headers"]),
            "body": {"string": keep(base64.b64decode(row["resp_body_b64"]))},
        }
        for row in rows
    ]
    by = getattr(vcr.serializers, f"{serializer}serializer")
    return serialize({"requests": requests, "responses": responses}, by).encode()
