"""Commands as agents: recorded, verified, forked and resumed through the gateway, without knowing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from attrs import evolve

import tracefork
from tracefork import Fault, Response
from tracefork.core.values import CANCELLED
from tracefork.errors import Divergence
from tracefork.runs.command import CommandAgent
from tracefork.testing import LoopbackServer, by_rule

PROGRAM = str(Path(__file__).parent / "asking.py")


def echo(asked):
    return Response(200, (("content-type", "text/plain"), ("x-a", "1"), ("x-a", "2")), (asked.body.upper(),))


@pytest.fixture
def served():
    servers = []

    def serve(rule=echo, **how):
        server = LoopbackServer(by_rule(rule), **how)
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.close()


def command(server, *words):
    url = server if isinstance(server, str) else server.url
    return CommandAgent.parse([sys.executable, PROGRAM, *words], {"OPENAI_BASE_URL": f"{url}/v1"})


def record(agent, store=None, **options):
    run = tracefork.record(store, order="answers", meta=agent.meta(), **options)
    with run:
        agent(run)
    return run


def bodies(tape):
    return [step.request.body for step in tape]


@pytest.mark.slow
def test_a_command_is_recorded_and_verified_with_its_server_gone(served, capfd):
    server = served()
    agent = command(server, "say", "one", "two", "three")
    run = record(agent)
    server.close()

    assert bodies(run.tape) == [b"one", b"two ONE", b"three TWO ONE"]
    assert run.tape[0].request.url == f"{server.url}/v1/chat"
    assert dict(run.tape[0].request.headers)["host"] == server.url.partition("//")[2]
    for _ in range(3):
        verdict = tracefork.verify(run.tape, CommandAgent.of(run.tape.meta))
        assert verdict.ok, verdict
    assert capfd.readouterr().out == "THREE TWO ONE\n" * 4


def test_a_command_that_asks_something_else_is_told_so_in_words_and_ended(served, capfd):
    server = served()
    run = record(command(server, "status", "one"))

    verdict = tracefork.verify(run.tape, command(server, "status", "two"))

    assert isinstance(verdict.divergence, Divergence) and not verdict.ok
    said = json.loads(capfd.readouterr().out.splitlines()[-1].removeprefix("400 "))
    assert said["error"]["message"] == str(verdict.divergence)
    assert len(server.requests) == 1


@pytest.mark.slow
def test_a_command_that_does_not_end_after_a_divergence_is_ended(served, monkeypatch):
    server = served()
    run = record(command(server, "status", "one"))
    here = str(Path(PROGRAM).parent)
    code = f"import sys, time; sys.path.insert(0, {here!r}); import asking; asking.ask('two'); time.sleep(60)"
    began = time.monotonic()
    stubborn = CommandAgent((sys.executable, "-c", code), command(server, "x").origins)

    verdict = tracefork.verify(run.tape, stubborn)

    assert isinstance(verdict.divergence, Divergence)
    assert time.monotonic() - began < 30


@pytest.mark.slow
@pytest.mark.parametrize("room", ["1", "2", "4"])
def test_a_pool_of_any_size_replays_in_any_order(served, room):
    server = served()
    words = ["a", "b", "c", "d", "e", "f"]
    run = record(command(server, "crowd", "3", *words))

    for order in (words, words[::-1], words[1::2] + words[::2]):
        verdict = tracefork.verify(run.tape, command(server, "crowd", room, *order), patience=10)
        assert verdict.ok, verdict
    assert len(server.requests) == len(words)


@pytest.mark.slow
def test_a_stream_reaches_the_command_while_it_is_sent(served):
    server = served(lambda _: Response(200, (), (b"first", b"second")), lockstep=True)
    code = (
        "import os, urllib.request;"
        "r = urllib.request.urlopen(os.environ['OPENAI_BASE_URL'] + '/x', b'');"
        "print(r.read1(100), flush=True); input(); print(r.read())"
    )
    agent = CommandAgent((sys.executable, "-c", code), command(server, "x").origins)
    reading, writing = os.pipe()
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        threading.Timer(1.0, lambda: (server.consumed(), os.write(writing, b"\n"), server.consumed())).start()
        run = record(agent)
    finally:
        os.dup2(before, 0)

    assert run.tape[0].response.chunks == (b"first", b"second")


@pytest.mark.slow
def test_a_client_that_leaves_amid_an_answer_leaves_again(served, capfd):
    server = served(
        lambda asked: Response(200, (), (b"12345", b"67890") if asked.body == b"go" else (b"ok",)),
        lockstep=True,
    )
    agent = command(server, "leave", "go")
    threading.Timer(1.5, lambda: [server.consumed() for _ in range(4)]).start()
    run = record(agent)

    assert run.tape[0].response.end == "cancelled" and run.tape[0].response.body.startswith(b"12345")
    assert tracefork.verify(run.tape, agent, patience=10).ok
    assert capfd.readouterr().out == "12345\nok\n" * 2


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(), (b"half",)], ids=["before the head", "in the body"])
def test_a_connection_that_breaks_breaks_for_the_command_too(served, capfd, chunks):
    fault = Fault("ReadError", "")
    server = served(lambda _: Response(200, (("content-length", "9"),), chunks, fault) if chunks else fault)
    agent = command(server, "fail", "x")
    run = record(agent)
    live = capfd.readouterr().out

    step = run.tape[0]
    assert isinstance(step.response.end if chunks else step.answer, Fault)
    assert tracefork.verify(run.tape, agent).ok
    assert capfd.readouterr().out == live
    assert live.strip() in {"RemoteDisconnected", "IncompleteRead", "URLError", "ConnectionResetError"}


@pytest.mark.slow
def test_a_server_that_is_not_there_is_not_there_for_the_command(capfd):
    agent = command("http://127.0.0.1:1", "fail", "x")
    run = record(agent)

    assert isinstance(run.tape[0].answer, Fault) and run.tape[0].answer != CANCELLED
    assert tracefork.verify(run.tape, agent).ok
    assert len(set(capfd.readouterr().out.splitlines())) == 1


def test_a_key_goes_to_the_server_and_never_to_the_tape(served, monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_KEY", "sk-proj-notreal0123456789abcdefghijklmnopqrstuv")
    server = served()
    agent = command(server, "key", "x")
    record(agent, tmp_path / "runs.db", run_id="r")

    assert dict(server.requests[0].headers)["authorization"].endswith("uv")
    assert b"notreal0123456789" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.slow
def test_a_fork_of_a_command_answers_one_step_otherwise_and_goes_live(served):
    server = served()
    agent = command(server, "say", "one", "two", "three")
    run = record(agent)

    with tracefork.fork(run.tape, 1, lambda step: step.response.with_body(b"CHANGED")) as branch:
        agent(branch)

    assert bodies(branch.tape) == [b"one", b"two ONE", b"three CHANGED"]
    assert [sent.body for sent in server.requests[3:]] == [b"three CHANGED"]


@pytest.mark.slow
def test_an_edited_rerun_of_a_command_pays_for_the_difference(served):
    server = served()
    agent = command(server, "say", "one", "two", "three")
    run = record(agent)

    def translate(asked):
        return evolve(asked, body=asked.body.replace(b"two", b"zwei"))

    with tracefork.rerun(run.tape, edits=translate) as again:
        agent(again)

    assert bodies(again.tape) == [b"one", b"zwei ONE", b"three ZWEI ONE"]
    assert len(server.requests) == 5


@pytest.mark.slow
def test_a_command_that_was_killed_with_its_recorder_is_resumed(served, tmp_path):
    server = served()
    agent = command(server, "say", *"abcdef")
    script = f"""
