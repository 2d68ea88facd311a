"""`tracefork rerun` as a user has it: an edited script, or other requests, against a server that counts."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tracefork import TapeStore
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

AGENT = """
import os, sys, httpx, tracefork

@tracefork.tool
def parse(text):
    with open("parsed", "a") as file:
        file.write(text + "\\n")
    return text.split()[-1]

said = []
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    for prompt in ["name a place", "how far is it", "book a trip"]:
        said.append({"role": "user", "content": prompt})
        asked = {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": "Be kind.", "messages": said}
        answer = client.post("/v1/messages", json=asked)
        answer.raise_for_status()
        said.append({"role": "assistant", "content": answer.json()["content"][0]["text"]})
        parse(said[-1]["content"])
print(said[-1]["content"])
"""


def answer(request):
    asked = json.loads(request.body)
    words = f"{asked['model']} on {asked.get('system')} to {asked['messages'][-1]['content']}"
    return anthropic.text(words)(request)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, command_line):
    """A server, and a folder with an agent and a run of it."""
    folder = tmp_path_factory.mktemp("recorded")
    with LoopbackServer(by_rule(answer)) as server:
        (folder / "agent.py").write_text(AGENT)
        command_line(
            ("run", "--run-id", "first", "agent.py"), folder, {**os.environ, "MODEL_URL": server.url}
        )
        (folder / "parsed").unlink()
        yield server, folder


@pytest.fixture
def desk(tmp_path, command_line, recorded):
    """A folder with an agent and a run of it, the command line, and what the server was asked since."""
    server, folder = recorded
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    seen = len(server.requests)

    def tracefork(*words, code=0, **env):
        done = command_line(words, tmp_path, {**os.environ, "MODEL_URL": server.url, **env})
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def edit(old, new):
        path = tmp_path / "agent.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    tracefork.edit, tracefork.folder = edit, tmp_path
    tracefork.asked = lambda: [json.loads(request.body) for request in server.requests[seen:]]
    return tracefork


@pytest.mark.slow
def test_an_edited_script_pays_for_what_has_changed(desk):
    desk.edit("book a trip", "book a train")

    done = desk("rerun", "last")

    assert len(desk.asked()) == 1
    assert done.stdout == "claude-sonnet-4-5 on Be kind. to book a train\n"
    assert "parted: step 2: at $.messages[4].content the tape has 'book a trip', " in done.stderr
    assert "2 served, 1 live; " in done.stderr
    assert (desk.folder / "parsed").read_text() == "claude-sonnet-4-5 on Be kind. to book a train\n"
    assert "\nok: 3 of 3" in desk("verify", "last").stdout


def test_an_unchanged_script_costs_nothing(desk):
    done = desk("rerun", "first")

    assert desk.asked() == []
    assert "the agent did not part from the recording" in done.stderr
    assert "3 served, 0 live" in done.stderr


def test_another_model_from_a_step_on(desk):
    desk("rerun", "last", "--model", "claude-haiku-4-5", "--from", "1")

    assert [body["model"] for body in desk.asked()] == ["claude-haiku-4-5"] * 2
    with TapeStore.open(desk.folder / "runs.db") as store:
        [branch] = store.branches("first")
    assert branch.step == 1


@pytest.mark.slow
def test_a_system_prompt_from_a_file_and_more(desk):
    (desk.folder / "new.txt").write_text("Be rude.")

    desk(
        "rerun",
        "last",
        *("--system", "@new.txt", "--set", "$.temperature=0", "--set", '$.metadata={"user_id": "a=b"}'),
        *("--unset", "$.max_tokens", "--replace", "a trip=a flight"),
    )

    last = desk.asked()[-1]
    assert (last["system"], last["temperature"], last["metadata"]) == ("Be rude.", 0, {"user_id": "a=b"})
    assert "max_tokens" not in last
    assert last["messages"][-1]["content"] == "book a flight"
    assert desk("verify", "last").returncode == 0


@pytest.mark.slow
def test_a_dry_run_asks_nothing_and_says_what_the_rest_cost(desk):
    desk.edit("how far is it", "how near is it")

    done = desk("rerun", "first", "--dry-run")
    plain = desk("rerun", "first", "--dry-run", "--json")

    assert desk.asked() == []
    assert "it parts at step 1: at $.messages[2].content the tape has 'how far is it'" in done.stdout
    assert "for the 2 exchanges that were not served by then" in done.stdout
    assert "own code ran" in done.stderr
    assert json.loads(plain.stdout)["parted"]["step"] == 1
    with TapeStore.open(desk.folder / "runs.db") as store:
        assert [info.run_id for info in store.runs()] == ["first"]


@pytest.mark.slow
def test_a_dry_run_of_an_unchanged_script_says_so(desk):
    assert desk("rerun", "first", "--dry-run").stdout == "it does not part: 3 exchanges served, none live\n"


def test_a_tool_runs_again_if_it_is_to(desk):
    desk("rerun", "first", "--fresh", "parse")

    assert desk.asked() == []
    assert len((desk.folder / "parsed").read_text().splitlines()) == 3


def test_a_mended_tool_runs(desk):
    desk.edit("return text.split()[-1]", "return text.split()[-1].upper()")

    done = desk("rerun", "first")

    assert desk.asked() == []
    assert len((desk.folder / "parsed").read_text().splitlines()) == 3
    assert "is not the function that was recorded" in done.stderr


@pytest.mark.slow
def test_before_the_step_it_is_told_all_has_to_match(desk):
    desk.edit("how far is it", "how near is it")

    done = desk("rerun", "first", "--from", "2", code=2)

    assert desk.asked() == []
    assert "tracefork rerun first goes on from here" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "$.temperature"), "as '$.temperature=0'"),
        (("--replace", "what"), "as 'OLD=NEW'"),
        (("--fresh", "gone"), "'gone' is none of them: parse"),
        (("--from", "9"), "the run has 3 exchanges: --from is 0 to 3"),
        (("--set", "$.nowhere.at.all=1"), "$.nowhere.at.all"),
        (("--system", "@gone.txt"), "gone.txt"),
    ],
)
def test_what_is_not_understood_is_said(desk, words, said):
    done = desk("rerun", "first", *words, code=2)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_names_the_command_that_goes_on(desk):
    desk.edit("book a trip", "book a train")

    done = desk("verify", "first", code=1)

    assert "tracefork rerun first goes on from here" in done.stdout


@pytest.mark.slow
def test_json_says_what_was_served(desk):
    desk.edit("book a trip", "book a train")

    told = json.loads(desk("rerun", "first", "--json").stdout)

    assert told["parted"]["step"] == 2
    assert (told["savings"]["served"], told["savings"]["live"]) == (2, 1)
    assert told["parent"]["step"] == 2


@pytest.mark.slow
def test_a_fork_takes_edits_too(desk):
    desk("fork", "--at", "1", "--temperature", "0.5", "first")

    assert [body.get("temperature") for body in desk.asked()] == [0.5, 0.5]
