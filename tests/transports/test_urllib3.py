"""urllib3, 1.26 or 2: bare, recorded, and replayed with the server gone, an agent sees the same."""

from __future__ import annotations

import gzip
import io
import threading
import zlib

import hostile
import pytest
import urllib3
from hostile import CLOSE, HOLD, RESET, Hostile, chunked, forget_names, plain, see_thrice

import tracefork
from tracefork.errors import Divergence

pytestmark = pytest.mark.slow

GZIPPED = gzip.compress(b"a text that is worth it. " * 400)
PIECES = (b"first, ", b"second, ", b"third" * 20)
ONCE = urllib3.Retry(total=0, redirect=0)


def reading(read, rule, **options):
    """Ask a pool of its own, and see what `read` gives of the response."""

    def agent(server):
        asked = {"preload_content": False, "retries": False, **options}
        with urllib3.PoolManager() as pool:
            response = pool.request("GET", server.url + "/x?y=1", **asked)
            try:
                return read(response), response.status, response.reason, response.version, head(response)
            finally:
                response.close()

    return see_thrice(agent, rule)


def head(response):
    return list(response.headers.items()), response.headers.get("x-twice"), response.isclosed()


def always(*parts):
    return lambda line, body: parts


READS = {
    "whole": lambda r: r.read(),
    "preloaded": lambda r: r.data,
    "pieces of five": lambda r: [r.read(5) for _ in range(40)],
    "a stream": lambda r: list(r.stream()),
    "a stream of four": lambda r: list(r.stream(4)),
    "a stream as it is": lambda r: list(r.stream(16, decode_content=False)),
    "into a buffer": lambda r: [into(r, 9) for _ in range(20)],
    "a text": lambda r: io.TextIOWrapper(io.BufferedReader(r), "latin-1").read(),
    "nothing": lambda r: None,
    "the first": lambda r: r.read(3),
    "drained": lambda r: (r.drain_conn() if hasattr(r, "drain_conn") else r.read(), r.release_conn())[1],
}
if hasattr(urllib3.HTTPResponse, "read1"):
    READS["what there is"] = lambda r: b"".join(iter(lambda: r.read1(6), b""))


def into(response, size):
    buffer = bytearray(size)
    return response.readinto(buffer), bytes(buffer)


