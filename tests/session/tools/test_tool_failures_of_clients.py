"""What HTTP clients raise in a tool is raised again with its response, and holds no connection."""

from __future__ import annotations

import asyncio
import copy
import json
import sqlite3
import threading
import urllib.error
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests
import urllib3

import tracefork
from tracefork.errors import CorruptTape, Unrecordable
from tracefork.session.tools import python_values
from tracefork.session.tools.client_messages import Gone

SAID = {"error": {"message": "slow down", "code": "limit"}}
NOWHERE = "http://127.0.0.1:1/x"


class Busy(BaseHTTPRequestHandler):
    """Answers 429, or sends on to that."""

    def do_GET(self):
        body = b"\xff\xfe" if self.path == "/bytes" else json.dumps(SAID).encode()
        self.send_response(307 if self.path == "/moved" else 429)
        self.send_header("Retry-After", "3")
        self.send_header("Location", "/there")
        self.send_header("X-Api-Key", "of-the-server")
        self.send_header("Set-Cookie", "session=of-the-server; Path=/")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


class Held(Exception):
    """One that is given whatever it is to hold."""


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def of_httpx(url):
    httpx.post(f"{url}/x?a=1", json={"q": 1}, headers={"Authorization": "Bearer mine"}).raise_for_status()


def of_httpx2(url):
    httpx2.post(f"{url}/x?a=1", json={"q": 1}, headers={"Authorization": "Bearer mine"}).raise_for_status()


def of_requests(url):
    headers = {"Authorization": "Bearer mine"}
    with requests.post(f"{url}/x?a=1", json={"q": 1}, headers=headers, timeout=9) as response:
        response.raise_for_status()


def of_a_vendor(url):
    with openai.OpenAI(api_key="mine", base_url=url, max_retries=0) as client:
        client.models.list()


def tell(response):
    """Whatever of a response an agent might look at, secrets apart."""
    request = response.request
    headers = {
        k.lower(): v for k, v in response.headers.items() if k.lower() not in ("x-api-key", "set-cookie")
    }
    return (
        (type(response), response.status_code, headers, str(response.url), response.elapsed),
        (response.content, response.text, response.json(), response.encoding),
        [tell_hop(hop) for hop in response.history],
        (type(request), request.method, str(request.url), request.headers["accept"]),
        getattr(request, "body", None) or vars(request).get("_content"),
    )


def tell_hop(response):
    return type(response), response.status_code, str(response.url), str(response.headers["location"])


def round_trip(fn, *args):
    """What `fn` raised when recorded, and what it raised in a replay of the tape that was written down."""
    caught = []
    with tracefork.record() as run, pytest.raises(Exception) as live:
        run.call("fetch", fn, *args)
    caught.append(live.value)
    tape = tracefork.loads(tracefork.dumps(run.tape))
    with tracefork.replay(tape) as again, pytest.raises(type(live.value)) as replayed:
        again.call("fetch", fn, *args)
    return live.value, replayed.value, tape.effects[0].answer.value


@pytest.mark.parametrize("fetch", [of_httpx, of_httpx2, of_requests, of_a_vendor])
def test_a_response_that_was_raised_is_raised_again(fetch, url):
    live, again, text = round_trip(fetch, url)

    assert type(again) is type(live) and str(again) == str(live)
    assert tell(again.response) == tell(live.response)
    assert again.response.json()["error"]["message"] == "slow down"
    assert "mine" not in text and "of-the-server" not in text
    assert again.response.headers["x-api-key"] == "[secret:x-api-key]"


@pytest.mark.parametrize("client", [httpx, httpx2])
def test_what_redirected_to_it_comes_back_too(client, url):
    live, again, _ = round_trip(lambda: client.get(f"{url}/moved", follow_redirects=True).raise_for_status())

    assert tell(again.response) == tell(live.response)
    assert [hop.status_code for hop in again.response.history] == [307]


def test_a_body_that_is_no_text_comes_back(url):
    _, again, _ = round_trip(lambda: httpx.get(f"{url}/bytes").raise_for_status())

    assert again.response.content == b"\xff\xfe"


def test_a_response_may_be_what_a_tool_returns(url):
    with tracefork.record() as run:
        live = run.call("fetch", httpx.get, url)
    with tracefork.replay(run.tape) as again:
        assert tell(again.call("fetch", httpx.get, url)) == tell(live)


