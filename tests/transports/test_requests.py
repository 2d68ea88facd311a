"""requests over urllib3: proxies, TLS, sessions, retries and redirects, bare, recorded and replayed."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import subprocess
import sys
import threading

import pytest
import requests
import trustme
import urllib3
from hostile import CLOSE, HOLD, Hostile, chunked, plain, see, see_thrice
from requests.adapters import HTTPAdapter

import tracefork
from tracefork.errors import Refused
from tracefork.runtime import lanes

pytestmark = pytest.mark.slow

IS_OLD = urllib3.__version__.startswith("1.")  # which does not mind
SSE = (b"data: one\n\n", b"data: two\n", b"\ndata: three\n\n")


def session(retries=0, **mounted):
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", HTTPAdapter(max_retries=retries, **mounted))
    return made


def always(*parts):
    return lambda line, body: parts


def tell(response):
    """What an agent may look at."""
    raw = response.raw
    return (
        response.status_code,
        response.reason,
        dict(response.headers),
        response.url,
        [(one.status_code, one.url) for one in response.history],
        response.cookies.get_dict(),
        response.encoding,
        (raw.version, raw.status, list(raw.headers.items())),
    )


READS = {
    "content": lambda r: r.content,
    "text": lambda r: r.text,
    "json": lambda r: r.json(),
    "lines": lambda r: list(r.iter_lines()),
    "small lines": lambda r: list(r.iter_lines(chunk_size=3)),
    "chunks": lambda r: list(r.iter_content(None)),
    "bytes": lambda r: list(r.iter_content(1)),
    "raw": lambda r: [r.raw.read(4, decode_content=True), r.raw.read()],
    "raw lines": lambda r: list(r.raw),
    "one line": lambda r: next(r.iter_lines(chunk_size=1)),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "parts",
    [
        (chunked(*SSE, headers=("Content-Type: text/event-stream; charset=utf-8", "Set-Cookie: a=b")),),
        (plain(b'{"a": [1, 2]}', "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d"),),
        (chunked(b"one", end=b"10\r\nshort"), CLOSE),
        (plain(b"x" * 30)[:-8], CLOSE),
        (plain(b"slow", status="429 Slow down", version="HTTP/1.1"),),
    ],
    ids=["events", "json", "cut in a chunk", "cut", "refused"],
)
def test_a_response_is_read_again_as_it_was(parts, read):
    def agent(server):
        with session() as asks, asks.get(server.url, params={"q": "a b"}, stream=True) as response:
            return READS[read](response), tell(response)

    see_thrice(agent, always(*parts))


def test_a_body_that_nobody_streams_fails_again_as_it_did():
    def agent(server):
        return session().get(server.url).content

    seen, run, _ = see_thrice(agent, always(plain(b"x" * 30)[:-8], CLOSE))

    assert run.tape[0].response.end.kind == "http.client.IncompleteRead"
    assert seen == b"x" * 22 if IS_OLD else seen[0] is requests.exceptions.ChunkedEncodingError


def test_hops_cookies_and_sessions_are_as_they_were():
    def rule(line, body):
        if "/in" in line:
            return (plain(b"", "Location: /home", "Set-Cookie: at=home; Path=/", status="302 Found"),)
        return (plain(line.encode()),)

    def agent(server):
        with session() as asks:
            first = asks.post(server.url + "/in", data={"name": "me"})
            second = asks.get(server.url + "/more", headers={"X-A": "b"})
            return tell(first), tell(second), first.text, asks.cookies.get_dict()

    _, run, server = see_thrice(agent, rule)

    assert [step.request.method for step in run.tape] == ["POST", "GET", "GET"]
    assert server.heads[:3] == server.heads[3:]


def test_a_timeout_is_one_again_and_takes_no_time():
    seen, run, _ = see_thrice(lambda server: session().get(server.url, timeout=0.2), always(HOLD))

    assert seen[0] is requests.exceptions.ReadTimeout
    assert run.tape[0].answer.kind == "urllib3.exceptions.ReadTimeoutError"


def test_a_connection_that_takes_too_long_does_so_again():
    """The queue of a listener that accepts nobody is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        with tracefork.record() as run:
            live = see(lambda: session(retries=1).get(url, timeout=0.2))
        for filler in fillers:
            filler.close()
    with tracefork.replay(run.tape):
        assert see(lambda: session(retries=1).get(url, timeout=0.2)) == live

    assert live[0][0] is requests.exceptions.ConnectTimeout and len(run.tape) == 2


