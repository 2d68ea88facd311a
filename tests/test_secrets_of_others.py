"""What only stands beside a secret stays; what is one is known wherever the run has it; in linear time."""

from __future__ import annotations

import json
import random
import string
import time

import httpx
import pytest
from attrs import evolve

import tracefork
from tracefork import Request, Response
from tracefork.redact import Vault, redactor
from tracefork.testing.scripted import Script, by_rule, transport

TOKEN = "Wq7Rt5Kp9Wm3LsZx81Qp"
ANTHROPIC = "sk-ant-api03-" + "aB3dK9" * 15 + "aAA"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def keeping(environ=None):
    return evolve(redactor(environ or {}), vault=Vault(bytes(32)))


def kept(said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return keeping().kept(Response(200, (), (body,))).body


def replayed(serve, agent):
    """What the agent makes of it, live and replayed, with equal digests; and the tape."""

    def run():
        with httpx.Client(transport=transport(by_rule(serve), httpx)) as client:
            return agent(client)

    with tracefork.record() as recording:
        live = run()
    with tracefork.replay(recording.tape) as again:
        second = run()
    assert again.tape.digest() == recording.tape.digest()
    return live, second, recording.tape


# -- beside a secret --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ([{"url": f"https://a.x/f?sig={TOKEN}"}, {"url": "https://c.x/plain"}], ["https://c.x/plain"]),
        (["https://a.x/?token=abcdef123456", "https://b.x/"], ["https://a.x/?token=abcdef123456", "https://b.x/"]),
        (["x?password=hunter22", "next", "arg"], ["x?password=hunter22", "next", "arg"]),
        ({"docs": [{"t": "Use ?api_key=YOUR_API_KEY"}, {"t": "Second doc"}]}, ["YOUR_API_KEY", "Second doc"]),
        ([JWT, "hello", "world"], ["hello", "world"]),
        ([ANTHROPIC, "Accepted"], ["Accepted"]),
        ([f"see https://a.x/?token={TOKEN}", "Hello"], ["see https://a.x/?token=", "Hello"]),
        ({"tokens": ["?", "api", "_", "key", "=", "YOUR", "_", "KEY"]}, ["YOUR", "KEY"]),
        ({"api_key": "demo-key-for-testing"}, ["demo-key-for-testing"]),
        ("clone ssh://git@github.com/a/b", ["ssh://git@github.com/a/b"]),
        ("a contract: ?token=0x" + "a0B8" * 10, ["0x" + "a0B8" * 10]),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_stands_beside_a_secret_in_a_list_stays(said, stays):
    body = kept(said).decode()

    assert len(body) == len(json.dumps(said))
    for text in stays:
        assert text in body
    for secret in (TOKEN, ANTHROPIC, JWT):
        assert secret not in body


def test_questions_that_part_beside_a_secret_are_two_questions():
    def agent(answer):
        with httpx.Client(transport=transport(by_rule(lambda r: Response(200)), httpx)) as client:
            said = [{"content": f"my key is {ANTHROPIC}"}, {"content": answer}]
            return client.post("http://m/", json={"messages": said}).status_code

    with tracefork.record() as run:
        agent("Accepted")
    with pytest.raises(tracefork.Divergence), tracefork.replay(run.tape):
        agent("Rejected")


@pytest.mark.parametrize("before", ["密钥是", "“", "→ ", "🔑", "ä", "\x7f"])
@pytest.mark.parametrize("secret", ["ghp_" + "aB3d" * 9, JWT, ANTHROPIC], ids=["github", "jwt", "anthropic"])
def test_whatever_letter_stands_before_it_a_token_is_one(before, secret):
    for said in ({"m": before + secret}, json.dumps({"m": before + secret})):
        assert secret.encode() not in kept(said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-session-new", "true"),
        ("x-token-total", "500"),
        ("x-session-expired", "false"),
        ("x-csrf-protection", "disabled"),
        ("x-auth-provider", "google"),
        ("x-password-changed", "2024-01-01"),
        ("x-auth-time", "1790000000"),
        ("set-cookie", "theme=system; Path=/"),
        ("set-cookie", "lang=english"),
        ("set-cookie", "consent=accepted; Max-Age=3600"),
        ("set-cookie", "exp=1790000000"),
    ],
)
def test_what_only_says_something_is_kept(name, value):
    assert keeping().kept(Response(200, ((name, value),))).headers == ((name, value),)


@pytest.mark.parametrize(
    "name", ["scrollToken", "pagination_token", "after_token", "pagingToken", "page_token"]
)
def test_what_turns_a_page_is_followed_live_too(name):
    def agent(network):
        with httpx.Client(transport=transport(network, httpx)) as client:
            after = client.get("http://m/").headers["link"]
            return client.get(after).status_code

    link = (("link", f"http://m/?{name}=5f3c9aaa0b7d2e1c"),)
    with tracefork.record() as run:
        agent(Script(Response(200, link), Response(200)))
    with tracefork.fork(run.tape, 1):
        assert agent(Script(Response(204))) == 204


