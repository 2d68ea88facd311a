"""Cassettes that vcrpy recorded of each library over real sockets: they answer as the server did."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
from vendor_sdks import libraries

from tracefork import Response
from tracefork.testing import LoopbackServer, by_rule

pytestmark = [pytest.mark.sdk, pytest.mark.slow]

TESTS = Path(__file__).parents[2]
OURS, THEIRS = "tracefork.testing.plugin", "vendor_sdks.by_vcrpy"
PACKED = ("gzip", "deflate", "packed-chunks")
LOST = {
    "by_urllib3_streaming packed-chunks",
    *(f"{client} {case}" for client in ("by_http_client", "by_urllib") for case in PACKED),
}
"""What the client reads as it was sent, and vcrpy keeps decoded."""

TEST = """
import os
from pathlib import Path

import pytest
from vendor_sdks import libraries


@pytest.fixture(scope="module")
def vcr_config():
    decodes = {"decode_compressed_response": True} if "DECODES" in os.environ else {}
    return {"record_mode": os.environ["RECORD"], "filter_headers": ["authorization", "x-api-key"], **decodes}


@pytest.mark.vcr
@pytest.mark.parametrize("name", libraries.ALL)
def test_of(name):
    said = libraries.main(name, os.environ["BASE"])
    Path(os.environ["HEARD"], name).write_text(said, "utf-8")
"""
EVENTS = tuple(f"data: {n} \u96e8\n\n".encode() for n in range(5))
"""What the server answers, by path: status, headers and chunks; without a length they are sent in chunks."""


def answers(packed=b"packed \xc3\xa9" * 40):
    json_kind = ("content-type", "application/json")
    text = ("content-type", "text/plain; charset=utf-8")
    lump = gzip.compress(b"".join(EVENTS), mtime=0)
    return {
        "/gzip": (200, (text, ("content-encoding", "gzip")), (gzip.compress(packed, mtime=0),), True),
        "/deflate": (200, (text, ("content-encoding", "deflate")), (zlib.compress(packed),), True),
        "/events": (200, (("content-type", "text/event-stream"),), EVENTS, False),
        "/gzip-events": (200, (text, ("content-encoding", "gzip")), (lump[:20], lump[20:]), False),
        "/moved": (302, (("location", "/echo?from=moved"),), (), True),
        "/other": (303, (("location", "/echo"),), (b"over there",), True),
        "/missing": (404, (json_kind,), (b'{"error": "none"}',), True),
        "/broken": (500, (json_kind,), (b'{"error": "broken"}',), True),
        "/empty": (204, (("x-said", "nothing"),), (), None),
        "/cookies": (
            200,
            (text, ("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/")),
            (b"k",),
            True,
        ),
        "/bytes": (200, (("content-type", "application/octet-stream"),), (bytes(range(256)),), True),
    }


class Server:
    """Answers each path as `answers` has it, and what is asked of a model only when it is asked again."""

    def __init__(self):
        self.busy = Counter()

    def __call__(self, request):
        path = "/" + request.url.split("/", 3)[3].partition("?")[0]
        if "/v1/" in path or path.endswith("/converse"):
            return self.talk(request, path)
        said = f"{request.method} {request.url.split('/', 3)[3]} ".encode() + (request.body or b"")
        plain = (200, (("content-type", "text/plain"), ("x-said", "so")), (said,), True)
        status, headers, chunks, whole = answers().get(path, plain)
        if request.method == "HEAD":
            chunks = ()
        length = (("content-length", str(sum(map(len, chunks)))),) if whole else ()
        return Response(status, headers + length, chunks)

    def talk(self, request, path):
        asked = request.body.decode()
        who = dict(request.headers).get("user-agent", dict(request.headers).get("User-Agent", ""))
        self.busy[who, path, asked] += 1
        count = self.busy[who, path, asked]
        if "ever broken" in asked or ("broken twice" in asked and count < 3):
            return self.tell(500, {"error": {"message": f"broken {count}"}})
        if "busy" in asked and count == 1:
            return self.tell(429, {"error": {"message": "busy"}})
        message = {"role": "assistant", "content": f"{count} at last"}
        if path.endswith("/converse"):
            message["content"] = [{"text": f"{count} at last"}]
            usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
            output = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
            return self.tell(200, {**output, "metrics": {"latencyMs": 1}})
        if path.endswith("/messages"):
            content = [{"type": "text", "text": f"{count} at last"}]
            usage = {"input_tokens": 1, "output_tokens": 1}
            told = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content}
            return self.tell(200, {**told, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return self.tell(
            200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )

    def tell(self, status, said):
        body = json.dumps(said).encode()
        headers = (("content-type", "application/json"), ("content-length", str(len(body))))
        return Response(status, (*headers, ("retry-after-ms", "1")), (body,))


@pytest.fixture(scope="module", params=["as-sent", "decoded"])
def told(request, tmp_path_factory):
    """What each client is told by the server, by our plugin, and by vcrpy; ours with what was printed."""
    pytest.importorskip("vcr")
    decodes = {"DECODES": "1"} if request.param == "decoded" else {}
    folder = tmp_path_factory.mktemp("libraries")
    (folder / "test_of_libraries.py").write_text(TEST)
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = -p no:cacheprovider -q\nfilterwarnings = default\n"
    )
    with LoopbackServer(by_rule(Server())) as server:
        live, printed = heard(folder, "no:vcr", server.url)
    assert live.keys() == libraries.ALL.keys(), printed
    with LoopbackServer(by_rule(Server())) as server:
        base = server.url
        heard(folder, THEIRS, base, "once", decodes)
    ours = heard(folder, OURS, base, "none", decodes)
    return live, ours, heard(folder, THEIRS, base, "none", decodes)


def heard(folder, by, base, mode="", more=()):
    out = folder / f"{by}-{mode}".replace(":", "-")
    out.mkdir()
    env = {
        **{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "HEARD": str(out),
        "ASKED": str(out / "ASKED"),
        "BASE": base,
        "RECORD": mode,
        **dict(more),
    }
    words = [sys.executable, "-m", "pytest", "-p", by]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    texts = {place.name: place.read_text("utf-8").replace(base, "http://x") for place in out.glob("by_*")}
    said = {name: json.loads(text) for name, text in texts.items()}
    return said, done.stdout + done.stderr


def test_each_client_is_told_what_the_server_told_it(told):
    live, (ours, printed), (theirs, _) = told
    otherwise = [which for which, *_ in list_differing(live, theirs)]
    print(
        f"{sum(map(len, live.values()))} answers to {len(live)} clients; vcrpy tells otherwise: {otherwise}"
    )

    differing = {which: both for which, *both in list_differing(live, ours)}
    assert differing.keys() <= LOST, (differing, printed[-3000:])
    assert all(which not in differing for which, *_ in list_differing(theirs, ours))
    assert "StaleCassette" not in printed


def list_differing(live, told):
    for name, cases in live.items():
        for case, said in cases.items():
            if (other := told.get(name, {}).get(case)) != said:
                yield f"{name} {case}", said, other
