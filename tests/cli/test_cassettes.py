"""Cassettes of other recorders on the command line: imported, shown, reported, verified, without secrets."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from testing.cassettes.recording import FILES

from tracefork import TapeStore
from tracefork.testing import cassettes

KEY = "sk-proj-" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY" * 2

CASSETTE = f"""
interactions:
- request:
    body: '{{"q": "1"}}'
    headers: {{Authorization: [Bearer {KEY}], content-type: [application/json]}}
    method: POST
    uri: http://127.0.0.1:9/ask
  response:
    body: {{string: '{{"a": "2", "key": "{KEY}"}}'}}
    headers: {{content-encoding: [gzip], content-type: [application/json]}}
    status: {{code: 200, message: OK}}
version: 1
"""

AGENT = """
import httpx
with httpx.Client() as client:
    asked = {"content": b'{"q": "1"}', "headers": {"content-type": "application/json"}}
    print(client.post("http://127.0.0.1:9/ask", **asked).json()["a"])
"""


@pytest.fixture
def desk(tmp_path, command_line):
    (tmp_path / "one.yaml").write_text(CASSETTE)
    (tmp_path / "agent.py").write_text(AGENT)

    def tracefork(*words, code=0):
        done = command_line(words, tmp_path, dict(os.environ))
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return tracefork


def test_cassettes_are_imported_as_runs_called_as_their_files(desk, tmp_path):
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "one.yaml", tmp_path / "folder" / "one.yaml")
    shutil.copy(FILES / "chromium.har", tmp_path)
    shutil.copy(FILES / "betamax-bytes.json", tmp_path / "bytes.json")

    done = desk("import", "one.yaml", "folder/one.yaml", "chromium.har", "bytes.json")

    assert done.stdout.split() == ["one", "one-2", "chromium", "bytes"]
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert len(store.load("chromium")) == len(cassettes.read(FILES / "chromium.har"))
        assert store.load("one-2").run_id == "one-2"
        assert store.load("bytes").cassette.format == "betamax"


@pytest.mark.slow
def test_secrets_are_taken_out_of_what_is_imported_and_it_is_said(desk, tmp_path):
    done = desk("import", "one.yaml", "--json")
    told = json.loads(done.stdout)

    assert told["runs"] == ["one"]
    assert sum(told["taken_out"].values()) == 1
    assert KEY.encode() not in (tmp_path / "runs.db").read_bytes()
    with TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("one")
    assert KEY not in repr(tape[0].request.headers)
    assert KEY.encode() not in tape[0].response.body
    assert tape.redacted
    desk("import", "one.yaml")
    assert KEY in (tmp_path / "one.yaml").read_text()
    assert "1 secret taken out of cassettes" in desk("import", "one.yaml").stderr


@pytest.mark.slow
def test_a_cassette_stands_where_a_run_does(desk, tmp_path):
    shown = desk("show", "one.yaml").stdout
    assert "from a cassette of vcrpy, version 1; not kept there: chunks, timing" in shown
    assert "the content-encoding of bodies (1)" in shown
    summary = json.loads(desk("show", "one.yaml", "--json").stdout)
    assert summary["cassette"]["format"] == "vcrpy"
    full = desk("show", "one.yaml", "--step", "0").stdout
    assert '"a": "2"' in full
    assert KEY not in full

    assert "the same: 1 exchange" in desk("diff", "one.yaml", "one.yaml").stdout
    other = (tmp_path / "one.yaml").read_text().replace('"a": "2"', '"a": "3"')
    (tmp_path / "other.yml").write_text(other)
    desk("diff", "one.yaml", "other.yml", code=1)

    desk("report", "one.yaml", "--output", "one.html")
    assert KEY not in (tmp_path / "one.html").read_text()
    desk("export", "one.yaml", "one.tape")
    assert KEY.encode() not in (tmp_path / "one.tape").read_bytes()


@pytest.mark.slow
def test_an_agent_is_verified_against_a_cassette(desk, tmp_path):
    desk("verify", "one.yaml", "agent.py")
    (tmp_path / "agent.py").write_text(AGENT.replace('"q": "1"', '"q": "9"'))

    assert "$.q" in desk("verify", "one.yaml", "agent.py", code=1).stdout


def test_what_cannot_be_imported_is_named_and_the_others_are_kept(desk, tmp_path):
    (tmp_path / "evil.yaml").write_text("a: !!python/object/apply:os.system [touch ran]")
    (tmp_path / "cut.har").write_text('{"log": {"entries": [')
    done = desk("import", "evil.yaml", "one.yaml", "cut.har", "none.yml", code=1)

    assert done.stdout.split() == ["one"]
    for name in ("evil.yaml, line 1: it asks for an object", "cut.har, line 1: it is no JSON", "none.yml"):
        assert name in done.stderr
    assert not (tmp_path / "ran").exists()
    assert "it asks for an object" in desk("show", "evil.yaml", code=2).stderr


@pytest.mark.slow
def test_a_cassette_is_kept_under_the_name_that_is_given(desk):
    assert desk("import", "one.yaml", "--run-id", "mine").stdout.split() == ["mine"]
    assert "mine" in desk("import", "one.yaml", "--run-id", "mine", code=1).stderr