@pytest.mark.parametrize("retries", [0, 2])
def test_who_is_gone_is_gone_again(retries):
    with Hostile(always()) as server:
        url = server.url
    seen, run, _ = see_thrice(lambda _: session(retries).get(url), always())

    assert seen[0] is requests.exceptions.ConnectionError
    assert len(run.tape) == retries + 1


BODIES = {
    "json": lambda: {"json": {"a": 1}},
    "a form": lambda: {"data": {"a": "1", "b": ["2", "3"]}},
    "a generator": lambda: {"data": (piece for piece in (b"one", b"two"))},
    "a file": lambda: {"data": io.BytesIO(b"a file" * 5_000)},
    "parts": lambda: {"files": {"f": ("f.txt", b"of a file")}},
}


@pytest.mark.parametrize("most", [2**20, 10], ids=["kept", "hashed"])
@pytest.mark.parametrize("body", BODIES)
def test_a_body_leaves_as_it_would_without_us(body, most):
    _, run, server = see_thrice(
        lambda server: session().post(server.url, **BODIES[body]()).content and 1,
        lambda line, body: (plain(body[:5]),),
        max_body=most,
    )
    bare, live = server.bodies

    assert bare == live or body == "parts"  # their boundary is drawn anew
    assert (run.tape[0].request.body or live) == live or body == "parts"


# -- proxies and TLS ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)


@pytest.mark.parametrize("verify", ["trusted", "unknown", "off"])
def test_https_is_trusted_refused_or_warned_of_again(verify, tls):
    context, path = tls
    told = {"trusted": path, "unknown": True, "off": False}[verify]

    def agent(server):
        with session() as asks:
            return asks.get(f"https://127.0.0.1:{server.port}/", verify=told).content

    with Hostile(always(plain(b"ok")), context) as server:
        bare = see(lambda: agent(server))
        with tracefork.record() as run:
            live = see(lambda: agent(server))
    with tracefork.replay(run.tape) as again:
        served = see(lambda: agent(server))

    assert repr(bare) == repr(live) == repr(served) and again.tape.digest() == run.tape.digest()
    assert len(run.tape) == 1 and run.tape.escaped == ()
    if verify == "unknown":
        assert live[0][0] is requests.exceptions.SSLError


def pipe(one, other):
    try:
        while data := one.recv(2**16):
            other.sendall(data)
    except OSError:
        pass
    finally:
        for sock in (one, other):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def tunnelling(line, body):
    """A proxy for CONNECT, and for what is asked of it whole."""
    method, target, _ = line.split(" ")
    if method != "CONNECT":
        return (plain(b"through me: " + target.encode()),)

    def connect(sock):
        host, _, port = target.rpartition(":")
        with lanes.aside(), socket.create_connection((host, int(port))) as there:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pipe, args=(there, sock), daemon=True)
            back.start()
            pipe(sock, there)

    return (connect, CLOSE)


def test_what_goes_through_a_proxy_is_asked_of_whom_it_is_for():
    def agent(server):
        with session() as asks:
            return asks.get("http://shop.invalid/a?b=c", proxies={"http": server.url}).content

    seen, run, _ = see_thrice(agent, tunnelling)

    assert seen == b"through me: http://shop.invalid/a?b=c"
    assert run.tape[0].request.url == "http://shop.invalid/a?b=c"


def test_what_goes_through_a_tunnel_is_recorded_and_a_replay_opens_none(tls):
    context, path = tls
    with Hostile(always(plain(b"behind")), context) as behind:

        def agent(server):
            with session() as asks:
                asks.verify, asks.proxies = path, {"https": server.url}
                return [asks.get(f"https://127.0.0.1:{behind.port}/{n}").content for n in range(2)]

        seen, run, proxy = see_thrice(agent, tunnelling)

    assert seen == [b"behind"] * 2 and proxy.connections == 2 and len(behind.lines) == 4
    assert [s.request.url for s in run.tape] == [f"https://127.0.0.1:{behind.port}/{n}" for n in range(2)]
    assert dict(run.tape[0].request.headers)["Host"] == f"127.0.0.1:{behind.port}"


