"""Agents in Node and Rust through the gateway, each cell of the table by a check that can fail.

Each is in a network namespace of loopback alone, with a scripted provider that can be killed.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from peers import held
from peers.agents import (
    AGENTS,
    KEYS,
    OTHER_PROMPT,
    PROMPT,
    Stage,
    answer_otherwise,
    kill_all_of,
    list_calls,
    wait_until,
)
from peers.namespaces import open_namespace
from peers.provider import INPUT, OUTPUT, list_results

from tracefork.core.matching import canonical
from tracefork.runs.known import find_known

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(400)]

REPLAYS = """
import shutil
import sys
from pathlib import Path

import tracefork
from tracefork.core.digest import digest
from tracefork.core.matching import canonical
from tracefork.runs.command import CommandAgent
from tracefork.runs.known import find_known

with tracefork.TapeStore.open(sys.argv[1]) as store:
    tape = store.load("kept")
agent = CommandAgent.of(tape.meta)
matcher = canonical(ignoring=find_known(agent.argv).ignore)
for _ in range(5):
    for file in Path.cwd().iterdir():  # as it was before the recording
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    with tracefork.replay(tape) as run:
        agent(run)
    print("digest", digest(run.tape, matcher=matcher) == digest(tape, matcher=matcher), file=sys.stderr)
"""


@pytest.fixture(scope="module", params=AGENTS, ids=lambda agent: re.sub(r"\W+", "-", agent.name))
def stage(request, tmp_path_factory):
    """An agent that was recorded as `kept`, its provider killed since."""
    agent = request.param
    if not agent.is_there:
        pytest.skip(f"there is no {agent.name}: npm install --prefix tests/peers")
    with open_namespace() as namespace:
        if namespace is None:
            pytest.skip("no network namespace can be made here")
        stage = Stage(agent, namespace, tmp_path_factory.mktemp("agent"))
        with stage.serving():
            stage.first = record(stage, "kept")
        stage.asked_first = stage.asked()
        yield stage


def record(stage, run_id, env=None):
    options = ("--gateway", "--run-id", run_id, "--store", str(stage.store))
    process = stage.start("run", *options, "--", *stage.agent.words, env=env)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        kill_all_of(process)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def last_line(text):
    return text.strip().rpartition("\n")[2]


@pytest.fixture
def table(stage):
    """Hold a cell of this agent's row."""
    return lambda column: held.cell(stage.agent.name, column, way="gateway", version=stage.agent.version)


def test_a_run_is_recorded_whole(stage, table):
    with table("record"):
        tape, agent = stage.load("kept"), stage.agent
        assert stage.first.returncode == 0, stage.first.stderr
        assert agent.said in stage.first.stdout, stage.first.stdout
        assert len(tape) == len(stage.asked_first) >= 3
        assert [name for _, name in list_calls(tape)] == [agent.tool] * 2
        assert {escape.kind for escape in tape.escaped} <= {"connection", "process"}
        seen = {escape.target for escape in tape.escaped if escape.kind == "connection"}
        assert agent.escapes <= seen if agent.escapes else not seen, seen


def test_it_is_replayed_five_times_with_its_provider_gone(stage, table):
    with table("replays"):
        command = [*stage.namespace.enter, sys.executable, "-c", REPLAYS, str(stage.store)]
        done = subprocess.run(
            command,
            check=False,
            cwd=stage.work,
            env=stage.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )

        assert done.stderr.count("digest True") == 5, last_line(done.stderr) + f"\n{done.stderr}"
        assert done.stdout.count("done: ") >= 5
        assert stage.asked() == stage.asked_first


def test_it_is_verified_in_a_shell_with_another_home(stage, table):
    with table("verify"):
        count = len(stage.load("kept"))
        other = stage.env | {"HOME": str(stage.make_home("other"))}
        for env in (stage.env, other):
            done = stage.shell("verify", "kept", env=env)
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"ok: {count} of {count} exchanges happened again" in done.stdout


