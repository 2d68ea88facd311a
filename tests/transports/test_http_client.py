"""http.client, urllib.request and xmlrpc: bare, recorded, and replayed with the server gone."""

from __future__ import annotations

import http.client
import io
import ssl
import threading
import urllib.error
import urllib.request
import xmlrpc.client
from contextlib import closing
from urllib.parse import urlsplit
from xmlrpc.server import SimpleXMLRPCServer

import pytest
import trustme
from hostile import CLOSE, HOLD, RESET, Hostile, chunked, forget_names, plain, see, see_thrice

import tracefork
from tracefork import Response
from tracefork.errors import Divergence
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.slow

ECHO = by_rule(lambda request: Response(200, (("content-length", "4"),), (b"back",)))
TEXT = b"one\ntwo and more\n\nthree"


def always(*parts):
    return lambda line, body: parts


def reading(read, rule):
    """Ask a connection of its own, and see what `read` gives of the response."""

    def agent(server):
        with closing(http.client.HTTPConnection(server.address, timeout=0.25)) as conn:
            conn.request("GET", "/x?y=1", headers={"X-Own": "a"})
            response = conn.getresponse()
            head = (response.status, response.reason, response.version, response.getheaders())
            try:
                return read(response), head, response.isclosed(), response.will_close, response.length
            finally:
                response.close()

    return see_thrice(agent, rule)


READS = {
    "whole": lambda r: r.read(),
    "fours": lambda r: [r.read(4) for _ in range(9)],
    "what there is": lambda r: [r.read1(5) for _ in range(9)],
    "into a buffer": lambda r: [into(r, 6) for _ in range(7)],
    "lines": lambda r: list(r),
    "a line": lambda r: r.readline(),
    "a look": lambda r: (r.peek(1)[:1], r.read(2)),
    "a text": lambda r: io.TextIOWrapper(r, "latin-1").read(),
    "nothing": lambda r: None,
}


def into(response, size):
    buffer = bytearray(size)
    return response.readinto(buffer), bytes(buffer)


