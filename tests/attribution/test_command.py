"""`tracefork blame` as a user has it: on a script, with what it prints, keeps and shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tracefork.testing.server import LoopbackServer
from tracefork.validation.planted import PlantedRun, model

AGENT = """
import os
from tracefork.testing.planted import PlantedAgent
print(PlantedAgent(os.environ["MODEL_URL"], 6)())
"""
GOOD = ("--success", "Outcome: success")


@pytest.fixture
def desk(tmp_path, command_line):
    """A folder with a script that fails because of its step 2, recorded; and the command line."""
    (tmp_path / "agent.py").write_text(AGENT)
    world = PlantedRun(
        "cli", 6, frozenset({2}), lambda flags: 0.05 if flags[2] else 0.95, (0, 0, 0.1, 0, 0, 0)
    )
    with LoopbackServer(model(world)) as server:
        env = {**os.environ, "MODEL_URL": server.url}

        def tracefork(*words, code=0):
            done = command_line(words, tmp_path, env)
            assert done.returncode == code, done.stdout + done.stderr
            return done

        tracefork.server, tracefork.env, tracefork.folder = server, env, tmp_path
        tracefork("run", "--run-id", "failed", "agent.py")
        yield tracefork


@pytest.mark.slow
def test_a_dry_run_says_what_it_takes_and_asks_nothing(desk):
    before = len(desk.server.requests)
    said = desk("blame", "failed", *GOOD, "--dry-run").stdout
    outlook = json.loads(desk("blame", "failed", *GOOD, "--dry-run", "--json").stdout)

    assert "6 steps can be asked anew" in said
    assert f"about {outlook['likely'][0]['forks']} forks" in said
    assert outlook["unit"] == "USD"
    assert len(desk.server.requests) == before


@pytest.mark.slow
def test_the_step_is_named_kept_and_shown(desk):
    said = desk("blame", "failed", *GOOD).stdout
    assert said.startswith("STEP: step 2 decided the outcome.")
    assert "decided" in said
    assert "Step 5 is" not in said, "what the script prints is not shown"

    page = desk("report", "failed", "-o", "-").stdout
    assert "step 2 decided the outcome" in page
    markdown = desk("report", "failed", "--format", "markdown", "-o", "-").stdout
    assert "value drop" in markdown

    assert len(json.loads(desk("ls", "--json").stdout)) == 1
    assert "forks of blame" in desk("ls").stderr
    assert len(json.loads(desk("ls", "--forks", "--json").stdout)) > 10
    assert json.loads(desk("show", "last", "--json").stdout)["run_id"] == "failed"
    told = "failed, by the oracle that judged it for the blame: STEP: step 2 decided"
    assert told in desk("show", "failed").stdout


@pytest.mark.slow
def test_a_second_study_wants_to_be_asked_for(desk):
    first = json.loads(desk("blame", "failed", *GOOD, "--forks", "4", "--json").stdout)
    assert (first["verdict"], first["forks"]) == ("NOT_IDENTIFIED_WITHIN_BUDGET", 4)
    assert first["more"] > 0
    refused = desk("blame", "failed", *GOOD, code=2)
    assert "--continue goes on with that study" in refused.stderr
    before = len(desk.server.requests)
    second = json.loads(desk("blame", "failed", *GOOD, "--continue", "--json").stdout)
    assert second["verdict"] == "STEP"
    assert second["spent"]["calls"] == first["spent"]["calls"] + len(desk.server.requests) - before
    assert (
        "another study: seed differ"
        in desk("blame", "failed", *GOOD, "--seed", "3", "--continue", code=2).stderr
    )


@pytest.mark.slow
def test_several_processes_make_the_forks(desk):
    said = json.loads(desk("blame", "failed", *GOOD, "--workers", "3", "--json").stdout)
    assert (said["verdict"], said["top"]) == ("STEP", 2)
    assert len(json.loads(desk("ls", "--forks", "--json").stdout)) == said["forks"] + 1


@pytest.mark.slow
def test_an_oracle_and_an_agent_may_be_named(desk):
    (desk.folder / "mine.py").write_text(
        "import os\n"
        "from tracefork.validation.planted import PlantedAgent\n"
        "agent = PlantedAgent(os.environ['MODEL_URL'], 6)\n"
        "def good(result): return 'success' in result\n"
    )
    said = desk("blame", "failed", "--agent", "mine:agent", "--oracle", "mine:good", "--json").stdout
    assert json.loads(said)["top"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "say how to tell a good run"),
        ((*GOOD, "--failure", "x"), "say how to tell a good run"),
        (("--json-path", "state"), "is no path such as"),
        (("--success", "("), "is no pattern"),
        (("--oracle", "os:nothing"), "names nothing that can be called"),
        ((*GOOD, "--usd", "0"), "usd"),
    ],
)
def test_wrong_usage_is_explained_before_anything_is_asked(desk, words, reason):
    before = len(desk.server.requests)
    assert reason in desk("blame", "failed", *words, code=2).stderr
    assert len(desk.server.requests) == before
    assert not list(desk.folder.glob("*.blame/*.json"))


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_paid_for(desk):
    command = [sys.executable, "-m", "tracefork", "blame", "failed", *GOOD]
    with subprocess.Popen(
        command, cwd=desk.folder, env=desk.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        ledger = desk.folder / "runs.db.blame" / "failed.jsonl"
        deadline = time.monotonic() + 30
        while not (ledger.exists() and ledger.read_bytes().count(b"\n") > 6) and time.monotonic() < deadline:
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "add --continue to go on" in said
    paid = ledger.read_bytes().count(b'"done"')
    report = json.loads(desk("blame", "failed", *GOOD, "--continue", "--json").stdout)
    assert report["top"] == 2
    assert report["forks"] > paid >= 2