import os, sys, tracefork
from tracefork.runs.command import CommandAgent
agent = CommandAgent.parse({list(agent.argv)!r}, {dict(agent.origins)!r})
with tracefork.record({str(tmp_path / "runs.db")!r}, run_id="r", order="answers", meta=agent.meta()) as run:
    import threading, time
    def kill():
        while len(run.tape) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), 9)
    threading.Thread(target=kill, daemon=True).start()
    agent(run)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("r")
    before, asked = len(tape), len(server.requests)

    with tracefork.resume(tape) as run:
        agent(run)

    assert before >= 3 and len(run.tape) == 6
    assert len(server.requests) - asked <= 6 - before + 1


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_how_the_run_ended(served, code):
    server = served()
    agent = command(server, "code", str(code))
    run = tracefork.record(order="answers", meta=agent.meta())
    if code:
        with pytest.raises(SystemExit) as ended, run:
            agent(run)
        assert ended.value.code == code
        assert (run.tape.outcome.kind, run.tape.outcome.type) == ("raised", "SystemExit")
    else:
        with run:
            agent(run)
        assert run.tape.outcome.kind == "returned"
    assert bool(tracefork.verify(run.tape, agent))
    assert not tracefork.verify(run.tape, command(server, "code", "0" if code else "3"))


@pytest.mark.slow
def test_what_goes_past_the_base_url_is_recorded_where_it_can_be_read(served, capfd):
    server, other = served(), served(lambda _: Response(200, (), (b"elsewhere",)))
    elsewhere = other.url.replace("127.0.0.1", "localtest.invalid")
    agent = command(server, "past", elsewhere)
    run = record(agent)

    assert [step.request.url for step in run.tape] == [f"{elsewhere}/"]
    assert tracefork.verify(run.tape, agent).ok
    assert len(set(capfd.readouterr().out.splitlines())) == 1


@pytest.mark.slow
def test_what_is_encrypted_is_counted_and_refused_in_a_replay(served):
    server = served()
    agent = command(server, "past", "https://localtest.invalid:8443/x")
    run = tracefork.record(order="answers", meta=agent.meta())
    with run:
        agent(run)
    again = tracefork.replay(run.tape)
    with again:
        agent(again)

    [left], [refused] = run.tape.escaped, again.refused
    assert left.target == refused.target == "localtest.invalid:8443"
    assert left.site == Path(sys.executable).name


