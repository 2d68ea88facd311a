"""Every body and every header: as on the wire on the tape, as the library has it for the client."""

from __future__ import annotations

import gzip
import io
import re
import zlib

import pytest
from clients import KINDS, all_kinds, kinds, proves, raised
from misbehaving import LAST, Misbehaving, Move, chunked, response

import tracefork

ALL = bytes(range(256))
TEXT = "Où est ma commande ? 注文はどこ? 📦\n".encode() * 40


def brotli(data):
    return pytest.importorskip("brotli").compress(data)


def zstd(data):
    pytest.importorskip("backports.zstd", reason="httpx2 decodes zstd with it")
    return pytest.importorskip("zstandard").compress(data)


def bare_deflate(data):
    it = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return it.compress(data) + it.flush()


CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, bare": bare_deflate,
    "br": brotli,
    "zstd": zstd,
    "gzip, br": lambda data: brotli(gzip.compress(data)),
    "identity": bytes,
    "unheard-of": lambda data: data[::-1],
}


def pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def coded(name):
    """What encodes to `name`, and the header that says so."""
    return CODINGS[name], b"Content-Encoding: " + name.partition(", bare")[0].encode()


async def told(client, method, url, reader, **options):
    """What an agent can tell of a response that it reads with `reader`."""
    got = []
    try:
        async with client.stream(method, url, **options) as response:
            got.append(facts(response))
            if reader == "aread":
                got += [await response.aread(), response.text, response.content]
            else:
                async for piece in getattr(response, reader)():
                    got.append(piece)
            got.append(response.num_bytes_downloaded)
            got.append(response.elapsed.total_seconds() >= 0)
    except Exception as exc:
        got.append(raised(exc))
    return got


def facts(response):
    return (
        response.status_code,
        response.reason_phrase,
        response.http_version,
        response.headers.raw,
        response.headers.multi_items(),
        response.encoding,
        response.charset_encoding,
        response.extensions.get("reason_phrase"),
        response.extensions.get("http_version"),
    )


# -- encodings ------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("name", CODINGS)
def test_an_encoded_body(kind, name, tmp_path, monkeypatch):
    """It stays encoded on the tape, though it is looked into for a secret."""
    monkeypatch.setenv("SHOP_API_KEY", "nowhere-in-the-body")
    encode, header = coded(name)
    sent = pieces(encode(TEXT), 37)

    async def agent(client):
        return [
            await told(client, "POST", server.url, reader)
            for reader in ("aiter_raw", "aiter_bytes", "aiter_text", "aiter_lines", "aread")
        ]

    with Misbehaving(
        [chunked(*sent, headers=[header, b"Content-Type: text/plain; charset=utf-8"]), LAST]
    ) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    raw, decoded, text, lines, whole = (answer[1:-2] for answer in got)
    assert raw == sent
    assert list(tape[0].response.chunks) == sent
    if name != "unheard-of":
        assert b"".join(decoded) == TEXT
        assert "".join(text) == TEXT.decode()
        assert lines == TEXT.decode().splitlines()
        assert whole == [TEXT, TEXT.decode(), TEXT]


