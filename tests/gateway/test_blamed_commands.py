"""Blame of a command: its exit code, and a check of what it left, are oracles."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import tracefork
from tracefork.attribution.study.checks import Check, ExitedWell
from tracefork.providers import openai
from tracefork.runs.command import CommandAgent
from tracefork.testing import LoopbackServer, by_rule

pytestmark = pytest.mark.slow

PROGRAM = """
import json, os, sys, urllib.request

def ask(said):
    body = json.dumps({"model": "m", "messages": said}).encode()
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    asked = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]

said = [{"role": "user", "content": "Which shop?"}]
for question in ("Which bread?", "How many?"):
    said += [{"role": "assistant", "content": ask(said)}, {"role": "user", "content": question}]
last = ask(said)
open("order.txt", "w").write(last)
sys.exit("lost" in last)
"""


def model(asked):
    said = json.loads(asked.body)["messages"]
    if len(said) == 3:
        return openai.text("rye")(asked)
    return (
        openai.text("three" if "good shop" in said[1]["content"] else "lost")(asked)
        if len(said) > 1
        else (openai.text("a good shop")(asked))
    )


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A run whose first answer was a bad one, so that it exited with 1."""
    monkeypatch.chdir(tmp_path)
    first = iter([openai.text("a bad shop")])

    def rule(asked):
        return next(first, model)(asked)

    with LoopbackServer(by_rule(rule)) as server:
        agent = CommandAgent.parse([sys.executable, "-c", PROGRAM], {"OPENAI_BASE_URL": f"{server.url}/v1"})
        run = tracefork.record(tmp_path / "runs.db", run_id="r", order="answers", meta=agent.meta())
        with pytest.raises(SystemExit), run:
            agent(run)
        yield run.tape, agent, tmp_path


@pytest.mark.parametrize(
    "oracle", [ExitedWell(), Check("grep -q three order.txt")], ids=["exit code", "check"]
)
def test_the_step_is_named_that_made_a_command_fail(recorded, oracle):
    tape, agent, _ = recorded
    report = tracefork.blame(
        tape,
        agent,
        oracle,
        budget=tracefork.Budget(forks=40),
        on_raise="failure",
        tools_run_for_real=True,
        repeats="drawn",
    )

    assert [ranked.step for ranked in report.ranking if ranked.certified] == [0], report


def test_the_shell_blames_a_command(recorded):
    _, _, folder = recorded
    command = [
        sys.executable,
        "-m",
        "tracefork",
        "blame",
        "r",
        "--store",
        "runs.db",
        "--exit-code",
        "--forks",
        "40",
        "--repeats",
        "drawn",
    ]
    done = subprocess.run([*command, "--json"], cwd=folder, capture_output=True, text=True, check=True)

    report = json.loads(done.stdout)
    assert [ranked["step"] for ranked in report["ranking"] if ranked["certified"]] == [0]


def test_what_takes_too_long_cannot_say():
    assert Check("sleep 5", timeout=0.1)(None) is None
    assert Check("true")(None) is True
    assert Check("exit 3")(None) is False
