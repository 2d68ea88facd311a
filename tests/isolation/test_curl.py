"""libcurl goes past Python's sockets: what pycurl and curl_cffi ask is counted, or refused, and named."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from importlib.util import find_spec
from io import BytesIO

import pytest

import tracefork
from tracefork.errors import Refused
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

HAS = {name: find_spec(name) is not None for name in ("pycurl", "curl_cffi")}


@pytest.fixture
def server():
    heard = []

    def answer(request):
        heard.append(request.url)
        return tracefork.Response(200, (), (b"answer",))

    with LoopbackServer(by_rule(answer)) as made:
        made.heard = heard
        yield made


def handle(url, make=None):
    import pycurl

    made, body = (make or pycurl.Curl)(), BytesIO()
    made.setopt(pycurl.URL, url)
    made.setopt(pycurl.TIMEOUT, 10)
    made.setopt(pycurl.WRITEFUNCTION, body.write)
    return made, body


def by_perform(url):
    made, body = handle(url)
    made.perform()
    made.close()
    return body.getvalue()


def by_perform_rb(url):
    made, _ = handle(url)
    return made.perform_rb()


def by_a_copy(url):
    made, body = handle(url)
    made.duphandle().perform()
    return body.getvalue()


def by_multi(url):
    import pycurl

    made, body = handle(url)
    several = pycurl.CurlMulti()
    several.add_handle(made)
    left = 1
    while left:
        several.select(0.1)
        _, left = several.perform()
    several.remove_handle(made)
    return body.getvalue()


def by_a_subclass(url):
    import pycurl

    class Mine(pycurl.Curl):
        pass

    made, body = handle(url, Mine)
    made.perform()
    assert isinstance(made, Mine) and isinstance(made, pycurl.Curl)
    return body.getvalue()


def by_curl_cffi(url):
    import curl_cffi

    return curl_cffi.get(url, timeout=10).content


def by_a_session(url):
    import curl_cffi

    with curl_cffi.Session() as session:
        return session.post(url, data=b"q", timeout=10).content


def by_an_async_session(url):
    import curl_cffi

    async def main():
        async with curl_cffi.AsyncSession() as session:
            return (await session.get(url, timeout=10)).content

    return asyncio.run(main())


def case(library, ask):
    without = pytest.mark.skipif(not HAS[library], reason=f"{library} is not installed")
    return pytest.param(ask, library, id=ask.__name__, marks=without)


WAYS = [
    *(case("pycurl", ask) for ask in (by_perform, by_perform_rb, by_a_copy, by_multi, by_a_subclass)),
    *(case("curl_cffi", ask) for ask in (by_curl_cffi, by_a_session, by_an_async_session)),
]
every_way = pytest.mark.parametrize(("ask", "library"), WAYS)


def address(server):
    return server.url.removeprefix("http://")


@every_way
def test_a_call_is_counted_in_a_recording_and_named(ask, library, server):
    with tracefork.record() as run:
        assert ask(server.url) == b"answer"

    (escape,) = run.tape.escaped
    assert (escape.kind, escape.target) == ("connection", f"{address(server)} by {library}")
    assert "test_curl.py" in escape.site


@every_way
def test_it_is_refused_in_a_replay_and_under_strict_with_a_sentence_what_to_do(ask, library, server):
    for run in (tracefork.replay(tracefork.Tape()), tracefork.record(strict=True)):
        with pytest.raises(Refused) as told, run:
            ask(server.url)
        assert told.value.client == library and told.value.target == address(server)
        assert f"tracefork cannot record {library}: use httpx" in str(told.value)
        assert f"allow=('{address(server)}',)" in str(told.value)
    assert server.heard == []
    assert ask(server.url) == b"answer"


@every_way
def test_it_may_be_allowed_and_in_a_tool_it_is_the_tools(ask, library, server):
    with tracefork.replay(tracefork.Tape(), allow=(address(server),)):
        assert ask(server.url) == b"answer"
    with tracefork.record(strict=True) as run:
        assert run.call("ask", ask, server.url) == b"answer"
    with tracefork.replay(run.tape) as again:
        assert again.call("ask", ask, server.url) == b"answer"
    assert len(server.heard) == 2


@every_way
def test_a_thread_that_knows_no_run_gets_out_of_no_replay(ask, library, server):
    go, told = threading.Event(), []

    def work():
        go.wait(10)
        try:
            ask(server.url)
        except Exception as exc:
            told.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    with tracefork.replay(tracefork.Tape()) as run:
        go.set()
        thread.join()

    assert [type(exc) for exc in told] == [Refused] and server.heard == []
    assert [one.target for one in run.refused] == [f"{address(server)} by {library}"]


@pytest.mark.skipif(not HAS["pycurl"], reason="pycurl is not installed")
def test_afterwards_pycurl_is_as_it_was(server):
    import pycurl

    before, kept = (pycurl.Curl, pycurl.CurlMulti), pycurl.Curl()
    with tracefork.record():
        assert pycurl.Curl is not before[0] and issubclass(pycurl.Curl, before[0])
        assert isinstance(kept, pycurl.Curl) and not isinstance(1, pycurl.Curl)
        assert pycurl.Curl.__name__ == "Curl" and pycurl.Curl.__module__ == "pycurl"
        made, body = handle(server.url)
    assert (pycurl.Curl, pycurl.CurlMulti) == before and isinstance(made, pycurl.Curl)
    made.perform()
    assert body.getvalue() == b"answer"


@pytest.mark.parametrize("library", HAS)
def test_it_is_reached_where_it_is_imported_within_a_run(library, server):
    if not HAS[library]:
        pytest.skip(f"{library} is not installed")
    ask = {
        "pycurl": "import pycurl; c = pycurl.Curl(); c.setopt(c.URL, url); c.perform()",
        "curl_cffi": "import curl_cffi; curl_cffi.get(url)",
    }[library]
    script = f"""
import sys, tracefork
from tracefork.errors import Refused
url = sys.argv[1]
try:
    with tracefork.replay(tracefork.Tape()):
        {ask}
except Refused as exc:
    print(exc.client)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, server.url], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.stdout.strip() == library, done.stderr
    assert server.heard == []


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/x", "a.example:443"),
        (b"http://a.example:81/", "a.example:81"),
        ("a.example/x", "a.example:80"),
        ("http://[::1]:8/", "::1:8"),
        ("gopher://h/", "h:"),
        ("http://h:port/", "http://h:port/"),
        ("", "an address that is not known"),
        (None, "an address that is not known"),
    ],
)
def test_an_address_is_read_of_what_a_handle_is_told(url, target):
    from tracefork.isolation.curl import _find_target

    assert _find_target(url) == target
