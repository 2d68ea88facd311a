"""`python model.py`: a model that answers the agent on loopback; prints its port.

It serves until its standard input is closed. Needs the standard library alone, and is copied beside the tests
that are stubbed by hand, which take their answers from here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

DONE = "Your journey is planned: all legs are looked up, and each change leaves eight minutes or more."


def answer(journey: int, leg: int, legs: int) -> bytes:
    """What the model says to the question of this number, from 1; the last one is answered in words."""
    name = sha256(f"{journey} {leg}".encode()).hexdigest()
    content: list[dict[str, object]] = [{"type": "text", "text": DONE}]
    if leg < legs:
        text = f"I look up leg {leg} of the journey next, to see when it leaves and where one has to change."
        call = {"id": f"toolu_01{name[:22]}", "name": "look_up", "input": {"journey": journey, "leg": leg}}
        content = [{"type": "text", "text": text}, {"type": "tool_use", **call}]
    said = {
        "model": "claude-sonnet-4-6",
        "id": f"msg_01{name[22:44]}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": "tool_use" if leg < legs else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 420 + 610 * (leg - 1),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 83 if leg < legs else 31,
            "service_tier": "standard",
        },
    }
    return json.dumps(said, separators=(",", ":")).encode()


def headers(number: int) -> Iterator[tuple[str, str]]:
    """The headers of the answer of this number: as many as a median answer of recorded ones has."""
    name, at = sha256(str(number).encode()).hexdigest(), f"10:{number // 60 % 60:02}:{number % 60:02}"
    yield from (
        ("date", f"Sat, 04 Jul 2026 {at} GMT"),
        ("content-type", "application/json"),
        ("anthropic-organization-id", "5d7b3c6e-0f5c-4f3b-9a51-3f0ff2f6d0aa"),
        ("request-id", f"req_011C{name[:20]}"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("via", "1.1 google"),
        ("x-robots-tag", "none"),
        ("cf-cache-status", "DYNAMIC"),
        ("server", "cloudflare"),
        ("cf-ray", f"{name[20:36]}-FRA"),
        ("x-envoy-upstream-service-time", str(900 + number % 700)),
    )
    for what, limit in (
        ("requests", 4_000),
        ("input-tokens", 2_000_000),
        ("output-tokens", 400_000),
        ("tokens", 2_400_000),
    ):
        yield f"anthropic-ratelimit-{what}-limit", str(limit)
        yield f"anthropic-ratelimit-{what}-remaining", str(limit - number % 1_000)
        yield f"anthropic-ratelimit-{what}-reset", f"2026-07-04T{at}Z"


_numbers = count()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"]
        journey, legs = map(int, re.findall(r"\d+", asked[0]["content"]))
        body = answer(journey, len(asked) // 2 + 1, legs)
        self.send_response_only(200)
        for name, value in headers(next(_numbers)):
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
