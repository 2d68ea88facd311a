"""Bodies too long to keep: the agent has them, the tape has their hash, and memory holds neither."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from hashlib import sha256

import httpx
import httpx2
import pytest

import tracefork
from tracefork import Response, Session
from tracefork.core.values import Omitted
from tracefork.errors import BodyOmitted, Divergence
from tracefork.session.bodies import Gathering
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

MB = 2**20
BLOCK = bytes(range(256)) * 256  # 64 kB
LIBRARIES = pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])


def blocks(megabytes):
    yield from (BLOCK for _ in range(megabytes * MB // len(BLOCK)))


class Counted:
    """Takes bodies chunk by chunk, keeps none, and answers with their length and hash and `megabytes`."""

    def __init__(self, lib, megabytes=0):
        self.lib, self.megabytes, self.calls = lib, megabytes, 0

    def handle_request(self, request):
        size, made = 0, sha256()
        for chunk in request.stream:
            size, _ = size + len(chunk), made.update(chunk)
        return self.answered(size, made)

    async def handle_async_request(self, request):
        size, made = 0, sha256()
        async for chunk in request.stream:
            size, _ = size + len(chunk), made.update(chunk)
        return self.answered(size, made)

    def answered(self, size, made):
        self.calls += 1
        headers = {"content-size": str(size), "content-digest": made.hexdigest()}
        return self.lib.Response(200, headers=headers, stream=streamed(self.lib, self.megabytes))


def streamed(lib, megabytes):
    class Blocks(lib.SyncByteStream, lib.AsyncByteStream):
        def __iter__(self):
            return blocks(megabytes)

        async def __aiter__(self):
            for block in blocks(megabytes):
                yield block

    return Blocks()


def transport(lib, megabytes=0):
    return type("Server", (Counted, lib.BaseTransport), {})(lib, megabytes)


def small(lib, megabytes=0):
    return lib.Client(transport=transport(lib, megabytes))


class Peak:
    """The most that the block had allocated at once, in bytes."""

    def __enter__(self):
        tracemalloc.start()
        tracemalloc.reset_peak()
        return self

    def __exit__(self, *_):
        self.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


@LIBRARIES
def test_fifty_megabytes_up_and_down_in_bounded_memory(lib, tmp_path):
    server = transport(lib, 50)
    with Peak() as peak, tracefork.record(tmp_path / "runs.db", max_body=MB) as run:
        with lib.Client(transport=server) as client:
            with client.stream("POST", "http://server/", content=blocks(50)) as response:
                made = sha256()
                for chunk in response.iter_raw():
                    made.update(chunk)

    assert server.calls == 1
    assert response.headers["content-size"] == str(50 * MB), "the server got all of it"
    assert peak.bytes < 12 * MB
    whole = sha256(b"".join(blocks(50))).hexdigest()
    assert made.hexdigest() == response.headers["content-digest"] == whole
    (exchange,) = run.tape
    assert exchange.request.omitted == exchange.response.omitted == Omitted(50 * MB, whole)
    assert exchange.request.body == exchange.response.body == b""
    assert tracefork.loads(tracefork.dumps(run.tape)) == run.tape


@LIBRARIES
def test_fifty_megabytes_up_and_down_asynchronously(lib):
    async def agent():
        async with lib.AsyncClient(transport=server) as client:
            async with client.stream("POST", "http://server/", content=ablocks()) as response:
                return response, sum([len(chunk) async for chunk in response.aiter_raw()])

    async def ablocks():
        for block in blocks(50):
            yield block

    server = type("Server", (Counted, lib.AsyncBaseTransport), {})(lib, 50)
    with Peak() as peak, tracefork.record(max_body=MB) as run:
        response, size = asyncio.run(agent())

    assert peak.bytes < 12 * MB
    assert size == int(response.headers["content-size"]) == 50 * MB
    assert run.tape[0].request.omitted == run.tape[0].response.omitted


def test_over_a_real_socket():
    """Both ways, whole bodies: the limit is for what is kept, never for what goes through."""
    answer = Response(200, (("content-type", "application/octet-stream"),), tuple(blocks(5)))
    seen = []

    def rule(asked):
        seen.append(asked.body)
        return answer

    with LoopbackServer(by_rule(rule)) as server, tracefork.record(max_body=MB) as run, httpx.Client() as c:
        got = c.post(server.url, content=blocks(5)).content

    assert got == answer.body
    assert seen == [b"".join(blocks(5))]
    assert run.tape[0].response.omitted == Omitted(5 * MB, sha256(got).hexdigest())


@LIBRARIES
def test_a_long_upload_is_matched_by_its_hash(lib):
    def agent():
        with small(lib) as client:
            return client.post("http://server/", content=blocks(2)).headers["content-digest"]

    with tracefork.record(max_body=MB) as run:
        said = agent()

    with tracefork.replay(run.tape):
        assert agent() == said
    with tracefork.replay(run.tape, max_body=10):
        assert agent() == said, "what a replay would keep is no part of the question"
    assert tracefork.verify(run.tape, agent)
    with (
        pytest.raises(Divergence) as caught,
        tracefork.replay(run.tape),
        small(lib) as client,
    ):
        client.post("http://server/", content=blocks(3))
    assert caught.value.path == "body"
    assert str(2 * MB) in caught.value.difference.recorded


@LIBRARIES
def test_a_long_multipart_upload_matches_whatever_its_boundary(lib):
    def agent():
        with small(lib) as client:
            file = ("blob", b"".join(blocks(2)), "application/octet-stream")
            return client.post("http://server/", files={"file": file}, data={"a": "b"}).status_code

    with tracefork.record(max_body=MB) as run:
        agent()

    assert run.tape[0].request.omitted.length > 2 * MB
    assert tracefork.verify(run.tape, agent)


@LIBRARIES
def test_to_read_what_was_not_kept_is_an_error(lib):
    def agent():
        with small(lib, megabytes=2) as client:
            try:
                return len(client.get("http://server/").content)
            except Exception:
                return 0

    with tracefork.record(max_body=MB) as run:
        assert agent() == 2 * MB

    with pytest.raises(BodyOmitted, match="record again with a larger max_body"), tracefork.replay(run.tape):
        agent()
    verdict = tracefork.verify(run.tape, agent)
    assert not verdict
    assert isinstance(verdict.error, BodyOmitted)


@LIBRARIES
def test_its_head_can_be_replayed(lib):
    def agent():
        with small(lib, megabytes=2) as client, client.stream("GET", "http://server/") as response:
            return response.status_code, response.headers["content-size"]

    with tracefork.record(max_body=MB) as run, small(lib, megabytes=2) as client:
        client.get("http://server/")

    with tracefork.replay(run.tape):
        assert agent() == (200, "0")


def test_a_body_of_just_the_limit_is_kept():
    with tracefork.record(max_body=MB) as run, small(httpx, megabytes=1) as client:
        client.post("http://server/", content=blocks(1))

    assert run.tape[0].response.omitted is None
    assert len(run.tape[0].response.chunks) == MB // len(BLOCK), "in the chunks that the agent saw"
    assert len(run.tape[0].request.body) == MB


def test_a_body_left_before_the_limit_is_kept():
    with tracefork.record(max_body=MB) as run, small(httpx, megabytes=50) as client:
        with client.stream("GET", "http://server/") as response:
            next(response.iter_raw())

    assert run.tape[0].response.end == "closed"
    assert run.tape[0].response.body == BLOCK


def test_a_fork_sends_a_long_body_on():
    server = transport(httpx)

    def agent(run: Session):
        with httpx.Client(transport=server) as client:
            client.post("http://server/", content=b"first")
            return client.post("http://server/", content=blocks(2)).headers["content-size"]

    with tracefork.record(max_body=MB) as run:
        agent(run)
    with tracefork.fork(run.tape, at=1, max_body=MB) as branch:
        assert agent(branch) == str(2 * MB)

    assert server.calls == 3
    assert branch.tape[1].request.omitted == run.tape[1].request.omitted


def test_the_published_fingerprint_does_not_depend_on_the_limit():
    def taped(most):
        with tracefork.record(max_body=most) as run, small(httpx, megabytes=2) as client:
            client.post("http://server/", content=blocks(2))
        return run.tape

    whole, hashed = taped(10 * MB), taped(MB)
    assert whole[0].response.omitted is None
    assert hashed[0].response.omitted is not None
    for version in (1, 2):
        assert tracefork.digest(whole, version=version) == tracefork.digest(hashed, version=version)


def echo(lib):
    """Asks whatever it is told, then sends it back at length."""

    def network(request):
        body = request.read()
        return lib.Response(200, content=b"the key is hunter2-hunter2" if body == b"what?" else b"thanks")

    with lib.Client(transport=lib.MockTransport(network)) as client:
        said = client.post("http://server/", content=b"what?").content
        client.post("http://server/", content=said + b"." * 2 * MB)


@LIBRARIES
def test_a_secret_in_a_long_upload_is_no_part_of_its_hash(lib, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    with tracefork.record(max_body=MB) as run:
        echo(lib)
    monkeypatch.delenv("SOME_API_KEY")

    assert run.tape[1].request.omitted
    assert tracefork.verify(run.tape, lambda: echo(lib)), "the agent sends what the tape told it"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_the_hash_is_that_of_the_replaced_body_wherever_it_is_cut(size):
    replaced = {b"abab": b"<1>", b"ab": b"<2>", b"bbbbb": b"<3>"}
    body = b"xababab" * 9 + b"bbbbbbbbbbb" + b"aba"
    gathering = Gathering(0, replaced)
    for at in range(0, len(body), size):
        gathering.take(body[at : at + size])

    whole = re.sub(b"abab|bbbbb|ab", lambda found: replaced[found[0]], body)
    assert gathering.omitted == Omitted(len(body), sha256(whole).hexdigest())


def test_a_limit_is_a_number_of_bytes():
    with pytest.raises(ValueError, match="max_body"):
        tracefork.record(max_body=-1)
