"""An agent that does as its answers say comes to the same in a replay, though no tape has their secrets.

It goes where a header points, sends on the token, the cookie and the signature that it was given, reads
claims, counts what is left. The services, each with its agents, are in `followed`.
"""

from __future__ import annotations

import base64
import gzip
import re
from urllib.parse import quote

import attrs
import pytest
import requests
from followed import cookies, limits, links, lists, oauth, operations, s3, service, uploads
from followed.service import FOLLOWERS, KEY

import tracefork
from tracefork.errors import RedactedSecret
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

TOLD = [cookies, limits, links, lists, oauth, operations, s3, uploads]
"""Each of these has put its agents into the table."""

KEYS = {"the same": KEY, "another": "Zw3Lp8Yd5Gn1Jf0Tu6Ea", "none": None}


def marked(*values, name):
    return pytest.param(*values, id=name, marks=[pytest.mark.sdk] if values[0].needs else [])


ALL = [marked(follower, name=name) for name, follower in FOLLOWERS.items()]
FORKED = [marked(follower, name=name) for name, follower in FOLLOWERS.items() if follower.turns]
BY_KEY = [
    marked(follower, now, name=f"{name}-{said}")
    for name, follower in FOLLOWERS.items()
    for said, now in KEYS.items()
    if now or not follower.says_key
]


@pytest.fixture(autouse=True)
def _ours(monkeypatch):
    """The key, and clients that are content with what is plain and near by."""
    monkeypatch.setenv("SHOP_API_KEY", KEY)
    for name in ("AUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_INSECURE_TRANSPORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(requests.Session, "get_adapter", lambda session, url: service.OverHttpx())


@pytest.fixture
def follower(request, monkeypatch):
    for name in request.param.needs:
        pytest.importorskip(name, reason=f"{name} is not installed")
    if "google.genai" in request.param.needs:
        monkeypatch.setattr("google.genai._api_client.CHUNK_SIZE", service.PIECE)
    return request.param


def recorded(follower):
    """The tape of what it does, its url, and what it came to."""
    with LoopbackServer(by_rule(follower.service())) as server, tracefork.record() as run:
        live = follower.agent(server.url)
    assert server.errors == ()
    return run.tape, server.url, live


@pytest.mark.parametrize(("follower", "now"), BY_KEY, indirect=["follower"])
def test_what_an_agent_is_told_to_do_it_does_in_a_replay_with_any_key(follower, now, monkeypatch):
    tape, url, live = recorded(follower)
    if now is None:
        monkeypatch.delenv("SHOP_API_KEY")
    else:
        monkeypatch.setenv("SHOP_API_KEY", now)
    kept = tracefork.loads(tracefork.dumps(tape))
    with tracefork.replay(kept) as again:
        replayed = follower.agent(url)

    assert replayed == live
    assert again.tape.digest() == kept.digest() == tape.digest()
    assert again.forwarded == 0


@pytest.mark.parametrize("follower", ALL, indirect=True)
def test_a_tape_that_can_be_followed_holds_no_secret(follower):
    tape, _, _ = recorded(follower)
    hidden = {form for secret in follower.service.secrets for form in forms(secret)}

    for told in all_of(tape):
        for form in hidden:
            assert form not in told, f"{form!r} in {told[:200]!r}"


def forms(secret):
    """A secret as it may stand: bare, quoted, and in base64 at each offset."""
    raw = secret.encode()
    yield from {raw, quote(secret, safe="").encode()}
    for before, first in enumerate((0, 2, 3)):
        inner = base64.b64encode(b"\0" * before + raw).rstrip(b"=")[first:-1]
        yield from {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}


def all_of(tape):
    """What a tape says, before and after it is compressed, and what a body's pieces say together."""
    yield tracefork.dumps(tape)
    for step in tape.steps:
        for said in (step.asked, step.answer):
            yield repr(said).encode()
            for name in ("url", "headers", "body", "value", "text", "message", "arguments"):
                value = getattr(said, name, "")
                yield value if isinstance(value, bytes) else repr(value).encode()
        body = getattr(step.answer, "body", b"")
        yield b"".join(re.findall(rb'"delta": "([^"]*)"', body))
        yield gzip.decompress(body) if body.startswith(b"\x1f\x8b") else b""


# -- what an answer of the tape gave is used live --------------------------------------------------------


@pytest.mark.parametrize("follower", FORKED, indirect=True)
def test_what_a_served_answer_gave_does_not_leave_a_fork_and_the_error_names_the_step(follower):
    with LoopbackServer(by_rule(follower.service())) as server:
        with tracefork.record() as run:
            follower.agent(server.url)
        asked = len(server.requests)
        with (
            pytest.raises(RedactedSecret, match=r"step \d") as caught,
            tracefork.fork(run.tape, follower.turns),
        ):
            follower.agent(server.url)
        left = len(server.requests) - asked

    assert left == 0, "it went out as it was"
    assert all(secret not in str(caught.value) for secret in follower.service.secrets)


@pytest.mark.parametrize("follower", FORKED, indirect=True)
def test_nor_does_it_leave_a_run_that_is_resumed(follower):
    with LoopbackServer(by_rule(follower.service())) as server:
        with tracefork.record() as run:
            follower.agent(server.url)
        broken_off = attrs.evolve(run.tape, steps=run.tape.steps[: follower.turns])
        asked = len(server.requests)
        with pytest.raises(RedactedSecret, match=r"step \d"), tracefork.resume(broken_off):
            follower.agent(server.url)
        left = len(server.requests) - asked

    assert left == 0


@pytest.mark.parametrize("follower", FORKED, indirect=True)
def test_what_is_given_anew_in_a_fork_is_used_live(follower):
    services = [follower.service()]
    with LoopbackServer(by_rule(lambda request: services[-1](request))) as server:
        with tracefork.record() as run:
            live = follower.agent(server.url)
        services.append(follower.service())
        with tracefork.fork(run.tape, 0) as branch:
            again = follower.agent(server.url)
    with tracefork.replay(branch.tape):
        replayed = follower.agent(server.url)

    assert replayed == again == live


def test_what_this_process_knows_is_true_again_in_a_fork():
    """The agent's own key, which the server puts into the link to what comes next."""
    hits = []

    def answer(request):
        hits.append(request.url)
        if "/list" in request.url:
            return service.said({"next": f"{request.url.replace('list', 'more')}?api_key={KEY}"})
        return service.said({"more": request.url.endswith(KEY)})

    def agent(url):
        with service.client() as client:
            return client.get(client.get(f"{url}/list").json()["next"]).json()

    with LoopbackServer(by_rule(answer)) as server:
        with tracefork.record() as run:
            live = agent(server.url)
        with tracefork.fork(run.tape, 1):
            again = agent(server.url)

    assert live == again == {"more": True}
    assert len(hits) == 3