# -- wherever the run has it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ((), {"access_token": TOKEN, "message": f"your token is {TOKEN}"}),
        ((), {"id": TOKEN, "u": f"https://a.x/up?token={TOKEN}"}),
        ((("x-echo", TOKEN), ("x-csrf-token", TOKEN)), {"n": "~"}),
        ((("x-csrf-token", TOKEN),), {"again": TOKEN}),
    ],
)
def test_equal_secrets_of_one_answer_are_equal_in_a_replay(headers, said):
    body = json.dumps(said).encode()

    def agent(client):
        answer = client.get("http://m/")
        texts = [*answer.headers.values(), *map(str, answer.json().values())]
        return [one in other for one in texts for other in texts]

    live, again, tape = replayed(lambda r: Response(200, headers, (body,)), agent)

    assert live == again
    assert TOKEN.encode() not in tracefork.dumps(tape)


@pytest.mark.parametrize(
    "echo",
    [
        lambda said: Response(200, (("x-session-id", said),)),
        lambda said: Response(200, (("location", f"http://m/?token={said}"),)),
        lambda said: Response(200, (), (json.dumps({"session_token": said}).encode(),)),
        lambda said: Response(200, (), (f"see https://a.x/?token={said}".encode(),)),
    ],
    ids=["header", "location", "member", "link"],
)
def test_what_the_agent_said_itself_is_no_secret_of_the_answer(echo):
    def serve(request):
        return echo(json.loads(request.body)["id"])

    def agent(client):
        return [client.post("http://m/", json={"id": TOKEN, "n": n}).status_code for n in range(3)]

    live, again, _ = replayed(serve, agent)

    assert live == again == [200] * 3


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"grant_type": "client_credentials", "client_secret": TOKEN}},
        {"json": {"client_secret": TOKEN}},
        {"json": {"password": TOKEN}},
        {"auth": (TOKEN, "")},
        {"params": {"access_token": TOKEN}},
    ],
    ids=["form", "member", "password", "basic", "parameter"],
)
def test_what_was_sent_as_a_secret_is_one_in_the_answer(sent):
    def agent(client):
        client.post("http://m/", **sent)
        return len(client.post("http://m/", content=f"is it {TOKEN}?").text)

    answer = Response(401, (), (f"invalid: {TOKEN}".encode(),))
    live, again, tape = replayed(lambda r: answer, agent)

    assert live == again
    assert TOKEN.encode() not in tracefork.dumps(tape)


def test_a_token_that_was_heard_is_known_when_it_is_glued_to_a_word():
    secret = "ghp_" + "aB3d" * 9

    def agent(client):
        said = client.get("http://m/").json()["t"]
        return client.post("http://m/", content=f"id{said}x").status_code

    live, again, tape = replayed(lambda r: Response(200, (), (json.dumps({"t": secret}).encode(),)), agent)

    assert live == again
    assert secret.encode() not in tracefork.dumps(tape)


def test_a_variable_with_white_space_around_it_is_known_without(monkeypatch):
    redact = redactor({"SHOP_TOKEN": f"{TOKEN}\n"})

    assert TOKEN not in redact.text(f"it is {TOKEN}.")


# -- time -------------------------------------------------------------------------------------------


def drawn():
    return "".join(random.choices(string.ascii_letters + string.digits, k=32))


def cookies(number):
    return Response(200, tuple(("set-cookie", f"c{n}={drawn()}; Path=/") for n in range(number)))


def links(number):
    return Response(200, (), ("\n".join(f"https://a.x/{n}?token={drawn()}" for n in range(number)).encode(),))


def tokens(number):
    return Response(200, (), (json.dumps([f"ghp_{drawn()}aB3d" for _ in range(number)]).encode(),))


@pytest.mark.parametrize("many", [cookies, links, tokens])
def test_four_times_as_many_secrets_take_no_more_than_some_six_times_as_long(many):
    def took(number):
        answer, best = many(number), 9.0
        for _ in range(3):
            redact, began = keeping(), time.process_time()
            redact.kept(answer)
            best = min(best, time.process_time() - began)
        return best

    assert took(800) < 6.5 * took(200) + 0.1


def test_a_question_keeps_what_it_had_said_before():
    """Redacting twice is redacting once, whatever was learned in between."""
    redact = keeping()
    question = Request("POST", "http://m/", (), json.dumps({"client_secret": TOKEN, "m": "hi"}).encode())
    once = redact.question(question)

    assert redact.question(once) == once
    assert redact.question(question) == once
