"""One question of an agent that takes several exchanges: redirects, authentication, retries of SDKs."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from clients import kinds, proves, raised
from misbehaving import Misbehaving, response

import tracefork
from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import Script
from tracefork.testing.server import LoopbackServer

SECRET = "sk-live-0123456789abcdef"


def target(request):
    return request.split(b" ", 2)[1].decode()


def method(request):
    return request.split(b" ", 1)[0].decode()


def field(request, name):
    found = [line for line in request.split(b"\r\n") if line.lower().startswith(name + b":")]
    return found[0].partition(b":")[2].strip() if found else None


def seen(response):
    """What an agent can tell of a response and of those before it."""
    return (
        response.status_code,
        str(response.url),
        response.request.method,
        response.content,
        [(r.status_code, str(r.url), r.request.method, r.content) for r in response.history],
        response.next_request and (response.next_request.method, str(response.next_request.url)),
    )


# -- redirects ------------------------------------------------------------------------------


def redirecting(status):
    def answer(request):
        if target(request) == "/end":
            yield response(method(request).encode())
        else:
            yield response(b"moved", b"Location: /end", status=b"%d Moved" % status)

    return answer


@kinds
@pytest.mark.parametrize("follows", [True, False], ids=["followed", "left"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect(kind, status, follows, tmp_path):
    async def agent(client):
        return seen(await client.post(f"{server.url}/start", content=b"q"))

    with Misbehaving(redirecting(status)) as server:
        got, tape = proves(lambda: kind.run(agent, follow_redirects=follows), server, tmp_path)

    assert [x.response.status for x in tape] == ([status, 200] if follows else [status])
    assert ("Location", "/end") in tape[0].response.headers
    kept = "POST" if status in (307, 308) else "GET"
    if follows:
        assert tape[1].request.method == kept
        assert tape[1].request.body == (b"q" if kept == "POST" else b"")
        assert got[3] == kept.encode()
    else:
        assert got[5] == (kept, f"{server.url}/end")


@kinds
def test_a_redirect_to_another_host(kind, tmp_path):
    async def agent(client):
        return seen(await client.get(f"{server.url}/start", headers={"authorization": "Bearer hunter22"}))

    with Misbehaving([response(b"here")]) as other:
        away = b"Location: %b/end" % other.url.replace("127.0.0.1", "localhost").encode()
        with Misbehaving([response(b"moved", away, status=b"302 Found")]) as server:
            peers = Both(server, other)
            got, tape = proves(lambda: kind.run(agent, follow_redirects=True), peers, tmp_path)

    assert got[3] == b"here"
    assert [any(n.lower() == "authorization" for n, _ in x.request.headers) for x in tape] == [True, False]
    assert all(field(request, b"authorization") is None for request in other.requests)


class Both:
    def __init__(self, *peers):
        self._peers = peers

    def close(self):
        for peer in self._peers:
            peer.close()


@kinds
def test_a_body_that_cannot_be_sent_twice_is_not_redirected(kind, tmp_path):
    def chunks():
        yield b"some"

    async def achunks():
        yield b"some"

    async def agent(client):
        try:
            await client.post(server.url, content=chunks() if kind.how == "sync" else achunks())
        except Exception as exc:
            return raised(exc)[:2]

    with Misbehaving(redirecting(307)) as server:
        got, _ = proves(lambda: kind.run(agent, follow_redirects=True), server, tmp_path)

    assert got[0] is kind.lib.StreamConsumed


@kinds
def test_redirects_without_end(kind, tmp_path):
    async def agent(client):
        try:
            await client.get(server.url)
        except Exception as exc:
            return raised(exc)

    with Misbehaving([response(b"", b"Location: /again", status=b"302 Found")]) as server:
        got, tape = proves(lambda: kind.run(agent, follow_redirects=True, max_redirects=3), server, tmp_path)

    assert got[0] is kind.lib.TooManyRedirects
    assert len(tape) == 4


@kinds
@pytest.mark.parametrize("where", ["http://[::1", "ftp://h/", "http://a b/", "//"])
def test_a_redirect_to_nowhere(kind, where, tmp_path):
    async def agent(client):
        try:
            await client.get(server.url)
        except Exception as exc:
            return raised(exc)

    with Misbehaving([response(b"", b"Location: " + where.encode(), status=b"302 Found")]) as server:
        got, _ = proves(lambda: kind.run(agent, follow_redirects=True), server, tmp_path)

    assert issubclass(got[0], kind.lib.RequestError)


@kinds
@pytest.mark.parametrize(
    "place",
    ["/end?key={}&x=1", "/{}/end", "http://bob:hunter22@127.0.0.1:{port}/end"],
    ids=["query", "path", "userinfo"],
)
def test_a_redirect_that_holds_a_secret(kind, place, tmp_path, monkeypatch):
    """What the tape hides of the location, it hides of the request that follows it."""
    monkeypatch.setenv("SHOP_API_KEY", SECRET)

    def answer(request):
        if "end" in target(request):
            yield response(b"end " + (field(request, b"authorization") or b"nobody"))
        else:
            where = place.format(SECRET, port=server.port)
            yield response(b"", b"Location: " + where.encode(), status=b"302 Found")

    async def agent(client):
        return (await client.get(f"{server.url}/start")).content

    with Misbehaving(answer) as server:
        got, tape = proves(lambda: kind.run(agent, follow_redirects=True), server, tmp_path)

    kept = repr([(x.request, x.request.headers, x.response.headers) for x in tape])
    assert SECRET not in kept
    assert "hunter22" not in kept
    assert len(tape) == 2


# -- authentication ---------------------------------------------------------------------------


def guarded(scheme):
    """Lets in who answers the challenge, each time with another nonce."""
    count = itertools.count()

    def answer(request):
        said = field(request, b"authorization") or b""
        if said.lower().startswith(scheme.split()[0].lower().encode()):
            yield response(b"welcome")
        else:
            challenge = scheme.format(next(count)).encode()
            yield response(b"who?", b"WWW-Authenticate: " + challenge, status=b"401 Unauthorized")

    return answer


@kinds
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_authentication(kind, algorithm, tmp_path):
    """Its nonces and their counts are of the client's own making, and not asked for."""

    async def agent(client):
        first = await client.post(server.url, content=b"one")
        second = await client.post(server.url, content=b"two")
        return seen(first), seen(second)

    challenge = f'Digest realm="r", nonce="n{{}}", qop="auth", algorithm={algorithm}, opaque="o"'
    with Misbehaving(guarded(challenge)) as server:
        got, tape = proves(
            lambda: kind.run(agent, auth=kind.lib.DigestAuth("bob", "hunter22")), server, tmp_path
        )

    assert [x.response.status for x in tape] == [401, 200, 200]
    assert "hunter22" not in repr([x.request.headers for x in tape])
    assert got[0][3] == b"welcome"


