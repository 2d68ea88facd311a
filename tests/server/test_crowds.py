"""A server that is asked slowly, by many, or over a store that is not there any more."""

import json
import resource
import socket
import time

import httpx
import pytest
from server.asking import asked, bearer

import tracefork
from tracefork import TapeStore
from tracefork.server import serving

client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok" * 500)))
HURRY = 0.5


def ask(text="1"):
    client.post("https://m.example/", content=text)


@pytest.fixture
def store(tmp_path):
    with TapeStore.open(tmp_path / "runs.db") as store:
        with tracefork.record(store, run_id="over"):
            ask()
        yield store


def closed_after(door, *parts, pause=0.0):
    """What comes back for these bytes, and the seconds until the connection is closed."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as sock:
        came = b""
        try:
            for part in parts:
                sock.sendall(part)
                time.sleep(pause)
            while part := sock.recv(65_536):
                came += part
        except (ConnectionResetError, BrokenPipeError):
            pass
        return came, time.monotonic() - began


def request(door, *headers, method="GET", end=b"\r\n\r\n"):
    lines = [f"{method} /api/runs HTTP/1.1", f"Host: 127.0.0.1:{door.port}", bearer(door), *headers]
    return "\r\n".join(lines).encode() + end


HALF = {
    "nothing": lambda door: [b""],
    "a byte": lambda door: [b"G"],
    "half a line": lambda door: [b"GET /api/ru"],
    "no empty line": lambda door: [request(door, end=b"\r\n")],
    "headers without end, a byte at a time": lambda door: [request(door, end=b"\r\nX-A: "), *[b"a"] * 40],
    "half a body": lambda door: [request(door, "Content-Length: 100", method="POST") + b"half"],
    "half a second request": lambda door: [request(door), b"GET /api/r"],
    "half a chunk": lambda door: [request(door, "Transfer-Encoding: chunked", method="POST") + b"5\r\nab"],
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HALF)
def test_a_request_that_is_half_sent_is_not_waited_for(store, what):
    with serving(store, hurry=HURRY) as server:
        came, seconds = closed_after(server.door, *HALF[what](server.door), pause=0.05)

        assert seconds < HURRY + 6  # uvicorn itself waits five seconds for a second request
        assert asked(server.door, "/api/runs", bearer(server.door)).status == 200
    if what == "half a second request":
        assert came.startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_a_request_that_takes_its_time_is_answered_and_a_stream_is_not_cut(store):
    with serving(store, hurry=HURRY) as server, tracefork.record(store, run_id="live"):
        ask()
        whole = request(server.door, "Connection: close")
        came, _ = closed_after(server.door, whole[:20], whole[20:], pause=HURRY / 4)
        assert came.startswith(b"HTTP/1.1 200")

        with socket.create_connection(("127.0.0.1", server.door.port), timeout=10) as sock:
            sock.sendall(request(server.door).replace(b"/api/runs", b"/api/run/live/live"))
            time.sleep(3 * HURRY)
            ask("2")
            heard = b""
            while b"id: 2" not in heard:
                part = sock.recv(65_536)
                assert part, heard
                heard += part


@pytest.mark.slow
def test_the_list_is_quick_beside_many_open_streams(store):
    many = 600
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3 * many:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * many), hard))
    sockets = []
    try:
        with serving(store) as server, tracefork.record(store, run_id="live"):
            for n in range(30):
                ask(str(n) * 500)
            said = request(server.door).replace(b"/api/runs", b"/api/run/live/live")
            for _ in range(many):
                sockets.append(socket.create_connection(("127.0.0.1", server.door.port), timeout=60))
                sockets[-1].sendall(said)
            assert {sock.recv(15) for sock in sockets} == {b"HTTP/1.1 200 OK"}
            took = []
            for _ in range(5):
                began = time.monotonic()
                assert asked(server.door, "/api/runs", bearer(server.door)).status == 200
                took.append(time.monotonic() - began)
            for sock in sockets:
                sock.close()
    finally:
        for sock in sockets:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert sorted(took)[2] < 1.0, took


@pytest.mark.parametrize("name", ["runs.db", "runs"])
def test_a_store_that_is_swapped_while_it_is_served_is_said_so(tmp_path, name):
    with TapeStore.open(tmp_path / name) as kept, TapeStore.open(tmp_path / f"other-{name}") as other:
        for store, run_id in ((kept, "mine"), (other, "theirs")):
            with tracefork.record(store, run_id=run_id):
                ask()
        with serving(kept) as server:
            pages = ["/api/runs", "/api/run/mine", "/api/branch/mine", "/", "/run/mine", "/api/run/mine/live"]
            assert asked(server.door, "/api/runs", bearer(server.door)).status == 200
            (tmp_path / name).rename(tmp_path / "away")
            (tmp_path / f"other-{name}").rename(tmp_path / name)
            for page in pages:
                answer = asked(server.door, page, bearer(server.door))
                assert answer.status == 500
                assert "was replaced while the store was open" in answer.body.decode()
                if page.startswith("/api"):
                    assert json.loads(answer.body)["type"] == "StoreError"
                assert b"theirs" not in answer.body


def test_who_watches_a_store_that_is_swapped_is_told(tmp_path):
    with TapeStore.open(tmp_path / "runs.db") as store:
        log = tracefork.record(store, run_id="live")
        log.__enter__()
        ask()
        with serving(store) as server, socket.create_connection(("127.0.0.1", server.door.port)) as sock:
            sock.settimeout(10)
            sock.sendall(request(server.door).replace(b"/api/runs", b"/api/run/live/live"))
            heard = b""
            while b"id: 1" not in heard:
                heard += sock.recv(65_536)
            (tmp_path / "runs.db").rename(tmp_path / "away.db")
            while b"event: failed" not in heard:
                part = sock.recv(65_536)
                assert part, heard
                heard += part
            while b"was moved or deleted" not in heard:
                heard += sock.recv(65_536)
        with pytest.raises(tracefork.errors.StoreError):
            log.__exit__(None, None, None)


def test_what_was_recorded_steers_no_terminal_that_an_answer_is_printed_on(tmp_path):
    odd = "\x1b[2J\x9b31m\u202e"
    with TapeStore.open(tmp_path / "runs.db") as store:
        with tracefork.record(store, run_id="r", agent_name=odd):
            client.post("https://m.example/", content=odd.encode())
        with serving(store) as server:
            for page in ("/api/runs", "/api/run/r", "/api/%1B%C2%9B", "/%1B%C2%9B", "/", "/run/r"):
                body = asked(server.door, page, bearer(server.door)).body.decode()
                assert not set(odd[:1] + odd[4] + odd[-1]) & set(body), page
            assert asked(server.door, "/api/runs", bearer(server.door)).json[0]["agent_name"] == odd