def test_a_fork_of_it_does_something_else(stage, table):
    with table("fork"):
        agent, tape, before = stage.agent, stage.load("kept"), len(stage.asked())
        at = list_calls(tape)[1][0]
        otherwise = answer_otherwise(agent, tape, at, stage.folder / "body")
        with stage.serving():
            done = stage.shell("fork", "kept", "--at", str(at), *otherwise)

        live = stage.asked()[before:]
        assert done.returncode == 0, done.stdout + done.stderr
        assert agent.says_then in done.stdout and agent.says_then not in stage.first.stdout
        assert [results for results, _, _ in live] == [2], live
        assert stage.newest().parent.step == at


def test_a_rerun_of_it_pays_for_what_has_changed(stage, table):
    with table("rerun"):
        before = len(stage.asked())
        same = stage.shell("rerun", "kept")
        assert same.returncode == 0, same.stdout + same.stderr
        assert "did not part" in same.stderr and len(stage.asked()) == before
        with stage.serving():
            other = stage.shell("rerun", "kept", "--replace", f"{PROMPT}={OTHER_PROMPT}")

        live = [body for _, _, body in stage.asked()[before:]]
        assert other.returncode == 0, other.stdout + other.stderr
        assert len(live) >= 3
        assert all(OTHER_PROMPT in body and PROMPT not in body for body in live)


def test_it_is_resumed_after_a_kill(stage, table):
    with table("resume"):
        before = len(stage.asked())
        (stage.folder / "hold").touch()
        with stage.serving():
            options = ("--gateway", "--run-id", "killed", "--store", str(stage.store))
            process = stage.start("run", *options, "--", *stage.agent.words)
            try:
                wait_until(lambda: any(results == 2 for results, _, _ in stage.asked()[before:]))
            finally:
                kill_all_of(process)
                (stage.folder / "hold").unlink()
        killed, asked = stage.load("killed"), len(stage.asked())
        with stage.serving():
            done = stage.shell("resume", "killed")

        assert killed.outcome.kind not in ("returned", "raised")
        assert len(list_calls(killed)) == 2
        assert done.returncode == 0, done.stdout + done.stderr
        assert stage.agent.said in done.stdout
        assert [results for results, _, _ in stage.asked()[asked:]] == [2]
        assert len(stage.newest()) == len(stage.load("kept"))


def test_a_key_goes_to_the_provider_and_never_to_the_store(stage, table):
    with table("secrets"):
        sent = {key for _, headers, _ in stage.asked_first for key in KEYS.values() if key in str(headers)}
        assert len(sent) == 1, "the provider was given no key"
        kept = b"".join(file.read_bytes() for file in stage.folder.glob("runs.db*"))
        tape = stage.load("kept")
        steps = repr([(step.request, step.request.body, step.answer) for step in tape])
        for key in KEYS.values():
            assert key.encode() not in kept and key not in steps and key not in repr(tape.meta)


def test_a_report_names_model_tools_and_tokens(stage, table):
    with table("report"):
        page = stage.shell("report", "kept", "--format", "static", "--no-branches", "--output", "-")
        shown = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", page.stdout, flags=re.DOTALL)
        listed = stage.shell("show", "kept")

        assert page.returncode == listed.returncode == 0, page.stderr + listed.stderr
        assert stage.agent.model in listed.stdout, listed.stdout
        assert stage.agent.tool in shown
        for tokens in (INPUT, OUTPUT):
            total = tokens * len(stage.load("kept"))
            assert str(total) in shown or f"{total / 1000:.1f}k in" in shown, re.sub(r"\s+", " ", shown)[:300]


def test_a_second_recording_asks_the_same_at_first(stage):
    """Later questions hold the ids that the answers before them drew."""
    with stage.serving():
        again = record(stage, "again", stage.env | {"HOME": str(stage.make_home("third"))})
    first, second = stage.load("kept"), stage.load("again")
    matcher = canonical(ignoring=find_known(stage.agent.words).ignore)
    asked = [[step.request for step in tape if not list_results(step.request)] for tape in (first, second)]
    keys = [sorted(map(matcher, requests)) for requests in asked]

    assert again.returncode == 0, again.stderr
    assert keys[0] == keys[1] and keys[0]
