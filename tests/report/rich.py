"""A run with pictures, sounds, files, Markdown, code and JSON in it; and such things made to do harm."""

from __future__ import annotations

import base64
import json
import struct
import zlib

from attrs import evolve
from report import stories

from tracefork import Request, Response
from tracefork.providers import anthropic


def png(width, height, *, says=None):
    """A picture of two colours; its header says that it is as large as `says`."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *(says or (width, height)), 8, 2, 0, 0, 0)
    rows = b"".join(
        b"\0"
        + b"".join(
            b"\x00\x5f\x86" if (x * 3 < width) ^ (y * 2 < height) else b"\xe6\xb9\x5a" for x in range(width)
        )
        for y in range(height)
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def wav(seconds=1, rate=8_000):
    data = bytes(128 + round(80 * ((n // 20) % 2) - 40) for n in range(seconds * rate))
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 1, 1, rate, rate, 1, 8
    ) + b"data" + struct.pack("<I", len(data)) + data  # fmt: skip


PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.__pwned=1'><text>x</text></svg>"
SQL = (
    "SELECT customer, sum(total) AS spent\nFROM orders -- those of this year\n"
    "WHERE placed > '2026-01-01'\nGROUP BY 1\nLIMIT 10"
)
PYTHON = 'def fee(total: float) -> float:\n    """Half-even."""\n    return round(total * 0.1, 2)  # cents\n'
WORDS = """## What I found

The ledger and the invoices **differ by a cent** in *1,893* places, see [the ticket](https://example.com/PAY-4127):

| host | invoices | off by |
| --- | --- | --- |
| pay-1 | 1,204 | 0.01 |
| pay-2 | 689 | 0.01 |

1. `round()` is half-even
2. the ledger rounds half-up
   - since v8.3.0
   - on all hosts

> The contract test said so before the deploy.

```python
def fee(total):
    return round(total * 0.1, 2)  # here
```
"""
DATA = {
    "run": 18446744073709551615,
    "share": 0.1234567890123456789,
    "hosts": [{"name": f"pay-{n}", "up": n % 3 > 0, "load": n / 7, "notes": None} for n in range(40)],
    "config": {"rounding": "half-even", "paths": {"ledger": "/srv/ledger", "deep": {"er": [[1], [2, [3]]]}}},
    "log": "first line\nsecond line\nthird line",
}


def image(data, media_type="image/png"):
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


def document(data, media_type="application/pdf"):
    return image(data, media_type) | {"type": "document"}


def text(said):
    return {"type": "text", "text": said}


def told(*content, answer=None, number=0):
    """A step that asks with these blocks."""
    asked = stories.question([{"role": "user", "content": list(content)}], stream=False)
    build = answer or anthropic.text("I see.")
    return stories.exchange(asked, build(asked), number)


def run(*steps):
    return evolve(stories.release(), steps=steps)


def plain(body, media_type, number=0, url="https://files.example.com/v1/files/17/content"):
    """A step at another server, whose answer is `body`."""
    asked = Request("GET", url, (), b"")
    return stories.exchange(asked, Response(200, (("content-type", media_type),), (body,)), number)


def spoken(number=0):
    """A question to a model that hears, with a sound of its own."""
    body = {
        "model": "gpt-4o-audio-preview",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is said?"},
                    {
                        "type": "input_audio",
                        "input_audio": {"data": base64.b64encode(wav()).decode(), "format": "wav"},
                    },
                ],
            }
        ],
    }
    asked = Request("POST", "https://api.openai.com/v1/chat/completions", (), json.dumps(body).encode())
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-audio-preview",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Beep."}, "finish_reason": "stop"}
        ],
    }
    return stories.exchange(asked, Response(200, (), (json.dumps(answer).encode(),)), number)


def showcase():
    """A picture, a query, a script, a table in Markdown, JSON, a sound and files."""
    query = anthropic.tool_use(
        "query", {"sql": SQL, "limit": 10, "dry": False}, id="toolu_q", text="I ask the ledger."
    )
    write = anthropic.tool_use("write_file", {"path": "fee.py", "content": PYTHON}, id="toolu_w")
    result = {"type": "tool_result", "tool_use_id": "toolu_q", "content": json.dumps(DATA)}
    return run(
        told(text("What is on this chart?"), image(png(360, 180)), document(PDF), answer=query),
        told(result, answer=anthropic.text(WORDS), number=1),
        told(text("Write it."), answer=write, number=2),
        spoken(3),
        plain(png(64, 64), "image/png", 4),
    )
