"""The gateway that stays: whose a request is, and when a run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import tracefork
from tracefork import Response
from tracefork.errors import StoreError
from tracefork.host.peers import find_peer
from tracefork.runs.command import CommandAgent
from tracefork.runs.standing import open_standing
from tracefork.testing import LoopbackServer, by_rule
from tracefork.transports.gateway.addresses import write_address

PROGRAM = str(Path(__file__).parent / "asking.py")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda asked: Response(200, (), (asked.body.upper(),)))) as server:
        yield server


@pytest.fixture
def store(tmp_path):
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        yield store


def ask(base, server, text, **headers):
    asked = urllib.request.Request(write_address(base, f"{server.url}/v1"), text.encode(), headers)
    with urllib.request.urlopen(asked) as answer:
        return answer.read().decode()


def start(opened, server, *words):
    env = {**os.environ, "OPENAI_BASE_URL": write_address(opened.base, f"{server.url}/v1")}
    return subprocess.Popen([sys.executable, PROGRAM, *words], env=env, stdout=subprocess.PIPE)


@pytest.mark.slow
@on_linux
def test_each_process_that_asks_has_a_run_of_its_own_which_ends_with_it(server, store):
    ended = []
    with open_standing(store, ended=lambda run, failed: ended.append((run, failed))) as opened:
        agents = [start(opened, server, "say", word, "more") for word in ("one", "two")]
        assert {agent.communicate()[0] for agent in agents} == {b"MORE ONE\n", b"MORE TWO\n"}
        deadline = time.monotonic() + 10
        while len(ended) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)

        assert [failed for _, failed in ended] == [None, None]
    runs = [store.load(info.run_id) for info in store.runs()]
    assert sorted([step.request.body for step in tape] for tape in runs) == [
        [b"one", b"more ONE"],
        [b"two", b"more TWO"],
    ]


def test_a_run_is_what_the_address_names_or_the_header(server, store):
    with open_standing(store) as opened:
        assert ask(f"{opened.base}/mine", server, "a") == "A"
        assert ask(opened.base, server, "b", **{"x-tracefork-run": "theirs"}) == "B"
        assert ask(f"{opened.base}/mine", server, "c") == "C"

    assert [step.request.body for step in store.load("mine")] == [b"a", b"c"]
    [theirs] = store.load("theirs")
    assert "x-tracefork-run" not in dict(theirs.request.headers)


@pytest.mark.slow
def test_a_run_ends_when_nothing_was_asked_for_a_while_and_the_next_has_a_name_of_its_own(server, store):
    ended = []
    with open_standing(store, idle=0.2, ended=lambda run, _: ended.append(run.run_id)) as opened:
        ask(f"{opened.base}/mine", server, "a")
        deadline = time.monotonic() + 10
        while not ended and time.monotonic() < deadline:
            time.sleep(0.05)
        ask(f"{opened.base}/mine", server, "b")

    assert ended == ["mine", "mine-2"]
    assert store.load("mine").outcome.kind == store.load("mine-2").outcome.kind == "returned"


@pytest.mark.parametrize("name", ["", "/any"])
@pytest.mark.parametrize(
    "header", [{"origin": "https://elsewhere.invalid"}, {"host": "rebound.invalid:8899"}], ids=str
)
def test_a_page_in_a_browser_is_refused_by_whatever_name(server, store, name, header):
    with open_standing(store) as opened:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(f"{opened.base}{name}", server, "a", **header)
        refused.value.close()

    assert refused.value.code == 403
    assert list(store.runs()) == [] and not server.requests


@pytest.mark.slow
@on_linux
def test_what_was_started_elsewhere_is_verified_by_the_command_that_starts_it(server, store):
    with open_standing(store) as opened:
        start(opened, server, "say", "one", "two").communicate()
    [info] = list(store.runs())
    tape = store.load(info.run_id)

    agent = CommandAgent.of(tape.meta)
    assert agent is not None and agent.argv == ()
    with pytest.raises(ValueError, match="started elsewhere"):
        agent.check()
    theirs = CommandAgent.parse(
        [sys.executable, PROGRAM, "say", "one", "two"], {"OPENAI_BASE_URL": f"{server.url}/v1"}
    )
    assert tracefork.verify(tape, theirs).ok


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(store):
    with open_standing(store) as opened:
        port = int(opened.base.rpartition(":")[2])
        with pytest.raises(StoreError, match=f"127.0.0.1:{port}"), open_standing(store, port):
            pass
    assert find_peer(port, port) is None


@pytest.mark.slow
def test_the_command_says_what_to_set_and_keeps_all_when_it_is_ended(server, tmp_path):
    command = [sys.executable, "-m", "tracefork", "gateway", "--port", "0", "--store", "runs.db", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    said = json.loads(process.stdout.readline())
    assert ask(f"{said['base']}/r", server, "a") == "A"
    process.send_signal(signal.SIGTERM)
    told = json.loads(process.stdout.readline())
    process.communicate()

    assert said["addresses"]["OPENAI_BASE_URL"].startswith(said["base"])
    assert told == {"run": "r", "exchanges": 1, "failed": None}
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        assert len(store.load("r")) == 1