@kinds
def test_basic_authentication(kind, tmp_path):
    async def agent(client):
        url = kind.lib.URL(server.url).copy_with(username="bob", password="hunter22")
        by_url = await client.get(url)
        return seen(by_url), seen(await client.get(server.url, auth=("bob", "hunter22")))

    with Misbehaving(guarded("Basic realm=r")) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert [x.response.status for x in tape] == [200, 200]
    assert tape[0].request.url.startswith("http://[secret:userinfo]@127.0.0.1")
    assert "hunter22" not in repr([(x.request, x.request.headers) for x in tape])


@kinds
def test_an_auth_flow_that_asks_for_a_token_and_retries(kind, tmp_path):
    class Token(kind.lib.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            refused = yield request
            if refused.status_code == 401:
                token = yield kind.lib.Request("POST", f"{server.url}/token", content=refused.content)
                request.headers["authorization"] = f"Bearer {token.text}"
                yield request

    def answer(request):
        if target(request) == "/token":
            yield response(b"t-" + request.rpartition(b"\r\n\r\n")[2])
        else:
            yield from guarded("Bearer x")(request)

    async def agent(client):
        return seen(await client.post(server.url, content=b"q"))

    with Misbehaving(answer) as server:
        got, tape = proves(lambda: kind.run(agent, auth=Token()), server, tmp_path)

    assert [x.response.status for x in tape] == [401, 200, 200]
    assert tape[1].request.body == b"who?"
    assert got[3] == b"welcome"


@kinds
def test_cookies_are_the_clients_own(kind, tmp_path):
    def answer(request):
        yield response(field(request, b"cookie") or b"none", b"Set-Cookie: id=hunter22; Path=/")

    async def agent(client):
        return [(await client.get(server.url)).status_code for _ in range(3)]

    with Misbehaving(answer) as server:
        _, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert "hunter22" not in repr([(x.request.headers, x.response.headers) for x in tape])


# -- retries of SDKs --------------------------------------------------------------------------


def anthropic_agent(sdk, url):
    with sdk.Anthropic(api_key="not-a-real-key", base_url=url) as client:
        return client.messages.create(model="m", max_tokens=9, messages=ASKED).model_dump()


async def anthropic_async(sdk, url):
    async with sdk.AsyncAnthropic(api_key="not-a-real-key", base_url=url) as client:
        return (await client.messages.create(model="m", max_tokens=9, messages=ASKED)).model_dump()


def openai_agent(sdk, url):
    with sdk.OpenAI(api_key="not-a-real-key", base_url=url) as client:
        return client.chat.completions.create(model="m", messages=ASKED).model_dump()


async def openai_async(sdk, url):
    async with sdk.AsyncOpenAI(api_key="not-a-real-key", base_url=url) as client:
        return (await client.chat.completions.create(model="m", messages=ASKED)).model_dump()


ASKED = [{"role": "user", "content": "Where is my order?"}]
SDKS = [anthropic_agent, anthropic_async, openai_agent, openai_async]


@pytest.mark.sdk
@pytest.mark.parametrize("status", [429, 529])
@pytest.mark.parametrize("agent", SDKS, ids=lambda agent: agent.__name__)
def test_each_retry_of_an_sdk_is_an_exchange_and_says_when_to_come_back(agent, status, tmp_path):
    vendor = agent.__name__.partition("_")[0]
    sdk = pytest.importorskip(vendor)
    says = anthropic_says if vendor == "anthropic" else openai_says
    later = (("Retry-After-Ms", "20"), ("Retry-After", "1"), ("Content-Type", "application/json"))
    busy = tracefork.Response(status, later, (b'{"error":{"type":"busy","message":"later"}}',))

    def act():
        result = agent(sdk, server.url)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result

    with LoopbackServer(Script(*[busy, busy, says.text("Soon.")] * 2)) as server:
        got, tape = proves(act, server, tmp_path)
        assert len(server.requests) == 6

    assert "Soon." in repr(got)
    assert [x.response.status for x in tape] == [status, status, 200]
    for exchange in tape.exchanges[:2]:
        assert {("Retry-After", "1"), ("Retry-After-Ms", "20")} <= set(exchange.response.headers)
    counts = [dict(x.request.headers)["x-stainless-retry-count"] for x in tape]
    assert counts == ["0", "1", "2"]


@pytest.mark.sdk
@pytest.mark.parametrize("agent", SDKS, ids=lambda agent: agent.__name__)
@pytest.mark.parametrize("kind", ["RemoteProtocolError", "ReadError"])
def test_a_connection_that_breaks_is_retried_too(agent, kind, tmp_path, monkeypatch):
    vendor = agent.__name__.partition("_")[0]
    sdk = pytest.importorskip(vendor)
    says = anthropic_says if vendor == "anthropic" else openai_says
    monkeypatch.setattr(f"{vendor}._base_client.INITIAL_RETRY_DELAY", 0.01)

    def act():
        result = agent(sdk, server.url)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result

    with LoopbackServer(Script(*[tracefork.Fault(kind), says.text("Soon.")] * 2)) as server:
        got, tape = proves(act, server, tmp_path)

    assert "Soon." in repr(got)
    assert tape[0].answer.kind == kind
    assert tape[1].response.status == 200


@pytest.mark.sdk
@pytest.mark.parametrize("agent", SDKS, ids=lambda agent: agent.__name__)
def test_an_sdk_that_gives_up_raises_its_own_error_again(agent, tmp_path):
    vendor = agent.__name__.partition("_")[0]
    sdk = pytest.importorskip(vendor)
    later = (("Retry-After-Ms", "5"), ("Content-Type", "application/json"), ("X-Request-Id", "req-9"))
    busy = tracefork.Response(429, later, (b'{"error":{"type":"busy","message":"later"}}',))

    def act():
        try:
            result = agent(sdk, server.url)
            return asyncio.run(result) if asyncio.iscoroutine(result) else result
        except sdk.RateLimitError as exc:
            return *raised(exc), exc.status_code, exc.body, exc.response.headers["x-request-id"]

    with LoopbackServer(Script(*[busy] * 6)) as server:
        got, tape = proves(act, server, tmp_path)

    assert got[0] is sdk.RateLimitError
    assert got[-1] == "req-9"
    assert len(tape) == 3
