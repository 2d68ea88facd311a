"""An agent full of secrets: none is in any file, log, report or traceback, by default; and it replays."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
import traceback
import uuid
import zlib
from pathlib import Path

import httpx
import pytest
from ended import has_ended

import tracefork
from tracefork import TapeStore, report
from tracefork.core.values import Source
from tracefork.errors import RedactedSecret, StoreError, TraceforkError, Unredacted
from tracefork.redact import Redactor, cards, counts, emails, redactor, scrubbed
from tracefork.report.text import markdown, summary
from tracefork.runs import finders
from tracefork.testing.scripted import async_transport, by_rule, transport

KNOWN = "correct-horse-battery-staple-4711"
ISSUED = "ghp_" + "a1B2c3D4e5F6" * 3
PRIVATE = (
    "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 4 + "-----END PRIVATE KEY-----"
)
SECRETS = [KNOWN, ISSUED, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "hunter-22-password"]
FORMS = [form for s in SECRETS for form in (s.encode(), base64.b64encode(s.encode())[:-4])]
SSE = (("content-type", "text/event-stream"),)


def events(text):
    """`text` as a stream, a few letters an event."""
    pieces = [text[n : n + 3] for n in range(0, len(text), 3)]
    made = [json.dumps({"type": "content_block_delta", "delta": {"text": piece}}) for piece in pieces]
    return tuple(f"event: content_block_delta\ndata: {data}\n\n".encode() for data in made)


def rule(request):
    if b"stream" in request.body:
        return tracefork.Response(200, SSE, events(f"the key {KNOWN} and {ISSUED} are yours"))
    body = json.dumps({"said": [KNOWN, ISSUED, PRIVATE], "basic": base64.b64encode(ISSUED.encode()).decode()})
    return tracefork.Response(200, (("set-cookie", f"s={KNOWN}"), ("x-own", ISSUED)), (body.encode(),))


@tracefork.tool
def login(user, password):
    if user == "nobody":
        raise PermissionError(f"{password} is wrong for https://nobody:hunter-22-password@h/?key={ISSUED}")
    return {"token": ISSUED, "password": password}


def agent():
    headers = {"authorization": f"Bearer {KNOWN}", "x-goog-api-key": ISSUED, "user-agent": f"agent {ISSUED}"}
    with httpx.Client(transport=transport(by_rule(rule), httpx), headers=headers) as client:
        said = client.post(f"http://me:hunter-22-password@h/v1?key={ISSUED}", json={"k": KNOWN}).json()
        client.post("http://h/v1", json={"nested": json.dumps(said), "messages": [PRIVATE]})
        with client.stream("POST", "http://h/v1", json={"stream": ISSUED}) as answer:
            read = "".join(answer.iter_text())
    login("me", KNOWN)
    try:
        login("nobody", KNOWN)
    except PermissionError:
        pass
    return read, asyncio.run(later())


async def later():
    async with httpx.AsyncClient(transport=async_transport(by_rule(rule), httpx)) as client:
        return (await client.post("http://h/", content=PRIVATE)).text


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", KNOWN)


def clean(data, where):
    data = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    for form in FORMS:
        assert form not in data, f"{form!r} in {where}"


def all_of(tape):
    """Every byte and word that a tape has."""
    for step in tape.steps:
        for said in (step.asked, step.answer):
            yield repr(said)
            for name in ("url", "headers", "body", "reason", "arguments", "value", "text", "message"):
                value = getattr(said, name, "")
                yield value if isinstance(value, bytes) else repr(value)
    yield repr((dict(tape.meta), tape.agent_name, tape.run_id, tape.outcome, tape.parent))


@pytest.mark.parametrize("where", ["runs.db", "runs"])
def test_no_file_holds_a_secret_while_a_run_is_recorded_nor_afterwards(where, known, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    shown, log = [], io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger("tracefork").addHandler(handler)
    logging.getLogger("tracefork").setLevel(logging.DEBUG)
    meta = {"command": f"agent --key {KNOWN} {ISSUED}"}
    with tracefork.record(tmp_path / where, run_id="r", meta=meta, agent_name=f"a {ISSUED}") as run:
        look = run._log.look
        run._log.look = lambda written: shown.append(written) or look(written)
        agent()
        run.flush()
        for file in tmp_path.rglob("*"):
            if file.is_file():
                clean(file.read_bytes(), file)
    logging.getLogger("tracefork").removeHandler(handler)

    assert len(shown) > 5, "nothing was looked at before it was compressed"
    for written in shown:
        clean(written, "a chunk")
    for file in tmp_path.rglob("*"):
        clean(str(file), "a file's name")
        if file.is_file():
            clean(file.read_bytes(), file)
    clean(log.getvalue(), "the log")
    with TapeStore.open(tmp_path / where) as store:
        tape = store.load("r")
    assert tape == run.tape
    for said in all_of(tape):
        clean(said, "the tape")
    clean(tracefork.dumps(tape), "a file")


def test_no_report_or_traceback_holds_one(known, tmp_path):
    with tracefork.record() as run:
        agent()
    for text in (report.html(run.tape), markdown.markdown(run.tape), summary.text(run.tape)):
        clean(text, "a report")
    clean(report.html(run.tape, mode="static"), "a report")
    told = []
    for other in (lambda: httpx.post("http://h/", content=KNOWN), lambda: login("me", ISSUED), lambda: None):
        try:
            with tracefork.replay(run.tape):
                other()
        except TraceforkError as exc:
            told.append("".join(traceback.format_exception_only(exc)))
    assert len(told) == 3
    for text in told:
        clean(text, "an error")


def test_a_killed_run_has_none_either(tmp_path):
    code = (
        "import os, sys; sys.path[:0] = [sys.argv[2]]\n"
        "import tracefork\nfrom redact import test_kept_secret\n"
        "run = tracefork.record(sys.argv[1], run_id='r').__enter__()\n"
        "test_kept_secret.agent(); run.flush(); os._exit(9)"
    )
    store = tmp_path / "runs.db"
    command = [sys.executable, "-c", code, store, str(Path(__file__).parents[1])]
    done = subprocess.run(
        command, check=False, env={**os.environ, "SHOP_API_KEY": KNOWN}, capture_output=True
    )
    assert done.returncode == 9, done.stderr.decode()

    for file in tmp_path.iterdir():
        clean(file.read_bytes(), file)
    with TapeStore.open(store) as kept:
        tape = kept.load("r")
    assert len(tape) == 4
    for said in all_of(tape):
        clean(said, "the tape")


@pytest.mark.parametrize(
    "now", [KNOWN, "quite-another-secret-0815", None], ids=["the same", "another", "none"]
)
def test_it_replays_with_the_secret_another_one_and_none(now, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", KNOWN)
    with tracefork.record() as run:
        asking(os.environ["SHOP_API_KEY"])
    if now is None:
        monkeypatch.delenv("SHOP_API_KEY")
    else:
        monkeypatch.setenv("SHOP_API_KEY", now)
    verdict = tracefork.verify(run.tape, lambda: asking(now or ""))

    assert verdict.ok, verdict


def asking(key):
    with httpx.Client(transport=transport(by_rule(rule), httpx)) as client:
        said = client.post("http://h/", headers={"authorization": f"Bearer {key}"}, content=b"?").text
        client.post("http://h/", content=said)


def test_what_the_tape_says_stays_though_it_is_a_secret_by_now(monkeypatch):
    with tracefork.record() as run:
        asking("x")
        httpx.Client(transport=transport(by_rule(lambda _: plainly("open sesame now")), httpx)).get(
            "http://h/"
        )
    monkeypatch.setenv("NEW_TOKEN", "open sesame now")

    def again():
        asking("x")
        httpx.get("http://h/")

    assert tracefork.verify(run.tape, again).ok


def plainly(text):
    return tracefork.Response(200, (), (text.encode(),))


# -- counts ------------------------------------------------------------------------------


def test_the_tape_says_how_many_were_taken_out_of_each_kind(known, tmp_path):
    with tracefork.record(tmp_path / "runs.db", run_id="r") as run:
        agent()

    assert dict(run.tape.redacted) == counts(run.tape)
    assert {run.tape.redacted[name] for name in ("github", "SHOP_API_KEY", "private-key")} == {1}
    assert run.tape.redacted["userinfo"] == 2
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert store.load("r").redacted == run.tape.redacted


def test_a_tape_without_secrets_says_nothing():
    with tracefork.record() as run:
        httpx.Client(transport=transport(by_rule(lambda _: plainly("hello")), httpx)).get("http://h/")
    assert run.tape.redacted == {} and run.tape.meta == {}


# -- the last look ---------------------------------------------------------------------------


class Blind(Redactor):
    """Knows the secret, and takes nothing out."""

    def question(self, question):
        return question

    def answer(self, answer):
        return answer


@pytest.mark.parametrize("where", ["runs.db", "runs"])
def test_what_slipped_through_is_refused_before_it_is_written(where, tmp_path):
    blind = Blind({"SHOP_API_KEY": KNOWN})
    with pytest.raises(Unredacted, match="SHOP_API_KEY") as caught:
        with tracefork.record(tmp_path / where, run_id="r", redact=blind):
            httpx.Client(transport=transport(by_rule(lambda _: plainly(KNOWN)), httpx)).get("http://h/")

    assert isinstance(caught.value, StoreError) and KNOWN not in str(caught.value)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            clean(file.read_bytes(), file)
    with TapeStore.open(tmp_path / where) as store:
        assert all(KNOWN not in said for said in map(repr, store.load("r").steps))


@pytest.mark.parametrize("form", [json.dumps(KNOWN)[1:-1], base64.b64encode(b"x" + KNOWN.encode()).decode()])
def test_the_last_look_knows_the_forms_of_a_secret(form, tmp_path):
    with pytest.raises(Unredacted), tracefork.record(tmp_path / "r.db", redact=Blind({"A_TOKEN": KNOWN})):
        httpx.Client(transport=transport(by_rule(lambda _: plainly(f"it is {form}.")), httpx)).get(
            "http://h/"
        )


@pytest.mark.parametrize("where", ["runs.db", "runs"])
def test_a_secret_in_a_name_is_refused(where, known, tmp_path):
    with pytest.raises(Unredacted), tracefork.record(tmp_path / where, run_id=f"run of {KNOWN}"):
        pass
    with pytest.raises(Unredacted), tracefork.record(tmp_path / where) as run:
        run.env(KNOWN)
    for file in tmp_path.rglob("*"):
        clean(str(file), "a name")
        if file.is_file():
            clean(file.read_bytes(), file)


def test_a_short_value_may_stand_anywhere_by_chance(tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "returned")
    with tracefork.record(tmp_path / "runs.db") as run:
        run.call("tool", lambda: "x")
    assert run.tape.outcome.kind == "returned"


def failing(data, start=0):
    yield 0, 1, b"[secret:first]"
    raise ZeroDivisionError("in a finder")


def outside(data, start=0):
    return [(-5, len(data) + 9, b"[secret:all]")]


def leaving(data, start=0):
    raise SystemExit(3)


@pytest.mark.parametrize("finder", [failing, outside, leaving])
def test_a_finder_that_fails_loses_its_turn_and_nothing_is_lost_but_that(finder, known, tmp_path):
    """A promise that was the other way round: such a finder ended the recording, and steps were lost."""
    redact = redactor(os.environ, finders=[finder])
    with tracefork.record(tmp_path / "r.db", redact=redact) as run:
        run.call("tool", lambda: f"{KNOWN} and more")
        asked_once()

    assert run.remarks and all(f"the finder {finder.__name__} failed" in said for said in run.remarks)
    with TapeStore.open(tmp_path / "r.db") as store:
        tape = store.load(run.run_id)
    assert len(tape.steps) == 2 and tape.masked.effects[0].reply.value == '"[secret:SHOP_API_KEY] and more"'


def test_a_finder_that_never_comes_back_is_left_behind_and_said(monkeypatch):
    monkeypatch.setattr(finders, "PATIENCE", 0.1)
    over = threading.Event()
    asked = []

    def endless(data, start=0):
        asked.append(data)
        over.wait(60)
        return []

    began = time.monotonic()
    with tracefork.record(redact=redactor({}, finders=[endless])) as run:
        for _ in range(20):
            asked_once()
    over.set()

    assert len(run.tape) == 20 and time.monotonic() - began < 10
    assert len(asked) == 1, "it is not asked again"
    assert ["took too long" in said for said in run.remarks] == [True]


def vars_of(step):
    return repr(getattr(step.answer, "value", "")) + repr(step)


# -- scrubbing -----------------------------------------------------------------------------------


def test_scrubbing_makes_another_tape_that_says_what_is_out(monkeypatch):
    with tracefork.record(redact=Redactor(), meta={"who": "me@example.com"}) as run:
        agent()
    assert any(KNOWN in said for said in map(str, all_of(run.tape)))
    redact = redactor({"SHOP_API_KEY": KNOWN}, finders=[emails])
    clean_ = scrubbed(run.tape, redact, "scrubbed")

    for said in all_of(clean_):
        clean(said, "the scrubbed tape")
    assert clean_.run_id == "scrubbed" and len(clean_) == len(run.tape)
    assert clean_.redacted == counts(clean_) and clean_.meta["who"] == "[secret:email]"
    assert scrubbed(clean_, redact, "scrubbed").steps == clean_.steps, "twice is once"
    assert tracefork.loads(tracefork.dumps(clean_)) == clean_


# -- what a fork is given, and what it gives on ------------------------------------------------------


def asked_once():
    return httpx.Client(transport=transport(by_rule(lambda _: plainly("hello")), httpx)).get("http://h/").text


def test_a_fork_keeps_nothing_of_the_secrets_in_the_answer_that_it_is_given(known, tmp_path):
    with tracefork.record() as run:
        asked_once()
    answer = run.tape[0].response.with_body(f"{ISSUED} and {KNOWN}".encode())
    with tracefork.fork(run.tape, 0, answer, store=tmp_path / "runs.db", run_id="branch"):
        assert KNOWN in asked_once(), "the agent sees true bytes"
    with TapeStore.open(tmp_path / "runs.db") as store:
        branch = store.load("branch")

    assert branch.masked[0].response.body == b"[secret:github] and [secret:SHOP_API_KEY]"
    assert branch.redacted == {"github": 1, "SHOP_API_KEY": 1}
    assert tracefork.verify(branch, asked_once).ok


def test_a_run_that_follows_a_leaky_tape_leaks_no_more(known, tmp_path):
    with tracefork.record(redact=Redactor()) as run:
        httpx.Client(transport=transport(by_rule(lambda _: plainly(KNOWN)), httpx)).get("http://h/")
    assert run.tape[0].response.body == KNOWN.encode()
    with tracefork.resume(run.tape, tmp_path / "runs.db", run_id="more"):
        httpx.get("http://h/")
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert store.load("more").masked[0].response.body == b"[secret:SHOP_API_KEY]"


@pytest.mark.parametrize("coding", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_compressed_question_is_looked_into(coding, known):
    name = "gzip" if coding is gzip.compress else "deflate"

    def agent():
        client = httpx.Client(transport=transport(by_rule(lambda _: plainly("ok")), httpx))
        body = coding(json.dumps({"k": KNOWN, "token": ISSUED}).encode())
        client.post("http://h/", content=body, headers={"content-encoding": name})

    with tracefork.record() as run:
        agent()
    kept = run.tape[0].request
    assert kept.body == b'{"k": "[secret:SHOP_API_KEY]", "token": "[secret:github]"}'
    assert dict(kept.headers)["x-tracefork-redacted"] and "content-encoding" not in dict(kept.headers)
    assert tracefork.verify(run.tape, agent).ok


def test_a_compressed_question_without_a_secret_stays_what_it_was(known):
    body = gzip.compress(b"nothing to see")
    with tracefork.record() as run:
        client = httpx.Client(transport=transport(by_rule(lambda _: plainly("ok")), httpx))
        client.post("http://h/", content=body, headers={"content-encoding": "gzip"})
    assert run.tape[0].request.body == body


def giving(tool):
    """An agent that gives the tool what the model said."""

    def agent():
        client = httpx.Client(transport=transport(by_rule(lambda _: plainly(KNOWN)), httpx))
        said = client.get("http://h/").text
        client.get("http://h/more")
        return list(tool(said, [said], {"k": (said,)}))

    return agent


@pytest.mark.parametrize("yields", [False, True], ids=["plain", "generator"])
def test_a_live_tool_is_given_the_true_secret_that_the_tape_had_hidden(yields, known, monkeypatch):
    got = []

    @tracefork.tool
    def plain_tool(*args):
        got.append(args)
        return []

    @tracefork.tool
    def yielding_tool(*args):
        got.append(args)
        yield 1

    agent = giving(yielding_tool if yields else plain_tool)
    with tracefork.record() as run:
        agent()
    with tracefork.fork(run.tape, 1):
        agent()
    assert got == [(KNOWN, [KNOWN], {"k": (KNOWN,)})] * 2
    monkeypatch.delenv("SHOP_API_KEY")
    with pytest.raises(RedactedSecret), tracefork.fork(run.tape, 1):
        agent()
    assert len(got) == 2


# -- finders that do more than find ---------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["context", "process"])
def test_a_finder_may_draw_and_ask_as_it_likes(scope):
    def finder(data, start=0):
        uuid.uuid4(), time.time(), random.random()
        return []

    redact = Redactor({}, finders=(finder,))
    with tracefork.record(redact=redact, virtualize={"uuid", "time", "random"}, scope=scope) as run:
        asked_once()
        run.call("tool", lambda: 1)
        assert len(run.tape) == 1
    assert len(run.tape) == 1


def test_a_finder_that_fails_at_the_end_lets_the_agents_error_through(tmp_path):
    """The run keeps the outcome too, since a finder loses its turn only."""

    def finder(data, start=0):
        if b"the end" in data:
            raise KeyError("in a finder")
        return []

    with pytest.raises(ValueError, match="the end"):
        with tracefork.record(tmp_path / "runs.db", redact=Redactor({}, finders=(finder,))) as run:
            asked_once()
            raise ValueError("the end")

    assert run.over and run.tape.outcome.type == "ValueError" and run.tape.outcome.message == "the end"
    assert has_ended(run)


def test_numbers_that_look_like_cards_are_what_they_were_when_they_are_drawn(monkeypatch):
    drawn = uuid.UUID("41111111-1111-4111-8111-111111111111")
    assert list(cards(b"4111 1111 1111 1111"))
    redact = redactor({}, finders=[cards])
    with tracefork.record(redact=redact) as run:
        assert run.draw(Source("uuid", "uuid4"), lambda: str(drawn)) == str(drawn)
    with tracefork.replay(run.tape, redact=redact) as again:
        assert again.draw(Source("uuid", "uuid4"), lambda: "another") == str(drawn)
