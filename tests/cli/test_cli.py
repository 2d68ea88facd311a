"""The command line, as a user has it: in processes of its own, on a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracefork import TapeStore
from tracefork.codec.limits import DEFAULT
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Exchange, Request, Response
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

AGENT = """
import os, sys, httpx
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    said = "hello"
    for n in range(int(sys.argv[1])):
        asked = {"model": "small", "messages": [{"role": "user", "content": said}]}
        said = client.post("/v1/messages", json=asked).json()["content"][0]["text"]
print(said)
sys.exit(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
"""


@pytest.fixture
def desk(tmp_path, command_line):
    """A folder with an agent in it, a model that says `re: ...`, and the command line."""
    (tmp_path / "agent.py").write_text(AGENT)
    answer = by_rule(lambda r: anthropic.text("re: " + json.loads(r.body)["messages"][0]["content"])(r))
    with LoopbackServer(answer) as server:

        def tracefork(*words, code=0):
            done = command_line(words, tmp_path, {**os.environ, "MODEL_URL": server.url})
            assert done.returncode == code, done.stdout + done.stderr
            return done

        tracefork.server = server
        yield tracefork


@pytest.mark.slow
def test_the_module_is_the_command(tmp_path):
    said = [
        subprocess.run([*command, "ls"], capture_output=True, text=True, check=False, cwd=tmp_path)
        for command in ([sys.executable, "-m", "tracefork"], [Path(sys.executable).with_name("tracefork")])
    ]

    for done in said:
        assert done.returncode == 2
        assert "there is no store at runs.db" in done.stderr


@pytest.mark.slow
def test_a_script_is_recorded_unmodified_and_verified_with_the_server_gone(desk):
    done = desk("run", "agent.py", "3")
    assert done.stdout == "re: re: re: hello\n"
    desk.server.close()
    verified = desk("verify", "last")

    assert "3 of 3 exchanges happened again" in verified.stdout
    assert "finished" in desk("ls").stdout


@pytest.mark.slow
def test_a_script_that_changed_is_not_ok(desk):
    desk("run", "agent.py", "3")
    verdict = json.loads(desk("verify", "last", "--json", "--", "agent.py", "2", code=1).stdout)

    assert verdict["ok"] is False
    assert verdict["divergence"]["step"] == 2


@pytest.mark.slow
def test_show_prints_a_line_a_step_and_one_step_in_full(desk):
    desk("run", "agent.py", "2")
    lines = desk("show", "last", "--wire").stdout.splitlines()
    full = desk("show", "last", "--step", "1").stdout

    assert "2 steps" in lines[1]
    assert all(word in lines[2] for word in ("POST", "/v1/messages", "small", "200"))
    assert '"content": "re: hello"' in full
    assert json.loads(desk("show", "last", "--json").stdout)["exchanges"] == 2
    assert json.loads(desk("show", "last", "--step", "0", "--json").stdout)["request"]["method"] == "POST"


@pytest.mark.slow
def test_a_fork_answers_one_step_with_a_text_and_runs_on(desk):
    desk("run", "agent.py", "3")
    before = len(desk.server.requests)
    forked = desk("fork", "last", "--at", "1", "--text", "changed", "--name", "other")

    assert forked.stdout == "re: changed\n"
    assert len(desk.server.requests) == before + 1
    runs = json.loads(desk("ls", "--json").stdout)
    assert runs[0]["parent"] == {"parent": runs[1]["run_id"], "step": 1, "name": "other", "desc": "changed"}
    parted = desk("diff", runs[1]["run_id"], runs[0]["run_id"], code=1)
    assert "step 1, response" in parted.stdout
    desk("diff", runs[1]["run_id"], runs[1]["run_id"])


@pytest.mark.slow
def test_a_run_that_failed_is_resumed(desk):
    desk("run", "agent.py", "2", "3", code=3)
    asked = len(desk.server.requests)
    resumed = desk("resume", "last", "--", "agent.py", "4")

    assert resumed.stdout == "re: re: re: re: hello\n"
    assert len(desk.server.requests) == asked + 2


@pytest.mark.slow
def test_a_module_is_recorded_too(desk):
    desk("run", "-m", "agent", "1")
    assert "1 of 1" in desk("verify", "last").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "last"), "no store at"),
        (("verify", "nothing"), "no store at"),
        (("run", "missing.py"), "no script 'missing.py'"),
        (("ls", "--store", "x.txt"), "no store at"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(desk, words, said):
    done = desk(*words, code=2)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.nightly  # .ci/run looks at it in an installation of its own
def test_the_demo_tells_its_story(desk):
    done = desk("demo")
    runs = json.loads(desk("ls", "--store", "demo.db", "--json").stdout)

    for word in ("Record", "Verify", "Fork", "Edit", "Blame", "decided", "Crash", "Resumed", "digest"):
        assert word in done.stdout
    assert len(runs) == 5


@pytest.mark.nightly  # the story once more
def test_the_demo_tells_its_story_to_programs(desk):
    assert set(json.loads(desk("demo", "--store", "two.db", "--json").stdout)) == {
        "recorded",
        "branch",
        "rerun",
        "resumed",
        "store",
    }


# -- what an agent does beside its model ----------------------------------------------------

RESTLESS = """
import itertools, os, subprocess, sys, time, httpx
from uuid import uuid4
for n in range(2):
    content = f"{uuid4()} at {time.time()} with {os.environ.get('SHOP_API_KEY', 'no key')}"
    trace = os.urandom(8).hex() if "--trace" in sys.argv else 0
    wish = {"model": "small", "trace": trace, "messages": [{"role": "user", "content": content}]}
    httpx.post(os.environ["MODEL_URL"] + "/v1/messages", json=wish)
if "--starts" in sys.argv:
    subprocess.run([sys.executable, "-c", ""], check=True)
"""


@pytest.fixture
def restless(desk, tmp_path):
    (tmp_path / "restless.py").write_text(RESTLESS)
    return desk


@pytest.mark.slow
def test_a_script_with_a_clock_and_ids_is_recorded_with_its_chance(restless):
    restless("run", "--virtualize", "uuid,time", "restless.py")
    assert "drawn through the run: time, uuid" in restless("show", "last").stdout
    restless.server.close()
    assert "2 of 2 exchanges happened again" in restless("verify", "last").stdout


@pytest.mark.slow
def test_calibration_says_what_would_help(restless):
    found = restless("calibrate", "restless.py", "--trace")
    assert "cured by virtualize={'secrets'}" in found.stdout, "what names the trace"
    assert "replayable with tracefork.record(..., virtualize={'secrets', 'time', 'uuid'})" in found.stdout
    told = json.loads(restless("calibrate", "--json", "restless.py").stdout)
    assert told["ok"] and sorted(told["virtualize"]) == ["time", "uuid"]
    assert len(restless.server.requests) == 4, "twice two calls"


@pytest.mark.slow
def test_what_escapes_is_shown_and_refused_under_strict(restless):
    restless("run", "--virtualize", "uuid,time", "restless.py", "--starts")
    assert "escaped: process" in restless("show", "last").stdout
    assert "escaped: process" in restless("verify", "last").stdout
    refused = restless("run", "--strict", "restless.py", "--starts", code=2)
    assert "strict=True refused a process" in refused.stderr


@pytest.mark.slow
def test_a_run_is_scrubbed_of_what_is_known_to_be_secret_now(restless, monkeypatch, tmp_path):
    monkeypatch.setenv("MODEL_PASSPHRASE", "small")
    restless("run", "--run-id", "old", "restless.py")
    refused = restless("scrub", "old", "--secret", "MODEL_PASSPHRASE", code=2).stderr
    assert "fewer than 6 characters" in refused
    monkeypatch.setenv("MODEL_PASSPHRASE", "no key")
    said = restless("scrub", "old", "--secret", "MODEL_PASSPHRASE").stdout
    assert "1 MODEL_PASSPHRASE" in said and "kept as old-scrubbed" in said
    shown = restless("show", "old-scrubbed").stdout
    assert "secrets taken out: MODEL_PASSPHRASE 1" in shown
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert all(b"no key" not in exchange.request.body for exchange in store.load("old-scrubbed"))
        assert all(b"no key" in exchange.request.body for exchange in store.load("old"))
    assert "there is no variable NONE" in restless("scrub", "old", "--secret", "NONE", code=2).stderr


# -- looking after a store -----------------------------------------------------------


@pytest.mark.slow
def test_a_sound_store_is_clean(desk):
    desk("run", "agent.py", "2")

    assert "1 run read, 0 findings" in desk("check").stdout
    assert json.loads(desk("check", "--sample", "50%", "--json").stdout)["findings"] == []


@pytest.mark.slow
def test_damage_is_found_named_and_salvaged(desk, tmp_path):
    desk("run", "--run-id", "hurt", "--store", "runs", "agent.py", "3")
    (log,) = (tmp_path / "runs").glob("*.log")
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 4
    log.write_bytes(data)

    found = desk("check", "--store", "runs", code=1)
    assert "hurt: " in found.stdout
    assert "1 finding" in found.stdout

    saved = desk("salvage", "hurt", "--store", "runs")
    assert "3 exchanges, kept as hurt-salvaged" in saved.stdout
    assert desk("verify", "hurt-salvaged", "--store", "runs", "--", "agent.py", "3")


@pytest.mark.slow
def test_what_cannot_be_told_is_neither_clean_nor_damage(desk, tmp_path):
    desk("run", "--run-id", "mother", "agent.py", "3")
    desk("fork", "--at", "1", "--text", "other", "mother")
    with TapeStore.open(tmp_path / "runs.db") as store:
        store.backend.delete("mother")

    assert "its parent 'mother' is not in this store" in desk("check", code=2).stdout
    assert "no store" in desk("check", "--store", "nowhere.db", code=2).stderr


@pytest.mark.slow
def test_a_run_beyond_the_limits_is_read_by_who_says_so(desk, tmp_path):
    crowd = (("x", ""),) * (DEFAULT.headers + 1)
    tape = Tape((Exchange(Request("GET", "u"), Response(200, crowd)),), run_id="large", outcome=RETURNED)
    with TapeStore.open(tmp_path / "runs.db") as store, pytest.warns(RuntimeWarning, match="10,001 headers"):
        store.save(tape)

    assert "tracefork --no-limits" in desk("check", code=2).stdout
    assert "TooLarge" in desk("show", "large", "--json", code=2).stdout
    assert "0 findings" in desk("--no-limits", "check").stdout
    desk("--no-limits", "export", "large", "large.tape")
    assert "10,001 headers" in desk("import", "large.tape", "--store", "other.db", code=1).stderr
    desk("--no-limits", "import", "large.tape", "--store", "other.db")
    assert "the same: 1 exchange" in desk("--no-limits", "diff", "large", "large.tape").stdout


@pytest.mark.slow
def test_a_run_travels_as_a_file(desk, tmp_path):
    desk("run", "--run-id", "mother", "agent.py", "3")
    desk("fork", "--at", "1", "--text", "other", "mother")
    desk("export", "last", "branch.tape")
    assert "there already" in desk("export", "last", "branch.tape", code=2).stderr

    desk("import", "branch.tape", "--store", "other.db")
    (tmp_path / "no.tape").write_bytes(b"rubbish")
    failed = desk("import", "no.tape", "--store", "other.db", code=1)

    assert "no.tape" in failed.stderr
    here, there = (
        json.loads(desk("show", "last", "--json", *store).stdout) for store in ((), ("--store", "other.db"))
    )
    assert (there["digest"], there["parent"]) == (here["digest"], here["parent"])
    assert [step["mark"] for step in there["steps"]] == ["served", "new", "new"]
    assert [run["steps"][0]["served_from"] for run in (here, there)] == [0, None]
    assert [run["savings"] is None for run in (here, there)] == [False, True]
    assert "1 run read, 0 findings" in desk("check", "--store", "other.db").stdout


@pytest.mark.slow
def test_a_parent_is_deleted_with_its_branches_rebased(desk):
    desk("run", "--run-id", "mother", "agent.py", "3")
    desk("fork", "--at", "1", "--text", "other", "mother")

    assert "has branches" in desk("delete", "mother", code=2).stderr
    desk("delete", "mother", "--rebase")
    assert "0 findings" in desk("check").stdout


@pytest.mark.slow
def test_tidying_up_says_what_it_did(desk):
    desk("run", "agent.py", "2")

    assert desk("gc").stdout


@pytest.mark.slow
def test_a_sample_is_a_share(desk):
    desk("run", "agent.py", "1")

    assert "a share such as 5%" in desk("check", "--sample", "many", code=2).stderr


@pytest.mark.slow
def test_a_damaged_file_is_salvaged_and_a_deletion_wants_the_whole_name(desk, tmp_path):
    desk("run", "--run-id", "run10", "agent.py", "2")
    desk("export", "run10", "hurt.tape")
    data = bytearray((tmp_path / "hurt.tape").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "hurt.tape").write_bytes(data)

    assert "salvage" in desk("import", "hurt.tape", code=1).stderr
    saved = desk("salvage", "hurt.tape", "--file", "well.tape").stdout
    assert "2 exchanges, kept as well.tape" in saved
    assert "made again" in saved
    assert "name it whole: run10" in desk("delete", "run1", code=2).stderr
    assert "deleted run10" in desk("delete", "run10").stdout


def test_a_run_says_what_escaped(restless):
    said = restless("run", "restless.py", "--starts").stderr

    assert "escaped: process" in said


STREAMS = """
import os, httpx
from tracefork.providers import sse
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    asked = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    answer = client.post("/v1/messages", json=asked)
    import json
    deltas = [json.loads(event.data).get("delta", {}) for event in sse.events(answer.content)]
    print("".join(delta.get("text", "") for delta in deltas))
"""


@pytest.mark.slow
def test_a_fork_takes_a_whole_message_for_a_stream_and_refuses_what_is_none(desk, tmp_path):
    (tmp_path / "streams.py").write_text(STREAMS)
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "from a file"}]}
    (tmp_path / "whole.json").write_text(json.dumps(message))
    (tmp_path / "other.json").write_text('{"text": "x"}')
    (tmp_path / "words.txt").write_text("just words")
    desk("run", "--run-id", "one", "streams.py")

    assert desk("fork", "one", "--at", "0", "--body", "whole.json").stdout == "from a file\n"
    for file in ("other.json", "words.txt"):
        said = desk("fork", "one", "--at", "0", "--body", file, code=2).stderr
        assert "was asked for a stream" in said
        assert "use --text" in said


@pytest.mark.slow
def test_a_diff_is_a_line_a_place_and_tells_ids_apart_when_asked(desk):
    desk("run", "--run-id", "one", "agent.py", "3")
    desk("run", "--run-id", "two", "agent.py", "3")
    desk("fork", "one", "--at", "1", "--text", "changed", "--name", "other")
    forked = json.loads(desk("ls", "--json").stdout)[0]["run_id"]

    lines = desk("diff", "one", forked, code=1).stdout.splitlines()
    listed = json.loads(desk("diff", "one", forked, "--json", code=1).stdout)
    every = desk("diff", "one", forked, "--all", code=1).stdout.splitlines()

    assert [line.partition(":")[0] for line in lines] == [
        "step 1, response.content[0].text",
        "step 2, $.messages[0].content",
        "step 2, response.content[0].text",
        "Fork of one",
    ]
    assert lines[-1] == "Fork of one: answers: 1 from the tape, 2 new; no longer asked: 1 step of the tape"
    assert (listed["savings"]["served"], listed["savings"]["unasked"]) == (1, 1)
    assert "'re: re: hello' | 'changed'" in lines[0]
    assert [place["step"] for place in listed["differences"]] == [1, 2, 2]
    assert (listed["step"], listed["path"]) == (1, "response.content[0].text")
    assert len(every) > len(lines)
    assert any("response.id" in line for line in every)
    assert desk("diff", "one", "two").stdout.startswith("the same: 3 exchanges")
