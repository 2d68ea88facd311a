"""No secret is kept, by the name of its header or by its value; and it goes out again when it must."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise

import httpx
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Request, Response, TapeStore
from tracefork.core.values import Call, Fault, Reading, Reply
from tracefork.errors import RedactedSecret
from tracefork.redact import Redactor, redactor
from tracefork.redact.by_form.finders import emails
from tracefork.testing.scripted import Script, by_rule, transport

SECRET = "sk-live-0123456789abcdef"
JSON = (("content-type", "application/json"),)
ours = redactor({"SHOP_API_KEY": SECRET, "HOME": "/root", "SHORT_TOKEN": "abc"})
HIDDEN = "[secret:SHOP_API_KEY]"


@pytest.mark.parametrize(
    "question",
    [
        Request("GET", f"http://m/?key={SECRET}"),
        Request("POST", "http://m/", (), json.dumps({"key": SECRET}).encode()),
        Request("POST", "http://m/", (("Authorization", f"Bearer {SECRET}"),)),
        Request("POST", "http://m/", (("User-Agent", f"agent {SECRET}"),)),
        Call("login", json.dumps({"args": [SECRET], "kwargs": {}})),
    ],
    ids=["query", "body", "header", "kept header", "tool argument"],
)
def test_a_known_value_is_replaced_by_its_name_in_questions(question):
    kept = ours.question(question)

    assert SECRET not in repr(kept) + repr(getattr(kept, "body", "")) + repr(getattr(kept, "headers", ""))
    assert ours.question(kept) == kept


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, JSON, (b'{"key":"', SECRET.encode(), b'"}')),
        Response(200, (("X-Echo", SECRET), ("Server", SECRET)), ()),
        Response(200, (("Content-Encoding", "gzip"),), (gzip.compress(SECRET.encode() * 3),)),
        Response(200, (), (b"some",), Fault("ReadError", f"while sending {SECRET}")),
        Fault("ConnectError", f"to http://{SECRET}@host"),
        Reading(f"={SECRET}"),
        Reply("returned", json.dumps({"key": SECRET})),
    ],
    ids=["body", "headers", "gzip", "cut", "fault", "environment", "tool result"],
)
def test_a_known_value_is_replaced_by_its_name_in_answers(answer):
    kept = ours.answer(answer)
    text = (
        repr(kept)
        + repr(getattr(kept, "headers", ""))
        + repr(getattr(kept, "body", b""))
        + repr(getattr(kept, "text", ""))
        + repr(getattr(kept, "value", ""))
    )

    assert SECRET not in text
    assert "[secret:" in text
    assert ours.answer(kept) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x-ratelimit-remaining-tokens", True),
        ("X-RateLimit-Reset-Tokens", True),
        ("anthropic-ratelimit-output-tokens-limit", True),
        ("anthropic-session-token", False),
        ("openai-auth-tokens", False),
        ("my-access-token", False),
    ],
)
def test_a_rate_limit_in_tokens_is_kept_and_a_token_is_not(name, kept):
    [(_, value)] = ours.answer(Response(200, ((name, "a9900123b"),))).headers

    assert value == ("a9900123b" if kept else f"[secret:{name.lower()}]")


@given(st.lists(st.integers(0, 60), max_size=8))
def test_a_secret_cut_over_chunks_at_any_byte_is_found_and_the_other_cuts_stay(cuts):
    body = b"before " + SECRET.encode() + b" between " + SECRET.encode() + b" after"
    edges = sorted({min(c, len(body)) for c in cuts} | {0, len(body)})
    chunks = tuple(body[a:b] for a, b in pairwise(edges))
    kept = ours.answer(Response(200, (), chunks))

    assert kept.body == body.replace(SECRET.encode(), HIDDEN.encode())
    assert len(kept.chunks) == len(chunks)
    if edges[1] <= len(b"before "):
        assert kept.chunks[0] == chunks[0]


def test_headers_are_kept_but_for_the_values_of_those_that_are_named_as_secrets():
    headers = (
        ("X-Api-Key", "whatever"),
        ("Cookie", "a=b"),
        ("X-Corp-Secret", "hidden"),
        ("Content-Type", "text/plain"),
        ("X-Linked-Size", "9"),
        ("Operation-Location", "https://a.example/results/7?sig=abcdef0123456789"),
    )
    kept = ours.question(Request("GET", "http://m/", headers)).headers

    assert [name for name, _ in kept] == [name for name, _ in headers]
    assert dict(kept)["X-Api-Key"] == "[secret:x-api-key]"
    assert dict(kept)["Cookie"] == "a=[secret:cookie]"
    assert dict(kept)["Content-Type"] == "text/plain" and dict(kept)["X-Linked-Size"] == "9"
    assert dict(kept)["Operation-Location"] == "https://a.example/results/7?sig=[secret:sig]"


@pytest.mark.parametrize(
    "name",
    [
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-input-tokens-limit",
        "x-ratelimit-remaining-tokens",
        "x-amzn-bedrock-input-token-count",
        "x-amzn-errortype",
        "access-control-allow-credentials",
        "x-session-affinity",
        "x-signature-timestamp",
        "x-token-usage",
        "idempotency-key",
    ],
)
def test_what_an_agent_paces_itself_by_or_a_client_reads_errors_from_is_kept(name):
    assert ours.answer(Response(200, ((name, "1700000000"),))).headers == ((name, "1700000000"),)


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-security-token",
        "openai-token",
        "x-csrftoken",
        "x-stainless-key",
        "ocp-apim-subscription-key",
        "sessionid",
    ],
)
def test_what_is_called_a_token_or_a_key_is_not(name):
    assert ours.answer(Response(200, ((name, "a1b2c3d4"),))).headers == ((name, f"[secret:{name}]"),)
    assert ours.answer(Response(200, ((name, "true"),))).headers == ((name, "true"),), "no secret is so short"


def test_short_values_and_ordinary_variables_are_no_secrets():
    assert set(ours.known) == {"SHOP_API_KEY"}


def test_the_live_agent_sees_true_bytes_and_the_store_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    script = by_rule(lambda r: Response(200, (("x-echo", SECRET),), (r.body, SECRET.encode())))

    def agent():
        with httpx.Client(
            transport=transport(script, httpx), headers={"authorization": f"Bearer {SECRET}"}
        ) as client:
            response = client.post(f"http://m/?key={SECRET}", content=f"use {SECRET}")
            return response.content, response.headers["x-echo"]

    for store in ("runs.db", "runs"):
        with tracefork.record(tmp_path / store, agent_name="shop") as run:
            run.env("SHOP_API_KEY")
            assert agent() == (f"use {SECRET}{SECRET}".encode(), SECRET)
    tracefork.save(run.tape, tmp_path / "one.tape")

    assert len(script.requests) == 2
    assert SECRET.encode() in script.requests[0].body
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for path in files:
        assert SECRET.encode() not in path.read_bytes()
    with TapeStore.open(tmp_path / "runs.db") as kept:
        for info in kept.runs():
            assert SECRET not in repr(
                [
                    (x.request, x.request.headers, x.request.body, x.answer.body)
                    for x in kept.load(info.run_id)
                ]
            )


@pytest.mark.parametrize("now", [SECRET, "sk-another-one-9876543210", None], ids=["same", "other", "none"])
def test_a_redacted_tape_replays_whatever_the_secret_is_today(now, monkeypatch):
    def agent():
        import os

        key = os.environ.get("SHOP_API_KEY", "no-key-at-all-today")
        script = by_rule(lambda r: Response(200, (), (b"ok",)))
        with httpx.Client(transport=transport(script, httpx), headers={"x-api-key": key}) as client:
            return client.post("http://m/", content=b"the same").text

    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    with tracefork.record() as run:
        agent()
    monkeypatch.setenv("SHOP_API_KEY", now) if now else monkeypatch.delenv("SHOP_API_KEY")

    assert tracefork.verify(run.tape, agent).ok


def fork_that_echoes(script):
    """An agent whose second request holds what the first answer said: in a fork, a placeholder."""

    def agent():
        with httpx.Client(transport=transport(script, httpx)) as client:
            said = client.post("http://m/", content=b"what is the key?").text
            return client.post("http://m/", content=f"use {said}").text

    return agent


def test_a_placeholder_is_refilled_when_a_fork_forwards_it(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    with tracefork.record() as run:
        fork_that_echoes(Script(Response(200, (), (SECRET.encode(),)), Response(200, (), (b"ok",))))()
    assert run.tape.masked[0].response.body == HIDDEN.encode()
    assert len(run.tape[0].response.body) == len(SECRET)
    live = Script(Response(200, (), (b"done",)))
    with tracefork.fork(run.tape, 1) as branch:
        assert fork_that_echoes(live)() == "done"

    assert live.requests[0].body == f"use {SECRET}".encode()
    headers = {name.lower(): value for name, value in live.requests[0].headers}
    assert headers["content-length"] == str(len(live.requests[0].body))
    assert branch.tape[1].request.body == f"use {HIDDEN}".encode()


def test_a_placeholder_that_cannot_be_refilled_is_refused(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    with tracefork.record() as run:
        fork_that_echoes(Script(Response(200, (), (SECRET.encode(),)), Response(200, (), (b"ok",))))()
    monkeypatch.delenv("SHOP_API_KEY")
    live = Script(Response(200, (), (b"done",)))
    with pytest.raises(RedactedSecret, match="SHOP_API_KEY"), tracefork.fork(run.tape, 1):
        fork_that_echoes(live)()

    assert live.requests == ()


def test_an_outcome_holds_no_secret(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    with pytest.raises(ValueError), tracefork.record() as run:
        raise ValueError(f"bad key {SECRET}")

    assert run.tape.outcome.message == f"bad key {HIDDEN}"


def test_a_redactor_of_ones_own_replaces_the_default():
    with tracefork.record(redact=Redactor({"PET": "rex-the-dog"})) as run:
        with httpx.Client(transport=transport(Script(Response(200)), httpx)) as client:
            client.post("http://m/", content=b"walk rex-the-dog")

    assert run.tape[0].request.body == b"walk [secret:PET]"


def test_a_redactor_keeps_to_the_secrets_that_it_was_made_of():
    """A value is a value: what it is made of may change later, and what it remembers stays true."""
    known = {"A_KEY": "hunter2-hunter2"}
    redactor = Redactor(known)
    header = (("etag", "swordfish-swordfish"),)
    known["B_KEY"] = "swordfish-swordfish"

    assert redactor.question(Request("GET", "http://a/", header)).headers == header
    assert evolve(redactor, known=known).question(Request("GET", "http://a/", header)).headers == (
        ("etag", "[secret:B_KEY]"),
    )


# -- spread over the events of a stream -------------------------------------------------


def deltas(*texts, end="\n\n"):
    events = [
        f'event: delta\ndata: {{"type":"delta","delta":{{"text":{json.dumps(text)}}}}}' for text in texts
    ]
    return end.join([*events, ""]).encode()


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
@pytest.mark.parametrize(
    "cuts", [(n,) for n in range(1, len(SECRET))] + [(1, 2, 3), tuple(range(1, len(SECRET)))]
)
def test_a_secret_spread_over_events_is_found_wherever_it_is_cut(cuts, end):
    parts = [SECRET[a:b] for a, b in zip((0, *cuts), (*cuts, len(SECRET)))]
    parts[0], parts[-1] = "it is " + parts[0], parts[-1] + ", so"
    body = deltas(*parts, end=end)
    kept = ours.answer(Response(200, (), (body[:70], body[70:])))

    said = [
        json.loads(line[6:])["delta"]["text"]
        for line in kept.body.decode().splitlines()
        if line.startswith("data")
    ]
    assert "".join(said) == "it is [secret:SHOP_API_KEY], so"
    assert len(said) == len(parts)
    assert len(kept.chunks) == 2


def test_events_between_do_not_hide_a_secret():
    body = deltas("my " + SECRET[:5]) + b'event: ping\ndata: {"type": "ping"}\n\n' + deltas(SECRET[5:] + ".")
    kept = ours.answer(Response(200, (), (body,)))

    assert SECRET[5:].encode() not in kept.body
    assert b"[secret:SHOP_API_KEY]" in kept.body
    assert b"ping" in kept.body


def test_looking_for_spread_secrets_takes_no_time_to_speak_of():
    body = deltas(*(SECRET[: n % 9] for n in range(20_000)))
    began = time.process_time()
    ours.answer(Response(200, (), (body,)))

    assert time.process_time() - began < 5


def test_what_was_plain_for_one_redactor_is_a_secret_for_one_that_knows_it():
    url, value = "http://model/v1?q=hidden-in-plain-8412", "hidden-in-plain-8412"
    first = redactor({})

    assert first.text(url) == redactor({}).text(url) == url
    assert value not in redactor({"SOME_KEY": value}).text(url)
    assert value not in redactor({}, known=[("mine", value)]).text(url)
    assert redactor({}).text(url) == url


def test_what_was_plain_is_plain_no_more_once_a_finder_or_a_header_is_added():
    request = Request("GET", "http://model/", (("x-visitor", "jane@example.com"),), b"")

    assert redactor({}).question(request) == request
    assert "jane" not in repr(redactor({}, finders=[emails]).question(request))
    assert "jane" not in repr(redactor({}, headers=["X-Visitor"]).question(request))
    assert redactor({}).question(request) == request


def test_a_finder_of_somebody_else_is_asked_each_time():
    asked = []

    def finder(data, start):
        asked.append(data)
        return [(0, len(data), b"[mine]")] if len(asked) > 1 else []

    mine = redactor({}, finders=[finder], issuers=False)

    assert mine.text("short") == "short"
    assert mine.text("short") == "[mine]"
