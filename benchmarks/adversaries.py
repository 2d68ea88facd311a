"""Bodies that make a search for secrets stand still, if one can be made to; and ordinary ones beside them.

They decided that nothing is looked for by an expression with a repetition within another, nor by one of its
own for each secret: see `tracefork.redact.search.search`.
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Iterator
from random import Random
from time import process_time

from tracefork import redact
from tracefork.core.values import Response
from tracefork.redact.by_form.issuers import KINDS

SIZE = 200_000
KNOWN = {
    "MODEL_API_KEY": "sk-ant-api03-0123456789abcdefghij",
    "OPENAI_API_KEY": "sk-proj-" + "aB3dE6gH9jK2" * 8,
    "SHOP_TOKEN": "Zx81-QpLm-7733-aaTT",
    "DB_PASSWORD": "correct horse/battery+staple",
}


def ordinary(seed: int = 1) -> list[bytes]:
    """A stream of a chat, one of messages, and a conversation."""
    draw = Random(seed)
    words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(2000)]

    def said(count: int) -> str:
        return " ".join(draw.choices(words, k=count)) + ".\n"

    head = {"id": "chatcmpl-8aX", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o"}
    chat = [{**head, "choices": [{"index": 0, "delta": {"content": f"{said(1)}"}}]} for _ in range(800)]
    delta = "content_block_delta"
    told = [
        {"type": delta, "index": 0, "delta": {"type": "text_delta", "text": said(2)}} for _ in range(1500)
    ]
    turns = [{"role": "user", "content": said(200)} for _ in range(150)]
    image = base64.b64encode(draw.randbytes(60_000)).decode()
    return [
        b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in chat),
        b"".join(f"event: {delta}\ndata: {json.dumps(event)}\n\n".encode() for event in told),
        json.dumps({"model": "m", "messages": turns}).encode(),
        json.dumps({"data": [{"b64_json": image}]}).encode(),
    ]


def adversaries(size: int = SIZE) -> Iterator[tuple[str, bytes]]:
    """Two hundred bodies or more of about `size` bytes, by name."""
    units = {f"prefix {kind.prefix.decode()}": b"-" * (not kind.into) + kind.prefix for kind in KINDS}
    units |= {
        f"half of {name} from {cut}": value.encode()[cut : cut + len(value) - 2]
        for name, value in KNOWN.items()
        for cut in (0, 1, 2)
    }
    units |= {
        "lists": b"[", "objects": b'{"a":', "lists of texts": b'["a",', "closing": b"]}", "quotes": b'"',
        "commas": b",", "pairs": b'"a":"b",',
        "half tokens": b"-eyJa0", "tokens": b".eyJhbGciOiJIUzI1NiJ9",
        "headers": b"eyJhbGciOiJub25lIn0.eyJ.",
        "escapes": b"\\u002b", "backslashes": b"\\", "percents": b"%2f",
        "percents of percents": b"%25",
        "entities": b"&amp;", "ampersands": b"&", "base64": b"QUJD" * 10 + b" ",
        "lines of base64": b"QUJD" * 19 + b"\n", "keys": b"-----BEGIN PRIVATE KEY-----",
        "begins": b"-----BEGIN ",
        "hyphens": b"-",
        "blank lines": b"\n\n", "data": b"data: x\n\n",
        "empty events": b'data: ""\n\n',
        "short events": b'data: {"d":"s"}\n\n',
        "lines": b'{"d":"k"}\n', "carriage returns": b'data: {"d":"Z"}\r\r',
        "words": b"aB3dE6gH9jK2aB3dE6gH9 ", "addresses": b"://a:b@", "parameters": b"?key=", "nothing": b"\0",
        "odd quotes": b'data: it"s\n\n', "texts of texts": b'\\"',
    }  # fmt: skip
    for name, unit in units.items():
        yield name, unit * (size // len(unit))
    yield "nested lists around texts", b'["a' * (size // 8) + b'"]' * (size // 8)
    for width in (3, 30, 300, 3000):
        events = [json.dumps({f"k{n}": char for n in range(width)}) for char in "sk-ant-ap"]
        yield (
            f"{width} short strings",
            "".join(f"data: {event}\n\n" for event in events * max(1, size // 60 // width)).encode()[:size],
        )
    draw = Random(5)
    for _ in range(40):
        unit = bytes(draw.choices(b'sk-aeyJ"{}[]:,\\u0%=/+\n .', k=draw.randint(2, 12)))
        yield f"drawn {unit!r}", unit * (size // len(unit))


def many(events: int = 10**6) -> bytes:
    """A stream of so many events, of two choices."""
    pair = b'data: {"d":"s","index":0}\n\ndata: {"d":"k","index":1}\n\n'
    return pair * (events // 2)


def speed(body: bytes, tries: int = 2) -> float:
    """Megabytes a second of CPU at which a body is searched."""
    answer, took = Response(200, (), (body,)), list[float]()
    redactor = redact.redactor(KNOWN)
    for _ in range(tries):
        began = process_time()
        redactor.answer(answer)
        took.append(process_time() - began)
    return len(body) / max(min(took), 1e-6) / 1e6
