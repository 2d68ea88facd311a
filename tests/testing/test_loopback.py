import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tracefork.core.values import Fault, Response
from tracefork.testing.scripted import Script, by_rule
from tracefork.testing.server import LoopbackServer

PLAIN = Response(200, (("content-length", "5"),), (b"he", b"llo"))
CHUNKED = Response(200, (("content-type", "text/event-stream"),), (b"one", b"two", b"three"))


@pytest.fixture
def serve():
    servers = []

    def start(*items, **options):
        servers.append(LoopbackServer(Script(*items), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def http():
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield client


def raw(server, request):
    """The bytes that come back, until the server closes."""
    with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port), timeout=5) as sock:
        sock.sendall(request)
        with sock.makefile("rb") as file:
            return file.read()


def test_a_plain_answer_is_served_and_its_request_kept(serve, http):
    server = serve(PLAIN)

    assert http.post(f"{server.url}/a?b=c", content=b"hi", headers={"X-Mixed": b"\xe9"}).content == b"hello"
    [request] = server.requests
    assert (request.method, request.url, request.body) == ("POST", f"{server.url}/a?b=c", b"hi")
    assert ("X-Mixed", "é") in request.headers


def test_each_recorded_chunk_is_a_chunk_on_the_wire(serve):
    server = serve(CHUNKED)

    answer = raw(server, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")


def test_headers_keep_their_order_case_and_duplicates(serve):
    headers = (("X-B", "1"), ("x-a", "\xe9"), ("X-b", "2"), ("Content-Length", "0"))
    server = serve(Response(299, headers, reason="Very Fine"))

    answer = raw(server, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert answer == (b"HTTP/1.1 299 Very Fine\r\nX-B: 1\r\nx-a: \xe9\r\nX-b: 2\r\nContent-Length: 0\r\n\r\n")


def test_one_connection_serves_many_requests_of_every_kind(serve, http):
    peers = []
    server = serve(*[PLAIN, CHUNKED] * 3)

    def note(response):
        peers.append(response.extensions["network_stream"].get_extra_info("client_addr"))

    http.event_hooks = {"response": [note]}
    bodies = [
        http.get(server.url).content,
        http.put(server.url, content=iter([b"in ", b"chunks"])).content,
        http.head(server.url).content,
        http.request("HEAD", server.url).content,
        http.request("PURGE", server.url).content,
        http.delete(server.url).content,
    ]

    assert bodies == [b"hello", b"onetwothree", b"", b"", b"hello", b"onetwothree"]
    assert server.requests[1].body == b"in chunks"
    assert len(set(peers)) == 1


def test_a_connection_fault_is_a_reset_without_an_answer(serve, http):
    server = serve(Fault("ConnectError"), Fault("ReadError"), PLAIN)
    for _ in range(2):
        with pytest.raises(httpx.ReadError, match="reset"):
            http.get(server.url)

    assert http.get(server.url).content == b"hello"


def test_a_protocol_fault_closes_without_an_answer(serve, http):
    server = serve(Fault("RemoteProtocolError"))

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        http.get(server.url)


def test_a_timeout_holds_the_request_until_the_server_closes(serve, http):
    server = serve(Fault("ReadTimeout"))
    with pytest.raises(httpx.ReadTimeout):
        http.get(server.url, timeout=0.1)
    began = time.monotonic()
    server.close()

    assert time.monotonic() - began < 2


@pytest.mark.parametrize("size", [3, 1 << 20])
@pytest.mark.parametrize("headers", [(), (("content-length", "99999999"),)])
def test_a_body_cut_midway_gives_all_its_chunks_and_then_the_reset(serve, http, size, headers):
    server = serve(Response(200, headers, (b"a" * size, b"b" * size), end=Fault("ReadError")))
    seen = b""
    with http.stream("GET", server.url) as response, pytest.raises(httpx.ReadError):
        for chunk in response.iter_raw():
            seen += chunk

    assert seen == b"a" * size + b"b" * size


def test_a_body_may_also_stop_early_in_good_order(serve, http):
    server = serve(Response(200, (), (b"one",), end=Fault("RemoteProtocolError")))

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        http.get(server.url)


def test_exhaustion_is_a_500_that_names_itself(serve, http):
    server = serve(PLAIN)
    http.get(server.url)

    answer = http.get(server.url)

    assert (answer.status_code, answer.headers["x-tracefork-error"]) == (500, "exhausted")
    assert [answer.text] == [str(error) for error in server.errors]
    assert "1 answers" in answer.text


def test_what_a_builder_raises_is_a_500_and_is_kept(serve, http):
    def broken(request):
        raise LookupError("no idea")

    server = serve(broken)

    answer = http.get(server.url)

    assert (answer.status_code, answer.headers["x-tracefork-error"]) == (500, "script")
    assert isinstance(server.errors[0], LookupError)


def test_in_lockstep_each_chunk_waits_for_the_one_before_to_be_consumed(serve, http):
    server = serve(CHUNKED, CHUNKED, lockstep=True)
    for _ in range(2):
        seen = []
        with http.stream("GET", server.url) as response:
            for chunk in response.iter_raw():
                seen.append(chunk)
                server.consumed()

        assert seen == [b"one", b"two", b"three"]
    assert server.errors == ()


def test_in_lockstep_a_client_that_buffers_gets_no_second_chunk(serve, http):
    server = serve(CHUNKED, lockstep=True)

    with http.stream("GET", server.url, timeout=0.2) as response, pytest.raises(httpx.ReadTimeout):
        response.read()


def test_in_lockstep_the_wait_is_bounded(serve, http, monkeypatch):
    monkeypatch.setattr("tracefork.testing.server_connection.PATIENCE", 0.1)
    server = serve(CHUNKED, lockstep=True)

    with pytest.raises(httpx.RemoteProtocolError):
        http.get(server.url)

    assert isinstance(server.errors[0], TimeoutError)


def test_a_gate_holds_answers_until_it_is_set(serve, http):
    gate = threading.Event()
    server = serve(PLAIN, gate=gate)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(http.get, server.url)
        time.sleep(0.1)
        waiting = not answer.done()
        gate.set()

        assert waiting
        assert answer.result(5).content == b"hello"


def test_a_delay_comes_before_the_answer(serve, http):
    server = serve(PLAIN, delay=0.2)
    began = time.monotonic()
    http.get(server.url)

    assert time.monotonic() - began >= 0.2


def test_a_closed_server_refuses_connections(http):
    with LoopbackServer(Script(PLAIN)) as server:
        http.get(server.url)

    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
    server.close()


def test_many_threads_are_served_side_by_side():
    script = by_rule(lambda request: Response(200, (), (request.body,)))
    with LoopbackServer(script) as server, httpx.Client(trust_env=False) as client:

        def ask(n):
            return client.post(server.url, content=b"%d" % n).content

        with ThreadPoolExecutor(8) as pool:
            bodies = list(pool.map(ask, range(64)))

    assert bodies == [b"%d" % n for n in range(64)]
    assert len(script.requests) == 64


def test_closing_leaves_no_thread_behind(http):
    before = set(threading.enumerate())
    with LoopbackServer(Script(PLAIN, Fault("ReadTimeout"))) as server:
        http.get(server.url)
        with pytest.raises(httpx.ReadTimeout):
            http.get(server.url, timeout=0.05)

    assert set(threading.enumerate()) <= before
