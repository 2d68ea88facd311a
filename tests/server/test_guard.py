"""Who is let in: 0 reads by strangers."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import stories
from server.asking import asked, bearer, sent
from server.conftest import MARK, filled

from tracefork.server import Door, Tickets, refusal, serving

OWN = ("127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LocalHost:{port}", "LOCALHOST:{port}")
STRANGE = """
    evil.example evil.example:{port} 127.0.0.1.evil.example:{port} localhost.evil.example:{port}
    127.0.0.1 localhost [::1] ::1 ::1:{port} 127.0.0.1:80 localhost:80 localhost:8080 127.0.0.1:1
    localhost.:{port} 127.0.0.1.:{port} localhost..:{port} .localhost:{port} a.localhost:{port}
    127.1:{port} 127.0.1:{port} 127.0.0.2:{port} 0.0.0.0:{port} 0:{port} 2130706433:{port} 0x7f000001:{port}
    0x7f.0.0.1:{port} 0177.0.0.1:{port} 017700000001:{port} 127.000.000.001:{port} 127.0.0.1.nip.io:{port}
    [::ffff:127.0.0.1]:{port} [0:0:0:0:0:0:0:1]:{port} [::]:{port} [::1%25lo]:{port} [::1:{port}
    192.168.1.1:{port} 10.0.0.1:{port} 169.254.169.254:{port} metadata.google.internal
    user@127.0.0.1:{port} user:pass@localhost:{port} 127.0.0.1:{port}@evil.example
    evil.example@127.0.0.1:{port}
    127.0.0.1:{port}/ 127.0.0.1:{port}.evil.example 127.0.0.1:{port}#a 127.0.0.1:{port}?a
    http://127.0.0.1:{port}
    127.0.0.1:0{port} 127.0.0.1:+{port} 127.0.0.1:{port}0 127.0.0.1: localhost: 127.0.0.1:{port},evil.example
    127.0.0.1:{port};a 127.0.0.1%3A{port} 127.0.0.1%00:{port} localhost%2eevil:{port}
    l\u043ecalhost:{port} \u24dbocalhost:{port}
    \uff11\uff12\uff17.\uff10.\uff10.\uff11:{port} 127\u30020\u30020\u30021:{port} * null
""".split()
ROOMY = (
    "127.0.0.1:{port} evil.example",
    "evil.example 127.0.0.1:{port}",
    "127.0.0.1 :{port}",
    "\t",
    '"localhost:{port}"',
)
REFUSED = (*STRANGE, *ROOMY)
PORT, TOKEN = 43_117, "t0k-en_" * 4
DOOR = Door(PORT, TOKEN)


def stranger(answer):
    """Assert that the answer is a refusal, and says nothing of what is in the store."""
    assert 400 <= answer.status < 500, answer.status
    for word in (MARK, stories.release().run_id, "payments-release", "every/kind"):
        assert word.encode() not in answer.bytes
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]
    assert not answer.header("set-cookie")
    return True


def offers(door):
    """Ways to say the token, right and wrong: header lines, and what to add to the address."""
    right, wrong = door.token, door.token[:-1] + ("a" if door.token[-1] != "a" else "b")
    return [
        ([], ""),
        ([bearer(door, wrong)], ""),
        ([bearer(door, right)], ""),
        ([f"Cookie: {door.cookie}={right}"], ""),
        ([], f"?token={right}"),
    ]


# -- hosts -----------------------------------------------------------------------------


def test_there_are_more_than_forty_strange_hosts():
    assert len(set(REFUSED)) >= 60


@pytest.mark.parametrize("host", REFUSED)
def test_a_request_by_another_name_reads_nothing_whatever_it_offers(door, host):
    for headers, query in offers(door):
        for target in ("/", "/api/runs"):
            answer = asked(door, f"{target}{query}", *headers, host=host.format(port=door.port))

            assert stranger(answer)
            assert answer.status in (400, 421)


@pytest.mark.parametrize("host", REFUSED)
def test_the_rule_itself_refuses_these_names(host):
    said = host.format(port=PORT).encode().decode("latin-1")

    assert refusal(DOOR, "GET", [("host", said), ("authorization", f"Bearer {TOKEN}")], "").status == 421


@pytest.mark.parametrize("host", OWN)
def test_the_machines_own_names_are_let_in_with_the_token_alone(door, host):
    name = host.format(port=door.port)
    answers = [asked(door, f"/api/runs{query}", *headers, host=name) for headers, query in offers(door)]

    assert [answer.status for answer in answers] == [403, 403, 200, 200, 200]
    assert stranger(answers[0])
    assert stranger(answers[1])


def test_on_port_80_a_browser_leaves_the_port_out():
    door = Door(80, TOKEN)
    said = [("authorization", f"Bearer {TOKEN}")]

    assert refusal(door, "GET", [("host", "localhost"), *said], "") is None
    assert refusal(door, "GET", [("host", "localhost:80"), *said], "") is None
    assert refusal(DOOR, "GET", [("host", "localhost"), *said], "") is not None


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_no_host_is_no_name(door, version):
    assert stranger(asked(door, "/api/runs", bearer(door), host="", version=version))


@pytest.mark.parametrize("second", ["127.0.0.1:{port}", "evil.example", ""])
def test_two_hosts_are_none(door, second):
    for lines in ([second, "127.0.0.1:{port}"], ["127.0.0.1:{port}", second]):
        hosts = [f"Host: {name}".format(port=door.port) for name in lines]

        assert stranger(asked(door, "/api/runs", *hosts, bearer(door), host=""))


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-Host: 127.0.0.1:{port}",
        "Forwarded: host=127.0.0.1:{port}",
        "X-Host: 127.0.0.1:{port}",
        "X-Original-Host: localhost:{port}",
        "X-Forwarded-For: 127.0.0.1",
        "X-HTTP-Method-Override: GET",
        "Host : 127.0.0.1:{port}",
        " Host: 127.0.0.1:{port}",
    ],
)
def test_no_other_header_makes_up_for_the_host(door, line):
    answer = asked(door, "/api/runs", line.format(port=door.port), bearer(door), host="evil.example")

    assert stranger(answer)


@pytest.mark.parametrize("target", ["http://evil.example/api/runs", "http://127.0.0.1:{port}/api/runs"])
def test_a_target_with_a_host_is_judged_by_its_host_header_and_names_nothing_here(door, target):
    there = target.format(port=door.port)

    assert stranger(asked(door, there, bearer(door), host="evil.example"))
    assert stranger(asked(door, there, bearer(door)))


@pytest.mark.parametrize(
    "target", ["*", "//evil.example/api/runs", "/\\evil.example", "/..", "/api/../api/runs", "/%"]
)
def test_odd_targets_lead_nowhere(door, target):
    assert stranger(asked(door, target, bearer(door)))


# -- methods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", "POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND get Get QUERY X".split()
)
def test_nothing_can_be_done_but_to_read(door, method):
    preflight = ["Origin: http://evil.example", "Access-Control-Request-Method: GET"]
    for headers in (
        [],
        [bearer(door)],
        [bearer(door), *preflight],
        ["Access-Control-Request-Private-Network: true"],
    ):
        for target in ("/", "/api/runs", f"/api/run/{stories.release().run_id}"):
            answer = asked(door, target, *headers, method=method, body=b"a=b")

            assert stranger(answer)
            assert answer.status == 405
            assert answer.header("allow") == ["GET, HEAD"]


def test_head_says_what_get_would_and_no_more(door):
    run = f"/api/run/{stories.release().run_id}"
    for target in ("/", "/api/runs", run, f"{run}/live", f"/run/{stories.release().run_id}"):
        answer = asked(door, target, bearer(door), method="HEAD")

        assert (answer.status, answer.body) == (200, b"")
    assert asked(door, "/api/run/none", bearer(door), method="HEAD").status == 404
    assert stranger(asked(door, "/api/runs", method="HEAD"))


@pytest.mark.parametrize("token", [True, False])
def test_nobody_gets_a_socket_of_another_kind(door, token):
    lines = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    ask = [
        "GET /api/run/x/live HTTP/1.1",
        f"Host: 127.0.0.1:{door.port}",
        "Connection: Upgrade, close",
        *lines,
    ]
    answer = sent(door.port, "\r\n".join([*ask, *([bearer(door)] if token else []), "", ""]).encode())

    assert answer.status == (404 if token else 403)
    assert token or stranger(answer)


# -- pages of other sites -----------------------------------------------------------------

ORIGINS = {
    None: True,
    "http://127.0.0.1:{port}": True,
    "HTTP://127.0.0.1:{port}": True,
    "null": False,
    "": False,
    "http://evil.example": False,
    "https://127.0.0.1:{port}": False,
    "http://127.0.0.1": False,
    "http://127.0.0.1:1": False,
    "http://localhost:{port}": False,
    "http://127.0.0.1:{port}/": False,
    "http://127.0.0.1:{port} http://evil.example": False,
    "http://127.0.0.1:{port}.evil.example": False,
    "file://": False,
    "chrome-extension://abcdefghijklmnop": False,
}
SITES = {
    None: True,
    "same-origin": True,
    "none": True,
    "same-site": False,
    "cross-site": False,
    "": False,
    "x": False,
}


@pytest.mark.parametrize(("origin", "site"), list(product(ORIGINS, SITES)))
def test_a_page_of_another_site_reads_nothing_with_the_token_or_without(door, origin, site):
    lines = [] if origin is None else [f"Origin: {origin}".format(port=door.port)]
    lines += [] if site is None else [f"Sec-Fetch-Site: {site}"]
    for headers, query in offers(door):
        answer = asked(door, f"/api/runs{query}", *lines, *headers)
        token = (headers, query) in offers(door)[2:]
        fine = ORIGINS[origin] and SITES[site] and token

        assert answer.status == (200 if fine else 403)
        assert fine or stranger(answer)
        assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
def test_of_two_such_headers_both_must_be_right(door, name):
    right = f"{name}: " + (f"http://127.0.0.1:{door.port}" if name == "Origin" else "same-origin")
    wrong = f"{name}: " + ("http://evil.example" if name == "Origin" else "cross-site")
    for lines in ([right, wrong], [wrong, right]):
        assert stranger(asked(door, "/api/runs", *lines, bearer(door)))


# -- tokens -------------------------------------------------------------------------------


def wrongs(token):
    """What is nearly the token."""
    return [
        "", " ", "x", token[:-1], token[1:], token + "x", token + token, token.swapcase(), token[::-1],
        token[:12], f'"{token}', f"{token}\x00", "*", "null", "None", "undefined", "[object Object]", "0",
        "true", "é" * len(token), "%00", "' or 1=1 --",
    ]  # fmt: skip


def test_nothing_but_the_token_is_the_token(door):
    for wrong in wrongs(door.token):
        spelled = "".join(f"%{byte:02X}" for byte in wrong.encode())
        for lines, query in [
            ([f"Authorization: Bearer {wrong}"], ""),
            ([f"Cookie: {door.cookie}={wrong}"], ""),
            ([], f"?token={spelled}"),
        ]:
            if wrong != f"{door.token}\x00" or query:
                assert stranger(asked(door, f"/api/runs{query}", *lines))


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: {token}",
        "Authorization: Basic {token}",
        "Authorization: Token {token}",
        "Authorization: Bearer",
        "Authorization: Bearer{token}",
        "Proxy-Authorization: Bearer {token}",
        "X-Token: {token}",
        "Token: {token}",
        "Referer: http://127.0.0.1:{port}/?token={token}",
        "Cookie: tracefork={token}",
        "Cookie: token={token}",
        "Cookie: tracefork-{other}={token}",
        "Cookie: a; tracefork-{port}; ={token}",
        "Cookie: {cookie}x={token}",
        "Cookie: a={cookie}={token}",
    ],
)
def test_the_token_counts_only_where_it_belongs(door, line):
    said = line.format(token=door.token, port=door.port, other=door.port + 1, cookie=door.cookie)

    assert stranger(asked(door, "/api/runs", said))


def test_the_token_counts_in_any_case_of_the_scheme_among_other_cookies_and_beside_wrong_ones(door):
    right, cookie = door.token, door.cookie
    for lines, query in [
        ([f"authorization: bEaReR   {right}  "], ""),
        ([f"Cookie: a=b; {cookie}={right}; c=d"], ""),
        ([f'Cookie: {cookie}="{right}"'], ""),
        ([f'Cookie: odd; {{"json": [1, 2]}}; a[]=1; b,c=ü; d="; {cookie}={right}; e'], ""),
        ([f"Cookie: =; {cookie}={right}"], ""),
        (["Cookie: x=y", f"Cookie: {cookie}={right}"], ""),
        ([], f"?a=b&token={right}"),
        ([f"Cookie: {cookie}=wrong"], f"?token=wrong&token={right}"),
    ]:
        assert asked(door, f"/api/runs{query}", *lines).status == 200, lines


class Untouchable(bytes):
    """Bytes that are compared by nothing that stops at the first difference."""

    def __eq__(self, other):
        raise AssertionError("compared")

    __hash__ = None


class Token(str):
    __slots__ = ()

    def encode(self, *_):
        return Untouchable(str(self), "utf-8")


def test_tokens_are_compared_in_a_time_that_tells_nothing():
    door = Door(PORT, Token(TOKEN))
    own = ("host", f"localhost:{PORT}")

    assert refusal(door, "GET", [own], f"token={TOKEN}") is None
    assert refusal(door, "GET", [own], "token=x").status == 403


def test_a_token_of_its_own_for_each_server_that_nobody_guesses_or_sees_by_accident():
    from tracefork import TapeStore

    doors = []
    for _ in range(3):
        with TapeStore.open(":memory:") as store, serving(store) as server:
            doors.append(server.door)
            assert server.url == f"http://127.0.0.1:{server.door.port}/?token={server.door.token}"

    assert len({door.token for door in doors}) == 3
    assert all(len(door.token) >= 32 for door in doors)
    assert all(door.token not in repr(door) for door in doors)


# -- tickets -------------------------------------------------------------------------------


def test_a_ticket_opens_once_and_in_time():
    now = [0.0]
    tickets = Tickets(lambda: now[0])
    one, late, other = (tickets.issue() for _ in range(3))

    assert len({one, late, other}) == 3
    assert all(len(ticket) >= 32 for ticket in (one, late, other))
    assert [tickets.take(one), tickets.take(one), tickets.take("x"), tickets.take("")] == [
        True,
        False,
        False,
        False,
    ]
    now[0] = 59.0
    assert tickets.take(other)
    now[0] = 61.0
    assert not tickets.take(late)


def test_a_ticket_is_changed_for_the_cookie_and_whoever_sees_it_later_reads_nothing():
    with filled(":memory:") as store, serving(store) as server:
        door, at = server.door, server.ticket().partition(str(server.door.port))[2]
        first, second = asked(door, at), asked(door, at)

        assert door.token not in at
        assert (first.status, first.header("location")) == (303, ["/"])
        assert first.header("set-cookie")[0].startswith(f"{door.cookie}={door.token}; HttpOnly")
        assert at.partition("=")[2].encode() not in first.bytes
        assert stranger(second)


def test_a_ticket_is_not_used_up_by_who_would_not_be_let_in_with_it():
    with filled(":memory:") as store, serving(store) as server:
        door, at = server.door, server.ticket().partition(str(server.door.port))[2]

        assert stranger(asked(door, at, host="evil.example"))
        assert stranger(asked(door, at, "Sec-Fetch-Site: cross-site"))
        assert stranger(asked(door, at, "Origin: http://evil.example"))
        assert stranger(asked(door, at, method="HEAD"))
        assert stranger(asked(door, at, method="POST"))
        assert stranger(asked(door, at.replace("ticket", "token")))
        assert asked(door, at).status == 303


# -- the law ------------------------------------------------------------------------------

hosts = st.sampled_from([f.format(port=PORT) for f in (*OWN, *REFUSED)]) | st.text(max_size=20)
origins = st.sampled_from([str(o).format(port=PORT) for o in ORIGINS]) | st.text(max_size=20)
sites = st.sampled_from([str(s) for s in SITES])
bearers = st.sampled_from([f"Bearer {TOKEN}", f"bearer {TOKEN}", TOKEN, "Bearer x"]) | st.text(max_size=20)
cookies = st.sampled_from([f"{DOOR.cookie}={TOKEN}", f"{DOOR.cookie}=x", f"a={TOKEN}"]) | st.text(max_size=20)
lines = st.one_of(
    st.tuples(st.just("host"), hosts),
    st.tuples(st.just("origin"), origins),
    st.tuples(st.just("sec-fetch-site"), sites),
    st.tuples(st.just("authorization"), bearers),
    st.tuples(st.just("cookie"), cookies),
    st.tuples(st.text(max_size=8), st.text(max_size=8)),
)
queries = st.sampled_from(["", f"token={TOKEN}", "token=x", "token=%ff%fe", "token"]) | st.text(max_size=20)


@given(st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "get"]), st.lists(lines, max_size=6), queries)
def test_whoever_is_let_in_has_the_name_the_origin_the_site_and_the_token(method, headers, query):
    if refusal(DOOR, method, headers, query) is None:
        said = {name: [v for n, v in headers if n == name] for name, _ in headers}
        (host,) = said["host"]
        assert method in ("GET", "HEAD")
        assert host.lower() in (f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}")
        assert all(origin.lower() == f"http://{host.lower()}" for origin in said.get("origin", []))
        assert set(said.get("sec-fetch-site", [])) <= {"same-origin", "none"}
        assert TOKEN in f"{query} {said.get('authorization')} {said.get('cookie')}"


@given(st.lists(lines, max_size=4), queries, st.sampled_from(["bearer", "cookie", "query"]))
def test_the_token_opens_whatever_else_is_said_that_is_not_of_another_site(headers, query, way):
    kept = [(name, value) for name, value in headers if name not in ("host", "origin", "sec-fetch-site")]
    own = {
        "bearer": ("authorization", f"Bearer {TOKEN}"),
        "cookie": ("cookie", f"{DOOR.cookie}={TOKEN}"),
        "query": ("x", ""),
    }[way]
    asked = f"token={TOKEN}&{query}" if way == "query" else query

    assert refusal(DOOR, "GET", [("host", f"localhost:{PORT}"), *kept, own], asked) is None
