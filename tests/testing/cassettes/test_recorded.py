"""Cassettes that other recorders wrote, of a server whose answers are known: each byte kept is read."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from testing.cassettes.recording import ANSWERS, ASKED, CLIENTS, FILES, PLAIN, serving

import tracefork
from tracefork.core.content_encoding import decode_body
from tracefork.testing import cassettes

NAMES = sorted(file.name for file in FILES.iterdir() if file.suffix != ".md")
PARSED = ("cassetter",)
"""Recorders that keep JSON parsed, and write it anew."""
DAMAGED = {
    ("vcrpy-4.1.1-httpx.yaml", "/binary"),  # it left out what is no UTF-8
    ("vcrpy-4.1.1-httpx.yaml", "/latin"),
}


def split(url):
    return url[url.index("/", len("http://")) :]


def same(name, read, body):
    """True if what was read is `body`, by meaning where JSON was kept parsed."""
    if read == body:
        return True
    return name.startswith(PARSED) and read[:1] == b"{" and json.loads(read) == json.loads(body)


def held(name, tape):
    """Hold each exchange of `tape` to what the server answers; how many there were of each path."""
    counts = Counter()
    for exchange in tape:
        path, response = split(exchange.request.url), exchange.response
        status, headers, _ = ANSWERS[path]
        body = b"".join(decode_body(response.headers, response.chunks))
        assert response.status == status
        assert same(name, body, PLAIN[path]) or (name, path) in DAMAGED, path
        got = Counter((n.lower(), v) for n, v in response.headers)
        hidden = {"Content-Encoding", "Set-Cookie"} if name.startswith("cassetter") else {"Content-Encoding"}
        assert Counter((n.lower(), v) for n, v in headers if n not in hidden) <= got
        lengths = [int(v) for n, v in response.headers if n.lower() == "content-length"]
        assert lengths in ([], [len(response.body)])
        counts[path] += 1
    return counts


def kept(name):
    """What of ASKED the recorder of this file can keep."""
    if name == "betamax-text.json":
        return [row for row in ASKED if (row[3] + ANSWERS[row[1]][2]).isascii()]
    if name == "betamax-bytes.json":  # of equal questions it keeps the last
        return [row for n, row in enumerate(ASKED) if row[:2] not in [later[:2] for later in ASKED[n + 1 :]]]
    if name in ("vcrpy-4.1.1-httpx.yaml", "vcrpy-6.0.2-httpx.yaml", "vcrpy-6.0.2-httpx-decoded.yaml"):
        return [row for row in ASKED if row[3].isascii() or row[2] == "application/json"]
    return [("GET", "/words", "", b""), *ASKED] if name == "chromium.har" else ASKED


@pytest.mark.parametrize("name", NAMES)
def test_what_a_recorder_kept_of_a_known_server_is_read(name):
    tape = cassettes.read(FILES / name)

    assert held(name, tape) == Counter(path for _, path, _, _ in kept(name))
    assert tape.run_id == name.rpartition(".")[0]
    assert tape.created_at > 1.7e9
    assert "chunks" in tape.cassette.lost
    assert name.startswith(tape.cassette.format) or tape.cassette.format == "HAR"


@pytest.mark.parametrize("name", NAMES)
def test_the_questions_of_a_cassette_are_in_the_order_in_which_they_were_asked(name):
    tape = cassettes.read(FILES / name)

    asked = [(x.request.method, split(x.request.url)) for x in tape]
    assert asked == [(method, path) for method, path, _, _ in kept(name)]
    assert [x.span.began for x in tape] == [n * 3 for n in range(len(tape))]


@pytest.mark.parametrize("name", NAMES)
def test_the_bodies_of_questions_are_read_byte_by_byte(name):
    tape = cassettes.read(FILES / name)

    unlike = [x.request.body for x, row in zip(tape, kept(name), strict=True) if x.request.body != row[3]]
    match name:
        case "chromium.har":  # it keeps no bytes that are no text, and says how many there were
            assert [body[:3] for body in unlike] == [b"", b"--x"]
            lost = {"bodies (1)", "the very bytes of bodies that were parsed or decoded (1)"}
            assert lost < set(tape.cassette.lost)
        case "cassetter-aiohttp.yaml":  # it keeps no length by which to tell how JSON was written
            assert list(map(json.loads, unlike)) == [{"q": "é", "n": [1, 2.5]}]
        case _:
            assert unlike == []


@pytest.mark.parametrize("name", NAMES)
def test_a_cassette_is_replayed_to_a_client_that_asks_the_same(name, tmp_path):
    """Through a client that decodes what it is told to decode."""
    import httpx

    tape = cassettes.read(FILES / name)

    def agent():
        with httpx.Client(follow_redirects=False) as client:
            for exchange in tape:
                asked = exchange.request
                kinds = [(n, v) for n, v in asked.headers if n.lower() == "content-type"]
                got = client.request(asked.method, asked.url, headers=kinds, content=asked.body)
                path = split(asked.url)
                if (name, path) not in DAMAGED:
                    assert same(name, got.content, PLAIN[path])

    verdict = tracefork.verify(tape, agent)
    assert verdict.ok, verdict
    tracefork.save(tape, tmp_path / "kept.tape")
    assert tracefork.load(tmp_path / "kept.tape") == tape


@pytest.mark.slow
@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_what_vcrpy_of_today_records_is_read(client, decode, tmp_path):
    vcr = pytest.importorskip("vcr")
    file = tmp_path / f"{client}.yaml"
    with serving() as url, vcr.use_cassette(str(file), decode_compressed_response=decode):
        CLIENTS[client](url)

    tape = cassettes.read(file)

    assert held(file.name, tape).total() == len(ASKED)
    assert [x.request.body for x in tape] == [body for *_, body in ASKED]
    undone = [what for what in tape.cassette.lost if "content-encoding" in what]
    assert undone == (["the content-encoding of bodies (2)"] if client != "httpx" and not decode else [])


def test_what_vcrpy_of_today_writes_as_json_is_read(tmp_path):
    vcr, httpx = pytest.importorskip("vcr"), pytest.importorskip("httpx")
    file = tmp_path / "kept.json"
    with serving() as url, vcr.use_cassette(str(file), serializer="json"), httpx.Client() as client:
        client.post(url + "/json", json={"q": "é"})

    tape = cassettes.read(file)

    assert tape[0].request.body == '{"q":"é"}'.encode()
    assert tape[0].response.body == ANSWERS["/json"][2]
    assert [v for n, v in tape[0].response.headers if n.lower() == "set-cookie"] == ["a=1; Path=/", "b=2"]
