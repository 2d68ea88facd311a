"""What only stands beside a secret stays; what is one is known wherever the run has it; in linear time."""

from __future__ import annotations

import base64
import gzip
import json
import random
import string
import time
from urllib.parse import quote

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
    return keeping().keep(Response(200, (), (body,))).body


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
    assert keeping().keep(Response(200, ((name, value),))).headers == ((name, value),)


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


@pytest.mark.parametrize(
    "said",
    [
        {"secret": "projects/my-project/secrets/my-secret/versions/latest"},
        {"client_secret": "arn:aws:secretsmanager:us-east-one:account:secret:name"},
        {"api_key": "https://console.example.com/settings/keys/create"},
        {"api_key": "${{secrets.PRODUCTION_DATABASE_PASSWORD}}"},
        {"text": "open https://a.example/?a=b&token=your_access_token_here"},
        {"text": "postgresql://postgres:mysecretpassword@localhost/db"},
        {"top_logprobs": [{"token": " responsibilities", "logprob": -0.1}]},
    ],
)
def test_what_was_written_and_not_drawn_is_kept(said):
    assert kept(said) == json.dumps(said).encode()


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


def streamed(text, size):
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    said = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in said)


def heard(body):
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]
    return "".join(event["choices"][0]["delta"]["content"] for event in events)


@pytest.mark.parametrize("size", [3, 7, 12, 30])
def test_an_escaped_signature_in_a_stream_is_written_where_it_stands(size):
    draw = random.Random(size)
    for _ in range(20):
        signature = quote(base64.b64encode(draw.randbytes(32)).decode(), safe="")
        link = f"see https://b.example/c/i.png?se=2024&sig={signature} and more"
        made = heard(kept(streamed(link, size)))

        assert signature not in made and len(made) == len(link)
        assert made.startswith("see https://b.example/c/i.png?se=2024&sig=") and made.endswith(" and more")
        assert made.count("%") == signature.count("%")


def test_an_escaped_signature_in_base64_is_written_where_it_stands():
    inner = json.dumps({"url": f"https://b.example/i?se=1&sig=aBc9%2Bx{TOKEN}%3D", "n": 1})
    made = json.loads(kept({"k": base64.b64encode(inner.encode()).decode()}))["k"]
    said = json.loads(base64.b64decode(made))

    assert said["n"] == 1 and said["url"].startswith("https://b.example/i?se=1&sig=")
    assert TOKEN not in said["url"] and len(json.dumps(said)) == len(inner)


def test_two_questions_that_differ_beside_a_token_in_base64_are_two():
    def coded(text):
        return json.dumps(
            {"k": base64.b64encode(f"https://a.example/?token={TOKEN} and {text}".encode()).decode()}
        )

    one, two = (
        keeping().question(Request("POST", "http://m/", (), coded(t).encode())) for t in ("yes", "not")
    )

    assert one.body != two.body and TOKEN[3:-3].encode() not in base64.b64encode(one.body)


@pytest.mark.parametrize("pad", [0, 40, 5000])
def test_a_secret_late_in_a_compressed_answer_is_kept_and_loads_again(pad, tmp_path):
    body = gzip.compress(json.dumps({"pad": "lorem ipsum " * pad, "access_token": TOKEN}).encode())
    answer = Response(200, (("content-encoding", "gzip"),), (body,))
    with tracefork.record(tmp_path / "runs.db", run_id="r") as run:
        with httpx.Client(transport=transport(by_rule(lambda r: answer), httpx)) as client:
            client.get("http://m/")
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("r")

    assert tape == run.tape == tracefork.loads(tracefork.dumps(tape))
    assert b"[secret:access_token]" in tape.masked[0].response.body


def test_a_secret_that_begins_as_another_does_is_known_as_itself():
    longer = f"{TOKEN}Kd93mZq8Lw0P"

    def agent(client):
        said = client.get("http://m/").json()
        return client.post("http://m/", json={"t": said["session_token"]}).status_code

    answer = json.dumps({"access_token": TOKEN, "session_token": longer}).encode()
    live, again, tape = replayed(lambda r: Response(200, (), (answer,)), agent)

    assert live == again
    assert json.loads(tape[1].request.body) == {"t": "[secret:session_token]"}


def test_a_token_that_is_given_and_then_sent_as_a_key_is_one_in_every_answer():
    def serve(request):
        return Response(200, (), (json.dumps({"token": f"{TOKEN}xY9"}).encode(),))

    def agent(client):
        first = client.post("http://m/login").json()["token"]
        return (
            first == client.get("http://m/me", headers={"authorization": f"Bearer {first}"}).json()["token"]
        )

    live, again, tape = replayed(serve, agent)

    assert live == again == True  # noqa: E712
    assert TOKEN.encode() not in tracefork.dumps(tape)


# -- time -------------------------------------------------------------------------------------------


def drawn():
    return "".join(random.choices(string.ascii_letters + string.digits, k=32))


def cookies(number):
    return Response(200, tuple(("set-cookie", f"c{n}={drawn()}; Path=/") for n in range(number)))


def links(number):
    return Response(200, (), ("\n".join(f"https://a.x/{n}?token={drawn()}" for n in range(number)).encode(),))


def tokens(number):
    return Response(200, (), (json.dumps([f"ghp_{drawn()}aB3d" for _ in range(number)]).encode(),))


@pytest.mark.slow
@pytest.mark.parametrize("many", [cookies, links, tokens])
def test_four_times_as_many_secrets_take_no_more_than_some_six_times_as_long(many):
    def took(number):
        answer, best = many(number), 9.0
        for _ in range(3):
            redact, began = keeping(), time.process_time()
            redact.keep(answer)
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
