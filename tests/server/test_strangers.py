"""Pages of other origins in the very browser that has the cookie: what they get of the store is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from report import stories
from report.conftest import CHROMIUM, FLAGS
from server.conftest import MARK, filled

from tracefork import Response
from tracefork.server import serving
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.browser
RUN = stories.release().run_id
HTML = (("content-type", "text/html; charset=utf-8"),)
PAGE = by_rule(lambda request: Response(200, HTML, (b"<!doctype html><title>a page</title><body>hi",)))

KEPT = "(all) => Promise.all(all.map(async (at) => (await fetch(at, {cache: 'force-cache'})).text()))"
TRIES = (Path(__file__).parent / "stranger.js").read_text()


@pytest.fixture
def server(tmp_path):
    with filled(tmp_path / "runs.db") as store, serving(store) as server:
        yield server


@pytest.fixture(scope="module")
def one_context(chromium):
    with chromium.new_context() as context:
        yield context


@pytest.fixture
def context(one_context):
    """A browser that knows nothing of the test before. Its tabs are used again: see `tabs`."""
    yield one_context
    for tab in one_context.pages:
        tab.goto("about:blank")
    one_context.clear_cookies()


def blank(context):
    """A tab that shows nothing."""
    return next((tab for tab in context.pages if tab.url == "about:blank"), None) or context.new_page()


def visited(context, server):
    """The browser that the printed address was opened in: the person who may read."""
    tab = blank(context)
    tab.goto(server.url)
    assert tab.url == f"http://127.0.0.1:{server.door.port}/"
    assert RUN in tab.content()
    return tab


BY_NIGHT = pytest.mark.nightly


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cookie"),
    [("127.0.0.1", True), pytest.param("localhost", True, marks=BY_NIGHT), ("127.0.0.1", False)],
)
def test_a_page_of_another_port_or_name_reads_nothing(context, server, name, cookie):
    if cookie:
        visited(context, server).goto("about:blank")  # whose list asks what is new
    answers = []
    own = f":{server.door.port}/"
    context.on("response", lambda answer: answers.append(answer) if own in answer.url else None)
    with LoopbackServer(PAGE) as other:
        tab = blank(context)
        tab.goto(other.url.replace("127.0.0.1", name))
        loot = tab.evaluate(TRIES, [f"http://127.0.0.1:{server.door.port}", RUN])

    assert len(loot) > 100
    assert not [said for said in loot if any(word in said for word in (MARK, "payments", "run_id", "opened"))]
    assert not [said for said in loot if said.startswith(("img: loaded", "script: loaded"))]
    assert len(answers) > 25
    assert {answer.status for answer in answers} <= {403, 405}
    assert not [a for a in answers if [n for n in a.headers if n.startswith("access-control")]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["127.0.0.1", pytest.param("localhost", marks=BY_NIGHT)])
def test_a_page_that_sends_the_reader_there_shows_nothing_to_anybody(context, server, name):
    visited(context, server)
    with LoopbackServer(PAGE) as other:
        tab = blank(context)
        tab.goto(other.url.replace("127.0.0.1", name))
        for how in (
            "location = at",
            "document.body.append(a = document.createElement('a')), a.href = at, a.click()",
        ):
            with tab.expect_navigation():
                tab.evaluate(f"(at) => {{ let a; {how}; }}", f"http://127.0.0.1:{server.door.port}/run/{RUN}")

            assert "a page of another site asked" in tab.content()
            tab.goto(other.url.replace("127.0.0.1", name))


@pytest.mark.slow
def test_a_name_that_was_made_to_mean_this_machine_reads_nothing(chromium, server):
    flags = [*FLAGS, "--host-resolver-rules=MAP rebound.example 127.0.0.1"]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=flags)
    try:
        tab = browser.new_page()
        at = f"http://rebound.example:{server.door.port}"
        for path in ("/", f"/?token={server.door.token}", f"/api/run/{RUN}", f"/api/run/{RUN}/live"):
            answer = tab.goto(f"{at}{path}")

            assert answer.status == 421
            assert MARK not in tab.content()
        assert tab.evaluate("async () => (await fetch('/api/runs')).status") == 421
    finally:
        browser.close()


def test_the_token_leaves_the_address_and_no_script_sees_it(context, server):
    tab = visited(context, server)
    (cookie,) = context.cookies()

    assert server.door.token not in tab.content()
    assert tab.evaluate("document.cookie") == ""
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
    tab.goto(f"http://127.0.0.1:{server.door.port}/run/{RUN}")
    assert MARK in tab.content() or tab.title().startswith("payments-release")


def test_a_page_of_a_run_may_be_opened_with_the_token_too(context, server):
    tab = blank(context)
    tab.goto(f"http://127.0.0.1:{server.door.port}/run/{RUN}?token={server.door.token}#step-3")

    assert tab.url == f"http://127.0.0.1:{server.door.port}/run/{RUN}#step-3"
    assert tab.title().startswith("payments-release")


def test_a_server_that_takes_the_port_over_finds_nothing_in_the_cache(context, tmp_path):
    addresses = ["/", f"/run/{RUN}", f"/api/run/{RUN}", "/api/runs"]
    with filled(tmp_path / "runs.db") as store, serving(store) as server:
        tab = visited(context, server)
        for at in addresses:
            tab.goto(f"http://127.0.0.1:{server.door.port}{at}")
    with LoopbackServer(PAGE, port=server.door.port) as other:
        tab.goto(f"{other.url}/new")
        kept = tab.evaluate(KEPT, addresses)

    assert [text for text in kept if "a page" not in text] == []


def lowered(request):
    return [(name.lower(), value) for name, value in request.headers]


def test_another_server_of_this_host_is_sent_the_cookie_as_the_guide_admits(context, server):
    """Browsers do not tell the ports of a host apart. By another name or site, it is not sent."""
    tab = visited(context, server)
    with LoopbackServer(PAGE) as other:
        tab.goto(other.url)
        tab.goto(other.url.replace("127.0.0.1", "localhost"))
        tab.evaluate(
            "(at) => fetch(at, {mode: 'no-cors', credentials: 'include'})", f"{other.url}/from-elsewhere"
        )
        said = {request.url: dict(lowered(request)).get("cookie", "") for request in other.requests}

    assert server.door.token in said[f"{other.url}/"]
    assert server.door.token not in said[f"{other.url.replace('127.0.0.1', 'localhost')}/"]
    assert server.door.token not in said[f"{other.url}/from-elsewhere"]
