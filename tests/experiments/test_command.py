"""`tracefork compare` as a user has it: what it prints, writes and keeps, and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

AGENT = """
import os, httpx
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    for prompt in ["plan", "{}"]:
        said = {{"role": "user", "content": prompt}}
        asked = {{"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [said]}}
        print(client.post("/v1/messages", json=asked).json()["content"][0]["text"])
"""


def answer(request):
    prompt = json.loads(request.body)["messages"][-1]["content"]
    return anthropic.text("done" if prompt == "please book" else "not done")(request)


@pytest.fixture(scope="module")
def desk(tmp_path_factory, command_line):
    """A folder with an agent, two runs of it that failed, and a new version that always succeeds."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "agent.py").write_text(AGENT.format("book"))
    (folder / "new.py").write_text(AGENT.format("please book"))
    with LoopbackServer(by_rule(answer)) as server:
        env = {**os.environ, "MODEL_URL": server.url}

        def tracefork(*words, code=0):
            done = command_line(words, folder, env)
            assert done.returncode == code, done.stdout + done.stderr
            return done

        tracefork.server, tracefork.folder = server, folder
        for name in ("one", "two"):
            tracefork("run", "--run-id", name, "agent.py")
        yield tracefork


@pytest.mark.slow
def test_a_better_program_exits_with_0_and_writes_a_summary(desk):
    said = desk(
        "compare", "one", "two", "--after", "python new.py", "--success", "^done", "--summary", "pr.md",
        "--ledger", "a.jsonl",
    ).stdout  # fmt: skip

    assert said.startswith("BETTER: ")
    assert "before: " in said
    assert (desk.folder / "pr.md").read_text().startswith("### tracefork compare: BETTER\n")
    assert (desk.folder / "a.jsonl").is_file()


@pytest.mark.slow
def test_a_worse_program_exits_with_1_and_an_open_question_with_3(desk):
    options = "compare", "--since", "1d", "--after", "python new.py", "--failure", "^done"
    found = json.loads(desk(*options, "--ledger", "b.jsonl", "--json", code=1).stdout)
    said = desk(*options, "--ledger", "c.jsonl", "--forks", "4", code=3).stdout
    going_on = desk(*options, "--ledger", "c.jsonl", "--continue", code=1).stdout

    assert found["verdict"] == "WORSE"
    assert found["interval"][1] < 0
    assert said.startswith("NOT DECIDED: ")
    assert "chosen by --since 1d" in said
    assert going_on.startswith("WORSE: ")


@pytest.mark.slow
def test_edits_of_requests_are_a_change_too(desk):
    options = "compare", "one", "--replace", "book=please book", "--success", "^done"

    assert desk(*options, "--ledger", "d.jsonl").stdout.startswith("BETTER: ")


@pytest.mark.slow
def test_runs_of_a_program_that_only_records_itself_are_compared_by_its_name(desk):
    own = AGENT.format("book").replace("import os, httpx", "import os, httpx, tracefork")
    own = own.replace("with httpx", "with tracefork.record('own.db'), httpx")
    (desk.folder / "own.py").write_text(own)
    env = {**os.environ, "MODEL_URL": desk.server.url}
    subprocess.run([sys.executable, "own.py"], cwd=desk.folder, env=env, check=True)
    options = "compare", "last", "--store", "own.db", "--after", "python new.py", "--success", "^done"

    assert "with --before 'python agent.py'" in desk(*options, "--ledger", "e.jsonl", code=2).stderr
    found = desk(*options, "--before", "python agent.py", "--ledger", "e.jsonl").stdout
    assert found.startswith("BETTER: ")


@pytest.mark.slow
def test_wrong_usage_exits_with_2_and_says_what_to_do(desk):
    whole = "compare", "one", "--after", "python new.py", "--success", "done"
    (desk.folder / "there.jsonl").touch()

    assert "say on which runs" in desk("compare", "--after", "new.py", "--success", "a", code=2).stderr
    assert (
        "say what changes"
        in desk(  # last is a run's name here as everywhere
            "compare", "last", "--success", "a", code=2
        ).stderr
    )
    assert "say what changes" in desk("compare", "one", "--success", "a", code=2).stderr
    assert "say how to tell a good run" in desk("compare", "one", "--after", "new.py", code=2).stderr
    assert "--continue goes on" in desk(*whole, "--ledger", "there.jsonl", code=2).stderr