BODIES = {
    "with a length": plain(b"".join(PIECES), "X-Twice: one", "X-Twice: two"),
    "in chunks": chunked(*PIECES, headers=("X-Twice: one", "X-Twice: two")),
    "in chunks with extensions and trailers": chunked(*PIECES, end=b"0;x=1\r\nA: b\r\nC: d\r\n\r\n"),
    "compressed": plain(GZIPPED, "Content-Encoding: gzip"),
    "compressed, in chunks": chunked(GZIPPED[:11], GZIPPED[11:], headers=("Content-Encoding: gzip",)),
    "badly compressed": plain(b"no gzip at all", "Content-Encoding: gzip"),
    "deflated": plain(zlib.compress(b"a text " * 99), "Content-Encoding: deflate"),
    "empty": plain(b""),
    "without a reason": plain(b"ok", status="299"),
    "with an odd head": plain(b"ok", "X-Odd:   \xe9  x ", "x-LOWER:", status="404 Ni\xe9nte  da"),
    "folded": plain(b"ok", "X-Folded: one\r\n two", "X-Next: 3"),
    "after another head": b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + plain(b"ok"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
}
ENDS = {
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\nsome", b" text", CLOSE),
    "of 1.0": (b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nsome text", CLOSE),
    "of 1.0 with a length": (plain(b"some text", version="HTTP/1.0"), CLOSE),
    "with a length, cut": (plain(b"x" * 30)[:-8], CLOSE),
    "with a length, reset": (plain(b"x" * 30)[:-8], RESET),
    "with two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nfour", CLOSE),
    "cut in a chunk": (chunked(b"one", end=b"10\r\nshort"), CLOSE),
    "cut before a chunk": (chunked(b"one", end=b""), CLOSE),
    "cut at once": (chunked(end=b""), CLOSE),
    "cut after a size": (chunked(b"one", end=b"10\r\n"), CLOSE),
    "cut in a size": (chunked(b"one", end=b"1"), CLOSE),
    "cut after a chunk's bytes": (chunked(b"one", end=b"3\r\ntwo"), CLOSE),
    "cut in a chunk's end": (chunked(b"one", end=b"3\r\ntwo\r"), CLOSE),
    "cut in the trailer": (chunked(b"one", end=b"0\r\nA: b"), CLOSE),
    "with a size that is none": (chunked(b"one", end=b"zz\r\nwhat\r\n"), HOLD),
    "with a size without an end": (chunked(b"one", end=b"1" * 70_000), CLOSE),
    "reset in a chunk": (chunked(b"one", end=b"10\r\nshort"), RESET),
    "whole, then closed": (plain(b"ok", "Connection: close"), CLOSE),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_read_again_as_it_was(body, read):
    reading(READS[read], always(BODIES[body]))


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("end", ENDS)
def test_a_body_ends_again_as_it_did(end, read):
    reading(READS[read], always(*ENDS[end]))


@pytest.mark.parametrize("end", ENDS)
def test_what_is_read_at_once_ends_again_as_it_did(end):
    reading(lambda r: r.data, always(*ENDS[end]), preload_content=True)


def test_a_length_that_is_not_enforced_is_none_again():
    short = always(plain(b"x" * 30)[:-8], CLOSE)
    seen, run, _ = reading(lambda r: list(r.stream(10)), short, enforce_content_length=False)

    assert seen[0] == [b"x" * 10, b"x" * 10, b"xx"]
    assert run.tape[0].response.end.kind == "http.client.IncompleteRead"


def test_chunks_of_the_tape_are_those_of_the_server():
    _, run, _ = reading(lambda r: list(r.stream()), always(chunked(*PIECES)))

    assert run.tape[0].response.chunks == PIECES and run.tape[0].response.end == "eof"


# -- what goes wrong before an answer -----------------------------------------------------------------

BEFORE = {
    "closed": (CLOSE,),
    "reset": (RESET,),
    "no status": (b"nonsense\r\n\r\n", CLOSE),
    "no version": (b"FTP/1.1 200 OK\r\n\r\n", CLOSE),
    "a status that is none": (b"HTTP/1.1 abc OK\r\n\r\n", CLOSE),
    "half a head": (b"HTTP/1.1 200 OK\r\nX: ", CLOSE),
    "a long line": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", CLOSE),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", CLOSE),
    "a bad header": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno colon\r\n\r\nok", CLOSE),
}


@pytest.mark.parametrize(
    "retries", [False, urllib3.Retry(total=2, backoff_factor=0)], ids=["once", "retried"]
)
@pytest.mark.parametrize("how", BEFORE)
def test_what_comes_instead_of_an_answer_raises_again_what_it_raised(how, retries):
    reading(lambda r: r.data, always(*BEFORE[how]), retries=retries)


def test_silence_times_out_again_at_once():
    _, run, _ = reading(lambda r: r.data, always(HOLD), retries=False, timeout=0.2)

    assert run.tape[0].answer.kind == "urllib3.exceptions.ReadTimeoutError"


@pytest.mark.parametrize("read", ["whole", "a stream", "pieces of five"])
def test_silence_in_a_body_times_out_again(read):
    reading(READS[read], always(chunked(b"one", end=b"5\r\n"), HOLD), timeout=0.2)


def gone():
    with Hostile(always()) as server:
        return server.url


@pytest.mark.parametrize("retries", [False, None, 1], ids=["once", "thrice", "twice"])
@pytest.mark.parametrize(
    "url",
    ["gone", "http://nowhere.invalid/", "https://nowhere.invalid/"],
    ids=["refused", "unknown", "https"],
)
def test_who_cannot_be_reached_cannot_be_reached_again(url, retries, monkeypatch):
    forget_names(monkeypatch)
    url = gone() if url == "gone" else url

    def agent(_):
        with urllib3.PoolManager(retries=retries and urllib3.Retry(retries, backoff_factor=0)) as pool:
            pool.request("GET", url)

    seen, run, _ = see_thrice(agent, always())

    assert issubclass(seen[0], urllib3.exceptions.HTTPError)
    assert len(run.tape) == {False: 1, None: 4, 1: 2}[retries] or retries is None


# -- attempts, hops, connections -----------------------------------------------------------------------


def test_each_attempt_is_an_exchange():
    def rule(line, body):
        return (
            (plain(b"busy", status="503 Busy"),) if len(asked.append(line) or asked) % 3 else (plain(b"ok"),)
        )

    def agent(server):
        retries = urllib3.Retry(total=3, status_forcelist=[503], backoff_factor=0)
        with urllib3.PoolManager(retries=retries) as pool:
            response = pool.request("GET", server.url)
            return response.data, [one.status for one in response.retries.history]

    asked = []
    seen, run, _ = see_thrice(agent, rule)

    assert seen == (b"ok", [503, 503]) and [step.response.status for step in run.tape] == [503, 503, 200]


def test_each_hop_is_an_exchange():
    def rule(line, body):
        if "/a" in line:
            return (plain(b"there", "Location: /b", status="303 See Other"),)
        return (plain(line.encode() + body),)

    def agent(server):
        with urllib3.PoolManager() as pool:
            response = pool.request("POST", server.url + "/a", body=b"x")
            return response.data, response.geturl()

    seen, run, _ = see_thrice(agent, rule)

    assert seen == (b"GET /b HTTP/1.1", "/b")
    assert [(s.request.method, s.request.body) for s in run.tape] == [("POST", b"x"), ("GET", b"")]


def test_a_connection_is_kept_alive_as_it_is_without_us():
    def agent(server):
        with urllib3.HTTPConnectionPool("127.0.0.1", server.port) as pool:
            bodies = [pool.request("GET", "/").data for _ in range(3)]
            return bodies, pool.num_connections, pool.num_requests

    see_thrice(agent, always(plain(b"ok")))


def test_a_connection_from_before_a_replay_sends_nothing_in_it_and_serves_after_it():
    with Hostile(always(plain(b"ok"))) as server, urllib3.PoolManager() as pool:
        pool.request("GET", server.url)
        with tracefork.record() as run:
            pool.request("GET", server.url)
        with tracefork.replay(run.tape):
            assert pool.request("GET", server.url).data == b"ok"
        assert len(server.lines) == 2
        assert pool.request("GET", server.url).data == b"ok"

        assert len(server.lines) == 3


def test_another_question_diverges_at_once_whatever_the_retries():
    with Hostile(always(plain(b"ok"))) as server, urllib3.PoolManager() as pool:
        with tracefork.record() as run:
            pool.request("GET", server.url)
        with pytest.raises(Divergence), tracefork.replay(run.tape, patience=1):
            pool.request("GET", server.url + "/else", retries=5)

        assert len(server.lines) == 1


# -- bodies that are sent ------------------------------------------------------------------------------

SENT = {
    "bytes": lambda: b"some bytes",
    "text": lambda: "some text",
    "a file": lambda: io.BytesIO(b"a file" * 9_000),
    "a text file": lambda: io.StringIO("a file of text" * 9),
    "an iterable": lambda: iter([b"one", b"", b"two"]),
    "nothing": lambda: None,
    "long": lambda: iter([b"x" * 30_000] * 4),
}


@pytest.mark.parametrize("length", [True, False], ids=["all", "no length"])
@pytest.mark.parametrize("most", [2**20, 1_000], ids=["kept", "hashed"])
@pytest.mark.parametrize("body", SENT)
def test_a_body_leaves_as_it_would_without_us(body, most, length):
    if body == "an iterable" and urllib3.__version__ < "2" and length:
        pytest.skip("urllib3 1.26 wants chunked=True for these")

    def agent(server):
        with urllib3.PoolManager() as pool:
            options = {} if length else {"chunked": True}
            return pool.request("POST", server.url, body=SENT[body](), **options).data

    _, run, server = see_thrice(agent, lambda line, body: (plain(body[:100]),), max_body=most)

    bare, live = server.heads
    assert bare == live and server.bodies[0] == server.bodies[1]
    if most > 1_000:
        assert run.tape[0].request.body == server.bodies[0]


def test_threads_that_share_a_pool_are_answered_each_with_its_own():
    def agent(server):
        with urllib3.PoolManager(maxsize=4) as pool:
            given = {}
            ask = lambda n: given.update({n: pool.request("POST", server.url, body=b"%d" % n).data})
            threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return sorted(given.items())

    with Hostile(lambda line, body: (plain(body),)) as server:
        with tracefork.record() as run:
            live = agent(server)
    with tracefork.replay(run.tape) as again:
        assert agent(server) == live == [(n, b"%d" % n) for n in range(8)]

    assert again.tape.digest() == run.tape.digest()


def test_outside_of_a_run_what_was_replaced_is_there_again():
    before = hostile.see(lambda: urllib3.HTTPConnectionPool._make_request)
    with tracefork.record():
        assert urllib3.HTTPConnectionPool._make_request is not before[0]

    assert urllib3.HTTPConnectionPool._make_request is before[0]