PROXIES = {
    "that refuses": (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", CLOSE),
    "that says nothing": (CLOSE,),
    "that waits": (HOLD,),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_fails_again_as_it_failed(proxy, scheme):
    def agent(server):
        with session() as asks:
            asks.mount("https://", HTTPAdapter(max_retries=0))
            return asks.get(
                f"{scheme}://shop.invalid/", proxies={scheme: server.url}, timeout=0.3
            ).status_code

    see_thrice(agent, always(*PROXIES[proxy]))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_gone_is_gone_again(scheme):
    with Hostile(always()) as server:
        gone = server.url

    def agent(_):
        with session(retries=1) as asks:
            asks.get(f"{scheme}://shop.invalid/", proxies={scheme: gone})

    seen, *_ = see_thrice(agent, always())

    assert seen[0] is requests.exceptions.ProxyError


# -- whose calls they are ------------------------------------------------------------------------------


def test_in_a_tool_a_model_is_overheard_once():
    with Hostile(always(plain(b"{}"))) as server, tracefork.record() as run:
        url = server.url + "/v1/messages"
        run.call("think", lambda: session().post(url, json={"model": "m"}).text)

    assert run.asked_in_tools == {"think": 1} and len(run.tape) == 0 and run.tape.escaped == ()


def test_what_is_passed_through_is_neither_recorded_nor_counted_and_fails_in_a_replay():
    def agent():
        try:
            return session().post(server.url + "/telemetry").text
        except requests.exceptions.ConnectionError as exc:
            return type(exc).__name__

    with Hostile(always(plain(b"ok"))) as server:
        with tracefork.record(passthrough=["127.0.0.1/telemetry"]) as run:
            assert agent() == "ok"
        with tracefork.replay(run.tape, passthrough=["127.0.0.1/telemetry"]) as again:
            assert agent() == "ConnectionError"

        assert len(server.lines) == 1
    assert len(run.tape) == 0 and run.tape.escaped == () and again.refused == ()


def in_a_thread_from_before(job):
    """Run `job` on a thread that knows of no run."""
    outcome = []
    thread = threading.Thread(target=lambda: (begun.wait(), outcome.append(see(job))))
    begun = threading.Event()
    thread.start()
    return begun, thread, outcome


def test_a_thread_that_knows_of_no_run_is_counted_live_and_served_or_refused_in_a_replay():
    with Hostile(always(plain(b"ok"))) as server:

        def ask(path="/"):
            return session().get(server.url + path).content

        begun, thread, live = in_a_thread_from_before(ask)
        with tracefork.record() as run:
            ask()
            begun.set()
            thread.join()
        assert [(one.kind, one.target, one.count) for one in run.tape.escaped] == [
            ("thread", "127.0.0.1/", 1)
        ]
        begun, thread, served = in_a_thread_from_before(ask)
        with tracefork.replay(run.tape):
            begun.set()
            thread.join()
        begun, thread, other = in_a_thread_from_before(lambda: ask("/else"))
        with tracefork.replay(run.tape) as again:
            begun.set()
            thread.join()
            ask()

        assert len(server.lines) == 2
    assert live[0][0] == served[0][0] == b"ok"
    assert other[0][0][0] is requests.exceptions.ConnectionError and len(again.refused) == 1


def test_a_strict_run_refuses_what_a_stranger_asks_and_records_what_it_knows():
    with Hostile(always(plain(b"ok"))) as server:
        begun, thread, outcome = in_a_thread_from_before(lambda: session().get(server.url).content)
        with pytest.raises(Refused), tracefork.record(strict=True) as run:
            assert session().get(server.url).content == b"ok"
            begun.set()
            thread.join()

        assert len(server.lines) == 1 and len(run.tape) == 1
    assert outcome[0][0][0] is requests.exceptions.ConnectionError


def test_a_client_of_a_replay_that_is_over_does_not_go_live():
    with Hostile(always(plain(b"ok"))) as server:
        with tracefork.record() as run:
            session().get(server.url)
        with pytest.raises(tracefork.Divergence), tracefork.replay(run.tape):
            session().get(server.url)
            session().get(server.url)

        assert len(server.lines) == 1


def test_a_stream_that_outlives_its_run_can_be_read_on():
    with Hostile(always(chunked(b"one", b"two"))) as server, session() as asks:
        with tracefork.record() as run:
            pieces = asks.get(server.url, stream=True).iter_content(None)
            first = next(pieces)
        rest = list(pieces)

    assert (first, rest) == (b"one", [b"two"])
    assert run.tape[0].response.end == "closed" and run.tape[0].response.chunks == (b"one",)


def test_a_library_that_is_first_imported_inside_the_run_is_met():
    script = """
import sys, tracefork
from tracefork.testing.server import LoopbackServer
from tracefork.testing.scripted import by_rule
answer = by_rule(lambda request: tracefork.Response(200, (), (b"ok",)))
with LoopbackServer(answer) as server:
    with tracefork.record() as run:
        assert not {"requests", "urllib3", "botocore"} & sys.modules.keys()
        import requests
        requests.get(server.url)
        import botocore.session
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        client = botocore.session.get_session().create_client("sqs", endpoint_url=server.url, **keys)
        client.list_queues()
print(len(run.tape), run.tape.escaped)
"""
    pytest.importorskip("botocore")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout == "2 ()\n", done.stderr


def test_a_body_that_is_read_byte_by_byte_is_kept_in_the_servers_chunks():
    def agent(server):
        pieces = session().get(server.url, stream=True).iter_content()
        return [next(pieces) for _ in range(7)]

    seen, run, _ = see_thrice(agent, always(chunked(b"three", b"four", b"five")))

    assert b"".join(seen) == b"threefo"
    assert run.tape[0].response.chunks == (b"three", b"fo") and run.tape[0].response.end == "closed"


def test_a_response_that_is_dropped_unread_was_closed_and_is_again():
    def agent(server):
        return session().get(server.url, stream=True).status_code

    _, run, _ = see_thrice(agent, always(chunked(b"one", b"two")))

    assert run.tape[0].response.end == "closed" and run.tape[0].response.chunks == ()


def test_an_answer_that_came_by_another_protocol_is_served():
    """As in a rerun of an agent that has changed its client."""
    came = tracefork.Response(200, (("x", "y"),), (b"by ", b"two"), "eof", "", "HTTP/2")
    asked = tracefork.Request("GET", "http://model.invalid/")
    with tracefork.record() as run:
        with run.asking(asked) as call:
            call.head(came)
            list(call.through(came.chunks))
    with tracefork.replay(run.tape):
        response = session().get(asked.url)

    assert (response.content, response.headers["x"], response.raw.version) == (b"by two", "y", 11)


def test_jobs_of_a_loop_are_answered_in_their_own_lanes():
    async def main(server):
        ask = lambda n: session().post(server.url, data=b"%d" % n).content
        return await asyncio.gather(*[asyncio.to_thread(ask, n) for n in range(6)])

    with Hostile(lambda line, body: (plain(body),)) as server, tracefork.record() as run:
        live = asyncio.run(main(server))
    for _ in range(3):
        with tracefork.replay(run.tape) as again:
            assert asyncio.run(main(server)) == live == [b"%d" % n for n in range(6)]

        assert again.tape.digest() == run.tape.digest()


def test_a_librarys_own_copy_of_urllib3_is_met_at_http_client():
    """As pip's and others' are: their connections are those of `http.client` still."""

    class Copied(urllib3.HTTPConnectionPool):
        def _make_request(self, conn, method, url, **_):
            conn.request(method, url)
            return conn.getresponse()

    def agent(server):
        pool = Copied("127.0.0.1", server.port)
        conn = pool._new_conn()
        return pool._make_request(conn, "GET", "/").read()

    _, run, _ = see_thrice(agent, always(plain(b"ok")))

    assert len(run.tape) == 1