def test_a_response_that_was_closed_unread_comes_back_unread(url):
    def stream():
        with httpx.stream("GET", url) as response:
            response.raise_for_status()

    live, again, _ = round_trip(stream)

    for exc in (live, again):
        assert exc.response.status_code == 429
        with pytest.raises(httpx.ResponseNotRead):
            _ = exc.response.text


def test_a_response_that_is_still_being_read_is_refused(url):
    with httpx.Client() as client, client.stream("GET", url) as response:
        with pytest.raises(Unrecordable, match="body was not read"), tracefork.record(intercept=False) as run:
            run.call("fetch", lambda: response)


@pytest.mark.parametrize("client", [httpx, httpx2])
def test_a_client_that_could_not_connect_says_so_again(client):
    live, again, _ = round_trip(client.get, NOWHERE)

    assert str(again) == str(live) and str(again.request.url) == NOWHERE


def test_connections_do_not_come_back_and_say_so_to_whoever_asks():
    live, again, _ = round_trip(lambda: requests.get(NOWHERE, timeout=9))
    pool = again.args[0].pool

    assert str(again) == str(live) and again.request.url == NOWHERE
    assert type(again.args[0].reason) is type(live.args[0].reason)
    assert type(pool) is Gone and "HTTPConnectionPool that no tape could keep" in repr(pool)
    for use in (lambda: pool.host, lambda: str(pool), lambda: bool(pool), lambda: pool(), lambda: [*pool]):
        with pytest.raises(Unrecordable, match="HTTPConnectionPool"):
            use()
    with pytest.raises(Unrecordable):
        pool.host = "elsewhere"
    assert repr(copy.copy(pool)) == repr(pool)


def test_a_connection_of_a_database_does_not_come_back_either():
    def fetch():
        exc = Held("locked")
        with closing(sqlite3.connect(":memory:")) as exc.connection:
            raise exc

    _, again, _ = round_trip(fetch)

    assert type(again) is Held and again.args == ("locked",)
    with pytest.raises(Unrecordable, match=r"sqlite3\.Connection"):
        again.connection.cursor()


def test_urllib3_says_again_that_it_gave_up():
    def fetch():
        with urllib3.PoolManager() as pools:
            pools.request("GET", NOWHERE, retries=0)

    live, again, _ = round_trip(fetch)

    assert str(again) == str(live) and again.url == live.url


def test_what_urllib_raised_can_be_read_live_and_again(url):
    def fetch():
        with urllib.request.urlopen(url):
            pass

    live, again, _ = round_trip(fetch)

    for exc in (live, again):
        assert type(exc) is urllib.error.HTTPError
        assert (exc.code, exc.reason, exc.url, exc.headers["Retry-After"]) == (
            429,
            "Too Many Requests",
            url,
            "3",
        )
        assert json.loads(exc.read()) == SAID and exc.read() == b""
        exc.close()


def test_what_aiohttp_raised_is_raised_again(url):
    async def fetch():
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            response.raise_for_status()

    live, again, text = round_trip(lambda: asyncio.run(fetch()))

    assert type(again) is type(live) and str(again) == str(live)
    assert (again.status, again.headers["retry-after"]) == (429, "3")
    assert again.request_info.real_url == live.request_info.real_url
    assert "of-the-server" not in text


@pytest.mark.parametrize(
    "said",
    [
        ["httpx:Response", {"status": 200}],
        ["httpx:Response", 5],
        ["httpx:Request", {"method": "GET", "url": "http://a", "headers": [["a", 5]]}],
        ["httpx:Request", {"method": "GET", "url": "http://a:x/", "headers": []}],
        ["requests.models:Response", {"status": 200}],
        ["urllib.error:HTTPError", {"url": "u", "status": 1, "reason": "", "headers": [], "body": 5}],
        ["tracefork.session.tools.client_messages:Gone", {"kind": 1}],
    ],
)
def test_a_message_that_says_something_else_is_damage(said):
    with pytest.raises(CorruptTape):
        python_values.decode(json.dumps({"$class": said}))


@pytest.mark.parametrize(
    "name", ["httpx:Client", "requests.sessions:Session", "urllib3.poolmanager:PoolManager"]
)
def test_what_talks_to_servers_is_not_made_of_a_tape(name):
    with pytest.raises(Unrecordable, match="no class that is made"):
        python_values.decode(json.dumps({"$class": [name, {}]}))