BROKEN = {
    "cut": lambda data: data[: len(data) // 2],
    "cut short": lambda data: data[:-3],
    "junk": lambda _: b"this is not compressed at all",
    "junk within": lambda data: data[:20] + b"\xff\0\xff\0" * 8 + data[20:],
    "junk after": lambda data: data + b"junk",
    "twice": lambda data: data + data,
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("kind", KINDS[::3], ids=str)
def test_a_body_that_does_not_decode(kind, name, how, tmp_path):
    encode, header = coded(name)
    sent = pieces(BROKEN[how](encode(TEXT)), 16)

    async def agent(client):
        return [
            await told(client, "GET", server.url, reader) for reader in ("aread", "aiter_bytes", "aiter_raw")
        ]

    with Misbehaving([chunked(*sent, headers=[header]), LAST]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[2][1:-2] == sent
    if how.startswith("junk") and how != "junk after":
        assert got[0][-1][0] is got[1][-1][0] is kind.lib.DecodingError


@kinds
@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate, bare", "br", "zstd", "gzip, br"])
def test_a_secret_in_an_encoded_body(kind, name, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "sk-live-0123456789")
    encode, header = coded(name)
    sent = pieces(encode(b"the key is sk-live-0123456789, thank you"), 9)

    async def agent(client):
        return (await client.get(server.url)).text

    with Misbehaving([chunked(*sent, headers=[header]), LAST]) as server, tracefork.record() as run:
        assert kind.run(agent) == "the key is sk-live-0123456789, thank you"
    with tracefork.replay(run.tape) as again:
        replayed = kind.run(agent)

    assert replayed != "the key is sk-live-0123456789, thank you"
    assert re.fullmatch(r"the key is sk-[a-z]{4}-[0-9]{10}, thank you", replayed)
    assert run.tape.masked[0].response.body == b"the key is [secret:SHOP_API_KEY], thank you"
    assert again.tape.digest() == run.tape.digest()


@pytest.mark.parametrize("kind", KINDS[::3], ids=str)
def test_a_secret_in_a_later_frame(kind, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "sk-live-0123456789")
    sent = zstd(b"first, ") + zstd(b"then sk-live-0123456789")

    async def agent(client):
        return (await client.get(server.url)).text

    with Misbehaving([response(sent, b"Content-Encoding: zstd")]) as server, tracefork.record() as run:
        assert kind.run(agent) == "first, then sk-live-0123456789"
    with tracefork.replay(run.tape):
        assert re.fullmatch(r"first, then sk-[a-z]{4}-[0-9]{10}", kind.run(agent))

    assert b"sk-live-0123456789" not in tracefork.dumps(run.tape)


@pytest.mark.parametrize("kind", KINDS[::3], ids=str)
@pytest.mark.parametrize("name", ["zstd", "unheard-of", "gzip"])
def test_a_secret_that_shows_in_a_body_that_does_not_decode(kind, name, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "sk-live-0123456789")
    junk = b"not compressed: sk-live-0123456789 "
    sent = pieces(zstd(junk)[:-1] if name == "zstd" else junk, 9)
    assert b"sk-live-0123456789" in b"".join(sent)

    async def agent(client):
        return len(await told(client, "GET", server.url, "aread"))

    header = b"Content-Encoding: " + name.encode()
    with Misbehaving([chunked(*sent, headers=[header]), LAST]) as server, tracefork.record() as run:
        kind.run(agent)
    with tracefork.replay(run.tape) as again:
        kind.run(agent)  # a placeholder is longer: it may fail elsewhere, or not at all

    assert b"sk-live" not in run.tape[0].response.body
    assert again.tape.digest() == run.tape.digest()


# -- bodies, down ------------------------------------------------------------------------------


PLAIN = {
    "empty": [response(b"")],
    "empty, chunked": [chunked(), LAST],
    "all bytes": [response(ALL)],
    "all bytes, one by one": [chunked(*(ALL[n : n + 1] for n in range(256))), LAST],
    "not utf-8": [response(b"caf\xe9 \xff\xfe", b"Content-Type: text/plain; charset=utf-8")],
    "latin-1": [response(b"caf\xe9", b"Content-Type: text/plain; charset=iso-8859-1")],
    "a character cut in two": [chunked(b"caf\xc3", b"\xa9"), LAST],
    "an unknown charset": [response(b"caf\xc3\xa9", b"Content-Type: text/plain; charset=klingon")],
    "until the connection ends": [b"HTTP/1.1 200 OK\r\n\r\nhello", Move.CUT],
    "of HTTP/1.0": [b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nhello", Move.CUT],
    "with trailers": [chunked(b"hello", headers=[b"Trailer: Expires"]), b"0\r\nExpires: never\r\n\r\n"],
    "with chunk extensions": [chunked(), b"5;a=b\r\nhello\r\n0;c\r\n\r\n"],
    "without a reason": [b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"],
    "with an empty reason": [b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"],
    "with a reason of its own": [response(b"ok", status=b"200 Tr\xe8s bien")],
    "of an unknown status": [response(b"ok", status=b"299 So So")],
    "204": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "204 with a length": [b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"],
    "304": [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n"],
    "chunked with a length": [chunked(b"ok", headers=[b"Content-Length: 9"]), LAST],
    "length with zeros": [b"HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok"],
    "after 100": [b"HTTP/1.1 100 Continue\r\n\r\n", response(b"ok")],
    "after 103": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Move.BREATHE, response(b"ok")],
    "after three of them": [*(b"HTTP/1.1 %d Wait\r\n\r\n" % n for n in (100, 102, 103)), response(b"ok")],
}  # fmt: skip


@kinds
@pytest.mark.parametrize("name", PLAIN)
def test_a_body(kind, name, tmp_path):
    async def agent(client):
        return [
            await told(client, "GET", server.url, reader)
            for reader in ("aiter_raw", "aiter_bytes", "aiter_text", "aiter_lines", "aread")
        ]

    with Misbehaving(PLAIN[name]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert [answer[-1] for answer in got] == [True] * 5  # none of them failed
    assert tuple(got[0][1:-2]) == tape[0].response.chunks
    assert tape[0].response.end == "eof"


@kinds
@pytest.mark.parametrize("play", [response(ALL, length=500)[:-256], response(b"")], ids=["length", "none"])
def test_an_answer_to_head(kind, play, tmp_path):
    async def agent(client):
        return await told(client, "HEAD", server.url, "aread")

    with Misbehaving([play]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[1] == b""
    assert tape[0].response.chunks == ()


# -- bodies, up -----------------------------------------------------------------------------------


def echo(request):
    """The target and the body of what was sent, as a body."""
    yield response(request.split(b" ", 2)[1] + b"\n" + whole(request))


def up(kind):
    """Ways to send a body: as options of a request that are made anew each time."""

    def chunks():
        yield ALL
        yield b""
        yield b"end"

    async def achunks():
        for chunk in chunks():
            yield chunk

    def buffer():
        block = bytearray(4)
        for n in range(3):
            block[:] = b"%d" % n * 4
            yield memoryview(block) if n == 1 else block

    async def abuffer():
        for block in buffer():
            yield block

    return {
        "bytes": lambda: {"content": ALL},
        "text": lambda: {"content": "Où? 📦"},
        "empty": lambda: {"content": b""},
        "none": dict,
        "json": lambda: {"json": {"é": ["📦", None, 1.5]}},
        "form": lambda: {"data": {"a": "1 & 2", "é": ["x", "y"]}},
        "generator": lambda: {"content": chunks() if kind.how == "sync" else achunks()},
        "iterator": lambda: {"content": iter([b"a", b"b"]) if kind.how == "sync" else achunks()},
        "one buffer, filled again": lambda: {"content": buffer() if kind.how == "sync" else abuffer()},
        "file": lambda: {"content": io.BytesIO(ALL)} if kind.how == "sync" else {"content": achunks()},
        "generator of a known length": lambda: {
            "content": chunks() if kind.how == "sync" else achunks(),
            "headers": {"content-length": "259"},
        },
        "multipart": lambda: {"files": {"f": ("é.bin", io.BytesIO(ALL), "x/y")}, "data": {"a": "b"}},
        "multipart, several": lambda: {"files": [("f", (f"{n}", bytes([n]) * n)) for n in range(5)]},
        "multipart with a boundary of its own": lambda: {
            "files": {"f": ALL},
            "headers": {"content-type": "multipart/form-data; boundary=own"},
        },
    }


@kinds
@pytest.mark.parametrize("name", up(KINDS[0]))
def test_a_body_that_is_sent(kind, name, tmp_path):
    """The tape has the bytes; what is random in them does not keep a second run from matching."""

    async def agent(client):
        answer = await client.post(server.url, **up(kind)[name]())
        return answer.status_code, "multipart" in name or answer.content

    with Misbehaving(echo) as server:
        _, tape = proves(lambda: kind.run(agent), server, tmp_path)
        bare, live = (whole(request) for request in server.requests)

    assert tape[0].request.body == live
    assert "multipart" in name or bare == live
    if name == "multipart":
        assert bare != live
        assert ALL in live


def whole(request):
    """The body of a request, without the chunked coding."""
    head, _, rest = request.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    data = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return data
        data, rest = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]


@kinds
def test_a_body_that_fails_to_be_made(kind, tmp_path):
    def chunks():
        yield b"some"
        raise LookupError("no more")

    async def achunks():
        for chunk in chunks():
            yield chunk

    async def agent(client):
        try:
            await client.post(server.url, content=chunks() if kind.how == "sync" else achunks())
        except LookupError as exc:
            return exc.args

    with Misbehaving(echo) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == ("no more",)


@kinds
def test_a_body_that_was_sent_already(kind, tmp_path):
    def chunks():
        yield b"some"

    async def achunks():
        yield b"some"

    async def agent(client):
        request = client.build_request(
            "POST", server.url, content=chunks() if kind.how == "sync" else achunks()
        )
        if kind.how == "sync":
            list(request.stream)
        else:
            [chunk async for chunk in request.stream]
        try:
            await client.send(request)
        except Exception as exc:
            return raised(exc)[:2]

    with Misbehaving(echo) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[0] is kind.lib.StreamConsumed


# -- headers ------------------------------------------------------------------------------------


LINES = [
    b"Vary: a",
    b"vary: b",
    b"VARY: a",
    b"Link: <one>",
    b"Content-Disposition: attachment; filename=\xe9.txt",
    b"Content-Description: caf\xc3\xa9 \xf0\x9f\x93\xa6",
    b"Content-Nothing:",
    b"Content-Wide:   \t spaced   ",
    b"Content-Odd: \x80\xff",
    b"Link: <two>",
    b"cOnTeNt-MiXeD: x",
    b"Content-Long: " + b"x" * 60_000,
]


@kinds
def test_headers_keep_their_bytes_their_case_and_their_order(kind, tmp_path):
    async def agent(client):
        return await told(client, "GET", server.url, "aread")

    with Misbehaving([response(b"ok", *LINES)]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    pairs = [tuple(part.strip() for part in line.split(b":", 1)) for line in LINES]
    assert got[0][3][1:] == pairs
    assert [(n.encode("latin-1"), v.encode("latin-1")) for n, v in tape[0].response.headers][1:] == pairs


@kinds
def test_headers_that_are_sent(kind, tmp_path):
    sent = [
        (b"Accept-Language", b"fr"),
        (b"ACCEPT-LANGUAGE", b"de"),
        (b"Content-Description", b"caf\xe9"),
        (b"content-other", "📦".encode()),
        (b"Content-Empty", b""),
        (b"accept-language", b"en"),
        (b"X-Kept", b"yes"),
    ]

    async def agent(client):
        return (await client.get(server.url, headers=sent)).status_code

    with Misbehaving(echo) as server:
        _, tape = proves(lambda: kind.run(agent), server, tmp_path)
        bare, live = server.requests

    assert live == bare
    ours = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in tape[0].request.headers]
    assert ours[-7:] == sent


@kinds
def test_headers_of_ones_own_are_kept(kind):
    async def agent(client):
        return (await client.get(server.url)).headers.raw

    with Misbehaving([response(b"ok", b"X-Corp: caf\xc3\xa9", b"X-Corp: \xff")]) as server:
        with tracefork.record() as run:
            live = kind.run(agent)
    with tracefork.replay(run.tape):
        assert kind.run(agent) == live


# -- URLs -----------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize(
    "tail",
    [
        "/a%20b/%2F/%e9?q=%26&r=a+b&r=&s",
        "/é/📦?ü=ö&x=%C3%BC",
        "/a/../b/./c//d",
        "/?",
        "?x=1#fragment",
        "/'\"<>^`{|}[]",
        "/%zz?%",
        "/a;b=c,d:e@f",
        "/" + "x" * 8000,
    ],
    ids=lambda tail: tail[:20],
)
def test_a_url(kind, tail, tmp_path):
    async def agent(client):
        answer = await client.get(server.url + tail)
        return answer.content, str(answer.url)

    with Misbehaving(echo) as server:
        (content, url), tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert tape[0].request.url == url
    assert url.startswith(server.url)


@kinds
def test_a_url_of_a_foreign_name(kind, tmp_path):
    """Resolved by a transport that knows it: there is no such name here."""

    async def agent(client):
        answer = await client.get("http://bücher.example/straße?ß")
        return str(answer.url), answer.url.host, answer.text

    def act():
        transport = kind.lib.MockTransport(
            lambda request: kind.lib.Response(200, text=request.headers["host"])
        )
        return kind.run(agent, transport=transport)

    with Misbehaving([]) as server:
        got, tape = proves(act, server, tmp_path)

    assert got[2] == "xn--bcher-kva.example"
    assert tape[0].request.url == "http://xn--bcher-kva.example/stra%C3%9Fe?%C3%9F"


@kinds
@pytest.mark.parametrize(
    "user", ["bob:hunter22", "bob:hunter%4022%2F", "hunter22", ":hunter22", "b%3Ab:hunter22"]
)
def test_userinfo_in_a_url_is_not_kept(kind, user, tmp_path):
    async def agent(client):
        answer = await client.get(server.url.replace("://", f"://{user}@") + "/a?to=http://x:hunter22@y/")
        return answer.status_code, answer.url.host

    with Misbehaving(echo) as server:
        _, tape = proves(lambda: kind.run(agent), server, tmp_path)
        assert b"uthorization: Basic" in server.requests[-1]

    assert "hunter" not in repr([(x.request, x.request.headers) for x in tape])
    for path in tmp_path.iterdir():
        assert b"hunter22" not in path.read_bytes()


# -- what the client adds -------------------------------------------------------------------------


@kinds
def test_event_hooks_see_what_they_saw(kind, tmp_path):
    seen = []

    def asked(request):
        request.headers["content-hooked"] = "yes"
        seen.append((request.method, str(request.url)))

    def answered(response):
        seen.append((response.status_code, response.reason_phrase, response.request.method))

    async def aasked(request):
        asked(request)

    async def aanswered(response):
        await response.aread()
        answered(response)
        seen.append(response.content)

    hooks = {"request": [asked], "response": [answered]}
    if kind.how != "sync":
        hooks = {"request": [aasked], "response": [aanswered]}

    async def agent(client):
        seen.clear()
        await client.post(server.url, content=b"q")
        return list(seen)

    with Misbehaving([response(b"ok")]) as server:
        got, tape = proves(lambda: kind.run(agent, event_hooks=hooks), server, tmp_path)

    assert got[1] == (200, "OK", "POST")
    assert dict(tape[0].request.headers)["content-hooked"] == "yes"


@kinds
def test_mounts_pick_what_they_picked(kind, tmp_path):
    def act():
        mocked = kind.lib.MockTransport(lambda request: kind.lib.Response(203, text="mounted"))
        return kind.run(agent, mounts={"all://mounted.example": mocked, "all://127.0.0.1": kind.transport()})

    async def agent(client):
        answers = [await client.get(url) for url in ("http://mounted.example/", server.url)]
        return [(a.status_code, a.text, a.reason_phrase, a.http_version) for a in answers]

    with Misbehaving([response(b"real")]) as server:
        got, tape = proves(act, server, tmp_path)

    assert [answer[:2] for answer in got] == [(203, "mounted"), (200, "real")]
    assert len(tape) == 2


@all_kinds
def test_a_response_says_the_same_of_itself(kind, tmp_path):
    async def agent(client):
        answer = await client.post(server.url, params={"a": "b"}, content=b"q")
        try:
            answer.raise_for_status()
        except kind.lib.HTTPStatusError as exc:
            refused = raised(exc)
        return (
            refused,
            facts(answer),
            answer.is_closed,
            answer.is_stream_consumed,
            answer.num_bytes_downloaded,
            answer.elapsed.total_seconds() >= 0,
            answer.json(),
            answer.links,
            dict(answer.cookies),
            answer.has_redirect_location,
            answer.history,
        )

    sent = response(b'{"a": 1}', b'Link: </x>; rel="next"', status=b"418 I'm a teapot")
    with Misbehaving([sent]) as server:
        got, _ = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[0][0] is kind.lib.HTTPStatusError
    assert "418 I'm a teapot" in got[0][1]