@pytest.mark.slow
def test_the_environment_is_the_same_in_a_replay_but_for_where_it_leads(served, capfd, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    server = served()
    names = ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HTTPS_PROXY", "NO_PROXY"]
    agent = command(server, "environment", *names)
    record(agent)
    with tracefork.replay(record(agent).tape) as again:
        agent(again)
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    assert all(one.keys() == said[0].keys() and all(one.values()) for one in said)
    assert all("/to/https/api.anthropic.com" in one["ANTHROPIC_BASE_URL"] for one in said)
    assert all("127.0.0.1" in one["NO_PROXY"].split(",") for one in said)


@pytest.mark.slow
def test_a_variable_that_was_not_set_is_not_set_in_a_replay(served, capfd, monkeypatch):
    names = ["ANTHROPIC_API_URL", "AWS_ENDPOINT_URL", "ALL_PROXY", "all_proxy"]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    run = record(command(served(), "environment", *names))
    with tracefork.replay(run.tape) as again:
        CommandAgent.of(run.tape.meta)(again)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://bedrock.invalid")
    with tracefork.replay(run.tape) as led_nowhere:
        CommandAgent.of(run.tape.meta)(led_nowhere)

    first, second, third = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert first == second == dict.fromkeys(names)
    assert third["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


def test_a_command_that_is_not_there_is_said_before_a_run_begins():
    with pytest.raises(FileNotFoundError, match="no command 'nothing-of-this-name'"):
        CommandAgent.parse(["nothing-of-this-name"], {}).check()
    with pytest.raises(ValueError, match="which command"):
        CommandAgent.parse([], {})


@pytest.mark.slow
def test_what_a_command_starts_is_counted_in_recordings_and_replays(served):
    server = served()
    code = (
        "import os, subprocess, urllib.request;"
        "subprocess.run(['sh', '-c', 'sleep 0.4; true']);"
        "urllib.request.urlopen(os.environ['OPENAI_BASE_URL'] + '/x', b'x').read()"
    )
    agent = CommandAgent((sys.executable, "-c", code), command(server, "x").origins)
    run = record(agent)
    verdict = tracefork.verify(run.tape, agent)

    assert verdict.ok
    for seen in (run.tape.escaped, verdict.processes):
        assert {(one.kind, one.target) for one in seen} == {("process", "sh"), ("process", "sleep")}


@pytest.mark.slow
def test_what_a_command_started_ends_with_it(served, tmp_path):
    server = served()
    run = record(command(server, "status", "one"))
    code = (
        "import os, subprocess, time, urllib.request;"
        f"subprocess.Popen(['sh', '-c', 'sleep 8; touch {tmp_path}/left']);"
        "urllib.request.urlopen(os.environ['OPENAI_BASE_URL'] + '/x', b'x')"
    )
    stubborn = f"try:\n    exec({code!r})\nexcept OSError:\n    time.sleep(60)"
    agent = CommandAgent((sys.executable, "-c", stubborn), command(server, "x").origins)

    assert not tracefork.verify(run.tape, agent)
    time.sleep(6)
    assert not (tmp_path / "left").exists()


@pytest.mark.slow
def test_what_will_not_end_is_made_to(served, tmp_path):
    server = served()
    run = record(command(server, "status", "one"))
    stubborn = f"trap '' TERM; sleep 12; sleep 12; touch {tmp_path}/left"
    code = (
        "import os, subprocess, time, urllib.request;"
        f"subprocess.Popen(['sh', '-c', {stubborn!r}]); time.sleep(0.3);"
        "urllib.request.urlopen(os.environ['OPENAI_BASE_URL'] + '/x', b'x')"
    )
    agent = CommandAgent(
        (sys.executable, "-c", f"try:\n    exec({code!r})\nexcept OSError:\n    time.sleep(60)"),
        command(server, "x").origins,
    )

    assert not tracefork.verify(run.tape, agent)
    time.sleep(0.5)
    assert subprocess.run(["pgrep", "-f", f"{tmp_path}/left"], check=False, capture_output=True).stdout == b""


def test_a_password_in_a_base_url_is_not_kept_and_is_taken_from_the_environment(monkeypatch):
    url = "https://bob:a-password@llm.invalid/v1"
    meta = CommandAgent.parse(["x"], {"OPENAI_BASE_URL": url}).meta()
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    again = CommandAgent.of(meta)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.invalid/v1")

    assert "a-password" not in str(meta)
    assert again.origins["OPENAI_BASE_URL"] == url
    assert CommandAgent.of(meta).origins["OPENAI_BASE_URL"] == "https://llm.invalid/v1"


@pytest.mark.slow
def test_a_client_that_offers_http_2_is_answered_by_http_1(served):
    server = served()
    code = (
        "import os, urllib.request;"
        "offered = {'upgrade': 'h2c', 'http2-settings': 'AAA'};"
        "asked = urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/x', b'x', offered);"
        "urllib.request.urlopen(asked).read()"
    )
    run = record(CommandAgent((sys.executable, "-c", code), command(server, "x").origins))

    assert {"upgrade", "http2-settings"}.isdisjoint(dict(run.tape[0].request.headers))