BODIES = {
    "with a length": (plain(TEXT, "X-Twice: a", "X-Twice: b"),),
    "in chunks": (chunked(TEXT[:5], TEXT[5:9], TEXT[9:]),),
    "until it closes": (b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, CLOSE),
    "empty": (plain(b""),),
    "of no kind": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",),
    "cut": (plain(TEXT)[:-6], CLOSE),
    "reset": (plain(TEXT)[:-6], RESET),
    "held": (plain(TEXT)[:-6], HOLD),
    "cut in a chunk": (chunked(TEXT[:9], end=b"10\r\nshort"), CLOSE),
    "cut after a size": (chunked(TEXT[:9], end=b"10\r\n"), CLOSE),
    "cut after a chunk": (chunked(TEXT[:9], end=b""), CLOSE),
    "with a size that is none": (chunked(TEXT[:9], end=b"what\r\n"), CLOSE),
    "closed at once": (CLOSE,),
    "reset at once": (RESET,),
    "silent": (HOLD,),
    "nonsense": (b"what is this\r\n\r\n", CLOSE),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_read_again_as_it_was(body, read):
    if read == "a look" and body in ("empty", "of no kind"):
        pytest.skip("http.client looks beyond the end of a body, at what the connection says next")
    reading(READS[read], always(*BODIES[body]))


# -- how a connection is used ---------------------------------------------------------------------


def asking(use, rule=lambda line, body: (plain(line.encode() + b"|" + body),), **options):
    """Use a connection, and see what comes of it."""

    def agent(server):
        with closing(http.client.HTTPConnection(server.address)) as conn:
            return use(conn)

    return see_thrice(agent, rule, **options)


def by_hand(conn):
    conn.putrequest("POST", "/", skip_accept_encoding=True)
    conn.putheader("Content-Length", "6")
    conn.putheader("X-Many", "a", "b")
    conn.endheaders(b"one")
    conn.send(b"two")
    return conn.getresponse().read()


def in_chunks_by_hand(conn):
    conn.putrequest("PUT", "/")
    conn.putheader("Transfer-Encoding", "chunked")
    conn.endheaders()
    for part in (b"3\r\non", b"e\r\n", b"0\r\n\r\n"):
        conn.send(part)
    return conn.getresponse().read()


def several(conn):
    answers = []
    for number in range(3):
        conn.request("PUT", f"/{number}", b"x" * number)
        answers.append(conn.getresponse().read())
    return answers


def connected_first(conn):
    conn.connect()
    conn.sock.settimeout(3)
    conn.request("GET", "/")
    answer = conn.getresponse().read()
    conn.sock.setsockopt(6, 1, 1)
    return answer


def out_of_order(conn):
    conn.request("GET", "/a")
    refused = [see(lambda: conn.request("GET", "/b"))[0][0]]
    first = conn.getresponse()
    conn.request("GET", "/c")
    refused.append(see(conn.getresponse)[0][0])
    return first.read(), conn.getresponse().read(), refused


def given_up(conn):
    conn.request("GET", "/a")
    conn.close()
    conn.request("GET", "/b")
    return conn.getresponse().read()


def headed(conn):
    conn.request("HEAD", "/")
    head = conn.getresponse()
    return head.getheader("content-length"), head.read()


BODIES_SENT = {
    "bytes": b"some",
    "text": "some",
    "an array": bytearray(b"some"),
    "a file": lambda: io.BytesIO(b"a file" * 3_000),
    "a text file": lambda: io.StringIO("a text"),
    "an iterable": lambda: iter([b"one", b"", b"two"]),
}
USES = [by_hand, in_chunks_by_hand, several, connected_first, out_of_order, headed]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_a_connection_is_used_as_it_can_be_without_us(use):
    _, run, server = asking(use)
    count = len(server.lines) // 2

    assert [step.request.method for step in run.tape] == [line.split()[0] for line in server.lines[count:]]
    assert server.heads[:count] == server.heads[count:] and server.bodies[:count] == server.bodies[count:]
    assert [step.request.body for step in run.tape] == server.bodies[count:]


def test_an_answer_that_nobody_waits_for_is_given_up_again():
    def agent(server):
        with closing(http.client.HTTPConnection(server.address)) as conn:
            return given_up(conn)

    with Hostile(lambda line, body: (plain(line.encode()),)) as server:
        with tracefork.record() as run:
            live = agent(server)
    with tracefork.replay(run.tape) as again:
        assert agent(server) == live == b"GET /b HTTP/1.1"

    assert again.tape.digest() == run.tape.digest()


@pytest.mark.parametrize("most", [2**20, 2], ids=["kept", "hashed"])
@pytest.mark.parametrize("body", BODIES_SENT)
def test_a_body_leaves_as_it_would_without_us(body, most):
    def use(conn):
        given = BODIES_SENT[body]
        conn.request("POST", "/", given() if callable(given) else given)
        return conn.getresponse().status

    _, run, server = asking(use, always(plain(b"ok")), max_body=most)

    assert server.bodies[0] == server.bodies[1] and server.heads[0] == server.heads[1]
    assert (run.tape[0].request.body == server.bodies[1]) == (most > 2)


def test_a_connection_from_before_a_replay_sends_nothing_in_it_and_serves_after_it():
    def ask(conn):
        conn.request("GET", "/")
        return conn.getresponse().read()

    with Hostile(always(plain(b"ok"))) as server:
        with closing(http.client.HTTPConnection(server.address)) as conn:
            ask(conn)
            with tracefork.record() as run:
                ask(conn)
            with tracefork.replay(run.tape):
                assert ask(conn) == b"ok"
            assert len(server.lines) == 2
            with pytest.raises(ConnectionResetError):  # as if it had been idle for too long
                ask(conn)
            conn.close()
            assert ask(conn) == b"ok"

        assert len(server.lines) == 3


def test_a_connection_that_could_not_be_made_at_first_cannot_again():
    revived = []

    def agent(*, live):
        with closing(http.client.HTTPConnection(gone.address)) as conn:
            with pytest.raises(ConnectionRefusedError) as caught:
                conn.connect()
            if live:
                revived.append(LoopbackServer(ECHO, port=gone.port))
            conn.connect()
            conn.request("GET", "/")
            return caught.value.errno, str(caught.value), conn.getresponse().read()

    with Hostile(always()) as gone:
        pass
    with tracefork.record() as run:
        live = agent(live=True)
    revived[0].close()
    with tracefork.replay(run.tape) as again:
        assert agent(live=False) == live

    assert [step.request.method for step in run.tape] == ["CONNECT", "GET"]
    assert again.tape.digest() == run.tape.digest()


def test_a_fork_serves_a_connections_first_answer_and_asks_for_the_next():
    def agent(server):
        with closing(http.client.HTTPConnection(server.address)) as conn:
            conn.connect()
            return several(conn)

    with Hostile(lambda line, body: (plain(line.encode()),)) as server:
        with tracefork.record() as run:
            agent(server)
        with tracefork.fork(run.tape, 1, lambda step: step.response.with_body(b"UNO")) as branch:
            answers = agent(server)

        assert answers == [b"PUT /0 HTTP/1.1", b"UNO", b"PUT /2 HTTP/1.1"]
        assert len(server.lines) == 4 and branch.tape.escaped == ()


@pytest.fixture(scope="module")
def tls():
    authority = trustme.CA()
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(asking)
    return serving, asking


@pytest.mark.parametrize("first", [True, False], ids=["connected first", "connected by asking"])
def test_https_is_recorded_and_a_replay_connects_nowhere(first, tls):
    serving, context = tls

    def agent(server):
        with closing(http.client.HTTPSConnection("127.0.0.1", server.port, context=context)) as conn:
            if first:
                conn.connect()
            conn.request("GET", "/")
            return conn.getresponse().read()

    with Hostile(always(plain(b"secure")), serving) as server, tracefork.record() as run:
        assert agent(server) == b"secure"
    with tracefork.replay(run.tape) as again:
        assert agent(server) == b"secure"

    assert run.tape[0].request.url == f"https://127.0.0.1:{server.port}/"
    assert run.tape.escaped == () and again.refused == ()


def test_a_tunnel_is_opened_live_and_never_in_a_replay():
    def rule(line, body):
        if line.startswith("CONNECT"):
            return (b"HTTP/1.1 200 OK\r\n\r\n",)
        return (plain(line.encode()),)

    def agent(server):
        with closing(http.client.HTTPConnection(server.address)) as conn:
            conn.set_tunnel("shop.invalid", 8080, {"Proxy-Authorization": "Basic x"})
            return several(conn)

    seen, run, server = see_thrice(agent, lambda line, body: rule(line, body))

    assert seen == [f"PUT /{n} HTTP/1.1".encode() for n in range(3)]
    assert run.tape[0].request.url == "http://shop.invalid:8080/0"
    assert [line.split()[0] for line in server.lines] == ["CONNECT", "PUT", "PUT", "PUT"] * 2


def test_a_tunnel_that_is_refused_is_refused_again():
    def agent(server):
        with closing(http.client.HTTPConnection(server.address)) as conn:
            conn.set_tunnel("shop.invalid", 8080)
            conn.request("GET", "/")

    seen, *_ = see_thrice(agent, always(b"HTTP/1.1 407 No\r\n\r\n", CLOSE))

    assert seen[2] == "Tunnel connection failed: 407 No"


def test_another_question_diverges():
    with Hostile(always(plain(b"ok"))) as server:
        with tracefork.record() as run:
            urllib.request.urlopen(server.url).read()
        with pytest.raises(Divergence), tracefork.replay(run.tape, patience=1):
            urllib.request.urlopen(server.url + "/else").read()

        assert len(server.lines) == 1


# -- urllib.request, xmlrpc -------------------------------------------------------------------------


def opened(url, data=None, **options):
    with urllib.request.urlopen(url, data, **options) as response:
        return response.read(), response.status, response.reason, response.geturl(), response.headers.items()


def test_what_urllib_opens_hops_fails_and_is_read_again():
    def rule(line, body):
        if "/a" in line:
            return (plain(b"", "Location: /b", status="302 Found"),)
        if "/missing" in line:
            return (plain(b"not here", "X-Why: none", status="404 Not Found"),)
        return (plain(line.encode() + body),)

    def agent(server):
        seen = [opened(server.url + "/a"), opened(server.url + "/c", b"data")]
        with pytest.raises(urllib.error.HTTPError) as caught:
            opened(server.url + "/missing")
        with caught.value as error:
            return *seen, (error.code, error.reason, error.headers.items(), error.read())

    _, run, _ = see_thrice(agent, rule)

    assert [step.response.status for step in run.tape] == [302, 200, 200, 404]


@pytest.mark.parametrize("how", ["refused", "unknown", "silent", "closed", "reset"])
def test_what_urllib_raises_it_raises_again_where_it_did(how, monkeypatch):
    forget_names(monkeypatch)
    with Hostile(always()) as none:
        gone = none.url
    parts = {"silent": (HOLD,), "closed": (CLOSE,), "reset": (RESET,)}.get(how, ())

    def agent(server):
        url = {"refused": gone, "unknown": "http://nowhere.invalid/"}.get(how, server.url)
        try:
            return opened(url, timeout=0.3)
        except OSError as exc:
            reason = getattr(exc, "reason", None)
            return type(exc), type(reason), getattr(reason, "errno", None), str(exc)

    seen, run, _ = see_thrice(agent, always(*parts))

    assert len(run.tape) == 1 and issubclass(seen[0], OSError)


def test_xmlrpc_is_recorded_with_its_connection_kept():
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_function(lambda a, b: a + b, "add")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"

    def agent():
        with xmlrpc.client.ServerProxy(url) as proxy:
            return proxy.add(1, 2), proxy.add(3, 4), see(lambda: proxy.nothing())[0][1]

    with tracefork.record() as run:
        live = agent()
    server.shutdown()
    server.server_close()
    thread.join()
    with tracefork.replay(run.tape) as again:
        assert agent() == live

    assert live[:2] == (3, 7) and len(run.tape) == 3 and again.tape.digest() == run.tape.digest()


def test_in_a_tool_a_model_is_overheard_once():
    with Hostile(always(plain(b"{}"))) as server, tracefork.record() as run:
        run.call("think", lambda: opened(server.url + "/v1/messages", b"{}")[1])

    assert run.asked_in_tools == {"think": 1} and len(run.tape) == 0 and run.tape.escaped == ()


def test_what_is_passed_through_is_neither_recorded_nor_counted():
    with Hostile(always(plain(b"ok"))) as server:
        with tracefork.record(passthrough=["127.0.0.1/telemetry"]) as run:
            assert opened(server.url + "/telemetry", b"x")[0] == b"ok"
        with tracefork.replay(run.tape, passthrough=["127.0.0.1/telemetry"]) as again:
            with pytest.raises(urllib.error.URLError):
                opened(server.url + "/telemetry", b"x")

    assert len(run.tape) == 0 and run.tape.escaped == () and again.refused == ()


def test_a_thread_that_knows_of_no_run_is_counted():
    with Hostile(always(plain(b"ok"))) as server:
        begun, seen = threading.Event(), []
        thread = threading.Thread(target=lambda: (begun.wait(), seen.append(opened(server.url)[0])))
        thread.start()
        with tracefork.record() as run:
            begun.set()
            thread.join()

    assert seen == [b"ok"] and [(one.kind, one.count) for one in run.tape.escaped] == [("thread", 1)]


def test_a_url_that_is_asked_for_is_that_of_the_tape():
    with Hostile(always(plain(b"ok"))) as server, tracefork.record() as run:
        opened(server.url + "/a%2Fb?c=d%20e")

    assert urlsplit(run.tape[0].request.url)[2:4] == ("/a%2Fb", "c=d%20e")


def test_who_asks_for_an_answer_before_his_head_is_sent_hears_of_it_from_the_library():
    connection = http.client.HTTPConnection("127.0.0.1", 1)
    with tracefork.record() as run:
        connection.putrequest("GET", "/")
        with pytest.raises(http.client.ResponseNotReady):
            connection.getresponse()
    connection.close()

    assert len(run.tape) == 0
